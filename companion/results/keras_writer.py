"""A writer in Keras: windows of words, the word that follows each, and two layers of LSTM."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from companion.data import grammar
from companion.runtime import seeded
from companion.text import Tokenizer

__all__ = ["next_word", "word_windows", "writer"]


def word_windows(
    rows: Sequence[Sequence[int]], length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return every window of so many words, and the word that follows each.

    Parameters
    ----------
    rows
        Token ids, one row for each text; no window reaches from one into the next.
    length
        T, how many words a window has.

    Returns
    -------
    x, y : ndarray
        Shapes (N, T) and (N,).

    Raises
    ------
    ValueError
        If no row is longer than a window.

    Examples
    --------
    >>> x, y = word_windows([[3, 1, 4, 1, 5], [9, 2]], 3)
    >>> x.tolist(), y.tolist()
    ([[3, 1, 4], [1, 4, 1]], [1, 5])
    """
    found = [row[i : i + length + 1] for row in rows for i in range(len(row) - length)]
    if length < 1 or not found:
        raise ValueError(f"rows must have more words than length, 1 or more, got {length}")
    both = np.array(found)
    return both[:, :-1], both[:, -1]


def writer(words: int) -> Any:
    """Return a Keras model that reads windows of words and says how probable each next one is.

    Parameters
    ----------
    words
        V, how many numbers the tokenizer gives; windows (B, T) become probabilities (B, V).
    """
    model = keras.Sequential(
        [
            layers.Embedding(words, 32),
            layers.LSTM(48, return_sequences=True),
            layers.LSTM(48),
            layers.Dense(words, activation="softmax"),
        ]
    )
    adam = keras.optimizers.Adam(0.005)
    model.compile(adam, loss="sparse_categorical_crossentropy")
    return model


def next_word(
    *, seeds: Sequence[int] = range(3), train: int = 6000, test: int = 500, words: int = 1000
) -> dict[str, list[float]]:
    """Train writers for one pass over all windows of 25 words of some reviews.

    Parameters
    ----------
    seeds
        One training for each of them.
    train, test
        How many reviews to learn from and to test on.
    words
        How many numbers the tokenizer gives.

    Returns
    -------
    dict
        The cross-entropy of the next word on the test windows, in nats, and the seconds of
        training, one number for each seed; what the frequencies of the words alone reach; and how
        many windows there were.
    """
    texts = [" ".join(r.tokens) for r in grammar.reviews(train + test, seed=8)]
    tokenizer = Tokenizer(num_words=words, oov_token="<unk>")
    tokenizer.fit_on_texts(texts[:train])
    rows = tokenizer.texts_to_sequences(texts)
    (x, y), (asked, truth) = (word_windows(part, 25) for part in (rows[:train], rows[train:]))
    counts = np.bincount(y, minlength=words) + 0.1
    found: dict[str, list[float]] = {"writer": [], "seconds": []}
    for seed in seeds:
        with seeded(seed):
            model = writer(words)
            start = time.process_time()
            model.fit(x, y, batch_size=64, verbose=0)
            found["seconds"].append(time.process_time() - start)
        p = model.predict(asked, batch_size=500, verbose=0)
        found["writer"].append(float(-np.log(p[np.arange(len(truth)), truth]).mean()))
    found["frequencies"] = [float(-np.log(counts / counts.sum())[truth].mean())]
    found["windows"] = [float(len(x))]
    return found
