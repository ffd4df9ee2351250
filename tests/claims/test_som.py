"""What the article teaches of self-organizing maps, and what the book corrects in it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from companion.som import SelfOrganizingMap, quantization_error, topographic_error

SEEDS = range(5)


def colours(seed=0):
    """The article's 200 random colours, and its random weights to begin with."""
    rng = np.random.default_rng(seed)
    return rng.random((200, 3)), rng.random((10, 10, 3))


def with_weights(weights, samples):
    """A map that stays as it begins."""
    return SelfOrganizingMap(*weights.shape[:2], epochs=0, initial=weights).fit(samples)


def article(weights, *, tau=100, epochs=100, shuffle=False):
    """The article's map: width 5 and rate 0.5, times exp(-t / tau) in epoch t."""
    left = np.exp(-(epochs - 1) / tau)
    settings = {"sigma": (5, 5 * left), "rate": (0.5, 0.5 * left), "shuffle": shuffle}
    rows, columns, _ = weights.shape
    return SelfOrganizingMap(
        rows, columns, epochs=epochs, method="online", initial=weights, **settings
    )


def most_frequent(som, samples, labels):
    """The share of samples whose label is the most frequent one at their unit."""
    row, column = som.transform(samples).T
    counts = np.zeros((som.rows, som.columns, labels.max() + 1))
    np.add.at(counts, (row, column, labels), 1)
    return counts.max(-1).sum() / len(samples)


# A map without labels


def test_s1_groups_that_nobody_named_get_places_of_their_own_on_the_grid():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 3, 300)
    samples = 4 * rng.normal(size=(3, 10))[group] + rng.normal(size=(300, 10))
    assert most_frequent(SelfOrganizingMap(8, 8).fit(samples), samples, group) == 1


def test_s1_a_chain_of_units_follows_a_curve_that_no_straight_line_can():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 1.5 * np.pi, 300)
    samples = np.c_[np.cos(angle), np.sin(angle)] + 0.05 * rng.normal(size=(300, 2))
    chain = SelfOrganizingMap(1, 30).fit(samples).transform(samples)[:, 1]
    line = PCA(1).fit_transform(samples)[:, 0]
    bent, straight = (abs(spearmanr(place, angle).statistic) for place in (chain, line))
    assert bent > 0.99 > 0.96 > straight


def topographic_errors(initial, first):
    """How often the two best units are no neighbours, with this first width, for each seed."""
    found = []
    for samples, weights in map(colours, SEEDS):
        start = weights if initial == "random" else initial
        som = SelfOrganizingMap(10, 10, initial=start, sigma=(first, 0.5)).fit(samples)
        found.append(topographic_error(som, samples))
    return np.mean(found)


def test_s2_weights_that_begin_at_random_need_a_neighbourhood_that_begins_wide():
    assert topographic_errors("random", 1) > 2 * topographic_errors("random", 5)


def test_s2_weights_that_begin_in_a_plane_are_in_order_from_the_start():
    assert topographic_errors("random", 1) > 1.5 * topographic_errors("plane", 1)


# One step


def test_s4_the_best_unit_is_the_nearest():
    samples, weights = colours()
    far = np.linalg.norm(samples[:, None, None] - weights, axis=-1)
    nearest = np.stack(np.unravel_index(far.reshape(200, -1).argmin(1), (10, 10)), 1)
    np.testing.assert_array_equal(with_weights(weights, samples).transform(samples), nearest)


def steps_on_grid(row, column, rows=10, columns=10):
    """How far each unit is from one of them."""
    down, right = np.indices((rows, columns))
    return np.hypot(down - row, right - column)


def one_step(weights, sample, *, sigma=2.0, rate=0.3):
    settings = {"sigma": (sigma, sigma), "rate": (rate, rate), "initial": weights}
    som = SelfOrganizingMap(10, 10, epochs=1, method="online", **settings)
    return som.fit(sample[None]).weights_


