"""Checks on maps: the nearest unit, its neighbours, two errors, two rules, a schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.checks._compare import compare, numbers, refuse_if
from companion.checks.pact import Answer, exercise

Array = NDArray[Any]
FAR, TORN = 0.12, 0.07  # the errors that a schedule must stay below
EPOCHS, MAPS = 100, 5  # how long it lasts, and how many maps follow it
SEED = 46  # tells all slips apart
ABSOLUTE = "You add absolute differences. Here the distance adds squares."
BY_WEIGHTS = "Your neighbourhood goes by the weights. Neighbours are neighbours on the grid."
CHANGES = "These are the changes. Asked are the new weights."
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
    difficulty=1,
    minutes=5,
    hints=[
        "Subtract x from all weights at once. Along which axis do the squares add up?",
        "`((weights - x) ** 2).sum(axis=2)` has shape (R, C). `argmin` of it is one number k.",
        "k counts the units row by row, C to a row. `divmod` takes it apart.",
    ],
)
def best_unit(answer: Answer) -> None:
    """Best matching unit."""
    for R, C, D in ((7, 9, 3), (5, 4, 6)):
        weights, w, X = _drawn(R, C, D)
        got, gaps, far = numbers(answer(X[0], weights)), w - X, _apart(w, X)
        refuse_if(got.size == 1, "You give one number. Asked are a row and a column.")
        refuse_if(got.shape == (D,), "These are weights. Asked is where they stand.")
        refuse_if(got.shape == (R, C), "Here is one number for each unit. Which unit is it?")
        best, cut = far.argmin(), "You look at {} only. All units compete."
        cancel = "You add differences as they are: those below 0 cancel others."
        found = {
            "This is the unit farthest from x.": far.argmax(),
            "This is the largest product with x, not the least distance.": (w @ X[0]).argmax(),
            cancel: gaps.sum(axis=1).argmin(),
            ABSOLUTE: _apart(w, X, 1).argmin(),
            "You look at the largest difference alone.": _apart(w, X, np.inf).argmin(),
            "You compare the first of the D numbers only.": np.abs(gaps[:, 0]).argmin(),
            cut.format("the first row"): far[:C].argmin(),
            cut.format("the first column"): C * far[::C].argmin(),
        }
        slips = {text: np.array(np.divmod(k, C)) for text, k in found.items()}
        want = np.array(np.divmod(best, C))
        slips["Row and column have changed places."] = want[::-1]
        slips["You count from 1. The first row and the first column are 0."] = want + 1
        slips["You count R units to a row. How many are there?"] = np.array(divmod(best, R))
        compare(got, want, slips=slips, what=f"the unit on a grid of {R} x {C}")


@exercise(
    difficulty=1,
    minutes=10,
    hints=[
        "First the squared distance of every place from the unit, an array (R, C). No weights.",
        "`np.arange(rows)[:, None]` is a column of row numbers. Subtract the unit's row, square, "
        "and do the like with the columns: the sum of both has shape (R, C).",
        "That sum is d squared: no root is needed. Divide by twice the square of sigma.",
    ],
)
def neighbourhood(answer: Answer) -> None:
    """The neighbourhood on the grid."""
    for unit, R, C, sigma in (((1, 4), 5, 7, 1.5), ((3, 0), 4, 3, 0.8)):
        got, places = answer(unit, R, C, sigma), _places(R, C)
        gaps, turned = np.abs(places - unit), np.linalg.norm(places - unit[::-1], axis=1)
        steps, along = np.linalg.norm(gaps, axis=1), gaps.sum(axis=1)
        h = _near(steps, sigma)
        slips = {
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
            "You take the unit's row for its column.": _near(turned, sigma),
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
        "`x - weights` has shape (R, C, D). What must h look like to multiply it?",
        "`h[:, :, None]` has shape (R, C, 1). Add to the weights, do not write into them.",
    ],
)
def kohonen_step(answer: Answer) -> None:
    """One step of Kohonen's rule."""
    for shape, rate, sigma in (((5, 7, 3), 0.7, 1.4), ((3, 4, 2), 0.2, 0.6)):
        weights, w, X = _drawn(*shape)
        got, places = answer(weights, X[0], rate, sigma), _places(*shape[:2])
        gaps, far = X - w, _apart(w, X)  # (U, D), (U, 1)
        best = [far.argmin()]
        steps, turned = _apart(places, places[best]), _apart(places, places[best, ::-1])
        h, by_weights = _near(steps, sigma), _near(_apart(w, w[best]), sigma)
        by_x, elsewhere = _near(far, sigma), _near(turned, sigma)
        want, move = w + rate * h * gaps, rate * gaps
        slips = {
            "Only the best unit moves. Its neighbours should come along.": w + (steps == 0) * move,
            "The neighbourhood is missing: all units move alike.": w + move,
            "Your units move away from x.": w - h * move,
            "The rate is missing.": w + h * gaps,
            BY_WEIGHTS: w + by_weights * move,
            "Your neighbourhood goes by how near a unit is to x, not by the grid.": w + by_x * move,
            "Your neighbourhood is centred on a wrong unit: row for column.": w + elsewhere * move,
            "Your neighbourhood is too narrow: there is a 2 before sigma.": w + h**2 * move,
            "You search the best unit again after each move. One search is for all.": (
                _searched_again(w, X[0], rate, _near(_apart(places, places), sigma))
            ),
            CHANGES: h * move,
            "You add a part of x itself. A unit goes a part of its way to x.": w + rate * h * X,
            "Every unit loses a share `rate` of its old weights, however far off it stands.": (
                (1 - rate) * w + rate * h * X
            ),
        }
        slips = _shaped(slips, *shape)
        compare(got, want.reshape(shape), what="the new weights", slips=slips)


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
    for shape, N in (((6, 5, 3), 83), ((1, 6, 2), 29)):
        weights, w, X = _drawn(*shape, N)
        got, places = numbers(answer(weights, X)), _places(*shape[:2])
        one_each = "You give an answer for each sample. Asked is the share that is torn."
        refuse_if(got.shape == (N,), one_each)
        order, alike = _apart(X, w).argsort(axis=1), _apart(w, w).argsort(axis=1)[:, 1]
        first, second = order[:, 0], order[:, 1]
        steps = np.abs(places[first] - places[second])  # (N, 2)
        torn, jumps = steps.max(axis=1) > 1, np.abs(first - second) > 1
        grid = _apart(places, places, np.inf)
        slips = {
            "This is the share of samples that are not torn.": 1 - torn.mean(),
            "This is a number of samples. Asked is their share.": torn.sum(),
            FOUR: (steps.sum(axis=1) > 1).mean(),
            "Units whose numbers differ by 1 need be no neighbours, nor all others apart: think of "
            "the end of a row.": jumps.mean(),
            "Nothing is torn in yours. Where do you look for the second best unit?": 0,
            "Everything is torn in yours. Which two units do you compare?": 1,
            "You compare the rows only.": (steps[:, 0] > 1).mean(),
            "You compare the columns only.": (steps[:, 1] > 1).mean(),
            "Two steps away is no neighbour.": (steps.max(axis=1) > 2).mean(),
            "Your second unit is the one most like the best. Asked is the one that is most like "
            "the sample, after the best.": (grid[first, alike[first]] > 1).mean(),
            "This is the mean way between the two. Asked is how often they are no neighbours.": (
                np.linalg.norm(steps, axis=1).mean()
            ),
        }
        compare(got, torn.mean(), slips=slips, what=f"the share on a grid of {shape[:2]}")


