"""What a text calls a chapter: its topic in the source; number and place come from _toc.yml."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

SUBJECTS = {  # of the chapters that are planned
    "torch_pipeline": "the PyTorch pipeline",
    "overfitting": "overfitting",
    "embeddings": "embeddings",
    "attention": "attention",
    "bert": "BERT",
    "transfer": "transfer learning",
    "long_context": "long context",
}


class Named(NamedTuple):
    """What stands in the text, and where it leads: a chapter's stem, or nowhere yet; a heading."""

    words: str
    stem: str | None
    anchor: str


def stems(toc: str) -> list[str]:
    """Return the stems of the chapters, such as ``08_recurrent``, in the order of the book."""
    return re.findall(r"notebooks/(\d\d_\w+)", toc)


def named(role: str, written: Iterable[str], *, capital: bool = False) -> Named:
    """Read what stands in a role: ``topic``, or ``some words <topic#heading>``.

    Parameters
    ----------
    role
        The content of the role. The heading may be left out.
    written
        The stems of the chapters that are there.
    capital
        Whether a sentence begins here.

    Raises
    ------
    ValueError
        The topic is that of no chapter, there or planned.
    """
    words, _, target = role.rpartition("<") if role.endswith(">") else ("", "", role)
    topic, _, anchor = target.removesuffix(">").strip().partition("#")
    words = " ".join(words.split())
    numbered = {stem[3:]: stem for stem in written}
    if topic in numbered:
        number = f"{'C' if capital else 'c'}hapter {int(numbered[topic][:2])}"
        return Named(words or number, numbered[topic], anchor)
    if topic in SUBJECTS:
        subject = f"{'T' if capital else 't'}he chapter on {SUBJECTS[topic]}"
        return Named(words or subject, None, "")
    known = ", ".join([*numbered, *SUBJECTS])
    raise ValueError(f"a chapter is named by its topic, got {topic!r}; the topics are: {known}")
