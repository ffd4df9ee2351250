"""Seeds, numbers, devices and files: the ground holds."""

from __future__ import annotations

import os
import random
import re
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from companion import runtime

ROOT = Path(__file__).parents[1]


def draws():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_seeded_gives_the_same_chance_twice():
    with runtime.seeded(3) as rng:
        first = (*draws(), rng.random())
    with runtime.seeded(3) as rng:
        assert (*draws(), rng.random()) == first


def test_seeded_leaves_the_chance_outside_as_it_was():
    with runtime.seeded(0):
        before = draws()
    random.seed(7)
    np.random.seed(7)
    torch.random.default_generator.manual_seed(7)
    want = draws()
    random.seed(7)
    np.random.seed(7)
    torch.random.default_generator.manual_seed(7)
    with runtime.seeded(0):
        assert draws() == before
    assert draws() == want


def test_seeded_restores_chance_after_an_error():
    state = random.getstate()
    with pytest.raises(KeyError), runtime.seeded(0):
        raise KeyError
    assert random.getstate() == state


def test_companion_seed_moves_every_seed_by_thousands(monkeypatch):
    with runtime.seeded(2000) as rng:
        want = rng.random()
    monkeypatch.setenv("COMPANION_SEED", "2")
    with runtime.seeded(0) as rng:
        assert rng.random() == want


def test_seeds_may_come_from_numpy():
    with runtime.seeded(3) as rng:
        want = rng.random()
    with runtime.seeded(np.int64(3)) as rng:
        assert rng.random() == want


def test_a_seed_shift_that_is_no_number_is_named(monkeypatch):
    monkeypatch.setenv("COMPANION_SEED", "x")
    with pytest.raises(ValueError, match="COMPANION_SEED must be a whole"), runtime.seeded(0):
        pass


@pytest.mark.parametrize("seed", [-1, 1.5, "0"])
def test_seeds_must_be_whole_numbers_from_zero(seed):
    fault = pytest.raises((TypeError, ValueError), match=r"^seed must be a whole number, 0 or more")
    with fault, runtime.seeded(seed):
        pass


def test_expect_prints_a_number_by_its_name(capsys):
    runtime.expect("loss", 1.23456)
    assert capsys.readouterr().out == "loss: 1.235\n"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32(2), torch.tensor(3.0)])
def test_expect_takes_whatever_came_out(value, capsys):
    runtime.expect("loss", value)
    assert capsys.readouterr().out.startswith("loss: ")


def test_expect_refuses_a_name_that_prose_cannot_quote():
    with pytest.raises(ValueError, match="no colon"):
        runtime.expect("loss: new", 1)


@pytest.mark.parametrize(("notebook", "kept"), [(True, ["loss"]), (False, [])])
def test_numbers_are_recorded_in_a_notebook_and_in_no_terminal(monkeypatch, notebook, kept):
    found = []
    publish = SimpleNamespace(publish=lambda bundle, more: found.append(more["scrapbook"]["name"]))
    shell = SimpleNamespace(display_pub=publish, **({"kernel": None} if notebook else {}))
    monkeypatch.setattr(runtime, "get_ipython", lambda: shell)
    runtime.expect("loss", 1)
    assert found == kept


def test_a_claim_that_does_not_hold_is_a_line_and_no_exception(capsys):
    runtime.claim("two is more than one", 1, 2)
    runtime.claim("one is more than one", 1, 1)
    runtime.claim("nothing is more than one", 1, float("nan"))
    assert capsys.readouterr().out.split("\n") == [
        "holds: two is more than one",
        "does not hold in this run: one is more than one",
        "does not hold in this run: nothing is more than one",
        "",
    ]


def test_a_claim_refuses_a_sentence_that_prose_cannot_quote():
    with pytest.raises(ValueError, match="no colon"):
        runtime.claim("loss: less", 1, 2)


def test_device_is_the_processor_unless_asked(monkeypatch):
    monkeypatch.delenv("COMPANION_DEVICE", raising=False)
    assert runtime.device() == torch.device("cpu")


def test_device_refuses_unknown_names(monkeypatch):
    monkeypatch.setenv("COMPANION_DEVICE", "tpu")
    with pytest.raises(ValueError, match="cpu, cuda, mps or auto, got 'tpu'"):
        runtime.device()


