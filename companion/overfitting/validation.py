"""Choose honestly: folds that take turns, strengths drawn on a logarithmic scale, a test within."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from companion._numbers import number
from companion.runtime import seeded, whole

__all__ = ["k_fold", "log_uniform", "nested"]

Rows = NDArray[np.int64]
Choice = TypeVar("Choice")


def k_fold(n: int, *, k: int, seed: int) -> list[tuple[Rows, Rows]]:
    """Cut n examples into k parts at random, each of which is held back once.

    Parameters
    ----------
    n
        How many examples.
    k
        How many parts, 2 to n. Their sizes differ by one at most.
    seed
        Shuffles the examples.

    Returns
    -------
    list of (train, held back)
        k pairs of row numbers in ascending order. Each row is held back in one pair, and trained
        on in all others.

    Raises
    ------
    TypeError, ValueError
        If k is not from 2 to n.

    References
    ----------
    Stone (1974). The chapter on overfitting.

    Examples
    --------
    >>> [(len(train), len(held)) for train, held in k_fold(10, k=4, seed=0)]
    [(7, 3), (7, 3), (8, 2), (8, 2)]
    """
    whole("n", n, 0)
    if not 2 <= whole("k", k, 0) <= n:
        raise ValueError(f"k must be from 2 to n, got k={k} for n={n} examples")
    with seeded(seed) as generator:
        order = generator.permutation(n)
    parts = [np.sort(part) for part in np.array_split(order, k)]
    return [(np.setdiff1d(order, part), part) for part in parts]


def log_uniform(
    low: float, high: float, *, generator: np.random.Generator, size: int | None = None
) -> Any:
    r"""Draw numbers of any order of magnitude alike: their logarithm is uniform.

    Parameters
    ----------
    low, high
        The range, above 0.
    generator
        Draws them.
    size
        How many; None for one.

    Returns
    -------
    float, or ndarray of shape (size,)

    Raises
    ------
    TypeError, ValueError
        If it is no range above 0.

    References
    ----------
    Bergstra and Bengio (2012). The chapter on overfitting.

    Examples
    --------
    >>> draws = log_uniform(1e-4, 1, generator=np.random.default_rng(0), size=1000)
    >>> 0.4 < float((draws < 1e-2).mean()) < 0.6
    True
    """
    number("low", low, "above 0 and finite", lambda x: 0 < x < math.inf)
    number("high", high, "low or more, and finite", lambda x: low <= x < math.inf)
    drawn = np.exp(generator.uniform(math.log(low), math.log(high), size))
    return float(drawn) if size is None else drawn


def nested(
    score: Callable[[Choice, Rows, Rows], float],
    choices: Sequence[Choice],
    n: int,
    *,
    outer: int,
    inner: int,
    seed: int,
) -> tuple[float, float]:
    """Measure what choosing by cross-validation is worth, on examples that did not choose.

    For each outer fold the choice that is best over the inner folds of the rest is trained on all
    of the rest and scored on the fold.

    Parameters
    ----------
    score
        Called as ``score(choice, train, held_back)`` with row numbers; larger is better.
    choices
        What can be chosen, one or more.
    n
        How many examples.
    outer, inner
        How many folds, 2 or more.
    seed
        Shuffles the examples.

    Returns
    -------
    chosen, honest : float
        The mean score of the winners on the folds that chose them, and on the outer folds.

    Raises
    ------
    TypeError, ValueError
        If there is no choice, or too few examples for the folds.

    References
    ----------
    Cawley and Talbot (2010). The chapter on overfitting.

    Examples
    --------
    >>> flips = np.random.default_rng(0).integers(0, 2, (30, 40))  # 30 guessers, 40 coins
    >>> chosen, honest = nested(
    ...     lambda i, train, held: flips[i, held].mean(), range(30), 40, outer=4, inner=4, seed=1
    ... )
    >>> chosen > 0.7 > 0.6 > honest
    True
    """
    if not len(choices):
        raise ValueError("choices must hold one or more, got none")
    chosen, honest = [], []
    for rest, held in k_fold(n, k=outer, seed=seed):
        folds = [(rest[a], rest[b]) for a, b in k_fold(len(rest), k=inner, seed=seed)]
        means = [float(np.mean([score(c, *fold) for fold in folds])) for c in choices]
        best = int(np.argmax(means))
        chosen.append(means[best])
        honest.append(score(choices[best], rest, held))
    return float(np.mean(chosen)), float(np.mean(honest))
