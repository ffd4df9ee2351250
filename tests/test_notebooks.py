"""The woven notebooks: fresh, executed, short of breath nowhere, honest in every number."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

import jupytext
import nbformat
import pytest
import weave

from companion.results import recorded
from companion.runtime import records

ROOT = Path(__file__).parents[1]

STEMS = weave.chapters()
PATHS = [path for stem in STEMS for path in weave.woven(stem).values()]
NAMES = [path.relative_to(ROOT / "notebooks").as_posix() for path in PATHS]


def read(path):
    return nbformat.read(path, as_version=4)


def code(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def prose(path):
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


every_notebook = pytest.mark.parametrize("path", PATHS, ids=NAMES)
every_chapter = pytest.mark.parametrize("stem", STEMS)


@every_chapter
def test_notebooks_come_from_the_manuscript_as_it_stands(stem):
    assert weave.stale(stem) == [], "run `make notebooks`"


def test_no_notebook_is_without_its_chapter():
    there = {
        path for path in (ROOT / "notebooks").rglob("*.ipynb") if "checkpoint" not in str(path)
    }
    assert there == set(PATHS)


@every_notebook
def test_every_cell_was_executed_without_error(path):
    for cell in code(path):
        assert cell.execution_count, f"never ran: {cell.source[:80]}"
        assert all(output.output_type != "error" for output in cell.outputs), cell.source[:80]


@every_notebook
def test_nothing_was_written_to_stderr(path):
    for cell in code(path):
        assert not any(o.get("name") == "stderr" for o in cell.outputs), cell.source[:80]


@every_notebook
def test_no_cell_is_longer_than_twenty_lines(path):
    for cell in code(path):
        assert cell.source.count("\n") < 20, cell.source[:80]


@every_notebook
def test_no_line_of_code_is_wider_than_the_page(path):
    for cell in code(path):
        if not {"hide-input", "remove-cell"} & set(cell.metadata.get("tags", [])):
            assert max(map(len, cell.source.split("\n"))) <= 81, cell.source[:80]


@every_chapter
def test_cells_are_short_in_the_middle(stem):
    shown = [
        cell.source
        for cell in code(weave.woven(stem)["learner"])
        if not {"hide-input", "remove-cell"} & set(cell.metadata.get("tags", []))
    ]
    lengths = [sum(bool(line.strip()) for line in source.split("\n")) for source in shown]
    assert 3 <= statistics.median(lengths) <= 6


@every_chapter
def test_at_most_two_code_cells_stand_together(stem):
    cells = read(weave.woven(stem)["learner"]).cells
    shown = [cell for cell in cells if "remove-cell" not in cell.metadata.get("tags", [])]
    for three in zip(shown, shown[1:], shown[2:], strict=False):
        assert any(cell.cell_type == "markdown" for cell in three), three[0].source[:80]


@every_chapter
def test_words_and_code_keep_a_balance(stem):
    path = weave.woven(stem)["learner"]
    words = len(re.findall(r"\w+", prose(path)))
    lines = sum(len([x for x in cell.source.split("\n") if x.strip()]) for cell in code(path))
    assert 5 <= words / lines <= 15


@every_notebook
def test_free_outputs_are_few_and_have_their_reason(path):
    with_output = [cell for cell in code(path) if cell.outputs]
    free = [cell for cell in with_output if "NBVAL_IGNORE_OUTPUT" in cell.source]
    for cell in free:
        assert re.search(r"# NBVAL_IGNORE_OUTPUT\n# \S+ \S+", cell.source), cell.source[:80]
    assert len(free) <= 0.15 * len(with_output)


@every_notebook
def test_every_figure_says_what_it_shows(path):
    for cell in code(path):
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/svg+xml" in data:
                words = data["text/plain"]
                assert len(words.split()) >= 6
                assert words.endswith(".")
                assert 'role="img" aria-label=' in data["image/svg+xml"][:60]
            assert "image/png" not in data, "figures are SVG, shown by plotting.show"


@every_notebook
def test_no_role_or_directive_is_left_raw(path):
    text = prose(path)
    assert not re.search(r"\{(glue|eq|cite|ref|doc|numref)[:}]", text)
    assert not re.search(r"(?m)^(:::|```\{)", text)


@every_chapter
def test_every_number_in_the_prose_is_the_one_in_the_outputs(stem):
    """Lower the manuscript again with the recorded numbers: the prose must come out the same."""
    path = weave.woven(stem)["learner"]
    numbers = {k: float(v.strip("= ")) for k, v in records(read(path).cells).items()}
    book = jupytext.reads(weave.manuscript(stem).read_text(encoding="utf-8"), fmt="md:myst")
    again = weave.lower(book, numbers, int(stem[:2]))
    want = "\n\n".join(cell.source for cell in again.cells if cell.cell_type == "markdown")
    assert prose(path) == want


@every_chapter
def test_bands_span_at_most_four_standard_deviations_over_five_seeds(stem):
    text = "\n".join(
        output.text
        for cell in code(weave.woven(stem)["learner"])
        for output in cell.outputs
        if output.output_type == "stream"
    )
    seeds = recorded(f"{stem[3:]}_seeds")
    bands = re.findall(r"(?m)^(.+): \S+ \(expected (\S+) to (\S+)\)$", text)
    assert bands
    for name, low, high in bands:
        assert len(seeds["values"][name]) == 5
        assert float(high) - float(low) <= 4 * seeds["spread"][name]["std"], name


@every_chapter
def test_a_chapter_says_what_it_takes_and_ends_with_what_to_keep(stem):
    text = prose(weave.woven(stem)["learner"])
    assert re.search(r"\d+ minutes to read and \d+ seconds to run", text)
    for heading in ("## Your turn", "## What to keep", "## Sources"):
        assert heading in text
    keep = text.split("## What to keep")[1].split("## ")[0]
    assert keep.count("\n- ") == 5


@every_chapter
def test_a_chapter_has_enough_exercises_and_every_stub_is_untouched(stem):
    cells = code(weave.woven(stem)["learner"])
    stubs = [cell for cell in cells if "# your turn" in cell.source]
    silent = [cell for cell in cells if any("Not attempted yet." in str(o) for o in cell.outputs)]
    assert len(stubs) == len(silent) >= 5
    assert not any(weave.BEGIN in cell.source for cell in cells)


@every_chapter
def test_every_solution_is_found_correct(stem):
    learner, solutions = (code(path) for path in weave.woven(stem).values())
    stubs = sum("# your turn" in cell.source for cell in learner)
    passed = [cell for cell in solutions if any("Correct." in str(o) for o in cell.outputs)]
    assert len(passed) == stubs
    assert not any("Not attempted" in str(cell.outputs) for cell in solutions)


@every_notebook
def test_the_second_cell_installs_the_package_where_it_is_missing(path):
    cell = read(path).cells[1]
    assert "%pip install -q git+https://" in cell.source
    assert "remove-cell" in cell.metadata.tags


def test_a_late_notebook_is_named(tmp_path):
    from conftest import late

    (tmp_path / "a.ipynb").write_text("20 seconds to run")
    assert late({"a.ipynb": 29.0}, tmp_path) == []
    assert late({"a.ipynb": 31.0}, tmp_path) == ["a.ipynb took 31 s, its limit is 30 s"]
