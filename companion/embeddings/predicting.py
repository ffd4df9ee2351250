"""Skip-gram and CBOW with negative sampling: blocks of words, gradients by hand."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from companion._numbers import number
from companion.embeddings._corpus import Corpus, Ids, read
from companion.embeddings.vectors import WordVectors
from companion.runtime import progress, seeded, whole

__all__ = ["cbow", "skip_gram"]

ROW = 32  # words whose contexts are laid side by side for one matrix product
BLOCK = 12  # rows that are learned from before any vector moves
SHARED = 32  # random words that the words of a row share
CROWD = 8.0  # times that one word may be expected in a block
Watch = Callable[[int, WordVectors], object]


def skip_gram(
    sentences: Iterable[Sequence[str]],
    *,
    dim: int = 100,
    window: int = 5,
    epochs: int = 5,
    min_count: int = 1,
    seed: int = 0,
    negatives: float = 5,
    sample: float = 1e-3,
    power: float = 0.75,
    rate: float = 0.05,
    workers: int = 1,
    watch: Watch | None = None,
) -> WordVectors:
    r"""Learn vectors that tell each word's neighbours from words drawn at random.

    For a word i, a neighbour j in its window and k random words m it lowers

    .. math:: -\log \sigma(w_i u_j) - \sum_m \log \sigma(-w_i u_m)

    by stochastic gradient descent. Each word has a vector w as a word, which is returned, and a
    vector u as a neighbour. As in word2vec, the reach of a window is drawn anew for each word,
    from 1 to ``window``; frequent words are left out now and then; the rate falls in a straight
    line, to a hundredth. Otherwise than there, a block of some hundred words is learned from at
    once, and each 32 words share their random words, whose terms are weighted so that the sum that
    is lowered stays the same on average.

    Parameters
    ----------
    sentences
        Each a list of words; read once, so that a generator will do, and kept on disk as numbers:
        they may be larger than memory. Windows end where sentences end.
    dim
        D, numbers of a vector.
    window
        How far a neighbour may be, in words.
    epochs
        How often to go through the sentences.
    min_count
        Words that occur less often are left out.
    seed
        Fixes chance; with one worker the result is then always the same.
    negatives
        k, random words for each neighbour.
    sample
        A word whose share of the corpus is f is kept with probability
        :math:`\sqrt{t/f} + t/f`, where t is this number; 0 keeps all.
    power
        Random words are drawn in proportion to their counts to this power.
    rate
        The learning rate at the beginning.
    workers
        Threads that learn side by side without waiting for each other; the result then differs
        from run to run.
    watch
        Called after each epoch with its number, from 1, and the vectors so far.

    Returns
    -------
    WordVectors
        The words by frequency.

    Raises
    ------
    TypeError, ValueError
        If a sentence is no list of words, if there are not two different words, if no two words
        stand in one sentence, or if a number is not as said.
    FloatingPointError
        If the vectors grow beyond all bounds.

    References
    ----------
    Mikolov et al. (2013), Distributed representations. The chapter on embeddings.

    Examples
    --------
    >>> texts = [["a", "good", "film"], ["a", "dull", "film"]] * 50
    >>> skip_gram(texts, dim=8, epochs=2).vectors.shape  # (V, D)
    (4, 8)
    """
    trainer = _Trainer(skip_gram_gradients, read(sentences, min_count), **_checked(locals()))
    trainer.tables = trainer.words, trainer.neighbours
    return trainer.train(epochs, workers, watch)


def cbow(
    sentences: Iterable[Sequence[str]],
    *,
    dim: int = 100,
    window: int = 5,
    epochs: int = 5,
    min_count: int = 1,
    seed: int = 0,
    negatives: float = 5,
    sample: float = 1e-3,
    power: float = 0.75,
    rate: float = 0.2,
    workers: int = 1,
    watch: Watch | None = None,
) -> WordVectors:
    r"""Learn vectors whose mean over a window tells the word in its middle from random words.

    With h the mean of the vectors w of the words around a word j it lowers

    .. math:: -\log \sigma(h u_j) - \sum_m \log \sigma(-h u_m)

    by its true gradient: a word of a window of n gets one n-th of what h gets. (word2vec gives it
    all to each, as Irsoy et al. show; rates that suit the one are not those of the other.)

    Parameters
    ----------
    sentences, dim, window, epochs, min_count, seed, negatives, sample, power, rate, workers, watch
        As for ``skip_gram``.

    Returns
    -------
    WordVectors
        The words by frequency.

    Raises
    ------
    TypeError, ValueError, FloatingPointError
        As ``skip_gram``.

    References
    ----------
    Mikolov et al. (2013), Efficient estimation; Irsoy, Benton and Stratos (2021).
    The chapter on embeddings.

    Examples
    --------
    >>> texts = [["a", "good", "film"], ["a", "dull", "film"]] * 50
    >>> cbow(texts, dim=8, epochs=2).vectors.shape  # (V, D)
    (4, 8)
    """
    trainer = _Trainer(cbow_gradients, read(sentences, min_count), **_checked(locals()))
    trainer.tables = trainer.neighbours, trainer.words
    return trainer.train(epochs, workers, watch)


def _checked(given: dict[str, object]) -> dict[str, float]:
    """Check the numbers that both share, and return those that a trainer keeps."""
    for name in ("dim", "window", "epochs", "workers"):
        whole(name, given[name], 1)
    whole("seed", given["seed"], 0)
    bounds = {"negatives": "above 0", "rate": "above 0", "sample": "0 or more", "power": "0 or more"}
    for name, said in bounds.items():
        least = 0 if said == "0 or more" else 1e-300
        number(name, given[name], f"{said} and finite", lambda x, a=least: a <= x < math.inf)
    kept = ("dim", "window", "seed", "negatives", "sample", "power", "rate")
    return {name: given[name] for name in kept}  # type-checked above


@dataclass(frozen=True)
class Block:
    """Some hundred words, and which of the words around them are their neighbours.

    Attributes
    ----------
    ids
        The words, shape (R * ROW,).
    around
        The same with a window more at either end, shape (R * ROW + 2 * window,).
    mask
        1 where a place of ``around`` is a neighbour, shape (R, ROW, ROW + 2 * window).
    """

    ids: Tensor
    around: Tensor
    mask: Tensor


Gradients = Callable[[Tensor, Tensor, Tensor, Tensor, float], tuple[Tensor, Tensor, Tensor]]


def skip_gram_gradients(
    middle: Tensor, around: Tensor, noise: Tensor, mask: Tensor, negatives: float
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Return the gradients of the loss of a block of skip-gram.

    Of the sum over all pairs of :math:`-\log \sigma(w_i u_j)`, and over all words and all shared
    noise of :math:`-c_i \log \sigma(-w_i u_m)`. With :math:`c_i` = negatives times neighbours
    over M it is on average what each pair with noise of its own would give.

    Parameters
    ----------
    middle
        Vectors of the words, shape (N, D).
    around
        Vectors of the places around them, shape (N + 2 * window, D).
    noise
        Vectors of M words drawn at random for each row, shape (R, M, D).
    mask
        See ``Block``, shape (R, ROW, width).
    negatives
        Random words for each neighbour.
    """
    R, _, width = mask.shape
    w = middle.view(R, ROW, -1)
    u = around.unfold(0, width, ROW)  # (R, D, width), a view
    g = torch.bmm(w, u).sigmoid_().sub_(1).mul_(mask)  # (R, ROW, width)
    scale = mask.sum(2, keepdim=True) * (negatives / noise.shape[1])  # (R, ROW, 1)
    h = torch.bmm(w, noise.transpose(1, 2)).sigmoid_().mul_(scale)  # (R, ROW, M)
    to_middle = torch.bmm(g, u.transpose(1, 2)).baddbmm_(h, noise).view_as(middle)
    to_around = _folded(torch.bmm(g.transpose(1, 2), w), len(around))
    return to_middle, to_around, torch.bmm(h.transpose(1, 2), w)


