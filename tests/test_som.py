"""Maps against plain loops and MiniSom, in scikit-learn's manner, on odd and bad input."""

from __future__ import annotations

import pickle
import random
import tracemalloc
from itertools import product

import minisom
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch.overrides import TorchFunctionMode

from companion.som import SelfOrganizingMap, quantization_error, topographic_error

METHODS = ("batch", "online")
GRIDS = [  # grid, toroidal, rows, columns
    ("rectangular", False, 4, 5),
    ("rectangular", True, 5, 4),
    ("rectangular", True, 1, 5),
    ("hexagonal", False, 5, 4),
    ("hexagonal", False, 4, 1),
    ("hexagonal", True, 4, 5),
    ("hexagonal", True, 6, 3),
]
SIGMA, RATE, EPOCHS = (2.0, 0.6), (0.5, 0.1), 4


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("COMPANION_QUIET", "1")
    monkeypatch.delenv("COMPANION_SEED", raising=False)


def data(samples=40, features=3, seed=0):
    return np.random.default_rng(seed).random((samples, features))


def first_weights(rows, columns, features=3):
    return np.random.default_rng(9).random((rows, columns, features))


def a_map(rows=3, columns=4, **settings):
    """A small map whose first weights are the same whatever data come first."""
    settings = {"epochs": EPOCHS, "sigma": SIGMA, "rate": RATE, **settings}
    return SelfOrganizingMap(rows, columns, **settings)


def numbers(values):
    return values.numpy() if isinstance(values, torch.Tensor) else values


# The rules, written unit by unit.


def distance(a, b, grid, toroidal, rows, columns):
    """How far two places lie apart: in the plane, or to the nearest copy on a torus."""
    turns = (-1, 0, 1) if toroidal else (0,)
    hexagonal = grid == "hexagonal"

    def point(row, column):
        return np.array([row * np.sqrt(0.75), column + row % 2 / 2]) if hexagonal else (row, column)

    return min(
        np.hypot(*np.subtract(point(*a), point(b[0] + i * rows, b[1] + j * columns)))
        for i, j in product(turns, turns)
    )


def neighbourhoods(sigma, grid, toroidal, rows, columns):
    """h of every pair of units, (K, K)."""
    units = list(product(range(rows), range(columns)))
    return np.array(
        [
            [np.exp(-(distance(a, b, grid, toroidal, rows, columns) ** 2) / 2 / sigma**2)]
            for a in units
            for b in units
        ]
    ).reshape(len(units), len(units))


def best_unit(x, w):
    return int(np.argmin([np.sum((x - unit) ** 2) for unit in w]))


def schedule(pair, epoch):
    return pair[0] * (pair[1] / pair[0]) ** (epoch / (EPOCHS - 1))


def learn_by_loops(method, X, w, net):
    shape, w = w.shape, w.reshape(-1, w.shape[2]).copy()
    for epoch in range(EPOCHS):
        h, rate = neighbourhoods(schedule(SIGMA, epoch), *net), schedule(RATE, epoch)
        if method == "online":
            for x in X:
                b = best_unit(x, w)
                for i in range(len(w)):
                    w[i] = w[i] + rate * h[b, i] * (x - w[i])
        else:
            bests = [best_unit(x, w) for x in X]
            for i in range(len(w)):
                above = sum(h[b, i] * x for b, x in zip(bests, X, strict=True))
                w[i] = above / sum(h[b, i] for b in bests)
    return w.reshape(shape)


@pytest.mark.parametrize("net", GRIDS)
@pytest.mark.parametrize("method", METHODS)
def test_a_map_equals_its_rule_written_unit_by_unit(method, net):
    grid, toroidal, rows, columns = net
    X, w = data(), first_weights(rows, columns)
    som = a_map(
        rows, columns, method=method, grid=grid, toroidal=toroidal, initial=w, shuffle=False
    ).fit(X)
    np.testing.assert_allclose(som.weights_, learn_by_loops(method, X, w, net), rtol=1e-9)


@pytest.mark.parametrize("net", GRIDS)
def test_the_u_matrix_is_the_mean_distance_to_the_units_beside(net):
    grid, toroidal, rows, columns = net
    w = first_weights(rows, columns)
    som = a_map(rows, columns, grid=grid, toroidal=toroidal, initial=w, epochs=0).fit(data())
    units = list(product(range(rows), range(columns)))
    for a in units:
        beside = [b for b in units if 0 < distance(a, b, *net) < 1.5]
        far = np.mean([np.linalg.norm(w[a] - w[b]) for b in beside])
        assert som.u_matrix()[a] == pytest.approx(far)


