"""What is right in the exercises on embeddings, and what slips make of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.checks._compare import refuse, refuse_if

Array = NDArray[np.float64]
Lines = Sequence[Sequence[Any]]
Pairs = list[tuple[Any, Any]]

NOTEBOOK = [
    ["rue", "mint", "sage", "rue", "dill", "thyme"],
    ["lime"],
    ["sage", "sage", "mint"],
    [],
    ["Rue", "rue"],
]
NUMBERED = [[4, 1, 0, 4, 2, 5], [3], [0, 0, 1, 5, 2, 4, 1, 3], [], [5, 2]]
REPEATED = [[0, 1, 0, 1, 3, 0, 1, 2, 2], [1, 3, 1, 3]]  # one pair again and again at one distance
POT = np.array([[2.0, -1, 0.5], [0, 3, 1], [-4, 1, 2], [1, 1, 1], [0.5, -2, 6], [3, 0, -1]])
WHOLE_POT = np.array([[2, -1], [0, 3], [-4, 1], [7, 1], [3, -2], [5, 0]])
# Rows of one direction, equal ones, one without, and two that row 0 sees nearly alike.
JARS = np.array(
    [[3.0, 0, 0], [9, 9, 0], [1, 0.1, 0], [0, 0, 0], [-2, 0, 0], [1, 0.5, 0], [8, 4, 0],
     [0, 5, 0], [30, 1, 3], [-1, 4, 0], [2, 1, 0], [1, 0.1, 0], [1, 0.7, 0], [1, 0.6997, 0],
     [4, 2, 0], [6, 3, 0], [10, 5, 0], [0, 1, 0]]
)  # fmt: skip


def pairs(
    lines: Lines,
    window: int,
    *,
    before: bool = True,
    after: bool = True,
    itself: bool = False,
    reach: int = 0,
    same: bool = True,
) -> Pairs:
    """Pair each label with its neighbours, or make one slip in it."""
    found: Pairs = []
    for line in lines:
        for i, j in itertools.product(range(len(line)), repeat=2):
            near = abs(i - j) <= window + reach and (i != j or itself)
            side = (before or j >= i) and (after or j <= i)
            if near and side and (same or i == j or line[i] != line[j]):
                found.append((line[i], line[j]))
    return found


PAIRING: dict[str, Callable[[Lines, int], Pairs]] = {
    "You pair each label with itself, too.": lambda x, n: pairs(x, n, itself=True),
    "You look to the right only. Neighbours stand on both sides.": lambda x, n: pairs(
        x, n, before=False
    ),
    "You look to the left only. Neighbours stand on both sides.": lambda x, n: pairs(
        x, n, after=False
    ),
    "Your window is one place too wide.": lambda x, n: pairs(x, n, reach=1),
    "Your window is one place too narrow.": lambda x, n: pairs(x, n, reach=-1),
    "Your pairs run on from one line into the next.": lambda x, n: pairs(
        [list(itertools.chain.from_iterable(x))], n
    ),
    "You leave out neighbours with the same label. They are other jars.": lambda x, n: pairs(
        x, n, same=False
    ),
    "Your pairs are turned round: first comes the label, then its neighbour.": lambda x, n: [
        (b, a) for a, b in pairs(x, n)
    ],
}


def means(
    table: Array, line: Sequence[int], window: int, *, itself: bool = False, left: int = 1,
    right: int = 1, divide: str = "count",
) -> Array:  # fmt: skip
    """Return the mean vector around each place, or make one slip in it."""
    rows = []
    for i in range(len(line)):
        near = [
            table[line[j]]
            for j in range(max(0, i - window * left), min(len(line), i + window * right + 1))
            if j != i or itself
        ]
        by = {"count": len(near), "sum": 1, "window": 2 * window}[divide]
        rows.append(np.sum(near, axis=0) / max(by, 1) if near else np.zeros(table.shape[1]))
    return np.array(rows)


def counted(
    lines: Lines, size: int, window: int, *, one_sided: bool = False, weigh: str = "1/d",
    diagonal: bool = False, across: bool = False,
) -> Array:  # fmt: skip
    """Count neighbours by distance, or make one slip in it."""
    X = np.zeros((size, size))
    for line in [list(itertools.chain.from_iterable(lines))] if across else lines:
        for i, j in itertools.product(range(len(line)), repeat=2):
            d = abs(i - j)
            if d <= window and (d or diagonal) and (i < j or not one_sided):
                value = {
                    "1/d": 1 / max(d, 1),
                    "1": 1.0,
                    "1/d²": 1 / max(d, 1) ** 2,
                    "1/(d+1)": 1 / (d + 1),
                }
                X[line[i], line[j]] += value.get(weigh, window + 1 - d)
    return X


def ranked(table: Array, i: int, count: int, *, by: str = "cosine", own: bool = False) -> Array:
    """Return the rows nearest to row i, or make one slip in it."""
    products, lengths = table @ table[i], np.maximum(np.linalg.norm(table, axis=1), 1e-300)
    scores = {
        "product": products,
        "distance": -np.linalg.norm(table - table[i], axis=1),
        "opposite": -products / lengths,
    }
    score = scores.get(by, products / lengths / lengths[i]).round(9)
    places = np.arange(len(table))
    order = np.lexsort((-places if by == "high ties" else places, -score))
    kept: Array = order[(order != i) | own][:count].astype(float)
    return kept


def gradients(w: Array, u: Array, m: Array) -> tuple[Array, Array, Array]:
    """Return the gradients of the loss of a pair and its noise."""
    yes, no = -_sigmoid(-(u @ w)), _sigmoid(m @ w)
    return yes * u + no @ m, yes * w, no[:, None] * w


def _sigmoid(x: Any) -> Any:
    """Return the sigmoid, large numbers included."""
    return np.exp(-np.logaddexp(0, -np.asarray(x, dtype=np.float64)))


def refuse_pull(name: str, got: Array, w: Array, u: Array, m: Array) -> None:
    """Say what is wrong with one of three gradients, where a slip explains it."""
    yes, no = _sigmoid(u @ w), _sigmoid(m @ w)
    slips: dict[str, list[tuple[str, Any]]] = {
        "w": [
            ("The gradient for w lacks the noise.", (yes - 1) * u),
            ("The gradient for w lacks the neighbour.", no @ m),
            ("The pull of the neighbour lacks its -1.", yes * u + no @ m),
            ("The noise pulls in yours, as the neighbour does.", (yes - 1) * u + (no - 1) @ m),
            ("The noise of w has the wrong sign.", (yes - 1) * u - no @ m),
            ("Take the sum over the noise, not its mean.", (yes - 1) * u + no @ m / len(m)),
        ],
        "u": [
            ("The gradient for u lacks the -1: at the right answer it must vanish.", yes * w),
            ("The gradient for u is along u. It is along w.", (yes - 1) * u),
        ],
        "m": [
            ("The gradient for m pulls. Noise is pushed away.", (no - 1)[:, None] * w),
            ("The gradients for m are along m. They are along w.", no[:, None] * m),
            ("Each noise vector has a gradient of its own: do not add them up.", no.sum() * w),
        ],
    }
    for text, slip in slips[name]:
        if got.shape == slip.shape and np.allclose(got, slip, rtol=1e-4, atol=1e-7):
            refuse(text)


def notebook(seed: int, kinds: int = 5, jars: int = 6) -> tuple[list[list[int]], Array]:
    """Write mixtures; return their lines, and which jars do alike, (V,).

    A mixture goes through three kinds of jars, whose order is fixed; a kind is told by the kinds
    beside it, a jar within it by nothing.
    """
    rng = np.random.default_rng(seed)
    size = kinds * jars
    kind = rng.permutation(np.repeat(np.arange(kinds), jars))
    shelf = [np.flatnonzero(kind == k) for k in range(kinds)]
    lines = []
    for _ in range(1_500):
        start, length = rng.integers(kinds), rng.integers(2, 6)
        line = [int(rng.choice(shelf[(start + step) % kinds])) for step in range(length)]
        lines.append([int(rng.integers(size)) if rng.random() < 0.1 else jar for jar in line])
    return lines, kind


def refuse_disorder(table: Array, kind: Array, which: str) -> None:
    """Refuse vectors whose nearest neighbours do not do alike."""
    V = len(kind)
    refuse_if(
        table.ndim != 2 or len(table) != V or not 1 <= table.shape[1] <= 16,
        f"The table should have shape ({V}, D) with D from 1 to 16, yours has {table.shape}.",
    )
    refuse_if(not np.isfinite(table).all(), "Your vectors hold NaN or infinity: smaller steps?")
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    refuse_if(bool((lengths == 0).any()), "Some of your vectors are zero, and have no direction.")
    units = table / lengths
    cosines = units @ units.T
    refuse_if(bool(cosines.min() > 1 - 1e-6), "All your vectors point the same way.")
    np.fill_diagonal(cosines, -np.inf)
    share = float((kind[cosines.argmax(axis=1)] == kind).mean())
    refuse_if(
        share < 0.9,
        f"In the {which} notebook the nearest jar does alike for {share:.0%}. Wanted are 90%, and "
        f"chance finds {(kind == kind[0]).mean():.0%}.",
    )
