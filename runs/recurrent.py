"""Language models on generated text and on plays, film reviews read both ways: the long runs."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, TensorDataset

from companion.data import grammar, real
from companion.recurrent import LSTM, generate
from companion.recurrent.language_model import (
    KneserNey,
    LanguageModel,
    agreements,
    batches,
    one_row,
    prefers,
    pronouns,
    read_on,
    with_and_without,
)
from companion.runtime import device, seeded
from companion.text import Vocabulary, pad_sequences
from companion.training import fit
from runs import imdb

# What more text brings, and what each cell remembers.

DISTANCE = 4  # between a subject and its verb, where a text has a distance
DISTANCES = 0, 4, 8, 16


def gaps(
    *,
    tokens: Sequence[int] = (1_000_000, 3_000_000, 10_000_000),
    width: int = 256,
    test: int = 500,
) -> dict[str, list[float]]:
    """Train language models on more and more fresh text, each in one pass.

    Parameters
    ----------
    tokens
        The amounts of text.
    width
        H of the LSTM. A word's vector has a quarter of that.
    test
        How many reviews to test on.

    Returns
    -------
    dict
        For the LSTM, and for n-grams of five words, the gap between its cross-entropy and that of
        the oracle on the same test text, in nats per token; how often the LSTM takes *he* for
        *she* or the other way round where the oracle is certain; how many nats per token the
        earlier sentences of a text are worth to it; the amounts of text, and the seconds that
        each training took. One number for each amount.
    """
    oracle, vocabulary = grammar.oracle(distance=DISTANCE), _vocabulary()
    held = [review.tokens for review in grammar.reviews(test, seed=2, distance=DISTANCE)]
    ids = one_row(held, vocabulary)
    best = -sum(map(oracle.log_prob, held)) / (len(ids) - 1)
    text = _text(max(tokens))
    more = grammar.reviews(4 * test, seed=2, distance=DISTANCE)
    persons = pronouns((review.tokens for review in more), oracle)
    found: dict[str, list[float]] = {"tokens": [float(n) for n in tokens]}
    for n in tokens:
        counted = KneserNey(5, vocabulary_size=len(vocabulary)).fit(text[:n])
        found.setdefault("n-grams", []).append(float(-counted.log_prob(ids).mean()) - best)
        start = time.process_time()
        model = _trained(text[:n], width=width, cell="LSTM", seed=0)
        found.setdefault("seconds", []).append(time.process_time() - start)
        loss = -model.log_prob(ids.to(device())).mean()
        found.setdefault("LSTM", []).append(float(loss) - best)
        mistaken = prefers(model, vocabulary, persons) < 0.5
        found.setdefault("he for she", []).append(float(mistaken.mean()))
        worth = [past - none for _, past, none in with_and_without(model, vocabulary, held)]
        found.setdefault("worth of the past", []).append(sum(worth) / len(worth))
    return found


def cells(
    *, seeds: Sequence[int] = range(5), tokens: int = 600_000, places: int = 150
) -> dict[str, list[float]]:
    """Train the same language model with each kind of cell, and see what it remembers.

    Parameters
    ----------
    seeds
        One training of each cell for each of them.
    tokens
        How much text each reads.
    places
        At how many verbs agreement is tested, for each distance.

    Returns
    -------
    dict
        For each cell its cross-entropy on test text, and for each distance between subject and
        verb the share of verbs at which the right form is likelier; one number for each seed.
    """
    vocabulary, text = _vocabulary(), _text(tokens)
    held = grammar.reviews(500, seed=2, distance=DISTANCE)
    ids = one_row((review.tokens for review in held), vocabulary)
    tests = {
        d: agreements((r.tokens for r in grammar.reviews(1000, seed=3, distance=d)), distance=d)
        for d in DISTANCES
    }
    found: dict[str, list[float]] = {}
    for cell in ("RNN", "GRU", "LSTM"):
        for seed in seeds:
            model = _trained(text, width=128, cell=cell, seed=seed)
            loss = -model.log_prob(ids.to(device())).mean()
            found.setdefault(f"{cell}, loss", []).append(float(loss))
            for d, verbs in tests.items():
                right = prefers(model, vocabulary, verbs[:places]) > 0.5
                found.setdefault(f"{cell}, {d} words", []).append(float(right.mean()))
    return found


@cache
def _vocabulary() -> Vocabulary:
    """Return all tokens of the language."""
    return Vocabulary(grammar.oracle().vocabulary, specials=())


def _text(tokens: int) -> Tensor:
    """Return so many tokens of reviews in one row."""
    reviews = grammar.reviews(tokens // 60, seed=1, distance=DISTANCE)
    return one_row((review.tokens for review in reviews), _vocabulary())[:tokens]


def _trained(text: Tensor, *, width: int, cell: str, seed: int) -> LanguageModel:
    """Return a language model after one pass over a text, trained as in the chapter."""
    rows = batches(text.to(device()), batch_size=16, length=32)
    counts = torch.bincount(text, minlength=len(_vocabulary()))
    with seeded(seed):
        model = LanguageModel(counts, width // 4, width, cell=cell)
    model.to(device())
    rate = 2 / width  # wide layers want small steps
    optimizer = torch.optim.AdamW(model.parameters(), rate)
    cycle = OneCycleLR(optimizer, rate, len(rows), pct_start=0.1)
    read_on(model, rows, optimizer, cycle)
    return model


# Film reviews, read both ways.

# What a review becomes, (B, 2H), of the outputs y (B, T, 2H), the last states h (2, B, H), and
# how many words it has, n (B,).
POOLINGS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "mean over time": lambda y, h, n: y.sum(1) / n.unsqueeze(1),  # y is zero at padding
    "last states": lambda y, h, n: torch.cat([h[0], h[1]], 1),
    "output at the last word": lambda y, h, n: y[torch.arange(len(n), device=n.device), n - 1],
    "output[:, -1]": lambda y, h, n: y[:, -1],  # for a shorter review this is padding
}


class _Reader(nn.Module):
    """Judge reviews by what a bidirectional LSTM makes of their words."""

    def __init__(self, pooling: str, *, vocabulary_size: int, width: int) -> None:
        super().__init__()
        self.pool = POOLINGS[pooling]
        self.embedding = nn.Embedding(vocabulary_size, width)
        self.lstm = LSTM(width, width, bidirectional=True)
        self.judge = nn.Linear(2 * width, 1)
        self.dropout = nn.Dropout(0.3)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits that reviews are positive, (B,), given ids (B, T), padded behind."""
        x = self.dropout(self.embedding(ids))
        y, (h, _) = self.lstm(x, lengths=lengths)
        review = self.dropout(self.pool(y, h, lengths))
        logits: Tensor = self.judge(review).squeeze(1)
        return logits