def cbow_gradients(
    middle: Tensor, around: Tensor, noise: Tensor, mask: Tensor, negatives: float
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Return the gradients of the loss of a block of CBOW.

    Of the sum over all words that have neighbours of :math:`-\log \sigma(h_j u_j)` and, over the
    shared noise, of :math:`-c \log \sigma(-h_j u_m)`, with :math:`c` = negatives over M; h is the
    mean over the neighbours.

    Parameters
    ----------
    middle, around, noise, mask, negatives
        As for ``skip_gram_gradients``; ``around`` are vectors of words, ``middle`` of neighbours.
    """
    R, _, width = mask.shape
    count = mask.sum(2, keepdim=True)  # (R, ROW, 1)
    share = mask / count.clamp(min=1)
    heard = (count > 0).float()
    w = around.unfold(0, width, ROW).transpose(1, 2)  # (R, width, D), a view
    mean, u = torch.bmm(share, w), middle.view(R, ROW, -1)  # (R, ROW, D)
    g = (mean * u).sum(2, keepdim=True).sigmoid_().sub_(1).mul_(heard)  # (R, ROW, 1)
    scale = heard * (negatives / noise.shape[1])
    h = torch.bmm(mean, noise.transpose(1, 2)).sigmoid_().mul_(scale)  # (R, ROW, M)
    to_mean = (g * u).baddbmm_(h, noise)
    to_around = _folded(torch.bmm(share.transpose(1, 2), to_mean), len(around))
    return (g * mean).view_as(middle), to_around, torch.bmm(h.transpose(1, 2), mean)


def _folded(parts: Tensor, size: int) -> Tensor:
    """Add up what rows say of the places around them: (R, width, D) -> (size, D)."""
    R, width, D = parts.shape
    sums = parts.new_zeros((R + -(-width // ROW)) * ROW, D)
    for start in range(0, width, ROW):
        part = parts[:, start : start + ROW]
        sums[start : start + R * ROW].view(R, ROW, D)[:, : part.shape[1]] += part
    return sums[:size]


class _Trainer:
    """Vectors of words and neighbours, and the way through a corpus."""

    def __init__(
        self,
        gradients: Gradients,
        corpus: Corpus,
        *,
        dim: int,
        window: int,
        seed: int,
        negatives: float,
        sample: float,
        power: float,
        rate: float,
    ) -> None:
        V = len(corpus.words)
        if V < 2:
            raise ValueError(f"two different words are needed, the only one is {corpus.words[0]!r}")
        self.gradients, self.corpus, self.window = gradients, corpus, window
        self.negatives, self.rate = negatives, rate
        with seeded(seed) as rng:
            self.rng = rng
            self.words = torch.from_numpy(
                rng.uniform(-0.5 / dim, 0.5 / dim, (V, dim)).astype(np.float32)
            )
        self.neighbours = torch.zeros(V, dim)
        self.tables = self.words, self.neighbours  # of a word, and of those around it
        share = corpus.counts / corpus.counts.sum()
        self.keep = np.ones(V)
        if sample:
            self.keep = np.minimum(1, np.sqrt(sample / share) + sample / share)
        noise = corpus.counts.astype(np.float64) ** power
        self.noise = np.cumsum(noise / noise.sum())
        heard = share * self.keep
        crowd = CROWD * heard.sum() / heard.max()  # words in which the commonest comes CROWD times
        self.rows = int(np.clip(crowd / ROW, 1, BLOCK))

    def train(self, epochs: int, workers: int, watch: Watch | None) -> WordVectors:
        """Go through the corpus so often."""
        size = int(self.corpus.counts.sum())
        with progress(epochs * size, unit="word") as bar, ThreadPoolExecutor(workers) as pool:
            for epoch in range(1, epochs + 1):
                done, jobs, pairs = (epoch - 1) * size, [], 0.0
                for ids, sentence in self.corpus.pieces():
                    span = (done / (epochs * size), (done + len(ids)) / (epochs * size))
                    jobs.append((ids, sentence, span, self.rng.spawn(1)[0]))
                    done += len(ids)
                    if len(jobs) == workers or done == epoch * size:
                        pairs += sum(pool.map(self._learn, *zip(*jobs, strict=True)))
                        bar.update(sum(len(job[0]) for job in jobs))
                        jobs = []
                self._look(epoch, pairs)
                if watch is not None:
                    watch(epoch, self.vectors())
        return self.vectors()

    def vectors(self) -> WordVectors:
        """Return the vectors as they are now."""
        return WordVectors(self.corpus.words, self.words.numpy())

    def _look(self, epoch: int, pairs: float) -> None:
        """Refuse an epoch that had nothing to learn from, or that went astray."""
        if not pairs and epoch == 1:
            raise ValueError(
                "sentences must hold two words or more: nowhere do two stand side by side"
            )
        if not bool(torch.isfinite(self.words.sum() + self.neighbours.sum())):
            raise FloatingPointError(
                f"the vectors grew beyond all bounds in epoch {epoch}: try a smaller rate than "
                f"{self.rate:g}"
            )

    def _learn(
        self, ids: Ids, sentence: Ids, span: tuple[float, float], rng: np.random.Generator
    ) -> float:
        """Learn from a piece of the corpus, from one share of the training to another."""
        heard = rng.random(len(ids)) < self.keep[ids]
        ids, sentence = ids[heard], sentence[heard]
        reach = rng.integers(1, self.window + 1, len(ids))
        u, (middle, around) = self.neighbours, self.tables
        parts = list(blocks(ids, sentence, reach, self.window, self.rows))
        count = -(-len(ids) // ROW) * SHARED
        drawn = np.searchsorted(self.noise, rng.random(count)).clip(max=len(u) - 1)
        others = torch.from_numpy(drawn).split(self.rows * SHARED)
        for i, block in enumerate(parts):
            done = span[0] + (span[1] - span[0]) * i / len(parts)
            back = -self.rate * max(1 - done, 0.01)
            noise = u[others[i]].view(len(block.mask), SHARED, -1)
            given = middle[block.ids], around[block.around], noise
            slopes = self.gradients(*given, block.mask, self.negatives)
            middle.index_add_(0, block.ids, slopes[0], alpha=back)
            around.index_add_(0, block.around, slopes[1], alpha=back)
            u.index_add_(0, others[i], slopes[2].flatten(0, 1), alpha=back)
        return float(sum(block.mask.sum() for block in parts))


def blocks(
    ids: Ids, sentence: Ids, reach: NDArray[np.int64], window: int, rows: int
) -> Iterator[Block]:
    """Cut words into blocks, and find which words around each are its neighbours.

    Parameters
    ----------
    ids, sentence, reach
        The words, the number of the sentence of each, and how far each one looks; shape (N,).
    window
        The farthest that any looks.
    rows
        How many rows of ROW words make a block.
    """
    N = len(ids)
    full = -(-N // ROW) * ROW
    end = window + full - N
    around = torch.from_numpy(np.pad(ids, (window, end)))
    said = torch.from_numpy(np.pad(sentence, (window, end), constant_values=-1))
    far = torch.from_numpy(np.pad(reach, (0, full - N)))
    width = ROW + 2 * window
    gap = torch.arange(width) - window - torch.arange(ROW)[:, None]  # (ROW, width)
    inside = said[window : window + full].view(-1, ROW, 1) == said.unfold(0, width, ROW)[:, None]
    mask = inside & (gap.abs() <= far.view(-1, ROW, 1)) & (gap != 0)
    for start in range(0, full // ROW, rows):
        stop = min(start + rows, full // ROW)
        here, there = start * ROW, stop * ROW
        yield Block(
            around[here + window : there + window],
            around[here : there + 2 * window],
            mask[start:stop].float(),
        )
