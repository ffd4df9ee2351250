"""The ground every chapter stands on: chance, device, scale, checked numbers, safe files."""

from __future__ import annotations

import contextlib
import operator
import os
import platform
import random
import re
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
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
    "claim",
    "device",
    "expect",
    "home",
    "progress",
    "scale",
    "seeded",
    "whole",
    "write_whole",
]

# The mime types by which numbers and claims travel with a notebook; a page shows nothing of them.
RECORD = "application/papermill.record/text/plain"
CLAIM = "application/papermill.record/claim"
DAY = 24 * 60 * 60  # seconds


def expect(name: str, value: float) -> None:
    """Print a measured number, and record it for the prose and the tests.

    What kind of number it is, stable or chaotic, is not said here: the recorded runs of the
    chapter show it.

    Parameters
    ----------
    name
        What was measured, in words. The manuscript quotes the number by this name.
    value
        The measurement.

    Raises
    ------
    ValueError
        If the name cannot be quoted.

    Examples
    --------
    >>> expect("accuracy", 0.912)
    accuracy: 0.912
    """
    if set(name) & set(":`\n"):
        raise ValueError(f"a name that prose can quote has no colon or backtick, got {name!r}")
    print(f"{name}: {float(value):.4g}")
    _record(RECORD, name, repr(float(value)))
    _names.add(name)


def claim(sentence: str, smaller: float, larger: float) -> None:
    """Print whether a finding shows in this run, and record both of its sides.

    A chapter's tests demand it where the recorded runs show it clearly. For a reader who changed
    a cell it is a line to read, never an exception.

    Parameters
    ----------
    sentence
        The finding, without numbers: "two layers remember longer than one".
    smaller, larger
        What should be the smaller, and what the larger. They may be equal in no run.

    Raises
    ------
    ValueError
        If the sentence cannot be quoted.

    Examples
    --------
    >>> claim("a square has more corners than a triangle", 3, 4)
    holds: a square has more corners than a triangle
    >>> claim("a line has more corners than a triangle", 3, 0)
    does not hold in this run: a line has more corners than a triangle
    """
    if set(sentence) & set(":`\n"):
        raise ValueError(f"a claim that prose can quote has no colon or backtick, got {sentence!r}")
    print("holds:" if float(smaller) < float(larger) else "does not hold in this run:", sentence)
    _record(CLAIM, sentence, f"{float(smaller)!r} {float(larger)!r}")
    _names.add(sentence)


def probe(expressions: Sequence[str]) -> None:
    """Record what the prose quotes at this place, for weaving; and the processor time so far.

    Parameters
    ----------
    expressions
        Python expressions, evaluated among the notebook's names. What ``expect`` or ``claim``
        has recorded by that name is left alone; of one that fails the fault is recorded.
    """
    shell = get_ipython()
    for expression in expressions:
        if expression in _names or shell is None:
            continue
        try:
            text = repr(float(eval(expression, shell.user_ns)))
        except Exception as fault:
            text = f"!{type(fault).__name__}: {fault}"
        _record(RECORD, expression, text)
    _record(RECORD, "processor time", repr(time.process_time()))


_names: set[str] = set()  # what expect and claim have recorded in this kernel


def _record(kind: str, name: str, text: str) -> None:
    """Leave a text in the notebook's outputs, where weaving and the tests find it."""
    shell = get_ipython()
    if shell is not None and hasattr(shell, "kernel"):
        scrap = {"name": name, "mime_prefix": "application/papermill.record/"}
        shell.display_pub.publish({kind: text}, {"scrapbook": scrap})


def whole(name: str, value: Any, least: int) -> int:
    """Return a whole number that is large enough.

    Parameters
    ----------
    name
        What the number is called, for the error.
    value
        An integer of Python or numpy, or a tensor of one; no bool.
    least
        The smallest that is allowed.

    Raises
    ------
    TypeError
        If it is no whole number.
    ValueError
        If it is too small.

    Examples
    --------
    >>> whole("epochs", 3, 1)
    3
    """
    fault = f"{name} must be a whole number, {least} or more, got {value!r}"
    if isinstance(value, bool):
        raise TypeError(fault)
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(fault) from None
    if number < least:
        raise ValueError(fault)
    return number


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


