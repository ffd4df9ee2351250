"""Matrix products, folds, a perceptron, a reader, against those who know."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Perceptron as TheirPerceptron

from companion.matmul import (
    Layer,
    Logistic,
    Perceptron,
    count_words,
    fold,
    forward,
    product,
    relu,
    sigmoid,
)
from tests._close import assert_close

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])  # of a square
GATES = {"and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "nand": [1, 1, 1, 0], "first": [0, 0, 1, 1]}
EITHER = [0, 1, 1, 0]  # xor


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def layers(rng):
    sizes = (3, 5, 4, 2)
    return [
        Layer(rng.normal(size=(d, h)), rng.normal(size=h)) for d, h in itertools.pairwise(sizes)
    ]


@pytest.fixture
def examples(rng):
    X = rng.normal(size=(60, 4))
    return X, (X @ [1.0, -2.0, 0.5, 0.0] + rng.normal(size=60) > 0.3).astype(int)


@pytest.mark.parametrize(("N", "D", "H"), [(1, 2, 2), (4, 3, 5), (2, 1, 3), (3, 0, 2)])
def test_three_loops_equal_numpy_and_torch(rng, N, D, H):
    a, b = rng.normal(size=(N, D)), rng.normal(size=(D, H))
    assert_close(product(a, b), a @ b)
    assert_close(product(a, b), torch.tensor(a) @ torch.tensor(b))


def test_the_product_of_the_article_is_what_a_pencil_says():
    np.testing.assert_allclose(product([[1, 2]], [[0.5, -1], [0.3, 0.8]]), [[1.1, 0.6]])


@pytest.mark.parametrize(("a", "b"), [((2, 3), (2, 3)), ((3,), (3, 2)), ((2, 3), (3,))])
def test_shapes_without_a_product_are_named(a, b):
    with pytest.raises(ValueError, match="shapes") as caught:
        product(np.ones(a), np.ones(b))
    assert str(a) in str(caught.value)
    assert str(b) in str(caught.value)


def test_a_chain_of_layers_equals_torch(layers, rng):
    X = rng.normal(size=(7, 3))
    parts = []
    for W, b in layers:
        linear = torch.nn.Linear(*W.shape, dtype=torch.float64)
        linear.load_state_dict({"weight": torch.tensor(W.T), "bias": torch.tensor(b)})
        parts += [linear, torch.nn.ReLU()]
    theirs = torch.nn.Sequential(*parts[:-1])(torch.tensor(X))
    assert_close(forward(X, layers), theirs)


def test_a_folded_chain_does_the_same_without_activations(layers, rng):
    X = rng.normal(size=(7, 3))
    folded = fold(layers)
    straight = forward(X, layers, activation=lambda h: h)
    assert_close(forward(X, [folded]), straight)


def test_a_folded_chain_is_not_the_chain_with_activations(layers, rng):
    X = rng.normal(size=(7, 3))
    assert not np.allclose(forward(X, [fold(layers)]), forward(X, layers))


@pytest.mark.parametrize("use", [fold, lambda layers: forward(np.ones((1, 3)), layers)])
def test_no_layer_at_all_is_refused(use):
    with pytest.raises(ValueError, match="at least one layer"):
        use([])


@pytest.mark.parametrize("use", [fold, lambda layers: forward(np.ones((1, 3)), layers)])
def test_layers_that_do_not_fit_are_refused(use, layers):
    with pytest.raises(ValueError, match=r"got \(\d, \d\) and \(2, 2\)"):
        use([layers[0], Layer(np.eye(2), np.zeros(2))])


def test_a_chain_of_layers_gives_what_a_pencil_gives():
    hidden = Layer(np.array([[1, 1], [1, 1]]), np.array([0, -1]))
    output = Layer(np.array([[1], [-2]]), np.array([-0.5]))
    scores = forward(CORNERS, [hidden, output])
    np.testing.assert_array_equal(scores, [[-0.5], [0.5], [0.5], [-0.5]])


def test_relu_and_sigmoid_equal_torch():
    z = np.linspace(-50, 50, 101)
    np.testing.assert_allclose(relu(z), torch.relu(torch.tensor(z)))
    np.testing.assert_allclose(sigmoid(z), torch.sigmoid(torch.tensor(z)))


def test_the_sigmoid_of_a_huge_number_does_not_overflow():
    np.testing.assert_array_equal(sigmoid([-1e4, 1e4]), [0, 1])


@pytest.mark.parametrize("gate", GATES)
def test_a_perceptron_learns_what_a_line_can_part(gate):
    neuron = Perceptron().fit(CORNERS, GATES[gate])
    np.testing.assert_array_equal(neuron.predict(CORNERS), GATES[gate])


def test_a_perceptron_never_ends_its_mistakes_on_xor():
    assert min(Perceptron(epochs=300).fit(CORNERS, EITHER).mistakes_) > 0


@pytest.mark.parametrize("epochs", [1, 2, 7])
def test_a_perceptron_equals_scikit_learns(examples, epochs):
    X, y = examples
    ours = Perceptron(epochs=epochs).fit(X, y)
    theirs = TheirPerceptron(shuffle=False, max_iter=epochs, tol=None).fit(X, y)
    assert_close(ours.weights_, theirs.coef_[0])
    assert ours.bias_ == theirs.intercept_[0]


def test_a_perceptron_counts_the_mistakes_that_it_makes():
    first = Perceptron(epochs=1).fit(CORNERS, GATES["and"])
    # (0, 0) at score 0, (1, 1) at score -1; by hand
    assert first.mistakes_ == [2]
    np.testing.assert_array_equal([*first.weights_, first.bias_], [1, 1, 0])


def test_a_perceptron_stops_after_an_epoch_without_mistakes():
    mistakes = Perceptron(epochs=1000).fit(CORNERS, GATES["and"]).mistakes_
    assert mistakes[-1] == 0
    assert 0 not in mistakes[:-1]


def test_logistic_regression_goes_where_scikit_learn_goes(examples):
    X, y = examples
    ours = Logistic(rate=2.0, steps=3000).fit(X, y)
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(X, y)
    assert_close(ours.weights_, theirs.coef_[0], share=1e-4)
    assert_close(ours.bias_, theirs.intercept_[0], share=1e-4)
    assert_close(ours.probability(X), theirs.predict_proba(X)[:, 1], share=1e-4)


def test_a_step_follows_the_measured_slope_of_the_loss(examples):
    X, y = examples
    reader = Logistic(rate=0.1, steps=3).fit(X, y)
    before = [*reader.weights_, reader.bias_]
    after = Logistic(rate=0.1, steps=4).fit(X, y)

    def loss(numbers):
        reader.weights_, reader.bias_ = np.array(numbers[:-1]), numbers[-1]
        return reader.loss(X, y)

    nudges = 1e-5 * np.eye(5)
    slopes = [(loss(before + e) - loss(before - e)) / 2e-5 for e in nudges]
    moved = np.array([*after.weights_, after.bias_]) - before
    assert_close(moved, -0.1 * np.array(slopes), share=1e-6)


def test_the_first_loss_is_that_of_a_coin(examples):
    assert Logistic(steps=1).fit(*examples).losses_ == pytest.approx([np.log(2)])


def test_float32_counts_give_float32_weights(examples):
    X, y = examples
    assert Logistic().fit(X.astype(np.float32), y).weights_.dtype == np.float32


@pytest.mark.parametrize("learner", [Perceptron, Logistic])
@pytest.mark.parametrize(
    ("X", "y", "want"),
    [
        (np.ones((3, 2)), [0, 1], r"got \(3, 2\) and \(2,\)"),
        (np.ones(3), [0, 1, 0], r"got \(3,\) and \(3,\)"),
        (np.ones((3, 2)), [[0], [1], [0]], r"got \(3, 2\) and \(3, 1\)"),
        (np.ones((3, 2)), [-1, 1, 1], r"labels must be 0 or 1, got \[-1, 1\]"),
    ],
)
def test_examples_that_cannot_be_learned_from_are_named(learner, X, y, want):
    with pytest.raises(ValueError, match=want):
        learner().fit(X, y)


SMALL = [np.uint8, np.uint64, np.int8, np.bool_]


@pytest.mark.parametrize("kind", SMALL)
def test_small_whole_numbers_have_the_product_of_their_values(kind):
    a, b = (np.full((2, 2), 100).astype(kind) for _ in "ab")
    values = [part.astype(float) for part in (a, b)]
    np.testing.assert_array_equal(product(a, b), values[0] @ values[1])
    layers, as_floats = [Layer(b, a[0])] * 2, [Layer(values[1], values[0][0])] * 2
    np.testing.assert_array_equal(forward(a, layers), forward(values[0], as_floats))
    np.testing.assert_array_equal(fold(layers).W, fold(as_floats).W)


@pytest.mark.parametrize("kind", SMALL)
def test_the_sigmoid_of_small_whole_numbers_is_that_of_their_values(kind):
    z = np.array([0, 1, 100]).astype(kind)
    np.testing.assert_array_equal(sigmoid(z), sigmoid(z.astype(float)))


@pytest.mark.parametrize("kind", [*SMALL, torch.uint8])
@pytest.mark.parametrize("learner", [Perceptron, Logistic])
def test_small_whole_numbers_are_learned_as_their_values(learner, kind):
    X, y = np.array([[200, 0], [0, 100], [3, 90], [100, 7]]) % 128, [1, 0, 0, 1]
    X = X > 50 if kind is np.bool_ else X
    if isinstance(kind, torch.dtype):
        small = torch.tensor(X, dtype=kind), torch.tensor(y, dtype=kind)
    else:
        small = X.astype(kind), np.array(y, dtype=kind)
    ours, theirs = learner().fit(*small), learner().fit(X.astype(float), np.array(y))
    np.testing.assert_allclose(ours.weights_, theirs.weights_, rtol=1e-9)
    np.testing.assert_array_equal(ours.predict(small[0]), y)


@pytest.mark.parametrize("kind", SMALL)
def test_the_loss_of_small_labels_is_that_of_their_values(kind, examples):
    X, y = examples
    reader = Logistic(steps=5).fit(X, y)
    assert reader.loss(X, y.astype(kind)) == reader.loss(X, y)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("learner", [Perceptron, Logistic])
def test_inputs_that_are_not_finite_are_refused(learner, value, examples):
    X, y = examples
    sick = X.copy()
    sick[1, 0] = value
    ready = learner().fit(X, y)
    for use in (lambda: learner().fit(sick, y), lambda: ready.predict(sick)):
        with pytest.raises(ValueError, match="X must be finite"):
            use()


@pytest.mark.parametrize("X", [[["a", "b"]], [[None, 1]]])
def test_inputs_that_are_no_numbers_are_refused(X):
    with pytest.raises(TypeError, match="X must be real numbers"):
        Perceptron().fit(X, [1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Perceptron(epochs="3"), "epochs must be a whole number"),
        (lambda: Logistic(steps=2.5), "steps must be a whole number"),
        (lambda: Logistic(rate="1"), "rate must be a number above 0, got '1'"),
        (lambda: Logistic(rate=None), "rate must be a number above 0, got None"),
    ],
)
def test_a_setting_that_is_no_number_is_named(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_a_rate_that_goes_uphill_is_refused():
    with pytest.raises(ValueError, match="rate must be above 0, got -1"):
        Logistic(rate=-1)


def test_counts_equal_scikit_learns():
    texts = ["not good but not bad", "good good", ""]
    theirs = CountVectorizer().fit(texts)
    words = list(theirs.get_feature_names_out())
    ours = count_words([text.split() for text in texts], words)
    np.testing.assert_array_equal(ours, theirs.transform(texts).toarray())


def test_counting_forgets_the_order_of_words():
    one, other = count_words([["not", "good"], ["good", "not"]], ["good", "not"])
    np.testing.assert_array_equal(one, other)


def test_a_word_that_is_not_listed_is_not_counted():
    assert count_words([["unheard"]], ["good"]).sum() == 0


def test_a_word_listed_twice_is_named():
    with pytest.raises(ValueError, match="'good' twice"):
        count_words([["good"]], ["good", "bad", "good"])
