"""Skip-gram and CBOW with negative sampling: blocks of words, gradients by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from companion._numbers import number
from companion.embeddings._corpus import Corpus, Ids, read
from companion.embeddings.vectors import WordVectors
from companion.runtime import progress, seeded, whole

__all__ = ["cbow", "skip_gram"]

ROW = 32  # words whose contexts are laid side by side for one matrix product
BLOCK = 72  # rows that are learned from before any vector moves, over the pairs of a word
CROWD = 8.0  # times that one word may be expected in a block
CALM = 0.33  # times the rate: how much shorter steps get for each pair that a word has in a block
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
    is lowered stays the same on average; words that come often in a block take shorter steps.

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
        :math:`\sqrt{t/f} + t/f`, where t is this number, or 1 over V if that is more; 0 keeps
        all.
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
    settings = _Settings(
        dim=dim,
        window=window,
        epochs=epochs,
        seed=seed,
        negatives=negatives,
        sample=sample,
        power=power,
        rate=rate,
        workers=workers,
    )
    return _Trainer("skip_gram", read(sentences, min_count), settings).train(watch)


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
    rate: float = 0.3,
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
    settings = _Settings(
        dim=dim,
        window=window,
        epochs=epochs,
        seed=seed,
        negatives=negatives,
        sample=sample,
        power=power,
        rate=rate,
        workers=workers,
    )
    return _Trainer("cbow", read(sentences, min_count), settings).train(watch)


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """What both are told, checked."""

    dim: int
    window: int
    epochs: int
    seed: int
    negatives: float
    sample: float
    power: float
    rate: float
    workers: int

    def __post_init__(self) -> None:
        for name in ("dim", "window", "epochs", "workers"):
            whole(name, getattr(self, name), 1)
        whole("seed", self.seed, 0)
        for name in ("negatives", "rate"):
            number(name, getattr(self, name), "above 0 and finite", lambda x: 0 < x < math.inf)
        for name in ("sample", "power"):
            number(name, getattr(self, name), "0 or more and finite", lambda x: 0 <= x < math.inf)


@dataclass(frozen=True)
class Block:
    """Rows of words, and which of the words around them are their neighbours.

    Attributes
    ----------
    ids
        The words, shape (R, ROW).
    around
        The same and a window more at either end, shape (R, ROW + 2 * window).
    mask
        1 where a place of ``around`` is a neighbour, shape (R, ROW, ROW + 2 * window).
    """

    ids: Tensor
    around: Tensor
    mask: Tensor


Pair = tuple[Tensor, Tensor]


def gradients(words: Tensor, others: Tensor, target: Tensor, weight: Tensor) -> Pair:
    r"""Return the gradients of the loss of rows of words, each beside the others of its row.

    The loss is :math:`\sum_{ij} -t_{ij} \log \sigma(s_{ij}) - (c_{ij} - t_{ij}) \log
    \sigma(-s_{ij})`, where s is the product of a word with one of the others.

    Parameters
    ----------
    words
        Shape (R, ROW, D).
    others
        Shape (R, K, D).
    target, weight
        t and c, shape (R, ROW, K): 1 in both for a neighbour, 0 and how much it counts for noise.

    Returns
    -------
    tuple of Tensor
        The gradients for words and others.
    """
    g = torch.bmm(words, others.transpose(1, 2)).sigmoid_().mul_(weight).sub_(target)
    return torch.bmm(g, others), torch.bmm(g.transpose(1, 2), words)


class _Trainer:
    """Vectors of words and neighbours, and the way through a corpus."""

    def __init__(self, step: str, corpus: Corpus, settings: _Settings) -> None:
        V = len(corpus.words)
        if V < 2:
            raise ValueError(f"two different words are needed, the only one is {corpus.words[0]!r}")
        if not any((said[1:] == said[:-1]).any() for _, said in corpus.pieces()):
            raise ValueError("sentences must hold two words or more: nowhere do two stand together")
        self.corpus, self.settings, window = corpus, settings, settings.window
        self.step: Callable[[Block, Tensor, float], None] = getattr(self, step)
        dim, negatives, sample = settings.dim, settings.negatives, settings.sample
        with seeded(settings.seed) as rng:
            self.rng = rng
            self.words = torch.from_numpy(
                rng.uniform(-0.5 / dim, 0.5 / dim, (V, dim)).astype(np.float32)
            )
        self.neighbours = torch.zeros(V, dim)
        share = corpus.counts / corpus.counts.sum()
        self.keep = np.ones(V)
        if sample:
            limit = max(sample, 1 / V) / share
            self.keep = np.minimum(1, np.sqrt(limit) + limit)
        noise = corpus.counts.astype(np.float64) ** settings.power
        self.noise = np.cumsum(noise / noise.sum())
        heard = share * self.keep
        heard /= heard.sum()
        questions = 6 if step == "cbow" else window + 1  # pairs of a word; a mean counts as six
        self.shared = max(2, round(negatives * questions * 0.85))  # random words of a row
        self.rows = int(np.clip(CROWD / heard.max() / ROW, 1, max(1, BLOCK // questions)))
        pairs = (1 if step == "cbow" else questions) * self.rows * ROW  # expected in a block
        often = pairs * heard, pairs * (heard + negatives * np.diff(self.noise, prepend=0))
        calm = CALM * settings.rate
        self.calm = [torch.from_numpy(1 / (1 + calm * n)).float() for n in often]  # (V,) each

    def train(self, watch: Watch | None) -> WordVectors:
        """Go through the corpus so often."""
        epochs, workers = self.settings.epochs, self.settings.workers
        size = int(self.corpus.counts.sum())
        with progress(epochs * size, unit="word") as bar, ThreadPoolExecutor(workers) as pool:
            for epoch in range(1, epochs + 1):
                done, jobs = (epoch - 1) * size, []
                for ids, sentence in self.corpus.pieces():
                    span = (done / (epochs * size), (done + len(ids)) / (epochs * size))
                    jobs.append((ids, sentence, span, self.rng.spawn(1)[0]))
                    done += len(ids)
                    if len(jobs) == workers or done == epoch * size:
                        list(pool.map(self._learn, *zip(*jobs, strict=True)))
                        bar.update(sum(len(job[0]) for job in jobs))
                        jobs = []
                self._look(epoch)
                if watch is not None:
                    watch(epoch, self.vectors())
        return self.vectors()

    def vectors(self) -> WordVectors:
        """Return the vectors as they are now."""
        return WordVectors(self.corpus.words, self.words.numpy())

    def _look(self, epoch: int) -> None:
        """Refuse an epoch that went astray."""
        if not bool(torch.isfinite(self.words.sum() + self.neighbours.sum())):
            raise FloatingPointError(
                f"the vectors grew beyond all bounds in epoch {epoch}: try a smaller rate than "
                f"{self.settings.rate:g}"
            )

    def _learn(
        self, ids: Ids, sentence: Ids, span: tuple[float, float], rng: np.random.Generator
    ) -> None:
        """Learn from a piece of the corpus, from one share of the training to another."""
        heard = rng.random(len(ids)) < self.keep[ids]
        ids, sentence = ids[heard], sentence[heard]
        reach = rng.integers(1, self.settings.window + 1, len(ids))
        rows = -(-len(ids) // ROW)
        drawn = np.searchsorted(self.noise, rng.random((rows, self.shared))).clip(
            max=len(self.keep) - 1
        )
        noise = torch.from_numpy(drawn).split(self.rows)
        for i, block in enumerate(blocks(ids, sentence, reach, self.settings.window, self.rows)):
            done = span[0] + (span[1] - span[0]) * i * self.rows / rows
            self.step(block, noise[i], self.settings.rate * max(1 - done, 0.01))

    def skip_gram(self, block: Block, noise: Tensor, rate: float) -> None:
        """Learn from a block: each word is to tell its neighbours from the noise of its row."""
        ids = torch.cat((block.around, noise), 1)  # (R, K)
        target = pad(block.mask, (0, self.shared))
        weight = target.clone()
        each = self.settings.negatives / self.shared
        weight[:, :, -self.shared :] = block.mask.sum(2, keepdim=True) * each
        words, others = _rows(self.words, block.ids), _rows(self.neighbours, ids)
        to_words, to_others = gradients(words, others, target, weight)
        self.move(block.ids, to_words, ids, to_others, rate)

    def cbow(self, block: Block, noise: Tensor, rate: float) -> None:
        """Learn from a block: the mean of each word's neighbours is to tell it from the noise."""
        ids, count = torch.cat((block.ids, noise), 1), block.mask.sum(2, keepdim=True)
        share, heard = block.mask / count.clamp(min=1), (count > 0).float()
        target = torch.eye(ROW, ROW + self.shared) * heard
        weight = target.clone()
        weight[:, :, ROW:] = heard * (self.settings.negatives / self.shared)
        around, others = _rows(self.words, block.around), _rows(self.neighbours, ids)
        to_mean, to_others = gradients(torch.bmm(share, around), others, target, weight)
        to_around = torch.bmm(share.transpose(1, 2), to_mean)
        self.move(block.around, to_around, ids, to_others, rate)

    def move(
        self, ids: Tensor, to_words: Tensor, others: Tensor, to_others: Tensor, rate: float
    ) -> None:
        """Take a step down both gradients, a shorter one for words that come often in a block."""
        for table, calm, where, slope in (
            (self.words, self.calm[0], ids.flatten(), to_words.flatten(0, 1)),
            (self.neighbours, self.calm[1], others.flatten(), to_others.flatten(0, 1)),
        ):
            slope *= calm[where].unsqueeze(1)
            table.index_add_(0, where, slope, alpha=-rate)


