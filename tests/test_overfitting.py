"""The remedies equal their twins in torch, Keras and scikit-learn, and refuse what is no sense."""

from __future__ import annotations

import random

import keras
import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso
from sklearn.model_selection import KFold
from torch import nn

from companion.overfitting import (
    Adam,
    Batches,
    Dropout,
    EarlyStopping,
    ProximalL1,
    Reader,
    VariationalDropout,
    encode,
    k_fold,
    learn,
    log_uniform,
    measure,
    nested,
    random_deletion,
    random_insertion,
    random_swap,
    soft_threshold,
    synonym_replacement,
    thesaurus,
)
from companion.runtime import seeded
from companion.text import Vocabulary
from companion.training import History
from tests._close import assert_close

WORDS = {"dull": ["tedious", "leaden"], "plot": ["story"]}
SENTENCE = [
    "the",
    "dull",
    "plot",
    "is",
    "not",
    "dull",
    "at",
    "all",
    ",",
    "and",
    "the",
    "plot",
    "turns",
]
CHANGES = {
    "synonyms": lambda t, g, rate=0.3: synonym_replacement(
        t, rate=rate, synonyms=WORDS, generator=g
    ),
    "insertion": lambda t, g, rate=0.3: random_insertion(t, rate=rate, synonyms=WORDS, generator=g),
    "swap": lambda t, g, rate=0.3: random_swap(t, rate=rate, generator=g),
    "deletion": lambda t, g, rate=0.3: random_deletion(t, rate=rate, generator=g),
}
GENERATORS = {
    "numpy": lambda: np.random.default_rng(0),
    "python": lambda: random.Random(0),
    "torch": lambda: torch.Generator().manual_seed(0),
}
all_changes = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


# Augmentation


@all_changes
@pytest.mark.parametrize("generator", GENERATORS.values(), ids=GENERATORS)
def test_a_change_leaves_its_input_and_repeats_itself(change, generator):
    given = list(SENTENCE)
    first, again = change(given, generator()), change(given, generator())
    assert given == SENTENCE
    assert first is not given
    assert first == again


@all_changes
@pytest.mark.parametrize(
    "tokens", [[], ["film"], ["dull"], ("dull", "plot"), ["фильм", "映画", "\r\n"]]
)
@pytest.mark.parametrize("rate", [0, 0.01, 0.5, 1])
def test_short_and_strange_texts_come_back_as_lists_of_words(change, tokens, rate):
    for seed in range(5):
        new = change(tokens, random.Random(seed), rate)
        assert type(new) is list
        assert bool(new) == bool(tokens)
        assert set(new) <= set(tokens) | {"tedious", "leaden", "story"}


@all_changes
def test_a_rate_of_0_changes_nothing(change):
    assert change(SENTENCE, random.Random(0), 0) == SENTENCE


@all_changes
@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan"), "0.1", True])
def test_a_rate_outside_0_to_1_is_refused(change, rate):
    with pytest.raises((TypeError, ValueError), match="rate must be"):
        change(SENTENCE, random.Random(0), rate)


@all_changes
def test_one_text_is_no_list_of_words(change):
    with pytest.raises(TypeError, match="tokens must be a list of words, got 'a dull plot'"):
        change("a dull plot", random.Random(0))


@all_changes
@pytest.mark.parametrize("generator", [None, 7])
def test_what_draws_nothing_is_no_generator(change, generator):
    with pytest.raises(TypeError, match="generator must draw"):
        change(SENTENCE, generator)


def test_synonyms_are_exchanged_as_often_as_asked_and_nowhere_twice():
    for seed in range(50):
        new = synonym_replacement(
            SENTENCE, rate=3 / 13, synonyms=WORDS, generator=random.Random(seed)
        )
        changed = [(a, b) for a, b in zip(SENTENCE, new, strict=True) if a != b]
        assert len(changed) == 3
        assert all(b in WORDS[a] for a, b in changed)


