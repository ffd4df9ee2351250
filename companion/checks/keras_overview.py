"""Checks on Keras: words to numbers, masks, counts, a loss and a layer of one's own."""

from __future__ import annotations

import contextlib
import re
import tempfile
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from companion.checks._compare import (
    FAULTS,
    close,
    compare,
    compare_cases,
    numbers,
    refuse,
    refuse_if,
)
from companion.checks.pact import Answer, exercise
from companion.text import pad_sequences

Array = NDArray[Any]


@exercise(
    difficulty=1,
    minutes=5,
    hints=[
        "Three steps: one case for all letters, a list of words, a number for each word.",
        "`text.split()` parts a text wherever there is white space, however much of it.",
        "`index.get(word, other)` gives `other` for a word that is not there. Which number of "
        "`index` should that be?",
    ],
)
def encode(answer: Answer) -> None:
    """Words to numbers, unknown ones too."""
    index = {"film": 8, "<unk>": 1, "the": 2, "not": 9, "was": 5, "bad": 12}
    text = "The film was NOT not bad bad bad at all the film"
    words, want = text.lower().split(), np.array([2, 8, 5, 9, 9, 12, 12, 12, 1, 1, 2, 8])
    got = answer(text, index)
    none = "There is a None among the numbers: that is what `get` gives for an unknown word."
    refuse_if(isinstance(got, list) and any(each is None for each in got), none)
    got = numbers(got)
    refuse_if(got.ndim != 1, "Asked is a flat list, a number for each word.")
    again = "A word that comes again gets its number again. Yours drops it."
    refuse_if(got.size in (7, 8, 9), again)  # each once, or neighbours that are equal as one
    refuse_if(got.size == 10, "Yours drops unknown words. Each word gets a number.")
    each = "You give {} numbers for {} words. Each word gets one, an unknown word too."
    refuse_if(got.size != want.size, each.format(got.size, want.size))
    known = want > 1
    new = np.unique(got[~known])
    if np.array_equal(got[known], want[known]) and not np.isin(new, [0, *index.values()]).any():
        refuse("You invent a number for an unknown word. `index` has one for all of them.")
    places = list(index)
    slips: dict[str, Any] = {
        "An unknown word gets 0. That is the number of padding, which is no word.": want * known,
        "Your numbers are one too low: take them from `index` as they are.": want - 1,
        "A word in capitals is not recognized: `index` holds lower case.": np.where(
            [word in index for word in text.split()], want, 1
        ),
        "You count the places in `index`. The numbers are its values.": [
            places.index(word if word in index else "<unk>") for word in words
        ],
    }
    compare(got, want, slips=slips)
    _check_other_texts(answer)


def _check_other_texts(answer: Answer) -> None:
    """Refuse what is right for plain words only."""
    ids = numbers(answer(" A  dull\n\tplot ", {"dull": 1, "a": 2, "<unk>": 3}))
    refuse_if(ids.size > 3, "A second space, or one at the end, is no word.")
    fixed = {"The number of unknown words is fixed in your code. Ask `index`.": [2, 1, 1]}
    compare(ids, [2, 1, 3], slips=fixed, what="the result where <unk> has the number 3")
    ids = numbers(answer("Good, good FILM! don't", {"good": 5, "film": 2, "don't": 3, "<unk>": 6}))
    signs = "You clean signs away. White space alone parts words, and `film!` is not `film`."
    cleaned = ids.size != 4 or ids[2] == 2 or ids[0] == 5
    refuse_if(cleaned, signs)
    compare(ids, [6, 5, 6, 3], what="the result for words with signs")
    refuse_if(
        numbers(answer(" ", index)).size > 0, "Without words the list is empty. Yours is not."
    )


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "One row at a time: first cut, then fill up. After the cut no row is too long.",
        "`row[:n]` keeps the first n entries, `row[-n:]` the last. Which cuts at the start?",
        "`[0] * n` is a list of n zeros; `+` joins lists. Zeros + row, or row + zeros?",
    ],
)
def pad(answer: Answer) -> None:
    """Rows of one length, by hand."""
    ends = ("pre", "post")
    settings = [{"padding": fill, "truncating": cut} for cut in ends for fill in ends]
    settings += [{}, {"padding": "post"}, {"truncating": "post"}]
    for given in settings:
        _check_rows(answer, [[7], [3, 4, 5, 6, 2], [], [5, 1, 6]], 3, given)
        _check_rows(answer, [[2, 9], [1, 8, 3, 4, 5, 6, 7], [3, 1, 2, 7, 6]], 5, given)


