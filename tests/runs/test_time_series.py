"""The long runs on time series in small: every number that they give can be checked."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from companion.runtime import seeded
from companion.time_series import Forecaster, Kiosk, windows
from runs import time_series as long_runs


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_run_on_depth_names_every_series_and_shape():
    found = long_runs.depth(layers=(1, 2), widths=(2,), days=80, epochs=2, seeds=(0, 1))
    assert {name: len(values) for name, values in found.items()} == {
        f"{series}, {shape}": 2
        for series in ("kiosk", "folded once", "folded")
        for shape in ("1 x 2", "2 x 2")
    }


def test_no_run_on_depth_is_better_than_the_best_possible():
    found = long_runs.depth(layers=(1,), widths=(2,), days=160, epochs=2, seeds=(0,))
    assert all(error > 0.95 for (error,) in found.values())


def test_the_run_on_passengers_gives_every_method_a_number_for_each_of_its_chances():
    found = long_runs.airline(origins=(96,), seeds=(0, 1))
    assert {name: len(values) for name, values in found.items() if "," not in name} == {
        "last month": 1,
        "last year": 1,
        "last year and its growth": 1,
        "exponential smoothing": 1,
        "SARIMA": 1,
        "LSTM": 2,
    }
    assert len(found["LSTM, yearly changes"]) == len(found["LSTM, held"]) == 2


def test_the_run_on_sunspots_scores_the_naive_forecast_as_one_does_by_hand():
    found = long_runs.sunspots(origins=(250,), seeds=(0,))
    from statsmodels.datasets import sunspots

    x = sunspots.load_pandas().data["SUNACTIVITY"].to_numpy()
    scale = np.abs(np.diff(x[:250])).mean()
    (error,) = found["last year"]
    assert error == pytest.approx(np.abs(x[250:261] - x[249]).mean() / scale)


def test_the_floor_of_the_long_runs_is_the_error_of_the_best_forecast(rng):
    _, floor, _ = long_runs._made("kiosk", 10, rng)
    _, spread = Kiosk().ahead(np.zeros(7), 1)
    assert 30 * floor == pytest.approx(np.sqrt(np.mean(spread**2)))


def test_an_interval_of_the_long_runs_has_its_forecast_in_the_middle(rng):
    forecast, low, high = long_runs._lstm(
        rng.normal(size=60), horizon=3, length=5, width=4, epochs=2
    )
    np.testing.assert_allclose((low + high) / 2, forecast)
    assert (low < high).all()


def test_changes_are_undone_month_by_month(rng):
    year = np.array([100.0, 200.0] * 6)
    years = [year * 1.1**n * np.exp(0.01 * rng.normal(size=12)) for n in range(9)]
    with seeded(0):
        forecast, _, _ = long_runs._lstm_of_changes(np.concatenate(years[:8]))
    np.testing.assert_allclose(forecast, years[8], rtol=0.1)


def test_a_long_run_forecasts_from_the_past_alone(monkeypatch):
    seen = []
    monkeypatch.setattr(
        long_runs, "_ar", lambda past, order: (seen.append(len(past)) or np.zeros(11), None, None)
    )
    long_runs.sunspots(origins=(250, 260), seeds=(0,))
    assert seen == [250, 260, 250, 260]


def test_a_forecaster_trained_to_its_end_is_left_in_its_best_state(monkeypatch):
    """Thirty days are learned by heart; the state that is kept was good on days held back."""
    series = np.random.default_rng(0).normal(size=60)
    losses = []
    loss = long_runs.gaussian_loss

    def noted(forecast, target):
        value = loss(forecast, target)
        if not value.requires_grad:
            losses.append(float(value))
        return value

    monkeypatch.setattr(long_runs, "gaussian_loss", noted)
    with seeded(0):
        model = Forecaster(16)
        long_runs._to_the_end(model, series[:30], series[25:], 5, epochs=60)
    x, y = (torch.as_tensor(part).float() for part in windows(series[25:], length=5))
    with torch.no_grad():
        assert float(loss(model(x), y)) == pytest.approx(min(losses), rel=1e-5)
    assert losses[-1] > min(losses)
