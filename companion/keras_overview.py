"""Readers in Keras, a layer and a loss that it lacks, and long runs on reviews."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from companion.data import grammar, real
from companion.runtime import seeded
from companion.text import Tokenizer, pad_sequences

__all__ = ["NoisyCrossentropy", "WeightedMean", "classifier", "imdb", "padding"]

# What makes one vector, (B, width), of the vectors of a review's words, (B, T, width).
READERS: dict[str, Callable[[int], list[Any]]] = {
    "bag of words": lambda width: [layers.GlobalAveragePooling1D()],
    "weighted mean": lambda width: [WeightedMean()],
    "CNN": lambda width: [
        layers.Conv1D(width, 3, padding="same", activation="relu"),
        layers.GlobalMaxPooling1D(),
    ],
    "LSTM": lambda width: [layers.LSTM(width)],
    "GRU": lambda width: [layers.GRU(width)],
}
SLOW = {"LSTM": 2e-3, "GRU": 2e-3}  # learning rates on IMDB; 1e-2 for the others


def classifier(name: str, *, vocabulary_size: int, width: int = 32) -> Any:
    """Make a model that gives the probability that a review is positive.

    Word numbers become vectors, a reader makes one vector of them, and a neuron judges it. Only
    the reader differs. All skip padding, which is number 0, but the CNN: it cannot, and takes
    padding for a word.

    Parameters
    ----------
    name
        ``"bag of words"``, ``"weighted mean"``, ``"CNN"``, ``"LSTM"`` or ``"GRU"``.
    vocabulary_size
        V, one more than the highest word number.
    width
        How many numbers a word's vector has, and the vector that the reader makes.

    Returns
    -------
    keras.Sequential
        Not compiled. Takes ids (B, T), gives probabilities (B, 1). For a row of padding alone the
        bag of words gives NaN.

    Raises
    ------
    ValueError
        If the name is none of these, or a size is not a whole number above 0.

    Examples
    --------
    >>> model = classifier("GRU", vocabulary_size=2000)
    >>> model(np.array([[0, 0, 4, 7], [5, 1, 3, 9]])).shape  # (B, T) -> (B, 1)
    torch.Size([2, 1])
    """
    if name not in tuple(READERS):
        raise ValueError(f"name must be one of {', '.join(READERS)}, got {name!r}")
    for size, value in (("vocabulary_size", vocabulary_size), ("width", width)):
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{size} must be a whole number above 0, got {value!r}")
    return keras.Sequential(
        [
            layers.Input((None,), dtype="int32"),
            layers.Embedding(int(vocabulary_size), int(width), mask_zero=name != "CNN"),
            *READERS[name](int(width)),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


@keras.saving.register_keras_serializable(package="companion")
class WeightedMean(layers.Layer):
    r"""Mean over the words of a review, in which the layer learns how much a word counts.

    .. math:: y = \frac{\sum_t a_t x_t}{\sum_t a_t}, \qquad a_t = \sigma(w \cdot x_t + b)

    At first all words count alike, as in ``GlobalAveragePooling1D``. Padding never counts, and a
    review of padding alone gives zeros.

    Examples
    --------
    >>> mean = WeightedMean()
    >>> mean(np.array([[[1.0], [3.0], [9.0]]]), mask=np.array([[True, True, False]]))  # (B, D)
    tensor([[2.]], grad_fn=<DivBackward0>)
    """

    def build(self, shape: Sequence[int]) -> None:
        """Make the weights for word vectors with ``shape[-1]`` entries."""
        self.w = self.add_weight(shape=(shape[-1], 1), initializer="zeros")
        self.b = self.add_weight(shape=(1,), initializer="zeros")

    def shares(self, x: Any) -> Any:
        """Return how much each word counts, from 0 to 1: (B, T, D) -> (B, T, 1)."""
        return ops.sigmoid(ops.matmul(x, self.w) + self.b)

    def call(self, x: Any, mask: Any = None) -> Any:
        """Return the means, (B, T, D) -> (B, D); the mask (B, T) is True at words."""
        shares = self.shares(x)
        if mask is not None:
            shares = shares * ops.cast(mask, shares.dtype)[..., None]
        total = ops.sum(shares, axis=1)  # (B, 1), 0 where all is padding
        return ops.sum(shares * x, axis=1) / ops.maximum(total, 1e-7)

    def compute_mask(self, x: Any, mask: Any = None) -> None:
        """Tell the next layer that no padding is left."""


@keras.saving.register_keras_serializable(package="companion")
class NoisyCrossentropy(keras.losses.Loss):
    r"""Cross-entropy for labels of which a known share is wrong.

    .. math:: L = -\log q, \qquad q = (1 - \varepsilon)\,p_y + \varepsilon\,(1 - p_y)

    Here :math:`p_y` is the probability that the model gives to the label y; :math:`q` is the
    probability that the label *says* y, true or not. The model's p stays one about the truth.

    Parameters
    ----------
    rate
        The share of wrong labels, from 0, which is cross-entropy, to below 0.5.
    **options
        ``name`` and ``reduction``, as for every loss of Keras.

    Raises
    ------
    ValueError
        If the rate is none of these.

    References
    ----------
    Patrini et al. (2017), Making deep neural networks robust to label noise: the forward
    correction.

    Examples
    --------
    >>> loss = NoisyCrossentropy(rate=0.1)
    >>> round(float(loss([[1.0]], [[0.0]])), 4)  # sure, and contradicted: not infinite, -log 0.1
    2.3026
    """

    def __init__(self, rate: float, **options: Any) -> None:
        if not isinstance(rate, int | float) or not 0 <= rate < 0.5:
            raise ValueError(f"rate must be a number from 0 to below 0.5, got {rate!r}")
        super().__init__(**options)
        self.rate = rate

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each review: labels (B, 1) or (B,), probabilities (B, 1) -> (B,)."""
        p = ops.reshape(y_pred, (-1,))
        says_1 = (1 - self.rate) * p + self.rate * (1 - p)
        q = ops.where(ops.reshape(y_true, (-1,)) == 1, says_1, 1 - says_1)
        return -ops.log(ops.maximum(q, keras.config.epsilon()))

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal loss, for ``model.save``."""
        return {**super().get_config(), "rate": self.rate}


def imdb(
    *,
    vocabulary_size: int = 20_000,
    length: int = 200,
    held_back: int = 5_000,
    seeds: Sequence[int] = (0, 1, 2),
) -> dict[str, list[float]]:
    """Let the classifiers, and two linear ones, judge the film reviews of IMDB.

    The classifiers read the last ``length`` words of a review. The linear ones count words, or
    words and pairs of words, in all of it. All learn from the same training reviews; those held
    back say when to stop, and the learning rates were chosen on them. One core takes ten minutes.

    Parameters
    ----------
    vocabulary_size
        V: padding, "unknown", and the V - 2 most frequent words.
    length
        T, in words.
    held_back
        How many training reviews not to train on.
    seeds
        One training for each. The linear ones know no chance.

    Returns
    -------
    dict
        ``"NAME accuracy"`` on the test reviews, ``"NAME time"`` of training, in multiples of the
        shortest, and ``"NAME parameters"``. The linear ones are called
        ``"linear, words"`` and ``"linear, pairs"``.

    Raises
    ------
    NotThere
        If the reviews are not there.
    """
    texts, labels = _reviews("train")
    with seeded(0) as rng:
        order = rng.permutation(len(texts))  # they come sorted by label
    rows = order[held_back:], order[:held_back]
    parts = [*(([texts[i] for i in part], labels[part]) for part in rows), _reviews("test")]
    tokenizer = Tokenizer(vocabulary_size, oov_token="<unk>")
    tokenizer.fit_on_texts(parts[0][0])
    training, validation, test = (
        (pad_sequences(tokenizer.texts_to_sequences(texts), length), labels)
        for texts, labels in parts
    )
    found: dict[str, list[float]] = {}
    for name in READERS:
        for seed in seeds:
            with seeded(seed):
                model = classifier(name, vocabulary_size=vocabulary_size)
                seconds = _train(model, SLOW.get(name, 1e-2), training, validation)
            found.setdefault(f"{name} time", []).append(seconds)
            accuracy = model.evaluate(*test, batch_size=512, verbose=0)[1]
            found.setdefault(f"{name} accuracy", []).append(accuracy)
        found[f"{name} parameters"] = [model.count_params()]
    found |= _linear(parts[0], parts[2])
    times = {key: found[key] for key in found if key.endswith("time")}
    shortest = min(map(min, times.values()))
    return found | {key: [t / shortest for t in times[key]] for key in times}


def padding(
    *, reviews: int = 4_000, lengths: Sequence[int] = (50, 120), seeds: Sequence[int] = range(5)
) -> dict[str, list[float]]:
    """Train an LSTM with padding before or behind, with and without a mask, on generated reviews.

    Parameters
    ----------
    reviews
        How many to train on, four times. Half as many test it.
    lengths
        T, to which the rows are padded or cut.
    seeds
        One training for each.

    Returns
    -------
    dict
        For each length and each of the four ways: the accuracies on the test reviews.
    """
    texts = grammar.reviews(reviews + reviews // 2, seed=1)
    labels = np.array([review.label for review in texts])
    tokenizer = Tokenizer(oov_token="<unk>")
    tokenizer.fit_on_texts([review.text for review in texts[:reviews]])
    ids = tokenizer.texts_to_sequences([review.text for review in texts])
    found: dict[str, list[float]] = {}
    ways = itertools.product(lengths, (("before", "pre"), ("behind", "post")), (True, False), seeds)
    for length, (where, side), mask, seed in ways:
        x = pad_sequences(ids, length, padding=side)
        with seeded(seed):
            embed = layers.Embedding(len(tokenizer.word_index) + 1, 32, mask_zero=mask)
            judge = layers.Dense(1, activation="sigmoid")
            model = keras.Sequential([embed, *READERS["LSTM"](32), judge])
            model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
            model.fit(x[:reviews], labels[:reviews], epochs=4, batch_size=100, verbose=0)
        p = model.predict(x[reviews:], batch_size=500, verbose=0)[:, 0]
        key = f"{length} numbers, zeros {where}, {'mask' if mask else 'no mask'}"
        found.setdefault(key, []).append(float(np.mean((p > 0.5) == labels[reviews:])))
    return found


def _reviews(part: str) -> tuple[list[str], NDArray[Any]]:
    """Return the texts, without the line breaks of the web page, and the labels."""
    reviews = real.load("stanfordnlp/imdb", part)
    return [text.replace("<br />", " ") for text in reviews["text"]], np.array(reviews["label"])


def _train(
    model: Any, rate: float, training: tuple[Any, Any], validation: tuple[Any, Any]
) -> float:
    """Train until the validation loss rises, go back to the best epoch, and return the seconds."""
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    options = {"epochs": 30, "batch_size": 512, "callbacks": [stop], "verbose": 0}
    start = time.perf_counter()
    model.fit(*training, validation_data=validation, **options)
    return time.perf_counter() - start


def _linear(training: tuple[Any, Any], test: tuple[Any, Any]) -> dict[str, list[float]]:
    """Weigh the counts of words, or of words and pairs of words, the rare ones up, and add."""
    found: dict[str, list[float]] = {}
    for name, longest in (("linear, words", 1), ("linear, pairs", 2)):
        counts = TfidfVectorizer(ngram_range=(1, longest), min_df=5, sublinear_tf=True)
        model = make_pipeline(counts, LogisticRegression(C=10))
        start = time.perf_counter()
        model.fit(*training)
        found[f"{name} time"] = [time.perf_counter() - start]
        found[f"{name} accuracy"] = [model.score(*test)]
        found[f"{name} parameters"] = [model[-1].n_features_in_ + 1]
    return found
