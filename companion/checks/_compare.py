"""What a check asks of a result: numbers, the right shape, and which slip made it wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.runtime import as_array

__all__ = [
    "FAULTS",
    "Refused",
    "close",
    "compare",
    "compare_cases",
    "numbers",
    "refuse",
    "refuse_if",
]

FAULTS = (Exception, SystemExit)  # what an answer may raise; Ctrl-C is not among them
TOLERANCE = 1e-4  # of the largest entry: any right float32 answer meets it


class Refused(Exception):
    """The answer is wrong; the message says in what."""


def refuse(message: str) -> NoReturn:
    """End the check: the answer is wrong, and this says in what."""
    raise Refused(message)


def refuse_if(condition: bool | np.bool, message: str) -> None:
    """End the check with this message, if the condition holds."""
    if condition:
        refuse(message)


def numbers(value: Any, *, what: str = "the result") -> NDArray[np.float64]:
    """Read an array, a list, a number or a tensor of any library as numbers, or say why not.

    Parameters
    ----------
    value
        What an answer returned.
    what
        What to call it in a message.

    Returns
    -------
    ndarray of float64, any shape
        A copy.
    """
    refuse_if(value is ..., f"{_start(what)} is still `...`.")
    refuse_if(value is None, f"{_start(what)} is None.")
    try:
        array = _array(value)
        if array.dtype.kind == "c" and not array.imag.any():
            array = array.real
        if array.dtype.kind in "biufO":
            return array.astype(np.float64)
    except FAULTS:
        pass  # whatever an odd object raises, it is no numbers
    refuse(f"{_start(what)} cannot be read as numbers: it is a {type(value).__name__}.")


def _array(value: Any) -> NDArray[Any]:
    """Turn tensors, and lists of tensors, into an array."""
    if isinstance(value, list | tuple):
        return np.array([_array(each) for each in value])
    return as_array(value)


def close(got: ArrayLike, want: ArrayLike) -> bool:
    """Say whether two arrays of one shape agree as closely as float32 can be asked to."""
    error = np.abs(np.subtract(got, want))
    return bool(np.all(error <= TOLERANCE * np.max(np.abs(want), initial=0) + 1e-8))


def compare(
    got: Any,
    want: ArrayLike,
    *,
    what: str = "the result",
    slips: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Refuse a result that is not what it should be, and say as exactly as possible why.

    Parameters
    ----------
    got
        What the answer returned.
    want
        What is right.
    what
        What to call it in a message.
    slips
        What to say, and the result, same shape as ``want``, after which to say it.
    """
    want, start = np.asarray(want, dtype=np.float64), _start(what)
    got = _fitting(got, want, what)
    if close(got, want):
        return
    for message, slip in (slips or {}).items():
        refuse_if(close(got, slip), message)
    refuse_if(close(got, -want), f"{start} has the right size and the wrong sign.")
    if want.ndim == 0:
        refuse(f"{start} is too {'large' if got > want else 'small'}.")
    factor = (got * want).sum() / max((want * want).sum(), 1e-300)
    refuse_if(
        want.size > 1
        and close(got, factor * want)
        and abs(factor) > TOLERANCE
        and f"{factor:.3g}" != "1",
        f"{start} has the right proportions, but every entry is {factor:.3g} times "
        "what it should be.",
    )
    place = [int(i) for i in np.unravel_index(np.abs(got - want).argmax(), want.shape)]
    wrong = np.abs(got - want) > TOLERANCE * np.abs(want).max() + 1e-8
    refuse(f"{start} is wrong in {wrong.sum()} of {want.size} entries, most at {place}.")


def compare_cases(
    cases: Iterable[tuple[str, Any, tuple[Any, ...]]],
    right: Callable[..., ArrayLike],
    slips: Mapping[str, Callable[..., ArrayLike]],
) -> None:
    """Refuse results of several cases; name a slip only where it explains every one of them.

    Parameters
    ----------
    cases
        What to call each result in a message, what the answer returned, and for what.
    right
        Makes the right result of a case.
    slips
        What to say, and what makes the result after which to say it.
    """
    read = []
    for what, got, given in cases:
        want = np.asarray(right(*given), dtype=np.float64)
        read.append((what, _fitting(got, want, what), want, given))
    if all(close(got, want) for _, got, want, _ in read):
        return
    for message, slip in slips.items():
        refuse_if(all(close(got, slip(*given)) for _, got, _, given in read), message)
    for what, got, want, _ in read:
        compare(got, want, what=what)


def _fitting(value: Any, want: NDArray[Any], what: str) -> NDArray[np.float64]:
    """Read a result as finite numbers of the shape that is wanted, or say what it is instead."""
    got, start = numbers(value, what=what), _start(what)
    if want.ndim == 0 and got.size == 1:
        got = got.reshape(())
    if got.shape != want.shape:
        refuse_if(want.ndim == 0, f"{start} should be one number, yours has shape {got.shape}.")
        turned = " It looks transposed." if got.shape == want.shape[::-1] else ""
        refuse(f"{start} should have shape {want.shape}, yours has {got.shape}.{turned}")
    refuse_if(
        not np.isfinite(got).all(),
        f"{start} holds NaN or infinity: on the way to it a number grew beyond what a float "
        "can hold, or something was divided by zero.",
    )
    return got


def _start(what: str) -> str:
    """Begin a sentence with it, unless it is a name like dW1."""
    return "The" + what[3:] if what.startswith("the ") else f"`{what}`"
