"""Models that note what is done to them, reviews to learn from, and what slips make of both."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.checks._compare import close, numbers, refuse, refuse_if

Array = NDArray[np.float64]
Call = tuple[float, list[int], list[int]]  # strength, rows to train on, rows held back
MARK = 0.74  # what a reader has to reach in the exam


class Scripted:
    """A model whose scores are written down; its one weight counts the epochs."""

    def __init__(self, scores: Sequence[float]) -> None:
        self.state: list[float] = [0.0]
        self.scores, self.trained, self.asked, self.loads = list(scores), 0, 0, 0

    def epoch(self) -> None:
        """Train for one epoch, in place."""
        self.trained += 1
        self.state[0] += 1.0

    def score(self) -> float:
        """Return the accuracy of the state."""
        self.asked += 1
        epoch = int(self.state[0])
        return self.scores[epoch - 1] if 1 <= epoch <= len(self.scores) else 0.0

    def load(self, state: Sequence[float]) -> None:
        """Take over a state."""
        self.loads += 1
        if not isinstance(state, list | tuple) or len(state) != 1:
            raise TypeError("load takes a list of weights, as state is")
        self.state = [float(state[0])]


def best_and_last(scores: Sequence[float], patience: int, shift: int = 0) -> tuple[int, int]:
    """Return the best epoch and the last one, counted from 1."""
    best, at = -np.inf, 0
    for epoch, score in enumerate(scores, 1):
        if score > best:
            best, at = score, epoch
        elif epoch - at >= patience + shift:
            return at, epoch
    return at, len(scores)


def sigmoid_step(w: Array, b: float, X: Array, y: Array, lr: float) -> tuple[Array, float]:
    """Take one step of descent on the mean cross-entropy."""
    p = 1 / (1 + np.exp(-(X @ w + b)))
    return w - lr * X.T @ (p - y) / len(y), b - lr * float(np.mean(p - y))


def threshold(w: Array, amount: float) -> Array:
    """Move towards zero, and stop there."""
    return np.sign(w) * np.maximum(np.abs(w) - amount, 0)


def refuse_word_lists(got: Any, want: list[str], slips: dict[str, list[str]], where: str) -> None:
    """Refuse another list of words, by the slip that makes it."""
    refuse_if(isinstance(got, str), "You return one text. Asked is a list of words.")
    refuse_if(not isinstance(got, list | tuple), f"You return a {type(got).__name__}, not a list.")
    if list(got) == want:
        return
    for message, slip in slips.items():
        refuse_if(list(got) == slip, message)
    refuse(f"{where} you return {' '.join(map(str, got))!r}. Other words should stay.")


def judged(judge: Callable[[Any], Any], texts: list[list[str]]) -> Array:
    """Return what a learner's reader says of texts, 0 or 1 each."""
    refuse_if(not callable(judge), "Return the function that judges, itself.")
    said = judge([list(text) for text in texts])
    refuse_if(said is None, "Your reader returned None.")
    values = numbers(said, what="the verdicts")
    bare = "Asked about a single review your reader gives a bare number. A list of one is asked."
    refuse_if(values.ndim == 0 and len(texts) == 1, bare)
    values = values.ravel()
    refuse_if(
        len(values) != len(texts),
        f"Your reader was asked about {len(texts)} reviews and gave {len(values)} verdicts.",
    )
    odd = values[(values != 0) & (values != 1)]
    refuse_if(len(odd) > 0, f"A verdict is 0 or 1. Yours said {odd[0] if len(odd) else 0:.3g}.")
    return values


def refuse_moods(judge: Callable[[Any], Any], texts: list[list[str]], said: Array) -> None:
    """Refuse a reader whose verdict on a review changes with the time, or with its neighbours."""
    again = judged(judge, texts)
    noisy = f"Asked twice your reader says otherwise of {np.sum(again != said):.0f} reviews."
    refuse_if(bool(np.any(again != said)), noisy + " Is the model in evaluation mode?")
    text = "Your reader judges a review otherwise alone than among others."
    for verdict in (0, 1):
        rows = np.flatnonzero(said == verdict)
        among = judged(judge, [texts[i] for i in rows]) if rows.size else said[rows]
        beside = "Your reader judges a review by those that stand beside it."
        refuse_if(bool(np.any(among != verdict)), beside)
        alone = judged(judge, [texts[i] for i in rows[:1]]) if rows.size else said[rows]
        refuse_if(bool(np.any(alone != verdict)), text)


