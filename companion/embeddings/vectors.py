"""A vector for each word: look up, neighbours, analogies, and the word2vec text format."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Self, TextIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.runtime import as_array, whole, write_whole

__all__ = ["WordVectors"]

Vectors = NDArray[np.float32]


class WordVectors:
    """Words and their vectors, V of them with D numbers each.

    Parameters
    ----------
    words
        V different words.
    vectors
        Shape (V, D), finite.

    Attributes
    ----------
    words : list of str
        In their order; ``in``, ``len`` and iteration are theirs.
    vectors : ndarray
        float32, shape (V, D); read-only.

    Raises
    ------
    TypeError, ValueError
        If a word is no str or occurs twice, or a vector is missing or holds NaN or infinity.

    Examples
    --------
    >>> toy = WordVectors(["film", "movie", "dull"], [[3, 1], [2, 1], [-1, 2]])
    >>> [(word, round(cosine, 2)) for word, cosine in toy.nearest("film", count=1)]
    [('movie', 0.99)]
    """

    def __init__(self, words: Iterable[str], vectors: ArrayLike) -> None:
        self.words = list(words)
        table = np.array(as_array(vectors), dtype=np.float32, order="C")
        if table.ndim != 2 or len(table) != len(self.words) or not table.size:
            raise ValueError(
                f"vectors must have shape ({len(self.words)}, D), one row for each word, "
                f"got {table.shape}"
            )
        self._id_of: dict[str, int] = {}
        for i, word in enumerate(self.words):
            if not isinstance(word, str):
                raise TypeError(f"words must be str, got {word!r}")
            if self._id_of.setdefault(word, i) != i:
                raise ValueError(f"words must differ from each other, {word!r} occurs twice")
        sick = ~np.isfinite(table).all(axis=1)
        if sick.any():
            word = self.words[int(sick.argmax())]
            raise ValueError(f"vectors must be finite, the one of {word!r} holds NaN or infinity")
        table.flags.writeable = False
        self.vectors: Vectors = table
        lengths = np.linalg.norm(table.astype(np.float64), axis=1, keepdims=True)
        self._units: Vectors = (table / np.where(lengths == 0, 1, lengths)).astype(np.float32)

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._id_of

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def vector(self, word: str) -> Vectors:
        """Return the vector of a word, shape (D,).

        Raises
        ------
        TypeError, ValueError
            If it is no word, or none that has a vector; words spelled like it are named.
        """
        row: Vectors = self.vectors[self._find(word)]
        return row

    def similarity(self, a: str, b: str) -> float:
        """Return the cosine of the angle between the vectors of two words, -1 to 1."""
        return float(self._units[self._find(a)] @ self._units[self._find(b)])

    def nearest(self, word: str, *, count: int = 10) -> list[tuple[str, float]]:
        """Return the words with the largest cosine to a word, which is left out itself.

        Parameters
        ----------
        word
            One that has a vector.
        count
            How many, at most.

        Returns
        -------
        list of (str, float)
            Words and cosines, the nearest first.
        """
        i = self._find(word)
        return self._best(self._units @ self._units[i], count, [i])

    def analogy(self, a: str, b: str, c: str, *, count: int = 1) -> list[tuple[str, float]]:
        """Say what is to ``c`` as ``b`` is to ``a``; the three are left out.

        The words with the largest cosine to ``b - a + c``, each vector brought to length 1 first.

        Parameters
        ----------
        a, b, c
            Words that have vectors.
        count
            How many answers, at most.

        Returns
        -------
        list of (str, float)
            Words and cosines, the best first.

        References
        ----------
        Mikolov, Yih and Zweig (2013). The chapter on embeddings.
        """
        ids = [self._find(word) for word in (a, b, c)]
        first, second, third = self._units[ids]
        aim = second - first + third
        length = float(np.linalg.norm(aim)) or 1.0
        return self._best(self._units @ (aim / length), count, ids)

    def save(self, path: str | Path) -> None:
        """Write a text file as word2vec does, which gensim reads; the numbers come back the same.

        The first line holds V and D, each other line a word and its numbers. The file is there
        whole or not at all.

        Raises
        ------
        ValueError
            If a word is empty or holds a space of any kind, which the format cannot hold. Nothing
            is written.
        """
        for word in self.words:
            if word.split() != [word] or not word.isprintable():
                raise ValueError(
                    f"the word2vec text format parts words by spaces, so {word!r} cannot be saved: "
                    "rename it, say with underscores"
                )
        rows = (" ".join([f"{x:.9g}" for x in row.tolist()]) for row in self.vectors)
        lines = (f"{word} {row}" for word, row in zip(self.words, rows, strict=True))
        V, D = self.vectors.shape
        write_whole(Path(path), "\n".join([f"{V} {D}", *lines, ""]))

    @classmethod
    def load(cls, path: str | Path, *, limit: int | None = None, header: bool = True) -> Self:
        """Read a text file in the format of word2vec.

        Parameters
        ----------
        path
            The file, in UTF-8.
        limit
            Read the first so many words only; usually the most frequent come first.
        header
            Whether the first line holds V and D. GloVe's own files have none.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is in another format, cut short, or holds NaN; the line is named.
        """
        if limit is not None:
            whole("limit", limit, 1)
        with Path(path).open(encoding="utf-8-sig", newline="\n") as file:
            try:
                return cls(*_read(file, str(path), limit, header))
            except UnicodeDecodeError as fault:
                raise ValueError(
                    f"{path} is no text in UTF-8 (byte {fault.start} of a part): word2vec's "
                    "binary files cannot be read"
                ) from None

    def _find(self, word: str) -> int:
        """Return the number of a word."""
        if not isinstance(word, str):
            raise TypeError(f"word must be a str, got {word!r}")
        i = self._id_of.get(word)
        if i is None:
            like = difflib.get_close_matches(word, self.words, n=3, cutoff=0.6)
            hint = f"; spelled like it: {', '.join(map(repr, like))}" if like else ""
            raise ValueError(f"{word!r} is not among the {len(self):,} words{hint}")
        return i

    def _best(self, scores: Vectors, count: int, left_out: Sequence[int]) -> list[Any]:
        """Return the words with the highest scores."""
        scores[list(left_out)] = -math.inf
        count = min(whole("count", count, 1), len(self) - len(set(left_out)))
        top = np.argsort(-scores, kind="stable")[:count]
        return [(self.words[i], float(scores[i])) for i in top]


def _read(
    file: TextIO, name: str, limit: int | None, header: bool
) -> tuple[list[str], NDArray[np.float32]]:
    """Read words and numbers line by line, or say in which line the file is not as it should be."""
    said = V = D = None
    if header:
        said = file.readline()
        try:
            V, D = map(int, said.split())
        except ValueError:
            raise ValueError(
                f"{name} must begin with two numbers, of words and of columns, got "
                f"{said.strip()[:60]!r} (a file of GloVe's needs header=False)"
            ) from None
    most = min(x for x in (V, limit, 2**62) if x is not None)
    words: list[str] = []
    rows: list[NDArray[np.float32]] = []
    for i, line in enumerate(islice(file, most), start=1 + header):
        if D is None:
            D = len(line.split()) - 1
        word, *numbers = line.rstrip(" \r\n").rsplit(" ", D)
        try:
            row = np.array(numbers, dtype=np.float32)
        except ValueError:
            row = np.zeros(0, dtype=np.float32)
        if len(row) != D or not D or not np.isfinite(row).all() or not line.endswith("\n"):
            raise ValueError(
                f"line {i} of {name} must hold a word and {D} finite numbers, got {line[:60]!r}"
                + (" and no line end: is the file cut short?" if not line.endswith("\n") else "")
            )
        words.append(word)
        rows.append(row)
    if len(words) < min(V or 0, most):
        raise ValueError(f"{name} is cut short: it promises {V} words and holds {len(words)}")
    if not rows:
        raise ValueError(f"{name} holds no words")
    return words, np.stack(rows)
