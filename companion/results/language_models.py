"""Language models on the book's reviews: what more text brings, and what each cell remembers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from companion.data import grammar
from companion.language_model import (
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
from companion.text import Vocabulary

__all__ = ["cells", "gaps"]

DISTANCES = 0, 4, 8, 12, 16, 24


def gaps(
    *,
    tokens: Sequence[int] = (250_000, 500_000, 1_000_000, 2_000_000),
    width: int = 128,
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
        *she* or the other way round where a person comes back; how many nats per token the earlier
        sentences of a text are worth to it; the amounts of text, and the seconds that each
        training took. One number for each amount.
    """
    oracle, vocabulary = grammar.oracle(), _vocabulary()
    held = [review.tokens for review in grammar.reviews(test, seed=2)]
    ids = one_row(held, vocabulary)
    best = -sum(map(oracle.log_prob, held)) / (len(ids) - 1)
    text = _text(max(tokens))
    persons = pronouns(review.tokens for review in grammar.reviews(4 * test, seed=2))
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

    ``"LSTM, open"`` begins with forget gates that are open: a bias of 1 where torch has about 0.

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
    ids = one_row((review.tokens for review in grammar.reviews(500, seed=2)), vocabulary)
    tests = {
        d: agreements((r.tokens for r in grammar.reviews(1000, seed=3, distance=d)), distance=d)
        for d in DISTANCES
    }
    found: dict[str, list[float]] = {}
    for cell in ("RNN", "GRU", "LSTM", "LSTM, open"):
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
    reviews = grammar.reviews(tokens // 50, seed=1)
    return one_row((review.tokens for review in reviews), _vocabulary())[:tokens]


def _trained(text: Tensor, *, width: int, cell: str, seed: int) -> LanguageModel:
    """Return a language model after one pass over a text, trained as in the chapter."""
    rows = batches(text.to(device()), batch_size=16, length=32)
    counts = torch.bincount(text, minlength=len(_vocabulary()))
    with seeded(seed):
        model = LanguageModel(counts, width // 4, width, cell=cell.removesuffix(", open"))
    if cell == "LSTM, open":
        model.layers.get_parameter("bias_ih_l0").data[width : 2 * width] = 1
    model.to(device())
    rate = 2 / width  # wide layers want small steps
    optimizer = torch.optim.AdamW(model.parameters(), rate)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, len(rows), pct_start=0.1)
    read_on(model, rows, optimizer, cycle)
    return model
