"""The long runs themselves: what ``make real``, ``make full`` and ``make claims`` call."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from companion.results import record
from companion.runtime import records

__all__ = ["execute", "run"]

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def execute(book: Any, folder: Path, environment: Mapping[str, str]) -> None:
    """Run a notebook's cells in place.

    Parameters
    ----------
    book
        The notebook, as nbformat reads it.
    folder
        Where its kernel works.
    environment
        All the variables that the kernel sees.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    from nbclient import NotebookClient

    client = NotebookClient(
        book,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=dict(environment))


def repeat_chapter(
    stem: str, *, seeds: Sequence[int] = (0,), scale: str = "page"
) -> dict[str, list[float]]:
    """Run a chapter's notebook once for each seed, and collect what its ``expect`` lines saw.

    Cells tagged ``recorded``, which read the result of this very function, are left out, and
    bands are not enforced.

    Parameters
    ----------
    stem
        The notebook, for example ``02_backprop``.
    seeds
        Added to every seed of the chapter.
    scale
        ``page`` or ``full``.

    Returns
    -------
    dict
        Name to one number for each seed.

    Raises
    ------
    FileNotFoundError
        If the notebooks are not there, as where the package alone is installed.
    """
    import nbformat

    path = NOTEBOOKS / f"{stem}.ipynb"
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: this run needs a clone of the repository")
    found: dict[str, list[float]] = {}
    for seed in seeds:
        book = nbformat.read(path, as_version=4)
        book.cells = [c for c in book.cells if "recorded" not in c.metadata.get("tags", [])]
        with tempfile.TemporaryDirectory() as home:
            settings = {
                "COMPANION_HOME": home,
                "COMPANION_QUIET": "1",
                "COMPANION_SCALE": scale,
                "COMPANION_SEED": str(seed),
                "OMP_NUM_THREADS": "1",
            }
            execute(book, path.parent, {**os.environ, **settings})
        for name, text in records(book.cells).items():
            if not text.startswith("="):  # exact numbers have no spread
                found.setdefault(name, []).append(float(text))
    return found


def _of(module: str, name: str, **options: Any) -> dict[str, list[float]]:
    """Run a long function of a module, which is loaded only then."""
    function = getattr(import_module(f"companion.{module}"), name)
    found: dict[str, list[float]] = function(**options)
    return found


RUNS: Mapping[str, Mapping[str, Callable[[], dict[str, list[float]]]]] = {
    "real": {
        "keras_overview_imdb": partial(_of, "keras_overview", "imdb"),
        "recurrent_imdb": partial(_of, "results.reading", "imdb_bilstm"),
        "recurrent_shakespeare": partial(_of, "results.reading", "shakespeare"),
        "recurrent_wikitext": partial(_of, "results.reading", "wikitext_rows"),
        "som_reviews": partial(_of, "results.maps", "reviews"),
        "time_series_airline": partial(_of, "results.time_series", "airline"),
        "time_series_sunspots": partial(_of, "results.time_series", "sunspots"),
    },
    "full": {
        "backprop_full": partial(repeat_chapter, "02_backprop", scale="full"),
        "recurrent_full": partial(
            _of, "results.language_models", "gaps", tokens=(10**6, 3 * 10**6, 10**7), width=256
        ),
    },
    "claims": {
        "backprop_seeds": partial(repeat_chapter, "02_backprop", seeds=range(5)),
        "gradients_distances": partial(_of, "results.gradients", "distances"),
        "gradients_seeds": partial(repeat_chapter, "03_gradients", seeds=range(5)),
        "keras_overview_padding": partial(_of, "keras_overview", "padding"),
        "keras_overview_seeds": partial(repeat_chapter, "04_keras_overview", seeds=range(5)),
        "matmul_seeds": partial(repeat_chapter, "01_matmul", seeds=range(5)),
        "recurrent_cells": partial(_of, "results.language_models", "cells"),
        "recurrent_keras": partial(_of, "results.keras_writer", "next_word"),
        "recurrent_page": partial(_of, "results.language_models", "gaps"),
        "recurrent_seeds": partial(repeat_chapter, "08_recurrent", seeds=range(5)),
        "som_seeds": partial(repeat_chapter, "14_som", seeds=range(5)),
        "time_series_data": partial(_of, "results.time_series", "data"),
        "time_series_depth": partial(_of, "results.time_series", "depth"),
        "time_series_scaling": partial(_of, "results.time_series", "scaling"),
        "time_series_seeds": partial(repeat_chapter, "09_time_series", seeds=range(5)),
    },
}


def run(kind: str) -> None:
    """Run and record everything of one kind.

    Parameters
    ----------
    kind
        ``real``, ``full`` or ``claims``.

    Raises
    ------
    ValueError
        If the kind is another.
    """
    if kind not in RUNS:
        raise ValueError(f"kind must be one of {', '.join(RUNS)}, got {kind!r}")
    for name, function in RUNS[kind].items():
        print(f"{name} ...", flush=True)
        print(f"  written to {record(name, function(), command=f'make {kind}')}")
