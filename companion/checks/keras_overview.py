"""Checks on Keras: words to numbers, masks, counts, a loss and a layer of one's own."""

from __future__ import annotations

import contextlib
import copy
import re
import tempfile
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.checks._compare import FAULTS, Refused, close, compare, numbers, refuse, refuse_if
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
    index = {"<unk>": 1, "film": 2, "the": 3, "not": 4, "was": 5, "bad": 6}
    want, before = np.array([3, 2, 5, 4, 1, 6]), dict(index)
    got = answer("The film was NOT utterly bad", index)
    refuse_if(
        index != before,
        "Your `encode` changed `index`. Its numbers are fixed once a model was trained on them.",
    )
    none = "There is a None among the numbers: that is what `get` gives for an unknown word."
    refuse_if(isinstance(got, list) and any(each is None for each in got), none)
    count = numbers(got).size
    each = "You give {} numbers for {} words. Each word gets one, an unknown word too."
    refuse_if(count != len(want), each.format(count, len(want)))
    slips = {
        "An unknown word gets 0. That is the number of padding, which is no word.": want
        * (want > 1),
        "Your numbers are one too low: take them from `index` as they are.": want - 1,
        "A word in capitals is not recognized: `index` holds lower case.": np.array(
            [1, 2, 5, 1, 1, 6]
        ),
        "You invent a number for the unknown word. The model has no vector for it.": np.where(
            want == 1, len(index) + 1, want
        ),
    }
    compare(got, want, slips=slips)
    ids = numbers(answer(" A  dull\nplot ", {"dull": 1, "a": 2, "<unk>": 3}))
    refuse_if(ids.size > 3, "A second space, or one at the end, is no word.")
    fixed = {"The number of unknown words is fixed in your code. Ask `index`.": [2, 1, 1]}
    compare(ids, [2, 1, 3], slips=fixed, what="the result where <unk> has the number 3")


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
    rows, length = [[7], [3, 4, 5, 6, 2], [], [5, 1, 6]], 3
    before, other = copy.deepcopy(rows), {"pre": "post", "post": "pre"}
    for padding, truncating in (("pre", "pre"), ("post", "pre"), ("pre", "post"), ("post", "post")):
        asked = f"padding={padding!r}, truncating={truncating!r}"
        got = answer(rows, length, padding=padding, truncating=truncating)
        refuse_if(rows != before, "Your `pad` changed the rows it was given: make new lists.")
        with contextlib.suppress(TypeError):
            lengths = [len(row) for row in got]
            refuse_if(max(lengths, default=0) > length, "A long row stays long: nothing cuts it.")
            refuse_if(min(lengths, default=0) < length, "A row comes out shorter than `length`.")
        got = numbers(got)
        want = pad_sequences(rows, length, padding=padding, truncating=truncating)
        filled = want == 0
        refuse_if(
            got.shape == want.shape and close(got[~filled], want[~filled]) and got[filled].all(),
            "The words are right, but you fill up with something else than 0.",
        )
        cut = pad_sequences(rows, length, padding=padding, truncating=other[truncating])
        fill = pad_sequences(rows, length, padding=other[padding], truncating=truncating)
        slips = {
            f"With {asked} you cut a long row at the wrong end.": cut,
            f"With {asked} you fill a short row up at the wrong end.": fill,
        }
        compare(got, want, slips=slips, what=f"the result with {asked}")


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
    for V, D, H in ((31, 3, 5), (50, 7, 2)):
        table, gate, last = V * D, D * H + H * H + H, H + 1
        want = table + 4 * gate + last
        slips = {
            "You count two biases for each gate, as PyTorch has. Keras has one.": want + 4 * H,
            "You count one gate. There are three and a candidate, with weights of their own.": (
                want - 3 * gate
            ),
            "You count three. That is a GRU; an LSTM has one more.": want - gate,
            "The LSTM's biases are missing.": want - 4 * H,
            "The embedding is missing, and it is most of the model.": want - table,
            "The bias of the last layer is missing.": want - 1,
            "The last layer is missing.": want - last,
            "The LSTM also has weights on its own last state.": want - 4 * H * H,
            "The LSTM also has weights on the word that comes in.": want - 4 * D * H,
            "You swap D and H in the LSTM: it has H units.": want + 4 * (D * D + D - H * H - H),
            "A vector of the embedding has D numbers, not H.": want - table + V * H,
            "The last layer reads the state, which has H numbers, not D.": want - H + D,
            "One row too many in the embedding: V counts padding already.": want + D,
        }
        compare(answer(V, D, H), want, slips=slips)


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
    x = rng.normal(size=(3, 5, 2)).astype(np.float32)
    ids = np.array([[5, 2, 9, 0, 0], [0, 0, 0, 7, 3], [4, 4, 8, 6, 0]])
    keep = (ids != 0)[:, :, None]  # (B, T, 1)
    total, n = (x * keep).sum(axis=1), keep.sum(axis=1)  # (B, D), (B, 1)
    want = total / n
    first = np.stack([row[:k].mean(axis=0) for row, (k,) in zip(x, n, strict=True)])
    by_id = (x * ids[:, :, None]).sum(axis=1)
    slips = {
        "You divide by the padded length. Padding is no word.": total / 5,
        "Padding takes part in your mean: `ids` says where there is a word.": x.mean(axis=1),
        "You count the words, but sum padding's vectors too. They are not 0.": x.sum(axis=1) / n,
        "This is the sum over the words. Divide it.": total,
        "You divide by the words of the whole batch. Each text has its own.": total / n.sum(),
        "You multiply by the ids. They are names: only 0 or not 0 matters.": by_id / n,
        "The ids are weights here. They are names: only 0 or not 0 matters.": by_id
        / ids.sum(axis=1)[:, None],
        "You count from the start of a row. Padding may stand there.": first,
    }
    compare(answer(x, ids), want, slips=slips)
    far = rng.normal(size=(3, 8, 2)).astype(np.float32)
    far[:, 2:7] = x
    more = np.pad(ids, ((0, 0), (2, 1)))
    compare(answer(far, more), want, what="the result with more padding")
    ids[[0, 2]] = 0
    got = numbers(answer(x, ids))
    alone = "A text of padding alone gives NaN: no words, so 0/0. Asked are zeros."
    refuse_if(np.isnan(got).any(), alone)
    compare(got, [[0, 0], want[1], [0, 0]], what="the result where texts are padding alone")


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
    N = labels.size
    crossed = f"`{{}}` looks at {N * N} pairs for {N} reviews: (N, 1) and (N,) broadcast to (N, N)."
    for threshold in (0.5, 0.75):
        result = answer(p, labels, threshold=threshold)
        matrix, accuracy = answer.parts(result, "matrix", "accuracy")
        want, fixed = _confusion(labels, p >= threshold), _confusion(labels, p >= 0.5)
        pairs = np.outer(want.sum(axis=1), want.sum(axis=0))  # every label meets every guess
        slips = {
            crossed.format("matrix"): pairs,
            "Rows and columns are swapped: a row is a truth, a column a guess.": want.T,
            "A probability at the threshold counts as good. (`round` makes 0.5 a 0.)": _confusion(
                labels, p > threshold
            ),
            "The threshold is fixed in your code. Use the one that is given.": fixed,
            "Label 1 comes first in your matrix. Row 0, column 0 belong to label 0.": (
                want[::-1, ::-1]
            ),
            "The matrix holds counts; yours holds shares.": want / N,
        }
        compare(matrix, want, slips=slips, what="matrix")
        right, good = np.trace(want), want[1, 1]
        slips = {
            crossed.format("accuracy"): np.trace(pairs) / N**2,
            "`accuracy` is a share, from 0 to 1. Yours is a count.": right,
            "`accuracy` is a share, from 0 to 1. Yours is in percent.": 100 * right / N,
            "This is the share of wrong guesses.": 1 - right / N,
            "This is precision: it looks at good guesses only.": good / want[:, 1].sum(),
            "This is recall: it looks at good reviews only.": good / want[1].sum(),
        }
        compare(accuracy, right / N, slips=slips, what="accuracy")
    result = answer(p[:1], labels[:1], threshold=0.5)
    matrix, _ = answer.parts(result, "matrix", "accuracy")
    alone = "With a single review, good and guessed so, the matrix is still 2 by 2, with zeros."
    refuse_if(matrix.shape != (2, 2), alone)
    compare(matrix, [[0, 0], [0, 1]], what="the matrix of a single review")