def imdb_bilstm(
    *,
    vocabulary_size: int = 20_000,
    length: int = 200,
    width: int = 32,
    epochs: int = 2,
    held_back: int = 5_000,
    seeds: Sequence[int] = range(3),
) -> dict[str, list[float]]:
    """Let bidirectional LSTMs judge the film reviews of IMDB, and vary what the judge looks at.

    Everything else is the same: the words, the training reviews, the number of epochs. The
    settings were chosen on training reviews that were held back.

    Parameters
    ----------
    vocabulary_size
        V: padding, "unknown", and the V - 2 most frequent words.
    length
        T: only the last T words of a review are read.
    width
        How many numbers a word's vector has, and the state of each direction.
    epochs
        How often to read the training reviews.
    held_back
        How many training reviews not to train on.
    seeds
        One training for each.

    Returns
    -------
    dict
        ``"NAME, test"`` and ``"NAME, held back"``: accuracies; ``"NAME, seconds"`` of training; and
        ``"shorter"``: the share of the test reviews that have fewer than T words.

    Raises
    ------
    NotThere
        If the reviews are not there.
    """
    given, tokenizer = imdb.parts(held_back, vocabulary_size)
    parts = {
        name: _padded(tokenizer.texts_to_sequences(texts), labels, length)
        for name, (texts, labels) in given.items()
    }
    counts = parts["test"].tensors[1]
    found = {"shorter": [float((counts < length).float().mean())]}
    for pooling in POOLINGS:
        for seed in seeds:
            with seeded(seed):
                model = _Reader(pooling, vocabulary_size=vocabulary_size, width=width)
                seconds = _learn(model.to(device()), parts["train"], epochs)
            found.setdefault(f"{pooling}, seconds", []).append(seconds)
            for part in ("held back", "test"):
                accuracy = _accuracy(model, parts[part])
                found.setdefault(f"{pooling}, {part}", []).append(accuracy)
    return found


def _padded(rows: list[list[int]], labels: np.ndarray, length: int) -> TensorDataset:
    """Return the last words of each review (N, T), padded behind, their number, and the label."""
    ids = torch.from_numpy(pad_sequences(rows, length, padding="post")).long()
    counts = torch.tensor([min(len(row), length) for row in rows])
    columns = ids, counts, torch.from_numpy(labels).float()
    return TensorDataset(*(column.to(device()) for column in columns))


def _learn(model: nn.Module, reviews: TensorDataset, epochs: int) -> float:
    """Train with a rate that rises, then falls to zero, and return the seconds."""
    loader = DataLoader(reviews, 128, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters())
    cycle = OneCycleLR(optimizer, 2e-2, epochs * len(loader))
    loss, start = binary_cross_entropy_with_logits, time.process_time()
    fit(model, loader, loss, optimizer, epochs=epochs, max_norm=1.0, scheduler=cycle)
    return time.process_time() - start


def _accuracy(model: nn.Module, reviews: TensorDataset) -> float:
    """Return the share of the reviews that are judged right."""
    right = 0
    model.eval()
    with torch.no_grad():
        for ids, counts, labels in DataLoader(reviews, 500):
            right += int(((model(ids, counts) > 0) == (labels > 0)).sum())
    return right / len(reviews)


# Shakespeare, by letters and by words.


class _Task(NamedTuple):
    """How a text is read."""

    unit: float  # of a loss, in nats
    longest: int  # n-grams
    width: int  # H of the LSTM
    shape: tuple[int, int]  # of a batch, (B, L)
    epochs: int


