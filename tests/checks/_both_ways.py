"""Answers to a chapter's exercises: right ones pass, slips are refused with their own hint."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from companion import checks
from companion.checks import pact
from tests.checks import _manuscript, _mutants

Function = Callable[..., Any]


class Answers:
    """The answers that one chapter's tests try, kept as they are written."""

    def __init__(self, topic: str) -> None:
        self.topic, self.names = topic, list(_manuscript.cells(topic))
        self.right_ones: list[tuple[str, Function]] = []
        self.wrong_ones: list[tuple[str, Function, str]] = []
        self.equal_ones: dict[str, dict[str, str]] = {}

    def right(self, name: str) -> Callable[[Function], Function]:
        """Keep a right answer to the exercise of this name."""

        def keep(function: Function) -> Function:
            self.right_ones.append((name, function))
            return function

        return keep

    def wrong(self, name: str, word: str) -> Callable[[Function], Function]:
        """Keep a slip, and words that its verdict must hold."""

        def keep(function: Function) -> Function:
            self.wrong_ones.append((name, function, word))
            return function

        return keep

    def equal(self, name: str, what: str, reason: str) -> None:
        """Say of a mutant of the solution why it is as right as the solution."""
        self.equal_ones.setdefault(name, {})[what] = reason

    def judge(self, name: str, answer: Function) -> checks.Verdict:
        """Give an answer to its exercise."""
        return getattr(getattr(checks, self.topic), name)(answer)

    def tests(self) -> type:
        """Make the tests, when all the answers are written."""
        kept = self

        class Tests:
            @pytest.fixture(autouse=True)
            def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
                monkeypatch.setenv("COMPANION_HOME", str(tmp_path))
                return tmp_path

            @pytest.mark.parametrize(("name", "answer"), named(kept.right_ones))
            def test_a_right_answer_passes(self, name, answer):
                assert kept.judge(name, answer) == checks.Verdict(True, True, "Correct.")

            @pytest.mark.parametrize(("name", "answer", "word"), named(kept.wrong_ones))
            def test_a_slip_is_refused_with_its_own_hint(self, name, answer, word):
                verdict = kept.judge(name, answer)
                assert not verdict.passed
                assert word in verdict.message, verdict.message

            @pytest.mark.parametrize("name", kept.names)
            def test_slips_of_one_exercise_differ_in_their_hints(self, name):
                slips = [answer for other, answer, _ in kept.wrong_ones if other == name]
                heard = [kept.judge(name, slip).message for slip in slips]
                assert len(set(heard)) == len(heard) >= 3, heard

            @pytest.mark.parametrize("name", kept.names)
            def test_small_faults_of_the_solution_are_noticed(self, name, monkeypatch, request):
                size = request.config.getoption("--mutants")
                lived = survivors(kept, name, size, monkeypatch)
                assert not lived, "\n".join(["are called correct:", *lived])

            @pytest.mark.parametrize("name", kept.names)
            def test_an_untouched_stub_is_not_judged(self, name):
                stub = _manuscript.run(kept.topic, name, _manuscript.cells(kept.topic)[name].stub)
                verdict = kept.judge(name, stub)
                assert verdict == checks.Verdict(False, False, "Not attempted yet.")

            def test_no_exercise_goes_untested(self):
                planned = {f"{kept.topic}.{name}" for name in kept.names}
                asked = {name for name in checks.all() if name.startswith(f"{kept.topic}.")}
                assert planned == asked

            @pytest.mark.parametrize("name", kept.names)
            def test_hints_come_in_at_least_three_steps(self, name):
                assert len(getattr(getattr(checks, kept.topic), name).hints) >= 3

        return Tests


def survivors(kept: Answers, name: str, size: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return which of so many mutants of a solution pass, though they are not known as equal.

    A mutant that is known as equal, and is refused, is returned too.
    """
    topic, known = kept.topic, kept.equal_ones.get(name, {})
    exercise, source = checks.all()[f"{topic}.{name}"], _manuscript.cells(topic)[name].solution
    seen, start = _mutants.Seen(_manuscript.run(topic, name, source)), time.process_time()
    assert exercise(seen).passed, "the official solution is refused"
    monkeypatch.setattr(pact, "LIMIT", 1 + 5 * (time.process_time() - start))
    possible = [
        mutant
        for mutant in _mutants.mutants(source, name)
        if mutant.kind not in ("gradient", "in place") or mutant.kind in seen.kinds
    ]
    if strange := known.keys() - {mutant.what for mutant in possible}:
        return [f"no such mutant: {what}" for what in sorted(strange)]
    lived = []
    for mutant in _mutants.spread(possible, size):
        try:
            answer = _manuscript.run(topic, name, mutant.source)
        except Exception:  # it cannot even be defined
            continue
        verdict = exercise(mutant.wrapped(answer) if mutant.wrapped else answer)
        if verdict.passed != (mutant.what in known):
            lived.append(f"{mutant.kind}: {mutant.what}" + " (refused!)" * (not verdict.passed))
    return lived


def named(answers: list[Any]) -> list[Any]:
    """Let pytest show the exercise and the answer."""
    return [pytest.param(*each, id=f"{each[0]}-{each[1].__name__}") for each in answers]
