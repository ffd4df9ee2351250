"""The ground every chapter stands on: chance, device, scale, checked numbers, safe files."""

from __future__ import annotations

import contextlib
import operator
import os
import random
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs
from IPython.core.getipython import get_ipython
from tqdm import tqdm

if TYPE_CHECKING:
    import torch

__all__ = [
    "as_array",
    "device",
    "expect",
    "home",
    "progress",
    "quote",
    "records",
    "scale",
    "seeded",
    "write_whole",
]

# The mime type by which MyST notebooks glue values; the records show nothing on a page.
RECORD = "application/papermill.record/text/plain"


def expect(name: str, value: float, low: float, high: float) -> None:
    """Print a measured number beside the band it has to lie in, and record it for the prose.

    Parameters
    ----------
    name
        What was measured, in words. The manuscript quotes the number by this name.
    value
        The measurement, a finite number.
    low, high
        The band, ends included.

    Raises
    ------
    ValueError
        If the band is empty or open, ``value`` is not finite, or the name cannot be quoted.
    AssertionError
        If ``value`` lies outside the band. Runs at full scale or with other seeds, for which the
        band is not made, only print and record.

    Examples
    --------
    >>> expect("accuracy", 0.912, 0.90, 0.95)
    accuracy: 0.912 (expected 0.9 to 0.95)
    """
    if not -np.inf < low < high < np.inf:
        raise ValueError(f"{name}: the band must have finite low < high, got {low} to {high}")
    if set(name) & set(":`\n"):
        raise ValueError(f"a name that prose can quote has no colon or backtick, got {name!r}")
    value = float(value)
    if not np.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, got {value}")
    print(f"{name}: {value:.4g} (expected {low:g} to {high:g})")
    _record(name, repr(value))
    repeated = "COMPANION_SEED" in os.environ
    if scale() == "page" and not repeated and not low <= value <= high:
        raise AssertionError(f"{name} is {value:.6g}, outside its band {low:g} to {high:g}")


def quote(**numbers: float) -> None:
    """Record exact numbers for the prose, which quotes them by name; prints nothing.

    Parameters
    ----------
    **numbers
        Numbers that come out the same on every machine. Whole ones are kept exactly, others to
        six digits.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    for name, number in numbers.items():
        value = float(number)
        if not np.isfinite(value):
            raise ValueError(f"{name}: expected a finite number, got {value}")
        _record(name, f"= {value:.0f}" if value.is_integer() else f"= {value:.6g}")


def _record(name: str, text: str) -> None:
    """Leave a number in the notebook's outputs, where weaving and the tests find it."""
    shell = get_ipython()
    if shell is not None and hasattr(shell, "kernel"):
        scrap = {"name": name, "mime_prefix": "application/papermill.record/"}
        shell.display_pub.publish({RECORD: text}, {"scrapbook": scrap})


def records(cells: Iterable[Any]) -> dict[str, str]:
    """Return the numbers that ``expect`` and ``quote`` left in a notebook's cells.

    Parameters
    ----------
    cells
        Executed cells of a notebook.

    Returns
    -------
    dict
        Name to text: a number, with an equals sign before it where it is exact.

    Raises
    ------
    ValueError
        If two numbers have one name.
    """
    found: dict[str, str] = {}
    for cell in cells:
        for output in cell.get("outputs", []):
            if RECORD in output.get("data", {}):
                name = output["metadata"]["scrapbook"]["name"]
                if name in found:
                    raise ValueError(f"two numbers of the notebook are named {name!r}")
                found[name] = output["data"][RECORD]
    return found


def as_array(values: Any) -> np.ndarray:
    """Return an array, a list of numbers, or a tensor of any library as a numpy array.

    Parameters
    ----------
    values
        Numbers of any shape, on any device, with or without a gradient.

    Examples
    --------
    >>> import torch
    >>> as_array(torch.ones(2, requires_grad=True))
    array([1., 1.], dtype=float32)
    """
    values = values.detach().cpu() if hasattr(values, "detach") else values
    return np.asarray(values.numpy() if hasattr(values, "numpy") else values)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[np.random.Generator]:
    """Fix every source of chance inside a ``with`` block, and restore it afterwards.

    ``random``, ``numpy.random`` and torch are seeded; the block receives a fresh numpy generator.
    ``COMPANION_SEED`` is added to every seed: that is how the five-seed runs repeat a chapter.

    Parameters
    ----------
    seed
        A whole number, 0 or more.

    Examples
    --------
    >>> with seeded(0) as rng:
    ...     first = rng.normal(size=3)
    >>> with seeded(0) as rng:
    ...     bool((rng.normal(size=3) == first).all())
    True
    """
    import torch

    shift = os.environ.get("COMPANION_SEED", "0")
    if operator.index(seed) < 0 or not shift.isdecimal():
        raise ValueError(
            f"seed and COMPANION_SEED must be whole numbers, 0 or more, got {seed!r} and {shift!r}"
        )
    seed = operator.index(seed) + int(shift)
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)
            yield np.random.default_rng(seed)
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def device() -> torch.device:
    """Return the device that ``COMPANION_DEVICE`` names: cpu (default), cuda, mps or auto.

    Raises
    ------
    ValueError
        If the name is none of the four, or the device is not there.

    Examples
    --------
    >>> device()
    device(type='cpu')
    """
    import torch

    name = os.environ.get("COMPANION_DEVICE", "cpu").lower()
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if there[kind])
    if name not in there:
        raise ValueError(f"COMPANION_DEVICE must be cpu, cuda, mps or auto, got {name!r}")
    if not there[name]:
        raise ValueError(f"COMPANION_DEVICE asks for {name}, but torch finds no such device here")
    return torch.device(name)


def scale() -> str:
    """Return ``"page"``, or ``"full"`` where ``COMPANION_SCALE=full`` asks for the larger runs."""
    name = os.environ.get("COMPANION_SCALE", "page")
    if name not in ("page", "full"):
        raise ValueError(f"COMPANION_SCALE must be page or full, got {name!r}")
    return name


def progress(total: int) -> Any:
    """Return a bar of ``total`` epochs, which a terminal or a notebook shows, and nothing else.

    ``COMPANION_QUIET=1``, as in woven notebooks, keeps it away.
    """
    quiet = os.environ.get("COMPANION_QUIET", "") not in ("", "0")
    shown = sys.stderr.isatty() or hasattr(get_ipython(), "kernel")
    return tqdm(total=total, unit="epoch", disable=quiet or not shown, delay=0.5, leave=False)


def home() -> Path:
    """Return the folder that keeps a learner's progress; ``COMPANION_HOME`` moves it."""
    moved = os.environ.get("COMPANION_HOME")
    if moved:
        return Path(moved).expanduser()
    return Path(platformdirs.user_data_dir("deep-learning-for-language", appauthor=False))


def write_whole(path: Path, text: str) -> None:
    """Write a text file so that it is there whole or not at all; the old one stays until then.

    Parameters
    ----------
    path
        The file. Missing parent folders are made.
    text
        Its new content, written as UTF-8 with ``\\n`` line ends.

    Raises
    ------
    OSError
        If the folder or the file cannot be written. The old file is then unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.stat().st_mode & stat.S_IWRITE:
        raise PermissionError(f"{path} is read-only")
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        mode = path.stat().st_mode if path.exists() else 0o666 & ~_umask()
        Path(draft).chmod(mode)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """Read the process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
