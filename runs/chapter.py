"""The fourteen runs of a chapter, which say what kind each of its numbers is."""

from __future__ import annotations

import operator
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import jupytext

from book import weave
from companion.results import record
from runs.notebook import Records, execute
from runs.processors import PROCESSORS

__all__ = ["fourteen", "once"]

SEEDS = range(1, 6)
WHERE = [(0, name) for name in PROCESSORS if name != "threads"] + [
    (seed, name) for seed in SEEDS for name in ("native", "oldest")
]


def once(stem: str, seed: int = 0, processor: str = "native", *, scale: str = "page") -> Records:
    """Run the cells of a manuscript once, without those that read a record.

    Parameters
    ----------
    stem
        The chapter, for example ``02_backprop``.
    seed
        0 for the seeds of the chapter; each step moves all of them by a thousand.
    processor
        See ``runs.processors``.
    scale
        ``page`` or ``full``.
    """
    book = weave.learner(jupytext.reads(weave.manuscript(stem).read_text("utf-8"), fmt="md:myst"))
    book.cells = [c for c in book.cells if "recorded" not in c.metadata.get("tags", [])]
    settings = {"COMPANION_SCALE": scale, "COMPANION_SEED": str(seed)}
    folder = weave.woven(stem)["learner"].parent
    _, found = execute(book, folder, processor=processor, settings=settings)
    print(f"  {stem}, seed {seed}, {processor}: {found.seconds:.0f} s", flush=True)
    return found


def fourteen(stem: str, code: str) -> Path:
    """Run a chapter fourteen times and record it; two at a time, but for that with two threads.

    Parameters
    ----------
    stem
        The chapter.
    code
        A hash of what the runs hang on, kept with them.
    """
    with ProcessPoolExecutor(max_workers=2) as pool:
        found = list(pool.map(partial(_apart, stem), WHERE))
    found.insert(len(PROCESSORS) - 1, once(stem, 0, "threads"))
    where = [*WHERE[: len(PROCESSORS) - 1], (0, "threads"), *WHERE[len(PROCESSORS) - 1 :]]
    return record(
        f"{stem[3:]}_runs",
        together(found, operator.attrgetter("numbers")),
        command=f"python -m runs claims {stem[3:]}",
        code=code,
        runs=[f"seed {seed}, {processor}" for seed, processor in where],
        claims=together(found, operator.attrgetter("claims")),
    )


def _apart(stem: str, where: tuple[int, str]) -> Records:
    return once(stem, *where)


def together(found: list[Records], part: Callable[[Records], dict[str, Any]]) -> dict[str, Any]:
    """Put what the runs recorded under one name side by side.

    Raises
    ------
    ValueError
        If a run lacks a name that another has.
    """
    names = list(part(found[0]))
    for other in found[1:]:
        if set(part(other)) != set(names):
            raise ValueError(
                "the runs recorded different names: " + ", ".join({*names} ^ {*part(other)})
            )
    return {name: [part(one)[name] for one in found] for name in names}
