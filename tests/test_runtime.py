"""Seeds, numbers, devices and files: the ground holds."""

from __future__ import annotations

import random
import stat

import numpy as np
import pytest
import torch

from companion import runtime


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
    with pytest.raises((TypeError, ValueError)), runtime.seeded(seed):
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
