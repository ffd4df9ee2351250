"""Checks on maps: the nearest unit, its neighbours, two errors, two rules, a schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.checks._compare import close, compare, numbers, refuse_if
from companion.checks.pact import Answer, exercise

Array = NDArray[Any]
FAR, TORN = 0.12, 0.07  # the errors that a schedule must stay below
LASTS, MAPS = (100, 60), 5  # how many epochs, and how many maps follow it
SEED = 46  # tells all slips apart
ABSOLUTE = "You add absolute differences. Here the distance adds squares."
BY_WEIGHTS = "Your neighbourhood goes by the weights. Neighbours are neighbours on the grid."
BORDERS = "Your sheet has borders. Here its first row lies beside its last, and columns alike."
CHANGES = "These are the changes. Asked are the new weights."
EMPTY = "You fill a hole with {}. A hole is no number: leave it out."
FOUR = "You know four neighbours. Those across the corners are neighbours too."
ROOT = "This is the root of a mean of squares. Asked is a mean of distances."
SQUARED = "Your distances are squared."


def _drawn(R: int, C: int, D: int, N: int = 1) -> tuple[Array, Array, Array]:
    """Return weights (R, C, D) roughly in order, the same as (R * C, D), and samples (N, D)."""
    rng = np.random.default_rng(SEED)
    weights = np.sort(np.sort(rng.normal(size=(R, C, D)), axis=0), axis=1)
    weights += rng.normal(size=weights.shape) / 3
    return weights, weights.reshape(-1, D), rng.normal(size=(N, D))


def _places(rows: int, columns: int) -> Array:
    """Return row and column of each unit, (R * C, 2)."""
    return np.stack(np.divmod(np.arange(rows * columns), columns), axis=1)


def _round(a: Array, b: Array, R: int, C: int) -> Array:
    """Return rows and columns between places on a sheet that goes round, (N, U, 2)."""
    gaps = np.abs(a[:, None] - b)
    return np.asarray(np.minimum(gaps, (R, C) - gaps))


def _table(R: int, C: int, sigma: float) -> Array:
    """Return how far each unit follows each other on a sheet that goes round, (U, U)."""
    places = _places(R, C)
    return _near(np.linalg.norm(_round(places, places, R, C), axis=2), sigma)


def _with_holes(X: Array) -> Array:
    """Return samples with about a third of their numbers missing, and none without any."""
    lost = np.random.default_rng(SEED).random(X.shape) < 0.35
    lost[lost.all(axis=1), -1] = False
    return np.where(lost, np.nan, X)


def _apart(a: Array, b: Array, order: float = 2) -> Array:
    """Return how far the rows of a are from those of b: (N, D), (U, D) -> (N, U)."""
    return np.asarray(np.linalg.norm(a[:, None] - b, ord=order, axis=2))


def _near(steps: ArrayLike, sigma: float) -> Array:
    """Turn steps on the grid into a neighbourhood."""
    return np.asarray(np.exp(-np.square(steps) / (2 * sigma**2)))


def _shaped(slips: dict[str, Array], *shape: int) -> dict[str, Array]:
    """Give each slip the shape of the result."""
    return {text: np.reshape(slip, shape) for text, slip in slips.items()}


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "Begin with a sample that has all its numbers. Subtract x from all weights at once: along "
        "which axis do the squares add up?",
        "The square of a hole is NaN, and so is every sum with it. What should a hole add to the "
        "sum? `np.nansum` does just that.",
        "`argmin` of the sums (R, C) is one number k. It counts the units row by row, C to a row: "
        "`divmod` takes it apart.",
    ],
)
def best_unit(answer: Answer) -> None:
    """Best matching unit."""
    for R, C, D in ((7, 9, 3), (5, 4, 6)):
        weights, w, X = _drawn(R, C, D, 25)
        first = numbers(answer(X[0], weights))
        refuse_if(first.size == 1, "You give one number. Asked are a row and a column.")
        refuse_if(first.shape == (D,), "These are weights. Asked is where they stand.")
        refuse_if(first.shape == (R, C), "Here is one number for each unit. Which unit is it?")
        _compare_units(answer, weights, X, _missed_units(w, X, C), "samples without a hole")
        X = _with_holes(X)
        gaps, means = X[:, None] - w, np.nanmean(X, axis=1, keepdims=True)
        nan_first = np.square(gaps).sum(axis=2).argmin(axis=1)
        holes = {
            "A hole makes every distance NaN, and `argmin` stops at the first NaN.": nan_first,
            EMPTY.format("0"): _apart(np.nan_to_num(X), w).argmin(axis=1),
            EMPTY.format("the mean of x"): (
                _apart(np.where(np.isnan(X), means, X), w).argmin(axis=1)
            ),
            EMPTY.format("the mean of the units"): (
                _apart(np.where(np.isnan(X), w.mean(axis=0), X), w).argmin(axis=1)
            ),
        }
        _compare_units(answer, weights, X, holes, "samples with holes")


def _compare_units(
    answer: Answer, weights: Array, X: Array, slips: dict[str, Array], what: str
) -> None:
    """Compare the units of many samples; a slip explains them all or is not named."""
    R, C, D = weights.shape
    gaps = np.nan_to_num(X[:, None] - weights.reshape(-1, D))  # a hole adds nothing
    best = np.square(gaps).sum(axis=2).argmin(axis=1)
    want, slips = np.stack(np.divmod(best, C), axis=1), dict(slips)
    found = {text: np.stack(np.divmod(k, C), axis=1) for text, k in slips.items()}
    found["Row and column have changed places."] = want[:, ::-1]
    found["You count from 1. The first row and the first column are 0."] = want + 1
    by_rows = np.stack(np.divmod(best, R), axis=1)
    found["You count R units to a row. How many are there?"] = by_rows
    got = np.array([_pair(answer(x, weights)) for x in X])
    wrong = (got != want).any(axis=1).sum()
    for text, slip in found.items():
        refuse_if(wrong > 0 and np.array_equal(got, slip), text)
    on = f"of {len(X)} {what}, on a grid of {R} x {C}"
    refuse_if(wrong > 0, f"The unit is a wrong one for {wrong} {on}.")


def _pair(unit: Any) -> Array:
    """Read a row and a column."""
    pair = numbers(unit)
    refuse_if(pair.shape != (2,), f"Asked are a row and a column. Yours has shape {pair.shape}.")
    return pair


def _missed_units(w: Array, X: Array, C: int) -> dict[str, Array]:
    """Return the units that other ways to compare find, (N,) each."""
    gaps, far = X[:, None] - w, _apart(X, w)
    cut = "You look at {} only. All units compete."
    return {
        "This is the unit farthest from x.": far.argmax(axis=1),
        "This is the largest product with x, not the least distance.": (X @ w.T).argmax(axis=1),
        "You add differences as they are: those below 0 cancel others.": (-gaps.sum(axis=2)).argmin(
            axis=1
        ),
        ABSOLUTE: _apart(X, w, 1).argmin(axis=1),
        "You look at the largest difference alone.": _apart(X, w, np.inf).argmin(axis=1),
        "You look for the one number that is nearest. All D numbers count together.": (
            np.abs(gaps).min(axis=2).argmin(axis=1)
        ),
        "You compare the first of the D numbers only.": np.abs(gaps[:, :, 0]).argmin(axis=1),
        cut.format("the first row"): far[:, :C].argmin(axis=1),
        cut.format("the first column"): C * far[:, ::C].argmin(axis=1),
    }


@exercise(
    difficulty=2,
    minutes=15,
    hints=[
        "First how many rows every place is away from the unit, an array (rows, 1), and how many "
        "columns, (columns,). No weights.",
        "On a ring of n places two that are k steps apart one way round are n - k apart the other "
        "way round. `np.minimum` takes the shorter.",
        "Square the rows, square the columns, and add: that is d squared, (rows, columns), and no "
        "root is needed. Divide by twice the square of sigma.",
    ],
)
def neighbourhood(answer: Answer) -> None:
    """The neighbourhood on a sheet that goes round."""
    for unit, R, C, sigma in (((1, 4), 5, 7, 1.5), ((3, 0), 4, 3, 0.8), ((0, 5), 1, 6, 3)):
        got, places = answer(unit, R, C, sigma), _places(R, C)
        gaps = _round(places, np.array([unit]), R, C)[:, 0]  # (U, 2)
        turned = _round(places, np.array([unit[::-1]]), R, C)[:, 0]
        flat, one_way = np.abs(places - unit), (places - unit) % (R, C)
        sizes = np.minimum(flat, (C, R) - flat)
        steps, along = np.linalg.norm(gaps, axis=1), gaps.sum(axis=1)
        h, norm = _near(steps, sigma), np.linalg.norm
        far = "You go round by {}. Both borders are glued."
        slips = {
            BORDERS: _near(norm(flat, axis=1), sigma),
            "You go one way round only. The shorter way counts.": (
                _near(norm(one_way, axis=1), sigma)
            ),
            far.format("the rows only"): _near(np.hypot(gaps[:, 0], flat[:, 1]), sigma),
            far.format("the columns only"): _near(np.hypot(flat[:, 0], gaps[:, 1]), sigma),
            "You go round by as many rows as there are columns.": _near(norm(sizes, axis=1), sigma),
            "You take the longer way round.": _near(norm((R, C) - gaps, axis=1), sigma),
            "The 2 in front of sigma is missing.": h**2,
            "Sigma is not squared.": np.exp(-(steps**2) / (2 * sigma)),
            "You square 2 sigma. Only sigma is squared.": np.sqrt(h),
            "Sigma should stand below the line. Does a bracket end too soon?": (
                np.exp(-(steps**2) / 2 * sigma**2)
            ),
            "The distance is not squared.": np.exp(-steps / (2 * sigma**2)),
            "The minus is missing: h grows with the distance.": 1 / h,
            "Your values sum to 1. At the unit itself h is 1.": h / h.sum(),
            "This is a density. At the unit itself h is 1.": h / np.sqrt(2 * np.pi * sigma**2),
            "These are the squared distances. What does the formula make of them?": steps**2,
            "You take the unit's row for its column.": _near(norm(turned, axis=1), sigma),
            "You walk along rows and columns. A distance goes straight.": _near(along, sigma),
            "For you a step across a corner is no longer than one to the side.": (
                _near(gaps.max(axis=1), sigma)
            ),
            "Your neighbourhood has an edge. Asked is one that fades.": steps <= sigma,
            "Only the rows count in yours.": _near(gaps[:, 0], sigma),
        }
        what = f"the result for {unit} and sigma={sigma}"
        compare(got, h.reshape(R, C), slips=_shaped(slips, R, C), what=what)


@exercise(
    difficulty=2,
    minutes=15,
    hints=[
        "You have two of three parts: `best_unit` finds the unit, `neighbourhood` gives h, (R, C).",
        "`x - weights` has shape (R, C, D), and NaN at a hole of x. How far should a hole pull?",
        "`h[:, :, None]` has shape (R, C, 1). Add to the weights, do not write into them.",
    ],
)
def kohonen_step(answer: Answer) -> None:
    """One step of Kohonen's rule."""
    for shape, rate, sigma in (((5, 7, 3), 0.7, 1.4), ((3, 4, 2), 0.2, 0.6)):
        weights, w, X = _drawn(*shape)
        for x in (X[0], w[0] + 0.1):  # the second is best met in a corner
            want, slips = _stepped(w, x, rate, sigma, *shape[:2])
            got = answer(weights, x, rate, sigma)
            slips = _shaped(slips, *shape)
            compare(got, want.reshape(shape), what="the new map", slips=slips)
        _refuse_pull_of_holes(answer, weights, X[0], rate, sigma)


