"""What the articles teach of products, neurons and PyTorch, and what the book corrects in it."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from pybtex.database import parse_file

from companion.data import grammar
from companion.matmul import (
    Layer,
    Logistic,
    Perceptron,
    count_words,
    fold,
    forward,
    product,
    relu,
)
from companion.runtime import device, seeded
from tests._close import assert_close

ROOT = Path(__file__).parents[2]
CHAPTER = (ROOT / "book" / "chapters" / "01_matmul.md").read_text(encoding="utf-8")
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
EITHER = np.array([0, 1, 1, 0])  # xor
TWO_LAYERS = [  # that compute it: count, and see whether there are too many
    Layer(np.array([[1, 1], [1, 1]]), np.array([0, -1])),
    Layer(np.array([[1], [-2]]), np.array([-0.5])),
]


def random(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


@pytest.fixture
def layers():
    """Two layers of random weights: from 4 numbers over 5 to 3."""
    return [Layer(random(4, 5), random(5)), Layer(random(5, 3), random(3))]


# A layer


def test_m6_f1_the_product_of_the_listing_is_not_what_its_comment_says():
    result = product([[1, 2]], [[0.5, -1], [0.3, 0.8]]) + np.array([[0, 0]])
    np.testing.assert_allclose(result, [[1.1, 0.6]])


def test_m6_f1_the_number_in_the_comment_stands_in_the_weights():
    assert np.array([[0.5, -1], [0.3, 0.8]])[1, 0] == 0.3


def test_m5_b3_a_neuron_is_a_weighted_sum_and_a_bias(layers):
    (W, b), X = layers[0], random(6, 4)
    by_hand = [[sum(x[d] * W[d, h] for d in range(4)) + b[h] for h in range(5)] for x in X]
    assert_close(forward(X, layers[:1]), by_hand)


def test_m2_b3_a_weight_joins_one_input_to_one_neuron(layers):
    first, X = layers[0], random(6, 4)
    changed = Layer(first.W.copy(), first.b)
    changed.W[2, 3] += 1
    moved = forward(X, [changed]) - forward(X, [first])
    alone = np.zeros((6, 5))
    alone[:, 3] = X[:, 2]
    assert_close(moved, alone)


def test_m2_the_bias_speaks_where_the_input_is_silent(layers):
    np.testing.assert_allclose(forward(np.zeros((2, 4)), layers[:1]), [layers[0].b] * 2)


def test_m4_a_row_with_two_pairs_of_brackets_is_a_matrix():
    assert np.array([[1, 2]]).ndim == 2
    assert np.array([1, 2]).ndim == 1


def test_m4_a_vector_loses_its_axis_in_a_product_and_a_row_keeps_it():
    W = np.ones((2, 3))
    assert (np.array([1, 2]) @ W).shape == (3,)
    assert (np.array([[1, 2]]) @ W).shape == (1, 3)


def test_m4_a_vector_beside_a_column_makes_a_table_without_a_word():
    vector = np.array([1.0, 2.0, 3.0])
    assert (vector[:, None] - vector).shape == (3, 3)


# A batch


def test_m5_rows_go_through_a_layer_alone(layers):
    X = random(6, 4)
    assert_close(forward(X, layers), np.concatenate([forward(x[None], layers) for x in X]))


def test_m5_in_one_product_each_weight_is_fetched_once_for_all_rows():
    X, W = random(64, 100), random(100, 100)
    at_once = X.nbytes + W.nbytes + (X @ W).nbytes
    row_by_row = sum(x.nbytes + W.nbytes + (x @ W).nbytes for x in X)
    assert row_by_row - at_once == 63 * W.nbytes


# Several layers


def test_m7_the_outputs_of_one_layer_are_the_inputs_of_the_next(layers):
    X = random(6, 4)
    hidden = relu(forward(X, layers[:1]))
    assert_close(forward(hidden, layers[1:]), forward(X, layers))


def test_m7_a_prediction_is_one_class_for_each_row(layers):
    assert forward(random(6, 4), layers).argmax(axis=1).shape == (6,)


def test_m1_m2_without_a_bend_a_hundred_layers_are_one():
    with seeded(0) as rng:
        many = [Layer(rng.normal(size=(4, 4)) / 2, rng.normal(size=4)) for _ in range(100)]
    X = random(6, 4)
    straight = forward(X, many, activation=lambda h: h)
    assert_close(forward(X, [fold(many)]), straight)


def test_m1_m2_with_a_bend_two_layers_are_not_one(layers):
    X = random(6, 4)
    assert np.abs(forward(X, layers) - forward(X, [fold(layers)])).max() > 0.1


def test_b2_a_multilayer_perceptron_bends_where_a_line_cannot():
    x = np.linspace(0, 3, 31)[:, None]
    ramps = [
        Layer(np.ones((1, 3)), -np.arange(3.0)),
        Layer(np.array([[1.0], [-2], [2]]), np.zeros(1)),
    ]
    np.testing.assert_allclose(forward(x, ramps)[:, 0], np.abs((x[:, 0] + 1) % 2 - 1), atol=1e-12)


def test_b2_two_layers_compute_xor():
    np.testing.assert_array_equal(forward(CORNERS, TWO_LAYERS)[:, 0] > 0, EITHER)


def test_b2_one_neuron_never_learns_xor():
    assert min(Perceptron(epochs=50).fit(CORNERS, EITHER).mistakes_) > 0


def test_m1_a_hidden_layer_puts_the_examples_where_one_neuron_can_part_them():
    hidden = relu(forward(CORNERS, TWO_LAYERS[:1]))
    assert Perceptron().fit(hidden, EITHER).mistakes_[-1] == 0


def test_m1_features_can_be_learned_from_data():
    x, y = torch.tensor(CORNERS).float(), torch.tensor(EITHER)[:, None].float()
    for seed in range(5):
        with seeded(seed):
            network = torch.nn.Sequential(
                torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)
            )
        for _ in range(200):
            network.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(network(x), y).backward()
            with torch.no_grad():
                for p in network.parameters():
                    p -= p.grad
        np.testing.assert_array_equal(network(x)[:, 0].detach() > 0, EITHER)


# A neuron that learns


def test_r1_f73_a_perceptron_decides_by_the_sign_of_a_weighted_sum():
    neuron = Perceptron().fit(CORNERS, [0, 0, 0, 1])
    sums = CORNERS @ neuron.weights_ + neuron.bias_
    np.testing.assert_array_equal(neuron.predict(CORNERS), sums > 0)


def test_r1_a_perceptron_learns_what_a_line_can_part():
    assert Perceptron().fit(CORNERS, [0, 0, 0, 1]).mistakes_[-1] == 0


def test_f73_on_xor_a_perceptron_comes_back_to_where_it_began():
    once = Perceptron(epochs=1).fit(CORNERS, EITHER)
    assert not once.weights_.any()
    assert once.bias_ == 0


def neuron(inputs, u):
    """The last output of a neuron that hears itself with the weight u."""
    h = 0.0
    for x in inputs:
        h = np.tanh(x + u * h)
    return h


def test_r4_a_neuron_that_hears_itself_tells_an_order():
    assert neuron([1, -1], u=2) > 0 > neuron([-1, 1], u=2)


def test_r4_a_feed_forward_neuron_answers_to_the_newest_input_alone():
    assert neuron([1, -1], u=0) == neuron([5, -1], u=0)


# Learning


@pytest.fixture(scope="module")
def texts():
    """Reviews, their labels, and the words that stand in at most half of the first 1,500."""
    drawn = grammar.reviews(2000, seed=1)
    with seeded(1) as rng:
        order = rng.permutation(2000)
    tokens = [drawn[i].tokens for i in order]
    y = np.array([drawn[i].label for i in order])
    stands = {}
    for text in tokens[:1500]:
        for word in set(text):
            stands[word] = stands.get(word, 0) + 1
    return tokens, y, sorted(word for word in stands if stands[word] <= 750)


@pytest.fixture(scope="module")
def reader(texts):
    tokens, y, words = texts
    X = count_words(tokens, words)
    return Logistic(rate=1.0, steps=100).fit(X[:1500], y[:1500]), X, y


def test_m8_each_step_of_gradient_descent_makes_the_loss_smaller(reader):
    learned, _, _ = reader
    assert (np.diff(learned.losses_) < 0).all()


def test_m8_with_steps_too_long_the_loss_is_not_minimised():
    X, y = 10 * random(40, 3), np.arange(40) % 2
    gentle, wild = (Logistic(rate=rate, steps=30).fit(X, y).losses_ for rate in (0.01, 10))
    assert gentle[-1] < gentle[0] < wild[-1]


def test_m9_counting_words_is_better_than_a_coin_and_worse_than_the_best_possible(reader):
    learned, X, y = reader
    right = np.mean(learned.predict(X[1500:]) == y[1500:])
    assert 0.55 < right < grammar.oracle().bayes_accuracy - 0.05


def test_m9_accuracy_is_higher_on_the_texts_it_learned_from(reader):
    learned, X, y = reader
    right = learned.predict(X) == y
    assert right[:1500].mean() > right[1500:].mean() + 0.05


def halves():
    """Two reviews of the same words, with the halves of a sentence exchanged."""
    praise = "although the plot is dull , the song is lovely ."
    blame = "although the song is lovely , the plot is dull ."
    return praise.split(), blame.split()


def test_m3_no_weights_can_tell_two_texts_of_the_same_words_apart(texts):
    first, second = count_words(halves(), texts[2])
    np.testing.assert_array_equal(first, second)


def test_m3_the_answer_of_a_recurrent_network_depends_on_the_order(texts):
    with seeded(0):
        network = torch.nn.RNN(len(texts[2]), 8, batch_first=True)
    row = {word: i for i, word in enumerate(texts[2])}
    hidden = []
    for text in halves():
        numbers = torch.tensor([row[word] for word in text if word in row])
        hidden.append(network(torch.nn.functional.one_hot(numbers, len(row))[None].float())[1])
    assert (hidden[0] - hidden[1]).abs().max() > 0.01


def test_m11_the_three_works_exist_as_the_article_names_them():
    entries = parse_file(str(ROOT / "book" / "references.bib")).entries
    named = {"goodfellow2016": "MIT Press", "chollet2021": "Manning", "vaswani2017": "Neural"}
    for key, house in named.items():
        fields = entries[key].fields
        assert key in CHAPTER
        assert house in fields.get("publisher", fields.get("booktitle", ""))
        assert fields["year"] == key[-4:]


# PyTorch


def test_n2_p2_the_graph_is_made_while_python_runs():
    def grow(start):
        x = torch.tensor(start, requires_grad=True)
        y = x
        while y < 100:
            y = 3 * y
        y.backward()
        return x.grad.item()

    assert (grow(2.0), grow(20.0)) == (81, 9)


def test_n4_the_tensors_of_the_article_have_one_axis_and_two():
    assert torch.tensor([1, 2, 3, 4]).shape == (4,)
    assert torch.tensor([[1, 2], [3, 4]]).shape == (2, 2)


def test_n4_p2_a_tensor_does_what_an_array_does():
    a = random(3, 4)
    for of_array, of_tensor in (
        (a.sum(0), torch.tensor(a).sum(0)),
        (a.T @ a, torch.tensor(a).T @ torch.tensor(a)),
        (a.reshape(2, 6)[:, 1:3], torch.tensor(a).reshape(2, 6)[:, 1:3]),
    ):
        assert_close(of_array, of_tensor)


def test_n4_p2_where_an_array_mixes_kinds_of_numbers_a_tensor_refuses():
    assert (np.array([[1, 2]]) @ np.ones((2, 2))).dtype == float
    with pytest.raises(RuntimeError):
        torch.tensor([[1, 2]]) @ torch.ones(2, 2)


def test_p2_a_tensor_can_share_the_memory_of_an_array():
    table = np.zeros((2, 2))
    torch.from_numpy(table)[1, 1] = 7
    assert table[1, 1] == 7


def test_p2_on_a_graphics_card_or_not_the_product_is_the_same():
    a, b = torch.tensor(random(3, 4)).float(), torch.tensor(random(4, 2)).float()
    there = (a.to(device()) @ b.to(device())).cpu()
    assert_close(there, a @ b)


def test_n2_f35_the_package_names_the_pytorch_team_as_its_author():
    about = metadata("torch")
    names = f"{about['Author']} {about['Author-email']}"
    assert "PyTorch Team" in names
    assert "Facebook" not in names


# Installing


def commands():
    """What the chapter says of installing with pip, the article's line first."""
    return re.findall(r"`pip (install torch[^`]*)`", CHAPTER)


def test_n3_p3_f40_the_book_asks_for_torch_alone():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for extra in project["optional-dependencies"].values() for line in extra]
    names = {re.split(r"[^\w-]", line)[0] for line in [*project["dependencies"], *extras]}
    assert "torch" in names
    assert not names & {"torchvision", "torchaudio"}


def test_n3_p3_f40_where_the_article_installs_three_libraries_the_chapter_installs_one():
    theirs, *ours = commands()
    assert theirs == "install torch torchvision torchaudio"
    assert set(ours) == {"install torch", "install torch --index-url ADDRESS"}


@pytest.mark.skipif(find_spec("torchvision") is not None, reason="torchvision is installed here")
def test_f40_without_its_compiled_half_torchvision_stops_with_the_error_quoted():
    with pytest.raises(RuntimeError) as caught:
        torch.library.register_fake("torchvision::nms")(lambda *boxes: None)
    assert str(caught.value) in CHAPTER


def test_f40_a_version_that_ends_in_cpu_knows_no_graphics_card():
    assert not (torch.__version__.endswith("+cpu") and torch.backends.cuda.is_built())