def test_each_synonym_and_each_place_is_as_likely():
    rng, counts = random.Random(0), {}
    for _ in range(6000):
        new = synonym_replacement(["dull", "dull"], rate=0.5, synonyms=WORDS, generator=rng)
        counts[tuple(new)] = counts.get(tuple(new), 0) + 1
    assert len(counts) == 4
    assert all(abs(n - 1500) < 150 for n in counts.values())


def test_a_swap_keeps_the_words_and_moves_two():
    words = [str(i) for i in range(10)]
    for seed in range(50):
        new = random_swap(words, rate=0.1, generator=random.Random(seed))
        assert sorted(new) == words
        assert sum(a != b for a, b in zip(words, new, strict=True)) == 2


def test_words_are_left_out_independently_with_the_rate():
    rng, words = np.random.default_rng(1), list(range(8))
    kept = np.zeros((8000, 8))
    for row in kept:
        row[random_deletion(words, rate=0.3, generator=rng)] = 1
    assert_close(kept.mean(0), np.full(8, 0.7), share=0.03)
    assert abs(np.corrcoef(kept.T) - np.eye(8)).max() < 0.05


@pytest.mark.parametrize("seed", range(4))
def test_one_word_stays_where_all_would_go(seed):
    new = random_deletion(SENTENCE, rate=1, generator=random.Random(seed))
    assert len(new) == 1


def test_insertions_add_as_many_words_as_asked():
    new = random_insertion(SENTENCE, rate=3 / 13, synonyms=WORDS, generator=random.Random(0))
    assert len(new) == len(SENTENCE) + 3


def test_the_thesaurus_knows_no_names():
    assert not {"mira", "sokolov", "crimson"} & set(thesaurus())
    assert all(word not in others for word, others in thesaurus().items())


# Noise


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dropout_equals_torch_under_the_same_seed(p, dtype):
    x = torch.randn(7, 5, 3, dtype=dtype)
    with seeded(1):
        ours = Dropout(p)(x)
    with seeded(1):
        theirs = nn.Dropout(p)(x)
    assert_close(ours, theirs)


@pytest.mark.parametrize("layer", [Dropout(0.5), VariationalDropout(0.5)])
def test_dropout_hands_on_where_the_model_is_used(layer):
    x = torch.randn(2, 3, 4)
    assert layer.eval()(x) is x
    layer.train()


def test_the_gradient_meets_the_same_mask():
    x = torch.ones(4, 6, requires_grad=True)
    y = Dropout(0.5)(x)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_a_generator_of_its_own_decides_the_noise():
    x = torch.ones(50)
    one, other = (Dropout(generator=torch.Generator().manual_seed(3))(x) for _ in range(2))
    assert torch.equal(one, other)


