"""Series, tests and forecasters against statsmodels, torch, exact variances and hand-made cases."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from statsmodels.tsa.stattools import adfuller, kpss
from torch import nn

from companion import time_series
from companion.runtime import seeded
from companion.time_series import Forecaster, Kiosk, windows


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# Series whose truth is known.


def test_a_kiosk_cannot_be_changed_after_its_floor_was_computed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Kiosk().memory = 0.5


@pytest.mark.parametrize(("phi", "lag_1"), [([0.8], 0.8), ([0.5, 0.3], 0.5 / 0.7)])
def test_an_autoregressive_series_has_the_correlation_of_its_formula(phi, lag_1, rng):
    x = time_series.autoregressive(phi, (200, 2_000), generator=rng)
    found = (x[:, 1:] * x[:, :-1]).mean() / (x**2).mean()
    assert found == pytest.approx(lag_1, abs=0.01)


def test_an_autoregressive_series_has_settled_before_its_first_value(rng):
    x = time_series.autoregressive([0.9], (20_000, 1), generator=rng)
    assert x.var() == pytest.approx(1 / (1 - 0.81), rel=0.05)


def test_the_shocks_of_an_autoregressive_series_are_what_its_past_does_not_say(rng):
    x = time_series.autoregressive([1.3, -0.7], 20_000, generator=rng)
    shocks = x[2:] - 1.3 * x[1:-1] + 0.7 * x[:-2]
    assert shocks.std() == pytest.approx(1, abs=0.02)


def test_a_folded_series_leaves_only_its_noise_to_one_who_folds(rng):
    x = time_series.folded(5_000, folds=2, generator=rng)
    known = 1 - 2 * np.abs(1 - 2 * np.abs(x[:-1]))
    assert np.std(x[1:] - 0.9 * known) == pytest.approx(0.1 / 3**0.5, rel=0.03)


def test_a_folded_series_cannot_be_seen_by_a_straight_line(rng):
    x = time_series.folded(20_000, folds=2, generator=rng)
    assert abs(np.corrcoef(x[1:], x[:-1])[0, 1]) < 0.05


def test_the_kiosk_starts_on_a_monday_and_keeps_its_week(rng):
    kiosk = Kiosk()
    weeks = kiosk.sales(7 * 4_000, generator=rng).reshape(-1, 7)
    np.testing.assert_allclose(weeks.mean(axis=0), kiosk.mean, atol=1)


def test_the_best_forecast_of_the_kiosk_is_off_by_its_exact_spread(rng):
    kiosk = Kiosk(memory=0.9)
    sales = kiosk.sales(70_000, generator=rng)
    mean, spread = kiosk.ahead(sales, 3)
    for step in range(3):
        z = (sales[step + 1 :] - mean[: -step - 1, step]) / spread[: -step - 1, step]
        by_day = z[: len(z) // 7 * 7].reshape(-1, 7)
        np.testing.assert_allclose((by_day**2).mean(axis=0), 1, atol=0.08)


def test_one_day_ahead_the_spread_of_the_kiosk_is_that_of_the_day():
    kiosk = Kiosk()
    _, spread = kiosk.ahead(np.zeros(7), 1)
    np.testing.assert_allclose(spread[:, 0], kiosk.spread[1:] + kiosk.spread[:1])


def test_a_kiosk_without_memory_forecasts_the_mean_of_the_day():
    kiosk = Kiosk(memory=0)
    mean, _ = kiosk.ahead([1000.0], 7)
    np.testing.assert_allclose(mean[0], kiosk.mean[1:] + kiosk.mean[:1])


def test_the_passengers_are_twelve_years_of_months():
    assert time_series.AIRLINE.shape == (144,)
    assert time_series.AIRLINE.sum() == 40_363


# Unit roots.


@pytest.mark.parametrize("trend", [False, True])
@pytest.mark.parametrize("lags", [0, 1, 4])
def test_the_statistic_is_that_of_statsmodels(trend, lags, rng):
    walks = rng.normal(size=(3, 60)).cumsum(axis=1)
    ours = time_series.dickey_fuller(walks, trend=trend, lags=lags)
    kind = "ct" if trend else "c"
    for walk, statistic in zip(walks, ours, strict=True):
        theirs = adfuller(walk, lags, kind, autolag=None, result_object=True)
        assert statistic == pytest.approx(theirs.statistic)


def test_series_one_by_one_and_all_at_once_give_the_same_statistics(rng):
    walks = rng.normal(size=(3, 40)).cumsum(axis=1)
    apart = [float(time_series.dickey_fuller(walk)) for walk in walks]
    np.testing.assert_allclose(time_series.dickey_fuller(walks), apart)


def test_the_level_of_a_series_does_not_move_its_statistic(rng):
    walk = rng.normal(size=80).cumsum()
    moved = time_series.dickey_fuller(1e4 + 7 * walk)
    assert moved == pytest.approx(float(time_series.dickey_fuller(walk)))


def test_a_walk_falls_below_the_tabled_value_in_one_run_of_twenty(rng):
    walks = rng.normal(size=(4_000, 200)).cumsum(axis=1)
    assert np.mean(time_series.dickey_fuller(walks) < -2.88) == pytest.approx(0.05, abs=0.012)


@pytest.mark.parametrize(("trend", "kind"), [(False, "c"), (True, "ct")])
def test_the_two_p_values_are_those_of_statsmodels(trend, kind, rng):
    x = time_series.autoregressive([0.9], 100, generator=rng)
    adf, stationary = time_series.unit_root_p(x, trend=trend)
    assert adf == adfuller(x, regression=kind, result_object=True).pvalue
    assert stationary == kpss(x, regression=kind, result_object=True).pvalue


def test_the_table_of_kpss_ends_without_a_warning(rng):
    _, stationary = time_series.unit_root_p(rng.normal(size=300).cumsum())
    assert stationary == 0.01


T = np.arange(40)
REGULAR = {
    "constant": np.full(40, 0.1),
    "constant but for rounding": np.where(T % 2, 0.3, 3 * 0.1),
    "line": 0.1 * T,
    "line of sums": np.full(40, 0.1).cumsum(),
    "line in 32 bits": np.float32(0.1) * T.astype(np.float32),
    "line of a tensor": torch.arange(40) * 0.1,
    "exponential": 1.1**T,
    "decay": 0.5**T,
    "season of two": np.tile([0.1, 0.7], 20),
}


@pytest.mark.parametrize("trend", [False, True])
@pytest.mark.parametrize("name", REGULAR)
def test_a_series_without_noise_has_no_statistic(name, trend):
    with pytest.raises(ValueError, match="nothing is left to test"):
        time_series.dickey_fuller(REGULAR[name], trend=trend)


def test_one_series_without_noise_among_others_is_noticed(rng):
    with pytest.raises(ValueError, match="nothing is left to test"):
        time_series.dickey_fuller([rng.normal(size=40), 0.1 * T])


def test_an_exact_wave_has_no_augmented_statistic():
    with pytest.raises(ValueError, match="nothing is left to test"):
        time_series.dickey_fuller(np.sin(0.3 * T), lags=1)


@pytest.mark.parametrize("trend", [False, True])
@pytest.mark.parametrize("name", [*REGULAR, "wave", "season of seven"])
def test_a_series_without_noise_has_no_p_values(name, trend):
    more = {"wave": np.sin(0.3 * T), "season of seven": np.tile([3.0, 1, 4, 1, 5, 9, 2], 8)}
    with pytest.raises(ValueError, match="to the last digit"):
        time_series.unit_root_p({**REGULAR, **more}[name], trend=trend)


@pytest.mark.parametrize("noise", [1e-3, 1e-6, 1e-9])
def test_a_little_noise_on_a_line_gives_the_statistic_of_the_noise(noise, rng):
    shocks = rng.normal(size=40)
    ours = time_series.dickey_fuller(T / 8 + noise * shocks, trend=True)
    assert ours == pytest.approx(float(time_series.dickey_fuller(shocks, trend=True)), rel=1e-4)


def test_the_scaled_error_of_a_history_that_only_rounding_moves_is_refused():
    with pytest.raises(ValueError, match="repeat itself"):
        time_series.mase([1], [1], history=[0.3, 3 * 0.1, 0.3])
    with pytest.raises(ValueError, match="repeat itself"):
        time_series.mase([1], [1], history=np.tile([0.1, 0.2, 3 * 0.1, 0.7], 3), season=4)


@pytest.mark.parametrize("kind", [np.uint8, np.bool_])
def test_the_scaled_error_of_small_whole_numbers_is_that_of_their_values(kind):
    truth, guess, past = (np.array(v, dtype=kind) for v in ([0, 1], [1, 0], [1, 0, 1]))
    assert time_series.mase(truth, guess, history=past) == 1
    assert time_series.mase(torch.tensor(truth), torch.tensor(guess), history=past) == 1


# Windows, the forecast to beat, and how far a forecast is off.


def test_a_window_ends_where_its_target_begins():
    inputs, targets = windows(np.arange(6), length=2, horizon=3)
    np.testing.assert_array_equal(inputs, [[0, 1], [1, 2]])
    np.testing.assert_array_equal(targets, [[2, 3, 4], [3, 4, 5]])


def test_a_window_is_a_copy_that_may_be_written_to():
    series = np.arange(6.0)
    inputs, _ = windows(series, length=2)
    inputs[:] = -1
    np.testing.assert_array_equal(series, np.arange(6))


def test_the_naive_forecast_is_the_last_value():
    np.testing.assert_array_equal(time_series.seasonal_naive([3, 1, 4], horizon=2), [4, 4])


def test_the_seasonal_naive_forecast_begins_a_season_back_for_each_history():
    histories = np.array([[0, 1, 2, 3], [0, 5, 6, 7]])
    forecast = time_series.seasonal_naive(histories, horizon=4, season=3)
    np.testing.assert_array_equal(forecast, [[1, 2, 3, 1], [5, 6, 7, 5]])


def test_the_naive_forecast_of_a_walk_has_a_scaled_error_of_one(rng):
    walk = rng.normal(size=20_000).cumsum()
    error = time_series.mase(walk[10_001:], walk[10_000:-1], history=walk[:10_000])
    assert error == pytest.approx(1, abs=0.03)


def test_the_scaled_error_is_in_units_of_the_change_since_last_season():
    error = time_series.mase([10], [16], history=[0, 5, 2, 9], season=2)
    assert error == 6 / 3  # last season was off by 2 and by 4


def test_the_scaled_error_does_not_depend_on_the_unit(rng):
    x = rng.normal(size=50)
    metres = time_series.mase(x[40:], x[39:-1], history=x[:40], season=7)
    feet = time_series.mase(3.28 * x[40:], 3.28 * x[39:-1], history=3.28 * x[:40], season=7)
    assert metres == pytest.approx(feet)


# A network that says how sure it is.


def test_the_loss_is_that_of_torch(rng):
    mean, log_spread, y = torch.tensor(rng.normal(size=(3, 5, 2)))
    theirs = nn.GaussianNLLLoss()(mean, y, (2 * log_spread).exp())
    torch.testing.assert_close(time_series.gaussian_loss((mean, log_spread), y), theirs)


def test_the_loss_is_smallest_at_the_true_mean_and_spread(rng):
    y = torch.tensor(3 + 2 * rng.normal(size=(50_000, 1)))
    guess = [torch.full_like(y, value, requires_grad=True) for value in (y.mean(), y.std().log())]
    time_series.gaussian_loss((guess[0], guess[1]), y).backward()
    assert [abs(g.grad.sum().item()) < 1e-3 for g in guess] == [True, True]


def test_a_forecaster_reads_every_value_of_its_window():
    with seeded(0):
        x = torch.randn(1, 6, requires_grad=True)
        mean, _ = Forecaster(8, num_layers=2)(x)
    mean.sum().backward()
    assert (x.grad != 0).all()


def test_a_forecast_does_not_depend_on_the_other_windows_of_the_batch():
    with seeded(0):
        model, x = Forecaster(8, horizon=3), torch.randn(4, 6)
    torch.testing.assert_close(model(x)[0][2:3], model(x[2:3])[0])


def test_windows_are_learned_in_another_order_each_time(monkeypatch):
    seen = []

    def keep(model, batches, *rest, **options):
        seen.append(next(iter(batches))[0])

    monkeypatch.setattr(time_series, "fit", keep)
    time_series.learn(Forecaster(2), *windows(np.arange(100.0), length=3))
    assert not torch.equal(*seen)


def test_a_trained_forecaster_knows_the_kiosk_almost_as_well_as_can_be(rng):
    kiosk = Kiosk()
    scaled = (kiosk.sales(2_500, generator=rng) - 67) / 30
    with seeded(0):
        model = Forecaster(16)
        time_series.learn(model, *windows(scaled[:1_100], length=14))
    inputs, targets = windows(scaled[1_100:], length=14)
    with torch.no_grad():
        mean, _ = model(torch.as_tensor(inputs, dtype=torch.float32))
    error = 30 * np.sqrt(np.mean((mean.numpy() - targets) ** 2))
    assert error < 1.25 * np.sqrt(np.mean(np.square(kiosk.spread)))


class Doubles(nn.Module):
    """Says twice the last value, with a spread that is nearly nothing, or one."""

    def __init__(self, log_spread=-30.0):
        super().__init__()
        self.log_spread, self.seen = log_spread, []

    def forward(self, x):
        self.seen.append(tuple(x.shape))
        return 2 * x[:, -1:], torch.full((len(x), 1), self.log_spread)


def test_a_continued_forecast_reads_what_it_said_itself():
    forecast = time_series.continued(Doubles(), torch.tensor([[5.0, 1.0], [0.0, 3.0]]), horizon=3)
    torch.testing.assert_close(forecast, torch.tensor([[2.0, 4, 8], [6, 12, 24]]))


def test_a_continued_forecast_reads_windows_of_one_length():
    model = Doubles()
    time_series.continued(model, torch.ones(2, 5), horizon=3)
    assert model.seen == [(2, 5)] * 3


def test_drawn_continuations_scatter_as_the_model_says():
    generator = torch.Generator().manual_seed(0)
    model, x = Doubles(log_spread=0.0), torch.ones(20_000, 2)
    drawn = time_series.continued(model, x, horizon=2, generator=generator)
    np.testing.assert_allclose(drawn.var(dim=0), [1, 5], rtol=0.05)  # 1, and 2² · 1 + 1


# What they refuse.


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda g: time_series.autoregressive([1.0], 9, generator=g), r"stationary.*got \[1.0\]"),
        (lambda g: time_series.autoregressive([], 9, generator=g), "stationary"),
        (
            lambda g: time_series.folded(5, folds=0, generator=g),
            "folds must be a whole number",
        ),
        (lambda g: Kiosk(mean=(1, 2)), "mean must hold seven days, got 2"),
        (lambda g: Kiosk(spread=(0,) * 7), "spread must be above 0"),
        (lambda g: Kiosk(memory=1.0), "memory must be .* got 1.0"),
        (lambda g: Kiosk().ahead([1, 2], 0), "horizon must be a whole number"),
        (lambda g: time_series.dickey_fuller([0, 2, 1]), r"4 values .* got shape \(3,\)"),
        (lambda g: time_series.dickey_fuller(np.arange(40)), "no straight line"),
        (lambda g: time_series.dickey_fuller(3.0), r"got shape \(\)"),
        (lambda g: time_series.unit_root_p(np.arange(19)), "20 values or more, .* got 19"),
        (lambda g: windows([1, np.nan, 2], length=1), "finite"),
        (lambda g: time_series.dickey_fuller([[1, 2, np.nan, 4, 5]]), "series must be finite"),
        (lambda g: time_series.mase([np.nan], [1], history=[1, 2]), "truth must be finite"),
        (lambda g: time_series.mase([1], [np.inf], history=[1, 2]), "forecast must be finite"),
        (lambda g: time_series.seasonal_naive([1, np.nan], horizon=1), "history must be finite"),
        (lambda g: time_series.autoregressive([np.nan], 9, generator=g), "must be finite"),
        (lambda g: time_series.autoregressive([0.5], -9, generator=g), "1 or more, got -9"),
        (lambda g: Kiosk(spread=(np.nan,) * 7), "spread must be above 0"),
        (lambda g: windows(np.ones((2, 9)), length=1), r"shape \(T,\), got shape \(2, 9\)"),
        (lambda g: windows([1, 2, 3], length=3), "4 values or more, got 3"),
        (lambda g: time_series.seasonal_naive([1, 2], horizon=1, season=3), "3 values or more"),
        (lambda g: time_series.mase([1], [1, 2], history=[1, 2]), r"got \(1,\) and \(2,\)"),
        (lambda g: time_series.mase([1], [1], history=[1]), "more than 1 values, got 1"),
        (lambda g: time_series.mase([1], [1], history=[2, 2]), "repeat itself"),
        (lambda g: Forecaster(8)(torch.ones(2, 3, 4)), r"shape \(B, T\), got \(2, 3, 4\)"),
        (
            lambda g: time_series.gaussian_loss((torch.ones(2, 1),) * 2, torch.ones(2)),
            r"one shape, got \(2, 1\), \(2, 1\) and \(2,\)",
        ),
        (lambda g: time_series.learn(Forecaster(8), np.ones((3, 4)), [[1.0]]), "got 3 and 1"),
        (
            lambda g: time_series.continued(Forecaster(8, horizon=2), torch.ones(1, 3), horizon=2),
            "one step, got 2",
        ),
    ],
)
def test_bad_input_is_named(call, said, rng):
    with pytest.raises(ValueError, match=said):
        call(rng)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda g: Kiosk(memory="0.7"), "memory must be a number from 0 to below 1, got '0.7'"),
        (lambda g: Kiosk(mean=(None,) * 7), "mean must be a number"),
        (lambda g: time_series.dickey_fuller(["a"] * 40), "series must be real numbers"),
        (lambda g: time_series.unit_root_p(None), "a series must be real numbers"),
        (lambda g: time_series.autoregressive(["x"], 9, generator=g), "must be real numbers"),
        (lambda g: time_series.autoregressive([0.5], 9.5, generator=g), "whole number"),
    ],
)
def test_what_is_no_number_is_named(call, said, rng):
    with pytest.raises(TypeError, match=said):
        call(rng)


def test_a_size_that_is_no_whole_number_is_named():
    with pytest.raises(TypeError, match=r"length must be a whole number, 1 or more, got 2.5"):
        windows([1, 2, 3, 4], length=2.5)