@pytest.mark.parametrize("net", GRIDS)
def test_the_topographic_error_counts_samples_whose_two_best_units_stand_apart(net):
    grid, toroidal, rows, columns = net
    X, w = data(200), first_weights(rows, columns)
    som = a_map(rows, columns, grid=grid, toroidal=toroidal, initial=w, epochs=0).fit(X)
    units = list(product(range(rows), range(columns)))
    wrong = 0
    for x in X:
        a, b = np.argsort([np.sum((x - w[unit]) ** 2) for unit in units])[:2]
        wrong += distance(units[a], units[b], *net) > 1.5
    assert topographic_error(som, X) == pytest.approx(wrong / len(X))


def test_the_quantization_error_is_the_mean_distance_to_the_best_unit():
    X, w = data(), first_weights(3, 4)
    som = a_map(initial=w, epochs=0).fit(X)
    far = [min(np.linalg.norm(x - unit) for unit in w.reshape(-1, 3)) for x in X]
    assert quantization_error(som, X) == pytest.approx(np.mean(far))


def test_a_row_on_a_torus_closes_to_a_ring():
    som = a_map(1, 5, toroidal=True, initial=np.arange(5.0).reshape(1, 5, 1), epochs=0)
    som.fit([[0.0]])
    np.testing.assert_allclose(som.u_matrix(), [[2.5, 1, 1, 1, 2.5]])


@pytest.mark.parametrize("size", [(1, 1), (4, 3)])
def test_a_very_wide_neighbourhood_gives_every_unit_the_mean(size):
    X = data()
    som = a_map(*size, sigma=(1e300, 1e300)).fit(X)
    np.testing.assert_allclose(som.weights_, np.broadcast_to(X.mean(0), (*size, 3)))


@pytest.mark.parametrize("sigma", [0.01, 1e-300])
def test_a_very_narrow_neighbourhood_gives_means_of_a_units_own_samples(sigma):
    X, w = data(), first_weights(3, 4)
    som = a_map(epochs=1, sigma=(sigma, sigma), initial=w).fit(X)
    bests = np.array([best_unit(x, w.reshape(-1, 3)) for x in X])
    for i, unit in enumerate(som.weights_.reshape(-1, 3)):
        own = X[bests == i]
        np.testing.assert_allclose(unit, own.mean(0) if len(own) else w.reshape(-1, 3)[i])


def test_a_unit_that_no_sample_reaches_keeps_its_weights():
    w = np.array([[[0.0]] * 59 + [[9.0]]]).reshape(1, 60, 1)
    w[0, 1:59] = 5.0
    som = a_map(1, 60, epochs=1, sigma=(0.5, 0.5), initial=w).fit([[0.0], [0.2]])
    assert som.weights_[0, -1] == 9.0
    np.testing.assert_allclose(som.weights_[0, :18], 0.1)  # h is 1e-250 there, but not 0


# MiniSom.


def mini(w, X, *, hexagonal=False):
    """MiniSom with the same weights and schedule; it counts the columns of hexagons first."""
    w = w.transpose(1, 0, 2) if hexagonal else w
    som = minisom.MiniSom(
        *w.shape,
        sigma=SIGMA[0],
        learning_rate=RATE[0],
        topology="hexagonal" if hexagonal else "rectangular",
        decay_function=lambda first, t, _: schedule(RATE, t),
    )
    som._sigma_decay_function = lambda first, t, _: schedule(SIGMA, t)  # only names are accepted
    som._weights = w.copy()
    return som


def back(values, hexagonal):
    return values.swapaxes(0, 1) if hexagonal else values