def _rows(table: Tensor, ids: Tensor) -> Tensor:
    """Look up rows of a table: (V, D), (R, K) -> (R, K, D)."""
    return table.index_select(0, ids.flatten()).view(*ids.shape, -1)


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
    place, first = np.arange(N), np.diff(sentence, prepend=-1) != 0
    start = np.maximum.accumulate(np.where(first, place, 0))
    ends = np.append(np.flatnonzero(first)[1:], N)
    stop = ends[np.cumsum(first) - 1] if N else ends
    back, on = (
        torch.from_numpy(np.pad(np.minimum(reach, far), (0, full - N)).astype(np.int16))
        for far in (place - start, stop - 1 - place)
    )
    around = torch.from_numpy(np.pad(ids, (window, window + full - N)))
    gap = torch.arange(ROW + 2 * window) - window - torch.arange(ROW)[:, None]  # (ROW, width)
    gap = gap.masked_fill_(gap == 0, 2**14).to(torch.int16)  # nobody is its own neighbour
    for here in range(0, full, rows * ROW):
        there = min(here + rows * ROW, full)
        left, right = (far[here:there].view(-1, ROW, 1) for far in (back, on))
        mask = (gap >= -left).logical_and_(gap <= right)
        yield Block(
            around[here + window : there + window].view(-1, ROW),
            around[here : there + 2 * window].unfold(0, ROW + 2 * window, ROW),
            mask.float(),
        )
