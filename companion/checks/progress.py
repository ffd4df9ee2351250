"""What you have solved, kept in one small file in your own folder."""

from __future__ import annotations

import datetime
import json
import warnings
from pathlib import Path

from filelock import FileLock

from companion import runtime

__all__ = ["record", "summary"]

FILE = "progress.json"
PATIENCE = 10  # seconds to wait for another notebook that writes


def record(name: str) -> None:
    """Remember an exercise as solved today; the first date stays.

    Several notebooks may do so at once: each waits until no other writes. Where the file cannot
    be read or written a warning says so, and the file stays as it is.

    Parameters
    ----------
    name
        Topic and function: ``"backprop.descend"``.
    """
    try:
        path = _path()
        if name in _read(path):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{FILE}.lock"), timeout=PATIENCE):
            dates = _read(path)  # with what another notebook wrote meanwhile
            dates.setdefault(name, datetime.date.today().isoformat())
            runtime.write_whole(path, json.dumps(dates, indent=2, sort_keys=True) + "\n")
    except _FAULTS as fault:
        _warn("This solved exercise is not remembered", fault)


def solved() -> dict[str, str]:
    """Return the solved exercises: name -> ISO date.

    Where the file cannot be read a warning says so, and nothing counts as solved.
    """
    try:
        return _read(_path())
    except _FAULTS as fault:
        _warn("What you solved is not shown", fault)
        return {}


def summary() -> str:
    """Return the progress page: a line for each exercise, and the totals."""
    from companion import checks  # checks rests on this module

    dates, lines, topic = solved(), [], ""
    exercises = checks.all()
    width = max(len(name.partition(".")[2]) for name in exercises)
    for name, each in exercises.items():
        if name.partition(".")[0] != topic:
            topic = name.partition(".")[0]
            lines.append(topic)
        state = f"solved {dates[name]}" if name in dates else "open"
        grade = f"difficulty {each.difficulty}  {each.minutes:3d} minutes"
        lines.append(f"  {name.partition('.')[2]:{width}}  {grade}  {state}")
    left = [each.minutes for name, each in exercises.items() if name not in dates]
    done = len(exercises) - len(left)
    lines.append(f"{done} of {len(exercises)} solved, about {sum(left)} minutes to go.")
    return "\n".join(lines)


_FAULTS = (OSError, ValueError, RuntimeError)  # unreadable, not JSON, a home that is not there


def _path() -> Path:
    return runtime.home() / FILE


def _read(path: Path) -> dict[str, str]:
    """Read the file; a missing one is an empty one."""
    try:
        dates = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    if not isinstance(dates, dict) or not all(isinstance(date, str) for date in dates.values()):
        raise ValueError("it is not a table of names and dates")
    return dates


def _warn(loss: str, fault: Exception) -> None:
    """Say in one sentence what is lost, which file, what is wrong, and how to mend it."""
    reason = fault.strerror if isinstance(fault, OSError) and fault.strerror else str(fault)
    try:
        path = str(_path())
    except RuntimeError:
        path = FILE
    warnings.warn(
        f"{loss}, because {path} cannot be used ({reason}): "
        "move it away, or let COMPANION_HOME name a folder that you can write to.",
        stacklevel=4,
    )
