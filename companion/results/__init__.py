"""Recorded runs: what took too long for a page, with the command, commit and machine behind it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from companion.runtime import write_whole

__all__ = ["FOLDER", "record", "recorded"]

FOLDER = Path(__file__).parent


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
        If there is no such record; the message names those that are there.

    Examples
    --------
    >>> recorded("backprop_full")["command"]
    'python -m runs full backprop'
    """
    there = sorted(file.stem for file in FOLDER.glob("*.json"))
    if name not in there:  # a name, never a path
        names = ", ".join(there) or "none so far"
        raise ValueError(f"no run is recorded under {name!r}; there are: {names}")
    result: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return result


def record(name: str, values: Mapping[str, Sequence[float]], *, command: str, **more: Any) -> Path:
    """Write a run's numbers to its file, whole or not at all.

    Parameters
    ----------
    name
        The name of the run: letters, digits and underscores.
    values
        Name to the numbers of its repetitions, finite.
    command
        What to type to run it again.
    **more
        What else to keep beside the values.

    Raises
    ------
    ValueError
        If the name is none, there is no number, or one is not finite. The old file then stays.
    """
    if not isinstance(name, str) or not re.fullmatch(r"\w+", name):
        raise ValueError(f"name must be letters, digits and underscores, got {name!r}")
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
        **more,
        "command": command,
        "commit": _commit(),
        "versions": {
            "python": platform.python_version(),
            **{
                package: version(package) for package in ("keras", "numpy", "scikit-learn", "torch")
            },
        },
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "processor": _processor(),
        "date": date.today().isoformat(),
    }
    path = FOLDER / f"{name}.json"
    write_whole(path, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return path


def _processor() -> str:
    """Return the processor's name, and the instructions that torch uses of it."""
    import torch

    name = platform.processor()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def _commit() -> str:
    """Return the commit that the code is at, with a plus where the code was changed since."""

    def git(*words: str) -> str:
        command = ["git", *words]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=True)
        return done.stdout

    try:
        changed = git("status", "--porcelain", "--", ":/", ":(top,exclude)companion/results/*.json")
        return git("rev-parse", "--short", "HEAD").strip() + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
