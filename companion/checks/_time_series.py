"""Series whose truth is known, what slips make of them, and what is refused at a glance."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from companion.checks._compare import close, numbers, refuse, refuse_if

Array = NDArray[np.float64]
SUNSPOTS = np.array([5.0, 11, 16, 23, 36, 58, 29, 20, 10, 8, 3, 0, 0, 2, 11, 27, 47])  # 1700-1716


def refuse_looking_ahead(got: Any, other: Any, message: str) -> None:
    """Refuse forecasts of two series that have the past in common, if they differ."""
    first, second = numbers(got), numbers(other)
    same = first.shape == second.shape and np.allclose(first, second, equal_nan=True)
    refuse_if(not same, message)


def refuse_whole(got: Array, want: Array, message: str) -> None:
    """Refuse numbers that are right but for what stands behind the point."""
    cut = any(same_values(got, each) for each in (np.trunc(want), np.floor(want), np.round(want)))
    refuse_if(cut and not same_values(got, want), message)


def same_values(got: Array, want: Array) -> bool:
    """Say whether an array has this shape and these values."""
    return got.shape == want.shape and close(got, want)


def refuse_ragged(result: Any) -> None:
    """Refuse rows of several lengths: a window or a target ran out of the series."""
    for part in result if isinstance(result, tuple | list) and len(result) == 2 else ():
        rows = part if isinstance(part, list) else []
        lengths = {len(row) for row in rows if hasattr(row, "__len__")}
        ragged = "The last windows run out of the series: their rows are shorter than the others."
        refuse_if(len(lengths) > 1, ragged)


def refuse_shifted(inputs: Array, targets: Array, length: int, horizon: int) -> None:
    """Refuse targets that begin one value too early or too late."""
    for shift, text in (
        (-1, "The target leaks: it begins with the window's last value."),
        (1, "There is a gap: your target skips the value after the window."),
    ):
        shifted = sliding_window_view(SUNSPOTS, length + horizon + shift)[:, length + shift :]
        moved = same_values(targets, shifted) or same_values(targets, shifted[:-1])
        refuse_if(moved and same_values(inputs.ravel()[:length], SUNSPOTS[:length]), text)


def refuse_wrong_count(inputs: Array, want: Array, length: int, horizon: int) -> None:
    """Say which windows are missing, or too many."""
    leak = "The inputs leak: a window holds its own target as well."
    refuse_if(inputs.shape == (len(want), length + horizon), leak)
    if inputs.ndim != 2 or inputs.shape[1] != length or len(inputs) == len(want):
        return
    steps = {"length": length, "horizon": horizon, "length + horizon": length + horizon}
    for name, step in steps.items():
        overlap = f"Your windows step by `{name}`. They overlap: the next begins one value later."
        refuse_if(step > 1 and same_values(inputs[:2], want[::step][:2]), overlap)
    first = "You leave out the first window, which begins with the series."
    refuse_if(same_values(inputs, want[1:]), first)
    last = "You leave out the last window: its target ends with the series."
    refuse_if(same_values(inputs, want[:-1]), last)
    asked = f"{len(SUNSPOTS)} values, length {length} and horizon {horizon} give {len(want)}."
    refuse(f"You make {len(inputs)} windows. {asked}")


def refuse_other_rows(train: Array, x: Array, cut: int) -> None:
    """Refuse a training part that does not rise and fall as the first days do, in their order."""
    got, early, late = (np.argsort(part[:, 0]) for part in (train, x[:cut], x[-cut:]))
    if np.ptp(train[:, 0]) > 0:  # not so if NaN is among them
        future = np.array_equal(got, late) and not np.array_equal(early, late)
        refuse_if(future, "You train on the last days and test on the first.")
        shuffled = "Your training part is not the first days in their order. Is it shuffled?"
        refuse_if(not np.array_equal(got, early), shuffled)


SIGNS = {"stationary": "S", "unit root": "U", "cannot tell": "?", "contradiction": "!"}
# The verdicts where ADF alone rejects, where KPSS alone does, where neither does, where both do.
MISREADINGS = {
    "SUUS": "KPSS takes no part in your verdict.",
    "SUSU": "ADF takes no part in your verdict.",
    "!?US": "You turn KPSS round. What does it suppose until the data speak against it?",
    "?!SU": "You turn ADF round. What does it suppose until the data speak against it?",
    "US!?": "You take a large p for a rejection. It is a small p that rejects.",
    "US?!": "You turn both tests round: a small p speaks against what a test supposes.",
    "SU!?": "Tests that reject nothing contradict nothing, and two that reject do tell.",
    "SUU!": "You take it for a proof that ADF does not reject. It may only lack data.",
    "SUS!": "You take it for a proof that KPSS does not reject. It may only lack data.",
    "SU?S": "Where both reject you believe ADF, though KPSS speaks as clearly.",
    "SU?U": "Where both reject you believe KPSS, though ADF speaks as clearly.",
}
Move = Callable[[Sequence[float], float], Sequence[float]]
MOVES: dict[str, Move] = {
    "You feed nothing back: the window never moves.": lambda w, y: w,
    "You overwrite the newest value. It is the oldest that leaves.": lambda w, y: [*w[:-1], y],
    "You feed back in front. The newest value stands at the end.": lambda w, y: [y, *w[:-1]],
    "Only the oldest value is overwritten: the others must move.": lambda w, y: [y, *w[1:]],
}


def roll(
    model: Callable[[Any], float],
    window: Sequence[float] | Array,
    steps: int,
    move: Move = lambda w, y: [*w[1:], y],
) -> Array:
    """Forecast step by step; ``move`` makes the next window of one and its forecast."""
    values, window = [], list(window)
    for _ in range(steps):
        values.append(model(window))
        window = list(move(window, values[-1]))
    return np.array(values)


def refuse_windows(asked: Sequence[Array], length: int, origin: int) -> None:
    """Refuse windows that are not the last few values, going by what the model was asked."""
    refuse_if(not asked, "Your function never asks the model.")
    shapes = [window.shape for window in asked]
    whole = f"You show the model all that is known. It reads the last {length} values."
    refuse_if(shapes[0] == (origin,), whole)
    grows = "Your window grows with each step: as a value comes in, the oldest must leave."
    refuse_if(shapes[0] == (length,) and shapes[-1] > (length,), grows)
    wrong = next((shape for shape in shapes if shape != (length,)), None)
    text = f"The model reads windows of shape ({length},). You show it one of shape {wrong}."
    refuse_if(wrong is not None, text)


def patients() -> list[tuple[str, Array, int, tuple[int, ...]]]:
    """Make series whose truth is known: name, values, season, the treatments they need."""
    noise = np.random.default_rng(9).normal(size=(5, 252))  # 21 years, or 36 weeks
    weekly = noise[0].reshape(-1, 7).cumsum(axis=0).ravel()
    monthly = noise[1].reshape(-1, 12).cumsum(axis=0).ravel()
    steep = np.round(5 * monthly).cumsum().cumsum()  # exact in float32, too
    short, shorter = (_remembered(noise[3], share) for share in (0.68, 0.66))
    return [
        ("a random walk", np.cumsum(noise[2] + 0.1), 12, (1,)),
        ("a line with noise", 0.05 * np.arange(252) + noise[3], 12, (0,)),
        ("noise that needs no treatment", noise[4] + 5, 12, ()),
        ("a season that drifts", weekly, 7, (2,)),
        ("a walk with a season that drifts", np.cumsum(monthly), 12, (1, 2)),
        ("a walk of walks with a season that drifts", steep, 12, (1, 1, 2)),
        ("a memory of 0.68", short, 12, (1,)),
        ("a memory of 0.66", shorter, 12, ()),
        ("a price that never changes", np.full(60, 2.7), 12, ()),
    ]


def _remembered(shocks: Array, share: float) -> Array:
    """Keep this share of the value before, and add a shock."""
    return np.array(list(itertools.accumulate(shocks, lambda value, e: share * value + e)))


def treated(x: Array, season: int, treatments: Sequence[int]) -> Array:
    """Treat a series: 0 subtracts its line, 1 takes differences, 2 those over a season."""
    for each in treatments:
        if each == 0:
            t = np.arange(len(x))
            x = x - np.polyval(np.polyfit(t, x, 1), t)
        else:
            lag = (1, season)[each - 1]
            x = x[lag:] - x[:-lag]
    return x


def refuse_other_treatment(
    got: Array, name: str, series: Array, season: int, wanted: tuple[int, ...]
) -> None:
    """Find out which treatments were given, and say what they left."""
    best, kinds = treated(series, season, wanted), ("a line", "a difference", "a seasonal one")
    for given in itertools.chain(*(itertools.product(range(3), repeat=n) for n in range(4))):
        if same_values(got, treated(series, season, given)):
            steps = ", then ".join(kinds[each] for each in given) or "nothing"
            left = f"a spread of {got.std():.2f}"
            if np.ptp(got) > 0:
                neighbours = np.corrcoef(got[1:], got[:-1])[0, 1]
                left += f", and neighbours with correlation {neighbours:.2f}"
            reach = f"A spread of {best.std():.2f} is within reach."
            third = " Does your seasonal difference go back by `season`?"
            reach += third * (wanted == (2,) and not given)
            refuse(
                f"You treat {name} with {steps}. That leaves {left}. "
                + ("It needs less." if len(given) > len(wanted) else reach)
            )
