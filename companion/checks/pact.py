"""The pact between an exercise and its learner: verdicts, hints, and never a traceback."""

from __future__ import annotations

import contextlib
import ctypes
import inspect
import linecache
import sys
import textwrap
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.checks import progress
from companion.checks._compare import FAULTS, Refused, numbers, refuse, refuse_if
from companion.runtime import as_array

__all__ = ["Answer", "Exercise", "Verdict", "exercise"]


@dataclass(frozen=True)
class Verdict:
    """What a check found. A notebook shows nothing for it: the message is printed already.

    Parameters
    ----------
    attempted
        False for an untouched stub.
    passed
        Whether the answer is right.
    message
        What the learner reads.
    """

    attempted: bool
    passed: bool
    message: str

    def _ipython_display_(self) -> None:
        """Show nothing a second time."""


class _NotAttempted(Exception):
    """The stub is untouched."""


class _TooLong(BaseException):
    """The answer computes on and on; no ``except Exception`` of a learner holds it up."""


PLAIN = (str, int, float, complex, set, np.generic)
LIMIT = 20.0  # seconds of computing that a whole check may take


class Answer:
    """The learner's function, called with care.

    Parameters
    ----------
    function
        What the learner gave.
    name
        What the exercise calls it.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self._function, self._name = function, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it; refuse with a sentence where it stops, returns None or changes an argument."""
        given, tracked = self._bound(args, kwargs), _gradients_tracked()
        before = {name: _kept(value) for name, value in given.items()}
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")  # the check itself says what overflowed
                result = self._function(*args, **kwargs)
        except FAULTS as fault:
            refuse(f"Your `{self._name}` stopped with {_account(fault)}")
        refuse_if(
            _gradients_tracked() != tracked,
            f"Your `{self._name}` leaves gradients switched {'off' if tracked else 'on'} for all "
            "that comes after it. `with torch.no_grad():` ends with its block.",
        )
        for name, value in given.items():
            refuse_if(
                not _same(before[name], _kept(value)),
                f"Your `{self._name}` changed its argument `{name}` in place: work on a copy. "
                "(To add and take away again leaves a trace of rounding.)",
            )
        if result is ...:
            raise _NotAttempted
        refuse_if(
            result is None,
            f"Your `{self._name}` returned None: does every path end in `return`, "
            "and of something that has a value? (`backward()` has none.)",
        )
        return result

    def _bound(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments by the learner's names; refuse parameters that do not fit them."""
        try:
            signature = inspect.signature(self._function)
        except (TypeError, ValueError):  # some functions written in C do not tell
            return {**{str(i): value for i, value in enumerate(args)}, **kwargs}
        try:
            return signature.bind(*args, **kwargs).arguments
        except TypeError:
            bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
            listed = str(inspect.Signature(bare))[1:-1]
            takes = f"{len(bare)} ({listed})" if bare else "none"
            named = ", ".join(f"`{name}`" for name in kwargs)
            refuse(
                f"`{self._name}` is called with {len(args) + len(kwargs)} arguments"
                f"{f', {named} by name' if named else ''}; yours takes {takes}. "
                "Keep the first line as the exercise has it."
            )

    def parameters(self) -> list[str]:
        """Return the names of the parameters of the learner's function, or none at all."""
        try:
            return list(inspect.signature(self._function).parameters)
        except (TypeError, ValueError):  # some functions written in C
            return []

    def parts(self, result: Any, *names: str) -> list[NDArray[np.float64]]:
        """Read a result of several arrays, or say what is missing.

        Parameters
        ----------
        result
            What the call returned: a tuple or a list.
        *names
            What each of its entries is called.

        Returns
        -------
        list of ndarray
            One array for each name, of any shape.
        """
        wanted = f"`{self._name}` has {len(names)} results ({', '.join(names)})"
        if not isinstance(result, tuple | list):
            refuse(f"{wanted}; yours gave one {type(result).__name__}.")
        refuse_if(len(result) != len(names), f"{wanted}; yours gave {len(result)}.")
        return [numbers(part, what=name) for part, name in zip(result, names, strict=True)]


class Exercise:
    """One exercise: call it with your function to hear a verdict.

    Parameters
    ----------
    check
        Looks at an answer, and refuses it where it is wrong. Its name is the exercise's.
    difficulty
        1 (a minute's thought) to 5 (an evening).
    minutes
        How long it takes most readers.
    hints
        From a nudge to nearly the answer.

    Attributes
    ----------
    name : str
        Topic and function: ``"backprop.descend"``.
    title : str
        What it is about.

    Examples
    --------
    >>> from companion import checks
    >>> checks.backprop.used_twice(lambda w, x1, x2: ...)
    Not attempted yet.
    Verdict(attempted=False, passed=False, message='Not attempted yet.')
    """

    def __init__(
        self,
        check: Callable[[Answer], None],
        *,
        difficulty: int,
        minutes: int,
        hints: Sequence[str],
    ) -> None:
        self.name = f"{check.__module__.rpartition('.')[2]}.{check.__name__}"
        self.title = (inspect.getdoc(check) or check.__name__).splitlines()[0].rstrip(".")
        self.difficulty, self.minutes = difficulty, minutes
        self.hints = tuple(hints)
        self.__doc__ = check.__doc__
        self._check, self._hints_given = check, 0

    def __repr__(self) -> str:
        return f"<Exercise {self.name}: {self.title}>"

    def __call__(self, answer: Any) -> Verdict:
        """Check an answer, print what was found, and remember the exercise if it is solved.

        Parameters
        ----------
        answer
            The function asked for, itself, not its result.

        Returns
        -------
        Verdict
            The same again, for programs.
        """
        verdict = self._judge(answer)
        print(verdict.message)
        if verdict.passed:
            progress.record(self.name)
        return verdict

    def _judge(self, answer: Any) -> Verdict:
        """Find the verdict, whatever the answer is."""
        short = self.name.partition(".")[2]
        try:
            if answer is ...:
                raise _NotAttempted
            kind = type(answer).__name__
            refuse_if(
                not callable(answer),
                f"Give the function itself, `{short}`, not its result: this is a {kind}.",
            )
            with _at_most(LIMIT), _gradients_as_before():
                self._check(Answer(answer, short))
        except _NotAttempted:
            return Verdict(False, False, "Not attempted yet.")
        except Refused as refusal:
            return Verdict(True, False, str(refusal))
        except _TooLong:
            message = f"Your `{short}` was stopped after {LIMIT:.0f} seconds of computing."
            return Verdict(True, False, f"{message} Does one of its loops never end?")
        except FAULTS as fault:
            message = f"The check of `{short}` could not judge this: {type(fault).__name__}."
            return Verdict(True, False, f"{message} Your answer may be right; please report it.")
        return Verdict(True, True, "Correct.")

    def hint(self) -> None:
        """Print the next hint; after the last one, where the solution is."""
        if self._hints_given < len(self.hints):
            self._hints_given += 1
            count = f"Hint {self._hints_given} of {len(self.hints)}"
            print(f"{count}: {self.hints[self._hints_given - 1]}")
        else:
            topic = self.name.partition(".")[0]
            print(
                f"There are no more hints. The solution is in the folder notebooks/solutions, "
                f"in the notebook whose name ends in {topic}.ipynb."
            )


def exercise(
    *, difficulty: int, minutes: int, hints: Sequence[str]
) -> Callable[[Callable[[Answer], None]], Exercise]:
    """Make an exercise of a check; for the parameters see ``Exercise``.

    Examples
    --------
    >>> from companion.checks._compare import compare
    >>> @exercise(difficulty=1, minutes=1, hints=["Add x to itself."])
    ... def double(answer: Answer) -> None:
    ...     '''Twice a number.'''
    ...     compare(answer(3.0), 6.0, slips={"This is the square.": 9.0})
    >>> _ = double(lambda x: x * x)
    This is the square.
    """

    def make(check: Callable[[Answer], None]) -> Exercise:
        return Exercise(check, difficulty=difficulty, minutes=minutes, hints=hints)

    return make


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Stop what runs inside after so much processor time, wherever Python can be stopped."""
    stop = ctypes.pythonapi.PyThreadState_SetAsyncExc
    thread, done = ctypes.c_ulong(threading.get_ident()), threading.Event()
    end, over = time.process_time() + seconds, False

    def watch() -> None:
        while not done.wait(min(seconds, 0.5)) and not over:
            if time.process_time() > end:
                stop(thread, ctypes.py_object(_TooLong))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over = True  # so that the watcher ends, whatever its stop may interrupt from here on
        with contextlib.suppress(_TooLong):  # one that comes too late; to take it back by
            done.set()  # `stop(thread, None)` would let tracing hang in Python 3.11
            watcher.join()
            for _ in range(9):
                pass  # at a turn of a loop it comes


def _gradients_tracked() -> bool:
    """Whether torch follows gradients; it does so from the start, wherever it is loaded."""
    torch = sys.modules.get("torch")
    return torch is None or bool(torch.is_grad_enabled())


@contextlib.contextmanager
def _gradients_as_before() -> Iterator[None]:
    """Switch torch's gradients back to what they were, whatever an answer leaves behind."""
    tracked = _gradients_tracked()
    try:
        yield
    finally:
        if _gradients_tracked() != tracked:
            sys.modules["torch"].set_grad_enabled(tracked)


def _kept(value: Any) -> Any:
    """Copy what an answer must not change: arrays and tensors, also in lists and tables."""
    if isinstance(value, np.ndarray) or hasattr(value, "detach"):
        return as_array(value).copy()
    if isinstance(value, dict):
        return {key: _kept(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_kept(each) for each in value]
    return set(value) if isinstance(value, set) else value


def _same(old: Any, new: Any) -> bool:
    """Whether two copies are equal, number by number, NaN to NaN."""
    if isinstance(old, np.ndarray):
        return old.shape == new.shape and np.array_equal(old, new, equal_nan=old.dtype.kind in "fc")
    if isinstance(old, dict):
        return list(old) == list(new) and all(_same(old[key], new[key]) for key in old)
    if isinstance(old, list):
        return len(old) == len(new) and all(map(_same, old, new))
    return old is new or (isinstance(old, PLAIN) and bool(old == new))


def _account(fault: BaseException) -> str:
    """Say what stopped an answer, and in which line of the learner's own code."""
    try:
        said = textwrap.shorten(str(fault), 160, placeholder=" ...")
    except FAULTS:  # an exception that cannot even be printed
        said = ""
    if "does not support ufuncs" in said:
        said = "numpy's functions do not take a Tensor; its own methods do, as in x.tanh()"
    if "no attribute 'backward'" in said:
        said += "; wrap the start in a Tensor with requires_grad=True"
    if "went through this graph before" in said:
        said += "; a weight moves by w.data = ..., not by w = ..."
    text = f"{type(fault).__name__}: {said}" if said else type(fault).__name__
    frames = list(traceback.walk_tb(fault.__traceback__))[1:]  # the first frame is ours
    if not frames:
        return f"{text}."
    first = frames[0][0]
    theirs = [(f, line) for f, line in frames if f.f_globals is first.f_globals]
    frame, line = theirs[-1]
    code, main = frame.f_code, first.f_code
    if code.co_filename == main.co_filename and code.co_qualname.startswith(main.co_qualname):
        where = f"in its line {line - main.co_firstlineno + 1}"
    else:
        where = f"in line {line - code.co_firstlineno + 1} of `{code.co_name}`"
    source = textwrap.shorten(linecache.getline(code.co_filename, line), 100, placeholder=" ...")
    return f"{text}, {where}: `{source}`" if source else f"{text}, {where}."
