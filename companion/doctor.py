"""What is installed, what the book was verified with, and how to mend what is wrong."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

__all__ = ["Report", "examine"]

INSTALL = "pip install -c constraints.txt -e ."


@dataclass
class Report:
    """What ``examine`` found: lines to print, and the faults among them."""

    lines: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def __str__(self) -> str:
        end = [f"  - {fault}" for fault in self.faults] or ["  nothing to mend"]
        return "\n".join([*self.lines, "", "To mend", *end])


def verified() -> dict[str, str]:
    """Return the versions that the book was verified with, from ``constraints.txt``."""
    here = Path(__file__).parent
    places = (here.parent / "constraints.txt", here / "constraints.txt")
    text = next((p.read_text(encoding="utf-8") for p in places if p.exists()), "")
    return dict(re.findall(r"(?m)^([\w.-]+)==([\w.+-]+)$", text))


def needed() -> list[str]:
    """Return the names of the packages that ``companion`` cannot do without."""
    try:
        lines = metadata("dl4language-companion").get_all("Requires-Dist") or []
    except PackageNotFoundError:  # run from its folder, not installed
        return list(verified())
    return [re.split(r"[^\w.-]", line)[0] for line in lines if "extra ==" not in line]


def examine() -> Report:
    """Examine this installation.

    Returns
    -------
    Report
    """
    report = Report()
    say, mend = report.lines.append, report.faults.append
    say(f"python        {platform.python_version()} at {sys.executable}")
    tried = verified()
    for name in needed():
        want = tried.get(name, "?")
        have = _version(name)
        if not have:
            say(f"{name:<14}missing (verified with {want})")
            mend(f"{name} is missing: {INSTALL}")
            continue
        note = "" if have.split("+")[0] == want else f" (verified with {want})"
        say(f"{name:<14}{have}{note}")
    vision, torch = _version("torchvision"), _version("torch")
    if vision and "+cpu" in torch and "+cpu" not in vision:
        mend("this torchvision is no CPU build and breaks imports: pip uninstall torchvision")
    if not report.healthy:
        return report
    from companion.runtime import device, home, scale

    for label, look in (("device", device), ("scale", scale)):
        try:
            say(f"{label:<14}{look()}")
        except (ValueError, ImportError, OSError) as fault:
            mend(str(fault))
    _examine_home(report, home)
    return report


def _version(name: str) -> str:
    """Return the installed version of a package, or nothing."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _examine_home(report: Report, home: Callable[[], Path]) -> None:
    """Say where progress is kept, and whether it can be."""
    try:
        place = home()
        report.lines.append(f"progress in   {place}")
        parent = next(p for p in (place, *place.parents) if p.exists())
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            raise OSError(f"{parent} cannot be written to")
    except (OSError, RuntimeError) as fault:
        report.faults.append(f"{fault}: name another folder in COMPANION_HOME")
