"""Long runs on time series: how deep a network, and against whom on real series."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from companion.runtime import seeded
from companion.time_series import (
    AIRLINE,
    Forecaster,
    Kiosk,
    folded,
    gaussian_loss,
    learn,
    mase,
    seasonal_naive,
    windows,
)
from companion.training import History, fit

Array = NDArray[np.float64]
Given = tuple[Array, Array | None, Array | None]  # forecast, lower and upper end of 90 %
PATIENCE = 20  # epochs without a better loss on what is held back
REACH = 1.645  # spreads from the middle to the end of an interval that should hold 90 %


# Made series: a network's error in multiples of the best possible one.


def depth(
    *,
    layers: Sequence[int] = (1, 2, 3),
    widths: Sequence[int] = (8, 32, 64),
    days: int = 1500,
    epochs: int = 100,
    seeds: Sequence[int] = range(5),
) -> dict[str, list[float]]:
    """Train forecasters of several depths and widths on the kiosk and on two folded series.

    The one is folded once at each step, the other, ``"folded"``, twice.

    Each is trained to its end: until the loss on the last fifth of the days has not fallen for
    twenty epochs, first at a rate of 0.01, then from its best state at 0.002.

    Parameters
    ----------
    layers, widths
        Each depth is tried with each width.
    days
        How many to learn from, those held back among them.
    epochs
        How often to go through them at each rate, at most.
    seeds
        One series and one training for each.

    Returns
    -------
    dict
        ``"SERIES, 1 x 8"`` and so on, layers first: the error on new days, over the best possible.
    """
    return {
        f"{name}, {high} x {wide}": [_error(name, high, wide, days, epochs, s) for s in seeds]
        for name in ("kiosk", "folded once", "folded")
        for high in layers
        for wide in widths
    }


def _made(name: str, days: int, generator: np.random.Generator) -> tuple[Array, float, int]:
    """Return a series, the error of the best possible forecast, and the length of a window."""
    if name != "kiosk":
        folds = 1 if name == "folded once" else 2
        return folded(days, folds=folds, generator=generator), 0.1 / 3**0.5, 6
    kiosk, scale = Kiosk(), 30.0  # brings the sales to a spread near 1
    sales = (kiosk.sales(days, generator=generator) - np.mean(kiosk.mean)) / scale
    return sales, float(np.sqrt(np.mean(np.square(kiosk.spread)))) / scale, 14


def _error(name: str, layers: int, width: int, days: int, epochs: int, seed: int) -> float:
    """Train a forecaster to its end; return its error on 3,000 new days over the best possible."""
    with seeded(seed) as generator:
        series, floor, length = _made(name, days + 3_000, generator)
        model = Forecaster(width, num_layers=layers)
        known = 4 * days // 5
        _to_the_end(model, series[:known], series[known - length : days], length, epochs)
    inputs, targets = windows(series[days:], length=length)
    with torch.no_grad():
        mean, _ = model(torch.as_tensor(inputs, dtype=torch.float32))
    return float(np.sqrt(np.mean((mean.numpy() - targets) ** 2))) / floor


def _to_the_end(
    model: Forecaster, known: Array, held_back: Array, length: int, epochs: int
) -> None:
    """Train at two rates, each time as long as it helps; leave the best state in the model."""
    x, y, x_held, y_held = (
        torch.as_tensor(part, dtype=torch.float32)
        for series in (known, held_back)
        for part in windows(series, length=length)
    )
    batches = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
    best = np.inf, copy.deepcopy(model.state_dict())

    def validate(model: nn.Module) -> dict[str, float]:
        nonlocal best
        loss = float(gaussian_loss(model(x_held), y_held))
        if loss < best[0]:
            best = loss, copy.deepcopy(model.state_dict())
        return {"held back": loss}

    def stop(history: History) -> bool:
        losses = [epoch["held back"] for epoch in history.epochs]
        return len(losses) - int(np.argmin(losses)) > PATIENCE

    for rate in (0.01, 0.002):
        model.load_state_dict(best[1])
        optimizer = torch.optim.Adam(model.parameters(), rate)
        fit(
            model,
            batches,
            gaussian_loss,
            optimizer,
            epochs=epochs,
            max_norm=1.0,
            validate=validate,
            stop=stop,
        )
    model.load_state_dict(best[1])


# Real series: at each origin every method learns from the past and forecasts what follows. The
# sizes of the networks, and how long they learn, were chosen on forecasts from earlier origins.


def airline(
    *, origins: Iterable[int] = range(96, 133), seeds: Sequence[int] = range(5)
) -> dict[str, list[float]]:
    """Forecast airline passengers a year ahead, from each month of the last years.

    Parameters
    ----------
    origins
        How many of the 144 months are known.
    seeds
        One training of each network for each, at each origin.

    Returns
    -------
    dict
        ``"NAME"``: the mean absolute scaled error over origins and months, with a season of 12;
        ``"NAME, first step"``: that of the first month alone; ``"NAME, held"``: how often an
        interval of 90 % held what came. One number for each seed; methods that know no chance
        have one.
    """
    methods: dict[str, Callable[[Array], Given]] = {
        "last month": lambda past: (seasonal_naive(past, horizon=12), None, None),
        "last year": lambda past: (seasonal_naive(past, horizon=12, season=12), None, None),
        "last year and its growth": _grown,
        "exponential smoothing": _smoothed,
        "SARIMA": _sarima,
    }
    networks: dict[str, Callable[[Array], Given]] = {
        "LSTM": lambda past: _lstm(past, horizon=12, length=24, width=32, epochs=100),
        "LSTM, yearly changes": _lstm_of_changes,
    }
    return _rolling(AIRLINE, methods, networks, list(origins), horizon=12, season=12, seeds=seeds)


def sunspots(
    *, origins: Iterable[int] = range(239, 299), seeds: Sequence[int] = range(5)
) -> dict[str, list[float]]:
    """Forecast yearly sunspots eleven years ahead, from each of the last years.

    Parameters
    ----------
    origins
        How many of the 309 years are known.
    seeds
        One training of the network for each, at each origin.

    Returns
    -------
    dict
        As for :func:`airline`, with a season of one year.
    """
    from statsmodels.datasets import sunspots as source

    series = source.load_pandas().data["SUNACTIVITY"].to_numpy()
    methods: dict[str, Callable[[Array], Given]] = {
        "last year": lambda past: (seasonal_naive(past, horizon=11), None, None),
        "last cycle": lambda past: (seasonal_naive(past, horizon=11, season=11), None, None),
        "mean": lambda past: (np.full(11, past.mean()), None, None),
        "AR(2)": lambda past: _ar(past, 2),
        "AR(9)": lambda past: _ar(past, 9),
    }
    networks: dict[str, Callable[[Array], Given]] = {
        "LSTM": lambda past: _lstm(past, horizon=11, length=22, width=32, epochs=20)
    }
    return _rolling(series, methods, networks, list(origins), horizon=11, season=1, seeds=seeds)


def _rolling(
    series: Array,
    methods: Mapping[str, Callable[[Array], Given]],
    networks: Mapping[str, Callable[[Array], Given]],
    origins: Sequence[int],
    *,
    horizon: int,
    season: int,
    seeds: Sequence[int],
) -> dict[str, list[float]]:
    """Let every method forecast from every origin, and say how far off it was."""
    found: dict[str, list[float]] = {}
    for name, method in {**methods, **networks}.items():
        for seed in seeds if name in networks else (0,):
            scores: dict[str, list[float]] = {}
            for origin in origins:
                past, truth = series[:origin], series[origin : origin + horizon]
                with seeded(seed):
                    forecast, low, high = method(past)
                for key, steps in ((name, horizon), (f"{name}, first step", 1)):
                    parts = truth[:steps], forecast[:steps]
                    scores.setdefault(key, []).append(mase(*parts, history=past, season=season))
                if low is not None and high is not None:
                    held = np.mean((low <= truth) & (truth <= high))
                    scores.setdefault(f"{name}, held", []).append(float(held))
            for key, values in scores.items():
                found.setdefault(key, []).append(float(np.mean(values)))
    return found


def _grown(past: Array) -> Given:
    """Forecast the last year again, grown as it had grown over the year before."""
    year = seasonal_naive(past, horizon=12, season=12)
    return year * past[-12:].sum() / past[-24:-12].sum(), None, None


def _smoothed(past: Array) -> Given:
    """Forecast by exponential smoothing with a trend and a season that multiplies."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    model = ExponentialSmoothing(past, trend="add", seasonal="mul", seasonal_periods=12)
    return np.asarray(_quietly(model.fit).forecast(12)), None, None