LETTERS = _Task(unit=math.log(2), longest=8, width=256, shape=(32, 64), epochs=3)
WORDS = _Task(unit=1.0, longest=5, width=128, shape=(16, 32), epochs=2)


def shakespeare(*, seeds: Sequence[int] = (0, 1)) -> dict[str, list[float]]:
    """Let LSTMs and n-grams read nine tenths of Shakespeare's plays, and foretell the last tenth.

    They read them letter by letter, and word by word. Words are in lower case, and those that
    occur only once count as unknown; signs are words, and so is the end of a speech.

    Parameters
    ----------
    seeds
        One training of each LSTM for each.

    Returns
    -------
    dict
        The cross-entropy on the last tenth: ``"letters, LSTM"``, ``"letters, 1-grams"`` and so on
        in bits per letter, ``"words, LSTM"`` and so on in nats per word; ``"..., seconds"``: of
        an LSTM's training; ``"..., different"``: how many there are; ``"unknown"``: the share of
        the last tenth's words that are; ``"sample"``: 200 letters that the last LSTM wrote at
        temperature 0.8, each as the number of its character, as ``ord`` gives it.

    Raises
    ------
    NotThere
        If the text is not there.
    """
    text = real.text("tiny_shakespeare")
    cut = len(text) * 9 // 10
    parts = text[:cut], text[cut:]
    letters = Vocabulary(list(parts[0]), specials=())
    row, held = (torch.tensor([letters[letter] for letter in part]) for part in parts)
    by_letter, model = _race(LETTERS, row, held, letters, seeds)
    with seeded(0):
        start = torch.tensor([letters["\n"]], device=device())
        sample = generate(model, start, max_new_tokens=200, temperature=0.8)[1:]
    speeches = [_speeches(part) for part in parts]
    words = Vocabulary(chain.from_iterable(speeches[0]), min_freq=2, specials=("<eos>", "<unk>"))
    row, held = (one_row(part, words) for part in speeches)
    by_word, _ = _race(WORDS, row, held, words, seeds)
    return {
        **{f"letters, {key}": values for key, values in by_letter.items()},
        **{f"words, {key}": values for key, values in by_word.items()},
        "unknown": [float((held == words["<unk>"]).float().mean())],
        "sample": [float(ord(letters.token(int(id)))) for id in sample],
    }


def _speeches(text: str) -> list[list[str]]:
    """Return the words of each speech; an apostrophe belongs to its word."""
    return [re.findall(r"[a-z']+|[^\sa-z']", speech) for speech in text.lower().split("\n\n")]


def _race(
    task: _Task, row: Tensor, held: Tensor, vocabulary: Vocabulary, seeds: Sequence[int]
) -> tuple[dict[str, list[float]], LanguageModel]:
    """Let n-grams and LSTMs learn a row, and return their losses on another, and the last LSTM."""
    V = len(vocabulary)
    found = {"different": [float(V)]}
    for n in range(1, task.longest + 1):
        grams = KneserNey(n, vocabulary_size=V).fit(row)
        found[f"{n}-grams"] = [float(-grams.log_prob(held).mean()) / task.unit]
    (B, L), counts = task.shape, torch.bincount(row, minlength=V)
    columns = batches(row.to(device()), batch_size=B, length=L)
    for seed in seeds:
        with seeded(seed):
            model = LanguageModel(counts, 64, task.width).to(device())
        optimizer = torch.optim.Adam(model.parameters())
        cycle = OneCycleLR(optimizer, 1e-2, task.epochs * len(columns), pct_start=0.1)
        start = time.process_time()
        for _ in range(task.epochs):
            read_on(model, columns, optimizer, cycle)
        found.setdefault("seconds", []).append(time.process_time() - start)
        loss = float(-model.log_prob(held.to(device())).mean())
        found.setdefault("LSTM", []).append(loss / task.unit)
    return found, model


# An encyclopedia, row by row.


def wikitext_rows() -> dict[str, list[float]]:
    """Count what is in the rows of WikiText-2.

    Returns
    -------
    dict
        For the validation and the test part: how many rows, how many of them are empty or
        blank, how many are headings, and how many words there are, ``"<unk>"`` among them.

    Raises
    ------
    NotThere
        If the text is not there.
    """
    found: dict[str, list[float]] = {}
    for part in ("validation", "test"):
        rows = real.load("Salesforce/wikitext", part, config="wikitext-2-v1")["text"]
        words = [row.split() for row in rows]
        counts = {
            "rows": len(words),
            "empty": sum(not row for row in words),
            "headings": sum(row[:1] == ["="] for row in words),
            "words": sum(map(len, words)),
            "<unk>": sum(row.count("<unk>") for row in words),
        }
        found |= {f"{part}, {name}": [float(count)] for name, count in counts.items()}
    return found


REAL = {"imdb": imdb_bilstm, "shakespeare": shakespeare, "wikitext": wikitext_rows}
FULL = {"full": gaps}
CLAIMS = {"cells": cells}
