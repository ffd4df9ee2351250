"""The pact: every answer gets a plain sentence, and what is solved is remembered."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from IPython.core.formatters import DisplayFormatter

from companion import checks, runtime
from companion.backprop import Tensor
from companion.checks import progress
from companion.checks._compare import Refused, compare, compare_cases
from companion.checks.pact import Answer, exercise

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPANION_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@exercise(difficulty=2, minutes=5, hints=["Look at `*`.", "Write `a * b`."])
def times(answer: Answer) -> None:
    """A product."""
    a = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    compare(answer(a, b=2.0), 2 * a, slips={"You add.": a + 2})


@exercise(difficulty=1, minutes=1, hints=[])
def pair(answer: Answer) -> None:
    """A number and its square."""
    root, square = answer.parts(answer(3.0), "root", "square")
    compare(root, 3.0, what="root")
    compare(square, 9.0, what="square")


def heard(answer: Any) -> str:
    verdict = times(answer)
    assert verdict.attempted
    assert not verdict.passed
    return verdict.message


def written(source: str, tmp_path: Path) -> Callable[..., Any]:
    """Run a learner's cell, kept in a file as a notebook keeps it."""
    path = tmp_path / "cell.py"
    path.write_text(source, encoding="utf-8")
    names: dict[str, Any] = {}
    exec(compile(source, str(path), "exec"), names)
    return names["times"]


# What the learner hears


def test_a_right_answer_is_called_correct(capsys: pytest.CaptureFixture[str]) -> None:
    assert times(lambda a, *, b: a * b).passed
    assert capsys.readouterr().out == "Correct.\n"


def test_an_ellipsis_in_place_of_the_function_is_not_attempted() -> None:
    assert times(...) == checks.Verdict(False, False, "Not attempted yet.")


def test_a_stub_is_not_attempted() -> None:
    assert times(lambda a, *, b: ...) == checks.Verdict(False, False, "Not attempted yet.")


def test_a_stub_prints_only_that_it_is_not_attempted(capsys: pytest.CaptureFixture[str]) -> None:
    times(lambda a, *, b: ...)
    assert capsys.readouterr() == ("Not attempted yet.\n", "")


def test_a_planned_slip_is_named() -> None:
    assert heard(lambda a, *, b: a + b) == "You add."


def test_an_exception_is_named_with_its_line_in_the_learners_code(tmp_path: Path) -> None:
    answer = written("x = 1\n\ndef times(a, *, b):\n    c = a\n    return c * gard\n", tmp_path)
    assert heard(answer) == (
        "Your `times` stopped with NameError: name 'gard' is not defined, "
        "in its line 3: `return c * gard`"
    )


def test_an_exception_in_a_helper_is_named_with_the_helpers_line(tmp_path: Path) -> None:
    source = "def helper(a):\n    return a / {}\n\ndef times(a, *, b):\n    return helper(a)\n"
    assert "in line 2 of `helper`: `return a / {}`" in heard(written(source, tmp_path))


def test_an_exception_in_a_library_is_named_with_the_line_that_called_it(tmp_path: Path) -> None:
    source = "import numpy as np\ndef times(a, *, b):\n    return np.linalg.inv(a)\n"
    assert "in its line 2: `return np.linalg.inv(a)`" in heard(written(source, tmp_path))


def test_an_exception_in_a_comprehension_counts_from_the_functions_first_line(
    tmp_path: Path,
) -> None:
    source = "def times(a, *, b):\n    n = 0\n    return [row / n for row in [1]]\n"
    assert "ZeroDivisionError: division by zero, in its line 3" in heard(written(source, tmp_path))


def test_an_exception_without_source_is_still_named() -> None:
    names: dict[str, Any] = {}
    exec("def times(a, *, b):\n    return a[7]", names)
    assert "IndexError" in heard(names["times"])


def test_an_exception_fits_on_one_line() -> None:
    def answer(a, *, b):
        raise ValueError("first\nsecond " * 500)

    message = heard(answer)
    assert "\n" not in message
    assert len(message) < 400


def test_leaving_python_is_named_and_does_not_leave_it() -> None:
    assert "SystemExit" in heard(lambda a, *, b: sys.exit("bye"))


