"""The lower bounds of pyproject.toml as exact versions: what ``make oldest`` installs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

EXTRAS = ("book", "test")  # what the tests of the code need


def oldest() -> list[str]:
    """Return the pins, ``name==version``, of the package and of the extras for its tests."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    extras = [line for extra in EXTRAS for line in project["optional-dependencies"][extra]]
    lines = [*project["dependencies"], *extras]
    return [re.sub(r"^([\w.-]+)>=([\w.]+).*$", r"\1==\2", line) for line in lines]


if __name__ == "__main__":
    print("\n".join(oldest()))