def _stepped(
    w: Array, x: Array, rate: float, sigma: float, R: int, C: int
) -> tuple[Array, dict[str, Array]]:
    """Return the units after one sample, (U, D), and what slips make of them."""
    places, gaps, far = _places(R, C), x - w, _apart(w, x[None])  # (U, D), (U, 1)
    best = [far.argmin()]
    steps, turned, flat = (
        np.linalg.norm(gap[:, 0], axis=1, keepdims=True)
        for gap in (
            _round(places, places[best], R, C),
            _round(places, places[best, ::-1], R, C),
            places[:, None] - places[best],
        )
    )
    h, by_weights = _near(steps, sigma), _near(_apart(w, w[best]), sigma)
    move = rate * gaps
    return w + h * move, {
        "Only the best unit moves. Its neighbours should come along.": w + (steps == 0) * move,
        "The neighbourhood is missing: all units move alike.": w + move,
        BORDERS: w + _near(flat, sigma) * move,
        "Your units move away from x.": w - h * move,
        "The rate is missing.": w + h * gaps,
        BY_WEIGHTS: w + by_weights * move,
        "Your neighbourhood goes by how near a unit is to x, not by the grid.": (
            w + _near(far, sigma) * move
        ),
        "Your neighbourhood is centred on a wrong unit: row for column.": (
            w + _near(turned, sigma) * move
        ),
        "Your neighbourhood is too narrow: there is a 2 before sigma.": w + h**2 * move,
        "You search the best unit again after each move. One search is for all.": (
            _searched_again(w, x, rate, _table(R, C, sigma))
        ),
        CHANGES: h * move,
        "You add a part of x itself. A unit goes a part of its way to x.": w + rate * h * x,
        "Every unit loses a share `rate` of its old weights, however far off it stands.": (
            (1 - rate) * w + rate * h * x
        ),
    }


