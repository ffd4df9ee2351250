"""Long runs on overfitting: every remedy on the same noisy reviews; how much data, what size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from companion.data import grammar, real
from companion.overfitting import (
    Batches,
    EarlyStopping,
    Reader,
    encode,
    learn,
    measure,
    random_deletion,
    random_insertion,
    random_swap,
    synonym_replacement,
    thesaurus,
)
from companion.runtime import seeded
from companion.text import Vocabulary

Tokens = Sequence[str]
Labelled = tuple[list[Tokens], list[int]]
Setting = Mapping[str, Any]
NOISE = 0.1  # the share of labels that is turned over
AUGMENT: dict[str, Callable[..., list[str]]] = {
    "synonyms": synonym_replacement,
    "insertions": random_insertion,
    "swaps": random_swap,
    "deletions": random_deletion,
}
# Each remedy with at most three strengths to choose from, a mild, a middle and a strong one.
REMEDIES: dict[str, list[Setting]] = {
    "nothing": [{}],
    "L1": [{"l1": x} for x in (0.03, 0.1, 0.2)],
    "L2 in the loss": [{"l2": x} for x in (3e-4, 1e-3, 3e-3)],
    "decay": [{"decay": x} for x in (1.0, 2.0, 4.0)],
    "dropout": [{"dropout": x} for x in (0.3, 0.5, 0.6)],
    "stop by loss": [{"patience": x, "monitor": "loss"} for x in (1, 3, 6)],
    "stop by accuracy": [{"patience": x, "monitor": "accuracy"} for x in (1, 3, 6)],
    "synonyms": [{"synonyms": x} for x in (0.2, 0.4, 0.8)],
    "deletions": [{"deletions": x} for x in (0.1, 0.3, 0.5)],
    "insertions": [{"insertions": x} for x in (0.05, 0.1, 0.2)],
    "swaps": [{"swaps": x} for x in (0.05, 0.1, 0.3)],
    "fewer units": [{"width": x} for x in (2, 4, 8)],
    "batch norm": [{"norm": True}],
    "attention": [{"attention": True}],
    "dropout, decay": [{"dropout": p, "decay": d} for p, d in ((0.3, 1.0), (0.5, 1.0), (0.5, 2.0))],
    "dropout, synonyms": [
        {"dropout": p, "synonyms": s} for p, s in ((0.3, 0.8), (0.5, 0.4), (0.5, 0.8))
    ],
    "dropout, decay, synonyms": [
        {"dropout": p, "decay": d, "synonyms": 0.8} for p, d in ((0.3, 1.0), (0.5, 1.0), (0.5, 2.0))
    ],
}


def trained(
    setting: Setting, train: Labelled, held_back: Labelled, *, seed: int, epochs: int = 15
) -> tuple[Reader, Vocabulary]:
    """Train one reader with one setting of the remedies."""
    given = dict(setting)
    changes = [(AUGMENT[name], given.pop(name)) for name in AUGMENT if name in given]
    words = [word for text in train[0] for word in text]
    if any(change in (synonym_replacement, random_insertion) for change, _ in changes):
        words += thesaurus()
    vocabulary = Vocabulary(words)
    patience, monitor = given.pop("patience", None), given.pop("monitor", "loss")
    prices = {name: given.pop(name) for name in ("l1", "l2", "decay") if name in given}
    with seeded(seed) as generator:
        model = Reader(len(vocabulary), **given)

        def augment(tokens: Tokens) -> Tokens:
            for change, rate in changes:
                tokens = change(tokens, rate=rate, generator=generator)
            return tokens

        batches = Batches(
            *train, vocabulary, augment=augment if changes else None, generator=generator
        )
        if patience is None:
            learn(model, batches, epochs=epochs, **prices)
            return model, vocabulary
        mode = "max" if monitor == "accuracy" else "min"
        stop = EarlyStopping(patience, model=model, monitor=f"held {monitor}", mode=mode)
        validate = partial(_held, ids=encode(held_back[0], vocabulary), labels=held_back[1])
        learn(model, batches, epochs=epochs, validate=validate, stop=stop, **prices)
        stop.restore()
    return model, vocabulary


def _held(model: torch.nn.Module, *, ids: Tensor, labels: list[int]) -> dict[str, float]:
    """Measure a model on what is held back, under names of its own."""
    found = measure(model, ids, torch.tensor(labels))
    return {f"held {name}": value for name, value in found.items()}


def _score(pair: tuple[Reader, Vocabulary], part: Labelled) -> dict[str, float]:
    """Measure a reader on labelled texts."""
    model, vocabulary = pair
    return measure(model, encode(part[0], vocabulary), torch.tensor(part[1]))


def _drawn(n: int, *, seed: int, noise: float = 0.0) -> Labelled:
    """Return generated reviews and their labels."""
    reviews = grammar.reviews(n, seed=seed, label_noise=noise)
    return [review.tokens for review in reviews], [review.label for review in reviews]


def _cut(part: Labelled, *at: int) -> Labelled:
    """Return some of the texts with their labels."""
    return part[0][slice(*at)], part[1][slice(*at)]


def _compared(
    remedies: Mapping[str, Sequence[Setting]],
    parts: tuple[Labelled, Labelled, Labelled],
    seed: int,
    found: dict[str, list[float]],
) -> None:
    """Give each remedy its strength on what is held back, and measure the winner on the test."""
    train, held_back, test = parts
    trained({}, train, held_back, seed=seed, epochs=1)  # whatever is slow the first time
    plain = 0.0
    for name, settings in remedies.items():
        tried = []
        for setting in settings:
            start = time.process_time()
            pair = trained(setting, train, held_back, seed=seed)
            took = time.process_time() - start
            tried.append((_score(pair, held_back)["accuracy"], took, pair))
        held, _, pair = max(tried, key=lambda each: each[0])
        plain = plain or tried[0][1]
        on_test = _score(pair, test)
        for key, value in {
            name: on_test["accuracy"],
            f"{name}, loss": on_test["loss"],
            f"{name}, held back": held,
            f"{name}, training": _score(pair, train)["accuracy"],
            f"{name}, time": sum(took for _, took, _ in tried) / plain,
        }.items():
            found.setdefault(key, []).append(value)


def ranking(
    *,
    train: int = 750,
    held_back: int = 250,
    test: int = 2000,
    more: Sequence[int] = (1000, 1500),
    remedies: Mapping[str, Sequence[Setting]] = REMEDIES,
    seeds: Iterable[int] = range(6),
) -> dict[str, list[float]]:
    """Try every remedy on the same noisy reviews, and more reviews without any.

    Parameters
    ----------
    train, held_back
        How many labelled reviews there are to learn from and to choose by; a tenth of the labels
        of both is wrong.
    test
        How many reviews, with right labels, measure the winners.
    more
        How many reviews to learn from without a remedy and without choosing.
    remedies
        Name to the settings to choose from.
    seeds
        New reviews, first weights and order for each.

    Returns
    -------
    dict
        For each remedy, ``"NAME"``: the accuracies on the test; ``"NAME, loss"``: that on the
        test; ``"NAME, held back"``: the accuracy by which it was chosen; ``"NAME, training"``:
        that on what it learned from; ``"NAME, time"``: processor time of all its trainings, in
        multiples of one without remedies. ``"1500 reviews"`` and so on: accuracies.
    """
    found: dict[str, list[float]] = {}
    for seed in seeds:
        everything = _drawn(max(train + held_back, *more), seed=seed, noise=NOISE)
        parts = _cut(everything, train), _cut(everything, train, train + held_back)
        exam = _drawn(test, seed=500 + seed)
        _compared(remedies, (*parts, exam), seed, found)
        for n in more:
            pair = trained({}, _cut(everything, n), parts[1], seed=seed)
            found.setdefault(f"{n} reviews", []).append(_score(pair, exam)["accuracy"])
    return found


def causes(
    *,
    sizes: Sequence[int] = (375, 750, 1500, 3000, 6000),
    widths: Sequence[int] = (1, 2, 4, 8, 16, 32, 64),
    test: int = 2000,
    seeds: Iterable[int] = range(3),
) -> dict[str, list[float]]:
    """Vary how many reviews there are, and how many units the reader has.

    Parameters
    ----------
    sizes
        How many reviews 16 units learn from, without a remedy and with dropout.
    widths
        How many units learn from 750 reviews.
    test, seeds
        As for :func:`ranking`.

    Returns
    -------
    dict
        ``"N reviews"``, ``"N reviews, dropout"``, ``"N reviews, right labels"`` for the fewest
        and the most, and ``"N units"``: accuracies on the test, and the same with
        ``", training"``.
    """
    found: dict[str, list[float]] = {}
    runs: dict[str, tuple[int, Setting]] = {f"{n} reviews": (n, {}) for n in sizes}
    runs |= {f"{n} reviews, dropout": (n, {"dropout": 0.5}) for n in sizes}
    runs |= {f"{n} reviews, right labels": (n, {}) for n in (sizes[0], sizes[-1])}
    runs |= {f"{width} units": (750, {"width": width}) for width in widths}
    for seed in seeds:
        everything = _drawn(max(750, *sizes), seed=seed, noise=NOISE)
        clean = _drawn(max(sizes), seed=seed)
        exam = _drawn(test, seed=500 + seed)
        for name, (n, setting) in runs.items():
            part = _cut(clean if name.endswith("right labels") else everything, n)
            pair = trained(setting, part, part, seed=seed)
            found.setdefault(name, []).append(_score(pair, exam)["accuracy"])
            found.setdefault(f"{name}, training", []).append(_score(pair, part)["accuracy"])
    return found


def rotten_tomatoes(
    *, train: int = 750, held_back: int = 250, seeds: Iterable[int] = range(4)
) -> dict[str, list[float]]:
    """Try the remedies that need no thesaurus on sentences of critics, all with right labels.

    Parameters
    ----------
    train, held_back
        How many to learn from and to choose by, drawn anew for each seed.
    seeds
        As for :func:`ranking`.

    Returns
    -------
    dict
        As for :func:`ranking`, measured on the 1,066 sentences of the test part.

    Raises
    ------
    NotThere
        If the sentences are not there.
    """
    given = {}
    for part in ("train", "test"):
        rows = real.load("cornell-movie-review-data/rotten_tomatoes", part)
        given[part] = [text.split() for text in rows["text"]], list(rows["label"])
    out = {"L1", "synonyms", "insertions", "fewer units"}
    remedies = {name: r for name, r in REMEDIES.items() if not out & set(name.split(", "))}
    found: dict[str, list[float]] = {}
    for seed in seeds:
        with seeded(seed) as generator:
            rows = generator.permutation(len(given["train"][0]))[: train + held_back]
        mixed = [given["train"][0][i] for i in rows], [given["train"][1][i] for i in rows]
        parts = _cut(mixed, train), _cut(mixed, train, train + held_back)
        _compared(remedies, (*parts, given["test"]), seed, found)
        pair = trained({}, given["train"], parts[1], seed=seed) if seed == 0 else None
        if pair is not None:
            found["8530 reviews"] = [_score(pair, given["test"])["accuracy"]]
    return found


REAL = {"rotten_tomatoes": rotten_tomatoes}
CLAIMS = {"ranking": ranking, "causes": causes}