def _confusion(labels: Array, guess: Array) -> Array:
    """Count the pairs: rows are truths, columns guesses, of which there is one column."""
    pairs = [np.sum((labels == i) & (guess[:, 0] == j)) for i in (0, 1) for j in (0, 1)]
    return np.reshape(pairs, (2, 2))


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
    p, y = np.array([0.9, 0.2, 0.6, 0.35, 0.05]), np.array([1, 0, 0, 1, 1])
    for gamma in (2.0, 0.5):
        got = numbers(answer(_tensor(y), _tensor(p[:, None], leaf=True), gamma=gamma))
        _compare_losses(got, p, y, gamma)
    got = numbers(answer(_tensor(y[:, None]), _tensor(p[:, None], leaf=True), gamma=2.0))
    fit = "With labels of shape (B, 1), as `fit` hands them over, your result is (B, B)."
    refuse_if(got.shape == (5, 5), fit)
    compare(got, _focal(p, y, 2.0), what="the result with labels of shape (B, 1)")

    guess = _tensor(p[:, None], leaf=True)
    _go_back(answer(_tensor(y), guess, gamma=2.0))
    refuse_if(
        guess.grad is None,
        "No gradient comes back from your loss: numpy, `detach` or `float` cut it off.",
    )
    slope = (_focal(p + 1e-6, y, 2.0) - _focal(p - 1e-6, y, 2.0)) / 2e-6
    compare(guess.grad[:, 0], slope, what="the gradient of your loss")

    ends = _tensor(np.array([[0], [1], [1], [0]]), leaf=True)
    loss = answer(_tensor(np.array([0, 1, 0, 1])), ends, gamma=2.0)
    right, wrong = np.split(numbers(loss), 2)
    infinite = "At p = 0 or p = 1 your loss is infinite or NaN: log 0 teaches nothing."
    refuse_if(not np.isfinite([right, wrong]).all(), infinite)
    surely = "At p = 0 and p = 1 a guess should cost next to nothing if right, much if wrong."
    refuse_if(right.max() > 1e-3 or wrong.min() < 5, surely)
    _go_back(loss)
    flat = "The loss is finite at p = 0 and p = 1, but its gradient is not: mend q, not the log."
    refuse_if(not np.isfinite(numbers(ends.grad)).all(), flat)


