"""Checks on embeddings: pairs, noise, means, gradients, counts, neighbours, a training."""

from __future__ import annotations

from typing import Any

import numpy as np

from companion.checks._compare import compare, compare_cases, numbers, refuse_if
from companion.checks._embeddings import (
    NOTEBOOK,
    NUMBERED,
    PAIRING,
    POT,
    Array,
    counted,
    gradients,
    means,
    notebook,
    pairs,
    refuse_disorder,
    refuse_pull,
)
from companion.checks.pact import Answer, exercise


@exercise(
    difficulty=1,
    minutes=10,
    hints=[
        "Two loops inside one another: over the lines, and over the places of a line. A third one "
        "goes over the neighbours of a place.",
        "The neighbours of place i are the places from i - window to i + window. Which of them "
        "does the line not have?",
        "`range(max(0, i - window), min(len(line), i + window + 1))` are the places; leave out i.",
    ],
)
def window_pairs(answer: Answer) -> None:
    """Who stands beside whom."""
    lines, cases = NOTEBOOK, (1, 2, 4)
    got = {window: _pairs(answer([list(line) for line in lines], window)) for window in cases}
    if all(got[n] == pairs(lines, n) for n in cases):
        return
    for text, slip in PAIRING.items():
        refuse_if(all(got[n] == slip(lines, n) for n in cases), text)
    for n in cases:
        want = pairs(lines, n)
        extra = f"With a window of {n} you give {len(got[n])} pairs, where there are {len(want)}."
        refuse_if(len(got[n]) != len(want), extra)
        order = f"With a window of {n} the pairs are right, and in another order than asked for."
        refuse_if(sorted(got[n]) == sorted(want), order)
        refuse_if(got[n] != want, f"With a window of {n} some of your pairs are no neighbours.")


def _pairs(result: Any) -> list[tuple[Any, Any]]:
    """Read pairs, or say what they are instead."""
    fine = isinstance(result, list | tuple | np.ndarray) and all(
        isinstance(pair, list | tuple | np.ndarray) and len(pair) == 2 for pair in result
    )
    refuse_if(not fine, "Asked is a list of pairs, each of two labels.")
    return [(str(a), str(b)) for a, b in result]


@exercise(
    difficulty=1,
    minutes=5,
    hints=[
        "Take the power first, and see to the sum afterwards.",
        "`counts ** 0.75` are weights. What must you divide them by?",
        "By their sum.",
    ],
)
def noise(answer: Answer) -> None:
    """What chance draws."""
    seen = ([120.0, 3, 0, 1, 47], [5.0, 5], [10.0**9, 1, 16, 81])
    given = [("the result", np.array(counts)) for counts in seen]
    given.append(("the result for whole numbers", np.array([7, 0, 2_000_000_000, 3])))

    def power(p: float) -> Any:
        return lambda counts: counts.astype(float) ** p / (counts.astype(float) ** p).sum()

    compare_cases(
        [(what, answer(counts), (counts,)) for what, counts in given],
        power(0.75),
        {
            "Your power is 1: rare labels get no better chance than they had.": power(1),
            "Your power is 1/2. Asked is 0.75.": power(0.5),
            "All have the same chance in yours.": lambda c: np.full(len(c), 1 / len(c)),
            "These are weights. Divide them by their sum.": lambda c: c.astype(float) ** 0.75,
            "You take the power last: the sum is no longer 1.": lambda c: (c / c.sum()) ** 0.75,
        },
    )


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "Do it for one place first: which numbers of labels stand around it?",
        "`line[max(0, i - window) : i]` are those before, `line[i + 1 : i + 1 + window]` those "
        "after.",
        "`table[near].mean(axis=0)`, unless `near` is empty.",
    ],
)
def around(answer: Answer) -> None:
    """What CBOW is given."""
    lines = ([4, 1, 0, 4, 2, 5], [3, 3, 1], [0, 2])
    cases = [(line, window) for line in lines for window in (2, 1, 4)]
    compare_cases(
        [
            (
                f"the result for a line of {len(line)} and a window of {window}",
                answer(POT.copy(), list(line), window),
                (line, window),
            )
            for line, window in cases
        ],
        lambda line, n: means(POT, line, n),
        {
            "You add up. Asked is the mean.": lambda x, n: means(POT, x, n, divide="sum"),
            "You always divide by twice the window: at the ends there are fewer.": lambda x, n: (
                means(POT, x, n, divide="window")
            ),
            "The label itself is among its neighbours.": lambda x, n: means(POT, x, n, itself=True),
            "You look to the left only.": lambda x, n: means(POT, x, n, right=0),
            "You look to the right only.": lambda x, n: means(POT, x, n, left=0),
            "Your window is one place too narrow.": lambda x, n: means(POT, x, n - 1),
            "Your window is one place too wide.": lambda x, n: means(POT, x, n + 1),
        },
    )
    got = numbers(answer(POT.copy(), [2], 3))
    lonely = "A line of one jar has no neighbours, and the mean of nothing is NaN: give zeros."
    refuse_if(bool(np.isnan(got).any()), lonely)
    compare(got, np.zeros((1, 3)), what="the result for a line of one jar")