@pytest.mark.parametrize("hexagonal", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_a_map_and_its_measures_equal_minisom(method, hexagonal):
    # Of an even number of hexagonal rows MiniSom shifts the even ones for h, the odd ones for
    # its distance map; of an odd number the odd ones, as here.
    X, w = data(), first_weights(5, 4)
    theirs = mini(w, X, hexagonal=hexagonal)
    if method == "online":
        theirs.train(X, EPOCHS, random_order=False, use_epochs=True)
    else:
        theirs._learning_rate_decay_function = lambda *_: 1.0  # new weights instead of a blend
        theirs.train_batch_offline(X, EPOCHS)
    grid = "hexagonal" if hexagonal else "rectangular"
    som = a_map(5, 4, method=method, grid=grid, initial=w, shuffle=False).fit(X)
    np.testing.assert_allclose(som.weights_, back(theirs.get_weights(), hexagonal), rtol=1e-9)
    winners = [theirs.winner(x)[:: -1 if hexagonal else 1] for x in X]
    np.testing.assert_array_equal(som.transform(X), winners)
    np.testing.assert_array_equal(som.hits(X), back(theirs.activation_response(X), hexagonal))
    assert quantization_error(som, X) == pytest.approx(theirs.quantization_error(X))
    assert topographic_error(som, X) == pytest.approx(theirs.topographic_error(X))
    walls = back(theirs.distance_map(scaling="mean"), hexagonal)
    np.testing.assert_allclose(som.u_matrix() / som.u_matrix().max(), walls)


# What a map is for.


@pytest.mark.parametrize("toroidal", [False, True])
@pytest.mark.parametrize("grid", ["rectangular", "hexagonal"])
@pytest.mark.parametrize("method", METHODS)
def test_neighbours_on_the_map_are_neighbours_in_the_data(method, grid, toroidal):
    X = data(250, 2)
    if toroidal:  # a torus in four dimensions
        X = np.concatenate([np.cos(2 * np.pi * X), np.sin(2 * np.pi * X)], axis=1)
    settings = {"method": method, "grid": grid, "toroidal": toroidal, "initial": "samples"}
    som = SelfOrganizingMap(6, 6, **settings).fit(X)
    random_places = SelfOrganizingMap(6, 6, epochs=0, **settings).fit(X)
    assert topographic_error(random_places, X) > 0.5
    assert topographic_error(som, X) < 0.25


@pytest.mark.parametrize(("rows", "columns"), [(5, 9), (9, 5)])
def test_the_first_plane_lies_along_the_main_directions_the_longer_side_first(rows, columns):
    X = np.random.default_rng(0).normal(size=(500, 3)) * (0.1, 5, 1) + (7, 8, 9)
    w = SelfOrganizingMap(rows, columns, epochs=0).fit(X).weights_
    long, short = (w, w.swapaxes(0, 1)) if columns > rows else (w.swapaxes(0, 1), w)
    np.testing.assert_allclose(np.ptp(long[0], axis=0), (0, 20, 0), atol=1)
    np.testing.assert_allclose(np.ptp(short[0], axis=0), (0, 0, 4), atol=1)
    np.testing.assert_allclose(w.mean((0, 1)), X.mean(0))


def test_first_weights_from_samples_are_different_samples():
    X = data(40)
    w = a_map(epochs=0, initial="samples").fit(X).weights_.reshape(-1, 3)
    assert len({tuple(unit) for unit in w} & {tuple(x) for x in X}) == 12


def test_without_epochs_the_first_weights_stay():
    w = first_weights(3, 4)
    np.testing.assert_array_equal(a_map(epochs=0, initial=w).fit(data()).weights_, w)


@pytest.mark.parametrize("method", METHODS)
def test_given_first_weights_are_not_written_to(method):
    w = first_weights(3, 4)
    a_map(initial=w, method=method).fit(data())
    np.testing.assert_array_equal(w, first_weights(3, 4))


def test_a_map_of_one_unit_has_no_walls_and_no_topographic_error():
    som = SelfOrganizingMap(1, 1).fit(data())
    assert som.u_matrix() == [[0]]
    with pytest.raises(ValueError, match="at least 2 units, got 1"):
        topographic_error(som, data())


# Parts.


@pytest.mark.parametrize("method", METHODS)
def test_parts_of_one_epoch_count_as_if_they_had_come_at_once(method):
    X, settings = data(), {"method": method, "initial": first_weights(3, 4), "shuffle": False}
    whole, parts = a_map(**settings).fit(X), a_map(**settings)
    for epoch in range(EPOCHS):
        for part in np.array_split(X, (7, 8, 30)):
            parts.partial_fit(part, epoch=epoch)
    np.testing.assert_allclose(parts.weights_, whole.weights_, rtol=1e-9)
    assert parts.n_epochs_ == whole.n_epochs_ == EPOCHS


@pytest.mark.parametrize("method", METHODS)
def test_parts_without_an_epoch_are_an_epoch_each(method):
    X, settings = data(), {"method": method, "initial": first_weights(3, 4)}
    whole, parts = a_map(**settings).fit(X), a_map(**settings)
    for _ in range(EPOCHS):
        parts.partial_fit(X)
    np.testing.assert_array_equal(parts.weights_, whole.weights_)


@pytest.mark.parametrize("begun", [1, np.int64(3)])
def test_a_part_without_an_epoch_follows_the_epoch_before(begun):
    X, settings = data(), {"initial": first_weights(3, 4)}
    told, untold = (a_map(**settings).partial_fit(X, epoch=begun) for _ in range(2))
    told.partial_fit(X[:9], epoch=begun + 1)
    untold.partial_fit(X[:9])
    np.testing.assert_array_equal(told.weights_, untold.weights_)
    assert untold.n_epochs_ == 2


def test_after_the_last_epoch_the_neighbourhood_stays_as_it_is():
    X, settings = data(), {"initial": first_weights(3, 4)}
    last, later = (a_map(**settings).partial_fit(X, epoch=e) for e in (EPOCHS - 1, 100))
    np.testing.assert_array_equal(last.weights_, later.weights_)


def test_weights_taken_before_a_part_stay_as_they_were():
    som = a_map().fit(data())
    taken, before = som.weights_, som.weights_.copy()
    som.partial_fit(data(seed=1))
    np.testing.assert_array_equal(taken, before)
    assert (som.weights_ != before).any()


@pytest.mark.parametrize(("one", "other"), [METHODS, METHODS[::-1]])
def test_the_rule_may_change_within_an_epoch(one, other):
    X, w = data(), first_weights(3, 4)
    som = a_map(initial=w, method=one, shuffle=False).partial_fit(X, epoch=0)
    fresh = a_map(initial=som.weights_, method=other, shuffle=False)
    som.set_params(method=other).partial_fit(X, epoch=0)
    np.testing.assert_allclose(som.weights_, fresh.partial_fit(X, epoch=0).weights_)


def test_an_epoch_of_another_rule_begins_the_sums_anew():
    X, settings = data(), {"shuffle": False}
    som = a_map(initial=first_weights(3, 4), **settings).partial_fit(X[:5], epoch=0)
    som.set_params(method="online").partial_fit(X, epoch=1)
    fresh = a_map(initial=som.weights_, **settings).partial_fit(X, epoch=1)
    som.set_params(method="batch").partial_fit(X, epoch=1)
    np.testing.assert_allclose(som.weights_, fresh.weights_)


@pytest.mark.parametrize("method", METHODS)
def test_a_map_goes_on_learning_after_it_was_stored(method):
    X = data()
    som = a_map(method=method, seed=3, epochs=2).fit(X)
    stored = pickle.loads(pickle.dumps(som))
    np.testing.assert_array_equal(stored.transform(X), som.transform(X))
    for each in (som, stored):
        each.partial_fit(X[:10]).partial_fit(X[10:])
    np.testing.assert_array_equal(stored.weights_, som.weights_)


@pytest.mark.parametrize("method", METHODS)
def test_a_map_that_was_loaded_read_only_answers_and_learns(method):
    X = data()
    som, same = a_map(method=method).fit(X), a_map(method=method).fit(X)
    som.weights_.flags.writeable = False  # as joblib hands it to its workers
    np.testing.assert_array_equal(som.transform(X), same.transform(X))
    np.testing.assert_array_equal(som.u_matrix(), same.u_matrix())
    np.testing.assert_array_equal(som.partial_fit(X).weights_, same.partial_fit(X).weights_)


# Kinds of input.

KINDS = {  # name: how to make it of an array, what the weights then are
    "float64": (lambda X: X, np.float64),
    "float32": (lambda X: X.astype(np.float32), np.float32),
    "float16": (lambda X: X.astype(np.float16), np.float64),
    "integers": (lambda X: (X * 99).astype(int), np.float64),
    "truth values": (lambda X: X > 0.5, np.float64),
    "lists": (lambda X: X.tolist(), np.float64),
    "objects": (lambda X: X.astype(object), np.float64),
    "big-endian": (lambda X: X.astype(">f8"), np.float64),
    "columns first": (np.asfortranarray, np.float64),
    "every other": (lambda X: X.repeat(2, 0).repeat(2, 1)[::2, ::2], np.float64),
    "backwards": (lambda X: X[::-1, ::-1], np.float64),
    "a data frame": (lambda X: pd.DataFrame(X, columns=list("abc")), np.float64),
    "torch float64": (torch.tensor, torch.float64),
    "torch float32": (lambda X: torch.tensor(X).float(), torch.float32),
    "torch bfloat16": (lambda X: torch.tensor(X).bfloat16(), torch.float32),
    "torch integers": (lambda X: torch.tensor(X * 99).long(), torch.float32),
    "torch with a gradient": (lambda X: torch.tensor(X, requires_grad=True), torch.float64),
    "torch columns first": (lambda X: torch.tensor(X).T.contiguous().T, torch.float64),
    "torch every other": (lambda X: torch.tensor(X)[::2], torch.float64),
}


def plain(X):
    """The same numbers as a float64 array."""
    X = X.detach().double().numpy() if isinstance(X, torch.Tensor) else X
    return np.ascontiguousarray(X, dtype=float)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("method", METHODS)
def test_every_kind_of_numbers_gives_the_map_of_its_values_in_its_own_kind(method, name):
    make, kind = KINDS[name]
    X = make(data(60))
    som, known = a_map(method=method).fit(X), a_map(method=method).fit(plain(X))
    places = som.transform(X)
    family = torch.Tensor if isinstance(kind, torch.dtype) else np.ndarray
    assert isinstance(som.weights_, family)
    assert isinstance(places, family)
    assert isinstance(som.u_matrix(), family)
    assert som.weights_.dtype == kind
    assert str(places.dtype).endswith("int64")
    rough = str(kind).endswith("float32'>") or kind == torch.float32
    np.testing.assert_allclose(numbers(som.weights_), known.weights_, rtol=1e-4 if rough else 1e-12)
    np.testing.assert_array_equal(numbers(places), known.transform(plain(X)))


def test_a_map_answers_in_the_kind_that_it_is_asked_in():
    X = data()
    som = a_map().fit(torch.tensor(X).float())
    assert isinstance(som.transform(X), np.ndarray)
    np.testing.assert_array_equal(som.transform(X), som.transform(torch.tensor(X)).numpy())


class Largest(TorchFunctionMode):
    """Keeps the size in bytes of the largest buffer that a tensor has, the data's set aside."""

    def __init__(self, data):
        super().__init__()
        self.data, self.found = data.ctypes.data, 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            memory = result.untyped_storage()
            if memory.data_ptr() != self.data:
                self.found = max(self.found, memory.nbytes())
        return result


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_fit_reads_a_memory_map_and_never_holds_it(tmp_path, dtype):
    X = np.random.default_rng(0).random((300_000, 8), dtype=np.float32).astype(dtype)
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    som = a_map(10, 10, epochs=2)
    tracemalloc.start()
    with Largest(mapped) as largest:
        som.fit(mapped)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert largest.found < X.nbytes / 2  # a buffer, or the rows that the plane is laid through
    assert peak < 4e6
    np.testing.assert_array_equal(som.weights_, clone(som).fit(X).weights_)


@pytest.mark.parametrize(("samples", "limit"), [(1, 1e4), (20_000, 5e6)])
def test_buffers_are_small_for_one_sample_and_for_many_of_many_features(samples, limit):
    X = np.ones((samples, 300), dtype=np.float32)
    som = a_map(1, 1, initial=np.zeros((1, 1, 300))).fit(X)
    with Largest(X) as largest:
        som.transform(X)
    assert 0 < largest.found < limit


# In scikit-learn's manner.

EXPECTED = {"check_transformer_preserve_dtypes": "rows and columns are whole numbers"}


@parametrize_with_checks(
    [a_map(method=method, epochs=2) for method in METHODS],
    expected_failed_checks=lambda _: EXPECTED,
)
def test_a_map_keeps_the_rules_of_scikit_learn(estimator, check):
    check(estimator)


def test_a_copy_has_the_settings_and_not_what_was_learned():
    w = first_weights(3, 4)
    som = a_map(initial=w, grid="hexagonal", seed=5).fit(data())
    copied = clone(som)
    assert copied.get_params().keys() == som.get_params().keys()
    np.testing.assert_array_equal(copied.get_params().pop("initial"), w)
    assert not hasattr(copied, "weights_")
    np.testing.assert_array_equal(copied.fit(data()).weights_, som.weights_)


def test_a_map_works_at_the_end_of_a_pipeline():
    X = data() * (1, 100, 10_000)
    pipe = make_pipeline(StandardScaler(), a_map()).fit(X)
    scaled = StandardScaler().fit_transform(X)
    np.testing.assert_array_equal(pipe.transform(X), a_map().fit_transform(scaled))
    pipe.set_params(selforganizingmap__rows=5).fit(X)
    assert pipe[-1].weights_.shape == (5, 4, 3)


@pytest.mark.parametrize("grid", ["rectangular", "hexagonal"])
def test_new_settings_wait_for_the_next_fit(grid):
    X = data()
    som, same = a_map(grid=grid).fit(X), a_map(grid=grid).fit(X)
    som.set_params(rows=2, columns=9, grid="rectangular", toroidal=False)
    np.testing.assert_array_equal(som.transform(X), same.transform(X))
    np.testing.assert_array_equal(som.hits(X), same.hits(X))
    np.testing.assert_array_equal(som.u_matrix(), same.u_matrix())
    assert topographic_error(som, X) == topographic_error(same, X)
    np.testing.assert_array_equal(som.partial_fit(X).weights_, same.partial_fit(X).weights_)
    assert som.fit(X).weights_.shape == (2, 9, 3)


@pytest.mark.parametrize(
    ("samples", "epochs"),
    [(3, 500), (60, 100), (150, 40), (400, 20)],  # 500 steps for each of the twelve units
)
def test_of_few_samples_a_map_that_learns_online_takes_more_epochs(samples, epochs):
    som = a_map(epochs=None, method="online")
    assert som.fit(data(samples)).n_epochs_ == epochs
    assert a_map(epochs=3, method="online").fit(data(samples)).n_epochs_ == 3


def test_a_map_that_learns_by_batches_takes_twenty_epochs():
    X = data()
    np.testing.assert_array_equal(
        a_map(epochs=None).fit(X).weights_, a_map(epochs=20).fit(X).weights_
    )


@pytest.mark.parametrize("method", METHODS)
def test_parts_follow_a_schedule_of_twenty_epochs_if_nothing_else_is_said(method):
    one, other = (a_map(epochs=epochs, method=method) for epochs in (None, 20))
    for _ in range(3):
        one.partial_fit(data()), other.partial_fit(data())
    np.testing.assert_array_equal(one.weights_, other.weights_)


def test_on_small_data_a_map_that_learns_online_comes_near_the_batch_rule():
    X = scale(load_iris().data)
    batch, online = (SelfOrganizingMap(7, 7, method=method).fit(X) for method in METHODS)
    hasty = SelfOrganizingMap(7, 7, method="online", epochs=20).fit(X)
    near = quantization_error(batch, X)
    assert quantization_error(online, X) < 1.15 * near
    assert quantization_error(hasty, X) > 1.2 * near


def test_a_map_counts_the_epochs_it_has_begun():
    assert a_map().fit(data()).n_epochs_ == EPOCHS
    assert a_map(epochs=0).fit(data()).n_epochs_ == 0


@pytest.mark.parametrize(
    "use",
    [
        lambda som, X: som.transform(X),
        lambda som, X: som.hits(X),
        lambda som, X: som.u_matrix(),
        quantization_error,
        topographic_error,
    ],
)
def test_a_map_that_has_not_learned_says_so(use):
    with pytest.raises(NotFittedError, match="not fitted"):
        use(a_map(), data())


# Chance.


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_map(method):
    fits = [a_map(method=method, seed=4, initial="samples").fit(data()) for _ in range(2)]
    np.testing.assert_array_equal(fits[0].weights_, fits[1].weights_)


@pytest.mark.parametrize("settings", [{"initial": "samples", "epochs": 0}, {"method": "online"}])
def test_another_seed_gives_another_map(settings):
    one, other = (a_map(seed=seed, **settings).fit(data()).weights_ for seed in (0, 1))
    assert (one != other).any()


def test_the_seed_of_the_surroundings_shifts_every_seed(monkeypatch):
    late = a_map(seed=3002, method="online", initial="samples").fit(data())
    monkeypatch.setenv("COMPANION_SEED", "3")
    two = a_map(seed=2, method="online", initial="samples").fit(data())
    np.testing.assert_array_equal(late.weights_, two.weights_)


@pytest.mark.parametrize("method", METHODS)
def test_a_fit_leaves_the_chance_of_others_alone(method):
    def states():
        return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()

    before = states()
    a_map(method=method, initial="samples").fit(data()).partial_fit(data())
    assert states() == before


@pytest.mark.parametrize("shuffle", [True, False])
def test_the_order_of_samples_changes_with_each_epoch_only_if_shuffled(shuffle):
    som = a_map(1, 1, method="online", rate=(1, 1), shuffle=shuffle)  # takes each sample's place
    X = np.arange(20.0).reshape(-1, 1)
    last = {float(som.partial_fit(X).weights_.item()) for _ in range(8)}
    assert len(last) > 1 if shuffle else last == {19.0}


# Numbers that are hard to hold.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("units", [2, 3, 7, 17, 33, 64])
def test_of_equal_units_the_first_is_the_best(units, dtype):
    rng = np.random.default_rng(0)
    for features in (1, 5, 17, 64):
        w = np.tile(rng.normal(size=features), (1, units, 1))
        X = rng.normal(size=(33, features)).astype(dtype)
        som = a_map(1, units, epochs=0, initial=w).fit(X)
        assert not som.transform(X).any()
        one_by_one = np.concatenate([som.transform(x[None]) for x in X])
        assert not one_by_one.any()


def test_zero_and_minus_zero_are_equal():
    w, X = np.tile(first_weights(1, 1, 17), (1, 33, 1)), data(33, 17)
    w[0, :, 0] = X[:, 0] = 0.0
    w[0, -1, 0] = -0.0
    assert not a_map(1, 33, epochs=0, initial=w).fit(X).transform(X).any()


def test_the_batch_rule_gives_samples_to_the_first_of_equal_units():
    w = np.tile(first_weights(1, 1, 5), (1, 17, 1))
    som = a_map(1, 17, epochs=1, sigma=(0.01, 0.01), initial=w).fit(data(33, 5))
    assert (som.weights_[0, 1:] == w[0, 1:]).all()
    np.testing.assert_allclose(som.weights_[0, 0], data(33, 5).mean(0))


def test_far_from_zero_the_best_units_are_still_found_in_float32():
    X = (10_000 + data(300, 5)).astype(np.float32)
    som = SelfOrganizingMap(8, 8).fit(X)
    gaps = X[:, None].astype(float) - som.weights_.reshape(-1, 5)
    far = np.linalg.norm(gaps, axis=2)
    chosen = far[np.arange(300), np.ravel_multi_index(som.transform(X).T, (8, 8))]
    assert (chosen - far.min(1)).max() < 1e-3
    assert quantization_error(som, X) == pytest.approx(far.min(1).mean(), rel=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_far_from_zero_a_map_learns_as_well_as_near_it(method):
    X = data(300, 2)
    near = SelfOrganizingMap(6, 6, method=method).fit(X)
    moved = (X + 10_000).astype(np.float32)
    far = SelfOrganizingMap(6, 6, method=method).fit(moved)
    assert quantization_error(far, moved) == pytest.approx(quantization_error(near, X), rel=0.05)


def test_the_mean_of_a_million_samples_does_not_drift_in_float32():
    X = np.full((1_000_000, 1), 0.1, dtype=np.float32)
    X[900_000:] = -0.9
    som = a_map(1, 2, epochs=1, sigma=(0.01, 0.01), initial=[[[0.1], [-0.9]]]).fit(X)
    np.testing.assert_allclose(som.weights_.ravel(), (0.1, -0.9), rtol=1e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0.0, 1.0, 1e-200, 1e30, -1e300])
def test_constant_data_give_units_that_are_all_alike(value, method):
    X = np.full((5, 3), value)
    som = a_map(method=method).fit(X)
    np.testing.assert_allclose(som.weights_, np.full((3, 4, 3), value), rtol=1e-12)
    assert quantization_error(som, X) <= 1e-12 * abs(value)


@pytest.mark.parametrize("initial", ["plane", "samples"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("samples", [1, 2, 5])
def test_there_may_be_more_units_than_samples(samples, method, initial):
    X = data(samples)
    som = SelfOrganizingMap(4, 5, method=method, initial=initial).fit(X)
    assert np.isfinite(som.weights_).all()
    assert quantization_error(som, X) < 0.5
    assert som.hits(X).sum() == samples


@pytest.mark.parametrize("features", [1, 2])
@pytest.mark.parametrize("size", [(1, 7), (7, 1), (3, 3), (1, 1)])
def test_few_features_and_narrow_maps_are_fine(size, features):
    X = data(50, features)
    som = SelfOrganizingMap(*size).fit(X)
    assert som.weights_.shape == (*size, features)
    spread = np.linalg.norm(X - X.mean(0), axis=1).mean()
    assert quantization_error(som, X) < spread * (0.7 if max(size) > 1 else 1.001)


def test_large_numbers_that_can_be_squared_are_fine():
    for X in (data() * 1e150, (data() * 1e15).astype(np.float32)):
        som = a_map().fit(X)
        far = quantization_error(som, X) / X.max()
        assert far == pytest.approx(quantization_error(a_map().fit(data()), data()), rel=0.01)


# What is refused.

BAD_SETTINGS = [
    *[({name: value}, f"{name} must be a whole number, 1 or more, got")
      for name in ("rows", "columns") for value in (0, -1, 2.5, True, "3", None, np.float64(3))],
    *[({name: value}, f"{name} must be a whole number, 0 or more, got")
      for name in ("epochs", "seed") for value in (-1, 2.5, True, "3")],
    ({"seed": None}, "seed must be a whole number, 0 or more, got None"),
    *[({"sigma": value}, r"sigma must be \(first, last\), above 0, finite, got")
      for value in ((0, 1), (1, 0), (-1, 1), (np.nan, 1), (1, np.inf), (1, 2, 3), (1,), 3.0,
                    "ab", ("a", "b"), (None, 1), (1j, 1), (True, True))],
    *[({"rate": value}, r"rate must be \(first, last\), above 0, at most 1, got")
      for value in ((0, 1), (0.5, 1.5), (0.5, np.nan), 0.5, None, "ab", (0.1, 0.2, 0.3))],
    *[({"method": value}, "method must be batch or online, got") for value in ("both", None, 3)],
    *[({"grid": value}, "grid must be rectangular or hexagonal") for value in ("round", None, 3)],
    *[({name: value}, f"{name} must be True or False, got")
      for name in ("toroidal", "shuffle") for value in ("no", None, 2)],
    ({"initial": "random"}, "initial must be plane, samples or an array, got 'random'"),
    *[({"initial": value}, r"initial must be numbers of shape \(3, 4, 3\), got")
      for value in (None, 3, np.zeros((4, 3, 3)), np.zeros((12, 3)),
                    np.zeros((3, 4, 3), object), np.zeros((3, 4, 3), complex),
                    np.full((3, 4, 3), "a"))],
    *[({"initial": np.full((3, 4, 3), value)}, "initial must be finite and within")
      for value in (np.nan, np.inf, 1e300)],
    ({"rows": 2, "toroidal": True}, "rows of a toroidal map must be 1 or at least 3, got 2"),
    ({"columns": 2, "toroidal": True}, "columns of a toroidal map must be 1 or at least 3, got 2"),
    ({"grid": "hexagonal", "toroidal": True}, "hexagonal map must be even, got 3"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "message"), BAD_SETTINGS)
def test_a_setting_out_of_its_range_is_refused_by_name(settings, message):
    for learn in ("fit", "partial_fit"):
        with pytest.raises((TypeError, ValueError), match=message):
            getattr(a_map(**settings), learn)(data())


@pytest.mark.parametrize(
    "settings",
    [
        {"rows": np.int64(3), "columns": np.int8(4), "epochs": np.int32(4), "seed": np.uint8(0)},
        {"sigma": list(SIGMA), "rate": np.array(RATE)},
        {"sigma": np.array(SIGMA), "rate": torch.tensor(RATE, dtype=torch.float64)},
        {"toroidal": np.bool_(False), "shuffle": np.bool_(True)},
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_settings_may_be_numbers_of_numpy(method, settings):
    X = data()
    np.testing.assert_array_equal(
        a_map(method=method, **settings).fit(X).weights_, a_map(method=method).fit(X).weights_
    )


@pytest.mark.parametrize("epoch", [-1, "1", 2.5, True, np.nan])
def test_an_epoch_that_is_no_whole_number_is_refused(epoch):
    som = a_map().fit(data())
    with pytest.raises((TypeError, ValueError), match="epoch must be a whole number, 0 or more"):
        som.partial_fit(data(), epoch=epoch)
    assert som.n_epochs_ == EPOCHS


def spoiled(value, kind=np.array):
    X = data(9000, 3)
    X[8000, 2] = value
    return kind(X)


BAD_DATA = {
    "not a number": (spoiled(np.nan), ValueError, "NaN"),
    "infinite": (spoiled(-np.inf), ValueError, "infinity"),
    "not a number in torch": (spoiled(np.nan, torch.tensor), ValueError, "X must be .* got nan"),
    "infinite in torch": (spoiled(np.inf, torch.tensor), ValueError, "X must be .* got"),
    "too large in torch": (spoiled(1e200, torch.tensor), ValueError, r"X must be .* got \d.*e\+"),
    "too large": (spoiled(1e200), ValueError, r"X must be finite and within .* got \d.*e\+"),
    "one sample as a vector": (data()[0], ValueError, "Expected 2D array, got 1D"),
    "a vector of torch": (torch.ones(3), ValueError, "Expected 2D array, got 1D"),
    "a number": (3.0, ValueError, "Expected 2D array, got scalar"),
    "a number of torch": (torch.tensor(3.0), ValueError, "Expected 2D array, got 1D"),
    "three dimensions": (data()[None], ValueError, "dim 3"),
    "no samples": (data()[:0], ValueError, "0 sample"),
    "no samples of torch": (torch.ones(0, 3), ValueError, "0 sample"),
    "no features": (data()[:, :0], ValueError, "0 feature"),
    "no features of torch": (torch.ones(3, 0), ValueError, "0 feature"),
    "rows of different lengths": ([[1.0, 2.0, 3.0], [1.0]], ValueError, "inhomogeneous"),
    "words": ([["a", "b", "c"]], ValueError, "could not convert string"),
    "things": ([[{}, {}, {}]], TypeError, "dict"),
    "complex": (data().astype(complex), ValueError, "Complex data not supported"),
    "complex in torch": (
        torch.ones(2, 3, dtype=torch.complex64), TypeError, "dense tensor of real numbers, got .*64"
    ),
    "sparse": (scipy.sparse.csr_matrix(data()), TypeError, "[Ss]parse"),
    "sparse in torch": (torch.eye(3).to_sparse(), TypeError, "dense tensor .*sparse_coo"),
    "nothing": (None, ValueError, "Expected 2D array"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data_are_refused_and_the_map_stays_as_it_was(name):
    X, error, message = BAD_DATA[name]
    fresh, som, same = a_map(), a_map().fit(data()), a_map().fit(data())
    for act in (fresh.fit, fresh.partial_fit, som.fit, som.partial_fit, som.transform, som.hits):
        with pytest.raises(error, match=message):
            act(X)
    assert not hasattr(fresh, "weights_")
    np.testing.assert_array_equal(
        som.partial_fit(data()).weights_, same.partial_fit(data()).weights_
    )


@pytest.mark.parametrize("settings", [{"rows": 0}, {"initial": "x"}, {"grid": "x"}, {"rate": 1}])
def test_a_fit_with_a_bad_setting_leaves_the_map_that_was_there(settings):
    som, same = a_map().fit(data()), a_map().fit(data())
    with pytest.raises(ValueError, match="must be"):
        som.set_params(**settings).fit(data(50, 5))
    np.testing.assert_array_equal(som.weights_, same.weights_)
    np.testing.assert_array_equal(som.transform(data()), same.transform(data()))


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_other_features_than_learned_are_refused(kind):
    som = a_map().fit(data())
    for act in (som.transform, som.partial_fit, lambda X: quantization_error(som, X)):
        with pytest.raises(ValueError, match=r"X has 2 features, but .* expecting 3"):
            act(kind(data(5, 2)))


def test_columns_with_other_names_are_refused():
    som = a_map().fit(pd.DataFrame(data(), columns=list("abc")))
    with pytest.raises(ValueError, match="feature names"):
        som.transform(pd.DataFrame(data(), columns=list("abd")))


def test_what_float32_cannot_square_is_refused():
    with pytest.raises(ValueError, match=r"X must be finite and within 1.* of the mean of X, got"):
        a_map().fit(np.array([[1e30, 1, 2], [1, 1, 1]], dtype=np.float32))


def test_a_map_of_float32_refuses_numbers_that_are_too_large_for_it():
    som = a_map().fit(data().astype(np.float32))
    with pytest.raises(ValueError, match=r"X must be finite and within 1.* of the mean of X, got"):
        som.transform(np.full((1, 3), 1e30))
