"""Every notebook run anew: it shows what is printed, within what the recorded runs allow."""

from __future__ import annotations

import nbformat
import pytest

from book import weave
from conftest import GIVEN
from runs.kinds import Runs
from runs.notebook import execute
from tests import _rerun

NOTEBOOKS = [(stem, kind) for stem in weave.chapters() for kind in ("learner", "solutions")]
AS_RECORDED = GIVEN.get("COMPANION_DEVICE", "cpu") == "cpu" and not (
    {"COMPANION_SCALE", "COMPANION_SEED"} & set(GIVEN)
)


@pytest.mark.parametrize(("stem", "kind"), NOTEBOOKS, ids=[f"{s}-{k}" for s, k in NOTEBOOKS])
def test_a_fresh_run_of_a_notebook_agrees_with_what_is_printed(stem, kind, record_property):
    runs, path = Runs.of(stem[3:]), weave.woven(stem)[kind]
    comparable = AS_RECORDED and _rerun.same_versions(runs)
    fresh, records = execute(weave.unwoven(stem, kind), path.parent, settings=GIVEN)
    if kind == "learner":
        stated = weave.stated_seconds(path.read_text(encoding="utf-8"))
        record_property("seconds", (stem, stated, records.seconds))
    found = runs.strays(records, comparable=comparable)
    if comparable:
        found += _rerun.differences(nbformat.read(path, as_version=4), fresh, runs)
    assert not found, "\n".join(found)
