"""The loom: solutions cut, roles lowered, failures harmless."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

from book import weave
from runs.kinds import Runs

ROOT = Path(__file__).parents[1]

MANUSCRIPT = """# Add two numbers

It takes **2 minutes to read and 1 seconds to run**.

```{code-cell} ipython3
:tags: [setup]

from companion.runtime import seeded
```

## A sum

$$
a + b = c
$$ (sum)

```{code-cell} ipython3
total = 1 + 1
```

By {eq}`sum` it is {num}`total:.1f`, as {cite}`rumelhart1986` and {chapter}`sum` knew.

## Your turn

```{code-cell} ipython3
def add(a, b):
    \"\"\"The sum.\"\"\"
    ### BEGIN SOLUTION
    return a + b
    ### END SOLUTION
```

```{code-cell} ipython3
print(add(1, 2))
```

## What to keep

- Nothing.
"""


NONE = Runs([0], {}, {}, {})


@pytest.fixture
def root(tmp_path):
    """A book of one chapter."""
    for folder in ("book/chapters", "notebooks/solutions"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "_toc.yml").write_text("- file: notebooks/01_sum\n")
    (tmp_path / "_config.yml").write_text("repository:\n  url: https://example.org/book\n")
    bib = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    (tmp_path / "book/references.bib").write_text(bib, encoding="utf-8")
    (tmp_path / "book/chapters/01_sum.md").write_text(MANUSCRIPT)
    record(tmp_path, {"total": [2.0, 2.0]})
    return tmp_path


def record(root, values):
    folder = root / "companion" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    runs = {"runs": ["seed 0, native", "seed 0, avx2"], "claims": {}, "versions": {}}
    (folder / "sum_runs.json").write_text(json.dumps({**runs, "values": values}))


def prose(text):
    cells = nbformat.reads(text, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def code(text):
    cells = nbformat.reads(text, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "code")


@pytest.fixture
def learner(root):
    return weave.weave("01_sum", "learner", root)[0]


@pytest.fixture
def solved(root):
    return weave.weave("01_sum", "solutions", root)[0]


def test_the_learner_gets_a_stub(learner):
    assert "    return ...  # your turn" in code(learner)
    assert "return a + b" not in code(learner)


def test_the_solutions_hold_setup_and_exercises_and_nothing_else(solved):
    assert "return a + b" in code(solved)
    assert "import seeded" in code(solved)
    assert "total = 1 + 1" not in code(solved)
    assert "A sum" not in prose(solved)
    assert "What to keep" not in prose(solved)


def test_a_number_of_the_record_stands_in_the_prose(learner):
    assert "it is 2.0," in prose(learner)


def test_a_number_of_the_record_stands_there_whatever_this_machine_computes(root):
    record(root, {"total": [2.5, 2.5]})
    assert "it is 2.5," in prose(weave.weave("01_sum", "learner", root)[0])


def test_a_number_that_is_not_recorded_comes_from_the_run_and_is_named(root):
    record(root, {})
    text, missing = weave.weave("01_sum", "learner", root)
    assert "it is 2.0," in prose(text)
    assert missing == {"total"}


@pytest.fixture
def done(root, learner, solved):
    """The book of one chapter, woven."""
    for kind, text in (("learner", learner), ("solutions", solved)):
        weave.woven("01_sum", root)[kind].write_text(text)
    return root


def test_a_change_of_prose_is_woven_without_running_anything(done, monkeypatch):
    monkeypatch.setattr(weave, "execute", None)
    (done / "book/chapters/01_sum.md").write_text(MANUSCRIPT + "\nMore than {num}`total`.\n")
    text, missing = weave.weave("01_sum", "learner", done)
    assert prose(text).endswith("More than 2.")
    assert not missing


def test_prose_that_quotes_something_new_runs_the_chapter(done):
    (done / "book/chapters/01_sum.md").write_text(MANUSCRIPT + "\nMore: {num}`total + 1:.0f`.\n")
    text, missing = weave.weave("01_sum", "learner", done)
    assert "More: 3." in prose(text)
    assert missing == {"total + 1"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("total = 1 + 1", "total = 2"),  # other code
        ("it is 2.0", "it is 2.1"),  # another number in the prose
        ("The sum.", "A sum."),
    ],
)
def test_a_notebook_changed_by_hand_is_stale(done, old, new):
    path = weave.woven("01_sum", done)["learner"]
    path.write_text(path.read_text().replace(old, new))
    assert weave.stale("01_sum", done) == ["notebooks/01_sum.ipynb"]


def test_a_changed_file_of_the_package_makes_notebooks_stale(done):
    (done / "companion/runtime.py").write_text("seeded = None")
    assert len(weave.stale("01_sum", done)) == 2


def test_a_chapter_is_called_by_its_number_and_linked():
    first, last = weave.chapters()[0], weave.chapters()[-1]
    assert weave.chapter(last[3:], "c", first) == f"[chapter {int(last[:2])}]({last}.ipynb)"
    assert weave.chapter(first[3:], "C", first) == f"Chapter {int(first[:2])}"


def test_an_equation_gets_its_chapters_number(learner):
    assert "\\tag{1.1}\n$$" in prose(learner)
    assert '<a href="#eq-1-1">(1.1)</a>' in prose(learner)


def test_a_citation_becomes_a_link_that_every_viewer_follows(learner):
    assert "[Rumelhart et al., 1986](https://doi.org/10.1038/323533a0)" in prose(learner)


def test_weaving_twice_gives_the_same_bytes(root, learner):
    assert weave.weave("01_sum", "learner", root)[0] == learner


def test_a_changed_manuscript_makes_its_notebooks_stale(done):
    assert weave.stale("01_sum", done) == []
    (done / "book/chapters/01_sum.md").write_text(MANUSCRIPT + "\nMore.\n")
    assert weave.stale("01_sum", done) == ["notebooks/01_sum.ipynb"]
    (done / "book/chapters/01_sum.md").write_text(MANUSCRIPT.replace("The sum.", "A sum."))
    assert len(weave.stale("01_sum", done)) == 2


def test_a_failing_cell_leaves_the_old_notebooks_as_they_were(root, monkeypatch, capsys):
    paths = weave.woven("01_sum", root).values()
    for path in paths:
        nbformat.write(nbformat.v4.new_notebook(), path)
    before = {path: path.read_bytes() for path in paths}
    (root / "book/chapters/01_sum.md").write_text(MANUSCRIPT.replace("1 + 1", "1 / 0"))
    monkeypatch.setattr(sys, "argv", ["weave.py"])
    assert weave.main(root) == 1
    assert {path: path.read_bytes() for path in paths} == before
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "<<<<<<< HEAD\n{}", '{"metadata": {"companion": 1}}']
)
def test_a_broken_notebook_is_stale(root, text):
    for path in weave.woven("01_sum", root).values():
        path.write_text(text)
    assert len(weave.stale("01_sum", root)) == 2


def test_a_label_that_stands_twice_is_named(root):
    text = "# Title\n\n$$\na\n$$ (one)\n\n$$\nb\n$$ (one)\n"
    with pytest.raises(ValueError, match="label stands twice"):
        weave.lower(jupytext.reads(text, fmt="md:myst"), "01_sum", NONE, root=root)


def test_check_names_what_is_stale_and_weaves_nothing(root, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["weave.py", "--check"])
    assert weave.main(root) == 1
    assert "stale: notebooks/01_sum.ipynb" in capsys.readouterr().out
    assert not weave.woven("01_sum", root)["learner"].exists()


def test_check_is_content_with_fresh_notebooks_even_if_all_are_asked_for(done, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["weave.py", "--check", "--all"])
    assert weave.main(done) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("source", "stub"),
    [
        ("### BEGIN SOLUTION\nrate = 2 / 3\n### END SOLUTION", "rate = ...  # your turn"),
        (
            "### BEGIN SOLUTION\na = 1\nb = a\na = b\n### END SOLUTION\nprint(a)",
            "a = ...  # your turn\nb = ...  # your turn\nprint(a)",
        ),
    ],
)
def test_a_solution_outside_a_function_becomes_an_open_name(source, stub):
    assert weave.cut_solutions(source) == stub


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("### BEGIN SOLUTION\na = 1", "without ### END"),
        ("a = 1\n### END SOLUTION", "without ### BEGIN"),
        ("### BEGIN SOLUTION\n### BEGIN SOLUTION", "second ### BEGIN"),
        ("### BEGIN SOLUTION\nprint(1)\n### END SOLUTION", "must assign a name"),
        ("###BEGIN SOLUTION\nx = 42\n###END SOLUTION", "a marker is written ### BEGIN"),
        ("# begin solution\nx = 42\n# end solution", "a marker is written ### BEGIN"),
    ],
)
def test_markers_that_do_not_fit_are_named(source, fault):
    with pytest.raises(ValueError, match=fault):
        weave.cut_solutions(source)


@pytest.mark.parametrize(
    ("role", "fault"),
    [
        ("{num}`lost:.1f`", "the number 'lost' is neither recorded"),
        ("{chapter}`Lost`", "named by its topic"),
        ("{eq}`lost`", "the equation 'lost' is not there"),
        ("{cite}`lost`", "the work 'lost' is not there"),
    ],
)
def test_a_role_that_points_nowhere_is_named(root, role, fault):
    book = jupytext.reads(f"# Title\n\n{role}\n", fmt="md:myst")
    with pytest.raises(ValueError, match=fault):
        weave.lower(book, "01_sum", NONE, root=root)
