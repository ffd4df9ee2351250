"""Counts, means, losses and pools, what slips make of them, and a careful hand for Keras."""

from __future__ import annotations

import contextlib
import re
import textwrap
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from companion.checks._compare import FAULTS, close, numbers, refuse, refuse_if

Array = NDArray[Any]


def _gate(D: int, H: int) -> int:
    return D * H + H * H + H


def count(V: int, D: int, H: int) -> int:
    """Return how many numbers an embedding, an LSTM and a last layer learn."""
    return V * D + 4 * _gate(D, H) + H + 1


SLIPS_OF_COUNTING = {
    "You count two biases for each gate, as PyTorch has. Keras has one.": (
        lambda V, D, H: count(V, D, H) + 4 * H
    ),
    "You count one gate. There are three and a candidate, with weights of their own.": (
        lambda V, D, H: count(V, D, H) - 3 * _gate(D, H)
    ),
    "You count three. That is a GRU; an LSTM has one more.": (
        lambda V, D, H: count(V, D, H) - _gate(D, H)
    ),
    "The LSTM's biases are missing.": lambda V, D, H: count(V, D, H) - 4 * H,
    "You count one bias for each gate. Each of its H numbers has one.": (
        lambda V, D, H: count(V, D, H) - 4 * H + 4
    ),
    "The embedding is missing, and it is most of the model.": (
        lambda V, D, H: count(V, D, H) - V * D
    ),
    "The LSTM is missing.": lambda V, D, H: V * D + H + 1,
    "The bias of the last layer is missing.": lambda V, D, H: count(V, D, H) - 1,
    "The last layer is missing.": lambda V, D, H: count(V, D, H) - H - 1,
    "The LSTM also has weights on its own last state.": (
        lambda V, D, H: count(V, D, H) - 4 * H * H
    ),
    "The LSTM also has weights on the word that comes in.": (
        lambda V, D, H: count(V, D, H) - 4 * D * H
    ),
    "You swap D and H in the LSTM: it has H units.": (
        lambda V, D, H: count(V, D, H) + 4 * (_gate(H, D) - _gate(D, H))
    ),
    "A vector of the embedding has D numbers, not H.": (
        lambda V, D, H: count(V, D, H) - V * D + V * H
    ),
    "The last layer reads the state, which has H numbers, not D.": (
        lambda V, D, H: count(V, D, H) - H + D
    ),
    "One row too many in the embedding: V counts padding already.": (
        lambda V, D, H: count(V, D, H) + D
    ),
    "Two rows too many in the embedding: V counts padding and unknown words already.": (
        lambda V, D, H: count(V, D, H) + 2 * D
    ),
}


def mean_of_words(x: Array, ids: Array) -> Array:
    """Return the mean of the vectors of the words, 0 where there are none."""
    return _sum(x, ids != 0) / np.maximum(_words(ids), 1)


def _sum(x: Array, weights: Array) -> Array:
    return np.asarray((x * weights[:, :, None]).sum(axis=1))


def _words(ids: Array) -> Array:
    return np.asarray((ids != 0).sum(axis=1)[:, None])


SLIPS_OF_MEANS = {
    "You divide by the padded length. Padding is no word.": (
        lambda x, ids: _sum(x, ids != 0) / ids.shape[1]
    ),
    "Padding takes part in your mean: `ids` says where there is a word.": (
        lambda x, ids: x.mean(axis=1)
    ),
    "You count the words, but sum padding's vectors too. They are not 0.": (
        lambda x, ids: x.sum(axis=1) / _words(ids)
    ),
    "This is the sum over the words. Divide it.": lambda x, ids: _sum(x, ids != 0),
    "You divide by the words of the whole batch. Each text has its own.": (
        lambda x, ids: _sum(x, ids != 0) / _words(ids).sum()
    ),
    "You multiply by the ids. They are names: only 0 or not 0 matters.": (
        lambda x, ids: _sum(x, ids) / _words(ids)
    ),
    "The ids are weights here. They are names: only 0 or not 0 matters.": (
        lambda x, ids: _sum(x, ids) / ids.sum(axis=1)[:, None]
    ),
    "You count from the start of a row. Padding may stand there.": (
        lambda x, ids: np.stack(
            [row[:n].mean(axis=0) for row, (n,) in zip(x, _words(ids), strict=True)]
        )
    ),
    "You leave out the words with number 1. Only 0 is padding.": (
        lambda x, ids: _sum(x, ids > 1) / np.maximum((ids > 1).sum(axis=1)[:, None], 1)
    ),
    "You sum the words with a number above 1, but count all words. Only 0 is padding.": (
        lambda x, ids: _sum(x, ids > 1) / _words(ids)
    ),
    "You divide by a word too many.": lambda x, ids: _sum(x, ids != 0) / (_words(ids) + 1),
    "You divide by 2 where a text has one word. Only where it has none is there no number to "
    "divide by.": lambda x, ids: _sum(x, ids != 0) / np.maximum(_words(ids), 2),
}


