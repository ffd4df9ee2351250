"""What maps should do, what slips make of it, and the maps and samples of the checks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
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


def random_map(R: int, C: int, D: int, N: int = 1) -> tuple[Array, Array, Array]:
    """Return weights (R, C, D) roughly in order, the same as (R * C, D), and samples (N, D)."""
    rng = np.random.default_rng(SEED)
    weights = np.sort(np.sort(rng.normal(size=(R, C, D)), axis=0), axis=1)
    weights += rng.normal(size=weights.shape) / 3
    return weights, weights.reshape(-1, D), rng.normal(size=(N, D))


def places_of(rows: int, columns: int) -> Array:
    """Return row and column of each unit, (R * C, 2)."""
    return np.stack(np.divmod(np.arange(rows * columns), columns), axis=1)


def gaps_around(a: Array, b: Array, R: int, C: int) -> Array:
    """Return rows and columns between places on a sheet that goes round, (N, U, 2)."""
    gaps = np.abs(a[:, None] - b)
    return np.asarray(np.minimum(gaps, (R, C) - gaps))


def table(R: int, C: int, sigma: float) -> Array:
    """Return how far each unit follows each other on a sheet that goes round, (U, U)."""
    places = places_of(R, C)
    return near_by(np.linalg.norm(gaps_around(places, places, R, C), axis=2), sigma)


def with_holes(X: Array) -> Array:
    """Return samples with about a third of their numbers missing, and none without any."""
    lost = np.random.default_rng(SEED).random(X.shape) < 0.35
    lost[lost.all(axis=1), -1] = False
    return np.where(lost, np.nan, X)


def apart(a: Array, b: Array, order: float = 2) -> Array:
    """Return how far the rows of a are from those of b: (N, D), (U, D) -> (N, U)."""
    return np.asarray(np.linalg.norm(a[:, None] - b, ord=order, axis=2))


def near_by(steps: ArrayLike, sigma: float) -> Array:
    """Turn steps on the grid into a neighbourhood."""
    return np.asarray(np.exp(-np.square(steps) / (2 * sigma**2)))


def shaped(slips: dict[str, Array], *shape: int) -> dict[str, Array]:
    """Give each slip the shape of the result."""
    return {text: np.reshape(slip, shape) for text, slip in slips.items()}


def missed_units(w: Array, X: Array, C: int) -> dict[str, Array]:
    """Return the units that other ways to compare find, (N,) each."""
    gaps, far = X[:, None] - w, apart(X, w)
    cut = "You look at {} only. All units compete."
    return {
        "This is the unit farthest from x.": far.argmax(axis=1),
        "This is the largest product with x, not the least distance.": (X @ w.T).argmax(axis=1),
        "You add differences as they are: those below 0 cancel others.": (-gaps.sum(axis=2)).argmin(
            axis=1
        ),
        ABSOLUTE: apart(X, w, 1).argmin(axis=1),
        "You look at the largest difference alone.": apart(X, w, np.inf).argmin(axis=1),
        "You look for the one number that is nearest. All D numbers count together.": (
            np.abs(gaps).min(axis=2).argmin(axis=1)
        ),
        "You compare the first of the D numbers only.": np.abs(gaps[:, :, 0]).argmin(axis=1),
        cut.format("the first row"): far[:, :C].argmin(axis=1),
        cut.format("the first column"): C * far[:, ::C].argmin(axis=1),
    }


def followed(unit: tuple[int, int], R: int, C: int, sigma: float) -> tuple[Array, dict[str, Array]]:
    """Return how far each unit follows one, (U,), and what slips make of it."""
    places = places_of(R, C)
    gaps = gaps_around(places, np.array([unit]), R, C)[:, 0]  # (U, 2)
    turned = gaps_around(places, np.array([unit[::-1]]), R, C)[:, 0]
    flat, one_way = np.abs(places - unit), (places - unit) % (R, C)
    sizes = np.minimum(flat, (C, R) - flat)
    steps, along = np.linalg.norm(gaps, axis=1), gaps.sum(axis=1)
    h, norm = near_by(steps, sigma), np.linalg.norm
    far = "You go round by {}. Both borders are glued."
    return h, {
        BORDERS: near_by(norm(flat, axis=1), sigma),
        "You go one way round only. The shorter way counts.": (
            near_by(norm(one_way, axis=1), sigma)
        ),
        far.format("the rows only"): near_by(np.hypot(gaps[:, 0], flat[:, 1]), sigma),
        far.format("the columns only"): near_by(np.hypot(flat[:, 0], gaps[:, 1]), sigma),
        "You go round by as many rows as there are columns.": near_by(norm(sizes, axis=1), sigma),
        "You take the longer way round.": near_by(norm((R, C) - gaps, axis=1), sigma),
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
        "You take the unit's row for its column.": near_by(norm(turned, axis=1), sigma),
        "You walk along rows and columns. A distance goes straight.": near_by(along, sigma),
        "For you a step across a corner is no longer than one to the side.": (
            near_by(gaps.max(axis=1), sigma)
        ),
        "Your neighbourhood has an edge. Asked is one that fades.": steps <= sigma,
        "Only the rows count in yours.": near_by(gaps[:, 0], sigma),
    }


def stepped(
    w: Array, x: Array, rate: float, sigma: float, R: int, C: int
) -> tuple[Array, dict[str, Array]]:
    """Return the units after one sample, (U, D), and what slips make of them."""
    places, gaps, far = places_of(R, C), x - w, apart(w, x[None])  # (U, D), (U, 1)
    best = [far.argmin()]
    steps, turned, flat = (
        np.linalg.norm(gap[:, 0], axis=1, keepdims=True)
        for gap in (
            gaps_around(places, places[best], R, C),
            gaps_around(places, places[best, ::-1], R, C),
            places[:, None] - places[best],
        )
    )
    h, by_weights = near_by(steps, sigma), near_by(apart(w, w[best]), sigma)
    move = rate * gaps
    return w + h * move, {
        "Only the best unit moves. Its neighbours should come along.": w + (steps == 0) * move,
        "The neighbourhood is missing: all units move alike.": w + move,
        BORDERS: w + near_by(flat, sigma) * move,
        "Your units move away from x.": w - h * move,
        "The rate is missing.": w + h * gaps,
        BY_WEIGHTS: w + by_weights * move,
        "Your neighbourhood goes by how near a unit is to x, not by the grid.": (
            w + near_by(far, sigma) * move
        ),
        "Your neighbourhood is centred on a wrong unit: row for column.": (
            w + near_by(turned, sigma) * move
        ),
        "Your neighbourhood is too narrow: there is a 2 before sigma.": w + h**2 * move,
        "You search the best unit again after each move. One search is for all.": (
            _searched_again(w, x, rate, table(R, C, sigma))
        ),
        CHANGES: h * move,
        "You add a part of x itself. A unit goes a part of its way to x.": w + rate * h * x,
        "Every unit loses a share `rate` of its old weights, however far off it stands.": (
            (1 - rate) * w + rate * h * x
        ),
    }


def _searched_again(w: Array, x: Array, rate: float, near: Array) -> Array:
    """Move unit after unit, and search the best one anew each time."""
    w = w.copy()
    for i in range(len(w)):
        best = np.linalg.norm(w - x, axis=1).argmin()
        w[i] += rate * near[best, i] * (x - w[i])
    return w


def maps_to_judge() -> list[tuple[Array, Array]]:
    """Return maps and samples; half of the samples lie between two units, however far apart."""
    rng, maps = np.random.default_rng(SEED), []
    for shape, N in (((6, 5, 3), 83), ((1, 6, 2), 29), ((4, 7, 8), 60), ((5, 3, 6), 40)):
        weights, w, X = random_map(*shape, N)
        a, b = rng.integers(len(w), size=(2, N))
        maps += [(weights, X), (weights, 0.52 * w[a] + 0.48 * w[b])]
    return maps


def torn_share(weights: Array, X: Array) -> tuple[float, dict[str, float]]:
    """Return the share of samples at which a map is torn, and what slips make of it."""
    R, C, D = weights.shape
    w, places = weights.reshape(-1, D), places_of(R, C)
    order, alike = apart(X, w).argsort(axis=1), apart(w, w).argsort(axis=1)[:, 1]
    first, second = order[:, 0], order[:, 1]
    steps = np.abs(places[first] - places[second])  # (N, 2)
    around = np.minimum(steps, (R, C) - steps)
    torn, jumps = steps.max(axis=1) > 1, np.abs(first - second)
    grid, by_rows = apart(places, places, np.inf), np.abs(first // R - second // R)
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


def batched(w: Array, X: Array, sigma: float, R: int, C: int) -> tuple[Array, dict[str, Array]]:
    """Return the units after one epoch of the batch rule, (U, D), and what slips make of them."""
    places, near = places_of(R, C), table(R, C, sigma)
    best = apart(X, w).argmin(axis=1)
    h, by_weights = near[best], near_by(apart(w, w), sigma)[best]  # (N, U)
    flat = near_by(apart(places, places), sigma)[best]
    hits, means = of_its_own(w, X)
    sums, drawn = h.T @ X, mean_by(h, X)
    together = "Divide by what all of them count together."
    return drawn, {
        "A unit hears its own samples only. Where is the neighbourhood?": means,
        BORDERS: mean_by(flat, X),
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
        BY_WEIGHTS: mean_by(by_weights, X),
        "Your units move after each sample. Here all samples speak first.": _online(w, X, near),
        "You search anew when the first unit has moved. Search once.": _anew(w, X, near),
    }


def mean_by(h: Array, X: Array) -> Array:
    """Return the mean of samples, each counted as h (N, U) says, (U, D); holes do not count."""
    return np.asarray(h.T @ np.nan_to_num(X) / (h.T @ ~np.isnan(X)))


def of_its_own(w: Array, X: Array) -> tuple[Array, Array]:
    """Return how many samples each unit wins, (U, 1), and their mean, or the unit's weights."""
    owner = np.eye(len(w))[apart(X, w).argmin(axis=1)]  # (N, U)
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
        h = near[apart(X, w).argmin(axis=1), i]
        w[i] = h @ X / h.sum()
    return w


def train(sigmas: Array, rates: Array) -> tuple[float, float]:
    """Train maps of 10 x 10 on 200 colours each, side by side; return their mean errors."""
    rng, places = np.random.default_rng(14), places_of(10, 10)
    w, X = rng.random((MAPS, 100, 3)), rng.random((MAPS, 200, 3))
    steps = apart(places, places)
    for sigma, rate in zip(sigmas, rates, strict=True):
        h = rate * near_by(steps, sigma)
        for x in rng.permutation(X, axis=1).swapaxes(0, 1):  # (maps, D)
            gaps = x[:, None] - w
            best = np.einsum("mud,mud->mu", gaps, gaps).argmin(axis=1)
            w += h[best][:, :, None] * gaps
    far = np.linalg.norm(X[:, :, None] - w[:, None], axis=3)  # (maps, N, U)
    first, second = np.moveaxis(far.argsort(axis=2)[:, :, :2], 2, 0)
    return float(far.min(axis=2).mean()), float((steps[first, second] > 1.5).mean())
