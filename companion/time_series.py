"""Series with a known truth, tests and windows for them, a network that says how sure it is."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from companion._numbers import finite, number
from companion.recurrent import LSTM
from companion.runtime import as_array, whole
from companion.training import fit

__all__ = [
    "AIRLINE",
    "Forecaster",
    "Kiosk",
    "autoregressive",
    "continued",
    "dickey_fuller",
    "folded",
    "gaussian_loss",
    "learn",
    "mase",
    "seasonal_naive",
    "unit_root_p",
    "windows",
]

Array = NDArray[np.float64]
SETTLE = 500  # steps that a made series takes before the first one that is kept

# Passengers of international airlines in thousands, a row for each year from 1949 to 1960.
# Box and Jenkins (1970), Time Series Analysis, series G.
AIRLINE: Array = np.array(
    [
        [112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118],
        [115, 126, 141, 135, 125, 149, 170, 170, 158, 133, 114, 140],
        [145, 150, 178, 163, 172, 178, 199, 199, 184, 162, 146, 166],
        [171, 180, 193, 181, 183, 218, 230, 242, 209, 191, 172, 194],
        [196, 196, 236, 235, 229, 243, 264, 272, 237, 211, 180, 201],
        [204, 188, 235, 227, 234, 264, 302, 293, 259, 229, 203, 229],
        [242, 233, 267, 269, 270, 315, 364, 347, 312, 274, 237, 278],
        [284, 277, 317, 313, 318, 374, 413, 405, 355, 306, 271, 306],
        [315, 301, 356, 348, 355, 422, 465, 467, 404, 347, 305, 336],
        [340, 318, 362, 348, 363, 435, 491, 505, 404, 359, 310, 337],
        [360, 342, 406, 396, 420, 472, 548, 559, 463, 407, 362, 405],
        [417, 391, 419, 461, 472, 535, 622, 606, 508, 461, 390, 432],
    ],
    dtype=np.float64,
).ravel()
AIRLINE.flags.writeable = False


# Series whose truth is known.


def autoregressive(
    coefficients: Sequence[float], shape: int | tuple[int, int], *, generator: np.random.Generator
) -> Array:
    r"""Make stationary series, each value a weighted sum of the last ones and a new shock.

    .. math:: x_t = \sum_j \phi_j x_{t-j} + \varepsilon_t, \qquad \varepsilon_t \sim N(0, 1)

    Parameters
    ----------
    coefficients
        What the last value counts, the one before it, and so on.
    shape
        T, or (N, T) for N series.
    generator
        Draws the shocks.

    Returns
    -------
    ndarray
        Of that shape.

    Raises
    ------
    ValueError
        If the coefficients belong to no stationary series.

    Examples
    --------
    >>> autoregressive([0.5], (3, 100), generator=np.random.default_rng(0)).shape
    (3, 100)
    """
    phi = finite("coefficients", np.atleast_1d(as_array(coefficients))).astype(np.float64)
    if phi.ndim != 1 or not len(phi) or np.abs(np.roots([1, *-phi])).max(initial=0) >= 1:
        raise ValueError(f"coefficients must give a stationary series, got {list(coefficients)}")
    sizes = np.atleast_1d(shape).tolist()
    *many, T = (whole("each size in shape", size, 1) for size in sizes)
    x = generator.normal(size=(*many, SETTLE + T))
    for t in range(len(phi), SETTLE + T):
        x[..., t] += x[..., t - len(phi) : t] @ phi[::-1]
    return x[..., SETTLE:]


def folded(days: int, *, folds: int, generator: np.random.Generator) -> Array:
    r"""Make a series whose next value is the last one folded again and again, and a little noise.

    .. math::

        x_t = 0.9\, g(g(\dots g(x_{t-1}))) + 0.1\, \varepsilon_t, \qquad g(x) = 1 - 2|x|

    with :math:`\varepsilon_t` even on -1 to 1. All values lie between -1 and 1, and the best
    possible forecast has a root mean squared error of :math:`0.1 / \sqrt 3`.

    Parameters
    ----------
    days
        T, 1 or more.
    folds
        How often g is applied, 1 or more.
    generator
        Draws the noise.

    Returns
    -------
    ndarray
        Shape (T,).

    Examples
    --------
    >>> x = folded(1000, folds=2, generator=np.random.default_rng(0))
    >>> float(np.abs(x).max()) < 1
    True
    """
    whole("days", days, 1)
    whole("folds", folds, 1)
    x = generator.uniform(-0.1, 0.1, SETTLE + days)
    for t in range(1, SETTLE + days):
        value = x[t - 1]
        for _ in range(folds):
            value = 1 - 2 * abs(value)
        x[t] += 0.9 * value
    return x[SETTLE:]


@dataclass(frozen=True, kw_only=True)
class Kiosk:
    r"""A kiosk that sells ice cream: a pattern over the week, and moods that last for days.

    .. math:: x_t = m_t + u_t, \qquad u_t = \phi u_{t-1} + s_t \varepsilon_t

    The mean :math:`m_t` and the spread :math:`s_t` depend on the day of the week only, and
    :math:`\varepsilon_t` is a standard normal shock.

    Parameters
    ----------
    mean, spread
        m and s, from Monday to Sunday.
    memory
        :math:`\phi`, from 0 to below 1.

    Raises
    ------
    ValueError
        If there are not seven days, a spread is not positive, or the memory is out of range.

    Examples
    --------
    >>> kiosk = Kiosk()
    >>> sales = kiosk.sales(14, generator=np.random.default_rng(0))  # (T,), from a Monday on
    >>> mean, spread = kiosk.ahead(sales, 3)
    >>> mean.shape, spread.shape  # (T, H)
    ((14, 3), (14, 3))
    """

    mean: tuple[float, ...] = (40, 42, 45, 50, 70, 120, 100)
    spread: tuple[float, ...] = (6, 6, 6, 7, 9, 14, 13)
    memory: float = 0.7

    def __post_init__(self) -> None:
        for name in ("mean", "spread"):
            if len(getattr(self, name)) != 7:
                raise ValueError(f"{name} must hold seven days, got {len(getattr(self, name))}")
        for day in range(7):
            number("mean", self.mean[day], "finite", math.isfinite)
            number("spread", self.spread[day], "above 0 and finite", lambda s: 0 < s < math.inf)
        number("memory", self.memory, "from 0 to below 1", lambda phi: 0 <= phi < 1)

    def sales(self, days: int, *, generator: np.random.Generator) -> Array:
        """Return the sales of so many days, shape (T,); the first is a Monday."""
        whole("days", days, 1)
        start = -(SETTLE // 7) * 7
        day = np.arange(start, days) % 7
        mood = np.array(self.spread)[day] * generator.normal(size=len(day))
        for t in range(1, len(day)):
            mood[t] += self.memory * mood[t - 1]
        return (np.array(self.mean)[day] + mood)[-start:]

    def ahead(self, sales: ArrayLike, horizon: int) -> tuple[Array, Array]:
        """Return the best possible forecasts after each day, and their exact standard deviations.

        Parameters
        ----------
        sales
            Shape (T,); the first day is a Monday.
        horizon
            H, how many days to look ahead.

        Returns
        -------
        mean, spread : ndarray
            Shape (T, H): row t forecasts the days t + 1 to t + H.
        """
        whole("horizon", horizon, 1)
        (x, _), steps = _one_series(sales), np.arange(1, horizon + 1)
        m, s = np.array(self.mean), np.array(self.spread)
        day = np.arange(len(x))[:, None] + steps  # (T, H)
        mood = (x - m[np.arange(len(x)) % 7])[:, None] * self.memory**steps
        variance = np.zeros(day.shape)
        for back in range(horizon):  # the shock of `back` days before the day of the forecast
            known = steps > back
            variance += known * (self.memory**back * s[(day - back) % 7]) ** 2
        return m[day % 7] + mood, np.sqrt(variance)


# Unit roots.


def dickey_fuller(series: ArrayLike, *, trend: bool = False, lags: int = 0) -> Array:
    r"""Return the statistic of Dickey and Fuller: far below zero speaks against a unit root.

    It is the t-value of :math:`\rho` in the regression

    .. math:: x_t - x_{t-1} = a + bt + \rho\, x_{t-1} + \sum_j c_j (x_{t-j} - x_{t-j-1}) + e_t

    Parameters
    ----------
    series
        Shape (T,), or (N, T) for N series at once.
    trend
        Whether the regression has the term bt.
    lags
        How many earlier changes it has, 0 or more; with one or more the test is called augmented.

    Returns
    -------
    ndarray
        Shape (), or (N,).

    Raises
    ------
    ValueError
        If a series is too short for the regression or not finite, or the regression fits it to
        the last digit, as it fits a constant, a straight line or an exponential.

    References
    ----------
    Dickey and Fuller (1979). The chapter on time series.

    Examples
    --------
    >>> walks = np.random.default_rng(0).normal(size=(4, 50)).cumsum(axis=1)
    >>> dickey_fuller(walks).shape  # (N, T) -> (N,)
    (4,)
    """
    whole("lags", lags, 0)
    x, exact = _numbers("series", series)
    count = 2 + trend + lags  # numbers that the regression finds
    rows = x.shape[-1] - 1 - lags if x.ndim else 0
    if rows <= count:
        raise ValueError(
            f"series must be finite with {count + lags + 2} values or more for {lags} lags, "
            f"got shape {x.shape}"
        )
    found, r, rest = _regression(x, trend, lags)
    if (rest.max(axis=-1) <= exact).any():
        raise ValueError(
            "series must be no straight line and no other curve that the regression fits "
            "to the last digit: nothing is left to test"
        )
    spread = np.sqrt((rest**2).sum(-1) / (rows - count))
    t: Array = np.sign(r[..., -1, -1]) * found[..., -1] / spread
    return t


def _regression(x: Array, trend: bool, lags: int) -> tuple[Array, Array, Array]:
    """Return what QR finds of the changes, its R, and the size of what it leaves of each change."""
    change = np.diff(x)
    rows = x.shape[-1] - 1 - lags
    columns = [np.ones_like(change[..., lags:])]
    columns += [np.broadcast_to(np.arange(rows) / rows, columns[0].shape)] * trend
    columns += [change[..., lags - j : rows + lags - j] for j in range(1, lags + 1)]
    columns.append(x[..., lags:-1])  # last, so that QR leaves what is its own
    q, r = np.linalg.qr(np.stack(columns, axis=-1))  # (..., rows, count)
    y = change[..., lags:]
    found = np.einsum("...rc,...r->...c", q, y)
    return found, r, np.abs(y - np.einsum("...rc,...c->...r", q, found))


def unit_root_p(series: ArrayLike, *, trend: bool = False) -> tuple[float, float]:
    """Return the p-values of the ADF and the KPSS test, as statsmodels finds them.

    ADF asks how often a unit root would look like this, KPSS how often a series without one would.

    Parameters
    ----------
    series
        Shape (T,), of at least 20 values.
    trend
        Whether a straight line is allowed for.

    Returns
    -------
    adf, kpss : float
        The second lies between 0.01 and 0.1: its table ends there.

    Raises
    ------
    ValueError
        If the series is shorter or not finite, or so regular that one of its values follows from
        those before, as in a constant, a line, an exponential or a season without noise.

    References
    ----------
    Dickey and Fuller (1979); Kwiatkowski et al. (1992). The chapter on time series.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=100)  # (T,)
    >>> adf, kpss = unit_root_p(noise)
    >>> adf < 0.05 <= kpss
    True
    """
    from statsmodels.tools.sm_exceptions import InterpolationWarning
    from statsmodels.tsa import stattools

    x, exact = _one_series(series)
    if len(x) < 20:
        raise ValueError(f"series must have 20 values or more, and vary, got {len(x)} values")
    lags = min(len(x) // 2 - 2 - trend, math.ceil(12 * (len(x) / 100) ** 0.25))  # at most, in ADF
    if _regression(x, trend, lags)[2].max() <= exact:
        raise ValueError("series must vary, and not as its past foretells to the last digit")
    options: dict[str, Any] = {"regression": "ct" if trend else "c", "result_object": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InterpolationWarning)  # where the table of KPSS ends
        kpss = stattools.kpss(x, **options).pvalue
    adf = stattools.adfuller(x, **options).pvalue
    if not math.isfinite(adf + kpss):
        raise ValueError(f"series is too regular for the tests, they give {adf} and {kpss}")
    return float(adf), float(kpss)


# Windows, the forecast to beat, and how far a forecast is off.


def windows(series: ArrayLike, *, length: int, horizon: int = 1) -> tuple[Array, Array]:
    """Cut a series into all its windows and what follows each of them.

    Parameters
    ----------
    series
        Shape (T,).
    length
        How many values a window has.
    horizon
        How many values after it are its target.

    Returns
    -------
    inputs, targets : ndarray
        Shapes (N, length) and (N, horizon), in order of time, N = T - length - horizon + 1.

    Raises
    ------
    ValueError
        If the series has no such window.

    Examples
    --------
    >>> inputs, targets = windows([1, 2, 3, 4, 5], length=3)
    >>> inputs.tolist(), targets.tolist()
    ([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]], [[4.0], [5.0]])
    """
    whole("length", length, 1)
    whole("horizon", horizon, 1)
    x, _ = _one_series(series)
    if len(x) < length + horizon:
        raise ValueError(f"series must have {length + horizon} values or more, got {len(x)}")
    both = np.lib.stride_tricks.sliding_window_view(x, length + horizon)
    return both[:, :length].copy(), both[:, length:].copy()


def seasonal_naive(history: ArrayLike, *, horizon: int, season: int = 1) -> Array:
    """Forecast the last season again and again; with a season of 1, the last value.

    Parameters
    ----------
    history
        Shape (T,), or (N, T) for N histories.
    horizon
        How many values to forecast.
    season
        After how many steps the pattern repeats, up to T.

    Returns
    -------
    ndarray
        Shape (horizon,), or (N, horizon).

    Raises
    ------
    ValueError
        If a history is shorter than a season.

    Examples
    --------
    >>> seasonal_naive([9, 1, 2, 3], horizon=5, season=3)
    array([1., 2., 3., 1., 2.])
    """
    whole("horizon", horizon, 1)
    whole("season", season, 1)
    x, _ = _numbers("history", history)
    if not x.ndim or x.shape[-1] < season:
        raise ValueError(f"history must have {season} values or more, got shape {x.shape}")
    repeated: Array = x[..., x.shape[-1] - season + np.arange(horizon) % season]
    return repeated


def mase(truth: ArrayLike, forecast: ArrayLike, *, history: ArrayLike, season: int = 1) -> float:
    r"""Return the mean absolute scaled error: below 1 is better than the naive forecast was.

    .. math::

        \frac{\text{mean} |y - \hat y|}{\text{mean over the history of } |x_t - x_{t-m}|}

    Parameters
    ----------
    truth, forecast
        Of one shape.
    history
        What was known before, shape (T,).
    season
        m, below T.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the shapes differ, numbers are not finite, or the history is too short or repeats itself
        to the last digit.

    References
    ----------
    Hyndman and Koehler (2006). The chapter on time series.

    Examples
    --------
    >>> mase([5, 7], [4, 6], history=[0, 2, 4])  # off by 1, where the naive one was off by 2
    0.5
    """
    whole("season", season, 1)
    (y, _), (guess, _) = _numbers("truth", truth), _numbers("forecast", forecast)
    x, exact = _one_series(history)
    if y.shape != guess.shape:
        raise ValueError(f"truth and forecast must have one shape, got {y.shape} and {guess.shape}")
    if len(x) <= season:
        raise ValueError(f"history must have more than {season} values, got {len(x)}")
    scale = np.abs(x[season:] - x[:-season]).mean()
    if scale <= exact:
        raise ValueError("history must not repeat itself exactly: the naive error would be 0")
    return float(np.abs(y - guess).mean() / scale)


# A network that says how sure it is.


class Forecaster(nn.Module):
    """An LSTM that reads a window and gives, for each step ahead, a mean and a spread.

    Parameters
    ----------
    hidden_size
        H, 1 or more.
    num_layers
        How many LSTM layers stand on each other.
    horizon
        K, how many steps ahead.

    Examples
    --------
    >>> mean, log_spread = Forecaster(16, horizon=7)(torch.zeros(5, 14))  # (B, T)
    >>> mean.shape, log_spread.shape  # (B, K)
    (torch.Size([5, 7]), torch.Size([5, 7]))
    """

    def __init__(self, hidden_size: int, *, num_layers: int = 1, horizon: int = 1) -> None:
        super().__init__()
        whole("horizon", horizon, 1)
        self.lstm = LSTM(1, hidden_size, num_layers)
        self.head = nn.Linear(hidden_size, 2 * horizon)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of the spread, (B, K) each, for windows x (B, T)."""
        if x.dim() != 2:
            raise ValueError(f"x must have shape (B, T), got {tuple(x.shape)}")
        output, _ = self.lstm(x[:, :, None])  # (B, T) -> (B, T, H)
        mean, log_spread = self.head(output[:, -1]).chunk(2, dim=1)
        return mean, log_spread