def confusion(p: Array, labels: Array, threshold: float) -> Array:
    """Count the pairs: rows are truths, columns guesses."""
    guess = p[:, 0] >= threshold
    pairs = [np.sum((labels == i) & (guess == j)) for i in (0, 1) for j in (0, 1)]
    return np.reshape(pairs, (2, 2))


def share_of_right(p: Array, labels: Array, threshold: float) -> Any:
    """Return the share of right guesses."""
    return np.trace(confusion(p, labels, threshold)) / len(labels)


def _crossed(*case: Any) -> Array:
    """Count as if every label met every guess."""
    counts = confusion(*case)
    return np.outer(counts.sum(axis=1), counts.sum(axis=0))


_CROSSED = "`{}` looks at N times N pairs for N reviews: (N, 1) and (N,) broadcast to (N, N)."
SLIPS_OF_MATRIX: dict[str, Callable[..., Any]] = {
    _CROSSED.format("matrix"): _crossed,
    "Rows and columns are swapped: a row is a truth, a column a guess.": (
        lambda *case: confusion(*case).T
    ),
    "A probability at the threshold counts as good. Yours counts it as bad.": (
        lambda p, labels, threshold: confusion(p, labels, np.nextafter(threshold, 1))
    ),
    "The threshold is fixed in your code. Use the one that is given.": (
        lambda p, labels, threshold: confusion(p, labels, 0.5)
    ),
    "The threshold is fixed in your code, and `round` makes 0.5 a 0.": (
        lambda p, labels, threshold: confusion(np.asarray(np.round(p)), labels, 0.5)
    ),
    "Label 1 comes first in your matrix. Row 0, column 0 belong to label 0.": (
        lambda *case: confusion(*case)[::-1, ::-1]
    ),
    "You guess 1 where the probability is below the threshold.": (
        lambda *case: confusion(*case)[:, ::-1]
    ),
    "The matrix holds counts; yours holds shares.": (
        lambda p, labels, threshold: confusion(p, labels, threshold) / len(labels)
    ),
}
SLIPS_OF_ACCURACY: dict[str, Callable[..., Any]] = {
    _CROSSED.format("accuracy"): (
        lambda p, labels, threshold: np.trace(_crossed(p, labels, threshold)) / len(labels) ** 2
    ),
    "`accuracy` is a share, from 0 to 1. Yours is a count.": (
        lambda *case: np.trace(confusion(*case))
    ),
    "`accuracy` is a share, from 0 to 1. Yours is in percent.": lambda *case: (
        100 * share_of_right(*case)
    ),
    "`accuracy` takes 0.5 for the threshold. Use the one that is given.": (
        lambda p, labels, threshold: share_of_right(p, labels, 0.5)
    ),
    "`accuracy` counts a probability at the threshold as bad. It counts as good.": (
        lambda p, labels, threshold: share_of_right(p, labels, np.nextafter(threshold, 1))
    ),
    "This is the share of wrong guesses.": lambda *case: 1 - share_of_right(*case),
    "This is precision: it looks at good guesses only.": (
        lambda *case: confusion(*case)[1, 1] / confusion(*case)[:, 1].sum()
    ),
    "This is recall: it looks at good reviews only.": (
        lambda *case: confusion(*case)[1, 1] / confusion(*case)[1].sum()
    ),
}


def _right(p: Array, y: Array) -> Array:
    """Return the probability that the guess gave to the truth."""
    return np.where(y == 1, p, 1 - p)


SLIPS_OF_LOSSES: dict[str, Callable[[Array, Array, float], Array]] = {
    "This is cross-entropy: its factor (1 - q)^gamma is missing.": (
        lambda p, y, gamma: focal(p, y, 0.0)
    ),
    "Turned round: your factor is large where the guess is right.": (
        lambda p, y, gamma: _right(p, y) ** gamma * -np.log(_right(p, y))
    ),
    "You swap the labels: q belongs to what is true.": lambda p, y, gamma: focal(p, 1 - y, gamma),
    "Your gamma stays 2. Use the one that is given.": lambda p, y, gamma: focal(p, y, 2.0),
    "You multiply by gamma. It is an exponent.": (
        lambda p, y, gamma: (1 - _right(p, y)) * gamma * -np.log(_right(p, y))
    ),
    "Reviews with label 0 cost nothing in your loss.": lambda p, y, gamma: focal(p, y, gamma) * y,
    "Reviews with label 1 cost nothing in your loss.": (
        lambda p, y, gamma: focal(p, y, gamma) * (1 - y)
    ),
    "You take p for q. For label 0 the truth was given 1 - p.": (
        lambda p, y, gamma: focal(p, 1 + 0 * y, gamma)
    ),
    "A sigmoid too many: y_pred holds probabilities already.": (
        lambda p, y, gamma: focal(1 / (1 + np.exp(-p)), y, gamma)
    ),
    "The factor is there, the logarithm is not.": lambda p, y, gamma: (1 - _right(p, y)) ** gamma,
    "The factor takes the power of p. It is 1 - q that it asks.": (
        lambda p, y, gamma: (1 - p) ** gamma * -np.log(_right(p, y))
    ),
}


