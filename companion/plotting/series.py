"""Pictures of time series: what was seen, and what is forecast with how much room for doubt."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from companion.plotting.paper import INK, STYLE, figure, legend, look, plain, write
from companion.runtime import as_array


def plot_forecast(
    seen: ArrayLike,
    forecasts: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
    *,
    start: int,
    ax: Axes | None = None,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
) -> Axes:
    """Draw a series, and forecasts from a place in it as lines in their intervals.

    Parameters
    ----------
    seen
        The series, shape (T,); it may go on beyond the start.
    forecasts
        Name to what is expected and the lower and the upper end of its interval, shape (H,) each.
    start
        At which place of the series the forecasts begin.
    ax, title, xlabel, ylabel
        As in ``plot_curves``.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If a forecast and the ends of its interval are not of one length.

    Examples
    --------
    >>> ax = plot_forecast([1, 2, 3, 4], {"line": ([4, 5], [3, 3], [5, 7])}, start=3)  # (T,), (H,)
    >>> [len(line.get_xdata()) for line in ax.lines]
    [4, 2]
    """
    ax = figure() if ax is None else ax
    with mpl.rc_context(STYLE):
        ax.plot(as_array(seen), color=INK, linewidth=1, label="the series")
        for i, (name, parts) in enumerate(forecasts.items()):
            middle, low, high = (as_array(part) for part in parts)
            if not middle.shape == low.shape == high.shape or middle.ndim != 1:
                raise ValueError(
                    f"{name} must be three arrays of shape (H,), "
                    f"got {middle.shape}, {low.shape} and {high.shape}"
                )
            steps = np.arange(start, start + len(middle))
            style = look(i)
            ax.fill_between(steps, low, high, color=style["color"], alpha=0.18, linewidth=0)
            ax.plot(steps, middle, label=plain(name), **style)
        write(ax, title=title, xlabel=xlabel, ylabel=ylabel)
        if len(forecasts) > 1:
            legend(ax, 1 + len(forecasts))
    return ax
