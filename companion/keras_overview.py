"""Readers in Keras, and a layer and a loss that it lacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers, ops

from companion.runtime import whole

__all__ = ["NoisyCrossentropy", "WeightedMean", "classifier"]

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
    TypeError
        If a size is no whole number.
    ValueError
        If the name is none of these, or a size is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> model = classifier("GRU", vocabulary_size=2000)
    >>> model(np.array([[0, 0, 4, 7], [5, 1, 3, 9]])).shape  # (B, T) -> (B, 1)
    torch.Size([2, 1])
    """
    if name not in tuple(READERS):
        raise ValueError(f"name must be one of {', '.join(READERS)}, got {name!r}")
    vocabulary_size = whole("vocabulary_size", vocabulary_size, 1)
    width = whole("width", width, 1)
    return keras.Sequential(
        [
            layers.Input((None,), dtype="int32"),
            layers.Embedding(vocabulary_size, width, mask_zero=name != "CNN"),
            *READERS[name](width),
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
    >>> import numpy as np
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