def test_endless_recursion_is_named() -> None:
    def answer(a, *, b):
        return answer(a, b=b)

    assert "RecursionError" in heard(answer)


@pytest.mark.parametrize("caught", [(), Exception], ids=["plain", "that catches all"])
def test_an_endless_loop_is_stopped_with_a_sentence(caught, monkeypatch) -> None:
    def answer(a, *, b):
        while True:
            with contextlib.suppress(caught):
                a = a * 1

    monkeypatch.setattr("companion.checks.pact.LIMIT", 0.2)
    assert "Does one of its loops never end?" in heard(answer)


def test_an_answer_in_time_leaves_nothing_that_stops_the_next_cell(monkeypatch) -> None:
    monkeypatch.setattr("companion.checks.pact.LIMIT", 0.2)
    assert times(lambda a, *, b: a * b).passed
    until = time.process_time() + 1
    while time.process_time() < until:
        pass


def test_an_interrupt_passes_through() -> None:
    def answer(a, *, b):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        times(answer)


def test_wrong_arity_says_how_the_function_is_called() -> None:
    message = "`times` is called with 2 arguments, `b` by name; yours takes 1 (a)."
    assert heard(lambda a: a).startswith(message)


def test_no_parameters_at_all_are_named_too() -> None:
    assert "; yours takes none." in heard(lambda: 1)


def test_another_name_for_a_named_argument_is_shown() -> None:
    assert "yours takes 2 (a, *, rate)." in heard(lambda a, *, rate: a)


def test_the_result_in_place_of_the_function_is_named() -> None:
    message = "Give the function itself, `times`, not its result: this is a float."
    assert heard(3.0) == message


def test_a_forgotten_return_is_named() -> None:
    assert "returned None" in heard(lambda a, *, b: None)


def test_a_wrong_shape_is_named() -> None:
    message = "The result should have shape (2, 3), yours has (6,)."
    assert heard(lambda a, *, b: (a * b).ravel()) == message


def test_a_transposed_result_is_named() -> None:
    assert heard(lambda a, *, b: (a * b).T).endswith("It looks transposed.")


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_nan_and_infinity_are_named(poison: float) -> None:
    assert "NaN or infinity" in heard(lambda a, *, b: a * poison)


def test_a_wrong_sign_is_named() -> None:
    assert "wrong sign" in heard(lambda a, *, b: -a * b)


def test_a_wrong_factor_is_named() -> None:
    assert "every entry is 0.25 times" in heard(lambda a, *, b: a * b / 4)


def test_one_wrong_entry_is_located() -> None:
    def answer(a, *, b):
        result = a * b
        result[1, 2] += 1
        return result

    assert heard(answer) == "The result is wrong in 1 of 6 entries, most at [1, 2]."


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"a": 1}, id="dict"),
        pytest.param("12", id="text"),
        pytest.param([[1, 2], [3]], id="ragged list"),
        pytest.param(1j, id="complex number"),
        pytest.param(print, id="function"),
        pytest.param((i for i in range(6)), id="generator"),
    ],
)
def test_what_is_no_number_is_named(value: Any) -> None:
    assert "cannot be read as numbers" in heard(lambda a, *, b: value)


def test_an_object_that_refuses_to_be_read_gets_a_sentence() -> None:
    class Monster:
        def __array__(self, *args: Any, **kwargs: Any) -> Any:
            raise SystemExit

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    assert "it is a Monster" in heard(lambda a, *, b: Monster())


def test_a_callable_that_refuses_to_be_looked_at_gets_a_sentence() -> None:
    class Monster:
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError(name)

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            raise RuntimeError

    assert "RuntimeError" in heard(Monster())


def test_a_bug_of_the_check_is_owned_up_to() -> None:
    @exercise(difficulty=1, minutes=1, hints=[])
    def broken(answer: Answer) -> None:
        raise KeyError("ours")

    verdict = broken(lambda a: a)
    assert "Your answer may be right" in verdict.message


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(np.ndarray.tolist, id="list"),
        pytest.param(np.float32, id="float32 array"),
        pytest.param(lambda r: [Tensor(row) for row in r], id="list of Tensors"),
        pytest.param(lambda r: Tensor(r, requires_grad=True), id="Tensor"),
        pytest.param(lambda r: torch.tensor(r, requires_grad=True), id="torch tensor"),
        pytest.param(lambda r: r.astype(object), id="array of objects"),
    ],
)
def test_whatever_can_be_read_as_numbers_is_accepted(form: Callable[[Any], Any]) -> None:
    assert times(lambda a, *, b: form(a * b)).passed