def _refuse_pull_of_holes(
    answer: Answer, weights: Array, x: Array, rate: float, sigma: float
) -> None:
    """Refuse steps in which a hole spoils, moves or stops more than its own number."""
    R, C, D = weights.shape
    w, near = weights.reshape(-1, D), _table(R, C, sigma)
    for hole in range(len(x)):
        lost = np.where(np.arange(len(x)) == hole, np.nan, x)
        got = numbers(answer(weights, lost, rate, sigma))
        spoilt = "Where x has a hole your weights become NaN. A hole pulls nobody."
        refuse_if(np.isnan(got).any(), spoilt)

        def moved(searched: Array, x: Array, lost: Array = lost) -> Array:
            best = np.square(np.nan_to_num(searched - w)).sum(axis=1).argmin()
            return np.asarray(w + rate * near[best][:, None] * np.nan_to_num(x - w))

        filled = np.nan_to_num(lost)
        slips = {
            "With a hole in x nobody moves in yours. The other numbers still pull.": w,
            "You fill a hole with 0, and units move to it. A hole pulls nobody.": (
                moved(filled, filled)
            ),
            "A hole does not pull in yours, but you fill it with 0 to search the best unit.": (
                moved(filled, lost)
            ),
            "A hole makes all distances NaN in yours, and `argmin` takes the first unit.": (
                w + rate * near[0][:, None] * np.nan_to_num(lost - w)
            ),
        }
        what = f"the new map where number {hole} of x is a hole"
        want = moved(lost, lost).reshape(weights.shape)
        compare(got, want, what=what, slips=_shaped(slips, *weights.shape))


