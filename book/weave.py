"""Weave a manuscript into the notebooks that learners run: stubs and solutions, executed.

python book/weave.py            weave the chapters whose manuscript changed
python book/weave.py --all      weave every chapter
python book/weave.py --check    only name what is stale; exit 1 if anything is
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import yaml
from nbclient.exceptions import CellExecutionError
from pybtex.database import parse_file
from yaml import YAMLError

sys.path.insert(0, str(Path(__file__).parents[1]))
from companion.results.runs import execute
from companion.runtime import records, write_whole

ROOT = Path(__file__).parents[1]
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
MARKER = re.compile(r"\s*#+\s*(begin|end)\s+solution", re.I)
INSTALL = """# On Colab this installs the course's package; elsewhere it is there already.
import importlib.util

if importlib.util.find_spec("companion") is None:
    %pip install -q git+{address}"""
SETTINGS = {
    "COMPANION_QUIET": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}
Notebook = Any  # nbformat's NotebookNode is untyped


def chapters(root: Path = ROOT) -> list[str]:
    """Return the stems of the chapters, in the order of the table of contents."""
    return re.findall(r"notebooks/(\d\d_\w+)", (root / "_toc.yml").read_text(encoding="utf-8"))


def manuscript(stem: str, root: Path = ROOT) -> Path:
    """Return the path of a chapter's manuscript."""
    return root / "book" / "chapters" / f"{stem}.md"


def woven(stem: str, root: Path = ROOT) -> dict[str, Path]:
    """Return the paths of a chapter's two notebooks."""
    folder = root / "notebooks"
    return {
        "learner": folder / f"{stem}.ipynb",
        "solutions": folder / "solutions" / f"{stem}.ipynb",
    }


def stamp(text: str) -> str:
    """Return the sha256 by which a notebook knows its manuscript."""
    return hashlib.sha256(text.encode()).hexdigest()


def stale(stem: str, root: Path = ROOT) -> list[str]:
    """Name the notebooks of a chapter that do not come from its manuscript as it stands."""
    want = stamp(manuscript(stem, root).read_text(encoding="utf-8"))
    names = []
    for path in woven(stem, root).values():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))["metadata"]["companion"]["sha256"]
        except (OSError, ValueError, KeyError, TypeError):  # missing, or no notebook of ours
            found = None
        if found != want:
            names.append(path.relative_to(root).as_posix())
    return names


# From the manuscript to two notebooks that have not run yet


def learner(book: Notebook) -> Notebook:
    """Return the chapter with every solution cut down to its stub."""
    book = copy.deepcopy(book)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.source = cut_solutions(cell.source)
        if "hide-input" in cell.metadata.get("tags", []):
            cell.metadata["jupyter"] = {"source_hidden": True}  # as JupyterLab says it
    return book


def cut_solutions(source: str) -> str:
    """Replace each marked solution by ``return ...`` in a function, ``name = ...`` outside."""
    kept: list[str] = []
    solution: list[str] = []
    inside, indent = False, ""
    for line in source.split("\n"):
        if MARKER.match(line) and line.strip() not in (BEGIN, END):
            raise ValueError(f"a marker is written {BEGIN} or {END}, got {line.strip()!r}")
        if line.strip() == BEGIN:
            if inside:
                raise ValueError(f"a second {BEGIN} before {END}:\n{source}")
            inside, solution = True, []
            indent = line[: len(line) - len(line.lstrip())]
        elif line.strip() == END:
            if not inside:
                raise ValueError(f"{END} without {BEGIN}:\n{source}")
            inside = False
            kept += [f"{indent}{stub}  # your turn" for stub in _stubs(indent, solution)]
        else:
            (solution if inside else kept).append(line)
    if inside:
        raise ValueError(f"{BEGIN} without {END}:\n{source}")
    return "\n".join(kept)


