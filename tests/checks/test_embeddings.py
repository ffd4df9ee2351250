"""Answers to the exercises on embeddings: right ones, and some one small slip away."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from companion.embeddings import skip_gram
from tests.checks._both_ways import Answers

answers = Answers("embeddings")
right, wrong, equal = answers.right, answers.wrong, answers.equal


# 1


@right("window_pairs")
def by_offsets(lines, window):
    found = []
    for line in lines:
        for i, label in enumerate(line):
            for step in range(-window, window + 1):
                if step and 0 <= i + step < len(line):
                    found.append([label, line[i + step]])
    return found


@right("window_pairs")
def by_slices(lines, window):
    return tuple(
        (label, other)
        for line in lines
        for i, label in enumerate(line)
        for other in line[max(0, i - window) : i] + line[i + 1 : i + 1 + window]
    )


@wrong("window_pairs", "with itself")
def with_itself(lines, window):
    return [
        (x[i], x[j])
        for x in lines
        for i in range(len(x))
        for j in range(len(x))
        if abs(i - j) <= window
    ]


@wrong("window_pairs", "to the right only")
def rightwards(lines, window):
    return [(x[i], o) for x in lines for i in range(len(x)) for o in x[i + 1 : i + 1 + window]]


@wrong("window_pairs", "too narrow")
def off_by_one(lines, window):
    return by_offsets(lines, window - 1)


@wrong("window_pairs", "too wide")
def off_by_one_more(lines, window):
    return by_offsets(lines, window + 1)


@wrong("window_pairs", "from one line into the next")
def across_lines(lines, window):
    return by_offsets([[label for line in lines for label in line]], window)


@wrong("window_pairs", "same label")
def by_label(lines, window):
    return [(a, b) for a, b in by_offsets(lines, window) if a != b]


@wrong("window_pairs", "turned round")
def turned(lines, window):
    return [(b, a) for a, b in by_offsets(lines, window)]


@wrong("window_pairs", "another order")
def sorted_pairs(lines, window):
    return sorted(map(tuple, by_offsets(lines, window)))


@wrong("window_pairs", "list of pairs")
def counted_pairs(lines, window):
    return len(by_offsets(lines, window))


@wrong("window_pairs", "numbers as labels")
def as_text(lines, window):
    return [(str(a), str(b)) for a, b in by_offsets(lines, window)]


@wrong("window_pairs", "there are")
def zero_is_no_label(lines, window):
    return [(a, b) for a, b in by_offsets(lines, window) if a and b]


@wrong("window_pairs", "there are")
def at_most_four(lines, window):
    return by_offsets(lines, min(window, 4))


@wrong("window_pairs", "labels have changed")
def in_small_letters(lines, window):
    small = [[x.lower() if isinstance(x, str) else x for x in line] for line in lines]
    return by_offsets(small, window)


# 2


@right("noise")
def by_logarithms(counts):
    weights = [0.0 if n == 0 else float(np.exp(0.75 * np.log(n))) for n in counts]
    return [w / sum(weights) for w in weights]


@right("noise")
def by_torch(counts):
    weights = torch.tensor(counts, dtype=torch.float64) ** 0.75
    return weights / weights.sum()


@wrong("noise", "power is 1")
def unpowered(counts):
    return counts / counts.sum()


@wrong("noise", "1/2")
def root(counts):
    return np.sqrt(counts) / np.sqrt(counts).sum()


@wrong("noise", "same chance")
def even(counts):
    return np.ones(len(counts)) / len(counts)


@wrong("noise", "Divide them by their sum")
def weights_only(counts):
    return counts**0.75


@wrong("noise", "power last")
def power_last(counts):
    return (counts / counts.sum()) ** 0.75


@wrong("noise", "never seen")
def a_little_for_all(counts):
    weights = (counts + 1e-5) ** 0.75
    return weights / weights.sum()


@wrong("noise", "rare one is a little off")
def rounded(counts):
    return by_torch(counts).numpy().round(4)


@wrong("noise", "wrong in")
def cut_to_whole_numbers(counts):
    weights = counts.copy()
    weights[weights > 0] = weights[weights > 0] ** 0.75
    return weights / weights.sum()


# 3


@right("around")
def by_sums(table, line, window):
    means = []
    for i in range(len(line)):
        near = [table[line[j]] for j in range(len(line)) if 0 < abs(i - j) <= window]
        means.append(sum(near) / len(near) if near else 0 * table[0])
    return means


@right("around")
def by_a_mask(table, line, window):
    place = np.arange(len(line))
    near = abs(place[:, None] - place) <= window
    near &= place[:, None] != place
    return near / np.maximum(near.sum(1, keepdims=True), 1) @ table[line]


@wrong("around", "add up")
def summed(table, line, window):
    place = np.arange(len(line))
    gap = abs(place[:, None] - place)
    return ((gap <= window) & (gap > 0)) @ table[line]


@wrong("around", "twice the window")
def by_the_window(table, line, window):
    return summed(table, line, window) / (2 * window)


@wrong("around", "itself")
def with_the_middle(table, line, window):
    place = np.arange(len(line))
    near = abs(place[:, None] - place) <= window
    return near / near.sum(1, keepdims=True) @ table[line]


@wrong("around", "left only")
def leftwards(table, line, window):
    rows = [table[line[max(0, i - window) : i]] for i in range(len(line))]
    return [row.mean(0) if len(row) else 0 * table[0] for row in rows]


@wrong("around", "zeros")
def nothing_for_one(table, line, window):
    if len(line) == 1:
        return np.full((1, table.shape[1]), np.nan)
    return by_sums(table, line, window)


@wrong("around", "too narrow")
def narrow(table, line, window):
    return by_sums(table, line, window - 1)


equal(
    "around",
    "max(0, i - window) -> max(i - window, 0)",
    "the larger of two numbers, whichever comes first",
)


@wrong("around", "should have shape")
def always_three(table, line, window):
    return np.array(by_sums(table[:, :3], line, window))[:, [0, 1, -1]]


# 4


@right("pull_and_push")
def by_autograd(w, u, m):
    w, u, m = (torch.tensor(x, requires_grad=True) for x in (w, u, m))
    log = torch.nn.functional.logsigmoid
    (-log(w @ u) - log(-(m @ w)).sum()).backward()
    return w.grad, u.grad, m.grad


@right("pull_and_push")
def one_by_one(w, u, m):
    def s(x):
        return 1 / (1 + np.exp(-x))

    to_w = -s(-w @ u) * u
    for each in m:
        to_w = to_w + s(w @ each) * each
    return to_w, -s(-w @ u) * w, np.array([s(w @ each) * w for each in m])


@wrong("pull_and_push", "lacks the noise")
def no_noise(w, u, m):
    _, to_u, to_m = one_by_one(w, u, m)
    return (1 / (1 + np.exp(-w @ u)) - 1) * u, to_u, to_m


@wrong("pull_and_push", "wrong sign")
def noise_pulls_w(w, u, m):
    to_w, to_u, to_m = one_by_one(w, u, m)
    pull = (1 / (1 + np.exp(-w @ u)) - 1) * u
    return 2 * pull - to_w, to_u, to_m


@wrong("pull_and_push", "lacks its -1")
def never_satisfied(w, u, m):
    to_w, to_u, to_m = one_by_one(w, u, m)
    return to_w + u, to_u + w, to_m


@wrong("pull_and_push", "u lacks the -1")
def u_never_satisfied(w, u, m):
    to_w, to_u, to_m = one_by_one(w, u, m)
    return to_w, to_u + w, to_m


@wrong("pull_and_push", "along u")
def u_along_itself(w, u, m):
    to_w, _, to_m = one_by_one(w, u, m)
    return to_w, (1 / (1 + np.exp(-w @ u)) - 1) * u, to_m


@wrong("pull_and_push", "pushed away")
def noise_is_pulled(w, u, m):
    to_w, to_u, to_m = one_by_one(w, u, m)
    return to_w, to_u, to_m - w


@wrong("pull_and_push", "do not add them up")
def noise_added(w, u, m):
    to_w, to_u, to_m = one_by_one(w, u, m)
    return to_w, to_u, to_m.sum(axis=0)


@wrong("pull_and_push", "wrong sign")
def ascent(w, u, m):
    to_w, to_u, to_m = one_by_one(w, u, m)
    return -to_w, to_u, to_m


@wrong("pull_and_push", "has 3 results (w, u, m); yours gave 2")
def only_two(w, u, m):
    return one_by_one(w, u, m)[:2]


# 5


@right("count_neighbours")
def both_ways(lines, size, window):
    X = torch.zeros(size, size, dtype=torch.float64)
    for line in lines:
        for i in range(len(line)):
            for j in range(len(line)):
                if 0 < abs(i - j) <= window:
                    X[line[i], line[j]] += 1 / abs(i - j)
    return X


@right("count_neighbours")
def by_distance(lines, size, window):
    X = np.zeros((size, size))
    for line in lines:
        for d in range(1, window + 1):
            np.add.at(X, (np.array(line[:-d], int), np.array(line[d:], int)), 1 / d)
    return X + X.T


@wrong("count_neighbours", "not symmetric")
def one_side(lines, size, window):
    X = np.zeros((size, size))
    for line in lines:
        for d in range(1, window + 1):
            np.add.at(X, (np.array(line[:-d], int), np.array(line[d:], int)), 1 / d)
    return X


@wrong("count_neighbours", "count alike")
def unweighted(lines, size, window):
    X = np.zeros((size, size))
    for line in lines:
        for i in range(len(line)):
            for j in range(len(line)):
                X[line[i], line[j]] += 0 < abs(i - j) <= window
    return X


@wrong("count_neighbours", "its own neighbour")
def with_the_diagonal(lines, size, window):
    X = by_distance(lines, size, window)
    for line in lines:
        for i in line:
            X[i, i] += 1
    return X


@wrong("count_neighbours", "into the next")
def joined(lines, size, window):
    return by_distance([[i for line in lines for i in line]], size, window)


@wrong("count_neighbours", "same label")
def no_diagonal(lines, size, window):
    X = by_distance(lines, size, window)
    np.fill_diagonal(X, 0)
    return X


@wrong("count_neighbours", "counts once")
def diagonal_once(lines, size, window):
    X = by_distance(lines, size, window)
    return X - np.diag(np.diag(X)) / 2


# 6


@right("nearest")
def by_units(table, i, count):
    units = torch.nn.functional.normalize(torch.tensor(table), dim=1)
    cosines = (units @ units[i]).numpy().round(6)
    order = sorted(range(len(table)), key=lambda j: (-cosines[j], j))
    return [j for j in order if j != i][:count]


@right("nearest")
def one_after_the_other(table, i, count):
    def cosine(j):
        size = np.linalg.norm(table[j]) * np.linalg.norm(table[i])
        return round(table[j] @ table[i] / size, 8) if size else 0.0

    left, found = set(range(len(table))) - {i}, []
    while len(found) < count:
        found.append(min(left, key=lambda j: (-cosine(j), j)))
        left.remove(found[-1])
    return np.array(found)


@wrong("nearest", "dot product")
def by_dot(table, i, count):
    order = np.argsort(-(table @ table[i]), kind="stable")
    return order[order != i][:count]


@wrong("nearest", "own list")
def with_the_one_asked_for(table, i, count):
    units = table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)
    return np.argsort(-(units @ units[i]).round(9), kind="stable")[:count]


@wrong("nearest", "farthest")
def ascending(table, i, count):
    units = table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)
    order = np.argsort((units @ units[i]).round(9), kind="stable")
    return order[order != i][:count]


@wrong("nearest", "distance")
def by_distance_between(table, i, count):
    order = np.argsort(np.linalg.norm(table - table[i], axis=1), kind="stable")
    return order[order != i][:count]


@wrong("nearest", "should have shape")
def one_too_few(table, i, count):
    return by_units(table, i, count)[:-1] if count > 1 else by_units(table, i, 2)


for what, reason in {
    "1 -> 2": "a row of zeros divided by two is a row of zeros",
    "table @ table[i] / lengths / lengths[i] -> table @ table[i] / lengths * lengths[i]": (
        "the length of row i is the same for all and changes no order"
    ),
    "9 -> 10": "any rounding finer than the cosines differ, and coarser than rounding errors",
    "9 -> 8": "any rounding finer than the cosines differ, and coarser than rounding errors",
}.items():
    equal("nearest", what, reason)


# 7


@right("sort_pharmacy")
def by_decomposition(lines, size):
    logs = np.log1p(by_distance(lines, size, 2))
    left, values, _ = np.linalg.svd(logs)
    return left[:, :8] * values[:8] ** 0.5


@right("sort_pharmacy")
def by_skip_gram(lines, size):
    texts = [[str(i) for i in line] for line in lines]
    learned = skip_gram(texts, dim=16, window=2, epochs=15, sample=0)
    return [learned.vector(str(i)) for i in range(size)]


@wrong("sort_pharmacy", "does alike for")
def untrained(lines, size):
    return np.random.default_rng(0).normal(size=(size, 8))


@wrong("sort_pharmacy", "D from 1 to 16")
def all_counts(lines, size):
    return by_distance(lines, size, 2)


@wrong("sort_pharmacy", "same way")
def all_alike(lines, size):
    return np.ones((size, 4))


@wrong("sort_pharmacy", "zero, and have no direction")
def all_zero(lines, size):
    return np.zeros((size, 4))


# What is judged are the vectors: another training that sorts them is right.
for what, reason in {
    "2 -> 3": "a window of three still tells the kinds apart",
    "np.outer(C.sum(1), noise(C.sum(0))) -> np.outer(noise(C.sum(0)), C.sum(1))": (
        "the noise of the other side, of the same size"
    ),
    "300 -> 299": "one step more or less",
    "300 -> 301": "one step more or less",
    "0.02 -> 0.04 (place 2)": "another rate",
    "0.02 -> 0.04": "another rate",
    "np.random.default_rng(0) -> np.random.default_rng()": "another beginning",
    "0 -> 1": "another seed, or a side of a symmetric table",
    "0 -> 1 (place 2)": "another seed, or a side of a symmetric table",
    "0 -> 1 (place 3)": "another mean of the beginning",
    "0 -> -1 (place 2)": "another side of a symmetric table",
    "0 -> -1 (place 3)": "another mean of the beginning",
    "1 -> 0": "another side of a symmetric table",
    "1 -> 0 (place 3)": "another slope for neighbours, down which the kinds part as well",
    "1 -> 2 (place 2)": "another slope, down which the kinds part as well",
    "1 -> 2 (place 3)": "another slope, down which the kinds part as well",
    "1 -> 2 (place 4)": "another slope, down which the kinds part as well",
    "0.1 -> 0.2": "another beginning",
    "2 -> 1": "a smaller window, in which a kind is told by the kinds beside it as well",
    "C.sum(0) -> C.sum()": "more noise, the same for all, from which the kinds part as well",
    "C.sum(1) -> C.sum()": "more noise, the same for all, from which the kinds part as well",
    "12 -> 11": "other lengths of the vectors",
    "12 -> 13": "other lengths of the vectors",
}.items():
    equal("sort_pharmacy", what, reason)


# The tests

TestAnswers = answers.tests()


# slips that went unnoticed once


@wrong("pull_and_push", "NaN")
def overflowing(w, u, m):
    def squeeze(x):
        with np.errstate(all="ignore"):
            return np.exp(x) / (1 + np.exp(x))

    yes, no = squeeze(u @ w) - 1, squeeze(m @ w)
    return yes * u + no @ m, yes * w, no[:, None] * w


@wrong("pull_and_push", "gradient for")
def clipped(w, u, m):
    yes, no = (1 / (1 + np.exp(-np.clip(x, -10, 10))) for x in (u @ w, m @ w))
    return (yes - 1) * u + no @ m, (yes - 1) * w, no[:, None] * w


@wrong("count_neighbours", "wrong in")
def repeats_lost(lines, size, window):
    X = np.zeros((size, size))
    for line in lines:
        ids = np.array(line, dtype=int)
        for d in range(1, window + 1):
            X[ids[:-d], ids[d:]] += 1 / d
    return X + X.T


@wrong("count_neighbours", "too narrow")
def narrow_counts(lines, size, window):
    X = np.zeros((size, size))
    for line in lines:
        for i, j in ((i, j) for i in range(len(line)) for j in range(len(line))):
            if 0 < abs(i - j) < window:
                X[line[i], line[j]] += 1 / abs(i - j)
    return X


def _order(table, i, digits=9):
    lengths = np.linalg.norm(table, axis=1)
    lengths[lengths == 0] = 1
    return np.argsort(-(table @ table[i] / lengths / lengths[i]).round(digits), kind="stable")


@wrong("nearest", "wrong in")
def without_the_first(table, i, count):
    return _order(table, i)[1 : count + 1]


@wrong("nearest", "wrong in")
def coarse(table, i, count):
    order = _order(table, i, digits=3)
    return order[order != i][:count]


@wrong("nearest", "lower number comes first")
def high_ties(table, i, count):
    order = len(table) - 1 - _order(table[::-1], len(table) - 1 - i)
    return order[order != i][:count]


@right("nearest")
def by_sorted(table, i, count):
    def cosine(j):
        both = np.linalg.norm(table[j]) * np.linalg.norm(table[i])
        return round(float(table[j] @ table[i] / both), 9) if both else 0.0

    others = [j for j in range(len(table)) if j != i]
    return sorted(others, key=lambda j: (-cosine(j), j))[:count]


@right("sort_pharmacy")
def by_ppmi(lines, size):
    X = np.zeros((size, size))
    for line in lines:
        for a, b in itertools.pairwise(line):
            X[a, b] += 1
            X[b, a] += 1
    chance = np.outer(X.sum(1), X.sum(0)) / X.sum()
    left, sizes, _ = np.linalg.svd(np.maximum(np.log(np.maximum(X, 1e-12) / chance), 0))
    return left[:, :8] * sizes[:8] ** 0.5
