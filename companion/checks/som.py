"""Checks on maps: the nearest unit, its neighbours, two errors, two rules, a schedule."""

from __future__ import annotations

from typing import Any

import numpy as np

from companion.checks._compare import close, compare, numbers, refuse_if
from companion.checks._som import (
    ABSOLUTE,
    EMPTY,
    FOUR,
    LASTS,
    ROOT,
    SQUARED,
    Array,
    apart,
    batched,
    followed,
    maps_to_judge,
    mean_by,
    missed_units,
    near_by,
    of_its_own,
    places_of,
    random_map,
    shaped,
    stepped,
    table,
    torn_share,
    train,
    with_holes,
)
from companion.checks.pact import Answer, exercise

FAR, TORN = 0.12, 0.07  # the errors that a schedule must stay below


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
        weights, w, X = random_map(R, C, D, 25)
        first = numbers(answer(X[0], weights))
        refuse_if(first.size == 1, "You give one number. Asked are a row and a column.")
        refuse_if(first.shape == (D,), "These are weights. Asked is where they stand.")
        refuse_if(first.shape == (R, C), "Here is one number for each unit. Which unit is it?")
        _compare_units(answer, weights, X, missed_units(w, X, C), "samples without a hole")
        X = with_holes(X)
        gaps, means = X[:, None] - w, np.nanmean(X, axis=1, keepdims=True)
        nan_first = np.square(gaps).sum(axis=2).argmin(axis=1)
        holes = {
            "A hole makes every distance NaN, and `argmin` stops at the first NaN.": nan_first,
            EMPTY.format("0"): apart(np.nan_to_num(X), w).argmin(axis=1),
            EMPTY.format("the mean of x"): (
                apart(np.where(np.isnan(X), means, X), w).argmin(axis=1)
            ),
            EMPTY.format("the mean of the units"): (
                apart(np.where(np.isnan(X), w.mean(axis=0), X), w).argmin(axis=1)
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
        got, (h, slips) = answer(unit, R, C, sigma), followed(unit, R, C, sigma)
        what = f"the result for {unit} and sigma={sigma}"
        compare(got, h.reshape(R, C), slips=shaped(slips, R, C), what=what)


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
        weights, w, X = random_map(*shape)
        for x in (X[0], w[0] + 0.1):  # the second is best met in a corner
            want, slips = stepped(w, x, rate, sigma, *shape[:2])
            got = answer(weights, x, rate, sigma)
            slips = shaped(slips, *shape)
            compare(got, want.reshape(shape), what="the new map", slips=slips)
        _refuse_pull_of_holes(answer, weights, X[0], rate, sigma)


def _refuse_pull_of_holes(
    answer: Answer, weights: Array, x: Array, rate: float, sigma: float
) -> None:
    """Refuse steps in which a hole spoils, moves or stops more than its own number."""
    R, C, D = weights.shape
    w, near = weights.reshape(-1, D), table(R, C, sigma)
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
        compare(got, want, what=what, slips=shaped(slips, *weights.shape))


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
        weights, w, X = random_map(*shape, N)
        got, far = numbers(answer(weights, X)), apart(X, w)  # (N, U)
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
            ABSOLUTE: apart(X, w, 1).min(axis=1).mean(),
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
    for weights, X in maps_to_judge():
        share = numbers(answer(weights, X))
        one_each = "You give an answer for each sample. Asked is the share that is torn."
        refuse_if(share.shape == (len(X),), one_each)
        refuse_if(share.size != 1, f"Asked is one number. Yours has shape {share.shape}.")
        want, slips = torn_share(weights, X)
        got.append(share.item())
        wants.append(want)
        misses.append(list(slips.values()))
    slips = dict(zip(slips, np.transpose(misses), strict=True))
    compare(got, wants, slips=slips, what=f"the share of torn samples, asked of {len(wants)} maps,")


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
    weights, w, X = random_map(*shape, 50)
    want, slips = batched(w, X, sigma, *shape[:2])
    got, slips = answer(weights, X, sigma), shaped(slips, *shape)
    compare(got, want.reshape(shape), what="the new map", slips=slips)
    _refuse_filled_holes(answer, weights, with_holes(X), sigma)
    _refuse_lost_units(answer)


def _refuse_filled_holes(answer: Answer, weights: Array, X: Array, sigma: float) -> None:
    """Refuse a batch rule that takes holes for numbers, or samples with holes for nothing."""
    R, C, D = weights.shape
    w, near = weights.reshape(-1, D), table(R, C, sigma)
    filled, whole = np.nan_to_num(X), ~np.isnan(X).any(axis=1)
    units = {
        "right": np.square(np.nan_to_num(X[:, None] - w)).sum(axis=2).argmin(axis=1),
        "filled": apart(filled, w).argmin(axis=1),
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
        EMPTY.format("0"): mean_by(h["filled"], filled),
        "You leave out every sample that has a hole. Its other numbers count.": (
            mean_by(h["right"][whole], X[whole])
        ),
        "Your sums leave holes out, but you fill them with 0 to search the best units.": (
            mean_by(h["filled"], X)
        ),
        "For a sample with a hole all distances are NaN in yours, and `argmin` takes the first.": (
            mean_by(h["first"], X)
        ),
    }
    want = mean_by(h["right"], X).reshape(weights.shape)
    compare(
        got, want, what="the new map of samples with holes", slips=shaped(slips, *weights.shape)
    )


def _refuse_lost_units(answer: Answer) -> None:
    """Refuse a batch rule that loses units to which no sample contributes, or next to nothing."""
    weights, w, X = random_map(5, 3, 2, 6)
    got = numbers(answer(weights, X, 0.02))
    alone = "A unit to which no sample contributes {}. It keeps its weights."
    refuse_if(not np.isfinite(got).all(), alone.format("becomes 0 / 0"))
    hits, want = of_its_own(w, X)
    slips = {
        alone.format("goes to 0"): want * (hits > 0),
        alone.format("goes to the mean of all samples"): np.where(hits > 0, want, X.mean(axis=0)),
    }
    slips, what = shaped(slips, 5, 3, 2), "the result with sigma=0.02"
    compare(got, want.reshape(5, 3, 2), what=what, slips=slips)
    got = numbers(answer(weights, X[:1], 0.2))
    h = table(5, 3, 0.2)[apart(X[0][None], w).argmin()]
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
        weights, w, _ = random_map(R, C, D)
        got, places, far = answer(weights), places_of(R, C), apart(w, w)
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
            ABSOLUTE: mean(beside, apart(w, w, 1)),
        }
        want, slips = mean(beside).reshape(R, C), shaped(slips, R, C)
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
        far, torn = train(np.clip(sigmas, 0.01, 1000), rates)  # to square them is safe
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
            f"the next unit along, {near_by(1, sigmas[-1]):.0%} as far."
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
