"""Exercises that check themselves: give your function, hear what is right or wrong with it."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from companion.checks.pact import Exercise, Verdict

__all__ = ["Exercise", "Verdict", "all"]


def topics() -> list[str]:
    """Return the names of the topics, one for each chapter that has exercises."""
    names = {module.name for module in pkgutil.iter_modules(__path__)} - {"pact", "progress"}
    return sorted(name for name in names if not name.startswith("_"))


def all() -> dict[str, Exercise]:
    """Return every exercise by its name, in the order of the chapters' modules.

    Examples
    --------
    >>> from companion import checks
    >>> checks.all()["backprop.descend"].difficulty
    2
    """
    found = [vars(_topic(name)).values() for name in topics()]
    return {each.name: each for values in found for each in values if isinstance(each, Exercise)}


def _topic(name: str) -> ModuleType:
    """Load the checks of one topic."""
    return importlib.import_module(f"{__name__}.{name}")


def __getattr__(name: str) -> ModuleType:
    """Load a topic when it is first asked for."""
    if name in topics():
        return _topic(name)
    raise AttributeError(f"no topic {name!r} among the exercises: {', '.join(topics())}")


def __dir__() -> list[str]:
    """List the topics too, for the Tab key."""
    return sorted([*globals(), *topics()])
