"""Checks on embeddings: pairs, noise, means, gradients, counts, neighbours, a training."""

from __future__ import annotations

from typing import Any

import numpy as np

from companion.checks._compare import compare, compare_cases, numbers, refuse, refuse_if
from companion.checks._embeddings import (
    JARS,
    NOTEBOOK,
    NUMBERED,
    PAIRING,
    POT,
    REPEATED,
    WHOLE_POT,
    Lines,
    counted,
    gradients,
    means,
    notebook,
    pairs,
    ranked,
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
    cases: list[tuple[Lines, int]] = [(NOTEBOOK, 1), (NOTEBOOK, 2), (NUMBERED, 2), (NOTEBOOK, 5)]
    got = [_pairs(answer([list(line) for line in lines], n)) for lines, n in cases]
    wants = [pairs(*case) for case in cases]
    for text, slip in PAIRING.items():
        refuse_if(got != wants and got == [slip(*case) for case in cases], text)
    for (lines, n), mine, want in zip(cases, got, wants, strict=True):
        if mine == want:
            continue
        where = f"With a window of {n}{' and numbers as labels' * (lines is NUMBERED)}"
        extra = f"{where} you give {len(mine)} pairs, where there are {len(want)}."
        refuse_if(len(mine) != len(want), extra)
        order = f"{where} the pairs are right, and in another order than asked for."
        refuse_if(sorted(mine, key=str) == sorted(want, key=str), order)
        refuse(f"{where} some of your pairs are no neighbours, or their labels have changed.")


def _pairs(result: Any) -> list[tuple[Any, Any]]:
    """Read pairs, or say what they are instead."""
    fine = isinstance(result, list | tuple | np.ndarray) and getattr(result, "ndim", 1) > 0
    refuse_if(
        not fine
        or not all(isinstance(p, list | tuple | np.ndarray) and len(p) == 2 for p in result),
        "Asked is a list of pairs, each of two labels.",
    )
    return [(_bare(a), _bare(b)) for a, b in result]


def _bare(label: Any) -> Any:
    """Take numpy's coat off a label."""
    return label.item() if isinstance(label, np.generic) else label


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
    whole = ([7, 0, 20, 3], [7, 0, 3_000_000_000, 3])
    given += [("the result for whole numbers", np.array(counts)) for counts in whole]
    results = [numbers(answer(counts), what="the result") for _, counts in given]

    def power(p: float) -> Any:
        return lambda counts: counts.astype(float) ** p / (counts.astype(float) ** p).sum()

    compare_cases(
        [(what, p, (c,)) for (what, c), p in zip(given, results, strict=True)],
        power(0.75),
        {
            "Your power is 1: rare labels get no better chance than they had.": power(1),
            "Your power is 1/2. Asked is 0.75.": power(0.5),
            "All have the same chance in yours.": lambda c: np.full(len(c), 1 / len(c)),
            "These are weights. Divide them by their sum.": lambda c: c.astype(float) ** 0.75,
            "You take the power last: the sum is no longer 1.": lambda c: (c / c.sum()) ** 0.75,
        },
    )
    for (_, counts), p in zip(given, results, strict=True):
        refuse_if(bool((p[counts == 0] != 0).any()), "A label that was never seen is drawn, too.")
        fine = np.allclose(p, power(0.75)(counts), rtol=1e-3, atol=0)
        refuse_if(not fine, "Beside a frequent label the chance of a rare one is a little off.")


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
    cases = [(POT, line, window) for line in lines for window in (2, 1, 5)]
    cases.append((WHOLE_POT, lines[0], 2))
    compare_cases(
        [
            (
                f"the result for a line of {len(line)} and a window of {window}",
                answer(table.copy(), list(line), window),
                (table, line, window),
            )
            for table, line, window in cases
        ],
        means,
        {
            "You add up. Asked is the mean.": lambda *x: means(*x, divide="sum"),
            "You always divide by twice the window: at the ends there are fewer.": lambda *x: means(
                *x, divide="window"
            ),
            "The label itself is among its neighbours.": lambda *x: means(*x, itself=True),
            "You look to the left only.": lambda *x: means(*x, right=0),
            "You look to the right only.": lambda *x: means(*x, left=0),
            "Your window is one place too narrow.": lambda pot, x, n: means(pot, x, n - 1),
            "Your window is one place too wide.": lambda pot, x, n: means(pot, x, n + 1),
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
    cases = [
        (rng.normal(size=D), rng.normal(size=D), rng.normal(size=(k, D)))
        for D, k in ((4, 3), (3, 1), (2, 5))
    ]
    for size in (40, -40, 800, -800):  # products that large; σ must not overflow
        cases.append((np.array([1.0, 0]), np.array([size, 1.0]), np.array([[-size, 2.0]])))
    for w, u, m in cases:
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
    cases = [(NUMBERED, 7, 1), (NUMBERED, 7, 2), (REPEATED, 4, 1), (REPEATED, 4, 8)]
    compare_cases(
        [
            (f"the table for a window of {n}", answer([[*x] for x in lines], V, n), (lines, V, n))
            for lines, V, n in cases
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
            "Your window is one place too narrow.": lambda x, size, n: counted(x, size, n - 1),
            "Your window is one place too wide.": lambda x, size, n: counted(x, size, n + 1),
            "You divide by the distance and 1.": lambda *x: counted(*x, weigh="1/(d+1)"),
            "A jar is its own neighbour in yours.": lambda *x: counted(*x, diagonal=True),
            "Your neighbours run on from one line into the next.": lambda *x: counted(
                *x, across=True
            ),
            "You leave out pairs of the same label. They are two jars.": lambda *x: (
                counted(*x) * (1 - np.eye(x[1]))
            ),
            "A pair of the same label counts once in yours, and from both sides it is twice.": (
                lambda *x: counted(*x) * (1 - np.eye(x[1]) / 2)
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
    cases = [(0, 4), (5, 3), (7, 9), (2, 1), (4, 5), (6, 3), (3, 4), (0, len(JARS) - 1)]
    compare_cases(
        [
            (f"the list of {n} for row {i}", answer(JARS.copy(), i, n), (JARS, i, n))
            for i, n in cases
        ],
        ranked,
        {
            "A row is in its own list.": lambda *x: ranked(*x, own=True),
            "You compare by the dot product: long rows come first.": lambda *x: ranked(
                *x, by="product"
            ),
            "You compare by distance. Asked is the cosine.": lambda *x: ranked(*x, by="distance"),
            "The farthest come first in yours.": lambda *x: ranked(*x, by="opposite"),
            "Of rows with the same cosine the lower number comes first.": lambda *x: ranked(
                *x, by="high ties"
            ),
        },
    )


@exercise(
    difficulty=4,
    minutes=40,
    hints=[
        "Begin with what you have: `count_neighbours` makes a table of counts. Its rows are "
        "vectors already. How do you make them short?",
        "One way: logarithms of 1 + counts, and the first columns of a singular value "
        "decomposition, each times the root of its singular value.",
        "Another: W and U at random and small, S = σ(W Uᵀ), and a few hundred steps down the "
        "gradient, (N S - C (1 - S)) U for W, with N the noise; divide it by the mean of C + N. "
        "Return W alone: no jar stands beside its own kind, so W + U takes away what W has found.",
    ],
)
def sort_pharmacy(answer: Answer) -> None:
    """Sort the pharmacy."""
    for which, seed, kinds, jars in (("first", 5, 5, 6), ("second", 6, 7, 5)):
        lines, kind = notebook(seed, kinds, jars)
        table = numbers(answer([list(line) for line in lines], len(kind)), what="the table")
        refuse_disorder(table, kind, which)