def _sarima(past: Array) -> Given:
    """Forecast by the model that Box and Jenkins gave this very series, on logarithms."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    model = SARIMAX(np.log(past), order=(0, 1, 1), seasonal_order=(0, 1, 1, 12))
    forecast = _quietly(lambda: model.fit(disp=False)).get_forecast(12)
    low, high = np.exp(forecast.conf_int(alpha=0.1)).T
    return np.exp(forecast.predicted_mean), low, high


def _ar(past: Array, order: int) -> Given:
    """Forecast by a weighted sum of the last values, the weights found by least squares."""
    from statsmodels.tsa.ar_model import AutoReg

    found = AutoReg(past, order).fit()
    forecast = found.get_prediction(len(past), len(past) + 10)
    low, high = np.asarray(forecast.conf_int(alpha=0.1)).T
    return np.asarray(forecast.predicted_mean), low, high


def _lstm(past: Array, *, horizon: int, length: int, width: int, epochs: int) -> Given:
    """Forecast by an LSTM, all steps at once, from the scaled past."""
    mean, spread = past.mean(), past.std()
    scaled = (past - mean) / spread
    model = Forecaster(width, horizon=horizon)
    learn(model, *windows(scaled, length=length, horizon=horizon), epochs=epochs)
    with torch.no_grad():
        middle, log_spread = model(torch.as_tensor(scaled[None, -length:], dtype=torch.float32))
    forecast = mean + spread * middle[0].double().numpy()
    reach = REACH * spread * log_spread[0].double().exp().numpy()
    return forecast, forecast - reach, forecast + reach


def _lstm_of_changes(past: Array) -> Given:
    """Forecast the changes of the logarithm from year to year, then undo the changing."""
    logs = np.log(past)
    given = _lstm(logs[12:] - logs[:-12], horizon=12, length=24, width=8, epochs=25)
    forecast, low, high = (past[-12:] * np.exp(part) for part in given if part is not None)
    return forecast, low, high


def _quietly(fit: Callable[[], Any]) -> Any:
    """Fit, without a word where the optimizer stops a little early."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fit()


REAL = {"airline": airline, "sunspots": sunspots}
CLAIMS = {"depth": depth}