def test_device_says_when_the_gpu_is_not_there(monkeypatch):
    monkeypatch.setenv("COMPANION_DEVICE", "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="no such device"):
        runtime.device()


def test_device_auto_takes_the_best_there_is(monkeypatch):
    monkeypatch.setenv("COMPANION_DEVICE", "auto")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert runtime.device() == torch.device("cuda")


def test_scale_refuses_unknown_names(monkeypatch):
    monkeypatch.setenv("COMPANION_SCALE", "huge")
    with pytest.raises(ValueError, match="page or full"):
        runtime.scale()


def test_home_is_where_companion_home_says(monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_HOME", str(tmp_path))
    assert runtime.home() == tmp_path


def test_a_file_is_written_whole_with_its_folders(tmp_path):
    path = tmp_path / "a" / "b.txt"
    runtime.write_whole(path, "né\n")
    assert path.read_bytes() == "né\n".encode()


def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        runtime.write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_read_only_file_is_not_replaced(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(stat.S_IREAD)
    with pytest.raises(PermissionError, match="read-only"):
        runtime.write_whole(path, "new")
    assert path.read_text() == "old"
    path.chmod(stat.S_IREAD | stat.S_IWRITE)


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3), torch.tensor(3)])
def test_a_whole_number_may_come_from_numpy_or_torch(value):
    assert runtime.whole("count", value, 1) == 3


@pytest.mark.parametrize("value", [True, 2.0, "2", None, [1], torch.tensor(2.0), 0, -1])
def test_what_is_no_whole_number_or_too_small_is_named(value):
    with pytest.raises((TypeError, ValueError), match="count must be a whole number, 1 or more"):
        runtime.whole("count", value, 1)


@pytest.fixture
def killed(tmp_path):
    """A folder in which a process was killed before it could write ``a.txt`` to the end."""
    program = (
        "import os, sys; from pathlib import Path; from companion import runtime; "
        "os.fsync = lambda _: os._exit(9); "
        "runtime.write_whole(Path(sys.argv[1]), 'half')"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.txt")], cwd=ROOT)
    assert done.returncode == 9
    assert len(list(tmp_path.iterdir())) == 1
    return tmp_path


def names(folder):
    return sorted(file.name for file in folder.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot be asked whether a process goes on")
def test_the_draft_of_a_killed_process_goes_when_the_file_is_written_again(killed):
    runtime.write_whole(killed / "a.txt", "whole")
    assert names(killed) == ["a.txt"]


def test_a_draft_of_yesterday_goes_whoever_wrote_it(killed, monkeypatch):
    monkeypatch.setattr(runtime, "_ended", lambda process: False)
    runtime.write_whole(killed / "a.txt", "whole")
    assert len(names(killed)) == 2
    draft = next(file for file in killed.iterdir() if file.name != "a.txt")
    os.utime(draft, (time.time() - 25 * 3600,) * 2)
    runtime.write_whole(killed / "a.txt", "whole")
    assert names(killed) == ["a.txt"]


def test_a_draft_of_another_machine_stays_for_a_day(killed, monkeypatch):
    monkeypatch.setattr("platform.node", lambda: "another")
    runtime.write_whole(killed / "a.txt", "whole")
    assert len(names(killed)) == 2


def test_a_writer_leaves_the_draft_of_another_writer_alone(tmp_path, monkeypatch):
    path, waiting = tmp_path / "a.txt", [True]

    def meanwhile(handle):
        if waiting and waiting.pop():
            runtime.write_whole(path, "theirs")

    monkeypatch.setattr("os.fsync", meanwhile)
    runtime.write_whole(path, "ours")
    assert path.read_text() == "ours"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    "name", [".a.txt.original", "a.txt.draft", ".a.txt.draft", ".a.txt.b-1-c.draft", ".a.txt.lock"]
)
def test_a_file_of_yours_with_a_like_name_is_never_taken_for_a_draft(tmp_path, name):
    mine = tmp_path / name
    mine.write_text("mine")
    os.utime(mine, (0, 0))
    runtime.write_whole(tmp_path / "a.txt", "new")
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("number", [1, 10**30])
def test_a_draft_of_a_process_that_cannot_be_asked_stays_for_a_day(killed, number):
    (draft,) = killed.iterdir()
    theirs = draft.rename(killed / re.sub(r"-\d+-", f"-{number}-", draft.name))
    runtime.write_whole(killed / "a.txt", "whole")
    assert names(killed) == [theirs.name, "a.txt"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_folder_that_may_not_be_listed_can_be_written(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refuse)
    runtime.write_whole(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_draft_of_another_file_is_not_touched(killed):
    (draft,) = names(killed)
    os.utime(killed / draft, (0, 0))
    runtime.write_whole(killed / "a", "new")
    assert names(killed) == [draft, "a"]
