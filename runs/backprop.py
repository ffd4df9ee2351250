"""The chapter on backpropagation at full scale."""

from __future__ import annotations

from runs.chapter import once


def full() -> dict[str, list[float]]:
    """Return the numbers of the chapter, trained at full scale."""
    found = once("02_backprop", scale="full")
    return {name: [value] for name, value in found.numbers.items()}


FULL = {"full": full}