def test_a_partial_is_accepted() -> None:
    def scaled(by, a, *, b):
        return by * a * b

    assert times(functools.partial(scaled, 1)).passed


def test_a_function_written_in_c_is_accepted() -> None:
    @exercise(difficulty=1, minutes=1, hints=[])
    def root(answer: Answer) -> None:
        """A root."""
        compare(answer(np.array([4.0])), [2.0])

    assert root(np.sqrt).passed


def test_a_changed_argument_is_named() -> None:
    def answer(a, *, b):
        a *= b
        return a

    assert "changed its argument `a` in place" in heard(answer)


def _doubled(a):
    """Double in place, whatever it is."""
    if isinstance(a, dict | set):
        a.clear()
    elif isinstance(a, list) and not isinstance(a[0], torch.Tensor):
        a.reverse()
    else:
        for tensor in a if isinstance(a, list) else [a]:
            tensor *= 2
    return 1


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(torch.ones(3), id="tensor"),
        pytest.param([torch.ones(3), torch.ones(2)], id="list of tensors"),
        pytest.param([1.0, 2.0], id="list"),
        pytest.param([[1], [2]], id="list of lists"),
        pytest.param(["slow", "art"], id="list of words"),
        pytest.param({"slow": 1}, id="table"),
        pytest.param({"slow"}, id="set"),
    ],
)
def test_whatever_an_answer_can_change_it_must_leave_alone(given) -> None:
    @exercise(difficulty=1, minutes=1, hints=[])
    def doubled(answer: Answer) -> None:
        """Doubled."""
        answer(given)

    assert "changed its argument `a` in place" in doubled(_doubled).message


def test_a_trace_of_rounding_is_a_change() -> None:
    def answer(a, *, b):
        for step in (0.1, 0.3, 0.001):
            a += step
            a -= step
        return a * b

    assert "trace of rounding" in heard(answer)


@pytest.mark.parametrize("given", [[[1000, 2.5, "word"], (np.float32(2),)], {"word": [np.nan]}])
def test_what_an_answer_leaves_alone_is_no_change(given) -> None:
    @exercise(difficulty=1, minutes=1, hints=[])
    def untouched(answer: Answer) -> None:
        """Untouched."""
        answer(given)

    assert untouched(lambda a: (list(a), 1)).passed


def test_an_argument_with_a_changed_shape_is_named() -> None:
    def answer(a, *, b):
        result = a * b
        a.shape = (6,)
        return result

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "changed its argument `a` in place" in heard(answer)


def test_warnings_of_numpy_stay_out_of_the_learners_way() -> None:
    assert "NaN" in heard(lambda a, *, b: np.log(-a))


def test_too_few_results_are_counted() -> None:
    assert pair(lambda a: (a,)).message == "`pair` has 2 results (root, square); yours gave 1."


def test_one_result_in_place_of_several_is_named() -> None:
    assert pair(lambda a: a).message.endswith("yours gave one float.")


def test_a_part_left_open_is_named() -> None:
    assert pair(lambda a: (a, ...)).message == "`square` is still `...`."


def test_a_wrong_number_is_called_too_small() -> None:
    assert pair(lambda a: (a, a + a)).message == "`square` is too small."


# Verdicts and hints


def test_a_notebook_shows_nothing_for_a_verdict() -> None:
    assert DisplayFormatter().format(checks.Verdict(True, True, "Correct.")) == ({}, {})


def test_a_verdict_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        checks.Verdict(True, False, "").passed = True  # frozen


def test_hints_come_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    times._hints_given = 0
    times.hint()
    times.hint()
    assert capsys.readouterr().out == "Hint 1 of 2: Look at `*`.\nHint 2 of 2: Write `a * b`.\n"


