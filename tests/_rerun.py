"""A fresh run of a notebook beside the committed one: what differs, and may not."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any

from companion.runtime import CLAIM, RECORD
from runs.kinds import Runs

SVG = re.compile(r"<svg[\s\S]*?</svg>")
FREE = "nbval-ignore-output"  # the tag of a cell whose output may differ, as nbval knows it


def code(book: Any) -> list[Any]:
    """Return the code cells of a notebook."""
    return [cell for cell in book.cells if cell.cell_type == "code"]


def tags(cell: Any) -> list[str]:
    """Return the tags of a cell."""
    return list(cell.metadata.get("tags", []))


def named(cell: Any, kind: str) -> list[str]:
    """Return the names of the numbers, or the claims, that a cell recorded."""
    return [
        output["metadata"]["scrapbook"]["name"]
        for output in cell.outputs
        if kind in output.get("data", {})
    ]


def shown(cell: Any, runs: Runs) -> list[str]:
    """Return what a cell shows, without what may differ between two runs.

    Numbers that it recorded, and claims that the runs do not show clearly, are compared with the
    record and not here; a figure is compared by the words that stand for it.
    """
    parts = []
    for output in cell.outputs:
        data = output.get("data", {})
        if RECORD in data or CLAIM in data:
            continue
        if output.output_type == "stream":
            parts.append(f"{output.name}: {_without(output.text, cell, runs)}")
        else:
            parts += [
                f"{kind}: {SVG.sub('', text)}"
                for kind, text in sorted(data.items())
                if kind != "image/svg+xml"
            ]
    return parts


def _without(text: str, cell: Any, runs: Runs) -> str:
    for name in named(cell, RECORD):
        text = re.sub(rf"(?m)^{re.escape(name)}: .*$", f"{name}: NUMBER", text)
    for sentence in named(cell, CLAIM):
        if sentence not in runs.claims or not runs.clear(sentence):
            text = re.sub(rf"(?m)^.*: {re.escape(sentence)}$", f"CLAIM: {sentence}", text)
    return text


def differences(committed: Any, fresh: Any, runs: Runs) -> list[str]:
    """Name the cells of two notebooks with the same code that show different things."""
    found = []
    for old, new in zip(code(committed), code(fresh), strict=True):
        if FREE not in tags(old) and shown(old, runs) != shown(new, runs):
            begin = old.source.strip().split("\n")[0]
            found.append(f"in the cell {begin!r}:\n{shown(old, runs)}\nis now\n{shown(new, runs)}")
    return found


def same_versions(runs: Runs) -> bool:
    """Whether the libraries here are those of the record."""
    return all(version(name) == was for name, was in runs.versions.items() if name != "python")
