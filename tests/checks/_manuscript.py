"""The exercises of a chapter as its manuscript has them: the stub, and the official solution."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from book import weave


@dataclass(frozen=True)
class Cell:
    """The cell of one exercise.

    Attributes
    ----------
    stub
        What the learner finds there.
    solution
        What stands there in the notebook of solutions.
    """

    stub: str
    solution: str


@functools.cache
def cells(topic: str) -> dict[str, Cell]:
    """Return the exercises of a chapter by their name, in their order."""
    stubs, solved = (_sources(topic, kind) for kind in ("learner", "solutions"))
    return {name: Cell(stubs[name], source) for name, source in solved.items()}


def _sources(topic: str, kind: str) -> dict[str, str]:
    """Return what stands in the cell before each check."""
    found, before = {}, ""
    for cell in weave.unwoven(_stem(topic), kind).cells:
        check = re.search(rf"^checks\.{topic}\.(\w+)\(", cell.source, re.M)
        if check and before:
            found[check[1]] = before
        before = cell.source if "exercise" in cell.metadata.get("tags", []) else ""
    return found


@functools.cache
def _setup(topic: str) -> dict[str, Any]:
    """Run the cells on which the exercises of a chapter stand."""
    names: dict[str, Any] = {"__name__": f"exercises_{topic}"}
    for cell in weave.unwoven(_stem(topic), "solutions").cells:
        if "setup" in cell.metadata.get("tags", []):
            exec(cell.source, names)
    return names


def run(topic: str, name: str, source: str) -> Callable[..., Any]:
    """Run a source of an exercise's cell, and return the function or class that it makes.

    Exercises that stand before it are there with their solutions, as in the notebook.
    """
    names = dict(_setup(topic))
    for other, cell in cells(topic).items():
        if other == name:
            break
        exec(cell.solution, names)
    exec(compile(source, f"<{topic}.{name}>", "exec"), names)
    made: Callable[..., Any] = names[name]
    return made


def _stem(topic: str) -> str:
    return next(stem for stem in weave.chapters() if stem[3:] == topic)