def test_after_the_last_hint_comes_the_way_to_the_solution(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pair.hint()
    assert "notebooks/solutions" in capsys.readouterr().out


def test_an_exercise_shows_no_solution() -> None:
    assert not hasattr(times, "solution")


@pytest.mark.parametrize("name", checks.all())
def test_every_exercise_says_how_hard_it_is(name: str) -> None:
    assert checks.all()[name].difficulty in range(1, 6)


@pytest.mark.parametrize("name", checks.all())
def test_every_exercise_has_a_title(name: str) -> None:
    each = checks.all()[name]
    assert each.title != name.partition(".")[2]


def test_all_finds_the_exercises_by_topic_and_name() -> None:
    assert checks.all()["backprop.descend"] is checks.backprop.descend


def test_helpers_of_the_checks_are_no_topics() -> None:
    assert not {"pact", "progress", "_compare"} & set(checks.topics())


def test_topics_are_offered_for_completion() -> None:
    assert "backprop" in dir(checks)


def test_an_unknown_topic_is_answered_with_the_known_ones() -> None:
    with pytest.raises(AttributeError, match="backprop"):
        _ = checks.backpropagation


@pytest.mark.parametrize("module", ["torch", "matplotlib", "companion.checks.backprop"])
def test_importing_the_checks_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, companion.checks; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Progress


def test_a_solved_exercise_is_remembered(home: Path) -> None:
    times(lambda a, *, b: a * b)
    assert list(json.loads((home / "progress.json").read_text())) == ["test_checks.times"]


def test_a_refused_answer_is_not_remembered(home: Path) -> None:
    times(lambda a, *, b: a + b)
    assert not home.exists()


def test_a_stub_is_not_remembered(home: Path) -> None:
    times(lambda a, *, b: ...)
    assert not home.exists()


def test_the_first_date_stays(home: Path) -> None:
    home.mkdir()
    (home / "progress.json").write_text('{"backprop.descend": "2001-02-03"}')
    progress.record("backprop.descend")
    assert progress.solved() == {"backprop.descend": "2001-02-03"}


def test_what_another_session_solved_is_kept(home: Path) -> None:
    progress.record("backprop.descend")
    theirs = dict(json.loads((home / "progress.json").read_text()), other="2001-02-03")
    (home / "progress.json").write_text(json.dumps(theirs))
    progress.record("backprop.used_twice")
    assert set(progress.solved()) == {"backprop.descend", "backprop.used_twice", "other"}


SPOILT = {
    "not JSON": b'{"backprop.descend": ',
    "a list": b"[1, 2]",
    "dates that are numbers": b'{"backprop.descend": 1}',
    "not text": b"\xff\xfe\x00",
    "empty": b"",
    "bottomless": b"[" * 100_000,
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
def test_a_spoilt_file_is_named_when_an_exercise_is_solved(home: Path, spoilt: bytes) -> None:
    home.mkdir()
    (home / "progress.json").write_bytes(spoilt)
    with pytest.warns(UserWarning, match=r"progress\.json"):
        assert times(lambda a, *, b: a * b).passed


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
def test_a_spoilt_file_stays_as_it_is(home: Path, spoilt: bytes) -> None:
    home.mkdir()
    (home / "progress.json").write_bytes(spoilt)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        progress.record("backprop.descend")
    assert (home / "progress.json").read_bytes() == spoilt


def test_a_spoilt_file_counts_as_nothing_solved(home: Path) -> None:
    home.mkdir()
    (home / "progress.json").write_bytes(b"{")
    with pytest.warns(UserWarning, match="move it away"):
        assert progress.summary().splitlines()[-1].startswith("0 of ")


def test_a_folder_in_place_of_the_file_is_named(home: Path) -> None:
    (home / "progress.json").mkdir(parents=True)
    with pytest.warns(UserWarning, match=r"progress\.json"):
        progress.record("backprop.descend")


def test_a_file_in_place_of_the_folder_is_named(home: Path) -> None:
    home.write_text("in the way")
    with pytest.warns(UserWarning, match="COMPANION_HOME"):
        progress.record("backprop.descend")


def test_a_read_only_file_stays_as_it_is(home: Path) -> None:
    progress.record("backprop.descend")
    path = home / "progress.json"
    before = path.read_bytes()
    path.chmod(0o444)
    with pytest.warns(UserWarning, match="read-only"):
        progress.record("backprop.used_twice")
    assert path.read_bytes() == before


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runtime, "write_whole", no_room)
    with pytest.warns(UserWarning, match="No space left on device"):
        progress.record("backprop.descend")


def test_a_home_of_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANION_HOME", "~no-such-person-here/notes")
    with pytest.warns(UserWarning, match="COMPANION_HOME"):
        progress.record("backprop.descend")


def test_the_summary_has_a_line_for_each_exercise() -> None:
    assert len(progress.summary().splitlines()) == len(checks.all()) + len(checks.topics()) + 1


def test_the_summary_shows_what_is_solved(home: Path) -> None:
    home.mkdir()
    (home / "progress.json").write_text('{"backprop.descend": "2001-02-03"}')
    line = next(line for line in progress.summary().splitlines() if "  descend" in line)
    assert line.endswith("solved 2001-02-03")


def test_the_summary_counts_the_minutes_that_are_left() -> None:
    progress.record("backprop.descend")
    rest = sum(e.minutes for name, e in checks.all().items() if name != "backprop.descend")
    assert f"1 of {len(checks.all())} solved, about {rest} minutes to go" in progress.summary()


def test_the_summary_can_be_printed_on_any_terminal() -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print(progress.summary(), file=terminal, flush=True)
    assert terminal.buffer.tell() > 0


def test_notebooks_that_solve_at_once_lose_nothing(home: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from companion.checks import progress; "
        "home, own, count = sys.argv[1:]; "
        "Path(home, own).touch()\n"
        "while len(list(Path(home).glob('writer?'))) < int(count): time.sleep(0.001)\n"
        "for i in range(20): progress.record(f'{own}.{i}')"
    )
    home.mkdir()
    writers = [f"writer{i}" for i in range(4)]
    commands = [[sys.executable, "-Werror", "-c", program, str(home), w, "4"] for w in writers]
    started = [subprocess.Popen(command, cwd=ROOT) for command in commands]
    assert [process.wait(100) for process in started] == [0] * 4
    assert set(progress.solved()) == {f"{w}.{i}" for w in writers for i in range(20)}


def test_a_notebook_that_waits_in_vain_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.1)
    home.mkdir()
    with FileLock(home / ".progress.json.lock"), pytest.warns(UserWarning, match="not remembered"):
        progress.record("backprop.descend")
    assert progress.solved() == {}