def _check_rows(answer: Answer, rows: list[list[int]], length: int, given: dict[str, Any]) -> None:
    """Refuse rows that are not cut or filled up as it was asked."""
    got = answer(rows, length, **given)
    with contextlib.suppress(TypeError):
        for row, made in zip(rows, got, strict=False):
            kept, short = len(made) == len(row) != length, len(row) < length
            refuse_if(kept and not short, "A long row stays long: nothing cuts it.")
            refuse_if(kept and short, "A short row stays short: nothing fills it up.")
            size = f"The row {row} should come out with {length} numbers. Yours has {len(made)}."
            refuse_if(len(made) != length, size)
    want = pad_sequences(rows, length, **given)
    got, filled = numbers(got), want == 0
    refuse_if(
        got.shape == want.shape and close(got[~filled], want[~filled]) and got[filled].all(),
        "The words are right, but you fill up with something else than 0.",
    )
    padding, truncating = (given.get(name, "pre") for name in ("padding", "truncating"))
    other = {"pre": "post", "post": "pre"}
    cut = pad_sequences(rows, length, padding=padding, truncating=other[truncating])
    fill = pad_sequences(rows, length, padding=other[padding], truncating=truncating)
    asked = "With " + ", ".join(f"{name}={end!r}" for name, end in given.items())
    asked = asked if given else "Where neither `padding` nor `truncating` is given"
    first = "" if len(given) == 2 else " What holds then is in the first line of the exercise."
    slips = {
        f"{asked} you cut a long row at the wrong end.{first}": cut,
        f"{asked} you fill a short row up at the wrong end.{first}": fill,
    }
    compare(got, want, slips=slips, what=f"the result for length {length}")


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "One layer at a time. The embedding is a table: how many rows, how many columns?",
        "An LSTM computes four things at each step: three gates and a candidate. Each has weights "
        "on the word, weights on its own state of the step before, and a bias.",
        "One of the four has D * H + H * H + H. The last layer reads the H numbers of the state.",
    ],
)
def count_parameters(answer: Answer) -> None:
    """Count before you build."""
    sizes = (31, 3, 5), (50, 7, 2)
    cases = [
        ("the result for V={}, D={}, H={}".format(*each), answer(*each), each) for each in sizes
    ]
    compare_cases(cases, _count, _SLIPS_OF_COUNTING)


def _gate(D: int, H: int) -> int:
    return D * H + H * H + H


def _count(V: int, D: int, H: int) -> int:
    return V * D + 4 * _gate(D, H) + H + 1


_SLIPS_OF_COUNTING = {
    "You count two biases for each gate, as PyTorch has. Keras has one.": (
        lambda V, D, H: _count(V, D, H) + 4 * H
    ),
    "You count one gate. There are three and a candidate, with weights of their own.": (
        lambda V, D, H: _count(V, D, H) - 3 * _gate(D, H)
    ),
    "You count three. That is a GRU; an LSTM has one more.": (
        lambda V, D, H: _count(V, D, H) - _gate(D, H)
    ),
    "The LSTM's biases are missing.": lambda V, D, H: _count(V, D, H) - 4 * H,
    "You count one bias for each gate. Each of its H numbers has one.": (
        lambda V, D, H: _count(V, D, H) - 4 * H + 4
    ),
    "The embedding is missing, and it is most of the model.": (
        lambda V, D, H: _count(V, D, H) - V * D
    ),
    "The LSTM is missing.": lambda V, D, H: V * D + H + 1,
    "The bias of the last layer is missing.": lambda V, D, H: _count(V, D, H) - 1,
    "The last layer is missing.": lambda V, D, H: _count(V, D, H) - H - 1,
    "The LSTM also has weights on its own last state.": (
        lambda V, D, H: _count(V, D, H) - 4 * H * H
    ),
    "The LSTM also has weights on the word that comes in.": (
        lambda V, D, H: _count(V, D, H) - 4 * D * H
    ),
    "You swap D and H in the LSTM: it has H units.": (
        lambda V, D, H: _count(V, D, H) + 4 * (_gate(H, D) - _gate(D, H))
    ),
    "A vector of the embedding has D numbers, not H.": (
        lambda V, D, H: _count(V, D, H) - V * D + V * H
    ),
    "The last layer reads the state, which has H numbers, not D.": (
        lambda V, D, H: _count(V, D, H) - H + D
    ),
    "One row too many in the embedding: V counts padding already.": (
        lambda V, D, H: _count(V, D, H) + D
    ),
    "Two rows too many in the embedding: V counts padding and unknown words already.": (
        lambda V, D, H: _count(V, D, H) + 2 * D
    ),
}


