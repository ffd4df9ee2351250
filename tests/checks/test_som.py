"""Answers to the exercises on maps: right ones, and some one small slip away."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from companion import checks, som
from tests.checks._both_ways import Answers

answers = Answers("som")
right, wrong, equal = answers.right, answers.wrong, answers.equal


def room(weights, X, *, epochs=0, sigma=1.0, rate=1.0, method="batch"):
    """The package's own map, which goes round, with these weights to begin with."""
    rows, columns = weights.shape[:2]
    widths, rates = (sigma, sigma), (rate, rate)
    settings = {"method": method, "initial": weights, "toroidal": epochs > 0}
    new = som.SelfOrganizingMap(rows, columns, epochs=epochs, sigma=widths, rate=rates, **settings)
    return new.fit(X)


def there(x, weights):
    """What is there of a sample, and the weights that belong to it."""
    return x[~np.isnan(x)], weights[:, :, ~np.isnan(x)]


# 1


@right("best_unit")
def by_divmod(x, weights):
    return divmod(np.nansum((weights - x) ** 2, axis=2).argmin(), weights.shape[1])


@right("best_unit")
def by_a_search_among_what_is_there(x, weights):
    x, w = there(x, weights)
    return min(np.ndindex(w.shape[:2]), key=lambda place: math.dist(w[place], x))


@right("best_unit")
def by_torch_and_a_mask(x, weights):
    gaps = torch.tensor(weights, dtype=torch.float32) - torch.tensor(x)
    k = torch.argmin(gaps.square().nansum(dim=2).sqrt())
    return k // weights.shape[1], k % weights.shape[1]


@right("best_unit")
def by_the_mean_of_the_squares(x, weights):
    return np.argwhere((far := np.nanmean((weights - x) ** 2, axis=2)) == far.min())[0]


@right("best_unit")
def holes_filled_with_the_weights(x, weights):
    gaps = weights - np.where(np.isnan(x), weights, x)
    return at((gaps**2).sum(axis=2), weights)


@right("best_unit")
def by_the_room(x, weights):
    x, w = there(x, weights)
    return room(w, x[None]).transform(x[None])[0]


def at(values, weights):
    return np.unravel_index(values.argmin(), weights.shape[:2])


@wrong("best_unit", "`argmin` stops at the first NaN")
def as_in_the_chapter(x, weights):
    return at(np.linalg.norm(weights - x, axis=2), weights)


@wrong("best_unit", "You fill a hole with 0")
def holes_are_zero(x, weights):
    return by_divmod(np.nan_to_num(x), weights)


@wrong("best_unit", "with the mean of x")
def holes_are_the_mean_of_x(x, weights):
    return by_divmod(np.where(np.isnan(x), np.nanmean(x), x), weights)


@wrong("best_unit", "with the mean of the units")
def holes_are_the_mean_of_the_units(x, weights):
    return by_divmod(np.where(np.isnan(x), weights.mean(axis=(0, 1)), x), weights)


@wrong("best_unit", "samples with holes, on a grid of 7 x 9")
def holes_are_one(x, weights):
    return by_divmod(np.nan_to_num(x, nan=1.0), weights)


@wrong("best_unit", "the one number that is nearest")
def never_summed(x, weights):
    return np.unravel_index(np.nanargmin((weights - x) ** 2), weights.shape)[:2]


@wrong("best_unit", "Your `best_unit` stopped with ValueError")
def counted_over_all_numbers(x, weights):
    return np.unravel_index(np.nanargmax(-((weights - x) ** 2)), weights.shape[:2])


@wrong("best_unit", "Yours has shape (1, 2)")
def a_list_of_one_place(x, weights):
    far = np.nansum((weights - x) ** 2, axis=2)
    return np.argwhere(far == far.min())


@wrong("best_unit", "Yours has shape (3, 2)")
def three_places(x, weights):
    return [by_divmod(x, weights)] * 3


@wrong("best_unit", "Row and column")
def column_first(x, weights):
    return by_divmod(x, weights)[::-1]


@wrong("best_unit", "You give one number")
def number_of_the_unit(x, weights):
    return ((weights - x) ** 2).sum(axis=2).argmin()


@wrong("best_unit", "farthest")
def the_farthest(x, weights):
    return at(-((weights - x) ** 2).sum(axis=2), weights)


@wrong("best_unit", "largest product")
def by_product(x, weights):
    return at(-(weights @ x), weights)


@wrong("best_unit", "cancel others")
def neither_square_nor_size(x, weights):
    return at((weights - x).sum(axis=2), weights)


@wrong("best_unit", "absolute differences")
def along_the_axes(x, weights):
    return at(np.abs(weights - x).sum(axis=2), weights)


@wrong("best_unit", "largest difference alone")
def by_largest_difference(x, weights):
    return at(np.abs(weights - x).max(axis=2), weights)


@wrong("best_unit", "first of the D numbers")
def by_first_number(x, weights):
    return at(np.abs(weights - x)[:, :, 0], weights)


@wrong("best_unit", "the first row only")
def in_the_first_row(x, weights):
    return 0, int(((weights[0] - x) ** 2).sum(axis=1).argmin())


@wrong("best_unit", "the first column only")
def in_the_first_column(x, weights):
    return int(((weights[:, 0] - x) ** 2).sum(axis=1).argmin()), 0


@wrong("best_unit", "count from 1")
def counted_from_one(x, weights):
    return np.add(by_divmod(x, weights), 1)


@wrong("best_unit", "R units to a row")
def divided_by_rows(x, weights):
    return divmod(((weights - x) ** 2).sum(axis=2).argmin(), weights.shape[0])


