"""Intervals: named results as dots with the range that they may lie in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes

from companion.plotting.paper import COLORS, INK, STYLE, figure, plain, write


def plot_intervals(
    rows: Mapping[str, tuple[float, float, float]],
    *,
    notes: Mapping[str, str] | None = None,
    ax: Axes | None = None,
    title: str = "",
    xlabel: str = "",
    zero: str = "",
) -> Axes:
    """Draw each result as a dot on a line from its low to its high end, the first on top.

    Parameters
    ----------
    rows
        Name to (low, middle, high). Where the line does not reach across 0, it is coloured by its
        side.
    notes
        Name to a few letters that stand at the right edge.
    ax, title, xlabel
        As in ``plot_curves``.
    zero
        What 0 stands for, written above it.

    Returns
    -------
    Axes

    Examples
    --------
    >>> ax = plot_intervals({"dropout": (0.1, 0.2, 0.3), "swaps": (-0.1, 0.0, 0.1)})
    >>> len(ax.collections)
    2
    """
    ax = figure(height=0.26 * len(rows) + 1.0) if ax is None else ax
    with mpl.rc_context(STYLE):
        for y, (low, middle, high) in enumerate(rows.values()):
            color = COLORS[1] if high < 0 else COLORS[0] if low > 0 else INK
            ax.hlines(y, low, high, color=color, linewidth=1.6)
            ax.plot([middle], [y], "o", color=color, markersize=5)
        ax.axvline(0, color=INK, linewidth=0.8, alpha=0.6)
        ax.set_yticks(range(len(rows)), [plain(name) for name in rows], fontsize=9)
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.grid(axis="y", visible=False)
        edge: Any = {
            "ha": "left",
            "va": "center",
            "fontsize": 8,
            "transform": ax.get_yaxis_transform(),
        }
        for y, name in enumerate(rows):
            if notes and name in notes:
                ax.text(1.02, y, plain(notes[name]), color=INK, **edge)
        ax.set_title(plain(title), pad=18 if zero else 6)
        if zero:
            above: Any = {"ha": "center", "va": "bottom", "fontsize": 8}
            ax.text(0, -0.65, plain(zero), color=INK, **above)
        write(ax, xlabel=xlabel)
    return ax