def _searched_again(w: Array, x: Array, rate: float, near: Array) -> Array:
    """Move unit after unit, and search the best one anew each time."""
    w = w.copy()
    for i in range(len(w)):
        best = np.linalg.norm(w - x, axis=1).argmin()
        w[i] += rate * near[best, i] * (x - w[i])
    return w


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "The grid does not matter here. `weights.reshape(-1, D)` lays all units below each other.",
        "`X[:, None] - units` has shape (N, R * C, D): each sample against each unit.",
        "Of the distances (N, R * C) take the smallest of each row, then the mean.",
    ],
)
def how_far(answer: Answer) -> None:
    """Quantization error."""
    for shape, N in (((4, 6, 3), 40), ((3, 2, 5), 7)):
        weights, w, X = _drawn(*shape, N)
        got, far = numbers(answer(weights, X)), _apart(X, w)  # (N, U)
        refuse_if(got.shape == (N,), "You give one distance for each sample. Asked is the mean.")
        nearest = far.min(axis=1)
        slips = {
            SQUARED: np.square(nearest).mean(),
            ROOT: np.sqrt(np.square(nearest).mean()),
            "This is a sum. Asked is the mean.": nearest.sum(),
            "This is the mean over all units. A sample asks for its best one.": far.mean(),
            "This is the mean distance to the farthest unit.": far.max(axis=1).mean(),
            "You measure the first sample only.": nearest[0],
            "You measure the worst sample only.": nearest.max(),
            "You go from unit to unit, and take its nearest sample.": far.min(axis=0).mean(),
            ABSOLUTE: _apart(X, w, 1).min(axis=1).mean(),
            "You take a mean over the D numbers too.": nearest.mean() / np.sqrt(shape[2]),
        }
        compare(got, nearest.mean(), slips=slips)


