"""The long runs: notebooks run as readers do, on any processor, fourteen times, each for itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import nbformat
import numpy as np
import pytest

from companion import results
from runs import __main__ as command
from runs import chapter
from runs.notebook import Records, execute, records
from runs.processors import PROCESSORS, environment

IMPORT = "from companion.runtime import claim, expect, seeded"


def notebook(*sources, prose=""):
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(source) for source in (IMPORT, *sources)]
    if prose:
        book.cells.append(nbformat.v4.new_markdown_cell(prose))
    return book


def test_a_run_collects_numbers_claims_and_what_the_prose_quotes(tmp_path):
    cells = "loss = 0.25\nexpect('loss, last', loss)", "claim('more is more', 1, 2)"
    prose = "{num}`loss, last:.2f` {num}`2 * loss:.1f` {num}`lost`"
    done, found = execute(notebook(*cells, prose=prose), tmp_path)
    assert found.numbers == {"loss, last": 0.25, "2 * loss": 0.5}
    assert found.claims == {"more is more": (1.0, 2.0)}
    assert "NameError" in found.faults["lost"]
    assert found.seconds > 0
    assert [cell.cell_type for cell in done.cells] == ["code", "code", "code", "markdown"]
    assert [cell.execution_count for cell in done.cells[:3]] == [1, 2, 3]


def test_a_run_sees_no_setting_of_this_project_but_those_it_is_given(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_DEVICE", "nowhere")
    source = "import os\nprint(os.environ.get('COMPANION_DEVICE'), os.environ['COMPANION_SEED'])"
    done, _ = execute(notebook(source), tmp_path, settings={"COMPANION_SEED": "3"})
    assert done.cells[1].outputs[0].text == "None 3\n"


def test_two_numbers_of_one_name_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"two numbers .* named 'loss'"):
        execute(notebook("expect('loss', 1)", "expect('loss', 2)"), tmp_path)


def test_two_claims_of_one_sentence_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"two claims .* say 'more'"):
        execute(notebook("claim('more', 1, 2)", "claim('more', 1, 2)"), tmp_path)


def test_an_expression_that_changes_between_two_places_is_refused(tmp_path):
    book = notebook("loss = 1", prose="{num}`loss`")
    book.cells += notebook("loss = 2", prose="{num}`loss`").cells[1:]
    with pytest.raises(ValueError, match=r"quotes 'loss' twice, as 1.0 and as 2.0"):
        execute(book, tmp_path)


def test_a_notebook_that_ran_holds_its_records(tmp_path):
    done, _ = execute(notebook("expect('loss', 1)"), tmp_path)
    assert records(done).numbers == {"loss": 1.0}


@pytest.mark.parametrize("processor", PROCESSORS)
def test_each_processor_can_compute(processor):
    program = "import numpy, torch; print(int((torch.ones(3) @ torch.ones(3)).item()))"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment(processor), capture_output=True, text=True)
    assert done.stdout == "3\n", done.stderr


def test_an_older_processor_computes_with_older_instructions():
    program = "import torch; print(torch.backends.cpu.get_cpu_capability())"
    command = [sys.executable, "-m", "runs.processors", "oldest", sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout in ("DEFAULT\n", "NO AVX\n")  # the second in older releases of torch


def test_one_thread_unless_something_else_is_set(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert environment()["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert environment()["OMP_NUM_THREADS"] == "3"
    assert environment("threads")["OMP_NUM_THREADS"] == "2"


def test_an_unknown_processor_is_named():
    with pytest.raises(ValueError, match="native, avx2, oldest, threads, got 'z80'"):
        environment("z80")


def test_the_environment_is_that_of_the_process(monkeypatch):
    monkeypatch.setenv("HOME", "elsewhere")
    assert environment()["HOME"] == "elsewhere"
    assert set(os.environ) <= set(environment("oldest"))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    return tmp_path


@pytest.fixture
def runs(here, monkeypatch):
    """Chapters that take no time: the seed and the processor decide."""

    def once(stem, seed=0, processor="native", *, scale="page"):
        found = Records()
        found.numbers["loss"] = seed + list(PROCESSORS).index(processor) / 10
        found.claims["more helps"] = (0.0, 1.0 + seed)
        return found

    class Pool:
        def __init__(self, max_workers):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        map = staticmethod(map)

    monkeypatch.setattr(chapter, "once", once)
    monkeypatch.setattr(chapter, "ProcessPoolExecutor", Pool)


def test_fourteen_runs_are_recorded_with_seed_0_on_every_processor_first(runs, here):
    path = chapter.fourteen("02_backprop", "abc")
    found = json.loads(path.read_text())
    assert path == here / "backprop_runs.json"
    assert found["runs"][:5] == [
        "seed 0, native", "seed 0, avx2", "seed 0, oldest", "seed 0, threads", "seed 1, native",
    ]  # fmt: skip
    assert np.allclose(found["values"]["loss"][:6], [0.0, 0.1, 0.2, 0.3, 1.0, 1.2])
    assert len(found["values"]["loss"]) == len(found["claims"]["more helps"]) == 14
    assert found["code"] == "abc"


def test_runs_that_record_different_names_are_refused():
    one, other = Records(), Records()
    one.numbers["loss"] = other.numbers["gain"] = 1.0
    with pytest.raises(ValueError, match="different names: "):
        chapter.together([one, other], lambda found: found.numbers)


def test_only_what_is_older_than_its_code_is_run_again(here, monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(
        command, "long_runs", lambda topic, kind: {f"{topic}_toy": lambda: {"x": [1.0]}}
    )
    monkeypatch.setattr(command, "code_of", lambda topic: "new")
    monkeypatch.setattr(command, "fourteen", lambda stem, code: ran.append(stem))
    monkeypatch.setattr(sys, "argv", ["runs", "real", "backprop"])
    assert command.main() == 0
    assert json.loads((here / "backprop_toy.json").read_text())["code"] == "new"
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["runs", "real"])
    command.main()
    said = capsys.readouterr().out
    assert "gradients_toy ..." in said
    assert "backprop_toy" not in said
    assert ran == []


def test_an_unknown_kind_or_chapter_is_refused(monkeypatch, capsys):
    for words in (["all"], ["claims", "cooking"]):
        monkeypatch.setattr(sys, "argv", ["runs", *words])
        with pytest.raises(SystemExit):
            command.main()
        assert "invalid choice" in capsys.readouterr().err