@exercise(
    difficulty=3,
    minutes=20,
    hints=[
        "Begin with one product s = w u. What is the derivative of -log σ(s) with respect to s?",
        "It is σ(s) - 1: nothing is left to do where the neighbour is known already. For noise it "
        "is σ(s).",
        "Each of these factors then goes to both vectors of its product, times the other one.",
    ],
)
def pull_and_push(answer: Answer) -> None:
    """Pull and push."""
    rng = np.random.default_rng(3)
    for D, k in ((4, 3), (3, 1), (2, 5)):
        w, u, m = rng.normal(size=D), rng.normal(size=D), rng.normal(size=(k, D))
        parts = answer.parts(answer(w, u, m), "w", "u", "m")
        wants = dict(zip("wum", gradients(w, u, m), strict=True))
        for (name, want), got in zip(wants.items(), parts, strict=True):
            if got.shape != want.shape or not np.allclose(got, want, rtol=1e-4, atol=1e-7):
                refuse_pull(name, got, w, u, m)
                compare(got, want, what=f"the gradient for {name}")


@exercise(
    difficulty=2,
    minutes=15,
    hints=[
        "Go through the places i of a line, and for each through the places j before it.",
        "The pair stands i - j places apart. Which two entries of the table does it raise?",
        "`X[line[i], line[j]]` and `X[line[j], line[i]]`, each by 1 / (i - j). With the same label "
        "twice that is one entry, raised twice.",
    ],
)
def count_neighbours(answer: Answer) -> None:
    """Count like GloVe."""
    compare_cases(
        [
            (
                f"the table for a window of {window}",
                answer([list(line) for line in NUMBERED], 7, window),
                (NUMBERED, 7, window),
            )
            for window in (1, 2, 5)
        ],
        counted,
        {
            "Each pair counts on one side of the table only: it is not symmetric.": lambda *x: (
                counted(*x, one_sided=True)
            ),
            "Each pair counts on one side of the table only: turn it, too.": lambda *x: (
                counted(*x, one_sided=True).T
            ),
            "All neighbours count alike in yours. At distance d they count 1/d.": lambda *x: (
                counted(*x, weigh="1")
            ),
            "You divide by the square of the distance.": lambda *x: counted(*x, weigh="1/d²"),
            "You weigh by window + 1 - d. Asked is 1/d.": lambda *x: counted(*x, weigh="line"),
            "A jar is its own neighbour in yours.": lambda *x: counted(*x, diagonal=True),
            "Your neighbours run on from one line into the next.": lambda *x: counted(
                *x, across=True
            ),
            "You leave out pairs of the same label. They are two jars.": lambda *x: (
                counted(*x) * (1 - np.eye(7))
            ),
            "A pair of the same label counts once in yours, and from both sides it is twice.": (
                lambda *x: counted(*x) * (1 - np.eye(7) / 2)
            ),
        },
    )


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "The products `table @ table[i]` favour long rows. What do you divide them by?",
        "By the length of each row; by that of row i, too, though it changes no order.",
        "`np.argsort(-cosines, kind='stable')` puts the largest first and keeps ties in order. "
        "Then take i out, and only then cut.",
    ],
)
def nearest(answer: Answer) -> None:
    """The nearest jars."""
    table = np.array(
        [[3.0, 0, 0], [9, 9, 0], [1, 0.1, 0], [0, 0, 0], [-2, 0, 0], [1, 0.5, 0], [8, 4, 0],
         [0, 5, 0], [30, 1, 3], [-1, 4, 0]]
    )  # fmt: skip
    for i, count in ((0, 4), (5, 3), (7, 9), (2, 1), (4, 5)):
        got = numbers(answer(table.copy(), i, count))
        refuse_if(bool((got == i).any()), f"Row {i} is in its own list.")
        lengths = np.maximum(np.linalg.norm(table, axis=1), 1e-300)
        scores = {
            "want": table @ table[i] / lengths,
            "You compare by the dot product: long rows come first.": table @ table[i],
            "You compare by distance. Asked is the cosine.": -np.linalg.norm(
                table - table[i], axis=1
            ),
            "The farthest come first in yours.": -(table @ table[i]) / lengths,
        }
        lists: dict[str, Array] = {}
        for text, score in scores.items():
            order = np.argsort(-score.round(9), kind="stable")
            lists[text] = order[order != i][:count].astype(float)
        want = lists.pop("want")
        compare(got, want, what=f"the list of {count} for row {i}", slips=lists)


@exercise(
    difficulty=4,
    minutes=40,
    hints=[
        "Begin with what you have: `count_neighbours` makes a table of counts. Its rows are "
        "vectors already. How do you make them short?",
        "One way: logarithms of 1 + counts, and the first columns of a singular value "
        "decomposition, each times the root of its singular value.",
        "Another: W and U at random and small, S = σ(W Uᵀ), and a few hundred steps down the "
        "gradient, (N S - C (1 - S)) U for W, with N the noise; divide it by the mean of C + N.",
    ],
)
def sort_pharmacy(answer: Answer) -> None:
    """Sort the pharmacy."""
    for which, seed, kinds, jars in (("first", 5, 5, 6), ("second", 6, 4, 9)):
        lines, kind = notebook(seed, kinds, jars)
        table = numbers(answer([list(line) for line in lines], len(kind)), what="the table")
        refuse_disorder(table, kind, which)
