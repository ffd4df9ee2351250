"""Guards that many doors share: what is no number is refused, small whole numbers are widened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["finite", "number", "wide"]


def number(name: str, value: Any, said: str, fits: Callable[[float], bool]) -> float:
    """Return a real number that fits.

    Parameters
    ----------
    name
        What the number is called, for the error.
    value
        A number of Python or numpy, or a tensor of one; no bool and no text.
    said, fits
        What it must be, in words and as a test. NaN fits no comparison.

    Raises
    ------
    TypeError
        If it is no real number.
    ValueError
        If it does not fit.

    Examples
    --------
    >>> number("rate", 0.5, "above 0", lambda x: x > 0)
    0.5
    """
    try:
        if isinstance(value, bool | np.bool_ | str | bytes):
            raise TypeError
        x = float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):  # a list, None, many numbers
        raise TypeError(f"{name} must be a number {said}, got {value!r}") from None
    if not fits(x):
        raise ValueError(f"{name} must be {said}, got {value}")
    return x


def wide(values: NDArray[Any]) -> NDArray[Any]:
    """Return truth values and whole numbers with room for a sign and a product, others as they are.

    Examples
    --------
    >>> 1 - 2 * wide(np.array([1], dtype=np.uint8))
    array([-1])
    """
    if values.dtype.kind not in "iub":
        return values
    return values.astype(np.result_type(values, np.int64), copy=False)


def finite(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Pass real numbers on, widened, and refuse NaN, infinity and what is no number."""
    if values.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be real numbers, got dtype {values.dtype}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return wide(values)
