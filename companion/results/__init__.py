"""Recorded runs: what took too long for a page, with the command, commit and machine behind it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from companion.runtime import write_whole

__all__ = ["record", "recorded"]

HERE = Path(__file__).parent


def recorded(name: str) -> dict[str, Any]:
    """Return a recorded run.

    Parameters
    ----------
    name
        The name of the run, which is that of its file.

    Returns
    -------
    dict
        ``values`` (name to list of numbers), ``spread`` (name to mean, standard deviation),
        ``command``, ``commit``, ``versions``, ``machine``, ``date``.

    Raises
    ------
    ValueError
        If there is no such record.

    Examples
    --------
    >>> sorted(recorded("backprop_seeds"))
    ['command', 'commit', 'date', 'machine', 'spread', 'values', 'versions']
    """
    path = HERE / f"{name}.json"
    if not path.exists():
        there = ", ".join(sorted(file.stem for file in HERE.glob("*.json"))) or "none so far"
        raise ValueError(f"no run is recorded under {name!r}; there are: {there}")
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


def record(name: str, values: Mapping[str, Sequence[float]], *, command: str) -> Path:
    """Write a run's numbers to its file, whole or not at all.

    Parameters
    ----------
    name
        The name of the run.
    values
        Name to the numbers of its repetitions, finite.
    command
        What to type to run it again.

    Raises
    ------
    ValueError
        If there is no number, or one is not finite. The old file then stays.
    """
    for key, numbers in values.items():
        if not len(numbers) or not np.isfinite(numbers).all():
            raise ValueError(f"{name}: {key!r} must be finite numbers, got {list(numbers)}")
    result = {
        "values": {key: [float(x) for x in numbers] for key, numbers in values.items()},
        "spread": {
            key: {
                "mean": float(np.mean(x)),
                "std": float(np.std(x, ddof=1)) if len(x) > 1 else None,
            }
            for key, x in values.items()
        },
        "command": command,
        "commit": _commit(),
        "versions": {
            "python": platform.python_version(),
            **{
                package: version(package) for package in ("keras", "numpy", "scikit-learn", "torch")
            },
        },
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "date": date.today().isoformat(),
    }
    path = HERE / f"{name}.json"
    write_whole(path, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return path


def _commit() -> str:
    """Return the commit that the code is at, with a plus where the code was changed since."""

    def git(*words: str) -> str:
        command = ["git", *words]
        return subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True).stdout

    try:
        changed = git("status", "--porcelain", "--", ":/", ":(top,exclude)companion/results/*.json")
        return git("rev-parse", "--short", "HEAD").strip() + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
