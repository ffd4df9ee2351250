"""What every test run shares: quiet, a home of its own; and how long the chapters took."""

from __future__ import annotations

import os
import tempfile

import pytest

_home = tempfile.TemporaryDirectory()
# What the fresh runs of notebooks may be given; everything else is tested as readers have it.
GIVEN = {
    name: os.environ.pop(name)
    for name in ("COMPANION_DEVICE", "COMPANION_SCALE", "COMPANION_SEED")
    if name in os.environ
}
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.update(
    COMPANION_QUIET="1",
    COMPANION_HOME=_home.name,
    KERAS_BACKEND="torch",  # for tests that import Keras before the package
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let ``make mutants`` try them all."""
    words = "how many mutants of each exercise's solution to try"
    parser.addoption("--mutants", type=int, default=12, help=words)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each chapter says that it takes beside what it took; nothing is asserted."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.stats.get(kind, [])]
    for report in sorted(reports, key=lambda report: str(report.nodeid)):
        for name, (stem, stated, took) in report.user_properties:
            if name == "seconds":
                line = f"{stem}: states {stated} seconds, took {took:.0f} of processor time"
                terminalreporter.write_line(line)
