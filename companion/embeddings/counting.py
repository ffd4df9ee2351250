"""Counts of which words stand together, and GloVe, which fits vectors to their logarithms."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from companion._numbers import number
from companion.embeddings._corpus import Corpus, read
from companion.embeddings.vectors import WordVectors
from companion.runtime import progress, seeded, whole

__all__ = ["cooccurrence", "glove"]

ROWS = 256, 16  # words of a tile: at most, and one in how many of all
TILE = 2**20  # numbers of a tile, at most
GROWN = 2**22  # pairs that wait before they are added up
Watch = Callable[[int, WordVectors], object]
Block = tuple[Tensor, Tensor, Tensor, Tensor]  # rows, columns, logarithms, weights


def cooccurrence(
    sentences: Iterable[Sequence[str]],
    *,
    window: int = 5,
    min_count: int = 1,
    weighted: bool = True,
) -> tuple[list[str], Any]:
    """Count how often words stand near each other in a sentence.

    Parameters
    ----------
    sentences
        Each a list of words; read once, and kept on disk.
    window
        How far apart two words may stand.
    min_count
        Words that occur less often are left out.
    weighted
        Whether two words at distance d count 1 / d, as in GloVe, or 1.

    Returns
    -------
    words : list of str
        V words by frequency.
    counts : scipy.sparse.csr_array
        Symmetric, shape (V, V); a word that stands near itself counts from both sides.

    Raises
    ------
    TypeError, ValueError
        If a sentence is no list of words, or no two words stand in one.

    Examples
    --------
    >>> words, counts = cooccurrence([["a", "good", "film"]], window=2)
    >>> words, counts.toarray()[0]  # of "a": next to "good", two words from "film"
    (['a', 'film', 'good'], array([0. , 0.5, 1. ]))
    """
    whole("window", window, 1)
    corpus = read(sentences, min_count)
    return corpus.words, _counted(corpus, window, weighted)


def _counted(corpus: Corpus, window: int, weighted: bool) -> Any:
    """Return the counts of a corpus, added up piece by piece."""
    V = len(corpus.words)
    total = sparse.csr_array((V, V))
    for ids, sentence in corpus.pieces(max(GROWN // window, window + 1)):
        near: list[NDArray[Any]] = []
        for d in range(1, min(window, len(ids) - 1) + 1):
            same = sentence[d:] == sentence[:-d]
            a, b = ids[:-d][same], ids[d:][same]
            near.append(np.stack([a, b, np.full(len(a), 1 / d if weighted else 1.0)]))
        if near:
            a, b, value = np.concatenate(near, axis=1)
            total = total + sparse.csr_array((value, (a.astype(int), b.astype(int))), (V, V))
    if not total.nnz:
        raise ValueError("sentences must hold two words or more: nowhere do two stand together")
    return (total + total.T).tocsr()


def glove(
    sentences: Iterable[Sequence[str]],
    *,
    dim: int = 100,
    window: int = 5,
    epochs: int = 5,
    min_count: int = 1,
    seed: int = 0,
    most: float = 100.0,
    power: float = 0.75,
    rate: float = 0.1,
    watch: Watch | None = None,
) -> WordVectors:
    r"""Learn vectors whose products are the logarithms of counts of neighbours.

    With X from ``cooccurrence`` it lowers, over the pairs that were counted,

    .. math:: \sum_{ij} f(X_{ij}) (w_i u_j + a_i + b_j - \log X_{ij})^2,
        \qquad f(x) = \min(1, (x / x_{\max})^{\alpha})

    by AdaGrad, a tile of the table at a time as three matrix products. The vector of a word is
    w + u.

    Parameters
    ----------
    sentences, dim, window, epochs, min_count, seed, watch
        As for ``skip_gram``; an epoch goes through the table, which is sparse and read once.
    most, power
        :math:`x_{\max}` and :math:`\alpha`.
    rate
        The learning rate of AdaGrad.

    Returns
    -------
    WordVectors
        The words by frequency.

    Raises
    ------
    TypeError, ValueError
        As ``cooccurrence``, if there are not two different words, or if a number is not as said.
    FloatingPointError
        If the vectors grow beyond all bounds.

    References
    ----------
    Pennington, Socher and Manning (2014). The chapter on embeddings.

    Examples
    --------
    >>> texts = [["a", "good", "film"], ["a", "dull", "film"]] * 50
    >>> glove(texts, dim=8).vectors.shape  # (V, D)
    (4, 8)
    """
    for name, value in (("dim", dim), ("window", window), ("epochs", epochs)):
        whole(name, value, 1)
    for name, x in (("most", most), ("power", power), ("rate", rate)):
        number(name, x, "above 0 and finite", lambda x: 0 < x < math.inf)
    corpus = read(sentences, min_count)
    V = len(corpus.words)
    if V < 2:
        raise ValueError(f"two different words are needed, the only one is {corpus.words[0]!r}")
    counts = _counted(corpus, window, weighted=True)
    tiles = max(-(-V // ROWS[0]), min(V, ROWS[1]))
    with seeded(seed) as rng, progress(epochs * V, unit="word") as bar:
        w, u = _first_tables(V, dim, rng)
        squares = torch.ones(2, V, dim + 2)
        for epoch in range(1, epochs + 1):
            for rows in np.array_split(rng.permutation(V), tiles):
                for tile in _tiles(counts, np.sort(rows), most, power):
                    _fit_tile(w, u, squares, tile, rate)
                bar.update(len(rows))
            if not bool(torch.isfinite(w.sum() + u.sum())):
                raise FloatingPointError(
                    f"the vectors grew beyond all bounds in epoch {epoch}: try a smaller rate "
                    f"than {rate:g}"
                )
            if watch is not None:
                watch(epoch, WordVectors(corpus.words, (w + u)[:, :dim].numpy()))
    return WordVectors(corpus.words, (w + u)[:, :dim].numpy())


def _first_tables(V: int, dim: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return vectors at random, each with its bias and a 1 that meets the other's bias."""
    start = rng.uniform(-0.5 / dim, 0.5 / dim, (2, V, dim + 2)).astype(np.float32)
    start[0, :, dim + 1] = start[1, :, dim] = 1.0
    w, u = torch.from_numpy(start)
    return w, u


