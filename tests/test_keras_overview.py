"""Four readers, a layer and a loss of our own: padding, saving, chance."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import numpy as np
import pytest
import torch

from companion.keras_overview import NoisyCrossentropy, WeightedMean, classifier
from companion.runtime import as_array, seeded
from tests._close import assert_close

# Keras hands torch tensors to numpy in a way that numpy 2 means to drop.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CHAPTER = Path(__file__).parents[1] / "book" / "chapters" / "04_keras_overview.md"
V, D = 20, 4
IDS = np.random.default_rng(0).integers(1, V, (3, 6))
SKIP_PADDING = ["bag of words", "weighted mean", "LSTM", "GRU"]
READERS = [*SKIP_PADDING, "CNN"]


def made(name, seed=0):
    with seeded(seed):
        return classifier(name, vocabulary_size=V, width=D)


def judge(model, ids):
    return as_array(model(ids))


@pytest.fixture
def easy():
    """Inputs and labels that a word decides: 2 praises, 3 complains."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 64)
    ids = rng.integers(4, V, (64, 5))
    ids[:, 2] = 3 - labels
    return ids, labels


@pytest.mark.parametrize("ids", [IDS, IDS[:1], IDS[:, :1]], ids=["many", "one text", "one word"])
@pytest.mark.parametrize("name", READERS)
def test_each_text_gets_one_probability(name, ids):
    p = judge(made(name), ids)
    assert p.shape == (len(ids), 1)
    assert ((p > 0) & (p < 1)).all()


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("bag of words", 0),
        ("CNN", 3 * D * D + D),
        ("LSTM", 4 * (D * D + D * D + D)),
        ("GRU", 3 * (D * D + D * D + 2 * D)),
    ],
)
def test_only_the_reader_adds_parameters_of_its_own(name, reader):
    assert made(name).count_params() == V * D + reader + D + 1


@pytest.mark.parametrize("sides", [(5, 0), (0, 5), (2, 3)], ids=["before", "after", "both"])
@pytest.mark.parametrize("name", SKIP_PADDING)
def test_padding_never_changes_what_a_reader_that_skips_it_says(name, sides):
    model = made(name)
    assert_close(judge(model, np.pad(IDS, ((0, 0), sides))), judge(model, IDS))


def test_the_cnn_takes_padding_for_a_word():
    model = made("CNN")
    changed = judge(model, np.pad(IDS, ((0, 0), (5, 0)))) - judge(model, IDS)
    assert abs(changed).max() > 1e-3


def test_the_cnn_keeps_what_speaks_most_in_any_three_words_and_nothing_below_0():
    model = made("CNN")
    table, kernel, bias, judge_of, doubt = (as_array(w.value) for w in model.weights)
    words = np.pad(table[IDS], ((0, 0), (1, 1), (0, 0)))  # (B, T + 2, D), zeros at both ends
    windows = np.stack([words[:, i : i + 6] for i in range(3)], axis=2)  # (B, T, 3, D)
    found = np.einsum("btkd,kdo->bto", windows, kernel) + bias
    best = np.maximum(found, 0).max(axis=1)  # (B, D)
    assert_close(judge(model, IDS), 1 / (1 + np.exp(-(best @ judge_of + doubt))))


def test_the_bag_of_words_judges_the_mean_of_the_words():
    model = made("bag of words")
    table, judge_of, doubt = (as_array(w.value) for w in model.weights)
    mean = table[IDS].mean(axis=1)
    assert_close(judge(model, IDS), 1 / (1 + np.exp(-(mean @ judge_of + doubt))))


@pytest.mark.parametrize("name", READERS)
def test_a_word_has_32_numbers_where_nothing_else_is_said(name):
    embedding = classifier(name, vocabulary_size=V).layers[0]
    assert embedding.embeddings.shape == (V, 32)


@pytest.mark.parametrize("thing", [WeightedMean, NoisyCrossentropy])
def test_a_file_names_our_own_things_as_those_of_the_companion(thing):
    assert keras.saving.get_registered_name(thing) == f"companion>{thing.__name__}"


@pytest.mark.parametrize("y", [0, 1])
def test_a_model_that_is_sure_and_wrong_loses_no_more_than_a_float_can_say(y):
    loss = float(as_array(NoisyCrossentropy(rate=0)([[y]], [[1.0 - y]])))
    assert loss == pytest.approx(-np.log(1e-7), rel=1e-3)


@pytest.mark.parametrize("name", READERS)
def test_a_text_is_judged_alone_as_among_others(name):
    model = made(name)
    assert_close(judge(model, IDS[1:2]), judge(model, IDS)[1:2])