@wrong("best_unit", "These are weights")
def weights_of_the_unit(x, weights):
    return weights[by_divmod(x, weights)]


@wrong("best_unit", "one number for each unit")
def distance_of_each_unit(x, weights):
    return ((weights - x) ** 2).sum(axis=2)


# 2


def ring(n, k):
    """Steps on a ring of n places to the place k."""
    return abs((np.arange(n) - k + n // 2) % n - n // 2)


@right("neighbourhood")
def by_broadcasting(unit, rows, columns, sigma):
    r, c = ring(rows, unit[0])[:, None], ring(columns, unit[1])
    return np.exp(-(r**2 + c**2) / (2 * sigma**2))


@right("neighbourhood")
def by_two_loops_over_nine_sheets(unit, rows, columns, sigma):
    def h(r, c):
        sheets = [(r + i * rows, c + j * columns) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        return math.exp(-((min(math.dist(unit, sheet) for sheet in sheets) / sigma) ** 2) / 2)

    return [[h(r, c) for c in range(columns)] for r in range(rows)]


@right("neighbourhood")
def by_an_outer_product_in_torch(unit, rows, columns, sigma):
    r, c = torch.tensor(ring(rows, unit[0])), torch.tensor(ring(columns, unit[1]))
    return torch.outer(torch.exp(-(r**2) / (2 * sigma**2)), torch.exp(-(c**2) / (2 * sigma**2)))


@right("neighbourhood")
def rolled_from_the_corner(unit, rows, columns, sigma):
    return np.roll(by_broadcasting((0, 0), rows, columns, sigma), unit, axis=(0, 1)).astype("f4")


equal(
    "neighbourhood",
    "np.minimum(down, rows - down) -> np.minimum(rows - down, down)",
    "the smaller of two is the same in either order",
)
equal(
    "neighbourhood",
    "np.minimum(across, columns - across) -> np.minimum(columns - across, across)",
    "the smaller of two is the same in either order",
)


def steps(unit, rows, columns):
    return np.hypot(ring(rows, unit[0])[:, None], ring(columns, unit[1]))


@wrong("neighbourhood", "Your sheet has borders")
def as_in_the_chapter_on_a_flat_sheet(unit, rows, columns, sigma):
    row, column = np.indices((rows, columns))
    return np.exp(-((row - unit[0]) ** 2 + (column - unit[1]) ** 2) / (2 * sigma**2))


@wrong("neighbourhood", "one way round only")
def by_the_remainder_alone(unit, rows, columns, sigma):
    r, c = (np.arange(rows) - unit[0]) % rows, (np.arange(columns) - unit[1]) % columns
    return np.exp(-(r[:, None] ** 2 + c**2) / (2 * sigma**2))


@wrong("neighbourhood", "go round by the columns only")
def a_cylinder(unit, rows, columns, sigma):
    r, c = np.arange(rows)[:, None] - unit[0], ring(columns, unit[1])
    return np.exp(-(r**2 + c**2) / (2 * sigma**2))


@wrong("neighbourhood", "go round by the rows only")
def a_lying_cylinder(unit, rows, columns, sigma):
    r, c = ring(rows, unit[0])[:, None], np.arange(columns) - unit[1]
    return np.exp(-(r**2 + c**2) / (2 * sigma**2))


@wrong("neighbourhood", "as many rows as there are columns")
def sizes_swapped(unit, rows, columns, sigma):
    r, c = abs(np.arange(rows) - unit[0]), abs(np.arange(columns) - unit[1])
    r, c = np.minimum(r, columns - r), np.minimum(c, rows - c)
    return np.exp(-(r[:, None] ** 2 + c**2) / (2 * sigma**2))


@wrong("neighbourhood", "the longer way round")
def the_longer_way(unit, rows, columns, sigma):
    r, c = rows - ring(rows, unit[0]), columns - ring(columns, unit[1])
    return np.exp(-(r[:, None] ** 2 + c**2) / (2 * sigma**2))


@wrong("neighbourhood", "The result for (1, 4) and sigma=1.5 is wrong in")
def all_sheets_added(unit, rows, columns, sigma):
    h = [
        as_in_the_chapter_on_a_flat_sheet((unit[0] + i, unit[1] + j), rows, columns, sigma)
        for i in (-rows, 0, rows)
        for j in (-columns, 0, columns)
    ]
    return np.sum(h, axis=0)


@wrong("neighbourhood", "The 2 in front")
def without_two(unit, rows, columns, sigma):
    return np.exp(-(steps(unit, rows, columns) ** 2) / sigma**2)


@wrong("neighbourhood", "Sigma is not squared")
def sigma_not_squared(unit, rows, columns, sigma):
    return np.exp(-(steps(unit, rows, columns) ** 2) / (2 * sigma))


@wrong("neighbourhood", "Only sigma is squared")
def two_squared_too(unit, rows, columns, sigma):
    return np.exp(-(steps(unit, rows, columns) ** 2) / (2 * sigma) ** 2)


@wrong("neighbourhood", "a bracket")
def brackets_forgotten(unit, rows, columns, sigma):
    return np.exp(-(steps(unit, rows, columns) ** 2) / 2 * sigma**2)


@wrong("neighbourhood", "The distance is not squared")
def distance_not_squared(unit, rows, columns, sigma):
    return np.exp(-steps(unit, rows, columns) / (2 * sigma**2))


@wrong("neighbourhood", "The minus is missing")
def without_minus(unit, rows, columns, sigma):
    return np.exp(steps(unit, rows, columns) ** 2 / (2 * sigma**2))


@wrong("neighbourhood", "sum to 1")
def shares(unit, rows, columns, sigma):
    h = by_broadcasting(unit, rows, columns, sigma)
    return h / h.sum()


@wrong("neighbourhood", "This is a density")
def density(unit, rows, columns, sigma):
    return by_broadcasting(unit, rows, columns, sigma) / (sigma * math.sqrt(2 * math.pi))


@wrong("neighbourhood", "squared distances")
def distances_alone(unit, rows, columns, sigma):
    return steps(unit, rows, columns) ** 2


@wrong("neighbourhood", "row for its column")
def unit_turned_round(unit, rows, columns, sigma):
    return by_broadcasting(unit[::-1], rows, columns, sigma)


@wrong("neighbourhood", "A distance goes straight")
def on_foot(unit, rows, columns, sigma):
    r, c = ring(rows, unit[0])[:, None], ring(columns, unit[1])
    return np.exp(-((r + c) ** 2) / (2 * sigma**2))


@wrong("neighbourhood", "across a corner")
def as_a_king_walks(unit, rows, columns, sigma):
    r, c = ring(rows, unit[0])[:, None], ring(columns, unit[1])
    return np.exp(-(np.maximum(r, c) ** 2) / (2 * sigma**2))


@wrong("neighbourhood", "has an edge")
def all_or_nothing(unit, rows, columns, sigma):
    return steps(unit, rows, columns) <= sigma


@wrong("neighbourhood", "Only the rows count")
def rows_alone(unit, rows, columns, sigma):
    r = ring(rows, unit[0])[:, None]
    return np.exp(-(r**2) / (2 * sigma**2)) * np.ones(columns)


@wrong("neighbourhood", "It looks transposed")
def columns_by_rows(unit, rows, columns, sigma):
    return by_broadcasting(unit, rows, columns, sigma).T


# 3


def h_around(x, weights, sigma):
    return by_broadcasting(by_divmod(x, weights), *weights.shape[:2], sigma)[:, :, None]


def gap(x, weights):
    """How far each unit is from x, 0 where x has a hole."""
    return np.nan_to_num(x - weights)


@right("kohonen_step")
def all_at_once(weights, x, rate, sigma):
    return weights + rate * h_around(x, weights, sigma) * gap(x, weights)


@right("kohonen_step")
def unit_by_unit_and_number_by_number(weights, x, rate, sigma):
    h, new = h_around(x, weights, sigma)[:, :, 0], weights.copy()
    for r, c, d in np.ndindex(weights.shape):
        if x[d] == x[d]:
            new[r, c, d] += rate * h[r, c] * (x[d] - new[r, c, d])
    return new


@right("kohonen_step")
def by_torch_in_single_precision(weights, x, rate, sigma):
    h, w = torch.tensor(h_around(x, weights, sigma)), torch.tensor(weights)
    return torch.lerp(w, torch.tensor(x).where(~torch.tensor(x).isnan(), w), rate * h).float()


@right("kohonen_step")
def a_step_of_the_room(weights, x, rate, sigma):
    new, (x_there, w) = weights.copy(), there(x, weights)
    moved = room(w, x_there[None], epochs=1, sigma=sigma, rate=rate, method="online")
    new[:, :, ~np.isnan(x)] = moved.weights_
    return new


@wrong("kohonen_step", "weights become NaN")
def as_in_the_chapter_with_holes(weights, x, rate, sigma):
    return weights + rate * h_around(x, weights, sigma) * (x - weights)


@wrong("kohonen_step", "Your sheet has borders")
def on_a_flat_sheet(weights, x, rate, sigma):
    unit, shape = by_divmod(x, weights), weights.shape[:2]
    h = as_in_the_chapter_on_a_flat_sheet(unit, *shape, sigma)[:, :, None]
    return weights + rate * h * gap(x, weights)


@wrong("kohonen_step", "You fill a hole with 0")
def holes_pull_to_zero(weights, x, rate, sigma):
    return all_at_once(weights, np.nan_to_num(x), rate, sigma)


@wrong("kohonen_step", "fill it with 0 to search")
def searched_with_zeros(weights, x, rate, sigma):
    return weights + rate * h_around(np.nan_to_num(x), weights, sigma) * gap(x, weights)


@wrong("kohonen_step", "takes the first unit")
def searched_among_nans(weights, x, rate, sigma):
    unit = as_in_the_chapter(x, weights)
    h = by_broadcasting(unit, *weights.shape[:2], sigma)[:, :, None]
    return weights + rate * h * gap(x, weights)


@wrong("kohonen_step", "nobody moves")
def samples_with_holes_skipped(weights, x, rate, sigma):
    return weights.copy() if np.isnan(x).any() else all_at_once(weights, x, rate, sigma)


@wrong("kohonen_step", "where number 2 of x is a hole")
def the_last_number_spoils_the_first(weights, x, rate, sigma):
    new = all_at_once(weights, x, rate, sigma)
    new[:, :, 0] = np.where(np.isnan(x[-1]), weights[:, :, 0], new[:, :, 0])
    return new


@wrong("kohonen_step", "Only the best unit moves")
def best_unit_alone(weights, x, rate, sigma):
    new, best = weights.copy(), by_divmod(x, weights)
    new[best] += rate * (x - new[best])
    return new


@wrong("kohonen_step", "move away")
def away_from_the_sample(weights, x, rate, sigma):
    return weights + rate * h_around(x, weights, sigma) * gap(-x, -weights)


@wrong("kohonen_step", "The rate is missing")
def without_rate(weights, x, rate, sigma):
    return weights + h_around(x, weights, sigma) * gap(x, weights)


@wrong("kohonen_step", "The neighbourhood is missing")
def without_neighbourhood(weights, x, rate, sigma):
    return weights + rate * gap(x, weights)


@wrong("kohonen_step", "goes by the weights")
def neighbours_by_weights(weights, x, rate, sigma):
    gaps = ((weights - weights[by_divmod(x, weights)]) ** 2).sum(axis=2, keepdims=True)
    return weights + rate * np.exp(-gaps / (2 * sigma**2)) * gap(x, weights)


@wrong("kohonen_step", "how near a unit is to x")
def neighbours_by_the_sample(weights, x, rate, sigma):
    gaps = ((weights - x) ** 2).sum(axis=2, keepdims=True)
    return weights + rate * np.exp(-gaps / (2 * sigma**2)) * gap(x, weights)


@wrong("kohonen_step", "row for column")
def neighbours_of_another_unit(weights, x, rate, sigma):
    h = by_broadcasting(by_divmod(x, weights)[::-1], *weights.shape[:2], sigma)
    return weights + rate * h[:, :, None] * gap(x, weights)


@wrong("kohonen_step", "too narrow")
def neighbourhood_without_two(weights, x, rate, sigma):
    return weights + rate * h_around(x, weights, sigma) ** 2 * gap(x, weights)


@wrong("kohonen_step", "changed its argument `weights`")
def moved_in_place(weights, x, rate, sigma):
    weights += rate * h_around(x, weights, sigma) * gap(x, weights)
    return weights


@wrong("kohonen_step", "after each move")
def searched_after_each_move(weights, x, rate, sigma):
    new = weights.copy()
    for place in np.ndindex(weights.shape[:2]):
        new[place] += rate * h_around(x, new, sigma)[place] * (x - new[place])
    return new


@wrong("kohonen_step", "operands could not be broadcast")
def no_axis_for_the_numbers(weights, x, rate, sigma):
    return weights + rate * h_around(x, weights, sigma)[:, :, 0] * gap(x, weights)


@wrong("kohonen_step", "These are the changes")
def changes_alone(weights, x, rate, sigma):
    return rate * h_around(x, weights, sigma) * gap(x, weights)


@wrong("kohonen_step", "part of x itself")
def old_weights_not_subtracted(weights, x, rate, sigma):
    return weights + rate * h_around(x, weights, sigma) * x


@wrong("kohonen_step", "Every unit loses")
def all_fade(weights, x, rate, sigma):
    return (1 - rate) * weights + rate * h_around(x, weights, sigma) * x


# 4


def distances(weights, X):
    units = weights.reshape(-1, weights.shape[2])
    return np.sqrt(((X[:, None] - units) ** 2).sum(axis=2))  # (N, U)


@right("how_far")
def by_rows(weights, X):
    return distances(weights, X).min(axis=1).mean()


@right("how_far")
def sample_by_sample(weights, X):
    return np.mean([np.linalg.norm(weights - x, axis=2).min() for x in X])


@right("how_far")
def by_cdist_in_torch(weights, X):
    far = torch.cdist(torch.tensor(X).float(), torch.tensor(weights).float().flatten(0, 1))
    return far.amin(dim=1).mean()


@right("how_far")
def error_by_the_room(weights, X):
    return som.quantization_error(room(weights, X), X)


@wrong("how_far", "Your distances are squared")
def no_root(weights, X):
    return (distances(weights, X).min(axis=1) ** 2).mean()


@wrong("how_far", "root of a mean of squares")
def root_of_the_mean(weights, X):
    return np.sqrt(no_root(weights, X))


@wrong("how_far", "This is a sum")
def summed(weights, X):
    return distances(weights, X).min(axis=1).sum()


@wrong("how_far", "mean over all units")
def no_best_unit(weights, X):
    return distances(weights, X).mean()


@wrong("how_far", "the farthest unit")
def to_the_farthest(weights, X):
    return distances(weights, X).max(axis=1).mean()


@wrong("how_far", "first sample only")
def one_sample(weights, X):
    return distances(weights, X)[0].min()


@wrong("how_far", "worst sample only")
def the_worst(weights, X):
    return distances(weights, X).min(axis=1).max()


@wrong("how_far", "from unit to unit")
def from_the_units(weights, X):
    return distances(weights, X).min(axis=0).mean()


@wrong("how_far", "absolute differences")
def sum_of_sizes(weights, X):
    return np.mean([np.abs(weights - x).sum(axis=2).min() for x in X])


@wrong("how_far", "mean over the D numbers too")
def mean_square_inside(weights, X):
    return np.mean([np.sqrt(((weights - x) ** 2).mean(axis=2)).min() for x in X])


@wrong("how_far", "one distance for each sample")
def one_for_each(weights, X):
    return distances(weights, X).min(axis=1)


# 5


def two_nearest(weights, X):
    """Rows and columns of the best unit and the second best, (N, 2) each."""
    order = distances(weights, X).argsort(axis=1)
    places = np.stack(np.divmod(order, weights.shape[1]), axis=2)
    return places[:, 0], places[:, 1]


@right("how_torn")
def by_the_longer_side(weights, X):
    first, second = two_nearest(weights, X)
    return (np.abs(first - second).max(axis=1) > 1).mean()


@right("how_torn")
def by_distance_on_the_grid(weights, X):
    torn = 0
    for x in X:
        places = sorted(np.ndindex(weights.shape[:2]), key=lambda p: math.dist(weights[p], x))
        torn += math.dist(*places[:2]) > 1.5
    return torn / len(X)


@right("how_torn")
def by_topk_in_torch(weights, X):
    C = weights.shape[1]
    far = torch.cdist(torch.tensor(X), torch.tensor(weights).flatten(0, 1))
    k = far.topk(2, largest=False).indices
    return torch.maximum((k // C).diff().abs(), (k % C).diff().abs()).gt(1).float().mean()


@right("how_torn")
def torn_by_the_room(weights, X):
    return som.topographic_error(room(weights, X), X)


equal(
    "how_torn",
    "distances.argsort(axis=1) -> distances.argsort()",
    "numpy sorts along the last axis if none is named, and that is axis 1",
)


def flat_steps(weights, X):
    C = weights.shape[1]
    first, second = (place[:, 0] * C + place[:, 1] for place in two_nearest(weights, X))
    return np.abs(first - second)


@wrong("how_torn", "You compare the numbers of units")
def by_eight_numbers(weights, X):
    C = weights.shape[1]
    return np.mean(~np.isin(flat_steps(weights, X), [1, C - 1, C, C + 1]))


@wrong("how_torn", "Your map wraps round")
def glued(weights, X):
    gaps = np.abs(np.subtract(*two_nearest(weights, X)))
    return (np.minimum(gaps, weights.shape[:2] - gaps).max(axis=1) > 1).mean()


@wrong("how_torn", "R units to a row")
def rows_of_the_wrong_length(weights, X):
    k, R = distances(weights, X).argsort(axis=1)[:, :2], len(weights)
    return (np.maximum(*(abs(np.diff(each, axis=1)) for each in divmod(k, R))) > 1).mean()


@wrong("how_torn", "rows and columns both differ")
def torn_in_both_directions(weights, X):
    return (np.abs(np.subtract(*two_nearest(weights, X))).min(axis=1) > 1).mean()


@wrong("how_torn", "the third")
def second_and_third(weights, X):
    order = distances(weights, X).argsort(axis=1)
    places = np.stack(np.divmod(order, weights.shape[1]), axis=2)
    return (np.abs(places[:, 1] - places[:, 2]).max(axis=1) > 1).mean()


@wrong("how_torn", "asked of 8 maps, is wrong in")
def square_maps_alone(weights, X):
    return by_the_longer_side(weights, X) if len(weights) > 1 else 0.0


@wrong("how_torn", "are not torn")
def share_that_is_whole(weights, X):
    return 1 - by_the_longer_side(weights, X)


@wrong("how_torn", "a number of samples")
def counted(weights, X):
    return by_the_longer_side(weights, X) * len(X)


@wrong("how_torn", "four neighbours")
def four_neighbours(weights, X):
    first, second = two_nearest(weights, X)
    return (np.abs(first - second).sum(axis=1) > 1).mean()


@wrong("how_torn", "the end of a row")
def by_number_of_the_unit(weights, X):
    order = distances(weights, X).argsort(axis=1)
    return (np.abs(order[:, 0] - order[:, 1]) > 1).mean()


@wrong("how_torn", "Nothing is torn")
def second_among_the_neighbours(weights, X):
    torn = 0
    for x in X:
        far = np.linalg.norm(weights - x, axis=2)
        r, c = np.unravel_index(far.argmin(), far.shape)
        near = [p for p in np.ndindex(far.shape) if max(abs(p[0] - r), abs(p[1] - c)) == 1]
        second = min(near, key=lambda p: far[p])
        torn += max(abs(second[0] - r), abs(second[1] - c)) > 1
    return torn / len(X)


@wrong("how_torn", "Everything is torn")
def any_other_unit(weights, X):
    first, second = two_nearest(weights, X)
    return (first != second).any(axis=1).mean()


@wrong("how_torn", "the rows only")
def rows_compared(weights, X):
    first, second = two_nearest(weights, X)
    return (np.abs(first - second)[:, 0] > 1).mean()


@wrong("how_torn", "the columns only")
def columns_compared(weights, X):
    first, second = two_nearest(weights, X)
    return (np.abs(first - second)[:, 1] > 1).mean()


@wrong("how_torn", "Two steps away")
def two_steps_allowed(weights, X):
    first, second = two_nearest(weights, X)
    return (np.abs(first - second).max(axis=1) > 2).mean()


@wrong("how_torn", "most like the best")
def second_by_the_best_unit(weights, X):
    best = weights[tuple(two_nearest(weights, X)[0].T)]
    first, second = two_nearest(weights, best)
    return (np.abs(first - second).max(axis=1) > 1).mean()


@wrong("how_torn", "the mean way")
def mean_way(weights, X):
    first, second = two_nearest(weights, X)
    return np.linalg.norm(first - second, axis=1).mean()


@wrong("how_torn", "an answer for each sample")
def torn_or_not(weights, X):
    first, second = two_nearest(weights, X)
    return np.abs(first - second).max(axis=1) > 1


# 6


def table(weights, X, sigma):
    """How much each sample counts for each unit, (N, U)."""
    return np.array([h_around(x, weights, sigma).ravel() for x in X])


def moved(weights, h, X, least=1e-300):
    total = h.T @ ~np.isnan(X)
    old, sums = weights.reshape(-1, weights.shape[2]), h.T @ np.nan_to_num(X)
    return np.where(total > least, sums / np.where(total > least, total, 1), old).reshape(
        weights.shape
    )


@right("batch_epoch")
def by_products(weights, X, sigma):
    return moved(weights, table(weights, X, sigma), X)


@right("batch_epoch")
def by_sums_over_samples(weights, X, sigma):
    above, below = np.zeros_like(weights), np.zeros_like(weights)
    for x in X:
        h = h_around(x, weights, sigma)
        above += h * np.nan_to_num(x)
        below += h * ~np.isnan(x)
    new = weights.copy()
    np.divide(above, below, out=new, where=below > 1e-300)
    return new


@right("batch_epoch")
def by_torch_in_float32(weights, X, sigma):
    h, w = torch.tensor(table(weights, X, sigma)).float(), torch.tensor(weights).flatten(0, 1)
    x = torch.tensor(X).float()
    new = h.T @ x.nan_to_num() / (h.T @ (~x.isnan()).float())
    return torch.where(new.isnan(), w.float(), new).reshape(weights.shape)


@right("batch_epoch")
def number_by_number(weights, X, sigma):
    h, new = table(weights, X, sigma).reshape(len(X), *weights.shape[:2]), weights.copy()
    for d in range(weights.shape[2]):
        have = ~np.isnan(X[:, d])
        for r, c in np.ndindex(weights.shape[:2]):
            if h[have, r, c].sum() > 1e-300:
                new[r, c, d] = np.average(X[have, d], weights=h[have, r, c])
    return new


@right("batch_epoch")
def by_a_step_from_the_old_weights(weights, X, sigma):
    h, w = table(weights, X, sigma), weights.reshape(-1, weights.shape[2])
    step = np.einsum("nu,nud->ud", h, np.nan_to_num(X[:, None] - w))
    return (w + step / np.maximum(h.T @ ~np.isnan(X), 1e-300)).reshape(weights.shape)


def test_without_holes_the_batch_rule_is_that_of_the_package() -> None:
    weights, X = np.random.default_rng(3).normal(size=(4, 6, 3)), np.random.default_rng(4)
    X = X.normal(size=(50, 3))
    theirs = room(weights, X, epochs=1, sigma=1.2).weights_
    np.testing.assert_allclose(by_products(weights, X, 1.2), theirs, rtol=1e-5)


for what in ("below > 1e-300 -> below >= 1e-300", "1e-300 -> 2e-300"):
    equal("batch_epoch", what, "the limit is a name for next to nothing: no sum lies just there")
for what in ("1 -> 0", "1 -> 2"):
    equal("batch_epoch", what, "what is divided there is thrown away in the next line")


@wrong("batch_epoch", "Your sheet has borders")
def batch_on_a_flat_sheet(weights, X, sigma):
    units = [by_divmod(x, weights) for x in X]
    shape = weights.shape[:2]
    h = [as_in_the_chapter_on_a_flat_sheet(unit, *shape, sigma).ravel() for unit in units]
    return moved(weights, np.array(h), X)


@wrong("batch_epoch", "Holes in the samples make weights NaN")
def batch_as_in_the_chapter(weights, X, sigma):
    h = table(weights, X, sigma)
    return (h.T @ X / h.sum(axis=0)[:, None]).reshape(weights.shape)


@wrong("batch_epoch", "below it they count")
def one_sum_below_for_all_numbers(weights, X, sigma):
    h = table(weights, X, sigma)
    total = h.sum(axis=0)[:, None]
    old, sums = weights.reshape(-1, weights.shape[2]), h.T @ np.nan_to_num(X)
    means = sums / np.where(total > 0, total, 1)
    return np.where(total > 0, means, old).reshape(weights.shape)


@wrong("batch_epoch", "You fill a hole with 0")
def batch_of_zeros(weights, X, sigma):
    return by_products(weights, np.nan_to_num(X), sigma)


@wrong("batch_epoch", "leave out every sample that has a hole")
def whole_samples_alone(weights, X, sigma):
    return by_products(weights, X[~np.isnan(X).any(axis=1)], sigma)


@wrong("batch_epoch", "to search the best units")
def batch_searched_with_zeros(weights, X, sigma):
    return moved(weights, table(weights, np.nan_to_num(X), sigma), X)


@wrong("batch_epoch", "`argmin` takes the first")
def batch_searched_among_nans(weights, X, sigma):
    units = [as_in_the_chapter(x, weights) for x in X]
    h = [by_broadcasting(unit, *weights.shape[:2], sigma).ravel() for unit in units]
    return moved(weights, np.array(h), X)


@wrong("batch_epoch", "is all of its mean. In yours not.")
def a_threshold_of_a_thousandth(weights, X, sigma):
    return moved(weights, table(weights, X, sigma), X, least=1e-3)


@wrong("batch_epoch", "A number that no sample has")
def numbers_of_nobody_are_zero(weights, X, sigma):
    new = by_products(weights, X, sigma)
    new[:, :, np.isnan(X).all(axis=0)] = 0
    return new


@wrong("batch_epoch", "its own samples only")
def means_of_clusters(weights, X, sigma):
    return moved(weights, table(weights, X, 0.01), X)


@wrong("batch_epoch", "by the number of samples")
def divided_by_samples(weights, X, sigma):
    return (table(weights, X, sigma).T @ X / len(X)).reshape(weights.shape)


@wrong("batch_epoch", "how many samples a unit has won")
def divided_by_hits(weights, X, sigma):
    hits = (table(weights, X, sigma) == 1).sum(axis=0)
    sums = table(weights, X, sigma).T @ X
    return (sums / np.maximum(hits, 1)[:, None]).reshape(weights.shape)


@wrong("batch_epoch", "You divide by nothing")
def sums_of_samples(weights, X, sigma):
    return (table(weights, X, sigma).T @ X).reshape(weights.shape)


@wrong("batch_epoch", "becomes 0 / 0")
def nothing_by_nothing(weights, X, sigma):
    h = table(weights, X, sigma)
    return (h.T @ np.nan_to_num(X) / (h.T @ ~np.isnan(X))).reshape(weights.shape)


@wrong("batch_epoch", "goes to 0")
def a_little_below_the_line(weights, X, sigma):
    h = table(weights, X, sigma)
    return (h.T @ np.nan_to_num(X) / (h.T @ ~np.isnan(X) + 1e-12)).reshape(weights.shape)


@wrong("batch_epoch", "goes to the mean of all samples")
def lost_units_amid_the_samples(weights, X, sigma):
    return moved(weights, table(weights, X, sigma) + 1e-12, X)


@wrong("batch_epoch", "You search anew")
def best_units_searched_anew(weights, X, sigma):
    new = weights.copy()
    for place in np.ndindex(weights.shape[:2]):
        new[place] = by_products(new, X, sigma)[place]
    return new


@wrong("batch_epoch", "after each sample")
def sample_after_sample(weights, X, sigma):
    for x in X:
        weights = all_at_once(weights, x, 1, sigma)
    return weights


@wrong("batch_epoch", "wins no sample")
def winners_alone_move(weights, X, sigma):
    h = table(weights, X, sigma)
    won = (h == 1).any(axis=0).reshape(weights.shape[:2])[:, :, None]
    return np.where(won, by_products(weights, X, sigma), weights)


@wrong("batch_epoch", "Half of the old weights")
def half_way(weights, X, sigma):
    return (weights + by_products(weights, X, sigma)) / 2


@wrong("batch_epoch", "add the mean to the old weights")
def added_to_the_old(weights, X, sigma):
    return weights + by_products(weights, X, sigma)


@wrong("batch_epoch", "sums to 1 over the units")
def shared_out_over_units(weights, X, sigma):
    h = table(weights, X, sigma)
    return ((h / h.sum(axis=1, keepdims=True)).T @ X).reshape(weights.shape)


@wrong("batch_epoch", "These are the changes")
def changes_of_an_epoch(weights, X, sigma):
    return by_products(weights, X, sigma) - weights


@wrong("batch_epoch", "goes by the weights")
def batch_by_weights(weights, X, sigma):
    best = distances(weights, X).argmin(axis=1)
    between = distances(weights, weights.reshape(-1, weights.shape[2]))
    return moved(weights, np.exp(-(between[best] ** 2) / (2 * sigma**2)), X)


@wrong("batch_epoch", "changed its argument `weights`")
def written_over(weights, X, sigma):
    weights[:] = by_products(weights, X, sigma)
    return weights


# 7


def around(weights, r, c):
    R, C, _ = weights.shape
    return [
        weights[i, j]
        for i, j in np.ndindex(R, C)
        if max(abs(i - r), abs(j - c)) == 1 and 0 <= i < R and 0 <= j < C
    ]


@right("u_matrix")
def neighbour_by_neighbour(weights):
    return [
        [
            np.mean([math.dist(w, other) for other in around(weights, r, c)])
            for c, w in enumerate(row)
        ]
        for r, row in enumerate(weights)
    ]


@right("u_matrix")
def by_slices(weights):
    total, count = np.zeros((2, *weights.shape[:2]))
    for r, c in np.ndindex(weights.shape[:2]):
        near = weights[max(r - 1, 0) : r + 2, max(c - 1, 0) : c + 2]
        total[r, c] = np.linalg.norm(near - weights[r, c], axis=2).sum()
        count[r, c] = near[:, :, 0].size - 1
    return total / count


@right("u_matrix")
def by_padding_in_torch(weights):
    R, C, D = weights.shape
    w = torch.tensor(weights, dtype=torch.float32)
    padded = torch.full((R + 2, C + 2, D), torch.nan)
    padded[1:-1, 1:-1] = w
    moves = [(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    return torch.stack([(padded[i : i + R, j : j + C] - w).norm(dim=2) for i, j in moves]).nanmean(
        0
    )


@right("u_matrix")
def ridges_by_the_room(weights):
    return room(weights, weights.reshape(-1, weights.shape[2])).u_matrix()


def over_moves(weights, moves, *, mode="constant"):
    """Distances to the units these moves away, (K, R, C), NaN beyond the border."""
    R, C, _ = weights.shape
    fill = {"constant_values": np.nan} if mode == "constant" else {}
    padded = np.pad(weights, ((1, 1), (1, 1), (0, 0)), mode=mode, **fill)
    near = [padded[1 + i : 1 + i + R, 1 + j : 1 + j + C] for i, j in moves]
    return np.linalg.norm(np.array(near) - weights, axis=3)


EIGHT = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]


for axis in "rc":
    equal(
        "u_matrix",
        f"max({axis} - 1, 0) -> max(0, {axis} - 1)",
        "the larger of two is the same in either order",
    )


@wrong("u_matrix", "wraps round")
def rolled(weights):
    far = [np.linalg.norm(np.roll(weights, m, axis=(0, 1)) - weights, axis=2) for m in EIGHT]
    return np.mean(far, axis=0)


@wrong("u_matrix", "divide by 8 at the border")
def always_eight(weights):
    return np.nansum(over_moves(weights, EIGHT), axis=0) / 8


@wrong("u_matrix", "four neighbours")
def sides_alone(weights):
    return np.nanmean(over_moves(weights, [m for m in EIGHT if 0 in m]), axis=0)


@wrong("u_matrix", "across the corners only")
def corners_alone(weights):
    return np.nanmean(over_moves(weights, [m for m in EIGHT if 0 not in m]), axis=0)


@wrong("u_matrix", "Your distances are squared")
def squares(weights):
    return np.nanmean(over_moves(weights, EIGHT) ** 2, axis=0)


@wrong("u_matrix", "root of a mean of squares")
def root_of_squares(weights):
    return np.sqrt(squares(weights))


@wrong("u_matrix", "the unit itself")
def itself_too(weights):
    return np.nanmean(over_moves(weights, [*EIGHT, (0, 0)]), axis=0)


@wrong("u_matrix", "These are sums")
def sums_of_distances(weights):
    return np.nansum(over_moves(weights, EIGHT), axis=0)


@wrong("u_matrix", "These are the largest")
def largest_distances(weights):
    return np.nanmax(over_moves(weights, EIGHT), axis=0)


@wrong("u_matrix", "not the neighbours alone")
def to_all_units(weights):
    between = distances(weights, weights.reshape(-1, weights.shape[2]))
    return (between.sum(axis=1) / (len(between) - 1)).reshape(weights.shape[:2])


@wrong("u_matrix", "absolute differences")
def sizes_of_differences(weights):
    return [
        [
            np.mean([np.abs(w - other).sum() for other in around(weights, r, c)])
            for c, w in enumerate(row)
        ]
        for r, row in enumerate(weights)
    ]


@wrong("u_matrix", "divided by zero")
def a_slice_from_minus_one(weights):
    far = np.zeros(weights.shape[:2])
    for r, c in np.ndindex(far.shape):
        near = np.linalg.norm(weights[r - 1 : r + 2, c - 1 : c + 2] - weights[r, c], axis=2)
        far[r, c] = near.mean() * near.size / (near.size - 1)
    return far


# 8


def falling(first, last, epoch, epochs):
    return first * (last / first) ** (epoch / (epochs - 1))


@right("schedule")
def by_equal_factors(epoch, epochs):
    return falling(5, 0.6, epoch, epochs), falling(0.5, 0.05, epoch, epochs)


@right("schedule")
def along_a_line_in_torch(epoch, epochs):
    done = torch.tensor(epoch / (epochs - 1))
    return torch.lerp(torch.tensor([5.0, 0.5]), torch.tensor([0.5, 0.03]), done).tolist()


@right("schedule")
def with_one_rate(epoch, epochs):
    return falling(5, 0.6, epoch, epochs), 0.1


@right("schedule")
def the_article_twice_as_fast(epoch, epochs):
    return 5 * math.exp(-2 * epoch / epochs), 0.5 * math.exp(-2 * epoch / epochs)


for what in (
    "5 -> 6",
    "5 -> 6 (place 2)",
    "5 -> 4",
    "5 -> 4 (place 2)",
    "0.05 -> 0.1",
    "0.5 -> 1.0",
    "0.5 -> 1.0 (place 2)",
    "0.05 / 0.5 -> 0.05 * 0.5",
    "1 -> 0",
    "1 -> 2",
    "epochs - 1 -> epochs + 1",
):
    equal("schedule", what, "a wide range of schedules meets both marks, and each of them is right")


@wrong("schedule", "when 60 have to do: Quantization error 0.1")
def that_knows_of_a_hundred_epochs(epoch, epochs):
    return by_equal_factors(epoch, 100)


@wrong("schedule", "never refines")
def the_article(epoch, epochs):
    return 5 * math.exp(-epoch / 100), 0.5 * math.exp(-epoch / 100)


@wrong("schedule", "neighbours part again")
def three_times_as_fast(epoch, epochs):
    return 5 * math.exp(-epoch / 30), 0.5 * math.exp(-epoch / 30)


@wrong("schedule", "does not shrink")
def one_sigma(epoch, epochs):
    return 5.0, falling(0.5, 0.05, epoch, epochs)


@wrong("schedule", "never unfolds")
def narrow_from_the_start(epoch, epochs):
    return 0.6, falling(0.5, 0.05, epoch, epochs)


@wrong("schedule", "hardly moved")
def a_rate_near_zero(epoch, epochs):
    return falling(5, 0.6, epoch, epochs), 1e-4


@wrong("schedule", "moves nothing any more")
def a_rate_that_dies_early(epoch, epochs):
    return falling(5, 0.6, epoch, epochs), falling(0.5, 1e-5, epoch, epochs)


@wrong("schedule", "faster than the map")
def in_a_leap(epoch, epochs):
    return (5.0, 0.5) if epoch < epochs / 2 else (0.6, 0.05)


@wrong("schedule", "Nothing settles")
def a_rate_that_stays(epoch, epochs):
    return falling(5, 0.5, epoch, epochs), 0.9


@wrong("schedule", "In epoch 0 your rate is 5.")
def rate_first(epoch, epochs):
    return by_equal_factors(epoch, epochs)[::-1]


@wrong("schedule", "In epoch 99 your sigma is 0.")
def down_to_nothing(epoch, epochs):
    return 5 * (1 - epoch / (epochs - 1)), 0.1


@wrong("schedule", "In epoch 0 your sigma is nan.")
def no_number(epoch, epochs):
    return math.nan, 0.1


@wrong("schedule", "has 2 results (sigma, rate)")
def sigma_alone(epoch, epochs):
    return falling(5, 0.6, epoch, epochs)


@wrong("schedule", "two numbers for each epoch")
def all_epochs_at_once(epoch, epochs):
    return np.geomspace(5, 0.6, epochs), np.geomspace(0.5, 0.05, epochs)


# The tests

TestAnswers = answers.tests()


@pytest.mark.parametrize(("last", "rate"), [(0.5, 0.02), (0.6, 0.1), (0.7, 0.02)])
def test_many_schedules_refine(last: float, rate: float) -> None:
    def between(epoch, epochs):
        return falling(5, last, epoch, epochs), falling(0.5, rate, epoch, epochs)

    assert checks.som.schedule(between).passed


@pytest.mark.parametrize("sigma", [1e-300, 1e300])
def test_a_sigma_whose_square_is_no_number_is_judged(sigma: float) -> None:
    verdict = checks.som.schedule(lambda epoch, epochs: (sigma, 0.1))
    assert "Quantization error" in verdict.message