@contextlib.contextmanager
def closed(module: ModuleType, *names: str) -> Iterator[None]:
    """Let functions of a module refuse while a reader learns and judges."""

    def shut(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(
            "the reviews that you were given are all there are: no new ones, and no oracle"
        )

    kept = {name: getattr(module, name) for name in names}
    try:
        for name in names:
            setattr(module, name, shut)
        yield
    finally:
        for name, function in kept.items():
            setattr(module, name, function)


def refuse_held(held: list[float], want: list[int], i: int, size: int) -> None:
    """Refuse other rows than i, i + k, i + 2k and so on."""
    if held == want:
        return
    block = list(range(i * size, i * size + len(held)))
    text = "Your folds are blocks of neighbours. Fold i holds back i, i + k, i + 2k."
    refuse_if(held == block and len(held) > 1, text)
    refuse_if(held == want[:-1], f"Fold {i} forgets its last text.")
    refuse_if(sorted(held) == want, f"The numbers of fold {i} are in another order.")
    less = [row - 1 for row in held]
    refuse_if(less == want, "You count texts from 1. The first is number 0.")
    refuse(f"Fold {i} holds back {want}, not what yours does.")


def refuse_words(
    words: object, split: list[list[str]], held: list[int], everything: set[str]
) -> None:
    """Refuse a vocabulary that is not that of the texts left to train on."""
    refuse_if(
        not isinstance(words, set | frozenset),
        f"The words are a set, not a {type(words).__name__}.",
    )
    found, rest = set(words) if isinstance(words, set | frozenset) else set(), set()
    for j, text in enumerate(split):
        if j not in held:
            rest |= set(text)
    if found == rest:
        return
    seen = {word for j in held for word in split[j]}
    leak = "Your vocabulary has words that occur only in texts that are held back: it leaks."
    refuse_if(found == everything and rest != everything, leak)
    refuse_if(found == seen, "Your vocabulary is that of the texts held back. Take the others.")
    refuse_if(found == rest - seen, "A word may be in both parts. Take all of the training part.")
    whole = {tuple(text) for text in split}
    refuse_if(bool(found & whole), "The set holds whole texts. Asked are their words.")
    apart = {letter for word in everything for letter in word}
    refuse_if(found <= apart, "You take words apart. Asked are the words, not their letters.")
    refuse("The set of words is not that of the texts left to train on.")


def price_first(w: Array, b: float, X: Array, y: Array, lr: float, l1: float) -> Array:
    """Threshold, then step."""
    return threshold(w, lr * l1) + sigmoid_step(w, b, X, y, lr)[0] - w


def refuse_end(model: Scripted, scores: list[float], patience: int, last: int, case: str) -> None:
    """Refuse a loop that ends in another epoch than it should."""
    refuse_if(model.trained > len(scores), f"{case} your loop trains for more than `epochs`.")
    refuse_if(model.asked == 0, "You never ask for a score.")
    if model.trained == last:
        return
    wrong = f"{case} the loop ends after epoch {last}, yours after epoch {model.trained}."
    zero = max(scores) == 0 and model.trained < last
    refuse_if(zero, f"{wrong} The first score is a new best, even 0: begin below all scores.")
    ends = {
        "An equal score counts as a new best in yours.": _counted(
            scores, patience, lambda new, best, before: new >= best
        ),
        "An equal score is no new best: it counts as an epoch without one.": _counted(
            scores, patience, lambda new, best, before: new > best, lambda new, best: new < best
        ),
        "You stop one epoch too late.": best_and_last(scores, patience, 1)[1],
        "You stop one epoch too early.": best_and_last(scores, patience, -1)[1],
        "You wait for a low score, as for a loss. An accuracy is better when it is high.": (
            best_and_last([-s for s in scores], patience)[1]
        ),
        "You compare with the score before. Compare with the best so far.": _counted(
            scores, patience, lambda new, best, before: new > before
        ),
        "You stop at the first epoch without a new best. Wait for `patience` of them.": (
            best_and_last(scores, 1)[1]
        ),
        "You count bad epochs in all. Asked are bad epochs in a row.": _counted(
            scores, patience, lambda new, best, before: False
        ),
        "You never stop before the end.": len(scores),
        "You train one epoch less than `epochs`: `range(1, n)` ends before n.": len(scores) - 1,
    }
    for text, end in ends.items():
        refuse_if(model.trained == end != last, f"{wrong} {text}")
    refuse(wrong)


def _counted(
    scores: list[float],
    patience: int,
    good: Callable[[float, float, float], bool],
    bad: Callable[[float, float], bool] = lambda new, best: True,
) -> int:
    """Return the last epoch where a good score forgets the bad ones, and others are counted."""
    best, before, count = -np.inf, -np.inf, 0
    for epoch, score in enumerate(scores, 1):
        new = score > best or good(score, best, before)
        count = 0 if good(score, best, before) else count + (not new and bad(score, best))
        best, before = max(best, score), score
        if count >= patience:
            return epoch
    return len(scores)


def noted(calls: list[Call], strength: float, train: Any, held: Any) -> float:
    """Note what was asked, and answer with a hill over the logarithm."""
    calls.append((float(strength), [int(row) for row in train], [int(row) for row in held]))
    return hill(*calls[-1][::2])


def hill(strength: float, held: list[int]) -> float:
    """Return an accuracy that is best near 0.3, except in folds that hold back row 0 or 2."""
    place = np.log10(strength) + 0.5
    if 0 in held:
        return float(0.9 - 0.05 * (place + 1.2) ** 2)
    if 2 in held:
        return float(0.6 - 0.04 * (place - 0.7) ** 2)
    return float(0.8 - 0.2 * place**2)


def refuse_calls(
    calls: list[Call],
    strengths: list[float],
    u: list[float],
    low: float,
    high: float,
    n: int,
    k: int,
) -> None:
    """Refuse what was asked of the score, if it is not each strength with each fold."""
    refuse_if(not calls, "Your function never calls `score`.")
    asked = list(dict.fromkeys(call[0] for call in calls))
    evenly = [low + (high - low) * where for where in u]
    flat = "Your strengths lie evenly from low to high. On a logarithmic scale they multiply."
    refuse_if(len(asked) == len(u) and close(asked, evenly) and not close(asked, strengths), flat)
    refuse_if(
        len(asked) != len(u) or not close(np.sort(asked), np.sort(strengths)),
        f"With low={low:g} and high={high:g} the strengths are "
        f"{', '.join(f'{s:.3g}' for s in strengths)}. You ask for "
        f"{', '.join(f'{s:.3g}' for s in asked[:6])}.",
    )
    for _, train, held in calls:
        refuse_if(bool(set(train) & set(held)), "You train on rows that are held back: a leak.")
        whole = sorted(train + held) == list(range(n))
        refuse_if(not whole, f"Of {n} rows each is trained on or held back. Some are in neither.")
    right = [list(range(i, n, k)) for i in range(k)]
    for strength in asked:
        parts = [sorted(call[2]) for call in calls if call[0] == strength]
        swapped = sorted(sorted(call[1]) for call in calls if call[0] == strength) == sorted(right)
        refuse_if(
            swapped and k > 2, "Train and held back are swapped: a fold holds back a few rows."
        )
        refuse_if(
            sorted(map(list, set(map(tuple, parts)))) != sorted(right),
            f"With n={n} and k={k} the folds hold back {right}. Yours are others.",
        )


def deletions(
    tokens: list[str], u: list[float], keep: set[str]
) -> tuple[list[str], dict[str, list[str]]]:
    """Return the words that stay where p is 0.3, and what slips make of them."""
    pairs = list(zip(tokens, u, strict=True))
    want = [word for word, n in pairs if n >= 0.3 or word in keep]
    gone = {word for word, n in pairs if n < 0.3 and word not in keep}
    slips = {
        "You leave out words that `keep` protects.": [w for w, n in pairs if n >= 0.3],
        "You keep what should go: a word goes where its number is below p.": [
            w for w, n in pairs if n < 0.3 or w in keep
        ],
        "A number that equals p is not below it.": [w for w, n in pairs if n > 0.3 or w in keep],
        "A word that goes takes all words like it along. Each has its own number.": [
            w for w in tokens if w not in gone
        ],
        "A word of `keep` is a whole word, and not a part of another.": [
            w for w, n in pairs if n >= 0.3 or any(word in w for word in keep)
        ],
        "A part of a word of `keep` is not that word.": [
            w for w, n in pairs if n >= 0.3 or any(w in word for word in keep)
        ],
        "A word goes, and yours removes the first that is like it. Each has its own number.": (
            removed(pairs, gone)
        ),
        "A word of `keep` is left, so the text is not empty: no other has to stay.": [
            max(pairs, key=lambda pair: pair[1])[0]
        ],
        "You return what goes, and not what stays.": [
            w for w, n in pairs if n < 0.3 and w not in keep
        ],
        "Only the words of `keep` stay in yours.": [w for w in tokens if w in keep],
    }
    return want, slips


def removed(pairs: list[tuple[str, float]], gone: set[str]) -> list[str]:
    """Return the words that stay where each that goes is sought by its letters."""
    stay = [word for word, _ in pairs]
    for word, n in pairs:
        if n < 0.3 and word in gone:
            stay.remove(word)
    return stay


def single_folds(strengths: list[float], n: int, k: int) -> dict[str, float]:
    """Return what is chosen by a single fold of each strength, by which fold it could be."""
    scores = np.array([[hill(s, list(range(i, n, k))) for i in range(k)] for s in strengths])
    ways = {"last": scores[:, -1], "first": scores[:, 0], "best": scores.max(axis=1)}
    ways["worst"] = scores.min(axis=1)
    chosen = {name: strengths[int(np.argmax(by))] for name, by in ways.items()}
    slips = {}
    for strength in set(chosen.values()):
        names = " or the ".join(name for name in chosen if chosen[name] == strength)
        slips[f"You choose by the {names} fold alone. Take the mean of all."] = strength
    middle = strengths[int(np.argmax(np.median(scores, axis=1)))]
    return slips | {"You choose by the median over the folds. Take the mean.": middle}


def thresholds(
    w: Array, b: float, X: Array, y: Array, lr: float, l1: float
) -> tuple[Array, dict[str, Array]]:
    """Return the weights after a proximal step, and what slips make of them."""
    before_w, N = sigmoid_step(w, b, X, y, lr)[0], len(y)
    want = threshold(before_w, lr * l1)
    subgradient = before_w - lr * l1 * np.sign(w)
    slips = {
        "You take the price off and jump across zero. A weight has to stop there.": before_w
        - lr * l1 * np.sign(before_w),
        "The price is part of your slope. Then hardly a weight arrives at zero.": subgradient,
        "The threshold is lr * l1. Yours is l1.": threshold(before_w, l1),
        "The price is taken twice: in the slope, and after the step.": threshold(
            subgradient, lr * l1
        ),
        "You give a weight the sign that it had before the step down.": np.sign(w)
        * np.maximum(np.abs(before_w) - lr * l1, 0),
        "Your weights lose their sign.": np.maximum(np.abs(before_w) - lr * l1, 0),
        "Your negative weights all become zero.": np.maximum(before_w - lr * l1, 0),
        "What stays is not moved in yours. It moves towards zero, too.": np.where(
            np.abs(before_w) > lr * l1, before_w, 0
        ),
        "No price was taken.": before_w,
        "The price comes first in yours. Step down the slopes before.": price_first(
            w, b, X, y, lr, l1
        ),
        "You sum the slopes over the reviews. Take the mean.": threshold(
            w + (before_w - w) * N, lr * l1
        ),
        "You climb: subtract the slope.": threshold(2 * w - before_w, lr * l1),
        "This is decay: each weight shrinks by a share.": before_w * (1 - lr * l1),
    }
    return want, slips