def test_what_is_solved_already_needs_no_disk_that_can_be_written(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress.record("backprop.descend")
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("nothing may be opened for writing"))
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: pytest.fail("no folder may be made"))
    progress.record("backprop.descend")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_folder_that_cannot_be_written_is_named_at_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Any, *args: Any, **options: Any) -> int:
        raise OSError(30, "Read-only file system", path)

    home.mkdir()
    monkeypatch.setattr(os, "open", refuse)
    with pytest.warns(UserWarning, match="Read-only file system"):
        progress.record("backprop.descend")
    assert list(home.iterdir()) == []


def test_progress_of_two_homes_is_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress.record("backprop.descend")
    monkeypatch.setenv("COMPANION_HOME", os.fspath(tmp_path / "another"))
    assert progress.solved() == {}


def judged(*got: float) -> str:
    """What is said of squares of 2 and 3, where the slip is to double."""
    cases = [(f"the square of {x}", each, (x,)) for x, each in zip((2, 3), got, strict=True)]
    with pytest.raises(Refused) as refused:
        compare_cases(cases, lambda x: x**2, {"You double.": lambda x: 2 * x})
    return str(refused.value)


def test_a_slip_that_explains_every_case_is_named():
    assert judged(4, 6) == "You double."


def test_a_slip_that_explains_one_case_of_two_is_not_named():
    assert judged(5, 6) == "The square of 2 is too large."


def test_gradients_that_an_answer_leaves_off_are_named_and_on_again_for_the_next() -> None:
    def careless(a, *, b):
        torch.set_grad_enabled(False)
        return a * b

    assert "leaves gradients switched off" in heard(careless)
    assert torch.is_grad_enabled()
    assert times(lambda a, *, b: a * b).passed


def test_gradients_left_off_by_an_answer_that_stops_are_on_again() -> None:
    def stopped(a, *, b):
        torch.set_grad_enabled(False)
        raise ValueError

    assert "stopped with ValueError" in heard(stopped)
    assert torch.is_grad_enabled()
