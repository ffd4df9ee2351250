"""Recorded runs: found by name, written whole, with what is needed to repeat them."""

from __future__ import annotations

import re

import pytest

from book import weave
from companion import results
from runs.__main__ import KINDS, long_runs


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
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


@pytest.mark.parametrize(
    "name", ["../toy", "sub/toy", "{folder}/toy", "toy.json", "", None, ["toy"]]
)
def test_a_record_is_found_by_its_name_and_never_by_a_path(here, name):
    for folder in (here, here / "sub", here.parent):
        folder.mkdir(exist_ok=True)
        (folder / "toy.json").write_text("{}")
    wanted = name.format(folder=here) if isinstance(name, str) else name
    with pytest.raises(ValueError, match=r"no run is recorded under .*; there are: toy$"):
        results.recorded(wanted)


@pytest.mark.parametrize("name", ["../toy", "sub/toy", "/toy", "toy.json", "", "a b", None])
def test_a_record_is_written_under_a_name_and_never_to_a_path(here, name):
    with pytest.raises(ValueError, match="name must be letters, digits and underscores, got"):
        results.record(name, {"loss": [1.0]}, command="make toy")
    assert not list(here.rglob("*"))


@pytest.mark.parametrize("numbers", [[], [float("nan")], [1.0, float("inf")]])
def test_numbers_that_are_none_leave_the_old_record(here, numbers):
    results.record("toy", {"loss": [1.0]}, command="make toy")
    with pytest.raises(ValueError, match="'loss' must be finite numbers"):
        results.record("toy", {"loss": numbers}, command="make toy")
    assert results.recorded("toy")["values"]["loss"] == [1.0]


def test_a_record_outside_a_repository_says_that_its_commit_is_unknown(here):
    results.record("toy", {"loss": [1.0]}, command="make toy")
    assert results.recorded("toy")["commit"] == "unknown"


def test_no_record_was_made_by_code_that_cannot_be_checked_out():
    for path in results.FOLDER.glob("*.json"):
        assert re.fullmatch(r"[0-9a-f]{7,}", results.recorded(path.stem)["commit"]), path.stem


def test_every_record_comes_from_a_run_that_is_registered():
    topics = [stem[3:] for stem in weave.chapters()]
    names = {name for topic in topics for kind in KINDS for name in long_runs(topic, kind)}
    chapters = {f"{topic}_runs" for topic in topics}
    assert {path.stem for path in results.FOLDER.glob("*.json")} == names | chapters
