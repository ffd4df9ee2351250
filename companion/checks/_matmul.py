"""What shapes, neurons and bags of words should be, and what slips make of them."""

from __future__ import annotations

import sys
from collections import Counter
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.checks.pact import Answer

Array = NDArray[Any]
REFUSED = "refused"
SEED = 24  # tells all slips apart


def drawn_arrays(*shapes: tuple[int, ...], seed: int = SEED) -> list[Array]:
    """Return arrays of these shapes, the same each time."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).round(2) for shape in shapes]


def as_numpy_says(a: tuple[int, ...], sign: str, b: tuple[int, ...]) -> Any:
    """Ask numpy."""
    A, B = np.ones(a), np.ones(b)
    try:
        return np.shape(A @ B if sign == "@" else A + B)
    except ValueError:
        return REFUSED


def why_product(got: Any, want: Any, a: tuple[int, ...], b: tuple[int, ...]) -> str:
    """Say what is wrong with the shape of a product."""
    meet = f"side by side inside stand {a[-1]} and {b[0]}"
    if want == REFUSED and 1 in (a[-1], b[0]):
        return f"But {meet}. In a product nothing is repeated, not even a 1."
    if want == REFUSED:
        return f"But {meet}."
    if got == REFUSED:
        return f"But {meet}. That is all it takes."
    if len(got) > len(want):
        return "A vector has no second axis, and its only one is summed away."
    if got == want[::-1]:
        return "Rows come from the first, columns from the second."
    return "The inner size vanishes, the others stay."


def why_sum(got: Any, want: Any, a: tuple[int, ...], b: tuple[int, ...]) -> str:
    """Say what is wrong with the shape of a sum."""
    if got == as_numpy_says(a, "@", b) != REFUSED:
        return "That is true of the product. A sum goes number by number."
    if want == REFUSED:
        p, q = next((p, q) for p, q in zip(a[::-1], b[::-1], strict=False) if p != q)
        return f"Lay them side by side from the right: {p} meets {q}, and neither is 1."
    if got == REFUSED and len(a) != len(b):
        return "From the right all sizes fit. An axis that is missing is made, and repeated."
    if got == REFUSED:
        return "Where sizes differ, one of them is 1. It is repeated."
    if len(got) != len(want):
        return "The result has as many axes as the one that has more."
    return "Where one size is 1, the other is that of the result. Look at each axis."


LIBRARIES = {*sys.stdlib_module_names, "numpy", "torch", "companion"} - {"__main__"}


def lines_run(answer: Answer, sizes: dict[str, int]) -> int:
    """Count the lines of the learner's code that run: with a loop they grow with a size."""
    *shape, D, H = sizes.values()
    given, lines, tracer = drawn_arrays((*shape, D), (D, H), (H,)), 0, sys.gettrace()

    def count(*_: Any) -> Any:
        nonlocal lines
        lines += 1
        return count

    def enter(frame: FrameType, *_: Any) -> Any:
        module = str(frame.f_globals.get("__name__"))
        return None if module.partition(".")[0] in LIBRARIES else count

    sys.settrace(enter)
    try:
        answer(*given, 0.5)
    finally:
        sys.settrace(tracer)
    return lines


def taught(X: Array, y: Array, rounds: int, **slip: Any) -> Array:
    """Return weights and bias, (D + 1,), after some rounds of Rosenblatt's rule, or of a slip."""
    rows, w = np.column_stack([X, np.ones(len(X))]), np.full(X.shape[1] + 1, slip.get("start", 0.0))
    moves = np.append(np.ones(X.shape[1]), slip.get("bias", 1))
    for _ in range(rounds):
        old = w.copy()
        for n in np.repeat(np.arange(len(y))[:: slip.get("order", 1)], slip.get("tries", 1)):
            sign, score = 2 * y[n] - 1, rows[n] @ (old if slip.get("late") else w)
            wrong = (score > 0) != y[n] if slip.get("zero_is_no") else sign * score <= 0
            if wrong != slip.get("when_right", False) or slip.get("always"):
                step = slip.get("up", 1) if y[n] else -slip.get("down", 1)
                w = w + step * rows[n] * moves
    return w


def slips_of_rosenblatt(X: Array, y: Array, rounds: int) -> dict[str, Array]:
    """Say what a neuron has learned whose rule is a little off."""
    slips: dict[str, dict[str, Any]] = {
        "Nothing has been learned. Do the new weights get lost?": {"rounds": 0},
        "Your neuron learns from every example. It learns from its mistakes.": {"always": True},
        "Your neuron learns only where it was right.": {"when_right": True, "zero_is_no": True},
        "A score of 0 is no answer: it counts as a mistake, for a no too.": {"zero_is_no": True},
        "The bias does not learn. Think of an input that is always 1, and its weight.": {"bias": 0},
        "The bias moves the wrong way: up after a missed yes.": {"bias": -1},
        "Wrong sign: where a yes was missed, the example is added.": {"up": -1, "down": -1},
        "You add examples only. After a wrong yes, take the example away.": {"down": 0},
        "You add after each mistake, whichever way it went.": {"down": -1},
        "You take away only. After a missed yes, add the example.": {"up": 0},
        "Your weights change at the end of a round. They change at once.": {"late": True},
        "You stay with an example until it is right. Go on after one change.": {"tries": 99},
        "These are the weights of one round. Do you stop there, or begin anew in each?": {
            "rounds": 1
        },
        "One round is missing.": {"rounds": rounds - 1},
        "One round too many.": {"rounds": rounds + 1},
        "You go through the examples from the last to the first.": {"order": -1},
        "All weights begin at 0. Yours begin at 1.": {"start": 1.0},
    }
    return {text: taught(X, y, **{"rounds": rounds, **slip}) for text, slip in slips.items()}


WORDS = ["slow", "funny", "art", "not"]
TEXTS = [
    "Funny but not slow",
    "slow  slow and SLOW where the smart party is not funny",
    "the art of the art",
    "",
    "not one slowly read word not two",
    "slow art",
]


def counted(texts: list[list[str]]) -> Array:
    """Count the known words of each text, and in the last column all others."""
    bags = [Counter(text) for text in texts]
    known = np.array([[bag[word] for word in WORDS] for bag in bags], float)
    lengths = np.array([len(text) for text in texts])
    return np.column_stack([known, lengths - known.sum(axis=1)])


def miscounted(want: Array) -> dict[str, Array]:
    """Say what the counts of known words are after some slips."""
    inside = np.array([[text.lower().count(word) for word in WORDS] for text in TEXTS])
    lengths = np.maximum(want.sum(axis=1, keepdims=True), 1)
    slips = {
        "You find words inside of words, as art in smart. First cut the text.": inside,
        "Funny and funny are one: make letters small.": counted([t.split() for t in TEXTS]),
        "You say whether a word is there. How often is it there?": np.minimum(want, 1),
        "Your columns are in the order of the alphabet. Keep that of `words`.": (
            want[:, np.argsort(WORDS)]
        ),
        "These are shares of a text. Asked are counts.": want / lengths,
        "Each text counts on where the last one ended. Every row begins at 0.": want.cumsum(axis=0),
        "All your rows are the same.": np.tile(want.sum(axis=0), (len(want), 1)),
    }
    return {text: slip[:, : len(WORDS)] for text, slip in slips.items()}
