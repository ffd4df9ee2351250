"""Pictures of texts: a reader's mind after each word, events in time, counts in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from companion.plotting.paper import COLORS, INK, STYLE, figure, legend, look, plain, write
from companion.runtime import as_array


def plot_reading(
    words: Sequence[str],
    readers: Mapping[str, ArrayLike],
    *,
    ax: Axes | None = None,
    title: str = "",
    ylabel: str = "",
) -> Axes:
    """Draw what readers think after each word of a text.

    Parameters
    ----------
    words
        T of them, written along the x axis.
    readers
        Name to probabilities, shape (T,), one after each word.
    ax
        Axes to draw on; new ones if None.
    title, ylabel
        The title says what there is to see.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If a reader has not one probability for each word.

    Examples
    --------
    >>> ax = plot_reading(["not", "dull"], {"reader": [0.4, 0.9]})  # T words, (T,)
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['not', 'dull']
    """
    ax = figure(height=3.2) if ax is None else ax
    with mpl.rc_context(STYLE):
        for i, (name, values) in enumerate(readers.items()):
            p = as_array(values)
            if p.shape != (len(words),):
                raise ValueError(f"{name} must have shape ({len(words)},), got {p.shape}")
            ax.plot(p, drawstyle="steps-mid", label=plain(name), **look(i))
        ax.axhline(0.5, color=INK, linewidth=0.8, linestyle=":")
        ax.set_ylim(-0.03, 1.03)
        write(ax, title=title, ylabel=ylabel)
        ax.set_xticks(range(len(words)), [plain(word) for word in words], rotation=90, fontsize=8)
        ax.grid(axis="x", visible=False)
        if len(readers) > 1:
            ax.legend(loc="lower left", bbox_to_anchor=(0, 1.14), ncols=3, borderaxespad=0)
    return ax


def plot_timeline(events: Mapping[str, tuple[int, str]], *, title: str = "") -> Axes:
    """Draw events in the order of their years, from top to bottom, in groups with a colour each.

    Parameters
    ----------
    events
        What happened to its year and the group that it belongs to.
    title
        A line above.

    Returns
    -------
    Axes

    Examples
    --------
    >>> ax = plot_timeline({"perceptron": (1958, "learned")})
    >>> ax.texts[0].get_text()
    '1958'
    """
    ordered = sorted(events.items(), key=lambda item: item[1][0])
    groups = list(dict.fromkeys(group for _, (_, group) in ordered))
    ax: Axes = figure(height=0.24 * len(ordered) + 0.7)
    with mpl.rc_context(STYLE):
        for row, (what, (year, group)) in enumerate(ordered):
            color = COLORS[groups.index(group)]
            ax.text(-0.3, -row, str(year), ha="right", va="center", fontsize=9)
            ax.plot(0, -row, "o", color=color, markersize=7)
            ax.text(0.3, -row, plain(what), va="center", fontsize=9)
        ax.plot([0, 0], [0.5, 0.5 - len(ordered)], color=INK, linewidth=0.8, zorder=0)
        for group in groups:
            ax.plot([], [], "o", color=COLORS[groups.index(group)], label=plain(group))
        ax.set(xlim=(-2, 10), ylim=(0.5 - len(ordered), 0.7), title=plain(title))
        ax.set_axis_off()
        legend(ax, len(groups))
    return ax


def plot_matrix(
    matrix: ArrayLike,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    ax: Axes | None = None,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
) -> Axes:
    """Draw a table of numbers, darker where they are larger.

    Parameters
    ----------
    matrix
        Shape (R, C), not negative.
    rows, columns
        R and C names.
    ax, title, xlabel, ylabel
        As in ``plot_curves``.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If there is not a name for each row and column.

    Examples
    --------
    >>> ax = plot_matrix([[5, 1], [0, 4]], rows=["bad", "good"], columns=["bad", "good"])
    >>> ax.texts[1].get_text()
    '1'
    """
    table = as_array(matrix)
    if table.shape != (len(rows), len(columns)):
        raise ValueError(f"matrix must have shape ({len(rows)}, {len(columns)}), got {table.shape}")
    ax = figure(height=0.55 * len(rows) + 1.2, width=3.6) if ax is None else ax
    with mpl.rc_context(STYLE):
        for (r, c), value in np.ndenumerate(table):
            share = float(value) / max(float(table.max()), 1e-300)
            ax.add_patch(Rectangle((c - 0.5, r - 0.5), 1, 1, color=COLORS[0], alpha=0.5 * share))
            ax.text(c, r, f"{value:g}", ha="center", va="center")
        ax.set_xticks(range(len(columns)), [plain(name) for name in columns])
        ax.set_yticks(range(len(rows)), [plain(name) for name in rows])
        ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
        write(ax, title=title, xlabel=xlabel, ylabel=ylabel)
        ax.grid(visible=False)
    return ax
