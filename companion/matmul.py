"""One product of two matrices, and what it can do: a layer, a perceptron, a reader of reviews."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion._numbers import finite, number, wide
from companion.runtime import as_array, whole

__all__ = [
    "Layer",
    "Logistic",
    "Perceptron",
    "count_words",
    "fold",
    "forward",
    "product",
    "relu",
    "sigmoid",
]

Array = NDArray[Any]


def product(a: ArrayLike, b: ArrayLike) -> Array:
    """Multiply two matrices, term by term, in three loops.

    Parameters
    ----------
    a, b
        Shapes (N, D) and (D, H).

    Returns
    -------
    ndarray
        Shape (N, H). The number in row n and column h is the sum over d of
        ``a[n, d] * b[d, h]``.

    Raises
    ------
    ValueError
        If one is no matrix, or a row of ``a`` is not as long as a column of ``b``.

    Examples
    --------
    >>> product([[1, 2]], [[3, 4], [5, 6]])  # (1, 2) @ (2, 2)
    array([[13., 16.]])
    """
    a, b = wide(as_array(a)), wide(as_array(b))
    _fit_together(a, b)
    (N, D), H = a.shape, b.shape[1]
    z = np.zeros((N, H))
    for n in range(N):  # a row of a
        for h in range(H):  # a column of b
            for d in range(D):  # along both
                z[n, h] += a[n, d] * b[d, h]
    return z


def _fit_together(a: Array, b: Array) -> None:
    """Refuse two arrays that have no product."""
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ValueError(f"a product needs shapes (N, D) and (D, H), got {a.shape} and {b.shape}")


def relu(z: ArrayLike) -> Array:
    """Return max(0, z) of each number, in the shape of ``z``."""
    return np.asarray(np.maximum(as_array(z), 0))


def sigmoid(z: ArrayLike) -> Array:
    """Return 1 / (1 + exp(-z)) of each number, in the shape of ``z``, without overflow."""
    z = wide(as_array(z))
    small = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1, small) / (1 + small))


class Layer(NamedTuple):
    """The weights and the biases of a layer: XW + b.

    Attributes
    ----------
    W
        Shape (D, H), one column for each neuron.
    b
        Shape (H,).
    """

    W: Array
    b: Array


def forward(
    X: ArrayLike, layers: Sequence[Layer], *, activation: Callable[[Array], Array] = relu
) -> Array:
    """Send rows through layers, with an activation after each but the last.

    Parameters
    ----------
    X
        Shape (N, D).
    layers
        The outputs of one are the inputs of the next.
    activation
        What bends the outputs of a hidden layer, number by number.

    Returns
    -------
    ndarray
        The outputs of the last layer, shape (N, K).

    Raises
    ------
    ValueError
        If there is no layer, or one does not fit to what comes in.

    Examples
    --------
    >>> ramp, half = Layer(np.ones((1, 1)), -np.ones(1)), Layer(np.ones((1, 1)) / 2, np.zeros(1))
    >>> forward([[0], [2], [5]], [ramp, half])  # (3, 1) -> (3, 1)
    array([[0. ],
           [0.5],
           [2. ]])
    """
    if not layers:
        raise ValueError("forward needs at least one layer, got none")
    h = wide(as_array(X))
    for i, (W, b) in enumerate(map(_wide_layer, layers)):
        _fit_together(h, W)
        h = activation(h) if i else h
        h = h @ W + b
    return h


def fold(layers: Sequence[Layer]) -> Layer:
    """Return the one layer that does what several do with no activation between them.

    (XV + a)W + b = X(VW) + (aW + b)

    Parameters
    ----------
    layers
        At least one; the outputs of one are the inputs of the next.

    Raises
    ------
    ValueError
        If there is no layer, or one does not fit to the one before.

    Examples
    --------
    >>> W, b = fold([Layer(np.eye(2), np.ones(2)), Layer(2 * np.eye(2), np.zeros(2))])
    >>> b
    array([2., 2.])
    """
    if not layers:
        raise ValueError("fold needs at least one layer, got none")
    (V, a), *others = map(_wide_layer, layers)
    for W, b in others:
        _fit_together(V, W)
        V, a = V @ W, a @ W + b
    return Layer(V, a)


def _wide_layer(layer: Layer) -> Layer:
    """Return a layer whose whole numbers have room for sums of products."""
    return Layer(*(wide(as_array(part)) for part in layer))


def _check_inputs(X: ArrayLike) -> Array:
    """Return inputs as an array, or refuse what is no number."""
    return finite("X", as_array(X))


def _check_examples(X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Return examples (N, D) and their labels (N,), or say what is wrong with them."""
    X, y = as_array(X), wide(as_array(y))
    if X.ndim != 2 or y.shape != X.shape[:1]:
        raise ValueError(f"X and y must have shapes (N, D) and (N,), got {X.shape} and {y.shape}")
    if not np.isin(y, (0, 1)).all():
        raise ValueError(f"labels must be 0 or 1, got {sorted(set(y.tolist()), key=str)[:5]}")
    return _check_inputs(X), y


class _Linear:
    """Something that scores rows by one product; both learners below are this."""

    weights_: Array
    bias_: float

    def score(self, X: ArrayLike) -> Array:
        """Return Xw + b, shape (N,)."""
        return self._score(_check_inputs(X))

    def _score(self, X: Array) -> Array:
        """Return Xw + b of inputs that were looked at before."""
        return X @ self.weights_ + self.bias_

    def predict(self, X: ArrayLike) -> Array:
        """Return 1 where the score is above 0, else 0, shape (N,)."""
        return (self.score(X) > 0).astype(int)