def _tiles(counts: Any, rows: NDArray[np.int64], most: float, power: float) -> list[Block]:
    """Cut some rows of the table into dense tiles, without the columns where none has a count."""
    part = counts[rows].tocsc()
    used = np.flatnonzero(np.diff(part.indptr))
    found = []
    for columns in np.array_split(used, max(1, -(-len(used) * len(rows) // TILE))):
        dense = torch.from_numpy(part[:, columns].toarray().astype(np.float32))
        weight = (dense / most).clamp_(max=1).pow_(power)
        # where nothing was counted the weight is 0; the logarithm may be any number there
        logs = dense.clamp_(min=1e-30).log_()
        found.append((torch.from_numpy(rows), torch.from_numpy(columns), logs, weight))
    return found


def _fit_tile(w: Tensor, u: Tensor, squares: Tensor, tile: Block, rate: float) -> None:
    """Take one step of AdaGrad for the rows and columns of a tile."""
    rows, columns, logs, weight = tile
    a, b = w[rows], u[columns]  # (r, D + 2), (c, D + 2)
    g = torch.mm(a, b.T).sub_(logs).mul_(weight)  # (r, c), half the slope
    slopes = torch.mm(g, b), torch.mm(g.T, a)
    fixed = w.shape[1] - 1, w.shape[1] - 2  # what multiplies the other's bias stays 1
    for table, square, ids, slope, one in zip(
        (w, u), squares, (rows, columns), slopes, fixed, strict=True
    ):
        slope[:, one] = 0
        square.index_add_(0, ids, slope.square())
        table.index_add_(0, ids, slope / square[ids].sqrt(), alpha=-rate)
