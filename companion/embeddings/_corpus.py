"""Sentences of any length and number, kept on disk as numbers, and read back piece by piece."""

from __future__ import annotations

import reprlib
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.runtime import whole

PIECE = 2**16  # tokens that are worked on at a time
BUFFER = 2**20  # numbers that wait in memory before they are written to disk
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Corpus:
    """A corpus as numbers.

    Attributes
    ----------
    words
        V different words, by frequency, ties in alphabetical order.
    counts
        How often each occurs, shape (V,).
    """

    words: list[str]
    counts: Ids
    _tokens: NDArray[np.int32]  # 0 ends a sentence, other numbers by first appearance
    _rank: Ids  # of those numbers: place in words, -1 if left out

    def pieces(self, size: int = PIECE) -> Iterator[tuple[Ids, Ids]]:
        """Yield the words of the corpus in order, and the number of the sentence of each.

        Words that are left out take no place. Sentences have other numbers in another piece; one
        is only cut where it is longer than a piece.
        """
        start = 0
        while start < len(self._tokens):
            raw = self._tokens[start : start + size]
            ends = np.flatnonzero(raw == 0)
            raw = raw[: ends[-1] + 1] if len(ends) else raw
            start += len(raw)
            ids, sentence = self._rank[raw], np.cumsum(raw == 0)
            kept = ids >= 0
            yield ids[kept], sentence[kept]


class _Numbers(dict[str, int]):
    """Give each word the next number, from 1, when it is first asked for."""

    def __missing__(self, word: Any) -> int:
        if not isinstance(word, str):
            raise TypeError
        number = self[word] = len(self) + 1
        return number


def read(sentences: Iterable[Sequence[str]], min_count: int = 1) -> Corpus:
    """Read sentences once, from first to last, into a file without a name.

    Memory holds the vocabulary and a small buffer, whatever the number of sentences; a generator
    will do.

    Parameters
    ----------
    sentences
        Each a list of words.
    min_count
        Words that occur less often are left out, as if they were not there.

    Raises
    ------
    TypeError, ValueError
        If a sentence is no list of words, or if no word is left.
    """
    least = whole("min_count", min_count, 1)
    if isinstance(sentences, str | bytes) or not isinstance(sentences, Iterable):
        raise TypeError(f"sentences must be lists of words, got {reprlib.repr(sentences)}")
    numbers = _Numbers()
    tokens = _spool(sentences, numbers)
    if not numbers:
        raise ValueError("sentences must hold words, got none: is the iterator used up?")
    often = np.zeros(len(numbers) + 1, dtype=np.int64)
    for start in range(0, len(tokens), BUFFER):
        often += np.bincount(tokens[start : start + BUFFER], minlength=len(often))
    names = list(numbers)
    kept = [i for i in range(1, len(often)) if often[i] >= least]
    kept.sort(key=lambda i: (-often[i], names[i - 1]))
    if not kept:
        raise ValueError(
            f"no word occurs {least} times, as min_count asks; the most frequent one, "
            f"{names[int(often[1:].argmax())]!r}, occurs {often[1:].max()} times"
        )
    rank = np.full(len(often), -1)
    rank[kept] = np.arange(len(kept))
    return Corpus([names[i - 1] for i in kept], often[kept], tokens, rank)


def _spool(sentences: Iterable[Sequence[str]], numbers: _Numbers) -> NDArray[np.int32]:
    """Write the numbers of all words to disk, 0 after each sentence, and map the file."""
    with tempfile.TemporaryFile() as file:
        waiting = array("i")
        for sentence in sentences:
            waiting.extend(_numbered(sentence, numbers))
            waiting.append(0)
            if len(waiting) > BUFFER:
                waiting.tofile(file)
                waiting = array("i")
        waiting.tofile(file)
        file.flush()
        if not file.tell():
            return np.zeros(0, dtype=np.int32)
        return np.memmap(file, dtype=np.int32, mode="r")


def _numbered(sentence: Sequence[str], numbers: _Numbers) -> list[int]:
    """Return the numbers of the words of a sentence, or refuse what is none."""
    if isinstance(sentence, str | bytes) or not isinstance(sentence, Sequence):
        raise TypeError(f"each sentence must be a list of words, got {reprlib.repr(sentence)}")
    try:
        return list(map(numbers.__getitem__, sentence))
    except TypeError:  # no word, or a list among the words, which cannot be looked up
        strange = next(word for word in sentence if not isinstance(word, str))
        raise TypeError(
            f"sentences must hold words, each a str, got {reprlib.repr(strange)}"
        ) from None
