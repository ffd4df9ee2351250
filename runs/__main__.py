"""Do the long runs of the book and record them in companion/results.

python -m runs claims             every chapter whose runs are older than its code
python -m runs claims recurrent   those of one chapter, whatever their age
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from book import weave
from companion.results import FOLDER, record, recorded
from runs.chapter import fourteen

KINDS = ("real", "full", "claims")
Run = Callable[[], Mapping[str, list[float]]]


def long_runs(topic: str, kind: str) -> dict[str, Run]:
    """Return the long runs of a chapter, by the names of their records."""
    name = f"runs.{topic}"
    found = vars(import_module(name)).get(kind.upper(), {}) if find_spec(name) else {}
    return {f"{topic}_{part}": run for part, run in found.items()}


def code_of(topic: str) -> str:
    """Return a hash of the code that a chapter's long runs hang on."""
    path = Path(__file__).parent / f"{topic}.py"
    text = path.read_text(encoding="utf-8")
    parts = [text, *(other.read_text("utf-8") for other in sorted(weave.read_by(text)))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def stale(name: str, code: str) -> bool:
    """Whether a record is not there, or older than the code."""
    return not (FOLDER / f"{name}.json").exists() or recorded(name).get("code") != code


def main() -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m runs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    stems = {stem[3:]: stem for stem in weave.chapters()}
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("topic", nargs="?", choices=list(stems))
    choice = parser.parse_args()
    for topic, stem in stems.items():
        if choice.topic not in (None, topic):
            continue
        for name, run in long_runs(topic, choice.kind).items():
            code = code_of(topic)
            if choice.topic or stale(name, code):
                print(f"{name} ...", flush=True)
                command = f"python -m runs {choice.kind} {topic}"
                print(f"  written to {record(name, run(), command=command, code=code)}")
        code = weave.stamp(weave.unwoven(stem, "learner"))
        if choice.kind == "claims" and (choice.topic or stale(f"{topic}_runs", code)):
            print(f"{topic}_runs ...", flush=True)
            print(f"  written to {fourteen(stem, code)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