def shifted(seed: int) -> int:
    """Return a seed moved on by a thousand times ``COMPANION_SEED``, which repeats a chapter anew.

    Parameters
    ----------
    seed
        A whole number, 0 or more.

    Raises
    ------
    ValueError
        If the seed, or the shift, is no such number.

    Examples
    --------
    >>> shifted(7)
    7
    """
    shift = os.environ.get("COMPANION_SEED", "0")
    if not shift.isdecimal():
        raise ValueError(f"COMPANION_SEED must be a whole number, 0 or more, got {shift!r}")
    return whole("seed", seed, 0) + 1000 * int(shift)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[np.random.Generator]:
    """Fix every source of chance inside a ``with`` block, and restore it afterwards.

    ``random``, ``numpy.random`` and torch are seeded; the block receives a fresh numpy generator.
    ``COMPANION_SEED`` moves every seed, see ``shifted``.

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

    seed = shifted(seed)
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


def progress(total: int, *, unit: str = "epoch") -> Any:
    """Return a bar of ``total`` epochs, which a terminal or a notebook shows, and nothing else.

    ``COMPANION_QUIET=1``, as in woven notebooks, keeps it away.

    Parameters
    ----------
    total
        Where the bar ends.
    unit
        What is counted; of words the bar says how many thousands a second.
    """
    quiet = os.environ.get("COMPANION_QUIET", "") not in ("", "0")
    shown = sys.stderr.isatty() or hasattr(get_ipython(), "kernel")
    return tqdm(
        total=total,
        unit=unit,
        unit_scale=unit != "epoch",
        disable=quiet or not shown,
        delay=0.5,
        leave=False,
    )


def home() -> Path:
    """Return the folder that keeps a learner's progress; ``COMPANION_HOME`` moves it."""
    moved = os.environ.get("COMPANION_HOME")
    if moved:
        return Path(moved).expanduser()
    return Path(platformdirs.user_data_dir("deep-learning-for-language", appauthor=False))


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that it is there whole or not at all; the old one stays until then.

    The content is written into a draft beside the file first. A draft whose writer was killed is
    removed when the same file is written again.

    Parameters
    ----------
    path
        The file. Missing parent folders are made.
    content
        Bytes, or a text, which is written as UTF-8 with ``\\n`` line ends.

    Raises
    ------
    OSError
        If the folder or the file cannot be written. The old file is then unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.stat().st_mode & stat.S_IWRITE:
        raise PermissionError(f"{path} is read-only")
    _sweep(path)
    start = f".{path.name}.{_machine()}-{os.getpid()}-"
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=start, suffix=".draft")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        mode = path.stat().st_mode if path.exists() else 0o666 & ~_umask()
        Path(draft).chmod(mode)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _machine() -> str:
    """Return this machine's name without dots, for a home that several machines share."""
    return re.sub(r"\W", "-", platform.node())


def _sweep(path: Path) -> None:
    """Remove the drafts of a file that nobody writes any more; no other file is touched."""
    draft = re.compile(re.escape(f".{path.name}.") + r"([\w-]*)-(\d+)-[a-z0-9_]{8}\.draft")
    with contextlib.suppress(OSError):  # a folder that may not be listed, a draft that is open
        for file in path.parent.iterdir():
            found = draft.fullmatch(file.name)
            if found and (
                time.time() - file.stat().st_mtime > DAY
                or (found[1] == _machine() and _ended(int(found[2])))
            ):
                file.unlink()


def _ended(process: int) -> bool:
    """Say whether a process of this machine has surely ended; Windows cannot be asked."""
    if os.name == "nt":
        return False  # there, signal 0 is no question
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # another user's, or no number of a process
        pass
    return False


def _umask() -> int:
    """Read the process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