def test_s5_a_sample_pulls_each_unit_by_rate_times_neighbourhood_times_gap():
    (sample, *_), weights = colours()
    ((row, column),) = with_weights(weights, sample[None]).transform(sample[None])
    h = np.exp(-(steps_on_grid(row, column) ** 2) / (2 * 2.0**2))
    moved = weights + 0.3 * h[..., None] * (sample - weights)
    np.testing.assert_allclose(one_step(weights, sample), moved)


def test_s6_how_far_a_unit_follows_depends_on_its_place_on_the_grid_alone():
    (sample, *_), weights = colours()
    ((row, column),) = with_weights(weights, sample[None]).transform(sample[None])
    others = steps_on_grid(row, column) > 0
    shuffled = weights.copy()
    shuffled[others] = np.random.default_rng(0).permutation(weights[others])
    first, second = (
        np.linalg.norm(one_step(w, sample) - w, axis=-1) / np.linalg.norm(sample - w, axis=-1)
        for w in (weights, shuffled)
    )
    np.testing.assert_allclose(first, second, atol=1e-9)


def by_hand(samples, weights, *, tau, epochs):
    """Go the article's way: four steps, loop within loop."""
    weights = weights.copy()
    rows, columns, _ = weights.shape
    for t in range(epochs):
        decay = np.exp(-t / tau)
        for x in samples:
            best = np.linalg.norm(weights - x, axis=-1).argmin()
            far = steps_on_grid(*divmod(best, columns), rows, columns)
            for unit in np.ndindex(rows, columns):
                h = np.exp(-(far[unit] ** 2) / (2 * (5 * decay) ** 2))
                weights[unit] += 0.5 * decay * h * (x - weights[unit])
    return weights


def test_s7_s9_the_four_steps_of_the_article_make_the_map_of_the_estimator():
    samples, weights = (part[:20, :5] for part in colours())
    weights = weights[:4]
    som = article(weights, tau=2, epochs=4).fit(samples)
    np.testing.assert_allclose(som.weights_, by_hand(samples, weights, tau=2, epochs=4))


# In which order


@pytest.fixture(scope="module")
def by_brightness():
    """Dark colours first, and the map from them in this order and in a new one each epoch."""
    samples, weights = colours()
    samples = samples[samples.sum(1).argsort()]
    return samples, *(article(weights, shuffle=new).fit(samples) for new in (False, True))


def test_s3_f43_in_the_order_of_a_sorted_file_the_map_fits_worse(by_brightness):
    samples, fixed, shuffled = by_brightness
    assert quantization_error(fixed, samples) > 1.2 * quantization_error(shuffled, samples)


def test_f43_what_comes_first_in_each_epoch_is_forgotten(by_brightness):
    samples, fixed, _ = by_brightness
    dark, bright = (quantization_error(fixed, part) for part in (samples[:50], samples[-50:]))
    assert dark > 2 * bright


# How long, and how wide


@pytest.fixture(scope="module")
def before():
    samples, weights = colours()
    return with_weights(weights, samples)


@pytest.fixture(scope="module")
def after():
    samples, weights = colours()
    return article(weights).fit(samples)


@pytest.fixture(scope="module")
def refined():
    """The same 100 epochs with a width that falls to 0.18."""
    samples, weights = colours()
    return article(weights, tau=30).fit(samples)


def test_s10_f44_after_100_epochs_the_map_fits_worse_than_at_random(before, after):
    samples, _ = colours()
    assert quantization_error(after, samples) > 1.3 * quantization_error(before, samples)


def test_s10_f44_what_100_epochs_bring_is_order(before, after):
    samples, _ = colours()
    assert topographic_error(before, samples) > 0.8
    assert topographic_error(after, samples) < 0.05


def test_f44_a_width_that_falls_below_one_step_brings_the_fit(before, refined):
    samples, _ = colours()
    assert quantization_error(refined, samples) < 0.6 * quantization_error(before, samples)


def test_f44_and_the_fit_costs_some_of_the_order(after, refined):
    samples, _ = colours()
    assert topographic_error(refined, samples) > topographic_error(after, samples) + 0.03