def test_variational_dropout_keeps_units_through_all_steps_and_differs_between_sequences():
    y = VariationalDropout(0.5)(torch.ones(8, 9, 40))
    assert (y == y[:, :1]).all()
    assert not (y[0] == y[1]).all()
    assert set(y.unique().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("p", [1, -0.1, float("nan"), "half"])
def test_a_share_that_leaves_nothing_is_refused(p):
    with pytest.raises((TypeError, ValueError), match=r"p must be .*from 0 to below 1"):
        Dropout(p)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: Dropout()(torch.ones(3, dtype=torch.int64)), TypeError, "floating numbers"),
        (lambda: VariationalDropout()(torch.ones(3, 4)), ValueError, r"\(B, T, D\), got \(3, 4\)"),
        (lambda: soft_threshold(torch.ones(2), -1), ValueError, "amount must be"),
        (lambda: ProximalL1([torch.ones(2)], l1=-1), ValueError, "l1 must be"),
        (lambda: ProximalL1([torch.ones(2)], lr=0), ValueError, "lr must be"),
        (lambda: ProximalL1([], l1=1), ValueError, "empty parameter list"),
        (lambda: Adam([torch.ones(2)], decay=float("nan")), ValueError, "decay must be"),
        (lambda: Adam([torch.ones(2)], betas=(0.9, 1.0)), ValueError, "betas must be"),
        (lambda: EarlyStopping(-1), ValueError, "patience must be"),
        (lambda: EarlyStopping(1.5), TypeError, "patience must be"),
        (lambda: EarlyStopping(mode="auto"), ValueError, "'min' or 'max', got 'auto'"),
        (lambda: EarlyStopping(model=3), TypeError, "model must be a torch module, got int"),
        (lambda: EarlyStopping().restore(), ValueError, "pass model"),
        (lambda: EarlyStopping()(History()), ValueError, "no epoch"),
        (
            lambda: EarlyStopping(monitor="accuracy")(History(epochs=[{"loss": 1.0}])),
            ValueError,
            r"in the history \(loss\), got 'accuracy'",
        ),
        (lambda: k_fold(3, k=4, seed=0), ValueError, "got k=4 for n=3"),
        (lambda: k_fold(3, k=1, seed=0), ValueError, "got k=1"),
        (lambda: k_fold(3.0, k=2, seed=0), TypeError, "n must be a whole number"),
        (lambda: log_uniform(0, 1, generator=np.random.default_rng()), ValueError, "low must be"),
        (lambda: log_uniform(2, 1, generator=np.random.default_rng()), ValueError, "high must be"),
        (lambda: nested(len, [], 9, outer=3, inner=3, seed=0), ValueError, "got none"),
        (lambda: Reader(9)(torch.ones(4, dtype=torch.int64)), ValueError, r"got \(4,\)"),
        (lambda: Reader(0), ValueError, "vocabulary_size must be"),
        (lambda: encode([["a"]], Vocabulary(["a"]), length=0), ValueError, "length must be"),
        (
            lambda: Batches([["a"]], [1, 0], Vocabulary(["a"]), generator=np.random.default_rng()),
            ValueError,
            "got 1 and 2",
        ),
        (
            lambda: Batches([], [], Vocabulary(["a"]), generator=np.random.default_rng()),
            ValueError,
            "got 0 and 0",
        ),
    ],
)
def test_bad_input_is_named(call, error, said):
    with pytest.raises(error, match=said):
        call()


# Prices


def test_soft_threshold_equals_torch():
    x = torch.tensor([-3.0, -1.0, -0.2, 0.0, 0.2, 1.0, 3.0])
    assert_close(soft_threshold(x, 1.0), nn.functional.softshrink(x, 1.0))


@pytest.mark.parametrize(
    ("ours", "theirs"), [("l2", torch.optim.Adam), ("decay", torch.optim.AdamW)]
)
def test_adam_with_a_price_equals_torch(ours, theirs):
    with seeded(0):
        start, slopes = torch.randn(4, 3), torch.randn(30, 4, 3)
    pairs = []
    for make in (
        lambda w: Adam(w, 0.05, **{ours: 0.3}),
        lambda w: theirs(w, 0.05, weight_decay=0.3),
    ):
        w = start.clone().requires_grad_()
        optimizer = make([w])
        for slope in slopes:
            w.grad = slope.clone()
            optimizer.step()
        pairs.append(w.detach())
    assert_close(*pairs)


def lasso_problem():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 20))
    y = X[:, :3].sum(1) + rng.normal(size=80)
    return X, y, Lasso(alpha=0.15, fit_intercept=False, tol=1e-10).fit(X, y).coef_


def test_proximal_descent_ends_where_the_lasso_of_scikit_learn_does():
    X, y, want = lasso_problem()
    X, y = torch.tensor(X), torch.tensor(y)
    w = torch.ones(20, dtype=torch.float64, requires_grad=True)
    optimizer = ProximalL1([w], lr=0.1, l1=0.15)
    for _ in range(2000):
        optimizer.zero_grad()
        (((X @ w - y) ** 2).mean() / 2).backward()
        optimizer.step()
    assert_close(w.detach(), want, share=1e-7)
    assert ((w == 0).numpy() == (want == 0)).all()