@exercise(
    difficulty=3,
    minutes=15,
    hints=[
        "Take one sample. Which two units are nearest to it, on the whole map?",
        "`np.argsort(distances, axis=1)[:, :2]` names both. `divmod` by C gives row and column.",
        "Eight units stand around a unit. How far off are they, at most, in rows? In columns?",
    ],
)
def how_torn(answer: Answer) -> None:
    """Topographic error."""
    got, wants, misses = [], [], []
    for weights, X in _maps_to_judge():
        share = numbers(answer(weights, X))
        one_each = "You give an answer for each sample. Asked is the share that is torn."
        refuse_if(share.shape == (len(X),), one_each)
        refuse_if(share.size != 1, f"Asked is one number. Yours has shape {share.shape}.")
        want, slips = _torn(weights, X)
        got.append(share.item())
        wants.append(want)
        misses.append(list(slips.values()))
    slips = dict(zip(slips, np.transpose(misses), strict=True))
    compare(got, wants, slips=slips, what=f"the share of torn samples, asked of {len(wants)} maps,")


def _maps_to_judge() -> list[tuple[Array, Array]]:
    """Return maps and samples; half of the samples lie between two units, however far apart."""
    rng, maps = np.random.default_rng(SEED), []
    for shape, N in (((6, 5, 3), 83), ((1, 6, 2), 29), ((4, 7, 8), 60), ((5, 3, 6), 40)):
        weights, w, X = _drawn(*shape, N)
        a, b = rng.integers(len(w), size=(2, N))
        maps += [(weights, X), (weights, 0.52 * w[a] + 0.48 * w[b])]
    return maps


