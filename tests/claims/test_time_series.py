"""What the articles teach of sequences that are not words, and what the book corrects in it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from statsmodels.tsa.adfvalues import mackinnoncrit

from companion.recurrent import LSTM
from companion.results import recorded
from companion.runtime import seeded
from companion.time_series import (
    AIRLINE,
    autoregressive,
    dickey_fuller,
    mase,
    seasonal_naive,
    unit_root_p,
    windows,
)

SEQUENCES = {  # (T, D): how many steps, and how many numbers at each
    "sales": (365, 1),
    "a sentence": (16, 64),
    "a sound": (800, 1),
    "a drive": (60, 2),
    "a tune": (32, 12),
}


@pytest.mark.parametrize(("T", "D"), SEQUENCES.values(), ids=SEQUENCES)
def test_r2_l4_a_recurrent_layer_reads_any_row_of_vectors(T, D):
    rows = np.random.default_rng(0).normal(size=(2, T, D))
    output, _ = LSTM(D, 4)(torch.from_numpy(rows).float())
    assert output.shape == (2, T, 4)


def test_r2_l4_words_can_be_numbered_anew_and_amounts_can_not():
    rng = np.random.default_rng(0)
    numbers, anew = (
        torch.from_numpy(rng.integers(0, 9, (1, 12))),
        torch.from_numpy(rng.permutation(9)),
    )
    with seeded(0):
        words, amounts = LSTM(3, 4), LSTM(1, 4)
    table = torch.from_numpy(rng.normal(size=(9, 3))).float()
    as_words = words(table[numbers])[0], words(table[anew.argsort()][anew[numbers]])[0]
    as_amounts = (amounts(row[:, :, None].float())[0] for row in (numbers, anew[numbers]))
    assert torch.equal(*as_words)
    assert not torch.allclose(*as_amounts, atol=0.01)


def not_rejected(series):
    """In which share of the series the Dickey-Fuller test does not reject a unit root at 5 %."""
    _, critical, _ = mackinnoncrit(N=1, regression="c", nobs=series.shape[1] - 1)
    return np.mean(dickey_fuller(series) > critical)


def test_l20_a_unit_root_is_rejected_in_noise():
    noise = np.random.default_rng(0).normal(size=(200, 60))
    assert not_rejected(noise) == 0


def test_l20_in_a_random_walk_it_is_rejected_as_often_as_the_level_says():
    walks = np.random.default_rng(0).normal(size=(2000, 60)).cumsum(axis=1)
    assert not_rejected(walks) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(("T", "least", "most"), [(60, 0.7, 1), (500, 0, 0.05)])
def test_f63_a_stationary_series_passes_for_a_unit_root_as_long_as_it_is_short(T, least, most):
    series = autoregressive([0.92], (300, T), generator=np.random.default_rng(0))
    assert least <= not_rejected(series) <= most


def test_f64_a_growing_series_may_be_stationary_around_its_trend():
    rng = np.random.default_rng(0)
    growing = [0.5 * np.arange(100) + rng.normal(0, 3, 100) for _ in range(15)]
    level, trend = (np.median([unit_root_p(x, trend=t)[0] for x in growing]) for t in (False, True))
    assert level > 0.5
    assert trend < 0.001


def test_l30_f66_how_good_an_error_is_only_a_simple_forecast_can_say():
    past, future = AIRLINE[:-24], AIRLINE[-24:]
    last_month, last_year = (
        mase(future, seasonal_naive(past, horizon=24, season=season), history=past, season=12)
        for season in (1, 12)
    )
    assert last_year < 0.8 * last_month


def test_l30_f66_a_curve_that_clings_to_the_truth_may_be_the_value_of_yesterday():
    walk = np.random.default_rng(0).normal(size=500).cumsum()
    truth, yesterday = walk[300:], walk[299:-1]
    assert np.corrcoef(truth, yesterday)[0, 1] > 0.9
    assert mase(truth, yesterday, history=walk[:300]) == pytest.approx(1, abs=0.1)


def errors_of_a_weighted_sum(length, days):
    """Errors on old and new days of the best weights for so many values before."""
    x = autoregressive([0.8], days + 2000, generator=np.random.default_rng(0))
    inputs, targets = windows(x, length=length)
    old = days - length
    weights, *_ = np.linalg.lstsq(inputs[:old], targets[:old], rcond=None)
    squares = (inputs @ weights - targets) ** 2
    return squares[:old].mean(), squares[old:].mean()


def test_l29_f66_a_bigger_model_is_better_on_the_past_and_may_be_worse_on_what_comes():
    (small_old, small_new), (big_old, big_new) = (errors_of_a_weighted_sum(n, 150) for n in (2, 60))
    assert big_old < small_old
    assert big_new > 1.2 * small_new


def test_l29_with_data_enough_the_bigger_model_does_no_harm():
    (_, small), (_, big) = (errors_of_a_weighted_sum(n, 8000) for n in (2, 60))
    assert big < 1.02 * small


# What the records say: errors over the noise floor, or scaled ones, five of each. The runs are
# longer than a test; tests/runs repeats them in small.


def runs(record, name):
    return np.array(recorded(record)["values"][name])


def shapes(series, layers):
    """The errors of all widths of so many layers, (3, 5)."""
    return np.array([runs("time_series_depth", f"{series}, {layers} x {w}") for w in (8, 32, 64)])


def test_l19_in_the_record_any_two_layers_are_ahead_of_any_one_where_a_rule_is_built_on_a_rule():
    assert shapes("folded", 2).max() < shapes("folded", 1).min()


def test_l19_in_the_record_a_single_layer_suffices_where_there_is_one_rule_only():
    assert shapes("folded once", 1).max() < shapes("folded", 1).min()
    assert shapes("folded once", 2).mean() > 0.93 * shapes("folded once", 1).mean()


def test_l19_in_the_record_a_third_layer_does_not_pay():
    assert shapes("folded", 3).mean() > 0.97 * shapes("folded", 2).mean()


def test_l19_in_the_record_no_depth_pays_where_nothing_is_left_to_gain():
    assert shapes("kiosk", 3).mean() > shapes("kiosk", 1).mean()


@pytest.mark.parametrize("series", ["kiosk", "folded once", "folded"])
def test_l29_f66_in_the_record_eight_times_as_many_units_do_not_help(series):
    for layers in (1, 2, 3):
        small, _, large = shapes(series, layers).mean(axis=1)
        assert large > 0.97 * small


@pytest.mark.parametrize("old", ["exponential smoothing", "SARIMA"])
def test_l30_f66_in_the_record_of_the_passengers_no_lstm_comes_near_an_old_method(old):
    networks = [runs("time_series_airline", name) for name in ("LSTM", "LSTM, yearly changes")]
    assert np.min(networks) > runs("time_series_airline", old).max()