def _compare_losses(got: Array, p: Array, y: Array, gamma: float) -> None:
    """Compare the losses of some reviews with the formula's."""
    square = "Your result is (B, B): every guess meets every label, as (B, 1) and (B,) broadcast."
    refuse_if(got.shape == (len(y), len(y)), square)
    refuse_if(got.size == 1, "You give one number. Keras takes the mean: give a loss a review.")
    q, focal = np.where(y == 1, p, 1 - p), _focal(p, y, gamma)
    slips = {
        "This is cross-entropy: its factor (1 - q)^gamma is missing.": _focal(p, y, 0.0),
        "Turned round: your factor is large where the guess is right.": q**gamma * -np.log(q),
        "You swap the labels: q belongs to what is true.": _focal(p, 1 - y, gamma),
        "Your gamma stays the same. Use the one that is given.": _focal(p, y, 2.0),
        "You multiply by gamma. It is an exponent.": (1 - q) * gamma * -np.log(q),
        "Reviews with label 0 cost nothing in your loss.": focal * y,
        "You take p for q. For label 0 the truth was given 1 - p.": _focal(p, 1 + 0 * y, gamma),
        "A sigmoid too many: y_pred holds probabilities already.": _focal(
            1 / (1 + np.exp(-p)), y, gamma
        ),
        "The factor is there, the logarithm is not.": (1 - q) ** gamma,
    }
    compare(got, focal, slips=slips, what=f"the result with gamma={gamma:g}")


def _focal(p: Array, y: Array, gamma: float) -> Array:
    q = np.where(y == 1, p, 1 - p)
    return np.asarray((1 - q) ** gamma * -np.log(q))


def _tensor(values: Array, *, leaf: bool = False) -> Any:
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
    _careful("build", lambda: layer.build((None, None, 3)))
    call = Answer(layer.call, "call")
    if not layer.weights:
        with contextlib.suppress(Refused):
            call(_tensor(x), mask=_tensor(keep))  # ends the check of an untouched stub
        refuse("After `build` your layer has no weight. In `call` it is too late to make one.")
    weight = _only_weight(layer)
    weight.assign(s.reshape(weight.shape))
    result = call(_tensor(x), mask=_tensor(keep))
    compare(result, _pool(s * x, x, keep), slips=_slips_of_pooling(s, x, keep))
    cut = "No gradient comes back to the weight: stay with the functions of `keras.ops`."
    refuse_if(not getattr(result, "requires_grad", False), cut)
    result = call(_tensor(x), mask=None)
    compare(result, _pool(s * x, x, every), what="the result where the mask is None")
    result = numbers(call(_tensor(x), mask=_tensor(~every)))
    alone = "A text of padding alone gives NaN: its shares divide 0 by 0."
    refuse_if(not np.isfinite(result).all(), alone)
    _check_config(layer)
    _check_saving(layer)


def _only_weight(layer: Any) -> Any:
    """Return the one weight, with a number for each of the 3 features, all at 2."""
    sizes = [int(np.prod(weight.shape)) for weight in layer.trainable_weights]
    refuse_if(not sizes, "Your layer's weight is not trainable: no optimizer will move it.")
    refuse_if(sizes == [1], "One sharpness for all features. Asked is one for each of the D.")
    shapes = f"For x with 3 features asked is one weight with 3 numbers; yours have {sizes}."
    refuse_if(sizes != [3], shapes)
    weight = layer.trainable_weights[0]
    refuse_if(not _begins_at_2(weight), "The weight does not begin at `start`.")
    return weight


def _begins_at_2(weight: Any) -> bool:
    return close(numbers(weight.value), np.full(weight.shape, 2.0))


def _pool(scores: Array, x: Array, keep: Array) -> Array:
    """Weigh x by the softmax of its scores over the words, and sum."""
    odds = np.exp(scores) * keep[:, :, None]
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


def _check_config(layer: Any) -> None:
    """Refuse a config from which no equal layer can be made."""
    config = _careful("get_config", layer.get_config)
    given = f"`get_config` should return a dictionary. Yours returns {config!r:.40}."
    refuse_if(not isinstance(config, dict), given)
    again = _careful("from_config", lambda: type(layer).from_config(config))
    name = "The config lost the layer's name. `super().get_config()` has what every layer has."
    refuse_if(again.name != layer.name, name)
    _careful("build", lambda: again.build((None, None, 3)))
    start = "A layer made from your config begins elsewhere: `start` is not in it as it was."
    refuse_if(not _begins_at_2(again.trainable_weights[0]), start)


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