def _torn(weights: Array, X: Array) -> tuple[float, dict[str, float]]:
    """Return the share of samples at which a map is torn, and what slips make of it."""
    R, C, D = weights.shape
    w, places = weights.reshape(-1, D), _places(R, C)
    order, alike = _apart(X, w).argsort(axis=1), _apart(w, w).argsort(axis=1)[:, 1]
    first, second = order[:, 0], order[:, 1]
    steps = np.abs(places[first] - places[second])  # (N, 2)
    around = np.minimum(steps, (R, C) - steps)
    torn, jumps = steps.max(axis=1) > 1, np.abs(first - second)
    grid, by_rows = _apart(places, places, np.inf), np.abs(first // R - second // R)
    shares = {
        "This is the share of samples that are not torn.": ~torn,
        FOUR: steps.sum(axis=1) > 1,
        "Units whose numbers differ by 1 need be no neighbours, nor all others apart: think of "
        "the end of a row.": jumps > 1,
        "You compare the numbers of units. At the end of a row and the beginning of the next they "
        "are side by side, and the units are not.": ~np.isin(jumps, [0, 1, C - 1, C, C + 1]),
        "Your map wraps round. In this exercise the sheet has borders.": around.max(axis=1) > 1,
        "You count R units to a row. How many are there?": (
            np.maximum(by_rows, np.abs(first % R - second % R)) > 1
        ),
        "Nothing is torn in yours. Where do you look for the second best unit?": torn & False,
        "Everything is torn in yours. Which two units do you compare?": torn | True,
        "You compare the rows only.": steps[:, 0] > 1,
        "You compare the columns only.": steps[:, 1] > 1,
        "For you a map is torn only where rows and columns both differ by more than 1.": (
            steps.min(axis=1) > 1
        ),
        "Two steps away is no neighbour.": steps.max(axis=1) > 2,
        "Your second unit is the one most like the best. Asked is the one that is most like the "
        "sample, after the best.": grid[first, alike[first]] > 1,
        "You compare the second best unit with the third.": grid[second, order[:, 2]] > 1,
    }
    slips = {text: float(each.mean()) for text, each in shares.items()}
    slips["This is a number of samples. Asked is their share."] = float(torn.sum())
    way = "This is the mean way between the two. Asked is how often they are no neighbours."
    slips[way] = float(np.linalg.norm(steps, axis=1).mean())
    return float(torn.mean()), slips


@exercise(
    difficulty=4,
    minutes=20,
    hints=[
        "For each sample its best unit, and the neighbourhood of that, laid out in one row: the "
        "table h, (N, U).",
        "Above the line stands a product of `h.T` and the samples, with 0 in the holes, (U, D). "
        "Below it only the samples that have the number add up: a product of `h.T` and what?",
        "`there = ~np.isnan(X)`, and `h.T @ there` is (U, D), too. Divide where it is above "
        "1e-300, and keep the old weights elsewhere: `np.where` chooses.",
    ],
)
def batch_epoch(answer: Answer) -> None:
    """One epoch of the batch rule."""
    shape, sigma = (4, 6, 3), 1.2
    weights, w, X = _drawn(*shape, 50)
    got, places = answer(weights, X, sigma), _places(*shape[:2])
    best = _apart(X, w).argmin(axis=1)
    near = _table(*shape[:2], sigma)
    h, by_weights = near[best], _near(_apart(w, w), sigma)[best]  # (N, U)
    flat = _near(_apart(places, places), sigma)[best]
    hits, means = _of_its_own(w, X)
    sums, drawn = h.T @ X, _mean(h, X)
    together = "Divide by what all of them count together."
    slips = {
        "A unit hears its own samples only. Where is the neighbourhood?": means,
        BORDERS: _mean(flat, X),
        f"You divide by the number of samples. {together}": sums / len(X),
        f"You divide by how many samples a unit has won. {together}": sums / np.maximum(hits, 1),
        "You divide by nothing.": sums,
        "Your h sums to 1 over the units.": (h / h.sum(axis=1, keepdims=True)).T @ X,
        "A unit that wins no sample stays where it is. Its neighbours' samples count too.": (
            np.where(hits > 0, drawn, w)
        ),
        "Half of the old weights is left. Nothing of them should be.": (w + drawn) / 2,
        "You add the mean to the old weights. It takes their place.": w + drawn,
        CHANGES: drawn - w,
        BY_WEIGHTS: _mean(by_weights, X),
        "Your units move after each sample. Here all samples speak first.": _online(w, X, near),
        "You search anew when the first unit has moved. Search once.": _anew(w, X, near),
    }
    slips = _shaped(slips, *shape)
    compare(got, drawn.reshape(shape), what="the new map", slips=slips)
    _refuse_filled_holes(answer, weights, _with_holes(X), sigma)
    _refuse_lost_units(answer)


def _mean(h: Array, X: Array) -> Array:
    """Return the mean of samples, each counted as h (N, U) says, (U, D); holes do not count."""
    return np.asarray(h.T @ np.nan_to_num(X) / (h.T @ ~np.isnan(X)))


def _refuse_filled_holes(answer: Answer, weights: Array, X: Array, sigma: float) -> None:
    """Refuse a batch rule that takes holes for numbers, or samples with holes for nothing."""
    R, C, D = weights.shape
    w, near = weights.reshape(-1, D), _table(R, C, sigma)
    filled, whole = np.nan_to_num(X), ~np.isnan(X).any(axis=1)
    units = {
        "right": np.square(np.nan_to_num(X[:, None] - w)).sum(axis=2).argmin(axis=1),
        "filled": _apart(filled, w).argmin(axis=1),
        "first": np.square(X[:, None] - w).sum(axis=2).argmin(axis=1),
    }
    h = {name: near[best] for name, best in units.items()}
    got = numbers(answer(weights, X, sigma))
    spoilt = "Holes in the samples make weights NaN in yours. Leave them out of both sums."
    refuse_if(np.isnan(got).any(), spoilt)
    zeros, below = filled, h["right"].sum(axis=0)[:, None]
    slips = {
        "Above the line you leave holes out, below it they count. A sample counts for a number "
        "only if it has it.": h["right"].T @ zeros / below,
        EMPTY.format("0"): _mean(h["filled"], filled),
        "You leave out every sample that has a hole. Its other numbers count.": (
            _mean(h["right"][whole], X[whole])
        ),
        "Your sums leave holes out, but you fill them with 0 to search the best units.": (
            _mean(h["filled"], X)
        ),
        "For a sample with a hole all distances are NaN in yours, and `argmin` takes the first.": (
            _mean(h["first"], X)
        ),
    }
    want = _mean(h["right"], X).reshape(weights.shape)
    compare(
        got, want, what="the new map of samples with holes", slips=_shaped(slips, *weights.shape)
    )


def _of_its_own(w: Array, X: Array) -> tuple[Array, Array]:
    """Return how many samples each unit wins, (U, 1), and their mean, or the unit's weights."""
    owner = np.eye(len(w))[_apart(X, w).argmin(axis=1)]  # (N, U)
    hits = owner.sum(axis=0)[:, None]
    return hits, np.where(hits > 0, owner.T @ X / np.maximum(hits, 1), w)


def _online(w: Array, X: Array, near: Array) -> Array:
    """Move all units after each sample, as far as the neighbourhood lets them."""
    for x in X:
        w = w + near[np.linalg.norm(w - x, axis=1).argmin()][:, None] * (x - w)
    return w


def _anew(w: Array, X: Array, near: Array) -> Array:
    """Move unit after unit by the batch rule, and search all best units anew each time."""
    w = w.copy()
    for i in range(len(w)):
        h = near[_apart(X, w).argmin(axis=1), i]
        w[i] = h @ X / h.sum()
    return w


def _refuse_lost_units(answer: Answer) -> None:
    """Refuse a batch rule that loses units to which no sample contributes, or next to nothing."""
    weights, w, X = _drawn(5, 3, 2, 6)
    got = numbers(answer(weights, X, 0.02))
    alone = "A unit to which no sample contributes {}. It keeps its weights."
    refuse_if(not np.isfinite(got).all(), alone.format("becomes 0 / 0"))
    hits, want = _of_its_own(w, X)
    slips = {
        alone.format("goes to 0"): want * (hits > 0),
        alone.format("goes to the mean of all samples"): np.where(hits > 0, want, X.mean(axis=0)),
    }
    slips, what = _shaped(slips, 5, 3, 2), "the result with sigma=0.02"
    compare(got, want.reshape(5, 3, 2), what=what, slips=slips)
    got = numbers(answer(weights, X[:1], 0.2))
    h = _table(5, 3, 0.2)[_apart(X[0][None], w).argmin()]
    little = (
        f"A sample that alone counts {h.min():.0e} for a unit is all of its mean. In yours not."
    )
    refuse_if(not close(got, np.broadcast_to(X[0], got.shape)), little)
    hole = np.where([True, False], np.nan, X)  # nobody has the first number
    got, kept = numbers(answer(weights, hole, 1.0)), weights[:, :, 0]
    nobody = "A number that no sample has should stay as it was in every unit. Yours changes it."
    refuse_if(got.shape == weights.shape and not close(got[:, :, 0], kept), nobody)


@exercise(
    difficulty=3,
    minutes=15,
    hints=[
        "How many neighbours has a unit inside, at the border, in a corner?",
        "Go unit by unit, over the rows r - 1 to r + 1 and the columns c - 1 to c + 1: which of "
        "these nine places do not count?",
        "`weights[max(r - 1, 0) : r + 2, max(c - 1, 0) : c + 2]` holds the neighbours, and the "
        "unit itself at distance 0: divide by one less than it has places.",
    ],
)
def u_matrix(answer: Answer) -> None:
    """The U-matrix."""
    for R, C, D in ((4, 5, 3), (1, 4, 2), (3, 1, 4)):
        weights, w, _ = _drawn(R, C, D)
        got, places, far = answer(weights), _places(R, C), _apart(w, w)
        gaps = np.abs(places[:, None] - places)  # (U, U, 2)
        steps, torus = gaps.max(axis=2), np.minimum(gaps, (R, C) - gaps).max(axis=2)
        beside = steps == 1

        def mean(near: Array, far: Array = far) -> Array:
            return np.asarray((far * near).sum(axis=1) / np.maximum(near.sum(axis=1), 1))

        slips = {
            "Your map wraps round: its last row lies beside its first.": mean(torus == 1),
            "You divide by 8 at the border too. How many neighbours are there?": (
                (far * beside).sum(axis=1) / 8
            ),
            FOUR: mean(gaps.sum(axis=2) == 1),
            "You know the neighbours across the corners only.": mean((gaps == 1).all(axis=2)),
            SQUARED: mean(beside, far**2),
            ROOT: np.sqrt(mean(beside, far**2)),
            "You count the unit itself among its neighbours, at distance 0.": mean(steps <= 1),
            "These are sums. Asked are means.": (far * beside).sum(axis=1),
            "These are the largest distances. Asked are means.": (far * beside).max(axis=1),
            "All units count in yours, not the neighbours alone.": far.sum(axis=1) / (R * C - 1),
            ABSOLUTE: mean(beside, _apart(w, w, 1)),
        }
        want, slips = mean(beside).reshape(R, C), _shaped(slips, R, C)
        compare(got, want, slips=slips, what=f"the result for a grid of {R} x {C}")


@exercise(
    difficulty=3,
    minutes=15,
    hints=[
        "At first sigma reaches over half of the map, in the end hardly beyond a unit. For which "
        "sigma is h at the next unit small, but not nothing?",
        "`first * (last / first) ** (epoch / (epochs - 1))` goes from first to last by equal "
        "factors. Write it once, and use it for both.",
        "Try last values: for sigma one half to three quarters, for the rate a few hundredths.",
    ],
)
def schedule(answer: Answer) -> None:
    """A schedule that refines."""
    for epochs in LASTS:
        pairs = [answer.parts(answer(epoch, epochs), "sigma", "rate") for epoch in range(epochs)]
        single = all(part.size == 1 for pair in pairs for part in pair)
        refuse_if(not single, "Asked are two numbers for each epoch.")
        sigmas, rates = np.array([[part.item() for part in pair] for pair in pairs]).T
        for name, values, most in (("sigma", sigmas, np.inf), ("rate", rates, 1)):
            odd = ~((values > 0) & (values <= most) & np.isfinite(values))
            k, asked = int(odd.argmax()), "above 0" + ", and at most 1" * (name == "rate")
            refuse_if(
                odd.any(), f"In epoch {k} your {name} is {values[k]:.3g}. It must be {asked}."
            )
        far, torn = _train(np.clip(sigmas, 0.01, 1000), rates)  # to square them is safe
        errors = f"Quantization error {far:.3f}, topographic error {torn:.3f}. "
        if epochs < LASTS[0]:
            errors = f"{LASTS[0]} epochs are fine, but when {epochs} have to do: {errors}"
        refuse_if(far >= FAR, errors + _why_far(sigmas, torn))
        refuse_if(torn >= TORN, errors + _why_torn(sigmas, rates))


def _why_far(sigmas: Array, torn: float) -> str:
    """Say why a schedule leaves units far from the samples."""
    if torn >= TORN:
        return "The map has hardly moved. Are your rates large enough to get anywhere?"
    if sigmas[-1] >= sigmas[0]:
        return "Your sigma does not shrink. A map that is in order has yet to look at details."
    if sigmas[-1] > 0.85:
        return (
            f"The map never refines: sigma ends at {sigmas[-1]:.2f}, where each move still drags "
            f"the next unit along, {_near(1, sigmas[-1]):.0%} as far."
        )
    return "The map is in order, but when sigma has become small, your rate moves nothing any more."


def _why_torn(sigmas: Array, rates: Array) -> str:
    """Say why a schedule leaves neighbours apart."""
    if sigmas[0] < 2:
        return f"The map never unfolds: sigma begins at {sigmas[0]:.2f}, and few units hear of it."
    if rates[-1] > 0.15:
        return (
            f"In the end a sample still moves its unit {rates[-1]:.0%} of the way. Nothing settles."
        )
    if sigmas[-1] < 0.5:
        return (
            f"Sigma ends at {sigmas[-1]:.2f}: by then each unit learns for itself, and neighbours "
            "part again."
        )
    return "Your sigma falls faster than the map can follow."


def _train(sigmas: Array, rates: Array) -> tuple[float, float]:
    """Train maps of 10 x 10 on 200 colours each, side by side; return their mean errors."""
    rng, places = np.random.default_rng(14), _places(10, 10)
    w, X = rng.random((MAPS, 100, 3)), rng.random((MAPS, 200, 3))
    steps = _apart(places, places)
    for sigma, rate in zip(sigmas, rates, strict=True):
        h = rate * _near(steps, sigma)
        for x in rng.permutation(X, axis=1).swapaxes(0, 1):  # (maps, D)
            gaps = x[:, None] - w
            best = np.einsum("mud,mud->mu", gaps, gaps).argmin(axis=1)
            w += h[best][:, :, None] * gaps
    far = np.linalg.norm(X[:, :, None] - w[:, None], axis=3)  # (maps, N, U)
    first, second = np.moveaxis(far.argsort(axis=2)[:, :, :2], 2, 0)
    return float(far.min(axis=2).mean()), float((steps[first, second] > 1.5).mean())
