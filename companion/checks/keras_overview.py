"""Checks on Keras: words to numbers, masks, counts, a loss and a layer of one's own."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from companion.checks._compare import close, compare, compare_cases, numbers, refuse, refuse_if
from companion.checks._keras_overview import (
    SLIPS_OF_ACCURACY,
    SLIPS_OF_COUNTING,
    SLIPS_OF_LOSSES,
    SLIPS_OF_MATRIX,
    SLIPS_OF_MEANS,
    Array,
    begins_at,
    careful,
    confusion,
    count,
    focal,
    go_back,
    mean_of_words,
    only_weight,
    pool,
    share_of_right,
    slips_of_pooling,
    slopes_of,
    still_open,
    tensor,
)
from companion.checks.pact import Answer, exercise
from companion.text import pad_sequences


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
    none = numbers(answer(" ", {"<unk>": 1}))
    refuse_if(none.size > 0, "Without words the list is empty. Yours is not.")


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
    compare_cases(cases, count, SLIPS_OF_COUNTING)


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
    compare_cases(cases, mean_of_words, SLIPS_OF_MEANS)
    ids[[0, 2]] = 0
    got = numbers(answer(x, ids))
    alone = "A text of padding alone gives NaN: no words, so 0/0. Asked are zeros."
    refuse_if(np.isnan(got).any(), alone)
    want = [[0, 0], mean_of_words(x, ids)[1], [0, 0], mean_of_words(x, ids)[3]]
    compare(got, want, what="the result where texts are padding alone")


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
    compare_cases(cases["matrix"], confusion, SLIPS_OF_MATRIX)
    compare_cases(cases["accuracy"], share_of_right, SLIPS_OF_ACCURACY)
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
        got = numbers(answer(tensor(labels), tensor(p[:, None]), gamma=gamma))
        square = "Your result is (B, B): every guess meets every label, as (B, 1) and (B,) do."
        fit = "With labels of shape (B, 1), as `fit` hands them over, your result is (B, B)."
        refuse_if(got.shape == (6, 6), square if labels.ndim == 1 else fit)
        refuse_if(got.size == 1, "You give one number. Keras takes the mean: give a loss a review.")
        what = f"the result with gamma={gamma:g} and labels of shape {labels.shape}"
        cases.append((what, got, (p, y, gamma)))
    compare_cases(cases, focal, SLIPS_OF_LOSSES)
    got = numbers(answer(tensor(y), tensor(p[:, None])))
    default = "Where no gamma is given it is 2. The first line of the exercise says so."
    refuse_if(not close(got, focal(p, y, 2.0)), default)
    got = answer(tensor(y[:1]), tensor(p[:1, None]), gamma=2.0)
    compare(got, focal(p[:1], y[:1], 2.0), what="the result for one review")
    for gamma in (2.0, 0.5):
        _check_slope(answer, p[:5], y[:5], gamma)
    _check_ends(answer)


def _check_slope(answer: Answer, p: Array, y: Array, gamma: float) -> None:
    """Refuse a loss whose gradient does not come back as it should."""
    guess = tensor(p[:, None], leaf=True)
    go_back(answer(tensor(y), guess, gamma=gamma))
    refuse_if(
        guess.grad is None,
        "No gradient comes back from your loss: numpy, `detach` or `float` cut it off.",
    )
    slope = (focal(p + 1e-6, y, gamma) - focal(p - 1e-6, y, gamma)) / 2e-6
    compare(guess.grad[:, 0], slope, what="the gradient of your loss")


def _check_ends(answer: Answer) -> None:
    """Refuse a loss that is not finite, or not sensible, where a model says 0 or 1."""
    ends = tensor(np.array([[0], [1], [1], [0]]), leaf=True)
    loss = answer(tensor(np.array([0, 1, 0, 1])), ends, gamma=2.0)
    right, wrong = np.split(numbers(loss), 2)
    infinite = "At p = 0 or p = 1 your loss is infinite or NaN: log 0 teaches nothing."
    refuse_if(not np.isfinite([right, wrong]).all(), infinite)
    surely = "At p = 0 and p = 1 a guess should cost next to nothing if right, much if wrong."
    refuse_if(np.abs(right).max() > 1e-3 or wrong.min() < 5, surely)
    go_back(loss)
    flat = "The loss is finite at p = 0 and p = 1, but its gradient is not: mend q, not the log."
    refuse_if(not np.isfinite(numbers(ends.grad)).all(), flat)


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
    still = still_open(answer(start=2.0), x, keep)
    if len(still) == 3:
        call(tensor(x), mask=tensor(keep))  # ends the check of an untouched stub
    verb = "is" if len(still) == 1 else "are"
    refuse_if(len(still) > 0, f"{' and '.join(still)} {verb} still open: write what is missing.")
    careful("build", lambda: layer.build((None, None, 3)))
    late = "After `build` your layer has no weight. In `call` it is too late to make one."
    refuse_if(not layer.weights, late)
    weight = only_weight(layer)
    weight.assign(s.reshape(weight.shape))
    result = call(tensor(x), mask=tensor(keep))
    compare(result, pool(s * x, x, keep), slips=slips_of_pooling(s, x, keep))
    result = call(tensor(x))
    compare(result, pool(s * x, x, every), what="the result where no mask is given")
    _check_large_scores(call, weight)
    weight.assign(s.reshape(weight.shape))
    _check_way_back(call, weight, x, keep)
    _check_alone(call, weight, x, ~every)
    _check_config(answer)
    _check_saving(layer)


def _check_way_back(call: Answer, weight: Any, x: Array, keep: Array) -> None:
    """Refuse a result through which the gradient does not come back as it should."""
    given = tensor(x, leaf=True)
    got = slopes_of(call(given, mask=tensor(keep)), given, weight)
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


def _check_alone(call: Answer, weight: Any, x: Array, none: Array) -> None:
    """Refuse NaN, now or on the way back, where a text is padding alone."""
    given = tensor(x, leaf=True)
    result = call(given, mask=tensor(none))
    alone = "A text of padding alone gives NaN: its shares divide 0 by 0."
    refuse_if(np.isnan(numbers(result)).any(), alone)
    slopes = slopes_of(result, given, weight)
    back = "A text of padding alone sends NaN back: its shares divide 0 by 0, mended or not."
    refuse_if(any(np.isnan(slope).any() for slope in slopes.values()), back)


def _check_large_scores(call: Answer, weight: Any) -> None:
    """Refuse what is right for small scores only, of words or of padding."""
    x = 4 + np.random.default_rng(5).normal(size=(2, 4, 3)).astype(np.float32) / 9
    keep = np.array([[True, True, True, False], [False, True, True, True]])
    for size in (30.0, -30.0, -500.0):
        s = size * np.array([1.0, 0.9, 0.8])
        weight.assign(s.reshape(weight.shape))
        want, what = pool(s * x, x, np.ones_like(keep)), f"with scores of {s[0] * 4:.0f}"
        got = numbers(call(tensor(x)))
        large = f"The result {what} is NaN or infinite: e to that power is no number for a float. "
        large += "Subtract the largest score first; `ops.softmax` does it."
        refuse_if(not np.isfinite(got).all(), large)
        compare(got, want, what=f"the result {what}")
        share = f"Padding has a say where words have scores of {s[0] * 4:.0f}: its own have to be "
        share += "far lower, like -1e9."
        for padding in (x, -9 * x):
            got, other = (
                numbers(call(tensor(np.where(keep[:, :, None], x, each)), mask=tensor(keep)))
                for each in (padding, padding + 1)
            )
            most = "With a larger score at padding the result is NaN: subtract the words' largest."
            refuse_if(not np.isfinite(got).all(), most)
            want = pool(s * x, x, keep)
            refuse_if(not close(got, want) and not close(got, other), share)
            compare(got, want, what=f"the result with a mask, {what}")


def _check_config(answer: Answer) -> None:
    """Refuse a config from which no equal layer can be made."""
    layer = answer(start=2.0, name="pool", trainable=False)
    config = careful("get_config", layer.get_config)
    given = f"`get_config` should return a dictionary. Yours returns {config!r:.40}."
    refuse_if(not isinstance(config, dict), given)
    again = careful("from_config", lambda: type(layer).from_config(config))
    for what in ("name", "trainable"):
        lost = f"The config lost `{what}`. `super().get_config()` has what every layer has."
        refuse_if(getattr(again, what) != getattr(layer, what), lost)
    careful("build", lambda: again.build((None, None, 5)))
    start = "A layer made from your config begins elsewhere: `start` is not in it as it was."
    refuse_if(not begins_at(2.0, again.weights[0]), start)
    size = "Built for 5 features the weight should have 5 numbers. Is a size fixed in your code?"
    refuse_if(again.weights[0].shape[-1] != 5, size)
    plain = answer()
    careful("build", lambda: plain.build((None, None, 3)))
    first = "Where no `start` is given it is 1. Keep `__init__` as the exercise has it."
    refuse_if(not begins_at(1.0, plain.weights[0]), first)


def _check_saving(layer: Any) -> None:
    """Refuse a layer that is another one in a model read from a file."""
    import keras

    ids = np.array([[3, 1, 0, 0], [2, 4, 1, 0]])
    model = keras.Sequential([keras.layers.Embedding(5, 3, mask_zero=True), layer])
    want = numbers(careful("call", lambda: model(ids)))
    known = {type(layer).__name__: type(layer)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        careful("model.save", lambda: model.save(path))
        again = careful("load_model", lambda: keras.models.load_model(path, known))
    compare(careful("call", lambda: again(ids)), want, what="the result of the model loaded again")
