"""Fit, encode and pad 50,000 lines of made-up words: our tokenizer, Keras-Preprocessing.

python -m benchmarks.text --impl ours
"""

from __future__ import annotations

import argparse
import json
import statistics
import string
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

IMPLS = ("ours", "keras-preprocessing")
SIZES = {"lines": (50_000, 30_000)}  # lines, different words
NUM_WORDS, MAXLEN, REPEATS = 10_000, 20, 3
Job = Callable[[list[str]], Any]  # texts -> padded ids (N, T)


def corpus(size: str) -> list[str]:
    """Return lines of 3 to 25 words, the k-th word with a frequency that falls like 1/k."""
    lines, words = SIZES[size]
    rng = np.random.default_rng(2026)
    letters = rng.choice(list(string.ascii_lowercase), (words, 10))
    names = ["".join(row[:n]) for row, n in zip(letters, rng.integers(2, 11, words), strict=True)]
    falling = 1 / np.arange(1, words + 1)
    lengths = rng.integers(3, 26, lines)
    drawn = rng.choice(words, lengths.sum(), p=falling / falling.sum())
    marks = rng.choice(["", ",", ";", "'s", " -"], drawn.size, p=[0.85, 0.08, 0.02, 0.03, 0.02])
    tokens = [names[i] + mark for i, mark in zip(drawn, marks, strict=True)]
    ends = np.cumsum(lengths)
    return [
        f"{' '.join(tokens[end - n : end]).capitalize()}."
        for n, end in zip(lengths, ends, strict=True)
    ]


def ours() -> Job:
    """Return the job done by companion.text."""
    from companion.text import Tokenizer, pad_sequences

    def job(texts: list[str]) -> Any:
        tokenizer = Tokenizer(NUM_WORDS, oov_token="<unk>")
        tokenizer.fit_on_texts(texts)
        return pad_sequences(tokenizer.texts_to_sequences(texts), MAXLEN)

    return job


def keras_preprocessing() -> Job:
    """Return the job done by Keras-Preprocessing."""
    from keras_preprocessing.sequence import pad_sequences
    from keras_preprocessing.text import Tokenizer

    vars(np).setdefault("unicode_", np.str_)  # a name of NumPy 1, which its padding asks for

    def job(texts: list[str]) -> Any:
        tokenizer = Tokenizer(NUM_WORDS, oov_token="<unk>")
        tokenizer.fit_on_texts(texts)
        return pad_sequences(tokenizer.texts_to_sequences(texts), MAXLEN)

    return job


def measure(impl: str, size: str) -> dict[str, Any]:
    """Return the median time of the whole job, and a checksum of the padded ids."""
    job = {"ours": ours, "keras-preprocessing": keras_preprocessing}[impl]()
    texts = corpus(size)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        padded = job(texts)
        times.append(time.perf_counter() - start)
    seconds = statistics.median(times)
    return {
        "impl": impl,
        "size": size,
        "ms": 1e3 * seconds,
        "lines_per_second": round(len(texts) / seconds),
        "checksum": f"{zlib.crc32(padded.tobytes()):08x}",
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--impl", choices=IMPLS, required=True)
    parser.add_argument("--size", choices=list(SIZES), default="lines")
    choice = parser.parse_args()
    print(json.dumps(measure(choice.impl, choice.size)))