@exercise(
    difficulty=2,
    minutes=15,
    hints=[
        "Make an array that is 1 where `ids` holds a word, and 0 at padding.",
        "With a third axis, `keep[:, :, None]`, it takes padding's vectors out of a sum over time. "
        "By what do you divide each sum?",
        "By the number of words of each text. Where that is 0 divide by 1: the sum is 0 already.",
    ],
)
def masked_mean(answer: Answer) -> None:
    """A mean without the padding."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(4, 5, 2)).astype(np.float32)
    ids = np.array([[5, 2, 9, 0, 0], [0, 0, 0, 7, 3], [4, 4, 1, 6, 0], [0, 0, 0, 0, 1]])
    far = rng.normal(size=(4, 8, 2)).astype(np.float32)
    far[:, 2:7] = x
    given = {
        "the result": (x, ids),
        "the result with more padding": (far, np.pad(ids, ((0, 0), (2, 1)))),
        "the result for a batch of one": (x[2:3], ids[2:3]),
    }
    cases = [(what, answer(*each), each) for what, each in given.items()]
    compare_cases(cases, _mean, _SLIPS_OF_MEANS)
    ids[[0, 2]] = 0
    got = numbers(answer(x, ids))
    alone = "A text of padding alone gives NaN: no words, so 0/0. Asked are zeros."
    refuse_if(np.isnan(got).any(), alone)
    want = [[0, 0], _mean(x, ids)[1], [0, 0], _mean(x, ids)[3]]
    compare(got, want, what="the result where texts are padding alone")


def _mean(x: Array, ids: Array) -> Array:
    return _sum(x, ids != 0) / np.maximum(_words(ids), 1)


def _sum(x: Array, weights: Array) -> Array:
    return np.asarray((x * weights[:, :, None]).sum(axis=1))


def _words(ids: Array) -> Array:
    return np.asarray((ids != 0).sum(axis=1)[:, None])


_SLIPS_OF_MEANS = {
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


@exercise(
    difficulty=3,
    minutes=15,
    hints=[
        "Print both shapes: one has two axes, the other one. Make them alike, then compare.",
        "A guess is 1 where the probability reaches the threshold. The matrix holds four counts, "
        "one for each pair of truth and guess.",
        "`np.sum((labels == i) & (guess == j))` belongs in row i, column j. Which of the four "
        "counts are right guesses?",
    ],
)
def report(answer: Answer) -> None:
    """From probabilities to a report."""
    p = np.array([[0.9, 0.2, 0.5, 0.6, 0.4, 0.8, 0.1, 0.3, 0.75, 0.25]], dtype=np.float32).T
    labels = np.array([1, 0, 1, 0, 1, 1, 0, 0, 1, 1])
    cases: dict[str, list[Any]] = {"matrix": [], "accuracy": []}
    for case in ((p, labels, 0.5), (p, labels, 0.75), (p[3:], labels[3:], 0.25)):
        results = answer.parts(answer(*case[:2], threshold=case[2]), *cases)
        for name, result in zip(cases, results, strict=True):
            cases[name].append((f"{name} with threshold={case[2]}", result, case))
    compare_cases(cases["matrix"], _confusion, _SLIPS_OF_MATRIX)
    compare_cases(cases["accuracy"], _accuracy, _SLIPS_OF_ACCURACY)
    default = answer.parts(answer(p, labels), *cases)
    right = all(close(part, case[0][1]) for part, case in zip(default, cases.values(), strict=True))
    half = "Where no threshold is given it is 0.5. The first line of the exercise says so."
    refuse_if(not right, half)
    result = answer(p[:1], labels[:1], threshold=0.5)
    matrix, accuracy = answer.parts(result, *cases)
    alone = "With a single review, good and guessed so, the matrix is still 2 by 2, with zeros."
    refuse_if(matrix.shape != (2, 2), alone)
    compare(matrix, [[0, 0], [0, 1]], what="the matrix of a single review")
    compare(accuracy, 1, what="the accuracy of a single review")


def _confusion(p: Array, labels: Array, threshold: float) -> Array:
    """Count the pairs: rows are truths, columns guesses."""
    guess = p[:, 0] >= threshold
    pairs = [np.sum((labels == i) & (guess == j)) for i in (0, 1) for j in (0, 1)]
    return np.reshape(pairs, (2, 2))


def _accuracy(p: Array, labels: Array, threshold: float) -> Any:
    return np.trace(_confusion(p, labels, threshold)) / len(labels)


def _crossed(*case: Any) -> Array:
    """Count as if every label met every guess."""
    counts = _confusion(*case)
    return np.outer(counts.sum(axis=1), counts.sum(axis=0))


_CROSSED = "`{}` looks at N times N pairs for N reviews: (N, 1) and (N,) broadcast to (N, N)."
_SLIPS_OF_MATRIX: dict[str, Callable[..., Any]] = {
    _CROSSED.format("matrix"): _crossed,
    "Rows and columns are swapped: a row is a truth, a column a guess.": (
        lambda *case: _confusion(*case).T
    ),
    "A probability at the threshold counts as good. Yours counts it as bad.": (
        lambda p, labels, threshold: _confusion(p, labels, np.nextafter(threshold, 1))
    ),
    "The threshold is fixed in your code. Use the one that is given.": (
        lambda p, labels, threshold: _confusion(p, labels, 0.5)
    ),
    "The threshold is fixed in your code, and `round` makes 0.5 a 0.": (
        lambda p, labels, threshold: _confusion(np.asarray(np.round(p)), labels, 0.5)
    ),
    "Label 1 comes first in your matrix. Row 0, column 0 belong to label 0.": (
        lambda *case: _confusion(*case)[::-1, ::-1]
    ),
    "You guess 1 where the probability is below the threshold.": (
        lambda *case: _confusion(*case)[:, ::-1]
    ),
    "The matrix holds counts; yours holds shares.": (
        lambda p, labels, threshold: _confusion(p, labels, threshold) / len(labels)
    ),
}
_SLIPS_OF_ACCURACY: dict[str, Callable[..., Any]] = {
    _CROSSED.format("accuracy"): (
        lambda p, labels, threshold: np.trace(_crossed(p, labels, threshold)) / len(labels) ** 2
    ),
    "`accuracy` is a share, from 0 to 1. Yours is a count.": (
        lambda *case: np.trace(_confusion(*case))
    ),
    "`accuracy` is a share, from 0 to 1. Yours is in percent.": lambda *case: (
        100 * _accuracy(*case)
    ),
    "`accuracy` takes 0.5 for the threshold. Use the one that is given.": (
        lambda p, labels, threshold: _accuracy(p, labels, 0.5)
    ),
    "`accuracy` counts a probability at the threshold as bad. It counts as good.": (
        lambda p, labels, threshold: _accuracy(p, labels, np.nextafter(threshold, 1))
    ),
    "This is the share of wrong guesses.": lambda *case: 1 - _accuracy(*case),
    "This is precision: it looks at good guesses only.": (
        lambda *case: _confusion(*case)[1, 1] / _confusion(*case)[:, 1].sum()
    ),
    "This is recall: it looks at good reviews only.": (
        lambda *case: _confusion(*case)[1, 1] / _confusion(*case)[1].sum()
    ),
}


@exercise(
    difficulty=3,
    minutes=20,
    hints=[
        "First make both flat: `ops.reshape(y, (-1,))`. Then q is p for label 1, 1 - p for 0.",
        "`ops.where(condition, a, b)` chooses entry by entry. What is log q at q = 0, and what "
        "could keep q away from there?",
        "`ops.clip(q, low, high)`, a little above 0 and a little below 1. Then the formula, with "
        "functions of `keras.ops` only: numpy ends the way back.",
    ],
)
def focal_loss(answer: Answer) -> None:
    """A loss that looks where it hurts."""
    p, y = np.array([0.9, 0.2, 0.6, 0.35, 0.05, 5e-4]), np.array([1, 0, 0, 1, 1, 1])
    cases = []
    for gamma, labels in ((2.0, y), (0.5, y), (3.0, y[:, None])):
        got = numbers(answer(_tensor(labels), _tensor(p[:, None]), gamma=gamma))
        square = "Your result is (B, B): every guess meets every label, as (B, 1) and (B,) do."
        fit = "With labels of shape (B, 1), as `fit` hands them over, your result is (B, B)."
        refuse_if(got.shape == (6, 6), square if labels.ndim == 1 else fit)
        refuse_if(got.size == 1, "You give one number. Keras takes the mean: give a loss a review.")
        what = f"the result with gamma={gamma:g} and labels of shape {labels.shape}"
        cases.append((what, got, (p, y, gamma)))
    compare_cases(cases, _focal, _SLIPS_OF_LOSSES)
    got = numbers(answer(_tensor(y), _tensor(p[:, None])))
    default = "Where no gamma is given it is 2. The first line of the exercise says so."
    refuse_if(not close(got, _focal(p, y, 2.0)), default)
    got = answer(_tensor(y[:1]), _tensor(p[:1, None]), gamma=2.0)
    compare(got, _focal(p[:1], y[:1], 2.0), what="the result for one review")
    for gamma in (2.0, 0.5):
        _check_slope(answer, p[:5], y[:5], gamma)
    _check_ends(answer)


def _check_slope(answer: Answer, p: Array, y: Array, gamma: float) -> None:
    """Refuse a loss whose gradient does not come back as it should."""
    guess = _tensor(p[:, None], leaf=True)
    _go_back(answer(_tensor(y), guess, gamma=gamma))
    refuse_if(
        guess.grad is None,
        "No gradient comes back from your loss: numpy, `detach` or `float` cut it off.",
    )
    slope = (_focal(p + 1e-6, y, gamma) - _focal(p - 1e-6, y, gamma)) / 2e-6
    compare(guess.grad[:, 0], slope, what="the gradient of your loss")


def _check_ends(answer: Answer) -> None:
    """Refuse a loss that is not finite, or not sensible, where a model says 0 or 1."""
    ends = _tensor(np.array([[0], [1], [1], [0]]), leaf=True)
    loss = answer(_tensor(np.array([0, 1, 0, 1])), ends, gamma=2.0)
    right, wrong = np.split(numbers(loss), 2)
    infinite = "At p = 0 or p = 1 your loss is infinite or NaN: log 0 teaches nothing."
    refuse_if(not np.isfinite([right, wrong]).all(), infinite)
    surely = "At p = 0 and p = 1 a guess should cost next to nothing if right, much if wrong."
    refuse_if(np.abs(right).max() > 1e-3 or wrong.min() < 5, surely)
    _go_back(loss)
    flat = "The loss is finite at p = 0 and p = 1, but its gradient is not: mend q, not the log."
    refuse_if(not np.isfinite(numbers(ends.grad)).all(), flat)


def _right(p: Array, y: Array) -> Array:
    """Return the probability that the guess gave to the truth."""
    return np.where(y == 1, p, 1 - p)


_SLIPS_OF_LOSSES: dict[str, Callable[[Array, Array, float], Array]] = {
    "This is cross-entropy: its factor (1 - q)^gamma is missing.": (
        lambda p, y, gamma: _focal(p, y, 0.0)
    ),
    "Turned round: your factor is large where the guess is right.": (
        lambda p, y, gamma: _right(p, y) ** gamma * -np.log(_right(p, y))
    ),
    "You swap the labels: q belongs to what is true.": lambda p, y, gamma: _focal(p, 1 - y, gamma),
    "Your gamma stays 2. Use the one that is given.": lambda p, y, gamma: _focal(p, y, 2.0),
    "You multiply by gamma. It is an exponent.": (
        lambda p, y, gamma: (1 - _right(p, y)) * gamma * -np.log(_right(p, y))
    ),
    "Reviews with label 0 cost nothing in your loss.": lambda p, y, gamma: _focal(p, y, gamma) * y,
    "Reviews with label 1 cost nothing in your loss.": (
        lambda p, y, gamma: _focal(p, y, gamma) * (1 - y)
    ),
    "You take p for q. For label 0 the truth was given 1 - p.": (
        lambda p, y, gamma: _focal(p, 1 + 0 * y, gamma)
    ),
    "A sigmoid too many: y_pred holds probabilities already.": (
        lambda p, y, gamma: _focal(1 / (1 + np.exp(-p)), y, gamma)
    ),
    "The factor is there, the logarithm is not.": lambda p, y, gamma: (1 - _right(p, y)) ** gamma,
    "The factor takes the power of p. It is 1 - q that it asks.": (
        lambda p, y, gamma: (1 - p) ** gamma * -np.log(_right(p, y))
    ),
}


def _focal(p: Array, y: Array, gamma: float) -> Array:
    q = np.where(y == 1, p, 1 - p)
    return np.asarray((1 - q) ** gamma * -np.log(q))


def _tensor(values: Any, *, leaf: bool = False) -> Any:
    """Make a Keras tensor, one that asks for its gradient if it is a leaf."""
    from keras import ops

    dtype = "bool" if values.dtype == bool else "float32"
    return ops.convert_to_tensor(values, dtype).requires_grad_(leaf)


def _go_back(loss: Any) -> None:
    """Bring the gradient of the summed losses back, where there is a way."""
    if getattr(loss, "requires_grad", False):
        _careful("backward()", lambda: loss.sum().backward())


@exercise(
    difficulty=4,
    minutes=30,
    hints=[
        "`build` runs once and makes the weight: `self.add_weight(shape=..., initializer=...)`, "
        "with `keras.initializers.Constant(number)`. `call` runs for each batch.",
        "In `call`, s * x has shape (B, T, D). Set it to a huge negative number where the mask is "
        "False, before the softmax. The mask has shape (B, T), so it wants one more axis.",
        "A config is a dictionary: that of `super().get_config()`, and one entry more.",
    ],
)
def SoftPool(answer: Answer) -> None:
    """A layer between mean and maximum."""
    from keras.layers import Layer

    layer = answer(start=2.0, name="pool")
    kind = type(layer).__name__
    refuse_if(not isinstance(layer, Layer), f"Give the class of a layer. This makes a {kind}.")
    x = np.random.default_rng(4).normal(size=(2, 4, 3)).astype(np.float32)
    keep = np.array([[True, True, False, False], [False, True, True, True]])
    every, s = np.ones_like(keep), np.array([0.5, 1.5, -1.0])
    call = Answer(layer.call, "call")
    still = _still_open(answer(start=2.0), x, keep)
    if len(still) == 3:
        call(_tensor(x), mask=_tensor(keep))  # ends the check of an untouched stub
    verb = "is" if len(still) == 1 else "are"
    refuse_if(len(still) > 0, f"{' and '.join(still)} {verb} still open: write what is missing.")
    _careful("build", lambda: layer.build((None, None, 3)))
    late = "After `build` your layer has no weight. In `call` it is too late to make one."
    refuse_if(not layer.weights, late)
    weight = _only_weight(layer)
    weight.assign(s.reshape(weight.shape))
    result = call(_tensor(x), mask=_tensor(keep))
    compare(result, _pool(s * x, x, keep), slips=_slips_of_pooling(s, x, keep))
    result = call(_tensor(x))
    compare(result, _pool(s * x, x, every), what="the result where no mask is given")
    _check_large_scores(call, weight)
    weight.assign(s.reshape(weight.shape))
    _check_way_back(call, weight, x, keep)
    _check_alone(call, weight, x, ~every)
    _check_config(answer)
    _check_saving(layer)


def _still_open(layer: Any, x: Array, keep: Array) -> list[str]:
    """Return the methods that are as the stub has them."""
    given: dict[str, Callable[[], Any]] = {
        "build": lambda: type(layer).build(layer, (None, None, 3)),
        "call": lambda: type(layer).call(layer, _tensor(x), mask=_tensor(keep)),
        "get_config": lambda: type(layer).get_config(layer),
    }
    still = []
    for name, method in given.items():
        with contextlib.suppress(*FAULTS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            still += [f"`{name}`"] * (method() is ...)
    return still


def _only_weight(layer: Any) -> Any:
    """Return the one weight, with a number for each of the 3 features, all at 2."""
    sizes = [int(np.prod(weight.shape)) for weight in layer.trainable_weights]
    refuse_if(not sizes, "Your layer's weight is not trainable: no optimizer will move it.")
    refuse_if(sizes == [1], "One sharpness for all features. Asked is one for each of the D.")
    shapes = f"For x with 3 features asked is one weight with 3 numbers; yours have {sizes}."
    refuse_if(sizes != [3], shapes)
    weight = layer.trainable_weights[0]
    refuse_if(not _begins_at(2.0, weight), "The weight does not begin at `start`.")
    return weight


def _begins_at(start: float, weight: Any) -> bool:
    return close(numbers(weight.value), np.full(weight.shape, start))


def _check_way_back(call: Answer, weight: Any, x: Array, keep: Array) -> None:
    """Refuse a result through which the gradient does not come back as it should."""
    given = _tensor(x, leaf=True)
    got = _slopes(call(given, mask=_tensor(keep)), given, weight)
    lost = [name for name in got if not got[name].any()]
    cut = f"No gradient comes back to {' and '.join(lost)}: stay with the functions of `keras.ops`."
    refuse_if(len(lost) > 0, cut)
    s = torch.tensor(numbers(weight.value).ravel(), requires_grad=True)
    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    shares = torch.softmax((s * leaf).masked_fill(~torch.tensor(keep)[..., None], -1e9), dim=1)
    want = torch.autograd.grad((shares * leaf).sum(), (leaf, s))
    for (name, slope), right in zip(got.items(), want, strict=True):
        what = f"the gradient that comes back to {name}"
        compare(slope.reshape(right.shape), numbers(right), what=what)


def _slopes(result: Any, x: Any, weight: Any) -> dict[str, Array]:
    """Bring the gradient of the sum back to the words and to the weight."""
    leaves = {"x": x, "the weight": weight.value}
    if not getattr(result, "requires_grad", False):
        return {name: np.zeros(leaf.shape) for name, leaf in leaves.items()}
    slopes = _careful(
        "backward()",
        lambda: torch.autograd.grad(result.sum(), list(leaves.values()), materialize_grads=True),
    )
    return {name: numbers(slope) for name, slope in zip(leaves, slopes, strict=True)}


def _check_alone(call: Answer, weight: Any, x: Array, none: Array) -> None:
    """Refuse NaN, now or on the way back, where a text is padding alone."""
    given = _tensor(x, leaf=True)
    result = call(given, mask=_tensor(none))
    alone = "A text of padding alone gives NaN: its shares divide 0 by 0."
    refuse_if(np.isnan(numbers(result)).any(), alone)
    slopes = _slopes(result, given, weight)
    back = "A text of padding alone sends NaN back: its shares divide 0 by 0, mended or not."
    refuse_if(any(np.isnan(slope).any() for slope in slopes.values()), back)


def _check_large_scores(call: Answer, weight: Any) -> None:
    """Refuse what is right for small scores only, of words or of padding."""
    x = 4 + np.random.default_rng(5).normal(size=(2, 4, 3)).astype(np.float32) / 9
    keep = np.array([[True, True, True, False], [False, True, True, True]])
    for size in (30.0, -30.0, -500.0):
        s = size * np.array([1.0, 0.9, 0.8])
        weight.assign(s.reshape(weight.shape))
        want, what = _pool(s * x, x, np.ones_like(keep)), f"with scores of {s[0] * 4:.0f}"
        got = numbers(call(_tensor(x)))
        large = f"The result {what} is NaN or infinite: e to that power is no number for a float. "
        large += "Subtract the largest score first; `ops.softmax` does it."
        refuse_if(not np.isfinite(got).all(), large)
        compare(got, want, what=f"the result {what}")
        share = f"Padding has a say where words have scores of {s[0] * 4:.0f}: its own have to be "
        share += "far lower, like -1e9."
        for padding in (x, -9 * x):
            got, other = (
                numbers(call(_tensor(np.where(keep[:, :, None], x, each)), mask=_tensor(keep)))
                for each in (padding, padding + 1)
            )
            most = "With a larger score at padding the result is NaN: subtract the words' largest."
            refuse_if(not np.isfinite(got).all(), most)
            want = _pool(s * x, x, keep)
            refuse_if(not close(got, want) and not close(got, other), share)
            compare(got, want, what=f"the result with a mask, {what}")


def _pool(scores: Array, x: Array, keep: Array) -> Array:
    """Weigh x by the softmax of its scores over the words, and sum."""
    scores = np.where(keep[:, :, None], scores, -1e9)
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray((odds / odds.sum(axis=1, keepdims=True) * x).sum(axis=1))


def _slips_of_pooling(s: Array, x: Array, keep: Array) -> dict[str, Array]:
    """Say what typical slips make of a batch."""
    every, words, odds = np.ones_like(keep), keep[:, :, None], np.exp(s * x)
    want, late = _pool(s * x, x, keep), odds / odds.sum(axis=1, keepdims=True) * words
    across = odds / odds.sum(axis=2, keepdims=True) * words
    score = (s * x).sum(axis=2, keepdims=True)  # (B, T, 1)
    return {
        "The mask takes no part: padding has a share in your result.": _pool(s * x, x, every),
        "You mask after the softmax: the shares no longer sum to 1.": (late * x).sum(axis=1),
        "A score of 0 is a score: e^0 is 1, so padding has a share.": _pool(
            s * x * words, x, every
        ),
        "The mask is turned round: only padding has a share.": _pool(s * x, x, ~keep),
        "Your softmax runs over the features. It is the words that compete.": (across * x).sum(1),
        "The weight takes no part: this is what s = 1 gives.": _pool(x, x, keep),
        "You use `start`, which never learns, and not the weight.": _pool(2 * x, x, keep),
        "A word gets one score here. Asked is one for each of its features.": _pool(score, x, keep),
        "You average the scores. The shares are there to average x.": want * s,
        "You divide by T, but the shares sum to 1 already.": want / x.shape[1],
    }


def _check_config(answer: Answer) -> None:
    """Refuse a config from which no equal layer can be made."""
    layer = answer(start=2.0, name="pool", trainable=False)
    config = _careful("get_config", layer.get_config)
    given = f"`get_config` should return a dictionary. Yours returns {config!r:.40}."
    refuse_if(not isinstance(config, dict), given)
    again = _careful("from_config", lambda: type(layer).from_config(config))
    for what in ("name", "trainable"):
        lost = f"The config lost `{what}`. `super().get_config()` has what every layer has."
        refuse_if(getattr(again, what) != getattr(layer, what), lost)
    _careful("build", lambda: again.build((None, None, 5)))
    start = "A layer made from your config begins elsewhere: `start` is not in it as it was."
    refuse_if(not _begins_at(2.0, again.weights[0]), start)
    size = "Built for 5 features the weight should have 5 numbers. Is a size fixed in your code?"
    refuse_if(again.weights[0].shape[-1] != 5, size)
    plain = answer()
    _careful("build", lambda: plain.build((None, None, 3)))
    first = "Where no `start` is given it is 1. Keep `__init__` as the exercise has it."
    refuse_if(not _begins_at(1.0, plain.weights[0]), first)


def _check_saving(layer: Any) -> None:
    """Refuse a layer that is another one in a model read from a file."""
    import keras

    ids = np.array([[3, 1, 0, 0], [2, 4, 1, 0]])
    model = keras.Sequential([keras.layers.Embedding(5, 3, mask_zero=True), layer])
    want = numbers(_careful("call", lambda: model(ids)))
    known = {type(layer).__name__: type(layer)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        _careful("model.save", lambda: model.save(path))
        again = _careful("load_model", lambda: keras.models.load_model(path, known))
    compare(_careful("call", lambda: again(ids)), want, what="the result of the model loaded again")


def _careful(what: str, step: Callable[[], Any]) -> Any:
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
