"""Weave a manuscript into the notebooks that learners run: stubs and solutions, executed.

python book/weave.py            weave what changed: code is run again, prose alone is not
python book/weave.py --all      weave every chapter, and run it
python book/weave.py --check    only name what is stale; exit 1 if anything is
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import re
import sys
from collections.abc import Iterator, Mapping
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
from book._ext.topics import named
from companion.runtime import write_whole
from runs.kinds import Runs, written
from runs.notebook import Records, execute

ROOT = Path(__file__).parents[1]
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
MARKER = re.compile(r"\s*#+\s*(begin|end)\s+solution", re.I)
INSTALL = """# On Colab this installs the course's package; elsewhere it is there already.
import importlib.util

if importlib.util.find_spec("companion") is None:
    %pip install -q git+{address}"""
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


def stamp(book: Notebook, root: Path = ROOT) -> str:
    """Return a hash of all that a notebook's outputs hang on: its code, and what that reads."""
    code = "\n".join(cell.source for cell in book.cells if cell.cell_type == "code")
    parts = [code, *(path.read_bytes().hex() for path in sorted(read_by(code, root)))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read_by(code: str, root: Path = ROOT) -> set[Path]:
    """Return the files of the package that code imports, and the records that it reads."""
    package, records = root / "companion", re.findall(r'recorded\("(\w+)"', code)
    found = {path for path in (package / "results").glob("*.json") if path.stem in records}
    ahead = [code]
    names = [f"companion.{name}" for name in re.findall(r"\bchecks\.\w+", code)]
    while ahead:
        text = ahead.pop()
        names += imported(text)
        for name in names:
            path = package.joinpath(*name.split(".")[1:])
            path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            if path.exists() and path not in found:
                found.add(path)
                ahead.append(path.read_text(encoding="utf-8"))
                if path.parent.name == "data":
                    found |= set(path.parent.glob("english/*.txt"))
        names = []
    return found


def imported(code: str) -> Iterator[str]:
    """Name the modules of the package that code imports, and whatever it imports from them."""
    code = re.sub(r"(?m)^(\s*)%.*$", r"\1pass", code)
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("companion"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("companion"):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def stale(stem: str, root: Path = ROOT) -> list[str]:
    """Name the notebooks of a chapter that weaving would change."""
    names = []
    for kind, path in woven(stem, root).items():
        old = opened(path)
        book = unwoven(stem, kind, root)
        if not (old and fits(old, book, root)):
            names.append(path.relative_to(root).as_posix())
            continue
        try:
            again = finished(stem, kind, book, old, None, root)[0]
        except ValueError:
            again = ""
        if again != path.read_text(encoding="utf-8"):
            names.append(path.relative_to(root).as_posix())
    return names


def opened(path: Path) -> Notebook | None:
    """Return a notebook, or None where there is none that can be read."""
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, nbformat.ValidationError):
        return None


def fits(old: Notebook, book: Notebook, root: Path = ROOT) -> bool:
    """Whether the outputs of a woven notebook are those of this code."""
    return bool(old.metadata.get("companion", {}).get("sha256") == stamp(book, root))


def stated_seconds(text: str) -> int | None:
    """Return the running time that a chapter states, if it states one."""
    found = re.search(r"(\d+) seconds to run", text)
    return int(found[1]) if found else None


# From the manuscript to two notebooks that have not run yet


def learner(book: Notebook) -> Notebook:
    """Return the chapter with every solution cut down to its stub."""
    book = copy.deepcopy(book)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.source = cut_solutions(cell.source)
        if "hide-input" in cell.metadata.get("tags", []):
            cell.metadata["jupyter"] = {"source_hidden": True}  # as JupyterLab says it
            cell.metadata["cellView"] = "form"  # as Colab does
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
    book: Notebook,
    stem: str,
    runs: Runs,
    fresh: Records | None = None,
    root: Path = ROOT,
    *,
    kind: str = "learner",
) -> tuple[Notebook, set[str]]:
    """Put numbers, equation numbers, chapters and references in the place of their roles.

    Returns the notebook, and which of its numbers are not recorded yet.
    """
    book, missing = copy.deepcopy(book), set()
    prose = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    labels = re.findall(r"(?ms)^\$\$ \((\S+)\)$", prose)
    if len(set(labels)) < len(labels):
        raise ValueError(f"an equation label stands twice among {labels}")
    tags = {label: f"{int(stem[:2])}.{i}" for i, label in enumerate(labels, start=1)}
    works = citations(root)

    def look_up(table: Mapping[str, str], key: str, what: str) -> str:
        if key not in table:
            raise ValueError(f"{what} {key!r} is not there; there are: {', '.join(table)}")
        return table[key]

    def equation(match: re.Match[str]) -> str:
        tag = look_up(tags, match[1], "the equation")
        return f'<a href="#eq-{tag.replace(".", "-")}">({tag})</a>'

    for cell in book.cells:
        if cell.cell_type == "markdown":
            text, open_ones = written(cell.source, runs, fresh)
            missing |= open_ones
            text = re.sub(r"\{eq\}`([^`]+)`", equation, text)
            text = re.sub(r"\{cite\}`([^`]+)`", lambda m: look_up(works, m[1], "the work"), text)
            text = re.sub(
                r"\{([Cc])hapter\}`([^`]+)`",
                lambda m: chapter(m[2], m[1], stem, root, kind=kind),
                text,
            )
            cell.source = re.sub(
                r"(?m)^\$\$ \((\S+)\)$", lambda m: f"\\tag{{{tags[m[1]]}}}\n$$", text
            )
    return book, missing


