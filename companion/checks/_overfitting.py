"""Models that note what is done to them, reviews to learn from, and what slips make of both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.checks._compare import numbers, refuse, refuse_if

Array = NDArray[np.float64]
MARK = 0.71  # what a reader has to reach in the exam


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
    refuse(f"{where} your list has {len(got)} words, where {len(want)} are asked, or other ones.")


def judged(judge: Callable[[Any], Any], texts: list[list[str]]) -> Array:
    """Return what a learner's reader says of texts, 0 or 1 each."""
    refuse_if(not callable(judge), "Return the function that judges, itself.")
    said = judge([list(text) for text in texts])
    refuse_if(said is None, "Your reader returned None.")
    values = numbers(said, what="what your reader says").ravel()
    refuse_if(
        len(values) != len(texts),
        f"Your reader was asked about {len(texts)} reviews and gave {len(values)} verdicts.",
    )
    odd = values[(values != 0) & (values != 1)]
    refuse_if(len(odd) > 0, f"A verdict is 0 or 1. Yours said {odd[0] if len(odd) else 0:.3g}.")
    return values
