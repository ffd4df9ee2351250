"""A long run on real text: a map of film reviews, labelled with their words."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import normalize

from companion.runtime import seeded
from companion.som import SelfOrganizingMap, quantization_error, topographic_error
from runs import imdb


def reviews(
    *, seeds: Sequence[int] = (0, 1, 2), side: int = 10, size: int = 25_000
) -> dict[str, list[float]]:
    """Lay maps over the IMDB reviews, see their words and how liked the films of each unit are.

    tf-idf with logarithmic counts, 100 directions of it (latent semantic analysis), length 1, and
    then hexagonal maps that begin with samples. The labels of the reviews are only looked at
    when a map has learned: a unit says of a test review what most of its training reviews are.

    Parameters
    ----------
    seeds
        One map each.
    side
        Rows and columns of a map.
    size
        Reviews to learn from and to test on, at most; 25,000 are all.

    Returns
    -------
    dict
        Errors and accuracies, one for each seed; the same for k-means with as many centres; for
        each unit of the first map that has reviews, "row,column" and its three words to the
        number of reviews and the share of positive ones; seconds.

    Raises
    ------
    NotThere
        If the reviews are not there.
    """
    start = time.process_time()
    (texts, y), (texts_test, y_test) = (_some(part, size) for part in ("train", "test"))
    counts = TfidfVectorizer(
        min_df=50, max_df=0.2, sublinear_tf=True, token_pattern=r"[a-z]{3,}"
    ).fit(texts)
    directions = make_pipeline(counts, TruncatedSVD(100, random_state=0)).fit(texts)
    x, x_test = (
        normalize(directions.transform(part)).astype(np.float32) for part in (texts, texts_test)
    )
    found: dict[str, list[float]] = {"seconds for tf-idf": [time.process_time() - start]}
    for seed in seeds:
        start = time.process_time()
        som = SelfOrganizingMap(
            side, side, epochs=30, seed=seed, grid="hexagonal", initial="samples", sigma=(5, 0.7)
        ).fit(x)
        units, units_test = (
            np.ravel_multi_index(som.transform(part).T, (side, side)) for part in (x, x_test)
        )
        kmeans = KMeans(side * side, n_init=1, random_state=seed).fit(x)
        seen = {
            "seconds for a map": time.process_time() - start,
            "quantization error": quantization_error(som, x),
            "quantization error, test": quantization_error(som, x_test),
            "topographic error, test": topographic_error(som, x_test),
            "accuracy, test": _accuracy(units, units_test, y, y_test),
            "k-means: quantization error, test": float(kmeans.transform(x_test).min(1).mean()),
            "k-means: accuracy, test": _accuracy(kmeans.labels_, kmeans.predict(x_test), y, y_test),
        }
        for name, value in seen.items():
            found.setdefault(name, []).append(value)
        if seed == seeds[0]:
            labels = _labels(units, counts, texts, y, side)
    return {**found, **labels}


def _some(part: str, size: int) -> tuple[list[str], np.ndarray]:
    """Return so many reviews of a part, drawn by chance, and their labels."""
    texts, labels = imdb.reviews(part)
    with seeded(0) as rng:
        chosen = rng.permutation(len(texts))[:size]
    return [texts[i] for i in chosen], labels[chosen]


def _accuracy(units: np.ndarray, units_test: np.ndarray, y: np.ndarray, truth: np.ndarray) -> float:
    """Return how often the majority of a unit's reviews says what a test review is."""
    size = max(units.max(), units_test.max()) + 1
    share = np.bincount(units, y, minlength=size) / np.maximum(
        np.bincount(units, minlength=size), 1
    )
    return float(((share[units_test] > 0.5) == truth).mean())


def _labels(
    units: np.ndarray, counts: TfidfVectorizer, texts: list[str], y: np.ndarray, side: int
) -> dict[str, list[float]]:
    """Return for each unit its place and the three words that stand out, with what it holds."""
    table, words = counts.transform(texts), counts.get_feature_names_out()
    usual = np.asarray(table.mean(0)).ravel()
    found = {}
    for unit in np.unique(units):
        here = units == unit
        excess = np.asarray(table[here].mean(0)).ravel() - usual
        row, column = divmod(int(unit), side)
        label = f"{row},{column} " + " ".join(words[np.argsort(-excess)[:3]])
        found[label] = [float(here.sum()), float(y[here].mean())]
    return found


REAL = {"reviews": reviews}