class Perceptron(_Linear):
    """A neuron that learns from its mistakes, by Rosenblatt's rule.

    It looks at one example after the other. Where its score has the wrong sign, or is 0, it adds
    the example to its weights if the label is 1, and takes it away if the label is 0.

    Parameters
    ----------
    epochs
        How often it goes through the examples at most. It stops after an epoch without mistakes.

    Attributes
    ----------
    weights_ : ndarray
        Shape (D,).
    bias_ : float
        Learns as the weight of an input that is always 1.
    mistakes_ : list of int
        How many it made in each epoch.

    References
    ----------
    Rosenblatt (1958). The chapter on matrix products.

    Examples
    --------
    >>> X = [[0, 0], [0, 1], [1, 0], [1, 1]]  # (4, 2)
    >>> both = Perceptron().fit(X, [0, 0, 0, 1])
    >>> both.predict(X), both.mistakes_[-1]
    (array([0, 0, 0, 1]), 0)
    """

    def __init__(self, *, epochs: int = 100) -> None:
        self.epochs = whole("epochs", epochs, 1)

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from examples, in the order in which they come.

        Parameters
        ----------
        X
            Shape (N, D).
        y
            Labels 0 or 1, shape (N,).

        Raises
        ------
        ValueError
            If the shapes do not fit, an input is not finite, or a label is neither 0 nor 1.
        """
        X, y = _check_examples(X, y)
        self.weights_, self.bias_ = np.zeros(X.shape[1]), 0.0
        self.mistakes_: list[int] = []
        for _ in range(self.epochs):
            mistakes = 0
            for x, sign in zip(X, 2 * y - 1, strict=True):  # 0, 1 to -1, 1
                if sign * (x @ self.weights_ + self.bias_) <= 0:
                    self.weights_ += sign * x
                    self.bias_ += sign
                    mistakes += 1
            self.mistakes_.append(mistakes)
            if not mistakes:
                break
        return self


def _mean_loss(z: Array, y: Array) -> float:
    """Return the loss of scores with their labels, both of shape (N,)."""
    return float(np.logaddexp(0, (1 - 2 * y) * z).mean())


class Logistic(_Linear):
    """A neuron with a sigmoid, which learns by going downhill on its loss.

    One step: w becomes w - rate * X'(p - y) / N, with p the probabilities of label 1 now.

    Parameters
    ----------
    rate
        How long a step is, above 0.
    steps
        How many.

    Attributes
    ----------
    weights_ : ndarray
        Shape (D,).
    bias_ : float
        Learns as the weight of an input that is always 1.
    losses_ : list of float
        The loss before each step, in nats.

    Examples
    --------
    >>> reader = Logistic(steps=20).fit([[2, 0], [0, 1]], [1, 0])  # (N, D), (N,)
    >>> reader.predict([[1, 0], [0, 3]])
    array([1, 0])
    """

    def __init__(self, *, rate: float = 1.0, steps: int = 100) -> None:
        self.rate = number("rate", rate, "above 0", lambda x: 0 < x < np.inf)
        self.steps = whole("steps", steps, 0)

    def probability(self, X: ArrayLike) -> Array:
        """Return the probability that the label is 1, shape (N,)."""
        return sigmoid(self.score(X))

    def loss(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return the mean of -log p where the label is 1, of -log(1 - p) where it is 0."""
        X, y = _check_examples(X, y)
        return _mean_loss(self._score(X), y)

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from all examples at once, in each step; X, y and errors as ``Perceptron.fit``."""
        X, y = _check_examples(X, y)
        self.weights_, self.bias_ = np.zeros(X.shape[1], np.result_type(X, np.float32)), 0.0
        self.losses_: list[float] = []
        for _ in range(self.steps):
            z = self._score(X)  # (N,)
            self.losses_.append(_mean_loss(z, y))
            off = (sigmoid(z) - y).astype(self.weights_.dtype)  # (N,)
            self.weights_ -= self.rate * (X.T @ off) / len(X)  # (D, N) @ (N,) -> (D,)
            self.bias_ -= self.rate * float(off.mean())
        return self


def count_words(texts: Iterable[Iterable[str]], words: Sequence[str]) -> Array:
    """Count how often each word stands in each text: a bag of words, without order.

    Parameters
    ----------
    texts
        N of them, each a list of words.
    words
        V different ones, one for each column. Others are not counted.

    Returns
    -------
    ndarray
        Shape (N, V), float32.

    Raises
    ------
    ValueError
        If a word stands twice among ``words``.

    Examples
    --------
    >>> count_words([["not", "bad", "not", "good"]], ["bad", "not"])
    array([[1., 2.]], dtype=float32)
    """
    column = {word: i for i, word in enumerate(words)}
    if len(column) < len(words):
        raise ValueError(f"words must differ, got {Counter(words).most_common(1)[0][0]!r} twice")
    bags = [Counter(word for word in text if word in column) for text in texts]
    counts = np.zeros((len(bags), len(words)), np.float32)
    for n, bag in enumerate(bags):
        for word, count in bag.items():
            counts[n, column[word]] = count
    return counts