def _stubs(indent: str, solution: list[str]) -> list[str]:
    if indent:
        return ["return ..."]
    names = [
        target.id
        for node in ast.parse("\n".join(solution)).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    if not names:
        raise ValueError(
            "a solution outside a function must assign a name:\n" + "\n".join(solution)
        )
    return [f"{name} = ..." for name in dict.fromkeys(names)]


def solutions(book: Notebook) -> Notebook:
    """Return the imports, the cells tagged ``setup``, and the exercises with their answers."""
    book = copy.deepcopy(book)
    title = re.search(r"^# (.+)$", book.cells[0].source, re.M)
    head = f"# Solutions: {title[1] if title else ''}\n\nEvery answer here passes its check."
    cells, within = [nbformat.v4.new_markdown_cell(head)], False
    for cell in book.cells:
        if cell.cell_type == "markdown":
            parts = re.split(r"(?m)^(?=## )", cell.source)
            mine = []
            for i, part in enumerate(parts):
                if part.startswith("## "):
                    within = part.startswith("## Your turn")
                if within and (i or part.strip()):
                    mine.append(part)
            if mine:
                cell.source = "".join(mine).strip()
                cells.append(cell)
        elif within or "setup" in cell.metadata.get("tags", []):
            cell.source = "\n".join(
                line for line in cell.source.split("\n") if line.strip() not in (BEGIN, END)
            )
            cells.append(cell)
    book.cells = cells
    return book


# From roles to plain Markdown, which every viewer reads


def lower(
    book: Notebook, numbers: Mapping[str, float], chapter: int, root: Path = ROOT
) -> Notebook:
    """Put numbers, equation numbers and references in the place of their roles."""
    book = copy.deepcopy(book)
    prose = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    labels = re.findall(r"(?ms)^\$\$ \((\S+)\)$", prose)
    if len(set(labels)) < len(labels):
        raise ValueError(f"an equation label stands twice among {labels}")
    tags = {label: f"{chapter}.{i}" for i, label in enumerate(labels, start=1)}
    works = citations(root)

    def look_up(table: Mapping[str, Any], key: str, what: str) -> Any:
        if key not in table:
            raise ValueError(f"{what} {key!r} is not there; there are: {', '.join(table)}")
        return table[key]

    def number(match: re.Match[str]) -> str:
        name, _, form = match[1].partition(":")
        return format(look_up(numbers, name, "the number"), form).replace("-", "\N{MINUS SIGN}")

    def equation(match: re.Match[str]) -> str:
        tag = look_up(tags, match[1], "the equation")
        return f'<a href="#eq-{tag.replace(".", "-")}">({tag})</a>'

    for cell in book.cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"\{glue:text\}`([^`]+)`", number, cell.source)
            text = re.sub(r"\{eq\}`([^`]+)`", equation, text)
            text = re.sub(r"\{cite\}`([^`]+)`", lambda m: look_up(works, m[1], "the work"), text)
            cell.source = re.sub(
                r"(?m)^\$\$ \((\S+)\)$", lambda m: f"\\tag{{{tags[m[1]]}}}\n$$", text
            )
    return book


def citations(root: Path = ROOT) -> dict[str, str]:
    """Return a Markdown link for each work in the bibliography: its authors, year, address."""
    links = {}
    for key, entry in parse_file(str(root / "book" / "references.bib")).entries.items():
        names = [" ".join(person.last_names) for person in entry.persons.get("author", [])]
        who = names[0] if len(names) == 1 else " and ".join(names)
        who = f"{names[0]} et al." if len(names) > 2 else who
        fields = entry.fields
        url = f"https://doi.org/{fields['doi']}" if "doi" in fields else fields.get("url", "")
        links[key] = f"[{who.replace('{', '').replace('}', '')}, {fields['year']}]({url})"
    return links


# Execution


def run(book: Notebook, folder: Path) -> Notebook:
    """Run a notebook as its readers do, in its own folder, on one thread, with a new home."""
    mine = {name: v for name, v in os.environ.items() if not name.startswith("COMPANION_")}
    with tempfile.TemporaryDirectory() as home:
        execute(book, folder, {**mine, **SETTINGS, "COMPANION_HOME": home})
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
    return book


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


def finish(book: Notebook, stem: str, text: str) -> Notebook:
    """Give a notebook stable cell ids, plain metadata and its stamp."""
    seen: dict[str, int] = {}
    for cell in book.cells:
        key = hashlib.sha256(cell.source.encode()).hexdigest()[:12]
        seen[key] = seen.get(key, 0) + 1
        cell.id = f"{key}-{seen[key]}"
    origin = {"manuscript": f"book/chapters/{stem}.md", "sha256": stamp(text)}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book.metadata = nbformat.from_dict({"kernelspec": kernel, "companion": origin})
    book.metadata["language_info"] = {"name": "python"}
    book.nbformat, book.nbformat_minor = 4, 5
    return book


def weave(stem: str, kind: str, root: Path = ROOT) -> str:
    """Return the text of one executed notebook of a chapter; kind is learner or solutions."""
    text = manuscript(stem, root).read_text(encoding="utf-8")
    book = jupytext.reads(text, fmt="md:myst")
    address = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"][
        "url"
    ]
    book = learner(book) if kind == "learner" else solutions(book)
    install = nbformat.v4.new_code_cell(INSTALL.format(address=address))
    install.metadata["tags"] = ["remove-cell"]
    book.cells.insert(1, install)
    book = run(book, woven(stem, root)[kind].parent)
    numbers = {name: float(text.strip("= ")) for name, text in records(book.cells).items()}
    book = lower(book, numbers, int(stem[:2]), root)
    return str(nbformat.writes(finish(book, stem, text))) + "\n"


def main(root: Path = ROOT) -> int:
    """Weave what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--all", action="store_true", help="weave every chapter")
    parser.add_argument("--check", action="store_true", help="only name what is stale")
    choice = parser.parse_args()
    changed = {stem: names for stem in chapters(root) if (names := stale(stem, root))}
    if choice.check:
        for names in changed.values():
            print(f"stale: {', '.join(names)}; run `make notebooks`")
        return int(bool(changed))
    work = chapters(root) if choice.all else list(changed)
    failed = False
    with ProcessPoolExecutor(max_workers=2) as pool:
        jobs = {
            stem: {kind: pool.submit(weave, stem, kind, root) for kind in woven(stem)}
            for stem in work
        }
        for stem, parts in jobs.items():
            try:
                texts = {kind: job.result() for kind, job in parts.items()}
            except (CellExecutionError, LookupError, SyntaxError, ValueError, YAMLError) as fault:
                print(f"{stem}: the notebooks stay as they were.\n{fault}", file=sys.stderr)
                failed = True
                continue
            for kind, path in woven(stem, root).items():
                write_whole(path, texts[kind])
            print(f"{stem}: woven")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
