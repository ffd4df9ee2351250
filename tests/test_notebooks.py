"""The woven notebooks: fresh, executed, short of breath nowhere, honest in every number."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path
from xml.sax.saxutils import quoteattr

import nbformat
import pytest

from book import weave
from companion.results import recorded
from companion.runtime import CLAIM, RECORD
from runs import notebook
from runs.kinds import Runs
from runs.processors import PROCESSORS
from tests._rerun import FREE, tags
from tests._rerun import code as code_of

ROOT = Path(__file__).parents[1]

STEMS = weave.chapters()
PATHS = [path for stem in STEMS for path in weave.woven(stem).values()]
NAMES = [path.relative_to(ROOT / "notebooks").as_posix() for path in PATHS]
FOLDED = {"hide-input", "remove-cell", "remove-input"}


def read(path):
    return nbformat.read(path, as_version=4)


def code(path):
    return code_of(read(path))


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
def test_no_line_of_code_is_wider_than_the_column(path):
    for cell in code(path):
        if not FOLDED & set(tags(cell)):
            assert max(map(len, cell.source.split("\n"))) <= 76, cell.source[:80]


@every_notebook
def test_a_cell_shows_no_test_machinery(path):
    for cell in code(path)[1:]:
        assert not re.search(r"NBVAL|\bquote\(", cell.source), cell.source
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "expect":
                assert len(node.args) == 2, ast.unparse(node)


@every_chapter
def test_imports_stand_folded_at_the_top(stem):
    for cell in code(weave.woven(stem)["learner"])[1:]:
        if re.search(r"(?m)^(import|from) ", cell.source):
            assert FOLDED & set(tags(cell)), cell.source[:80]


@every_chapter
def test_cells_are_short_in_the_middle(stem):
    shown = [
        cell.source for cell in code(weave.woven(stem)["learner"]) if not FOLDED & set(tags(cell))
    ]
    lengths = [sum(bool(line.strip()) for line in source.split("\n")) for source in shown]
    assert 3 <= statistics.median(lengths) <= 6


@every_chapter
def test_at_most_two_code_cells_stand_together(stem):
    cells = read(weave.woven(stem)["learner"]).cells
    shown = [cell for cell in cells if "remove-cell" not in tags(cell)]
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
    free = [cell for cell in with_output if FREE in tags(cell)]
    for cell in free:
        assert len(cell.metadata.get("reason", "").split()) > 2, cell.source[:80]
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
                head = f'<svg role="img" aria-label={quoteattr(words)} '
                assert data["image/svg+xml"].startswith(head)
            assert "image/png" not in data, "figures are SVG, shown by plotting.show"


@every_notebook
def test_no_role_or_directive_is_left_raw(path):
    text = prose(path)
    assert not re.search(r"\{(num|runs|glue|eq|cite|chapter|ref|doc|numref)[:}]", text)
    assert not re.search(r"(?m)^(:::|```\{)", text)


@every_notebook
def test_a_printed_number_is_the_one_that_was_recorded(path):
    for cell in code(path):
        text = "".join(o.text for o in cell.outputs if o.output_type == "stream").split("\n")
        for output in cell.outputs:
            data = output.get("data", {})
            if RECORD in data:
                name = output["metadata"]["scrapbook"]["name"]
                assert f"{name}: {float(data[RECORD]):.4g}" in text
            elif CLAIM in data:
                smaller, larger = map(float, data[CLAIM].split())
                said = "holds:" if smaller < larger else "does not hold in this run:"
                assert f"{said} {output['metadata']['scrapbook']['name']}" in text


@every_chapter
def test_the_numbers_of_a_notebook_fit_its_recorded_runs(stem):
    runs = Runs.of(stem[3:])
    assert not runs.strays(notebook.records(read(weave.woven(stem)["learner"])))


@every_chapter
def test_the_recorded_runs_hold_what_the_chapter_uses_and_nothing_else(stem):
    runs, found = Runs.of(stem[3:]), notebook.records(read(weave.woven(stem)["learner"]))
    text = weave.manuscript(stem).read_text(encoding="utf-8")
    quoted = {name for _, _, name, _ in notebook.quoted(text)}
    assert set(runs.claims) == set(found.claims)
    assert set(runs.values) == {*found.numbers, *quoted} - set(runs.claims)


@every_chapter
def test_of_a_claim_that_the_runs_do_not_show_clearly_the_prose_says_how_often_it_held(stem):
    runs, text = Runs.of(stem[3:]), weave.manuscript(stem).read_text(encoding="utf-8")
    for sentence in runs.claims:
        assert runs.clear(sentence) or f"{{runs}}`{sentence}`" in text, runs.held(sentence)


@every_chapter
def test_a_chapter_was_run_fourteen_times_with_six_seeds_on_four_processors(stem):
    runs = recorded(f"{stem[3:]}_runs")["runs"]
    assert len(runs) == 14
    assert {run.split(", ")[1] for run in runs} == set(PROCESSORS)
    assert [run.startswith("seed 0, ") for run in runs] == [True] * 4 + [False] * 10


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
