"""Recorded runs: found by name, written whole, with what is needed to repeat them."""

from __future__ import annotations

import json
import re

import nbformat
import pytest

from companion import results
from companion.results import runs


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "HERE", tmp_path)
    return tmp_path


def test_a_record_holds_values_spread_and_where_they_come_from(here):
    results.record("toy", {"loss": [1.0, 3.0]}, command="make toy")
    found = results.recorded("toy")
    assert found["values"] == {"loss": [1.0, 3.0]}
    assert found["spread"]["loss"] == {"mean": 2.0, "std": pytest.approx(2**0.5)}
    assert found["command"] == "make toy"
    assert {"commit", "versions", "machine", "date"} <= set(found)


def test_a_single_number_has_no_spread(here):
    results.record("toy", {"loss": [1.0]}, command="make toy")
    assert results.recorded("toy")["spread"]["loss"]["std"] is None


def test_a_missing_record_is_named_with_those_that_are_there(here):
    results.record("toy", {"loss": [1.0]}, command="make toy")
    with pytest.raises(ValueError, match="under 'other'; there are: toy"):
        results.recorded("other")


@pytest.mark.parametrize("numbers", [[], [float("nan")], [1.0, float("inf")]])
def test_numbers_that_are_none_leave_the_old_record(here, numbers):
    results.record("toy", {"loss": [1.0]}, command="make toy")
    with pytest.raises(ValueError, match="'loss' must be finite numbers"):
        results.record("toy", {"loss": numbers}, command="make toy")
    assert results.recorded("toy")["values"]["loss"] == [1.0]


def test_a_record_outside_a_repository_says_that_its_commit_is_unknown(here):
    results.record("toy", {"loss": [1.0]}, command="make toy")
    assert results.recorded("toy")["commit"] == "unknown"


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """A notebook whose number depends on the seed, and one cell that reads records."""
    new = nbformat.v4
    book = new.new_notebook()
    book.cells = [
        new.new_code_cell("from companion.runtime import expect, quote, seeded"),
        new.new_code_cell("with seeded(0) as rng:\n    expect('draw', rng.random(), 0.0, 0.1)"),
        new.new_code_cell("quote(exact=2)"),
        new.new_code_cell("1 / 0", metadata={"tags": ["recorded"]}),
    ]
    nbformat.write(book, tmp_path / "01_toy.ipynb")
    monkeypatch.setattr(runs, "NOTEBOOKS", tmp_path)


def test_a_chapter_is_repeated_with_other_seeds_and_its_bands_do_not_stop_it(notebook):
    found = runs.repeat_chapter("01_toy", seeds=[0, 1])
    assert list(found) == ["draw"]
    assert len(set(found["draw"])) == 2


def test_a_run_without_its_notebook_says_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "NOTEBOOKS", tmp_path)
    with pytest.raises(FileNotFoundError, match="needs a clone of the repository"):
        runs.repeat_chapter("01_toy")


def test_run_records_every_run_of_its_kind(here, monkeypatch, capsys):
    monkeypatch.setattr(runs, "RUNS", {"claims": {"toy_seeds": lambda: {"loss": [1.0, 2.0]}}})
    runs.run("claims")
    assert json.loads((here / "toy_seeds.json").read_text())["command"] == "make claims"
    assert "toy_seeds" in capsys.readouterr().out


def test_run_refuses_an_unknown_kind():
    with pytest.raises(ValueError, match="real, full, claims, got 'all'"):
        runs.run("all")


def test_no_record_was_made_by_code_that_cannot_be_checked_out():
    for path in results.HERE.glob("*.json"):
        assert re.fullmatch(r"[0-9a-f]{7,}", results.recorded(path.stem)["commit"]), path.stem


def test_every_record_comes_from_a_run_that_is_registered():
    names = {name for kind in runs.RUNS.values() for name in kind}
    assert {path.stem for path in results.HERE.glob("*.json")} == names
