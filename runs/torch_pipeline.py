"""The pipeline on real sentences: Rotten Tomatoes, read by networks and by linear models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch.utils.data import DataLoader

from companion.data import real
from companion.runtime import as_array, seeded
from companion.text import Vocabulary
from companion.torch_pipeline import (
    Buckets,
    Classifier,
    Reviews,
    collate,
    evaluate,
    judged,
    tokenize,
    train,
)

Part = tuple[list[str], list[int]]
PARTS = ("train", "validation", "test")
BOTH = "LSTM both ways"
# The settings, and the learning rate and decay of AdamW, that did best on the validation part.
READERS: Mapping[str, tuple[dict[str, Any], float, float, int]] = {
    "RNN": ({"kind": "RNN", "width": 64, "hidden": 64, "dropout": 0.5}, 3e-3, 0.0, 8),
    "LSTM": ({"kind": "LSTM", "width": 64, "hidden": 64, "dropout": 0.5}, 3e-3, 0.0, 6),
    BOTH: (
        {"width": 100, "hidden": 64, "dropout": 0.5, "bidirectional": True, "pool": "max"},
        3e-3,
        0.01,
        6,
    ),
}


def rotten_tomatoes(
    *,
    sentences: int | None = None,
    readers: Sequence[str] = tuple(READERS),
    seeds: Sequence[int] = (0, 1, 2),
) -> dict[str, list[float]]:
    """Let networks and linear models judge single sentences of real reviews.

    All know the words that occur twice or more in the training part, 10,000 at most. Networks
    stop at the epoch with the least loss on the validation part; the linear models' settings are
    those that do best on it. One core takes seven minutes.

    Parameters
    ----------
    sentences
        How many of each part to read; all if None.
    readers
        Which of the networks to train.
    seeds
        One training for each.

    Returns
    -------
    dict
        ``"NAME, validation"`` and ``"NAME, test"``, the accuracies. ``"LSTM both ways, all
        words"`` has a vocabulary of all three parts: the leak. ``"LSTM both ways, together"`` is
        the mean verdict of its trainings. ``"unknown words"`` is their share in the test part.

    Raises
    ------
    NotThere
        If the sentences are not there.
    """
    chosen = "" if sentences is None else f"[:{sentences}]"
    found = {part: _shuffled(part, chosen) for part in PARTS}
    words = [word for text in found["train"][0] for word in tokenize(text)]
    vocabulary = Vocabulary(words, max_size=10_000, min_freq=2)
    tested = [word for text in found["test"][0] for word in tokenize(text)]
    marks = {"unknown words": [float(np.mean([word not in vocabulary for word in tested]))]}
    for name in readers:
        marks |= _network(name, found, vocabulary, seeds)
    if BOTH in readers:
        every = [w for texts, _ in found.values() for text in texts for w in tokenize(text)]
        leak = _network(BOTH, found, Vocabulary(every), seeds)
        marks |= {
            key.replace(BOTH, f"{BOTH}, all words"): leak[key] for key in leak if "tog" not in key
        }
    for name, longest in (("words", 1), ("words and pairs", 2)):
        marks |= _linear(name, found, longest)
    return marks


def _shuffled(part: str, chosen: str) -> Part:
    """Return texts and labels of a part, which comes sorted by label, in an order of chance."""
    rows = real.load("cornell-movie-review-data/rotten_tomatoes", part)
    with seeded(0) as rng:
        order = rng.permutation(len(rows))[: int(chosen[2:-1]) if chosen else None]
    texts, labels = rows["text"], rows["label"]
    return [texts[int(i)] for i in order], [labels[int(i)] for i in order]


def _network(
    name: str, found: Mapping[str, Part], vocabulary: Vocabulary, seeds: Sequence[int]
) -> dict[str, list[float]]:
    """Train a network once for each seed, and judge each, and all of them together."""
    rows = {part: Reviews(*found[part], vocabulary) for part in PARTS}
    held, tested = (DataLoader(rows[part], 250, collate_fn=collate) for part in PARTS[1:])
    options, rate, decay, epochs = READERS[name]
    marks: dict[str, list[float]] = {f"{name}, validation": [], f"{name}, test": []}
    said = []
    for seed in seeds:
        with seeded(seed):
            model = Classifier(len(vocabulary), **options)
            adam = torch.optim.AdamW(model.parameters(), rate, weight_decay=decay)
            sampler = Buckets(rows["train"].lengths, 50)
            batches = DataLoader(rows["train"], batch_sampler=sampler, collate_fn=collate)
            train(model, batches, adam, validation=held, epochs=epochs)
        for part, judges in zip(PARTS[1:], (held, tested), strict=True):
            marks[f"{name}, {part}"].append(evaluate(model, judges)["accuracy"])
        logits, labels = judged(model, tested)
        said.append(as_array(logits.sigmoid()))
    together = (np.mean(said, axis=0) > 0.5) == as_array(labels)
    return marks | {f"{name}, together, test": [float(together.mean())]}


def _linear(name: str, found: Mapping[str, Part], longest: int) -> dict[str, list[float]]:
    """Weigh words, or words and pairs, with the settings that do best on the validation part."""
    tried = []
    for rare, strength in product((1, 2), (0.3, 1, 3, 10)):
        counts = TfidfVectorizer(
            tokenizer=tokenize,
            token_pattern=None,
            lowercase=False,
            ngram_range=(1, longest),
            min_df=rare,
            sublinear_tf=True,
        )
        model = make_pipeline(counts, LogisticRegression(C=strength, max_iter=1_000))
        model.fit(*found["train"])
        tried.append((float(model.score(*found["validation"])), model))
    score, best = max(tried, key=lambda pair: pair[0])
    return {f"{name}, validation": [score], f"{name}, test": [float(best.score(*found["test"]))]}


REAL = {"rotten_tomatoes": rotten_tomatoes}
