"""Keras reads IMDB, and pads the generated reviews before and behind: the long runs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from companion.data import grammar
from companion.keras_overview import READERS, classifier
from companion.runtime import seeded
from companion.text import Tokenizer, pad_sequences
from runs import imdb

SLOW = {"LSTM": 2e-3, "GRU": 2e-3}  # learning rates on IMDB; 1e-2 for the others


def on_imdb(
    *,
    vocabulary_size: int = 20_000,
    length: int = 200,
    held_back: int = 5_000,
    seeds: Sequence[int] = (0, 1, 2),
) -> dict[str, list[float]]:
    """Let the classifiers, and two linear ones, judge the film reviews of IMDB.

    The classifiers read the last ``length`` words of a review. The linear ones count words, or
    words and pairs of words, in just these, or in all of the review. All know the same words and
    learn from the same training reviews; those held back say when to stop, and the learning rates
    were chosen on them. One core takes ten minutes.

    Parameters
    ----------
    vocabulary_size
        V: padding, "unknown", and the V - 2 most frequent words.
    length
        T, in words.
    held_back
        How many training reviews not to train on.
    seeds
        One training for each. The linear ones know no chance.

    Returns
    -------
    dict
        ``"NAME accuracy"`` on the test reviews, ``"NAME time"`` of training, in multiples of the
        shortest, and ``"NAME parameters"``. The linear ones are called ``"words"``, ``"pairs"``,
        ``"words, all"`` and ``"pairs, all"``.

    Raises
    ------
    NotThere
        If the reviews are not there.
    """
    given, tokenizer = imdb.parts(held_back, vocabulary_size)
    ids = {name: tokenizer.texts_to_sequences(texts) for name, (texts, _) in given.items()}
    training, validation, test = (
        (pad_sequences(ids[name], length), labels) for name, (_, labels) in given.items()
    )
    found: dict[str, list[float]] = {}
    for name in READERS:
        for seed in seeds:
            with seeded(seed):
                model = classifier(name, vocabulary_size=vocabulary_size)
                seconds = _train(model, SLOW.get(name, 1e-2), training, validation)
            found.setdefault(f"{name} time", []).append(seconds)
            accuracy = model.evaluate(*test, batch_size=512, verbose=0)[1]
            found.setdefault(f"{name} accuracy", []).append(accuracy)
        found[f"{name} parameters"] = [model.count_params()]
    for ending, words in (("", slice(-length, None)), (", all", slice(None))):
        read = {
            name: (tokenizer.sequences_to_texts([row[words] for row in rows]), given[name][1])
            for name, rows in ids.items()
        }
        found |= _linear(read["train"], read["test"], ending)
    times = {key: found[key] for key in found if key.endswith("time")}
    shortest = min(map(min, times.values()))
    return found | {key: [t / shortest for t in times[key]] for key in times}


def padding(
    *, reviews: int = 4_000, lengths: Sequence[int] = (50, 120), seeds: Sequence[int] = range(5)
) -> dict[str, list[float]]:
    """Train an LSTM with padding before or behind, with and without a mask, on generated reviews.

    Parameters
    ----------
    reviews
        How many to train on, four times. Half as many test it.
    lengths
        T, to which the rows are padded or cut.
    seeds
        One training for each.

    Returns
    -------
    dict
        For each length and each of the four ways: the accuracies on the test reviews.
    """
    texts = grammar.reviews(reviews + reviews // 2, seed=1)
    labels = np.array([review.label for review in texts])
    tokenizer = Tokenizer(oov_token="<unk>")
    tokenizer.fit_on_texts([review.text for review in texts[:reviews]])
    ids = tokenizer.texts_to_sequences([review.text for review in texts])
    found: dict[str, list[float]] = {}
    ways = itertools.product(lengths, (("before", "pre"), ("behind", "post")), (True, False), seeds)
    for length, (where, side), mask, seed in ways:
        x = pad_sequences(ids, length, padding=side)
        with seeded(seed):
            embed = layers.Embedding(len(tokenizer.word_index) + 1, 32, mask_zero=mask)
            judge = layers.Dense(1, activation="sigmoid")
            model = keras.Sequential([embed, *READERS["LSTM"](32), judge])
            model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
            model.fit(x[:reviews], labels[:reviews], epochs=4, batch_size=100, verbose=0)
        p = model.predict(x[reviews:], batch_size=500, verbose=0)[:, 0]
        key = f"{length} numbers, zeros {where}, {'mask' if mask else 'no mask'}"
        found.setdefault(key, []).append(float(np.mean((p > 0.5) == labels[reviews:])))
    return found


def _train(
    model: Any, rate: float, training: tuple[Any, Any], validation: tuple[Any, Any]
) -> float:
    """Train until the validation loss rises, go back to the best epoch; return its seconds."""
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    options = {"epochs": 30, "batch_size": 512, "callbacks": [stop], "verbose": 0}
    start = time.process_time()
    model.fit(*training, validation_data=validation, **options)
    return time.process_time() - start


def _linear(
    training: tuple[Any, Any], test: tuple[Any, Any], ending: str
) -> dict[str, list[float]]:
    """Weigh the counts of words, or of words and pairs of words, the rare ones up, and add."""
    found: dict[str, list[float]] = {}
    for name, longest in (("words" + ending, 1), ("pairs" + ending, 2)):
        counts = TfidfVectorizer(
            token_pattern=r"\S+", ngram_range=(1, longest), min_df=5, sublinear_tf=True
        )
        model = make_pipeline(counts, LogisticRegression(C=10, max_iter=1_000))
        start = time.process_time()
        model.fit(*training)
        found[f"{name} time"] = [time.process_time() - start]
        found[f"{name} accuracy"] = [model.score(*test)]
        found[f"{name} parameters"] = [model[-1].n_features_in_ + 1]
    return found


REAL = {"imdb": on_imdb}
CLAIMS = {"padding": padding}
