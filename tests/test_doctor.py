"""The command line, and the doctor's diagnosis of good and bad installations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from companion import __main__, checks, doctor


def test_a_good_installation_has_nothing_to_mend():
    report = doctor.examine()
    assert report.healthy
    assert str(report).endswith("nothing to mend")


def test_the_report_names_each_package_with_the_version_that_was_verified(monkeypatch):
    monkeypatch.setattr(doctor, "version", lambda name: "0.0.1")
    text = str(doctor.examine())
    assert f"numpy         0.0.1 (verified with {doctor.verified()['numpy']})" in text


def test_a_missing_package_comes_with_the_command_that_mends_it(monkeypatch):
    def version(name):
        if name == "scikit-learn":
            raise doctor.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(doctor, "version", version)
    report = doctor.examine()
    assert any(fault.startswith("scikit-learn is missing: pip install") for fault in report.faults)


def test_torchvision_beside_a_processor_build_is_named(monkeypatch):
    versions = {"torch": "2.13.0+cpu", "torchvision": "0.26.0"}
    monkeypatch.setattr(doctor, "version", lambda name: versions.get(name, "1.0"))
    assert any("pip uninstall torchvision" in fault for fault in doctor.examine().faults)


def test_a_matching_torchvision_is_left_alone(monkeypatch):
    versions = {"torch": "2.13.0+cpu", "torchvision": "0.26.0+cpu"}
    monkeypatch.setattr(doctor, "version", lambda name: versions.get(name, "1.0"))
    assert doctor.examine().healthy


def test_the_doctor_works_where_nothing_is_installed():
    root = Path(doctor.__file__).parents[1]
    command = [sys.executable, "-S", "-m", "companion", "doctor"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "numpy is missing: pip install" in done.stdout


def test_a_device_that_is_not_there_is_a_fault_not_a_crash(monkeypatch):
    monkeypatch.setenv("COMPANION_DEVICE", "abacus")
    assert any("got 'abacus'" in fault for fault in doctor.examine().faults)


def test_a_home_that_is_a_file_is_a_fault(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("COMPANION_HOME", str(blocked / "home"))
    assert any("COMPANION_HOME" in fault for fault in doctor.examine().faults)


def test_a_home_that_cannot_be_found_is_a_fault_not_a_crash(monkeypatch):
    monkeypatch.setenv("COMPANION_HOME", "~nobody-by-this-name/x")
    assert any("COMPANION_HOME" in fault for fault in doctor.examine().faults)


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["companion", *words])
    return __main__.main()


def test_doctor_is_a_command_whose_exit_status_says_whether_all_is_well(monkeypatch, capsys):
    assert run(monkeypatch, "doctor") == 0
    assert "torch" in capsys.readouterr().out
    monkeypatch.setenv("COMPANION_SCALE", "tiny")
    assert run(monkeypatch, "doctor") == 1


def test_progress_is_a_command_that_lists_every_exercise(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("COMPANION_HOME", str(tmp_path))
    assert run(monkeypatch, "progress") == 0
    out = capsys.readouterr().out
    assert all(name.partition(".")[2] in out for name in checks.all())


def test_an_unknown_command_is_refused(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, "heal")
    assert "invalid choice" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["constraints.txt", "companion/constraints.txt"])
def test_the_verified_versions_are_found_in_the_project_and_in_an_installed_package(
    tmp_path, monkeypatch, place
):
    (tmp_path / "companion").mkdir()
    (tmp_path / place).write_text("# tried\nnumpy==2.4.6\nscikit-learn==1.9.1\nloose>=1\n")
    monkeypatch.setattr(doctor, "__file__", str(tmp_path / "companion" / "doctor.py"))
    assert doctor.verified() == {"numpy": "2.4.6", "scikit-learn": "1.9.1"}
