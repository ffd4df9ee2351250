"""What every test run shares: quiet, one thread, a home of its own, and notebooks on time."""

from __future__ import annotations

import os
import re
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
_home = tempfile.TemporaryDirectory()
os.environ.update(
    COMPANION_QUIET="1",
    OMP_NUM_THREADS="1",
    COMPANION_HOME=_home.name,
    KERAS_BACKEND="torch",  # for tests that import Keras before the package
)
for name in ("COMPANION_SEED", "COMPANION_SCALE"):
    os.environ.pop(name, None)

seconds: dict[str, float] = defaultdict(float)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up how long each notebook's cells take."""
    if ".ipynb::" in report.nodeid:
        seconds[report.nodeid.split("::")[0]] += report.duration


def stated_seconds(notebook: Path) -> float | None:
    """Return the running time that a chapter states, if it states one."""
    found = re.search(r"(\d+) seconds to run", notebook.read_text(encoding="utf-8"))
    return float(found[1]) if found else None


def late(measured: dict[str, float], root: Path = ROOT) -> list[str]:
    """Name the notebooks that took more than 1.5 times what they state, or over 90 seconds."""
    lines = []
    for name, took in sorted(measured.items()):
        limit = 1.5 * (stated_seconds(root / name) or 60)
        if took > limit:
            lines.append(f"{name} took {took:.0f} s, its limit is {limit:.0f} s")
    return lines


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which a notebook was late."""
    if late(seconds) and not hasattr(session.config, "workerinput"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how long the notebooks took."""
    for name, took in sorted(seconds.items()):
        terminalreporter.write_line(f"{name}: {took:.0f} s")
    for line in late(seconds):
        terminalreporter.write_line(f"TOO SLOW: {line}", red=True)