@pytest.mark.parametrize("name", READERS)
def test_only_the_bag_of_words_has_no_answer_to_an_empty_text(name):
    p = judge(made(name), np.zeros((1, 6), int))
    assert np.isnan(p).all() == (name == "bag of words")


@pytest.mark.parametrize("name", ["transformer", "", None, ["LSTM"]])
def test_an_unknown_reader_is_told_which_there_are(name):
    with pytest.raises(ValueError, match="one of bag of words, weighted mean, CNN, LSTM, GRU, got"):
        classifier(name, vocabulary_size=V)


@pytest.mark.parametrize("size", ["vocabulary_size", "width"])
@pytest.mark.parametrize("value", [0, -3, 2.0, "9", None])
def test_a_size_is_a_whole_number_above_0(size, value):
    with pytest.raises((TypeError, ValueError), match=f"{size} must be a whole number, 1 or more"):
        classifier("GRU", **{"vocabulary_size": V, size: value})


def test_a_size_may_come_from_numpy_and_the_model_can_still_be_saved(tmp_path):
    model = classifier("CNN", vocabulary_size=IDS.max() + 1, width=np.int64(D))
    model.save(tmp_path / "model.keras")


@pytest.mark.parametrize("name", READERS)
def test_the_seed_decides_what_a_model_starts_with(name):
    first, again, other = (judge(made(name, seed), IDS) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def with_weighted_mean():
    with seeded(0):
        embed = keras.layers.Embedding(V, D, mask_zero=True)
        judge = keras.layers.Dense(1, activation="sigmoid")
        return keras.Sequential([keras.Input((None,)), embed, WeightedMean(), judge])


def masked_words():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(3, 5, D)).astype(np.float32)
    mask = np.array([[1, 1, 1, 1, 1], [0, 0, 1, 0, 1], [1, 1, 0, 0, 0]], bool)
    return x, mask


def test_the_weighted_mean_starts_as_the_plain_mean():
    x, mask = masked_words()
    plain = keras.layers.GlobalAveragePooling1D()(x, mask=mask)
    assert_close(WeightedMean()(x, mask=mask), plain)


def test_the_weighted_mean_is_its_formula():
    x, mask = masked_words()
    layer = WeightedMean()
    layer.build(x.shape)
    w, b = np.arange(D, dtype=np.float32)[:, None], np.array([0.5], np.float32)
    layer.set_weights([w, b])
    shares = mask[..., None] / (1 + np.exp(-(x @ w + b)))
    want = (shares * x).sum(axis=1) / shares.sum(axis=1)
    assert_close(layer(x, mask=mask), want)


def test_the_weighted_mean_ignores_whatever_stands_at_padding():
    x, mask = masked_words()
    layer, other = WeightedMean(), np.where(mask[..., None], x, 1e6).astype(np.float32)
    layer.build(x.shape)
    layer.set_weights([np.ones((D, 1)), np.ones(1)])
    np.testing.assert_array_equal(as_array(layer(x, mask=mask)), as_array(layer(other, mask=mask)))


def test_a_text_of_padding_alone_gives_zeros_and_finite_gradients():
    layer, x = WeightedMean(), torch.randn(2, 5, D, requires_grad=True)
    layer.build(x.shape)
    y = layer(x, mask=np.zeros((2, 5), bool))
    y.sum().backward()
    assert not as_array(y).any()
    assert x.grad.isfinite().all()


def test_the_weighted_mean_learns_to_listen_to_a_word_that_decides(easy):
    ids, labels = easy
    model = with_weighted_mean()
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    with seeded(0):
        model.fit(ids, labels, epochs=20, verbose=0)
    embedding, mean, _ = model.layers
    shares = as_array(mean.shares(embedding.embeddings.value[None]))[0, :, 0]
    assert shares[2:4].max() > 2 * shares[4:].max()


def test_the_noisy_loss_of_a_hand_worked_example():
    y, p = np.array([[1.0], [0.0]]), np.array([[0.9], [0.6]])
    q = np.array([0.8 * 0.9 + 0.2 * 0.1, 0.8 * 0.4 + 0.2 * 0.6])
    loss = NoisyCrossentropy(rate=0.2, reduction=None)
    assert_close(loss(y, p), -np.log(q))


def test_without_noise_it_is_cross_entropy():
    y, p = np.array([[1.0], [0.0], [1.0]]), np.array([[0.3], [0.2], [0.99]])
    want = keras.losses.BinaryCrossentropy()(y, p)
    assert_close(NoisyCrossentropy(rate=0)(y, p), want)