def gaussian_loss(forecast: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
    r"""Return how surprised a forecast is by what came, on average, up to a constant.

    .. math:: L = \log s + \frac{(y - \mu)^2}{2 s^2}

    Parameters
    ----------
    forecast
        The means :math:`\mu` and the logarithms of the spreads :math:`s`, of one shape.
    target
        y, of that shape.

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> forecast = torch.zeros(2, 1), torch.zeros(2, 1)  # (B, K): mean 0, spread 1
    >>> gaussian_loss(forecast, torch.tensor([[1.0], [1.0]]))
    tensor(0.5000)
    """
    mean, log_spread = forecast
    if not mean.shape == log_spread.shape == target.shape:
        raise ValueError(
            f"mean, log_spread and target must have one shape, got {tuple(mean.shape)}, "
            f"{tuple(log_spread.shape)} and {tuple(target.shape)}"
        )
    z = (target - mean) * (-log_spread).exp()
    return (log_spread + 0.5 * z**2).mean()


def learn(model: nn.Module, inputs: ArrayLike, targets: ArrayLike, *, epochs: int = 20) -> None:
    """Train a forecaster with Adam, three quarters of the epochs at 0.01, then at 0.002.

    Parameters
    ----------
    model
        Gives mean and log-spread, as :class:`Forecaster` does.
    inputs, targets
        Windows and what followed them, shapes (N, T) and (N, K), scaled to a spread near 1.
    epochs
        How often to go through them, 2 or more.

    Raises
    ------
    ValueError
        If the numbers of windows and targets differ.
    Diverged
        If the loss becomes infinite or NaN.
    """
    whole("epochs", epochs, 2)
    like = next(model.parameters())
    x, y = (torch.as_tensor(as_array(a)).to(like) for a in (inputs, targets))
    if len(x) != len(y):
        raise ValueError(f"there must be a target for each window, got {len(x)} and {len(y)}")
    batches = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
    late = epochs // 4 or 1
    for rate, rounds in ((0.01, epochs - late), (0.002, late)):
        optimizer = torch.optim.Adam(model.parameters(), rate)
        fit(model, batches, gaussian_loss, optimizer, epochs=rounds, max_norm=1.0)


@torch.no_grad()
def continued(
    model: nn.Module, x: Tensor, *, horizon: int, generator: torch.Generator | None = None
) -> Tensor:
    """Let a one-step forecaster go on step by step, reading what it said itself.

    Parameters
    ----------
    model
        Gives mean and log-spread of one step.
    x
        Windows, shape (B, T).
    horizon
        How many steps to go.
    generator
        If given, each step is drawn from what the model holds possible; if not, it is the mean.

    Returns
    -------
    Tensor
        Shape (B, horizon).

    Raises
    ------
    ValueError
        If the model forecasts more than one step.

    Examples
    --------
    >>> continued(Forecaster(8), torch.zeros(2, 14), horizon=5).shape  # (B, T) -> (B, horizon)
    torch.Size([2, 5])
    """
    whole("horizon", horizon, 1)
    T = x.shape[1]
    for _ in range(horizon):
        mean, log_spread = model(x[:, -T:])
        if mean.shape[1] != 1:
            raise ValueError(f"model must forecast one step, got {mean.shape[1]}")
        step = mean
        if generator is not None:
            draw = torch.randn(mean.shape, generator=generator, device=mean.device)
            step = mean + log_spread.exp() * draw
        x = torch.cat([x, step], dim=1)
    return x[:, T:]


def _numbers(name: str, values: ArrayLike) -> tuple[Array, float]:
    """Return finite numbers, and how far apart two of them may be and still be called equal.

    That is a few times what rounding does to the largest.
    """
    given = finite(name, as_array(values))
    kind = given.dtype if given.dtype.kind == "f" else np.float64
    size = float(np.abs(given).max(initial=0))
    return given.astype(np.float64), 64 * float(np.finfo(kind).eps) * size


def _one_series(series: ArrayLike) -> tuple[Array, float]:
    """Return a series as an array, if it is one, and what counts as equal in it."""
    x, exact = _numbers("a series", series)
    if x.ndim != 1:
        raise ValueError(f"a series must be finite numbers of shape (T,), got shape {x.shape}")
    return x, exact