def test_f44_the_constant_suits_a_longer_run(before):
    samples, weights = colours()
    longer = article(weights, epochs=200).fit(samples)
    assert quantization_error(longer, samples) < 0.9 * quantization_error(before, samples)


def fit_after(epochs, *, last):
    samples, weights = colours()
    som = SelfOrganizingMap(10, 10, epochs=epochs, initial=weights, sigma=(5, last))
    return quantization_error(som.fit(samples), samples)


def test_s7_s8_ten_times_the_epochs_do_not_help_a_neighbourhood_that_stays_wide():
    assert fit_after(200, last=1.86) > 0.95 * fit_after(20, last=1.86)


def test_s7_s8_a_neighbourhood_that_narrows_needs_no_more_epochs():
    assert fit_after(20, last=0.5) < 0.6 * fit_after(20, last=1.86)


# What the picture shows


def test_s11_dots_without_the_grid_look_the_same_for_a_map_without_order(after):
    samples, _ = colours()
    units = np.random.default_rng(0).permutation(after.weights_.reshape(100, 3))
    shuffled = with_weights(units.reshape(10, 10, 3), samples)
    assert quantization_error(shuffled, samples) == pytest.approx(
        quantization_error(after, samples)
    )
    assert topographic_error(shuffled, samples) > 0.8


# What comes next


def test_s12_digits_that_nobody_labelled_gather_by_what_they_show():
    samples, digit = load_digits(return_X_y=True)
    assert most_frequent(SelfOrganizingMap(15, 15).fit(samples), samples, digit) > 0.95


def test_s12_all_samples_at_once_need_no_rate_and_have_no_order():
    samples, _ = colours()
    first, second = (
        SelfOrganizingMap(10, 10, rate=rate).fit(rows).weights_
        for rate, rows in (((0.5, 0.01), samples), ((0.1, 0.1), samples[::-1]))
    )
    np.testing.assert_allclose(first, second, atol=1e-6)


# What a map preserves


def test_f45_k_means_fits_better_and_has_no_order():
    samples, _ = colours()
    som = SelfOrganizingMap(10, 10).fit(samples)
    means = KMeans(100, n_init=1, random_state=0).fit(samples).cluster_centers_
    without = with_weights(means.reshape(10, 10, 3), samples)
    assert quantization_error(without, samples) < 0.8 * quantization_error(som, samples)
    assert topographic_error(without, samples) > topographic_error(som, samples) + 0.5


def test_f45_data_of_more_dimensions_than_the_map_are_kept_in_order_less_well():
    found = []
    for D in (2, 3, 6):
        samples = np.random.default_rng(0).random((2000, D))
        found.append(topographic_error(SelfOrganizingMap(10, 10).fit(samples), samples))
    assert found == sorted(found)
    assert found[-1] > 2 * found[0]


def most_frequent_of_two(*, scaled):
    """Two groups that differ in one small number, beside two large ones that say nothing."""
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 300)
    telling = np.where(group, 1, -1) + 0.2 * rng.normal(size=300)
    samples = np.c_[telling, 100 * rng.normal(size=(300, 2))]
    samples = samples / samples.std(0) if scaled else samples
    return most_frequent(SelfOrganizingMap(8, 8).fit(samples), samples, group)


def test_s4_f45_what_is_large_is_preserved_whether_it_matters_or_not():
    assert most_frequent_of_two(scaled=False) < 0.8


def test_s4_f45_on_one_scale_the_small_difference_is_seen():
    assert most_frequent_of_two(scaled=True) == 1


def test_f45_units_crowd_where_data_do_but_less_so():
    samples = np.sqrt((np.arange(4000) + 0.5) / 4000)[:, None]  # of density p(x) = 2x
    som = SelfOrganizingMap(1, 60, epochs=400, sigma=(3, 3)).fit(samples)
    units = np.sort(som.weights_.ravel())
    gaps, middles = np.diff(units)[12:-12], (units[1:] + units[:-1])[12:-12] / 2
    exponent, _ = np.polyfit(np.log(2 * middles), -np.log(gaps), 1)
    assert exponent == pytest.approx(2 / 3, abs=0.03)