def test_a_group_may_be_free_and_a_rate_may_change():
    free, priced = (torch.ones(3, requires_grad=True) for _ in range(2))
    optimizer = ProximalL1([{"params": [free], "l1": 0.0}, {"params": [priced]}], lr=0.1, l1=1.0)
    free.grad, priced.grad = torch.zeros(3), torch.zeros(3)
    optimizer.step()
    assert_close(free.detach(), torch.ones(3))
    assert_close(priced.detach(), torch.full((3,), 0.9))
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5)
    optimizer.step()
    assert_close(priced.detach(), torch.full((3,), 0.85))


def test_a_weight_without_a_gradient_is_left_alone():
    w = torch.ones(2, requires_grad=True)
    ProximalL1([w], l1=1.0).step()
    Adam([w], decay=1.0).step()
    assert_close(w.detach(), torch.ones(2))


def test_a_proximal_step_goes_on_from_a_saved_state():
    def run(saved_at):
        w = torch.linspace(-1, 1, 5).requires_grad_()
        optimizer = ProximalL1([w], 0.1, l1=0.2, inner=torch.optim.Adam)
        for step in range(6):
            if step == saved_at:
                state = optimizer.state_dict()
                optimizer = ProximalL1([w], 0.1, l1=0.2, inner=torch.optim.Adam)
                optimizer.load_state_dict(state)
            w.grad = w.detach() ** 2
            optimizer.step()
        return w.detach()

    assert_close(run(3), run(None))


# Stopping

CURVES = {
    "falls": [5, 4, 3, 2, 1],
    "rises": [1, 2, 3, 4, 5],
    "best in the middle": [5, 3, 4, 4.5, 2, 3, 3, 3, 3],
    "a plateau": [3, 2, 2, 2, 2, 2],
    "one epoch": [3],
    "to and fro": [3, 4, 2.9, 4, 2.8, 4, 4, 2.7],
}