def chapter(role: str, initial: str, stem: str, root: Path = ROOT, *, kind: str = "learner") -> str:
    """Return what the prose of one notebook of a chapter calls another, with a link if it is there.

    The role is a topic, for the number, or ``words <topic#heading>``, where the heading may be
    left out. The solutions lie a folder deeper.
    """
    found = named(role, chapters(root), capital=initial == "C")
    if found.stem is None:
        return found.words
    page = f"{found.stem}.ipynb"
    if kind == "solutions":
        page = f"../{page}"
    elif found.stem == stem:
        page = ""
    address = page + (f"#{found.anchor}" if found.anchor else "")
    return f"[{found.words}]({address})" if address else found.words


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


# From there to a file


def unwoven(stem: str, kind: str, root: Path = ROOT) -> Notebook:
    """Return one notebook of a chapter as its manuscript has it; kind is learner or solutions."""
    text = manuscript(stem, root).read_text(encoding="utf-8")
    book = jupytext.reads(text, fmt="md:myst")
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    book = learner(book) if kind == "learner" else solutions(book)
    install = nbformat.v4.new_code_cell(INSTALL.format(address=config["repository"]["url"]))
    install.metadata["tags"] = ["remove-cell"]
    book.cells.insert(1, install)
    return book


def weave(stem: str, kind: str, root: Path = ROOT, *, anew: bool = False) -> tuple[str, set[str]]:
    """Return the text of one woven notebook, and which of its numbers are not recorded yet.

    Its code is run if it changed, or if the prose quotes something new; else the outputs that
    are there stay.
    """
    path = woven(stem, root)[kind]
    book, old = unwoven(stem, kind, root), opened(path)
    if old and not anew and fits(old, book, root):
        try:
            return finished(stem, kind, book, old, None, root)
        except ValueError:  # it quotes what is not recorded
            pass
    done, fresh = execute(book, path.parent)
    return finished(stem, kind, book, done, fresh, root)


def finished(
    stem: str, kind: str, book: Notebook, done: Notebook, fresh: Records | None, root: Path = ROOT
) -> tuple[str, set[str]]:
    """Return a notebook's text, with the outputs of one that ran, stable ids and its stamp."""
    sha256 = stamp(book, root)
    runs = Runs.of(stem[3:], root / "companion" / "results")
    book, missing = lower(book, stem, runs, fresh, root, kind=kind)
    ran = iter(cell for cell in done.cells if cell.cell_type == "code")
    seen: dict[str, int] = {}
    for cell in book.cells:
        if cell.cell_type == "code":
            twin = next(ran)
            cell.outputs, cell.execution_count = twin.outputs, twin.execution_count
        key = hashlib.sha256(cell.source.encode()).hexdigest()[:12]
        seen[key] = seen.get(key, 0) + 1
        cell.id = f"{key}-{seen[key]}"
    origin = {"manuscript": f"book/chapters/{stem}.md", "sha256": sha256}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book.metadata = nbformat.from_dict({"kernelspec": kernel, "companion": origin})
    book.metadata["language_info"] = {"name": "python"}
    book.nbformat, book.nbformat_minor = 4, 5
    return str(nbformat.writes(book)) + "\n", missing


def main(root: Path = ROOT) -> int:
    """Weave what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("topics", nargs="*", help="only these chapters, such as recurrent")
    parser.add_argument("--all", action="store_true", help="weave every chapter")
    parser.add_argument("--check", action="store_true", help="only name what is stale")
    choice = parser.parse_args()
    known = {stem[3:]: stem for stem in chapters(root)}
    if strange := [topic for topic in choice.topics if topic not in known]:
        parser.error(f"no chapter {strange[0]!r}; there are: {', '.join(known)}")
    asked = [known[topic] for topic in choice.topics] or list(known.values())
    changed = {stem: names for stem in asked if (names := stale(stem, root))}
    if choice.check:
        for names in changed.values():
            print(f"stale: {', '.join(names)}; run `make notebooks`")
        return int(bool(changed))
    work = asked if choice.all else list(changed)
    failed = False
    with ProcessPoolExecutor(max_workers=2) as pool:
        jobs = {
            stem: {
                kind: pool.submit(weave, stem, kind, root, anew=choice.all) for kind in woven(stem)
            }
            for stem in work
        }
        for stem, parts in jobs.items():
            try:
                results = {kind: job.result() for kind, job in parts.items()}
            except (CellExecutionError, LookupError, SyntaxError, ValueError, YAMLError) as fault:
                print(f"{stem}: the notebooks stay as they were.\n{fault}", file=sys.stderr)
                failed = True
                continue
            for kind, path in woven(stem, root).items():
                write_whole(path, results[kind][0])
            missing = sorted(set().union(*(names for _, names in results.values())))
            print(f"{stem}: woven")
            if missing:
                print(f"  not recorded yet: {', '.join(missing)}")
                print(f"  run `python -m runs claims {stem[3:]}`, and weave again")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