@exercise(
    difficulty=4,
    minutes=20,
    hints=[
        "Three tables: who is best for whom, (N,); how near any two units stand on the grid, "
        "(U, U); and, rows of the second picked by the first, h, (N, U).",
        "Above the line stands `h.T @ X`, (U, D). Below it a sum over samples: which axis of h?",
        "Divide where the sum is above 0, and keep the old weights elsewhere: `np.where` chooses, "
        "and `total[:, None]` fits (U, D).",
    ],
)
def batch_epoch(answer: Answer) -> None:
    """One epoch of the batch rule."""
    shape, sigma = (4, 6, 3), 1.2
    weights, w, X = _drawn(*shape, 50)
    got, places = answer(weights, X, sigma), _places(*shape[:2])
    best, near = _apart(X, w).argmin(axis=1), _near(_apart(places, places), sigma)
    h, by_weights = near[best], _near(_apart(w, w), sigma)[best]  # (N, U)
    hits, means = _of_its_own(w, X)
    sums, drawn = h.T @ X, h.T @ X / h.sum(axis=0)[:, None]
    together = "Divide by what all of them count together."
    slips = {
        "A unit hears its own samples only. Where is the neighbourhood?": means,
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
        BY_WEIGHTS: by_weights.T @ X / by_weights.sum(axis=0)[:, None],
        "Your units move after each sample. Here all samples speak first.": _online(w, X, near),
        "You search anew when the first unit has moved. Search once.": _anew(w, X, near),
    }
    slips = _shaped(slips, *shape)
    compare(got, drawn.reshape(shape), what="the new weights", slips=slips)
    _refuse_lost_units(answer)


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
    """Refuse a batch rule that loses units to which no sample contributes."""
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
    for R, C, D in ((4, 5, 3), (1, 4, 2)):
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
    pairs = [answer.parts(answer(epoch, EPOCHS), "sigma", "rate") for epoch in range(EPOCHS)]
    single = all(part.size == 1 for pair in pairs for part in pair)
    refuse_if(not single, "Asked are two numbers for each epoch.")
    sigmas, rates = np.array([[part.item() for part in pair] for pair in pairs]).T
    for name, values, most in (("sigma", sigmas, np.inf), ("rate", rates, 1)):
        odd = ~((values > 0) & (values <= most) & np.isfinite(values))
        k, asked = int(odd.argmax()), "above 0" + ", and at most 1" * (name == "rate")
        refuse_if(odd.any(), f"In epoch {k} your {name} is {values[k]:.3g}. It must be {asked}.")
    far, torn = _train(np.clip(sigmas, 0.01, 1000), rates)  # to square them is safe
    errors = f"Quantization error {far:.3f}, topographic error {torn:.3f}. "
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