def keras_says(curve, **options):
    """The last epoch and the best one, counted from 1."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    stop = keras.callbacks.EarlyStopping("x", restore_best_weights=True, **options)
    stop.set_model(model)
    stop.on_train_begin()
    model.stop_training = False
    for epoch, value in enumerate(curve):
        model.set_weights([np.array([[epoch + 1.0]])])
        stop.on_epoch_end(epoch, {"x": value})
        if model.stop_training:
            break
    stop.on_train_end()
    return epoch + 1, int(model.get_weights()[0].item())


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("patience", [0, 1, 2, 3])
@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_early_stopping_decides_as_keras_does(curve, patience, mode):
    for delta in (0, 0.15):
        model = nn.Linear(1, 1, bias=False)
        stop = EarlyStopping(patience, model=model, monitor="x", mode=mode, min_delta=delta)
        for epoch, value in enumerate(curve, 1):
            nn.init.constant_(model.weight, epoch)
            if stop(History(epochs=[{"x": value}])):
                break
        stop.restore()
        want = keras_says(curve, patience=patience, mode=mode, min_delta=delta)
        assert (epoch, int(model.weight.item())) == want
        assert stop.best_epoch == want[1]


def test_restoring_brings_back_the_averages_of_batch_norm():
    model = nn.BatchNorm1d(2)
    stop = EarlyStopping(model=model)
    model(torch.randn(5, 2))
    stop.step(1.0)
    kept = model.running_mean.clone()
    model(torch.randn(5, 2) + 9)
    stop.step(2.0)
    stop.restore()
    assert torch.equal(model.running_mean, kept)


def test_nan_is_never_the_best():
    stop = EarlyStopping(3)
    assert [stop.step(x) for x in (float("nan"), 2.0, float("nan"), 1.0)] == [False] * 4
    assert stop.best_epoch == 4


# Folds


@pytest.mark.parametrize(("n", "k"), [(10, 2), (10, 3), (7, 7), (2, 2), (101, 10)])
def test_folds_cover_every_row_once_and_share_none(n, k):
    pairs = k_fold(n, k=k, seed=1)
    held = np.concatenate([fold for _, fold in pairs])
    assert sorted(held) == list(range(n))
    for train, fold in pairs:
        assert sorted([*train, *fold]) == list(range(n))
    theirs = [len(fold) for _, fold in KFold(k, shuffle=True, random_state=0).split(np.ones(n))]
    assert [len(fold) for _, fold in pairs] == theirs


def test_folds_hang_on_the_seed():
    one, again, other = (np.concatenate([f for _, f in k_fold(30, k=3, seed=s)]) for s in (0, 0, 1))
    assert (one == again).all()
    assert (one != other).any()


def test_each_power_of_ten_is_drawn_as_often():
    draws = log_uniform(1e-4, 1e2, generator=np.random.default_rng(0), size=6000)
    counts, _ = np.histogram(np.log10(draws), bins=6, range=(-4, 2))
    assert abs(counts - 1000).max() < 120
    assert isinstance(log_uniform(1, 1, generator=np.random.default_rng(0)), float)


def test_nested_cross_validation_never_scores_on_rows_that_chose():
    seen = []

    def score(choice, train, held):
        assert not set(train) & set(held)
        seen.append((len(train), len(held)))
        return choice

    assert nested(score, [1, 3, 2], 12, outer=3, inner=2, seed=0) == (3.0, 3.0)
    assert seen.count((8, 4)) == 3
    assert seen.count((4, 4)) == 18


# The reader

IDS = torch.tensor([[3, 4, 5, 0, 0], [6, 0, 0, 0, 0], [2, 3, 4, 5, 6]])


@pytest.mark.parametrize("options", [{}, {"norm": True}, {"attention": True}, {"dropout": 0.5}])
def test_padding_and_neighbours_in_the_batch_change_no_verdict(options):
    with seeded(0):
        model = Reader(9, 8, **options).eval()
    longer = nn.functional.pad(IDS, (0, 4))
    assert_close(model(longer).detach(), model(IDS).detach())
    assert_close(model(IDS[1:2]).detach(), model(IDS).detach()[1:2])


def test_the_reader_sees_the_order_of_neighbours():
    with seeded(0):
        model = Reader(9, 8)
    assert abs(model(IDS[2:]) - model(IDS[2:].flip(1))).item() > 1e-5


@pytest.mark.parametrize("attention", [False, True])
def test_an_empty_text_gets_a_finite_verdict(attention):
    model = Reader(9, 8, attention=attention)
    assert torch.isfinite(model(torch.zeros(1, 4, dtype=torch.int64))).all()
    assert torch.isfinite(model(torch.zeros(1, 1, dtype=torch.int64))).all()


def test_encode_keeps_the_end_of_a_text_and_marks_the_unknown():
    vocabulary = Vocabulary(["a", "b"])
    ids = encode([["a", "b", "c"], [], ["b"]], vocabulary, length=2)
    assert ids.tolist() == [[3, 1], [0, 0], [3, 0]]


def easy():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60).tolist()
    return [["film", "good" if y else "bad", "indeed"] for y in labels], labels


@pytest.mark.parametrize(
    "options", [{}, {"l1": 0.01}, {"l2": 1e-4}, {"decay": 0.1}], ids=["plain", "l1", "l2", "decay"]
)
def test_learn_learns_what_is_easy(options):
    texts, labels = easy()
    vocabulary = Vocabulary(word for text in texts for word in text)
    with seeded(0) as rng:
        model = Reader(len(vocabulary), 4)
        batches = Batches(texts, labels, vocabulary, length=4, size=20, generator=rng)
        learn(model, batches, epochs=30, **options)
    found = measure(model, encode(texts, vocabulary, length=4), torch.tensor(labels))
    assert found["accuracy"] == 1.0
    assert model.training


def test_batches_are_changed_anew_in_every_epoch():
    texts, labels = easy()
    vocabulary = Vocabulary(word for text in texts for word in text)
    chance = random.Random(0)
    batches = Batches(
        texts,
        labels,
        vocabulary,
        length=4,
        size=60,
        augment=lambda t: random_deletion(t, rate=0.5, generator=chance),
        generator=np.random.default_rng(0),
    )
    sums = [int((ids > 0).sum()) for _ in range(4) for ids, _ in batches]
    assert len(set(sums)) > 1
    assert max(sums) < 180
