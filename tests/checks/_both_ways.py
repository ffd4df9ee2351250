"""Answers to a chapter's exercises: right ones pass, slips are refused with their own hint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from companion import checks

Function = Callable[..., Any]


class Answers:
    """The answers that one chapter's tests try, kept as they are written."""

    def __init__(self, topic: str, stubs: Mapping[str, Function]) -> None:
        self.topic, self.stubs = topic, stubs
        self.right_ones: list[tuple[str, Function]] = []
        self.wrong_ones: list[tuple[str, Function, str]] = []

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

            @pytest.mark.parametrize("name", kept.stubs)
            def test_slips_of_one_exercise_differ_in_their_hints(self, name):
                slips = [answer for other, answer, _ in kept.wrong_ones if other == name]
                heard = [kept.judge(name, slip).message for slip in slips]
                assert len(set(heard)) == len(heard) >= 3, heard

            @pytest.mark.parametrize("name", kept.stubs)
            def test_an_untouched_stub_is_not_judged(self, name):
                verdict = kept.judge(name, kept.stubs[name])
                assert verdict == checks.Verdict(False, False, "Not attempted yet.")

            def test_no_exercise_goes_untested(self):
                planned = {f"{kept.topic}.{name}" for name in kept.stubs}
                asked = {name for name in checks.all() if name.startswith(f"{kept.topic}.")}
                assert planned == asked

            @pytest.mark.parametrize("name", kept.stubs)
            def test_hints_come_in_three_steps(self, name):
                assert len(getattr(getattr(checks, kept.topic), name).hints) == 3

        return Tests


def named(answers: list[Any]) -> list[Any]:
    """Let pytest show the exercise and the answer."""
    return [pytest.param(*each, id=f"{each[0]}-{each[1].__name__}") for each in answers]