def test_the_noisy_loss_is_least_at_the_probability_of_the_truth():
    grid = np.linspace(0.01, 0.99, 99)
    truth, rate = 0.9, 0.3
    says_1 = (1 - rate) * truth + rate * (1 - truth)
    loss = NoisyCrossentropy(rate=rate, reduction=None)
    praise, blame = (as_array(loss(np.full_like(grid, y), grid[:, None])) for y in (1, 0))
    assert grid[np.argmin(says_1 * praise + (1 - says_1) * blame)] == pytest.approx(truth)


def test_labels_may_be_a_row_or_a_column():
    p = np.array([[0.9], [0.2], [0.6]])
    loss = NoisyCrossentropy(rate=0.1, reduction=None)
    row, column = loss(np.array([1, 0, 0]), p), loss(np.array([[1], [0], [0]]), p)
    assert row.shape == (3,)
    np.testing.assert_array_equal(as_array(row), as_array(column))


@pytest.mark.parametrize("rate", [0, 0.2])
def test_loss_and_gradient_are_finite_where_the_model_is_sure(rate):
    p = torch.tensor([[0.0], [1.0], [0.0], [1.0]], requires_grad=True)
    loss = NoisyCrossentropy(rate=rate)(np.array([0, 1, 1, 0]), p)
    loss.backward()
    assert loss.isfinite()
    assert p.grad.isfinite().all()


@pytest.mark.parametrize("rate", [-0.1, 0.5, 1, float("nan"), "0.1", None])
def test_a_rate_of_noise_lies_between_0_and_a_half(rate):
    with pytest.raises(ValueError, match="rate must be a number from 0 to below"):
        NoisyCrossentropy(rate=rate)


@pytest.fixture(scope="module")
def typed():
    """The layer and the loss as the chapter writes them."""
    names, text = (
        {"keras": keras, "layers": keras.layers, "ops": keras.ops},
        CHAPTER.read_text("utf-8"),
    )
    for name in ("WeightedMean", "NoisyCrossentropy"):
        exec(re.search(rf"(?s)\n(@keras[^\n]*\nclass {name}\(.*?)\n```", text)[1], names)
    return names


@pytest.mark.parametrize("masked", [False, True])
def test_the_chapter_writes_the_layer_of_the_package(masked, typed):
    (x, mask), ours, theirs = masked_words(), typed["WeightedMean"](), WeightedMean()
    for layer in (ours, theirs):
        layer.build(x.shape)
        layer.set_weights([np.arange(D)[:, None], np.array([0.5])])
    given = {"mask": mask} if masked else {}
    assert_close(ours(x, **given), theirs(x, **given))
    assert ours.compute_mask(x, mask) is None


def test_the_chapter_writes_the_loss_of_the_package(typed):
    y, p = np.array([1, 0, 1, 0]), np.array([[0.9], [0.6], [0.0], [0.0]])
    given = {"rate": 0.2, "reduction": None, "name": "noisy"}
    ours, theirs = typed["NoisyCrossentropy"](**given), NoisyCrossentropy(**given)
    assert_close(ours(y, p), theirs(y, p))
    assert ours.get_config() == theirs.get_config()


@pytest.fixture
def saved(tmp_path, easy):
    """A trained model with the layer and the loss of our own, and the same from its file."""
    model = with_weighted_mean()
    model.compile("adam", NoisyCrossentropy(rate=0.2))
    model.fit(*easy, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    return model, keras.models.load_model(tmp_path / "model.keras")


def test_a_model_from_a_file_says_the_same(saved):
    model, again = saved
    ids = np.pad(IDS, ((0, 0), (2, 0)))
    np.testing.assert_array_equal(judge(again, ids), judge(model, ids))


def test_a_model_from_a_file_remembers_its_loss(saved, easy):
    model, again = saved
    assert again.loss.rate == 0.2
    assert again.evaluate(*easy, verbose=0) == model.evaluate(*easy, verbose=0)


@pytest.mark.parametrize("name", READERS)
def test_training_lowers_the_loss(name, easy):
    model = made(name)
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    before = model.evaluate(*easy, verbose=0)
    model.fit(*easy, epochs=5, batch_size=16, verbose=0)
    assert model.evaluate(*easy, verbose=0) < before


@pytest.mark.parametrize("name", READERS)
def test_one_seed_makes_model_and_shuffling_repeat_themselves(name, easy):
    losses = []
    for _ in range(2):
        with seeded(3):
            model = classifier(name, vocabulary_size=V, width=D)
            model.compile("adam", "binary_crossentropy")
            losses += model.fit(*easy, epochs=2, batch_size=16, verbose=0).history["loss"]
    assert losses[:2] == losses[2:]
