"""Long runs on word vectors: how much text, how wide, how long, and what people say of them."""

from __future__ import annotations

import csv
import os
import re
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from companion.data import grammar, real
from companion.embeddings import WordVectors, cbow, glove, precision_at, skip_gram
from runs import imdb


def sizes(*, seeds: Sequence[int] = range(3), base: int = 4_000) -> dict[str, list[float]]:
    """Train skip-gram on generated reviews, each time with one setting changed.

    Parameters
    ----------
    seeds
        One corpus and one training for each.
    base
        How many reviews, where that is not what changes; five epochs, a window of 5, D = 100.

    Returns
    -------
    dict
        Setting to precision at 3, one for each seed. Words of the answer key are those of the
        smallest corpus, so that all settings are asked the same.
    """
    trials: dict[str, tuple[int, dict[str, Any]]] = {
        "a quarter of the text": (base // 4, {}),
        "the usual": (base, {}),
        "four times the text": (4 * base, {}),
        "window 1": (base, {"window": 1}),
        "window 2": (base, {"window": 2}),
        "window 10": (base, {"window": 10}),
        "window 20": (base, {"window": 20}),
        "10 numbers": (base, {"dim": 10}),
        "30 numbers": (base, {"dim": 30}),
        "300 numbers": (base, {"dim": 300}),
        "1 epoch": (base, {"epochs": 1}),
        "20 epochs": (base, {"epochs": 20}),
    }
    found: dict[str, list[float]] = {}
    for seed in seeds:
        texts = [r.tokens for r in grammar.reviews(4 * base, seed=300 + seed)]
        known = {word for text in texts[: base // 4] for word in text}
        key = {g: [w for w in ws if w in known] for g, ws in grammar.groups().items()}
        for name, (count, options) in trials.items():
            vectors = skip_gram(texts[:count], seed=seed, **options)
            found.setdefault(name, []).append(precision_at(vectors, key))
    return found


def judged(*, size: int = 10_000, seeds: Sequence[int] = range(3)) -> dict[str, list[float]]:
    """Train on real texts, and compare cosines with what people say of pairs of words.

    The pairs, WordSim-353, and the analogies come with gensim; ``COMPANION_WORDS`` may name a
    folder that holds ``wordsim353.tsv`` and ``questions-words.txt`` instead.

    Parameters
    ----------
    size
        Reviews of IMDB to learn from, at most.
    seeds
        One training for each.

    Returns
    -------
    dict
        For each text and method the rank correlation over the pairs whose words both have vectors,
        their share, and the share of analogies solved among the most frequent 10,000 words.

    Raises
    ------
    NotThere
        If a text, or the pairs, are not there.
    """
    pairs, questions = _pairs(), _questions()
    texts = {"WikiText-2": _wikitext(), "IMDB": _imdb(size)}
    found: dict[str, list[float]] = {}
    for name, sentences in texts.items():
        found[f"{name}, million words"] = [sum(map(len, sentences)) / 1e6]
        for method in (skip_gram, cbow, glove):
            epochs = 15 if method is glove else 5
            for seed in seeds if method is skip_gram else seeds[:1]:
                start = time.process_time()
                vectors = method(sentences, epochs=epochs, min_count=5, seed=seed)
                seen = {
                    "WordSim-353": _agreement(vectors, pairs),
                    "analogies": _solved(vectors, questions),
                    "minutes": (time.process_time() - start) / 60,
                }
                for what, value in seen.items():
                    key = f"{name}, {method.__name__.replace('_', '-')}, {what}"
                    found.setdefault(key, []).append(value)
        both = [p for p in pairs if p[0] in vectors and p[1] in vectors]
        found[f"{name}, share of pairs with vectors"] = [len(both) / len(pairs)]
    return found


def _words(text: str) -> list[str]:
    """Cut a text into lower-case words."""
    return re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower())


def _wikitext() -> list[list[str]]:
    """Return the articles of WikiText-2, validation and test part, paragraph by paragraph."""
    rows: list[str] = []
    for part in ("validation", "test"):
        rows += real.load("Salesforce/wikitext", part, config="wikitext-2-v1")["text"]
    return [words for row in rows if len(words := _words(row)) > 1]


def _imdb(size: int) -> list[list[str]]:
    """Return the training reviews of IMDB."""
    texts, _ = imdb.reviews("train")
    return [_words(text) for text in texts[:: max(1, len(texts) // size)]]


def _file(name: str) -> Path:
    """Return where a list of pairs or questions lies."""
    folder = os.environ.get("COMPANION_WORDS")
    library = find_spec("gensim")
    if folder is None and library is not None and library.origin:
        folder = str(Path(library.origin).parent / "test" / "test_data")
    path = Path(folder or ".") / name
    if not path.exists():
        raise real.NotThere(f"{name} comes with gensim: install it, or set COMPANION_WORDS")
    return path


def _pairs() -> list[tuple[str, str, float]]:
    """Return pairs of words and how related people find them, 0 to 10."""
    with _file("wordsim353.tsv").open(encoding="utf-8") as file:
        rows = [row for row in csv.reader(file, delimiter="\t") if len(row) == 3]
    return [(a.lower(), b.lower(), float(x)) for a, b, x in rows if x[:1].isdigit()]


def _questions() -> list[list[str]]:
    """Return analogies of four words."""
    lines = _file("questions-words.txt").read_text(encoding="utf-8").lower().splitlines()
    return [line.split() for line in lines if not line.startswith(":")]


def _agreement(vectors: WordVectors, pairs: Sequence[tuple[str, str, float]]) -> float:
    """Return Spearman's correlation of cosines with ratings."""
    both = [(vectors.similarity(a, b), x) for a, b, x in pairs if a in vectors and b in vectors]
    return float(spearmanr(*np.transpose(both)).statistic)


def _solved(vectors: WordVectors, questions: Sequence[Sequence[str]]) -> float:
    """Return the share of analogies solved, among frequent words."""
    from companion.embeddings import analogies_solved

    frequent = WordVectors(vectors.words[:10_000], vectors.vectors[:10_000])
    return analogies_solved(frequent, questions)


CLAIMS = {"sizes": sizes}
REAL = {"real": judged}