def focal(p: Array, y: Array, gamma: float) -> Array:
    """Return the focal loss of each guess."""
    q = _right(p, y)
    return np.asarray((1 - q) ** gamma * -np.log(q))


def tensor(values: Any, *, leaf: bool = False) -> Any:
    """Make a Keras tensor, one that asks for its gradient if it is a leaf."""
    from keras import ops

    dtype = "bool" if values.dtype == bool else "float32"
    return ops.convert_to_tensor(values, dtype).requires_grad_(leaf)


def go_back(loss: Any) -> None:
    """Bring the gradient of the summed losses back, where there is a way."""
    if getattr(loss, "requires_grad", False):
        careful("backward()", lambda: loss.sum().backward())


def still_open(layer: Any, x: Array, keep: Array) -> list[str]:
    """Return the methods that are as the stub has them."""
    given: dict[str, Callable[[], Any]] = {
        "build": lambda: type(layer).build(layer, (None, None, 3)),
        "call": lambda: type(layer).call(layer, tensor(x), mask=tensor(keep)),
        "get_config": lambda: type(layer).get_config(layer),
    }
    still = []
    for name, method in given.items():
        with contextlib.suppress(*FAULTS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            still += [f"`{name}`"] * (method() is ...)
    return still


def only_weight(layer: Any) -> Any:
    """Return the one weight, with a number for each of the 3 features, all at 2."""
    sizes = [int(np.prod(weight.shape)) for weight in layer.trainable_weights]
    refuse_if(not sizes, "Your layer's weight is not trainable: no optimizer will move it.")
    refuse_if(sizes == [1], "One sharpness for all features. Asked is one for each of the D.")
    shapes = f"For x with 3 features asked is one weight with 3 numbers; yours have {sizes}."
    refuse_if(sizes != [3], shapes)
    weight = layer.trainable_weights[0]
    refuse_if(not begins_at(2.0, weight), "The weight does not begin at `start`.")
    return weight


def begins_at(start: float, weight: Any) -> bool:
    """Say whether all numbers of a weight are this one."""
    return close(numbers(weight.value), np.full(weight.shape, start))


def slopes_of(result: Any, x: Any, weight: Any) -> dict[str, Array]:
    """Bring the gradient of the sum back to the words and to the weight."""
    leaves = {"x": x, "the weight": weight.value}
    if not getattr(result, "requires_grad", False):
        return {name: np.zeros(leaf.shape) for name, leaf in leaves.items()}
    slopes = careful(
        "backward()",
        lambda: torch.autograd.grad(result.sum(), list(leaves.values()), materialize_grads=True),
    )
    return {name: numbers(slope) for name, slope in zip(leaves, slopes, strict=True)}


def pool(scores: Array, x: Array, keep: Array) -> Array:
    """Weigh x by the softmax of its scores over the words, and sum."""
    scores = np.where(keep[:, :, None], scores, -1e9)
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray((odds / odds.sum(axis=1, keepdims=True) * x).sum(axis=1))


def slips_of_pooling(s: Array, x: Array, keep: Array) -> dict[str, Array]:
    """Say what typical slips make of a batch."""
    every, words, odds = np.ones_like(keep), keep[:, :, None], np.exp(s * x)
    want, late = pool(s * x, x, keep), odds / odds.sum(axis=1, keepdims=True) * words
    across = odds / odds.sum(axis=2, keepdims=True) * words
    score = (s * x).sum(axis=2, keepdims=True)  # (B, T, 1)
    return {
        "The mask takes no part: padding has a share in your result.": pool(s * x, x, every),
        "You mask after the softmax: the shares no longer sum to 1.": (late * x).sum(axis=1),
        "A score of 0 is a score: e^0 is 1, so padding has a share.": pool(s * x * words, x, every),
        "The mask is turned round: only padding has a share.": pool(s * x, x, ~keep),
        "Your softmax runs over the features. It is the words that compete.": (across * x).sum(1),
        "The weight takes no part: this is what s = 1 gives.": pool(x, x, keep),
        "You use `start`, which never learns, and not the weight.": pool(2 * x, x, keep),
        "A word gets one score here. Asked is one for each of its features.": pool(score, x, keep),
        "You average the scores. The shares are there to average x.": want * s,
        "You divide by T, but the shares sum to 1 already.": want / x.shape[1],
    }


def careful(what: str, step: Callable[[], Any]) -> Any:
    """Take a step that runs through Keras and the learner's code; say so where it stops."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return step()
    except FAULTS as fault:
        # Keras tells what happened between what it did and what it was given.
        said = re.sub(r"(?s).*(Exception encountered: |\x1b\[1m)|\x1b\[0m.*", "", str(fault))
        said = textwrap.shorten(said, 160, placeholder=" ...")
        refuse(f"`{what}` stopped with {type(fault).__name__}: {said}")
