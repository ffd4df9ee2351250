"""Word vectors from the same texts: ours, gensim's, GloVe's own program; time and quality.

python -m benchmarks.embeddings --impl ours --size skip-gram
COMPANION_GLOVE=path/of/glove python -m benchmarks.embeddings --impl program --size glove
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from companion.data import grammar
from companion.embeddings import (
    WordVectors,
    analogies_solved,
    cbow,
    cooccurrence,
    glove,
    precision_at,
    skip_gram,
)

SEED = 1990  # of texts on which nothing was chosen
REVIEWS = 23_700  # about two million words
EPOCHS = {"skip-gram": 3, "cbow": 3, "glove": 10}
# The best of five learning rates for each side, by precision on texts of another seed.
RATES = {
    ("ours", "skip-gram"): 0.05,
    ("ours", "cbow"): 0.3,
    ("ours", "glove"): 0.1,
    ("gensim", "skip-gram"): 0.035,
    ("gensim", "cbow"): 0.1,
    ("program", "glove"): 0.05,
}
Texts = list[list[str]]
Job = Callable[[Texts, str, float], tuple[WordVectors, float]]  # -> vectors, seconds


def ours(texts: Texts, size: str, rate: float) -> tuple[WordVectors, float]:
    """Train by companion.embeddings; of GloVe the counting is not timed."""
    learn: Any = {"skip-gram": skip_gram, "cbow": cbow, "glove": glove}[size]
    marks: list[float] = []
    start = time.process_time()
    vectors = learn(
        texts,
        epochs=EPOCHS[size],
        rate=rate,
        watch=lambda epoch, v: marks.append(time.process_time()),
    )
    if size == "glove":  # from the end of the first epoch to that of the last
        return vectors, (marks[-1] - marks[0]) * len(marks) / (len(marks) - 1)
    return vectors, time.process_time() - start


def gensim(texts: Texts, size: str, rate: float) -> tuple[WordVectors, float]:
    """Train by gensim's Word2Vec, on one thread."""
    from gensim.models import Word2Vec

    start = time.process_time()
    model = Word2Vec(
        texts,
        vector_size=100,
        window=5,
        sg=int(size == "skip-gram"),
        min_count=1,
        epochs=EPOCHS[size],
        workers=1,
        alpha=rate,
        min_alpha=rate / 100,
        sample=1e-3,
        negative=5,
        seed=1,
    )
    return WordVectors(model.wv.index_to_key, model.wv.vectors), time.process_time() - start


def program(texts: Texts, size: str, rate: float) -> tuple[WordVectors, float]:
    """Train by the C program of GloVe that COMPANION_GLOVE names, on counts that we wrote."""
    binary = os.environ.get("COMPANION_GLOVE")
    if size != "glove" or not binary:
        raise SystemExit("compile glove.c of Stanford's GloVe, and name it in COMPANION_GLOVE")
    words, counts = cooccurrence(texts)
    pairs = counts.tocoo()
    order = np.random.default_rng(0).permutation(pairs.nnz)
    record = np.zeros(pairs.nnz, dtype=[("i", "<i4"), ("j", "<i4"), ("x", "<f8")])
    record["i"], record["j"], record["x"] = pairs.row + 1, pairs.col + 1, pairs.data
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        record[order].tofile(place / "pairs.bin")
        (place / "vocab.txt").write_text("".join(f"{w} 1\n" for w in words), encoding="utf-8")
        given = {
            "input-file": place / "pairs.bin",
            "vocab-file": place / "vocab.txt",
            "save-file": place / "vectors",
            "vector-size": 100,
            "threads": 1,
            "iter": EPOCHS[size],
            "eta": rate,
            "binary": 0,
            "verbose": 0,
        }
        options = [text for name, value in given.items() for text in (f"-{name}", str(value))]
        before = os.times().children_user
        subprocess.run([binary, *options], check=True, capture_output=True)
        seconds = os.times().children_user - before
        lines = (place / "vectors.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split(" ") for line in lines[: len(words)]]  # an unknown word comes last
    return WordVectors(words, [[float(x) for x in row[1:]] for row in rows]), seconds


SIDES: dict[str, Job] = {"ours": ours, "gensim": gensim, "program": program}


def measure(impl: str, size: str, *, count: int = REVIEWS, seed: int = SEED) -> dict[str, Any]:
    """Return time for a million words and a pass, and how good the vectors are."""
    texts = [review.tokens for review in grammar.reviews(count, seed=seed)]
    vectors, seconds = SIDES[impl](texts, size, RATES[impl, size])
    passes = EPOCHS[size] * sum(map(len, texts)) / 1e6
    return {
        "impl": impl,
        "size": size,
        "ms": 1e3 * seconds / (EPOCHS[size] if size == "glove" else passes),
        "precision": precision_at(vectors, grammar.groups()),
        "analogies": analogies_solved(vectors, grammar.analogies()),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--impl", choices=list(SIDES), default="ours")
    parser.add_argument("--size", choices=list(EPOCHS), default="skip-gram")
    choice = parser.parse_args()
    print(json.dumps(measure(choice.impl, choice.size)))
