"""Run a notebook as its readers do, and read what it recorded."""

from __future__ import annotations

import copy
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from companion.runtime import CLAIM, RECORD
from runs.processors import environment

__all__ = ["Records", "execute", "quoted", "records"]

ROLE = re.compile(r"\{(num|runs)\}`([^`]+)`")
FORMAT = re.compile(r"^(.+):([+\-, ]?[\d,.]*[defg%]?)$", re.S)
PARTS = ("lowest of ", "middle of ", "highest of ")
Notebook = Any  # nbformat's NotebookNode is untyped


class Records:
    """What one run left behind.

    Attributes
    ----------
    numbers
        Name, or expression in the prose, to its value.
    claims
        Sentence to what it says is the smaller and the larger.
    faults
        Expression in the prose to what its evaluation raised.
    seconds
        Processor time of the kernel.
    """

    def __init__(self) -> None:
        self.numbers: dict[str, float] = {}
        self.claims: dict[str, tuple[float, float]] = {}
        self.faults: dict[str, str] = {}
        self.seconds = 0.0


def quoted(text: str) -> list[tuple[str, str, str, str]]:
    """Return what a text quotes: role, what of it, name or expression, format.

    Examples
    --------
    >>> quoted("in {num}`1 / 3:.0%` and {runs}`lowest of loss, last`")
    [('num', '', '1 / 3', '.0%'), ('runs', 'lowest of ', 'loss, last', '')]
    """
    found = []
    for role, inside in ROLE.findall(text):
        split = FORMAT.match(inside)
        name, form = (split[1], split[2]) if split else (inside, "")
        part = next((p for p in PARTS if role == "runs" and name.startswith(p)), "")
        found.append((role, part, name.removeprefix(part), form))
    return found


def execute(
    book: Notebook,
    folder: Path,
    *,
    processor: str = "native",
    settings: Mapping[str, str] | None = None,
) -> tuple[Notebook, Records]:
    """Run a notebook's cells, and what its prose quotes; return it with its outputs.

    Parameters
    ----------
    book
        The notebook, as nbformat reads it, with the roles of the manuscript in its prose.
    folder
        Where its kernel works.
    processor
        What the machine computes like, see ``runs.processors``.
    settings
        Further variables of the environment, such as ``COMPANION_SEED``. No other variable of
        this project reaches the kernel.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    ValueError
        If two numbers have one name.
    """
    book = copy.deepcopy(book)
    cells = []
    for cell in book.cells:
        cells.append(cell)
        asked = sorted({name for _, _, name, _ in quoted(cell.source)})
        if cell.cell_type == "markdown" and asked:
            cells.append(_probe(f"probe({asked!r})"))
    book.cells = [*cells, _probe("probe([])")]
    theirs = environment(processor)
    mine = {name: v for name, v in theirs.items() if not name.startswith("COMPANION_")}
    client = NotebookClient(
        book,
        timeout=900,
        startup_timeout=300,  # a busy machine begins slowly
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    with tempfile.TemporaryDirectory() as home:
        own = {"COMPANION_HOME": home, "COMPANION_QUIET": "1", "PYTHONHASHSEED": "0"}
        client.execute(env={**mine, **own, **(settings or {})})
    found = records(book)
    book.cells = [cell for cell in book.cells if "probe" not in cell.metadata]
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        cell.execution_count = count
        cell.outputs = _joined(cell.outputs)
        for output in cell.outputs:
            if "execution_count" in output:
                output["execution_count"] = count
    return book, found


def _probe(call: str) -> Notebook:
    source = f"__import__('companion.runtime').runtime.{call}"
    return nbformat.v4.new_code_cell(source, metadata={"probe": True})


def _joined(outputs: list[Any]) -> list[Any]:
    """Join what a stream printed in pieces."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last["text"] += output.text
        else:
            joined.append(output)
    return joined


def records(book: Notebook) -> Records:
    """Read what ``expect``, ``claim`` and the probes left in the outputs of a notebook.

    Raises
    ------
    ValueError
        If two numbers, or two claims, have one name.
    """
    found, named = Records(), set()
    for cell in book.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if CLAIM in data:
                sentence = output["metadata"]["scrapbook"]["name"]
                if sentence in found.claims:
                    raise ValueError(f"two claims of the notebook say {sentence!r}")
                smaller, larger = data[CLAIM].split()
                found.claims[sentence] = float(smaller), float(larger)
            elif RECORD in data:
                name, text = output["metadata"]["scrapbook"]["name"], data[RECORD]
                if "probe" not in cell.metadata:
                    if name in named:
                        raise ValueError(f"two numbers of the notebook are named {name!r}")
                    named.add(name)
                    found.numbers[name] = float(text)
                elif name == "processor time":
                    found.seconds = float(text)
                elif text.startswith("!"):
                    found.faults[name] = text[1:]
                else:
                    if name in found.numbers and name not in named:
                        _same(name, found.numbers[name], float(text))
                    found.numbers.setdefault(name, float(text))
    found.faults = {k: v for k, v in found.faults.items() if k not in found.numbers}
    return found


def _same(name: str, one: float, other: float) -> None:
    """Refuse an expression that the prose quotes twice with two values."""
    if one != other:
        raise ValueError(f"the prose quotes {name!r} twice, as {one} and as {other}")
