"""Pictures of products: a row times a column, shapes as boxes, what a neuron says of a plane."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from companion.plotting.paper import COLORS, INK, STYLE, figure, plain, write
from companion.runtime import as_array

SIDES = (COLORS[0], COLORS[1])  # of a row and of a column; of no and of yes


def plot_product(
    a: ArrayLike,
    b: ArrayLike,
    *,
    at: tuple[int, int] | None = None,
    rows: Sequence[str] = (),
    inner: Sequence[str] = (),
    columns: Sequence[str] = (),
    ax: Axes | None = None,
    title: str = "",
) -> Axes:
    """Draw two matrices and their product, each result where its row and its column meet.

    Parameters
    ----------
    a, b
        Shapes (N, D) and (D, H). The second stands above the product, the first to its left.
    at
        Row and column of the result whose terms are written out below. Without it no result is
        shown: they are left to be found.
    rows, inner, columns
        N, D and H names.
    ax, title
        As in ``plot_curves``.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the shapes have no product, or ``at`` is not in it.

    Examples
    --------
    >>> ax = plot_product([[1, 2]], [[3, 4], [5, 6]], at=(0, 1))
    >>> ax.texts[-1].get_text()
    '1 × 4 + 2 × 6 = 16'
    """
    left, top = as_array(a), as_array(b)
    if left.ndim != 2 or top.ndim != 2 or left.shape[1] != top.shape[0]:
        want = "a product needs shapes (N, D) and (D, H)"
        raise ValueError(f"{want}, got {left.shape} and {top.shape}")
    (N, D), H = left.shape, top.shape[1]
    if at is not None and not (0 <= at[0] < N and 0 <= at[1] < H):
        raise ValueError(f"at must be a row and a column of shape ({N}, {H}), got {at}")
    ax = figure(height=0.45 * (N + D) + 1.2, width=0.7 * (H + D) + 2.2) if ax is None else ax
    result = left @ top if at else np.full((N, H), np.nan)
    row = {(at[0], d): SIDES[0] for d in range(D)} if at else {}
    column = {(d, at[1]): SIDES[1] for d in range(D)} if at else {}
    with mpl.rc_context(STYLE):
        _draw_cells(ax, left, -D - 0.4, 0, row)
        _draw_cells(ax, top, 0, -D - 0.4, column)
        _draw_cells(ax, result, 0, 0, {at: INK} if at else {})
        _name_cells(ax, rows, (-D - 0.6, 0.5), down=True)
        _name_cells(ax, inner, (-0.2, 0.1 - D), down=True)
        _name_cells(ax, inner, (0.1 - D, -0.2), down=False)
        _name_cells(ax, columns, (0.5, -D - 0.7), down=False)
        if at:
            terms = _terms(left[at[0]], top[:, at[1]])
            ax.text((H - D) / 2, N + 0.5, terms, ha="center", va="center")
        ax.set(xlim=(-D - 1.6, H + 0.3), ylim=(N + 0.9, -D - 1.1), aspect="equal")
        ax.set_axis_off()
        write(ax, title=title)
    return ax


def _name_cells(ax: Axes, names: Sequence[str], at: tuple[float, float], *, down: bool) -> None:
    """Write names from a place on, downwards or to the right, one step each."""
    for i, name in enumerate(names):
        x, y = (at[0], at[1] + i) if down else (at[0] + i, at[1])
        side = "right" if down else "center"
        ax.text(x, y, plain(name), ha=side, va="center", fontsize=9)


def _draw_cells(
    ax: Axes, table: np.ndarray, x: float, y: float, lit: Mapping[tuple[int, int], str]
) -> None:
    """Draw a matrix with its upper left corner at (x, y), some of its cells coloured."""
    for (r, c), value in np.ndenumerate(table):
        color = lit.get((r, c))
        look: dict[str, Any] = (
            {"facecolor": color, "alpha": 0.25} if color else {"facecolor": "none"}
        )
        ax.add_patch(Rectangle((x + c, y + r), 1, 1, linewidth=0, **look))
        ax.add_patch(Rectangle((x + c, y + r), 1, 1, facecolor="none", edgecolor=INK))
        text = "?" if np.isnan(value) else _number(value)
        ax.text(x + c + 0.5, y + r + 0.5, text, ha="center", va="center")


def _number(value: float) -> str:
    """Write a number shortly, with a minus sign."""
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")


def _terms(row: np.ndarray, column: np.ndarray) -> str:
    """Write the terms of one result: 1 × 4 + 2 × 6 = 16."""
    terms = [
        f"{_number(x)} \N{MULTIPLICATION SIGN} {f'({_number(w)})' if w < 0 else _number(w)}"
        for x, w in zip(row, column, strict=True)
    ]
    return f"{' + '.join(terms)} = {_number(row @ column)}"


def plot_shapes(
    parts: Sequence[str | tuple[str, tuple[str, str], tuple[float, float]]],
    *,
    ax: Axes | None = None,
    title: str = "",
) -> Axes:
    """Draw matrices as boxes with their sizes along the sides, and signs between them.

    Equal sizes have equal colours.

    Parameters
    ----------
    parts
        From left to right: a sign, such as ``"@"``, or a box: its name, the names of its rows and
        columns, and how high and wide it is drawn.
    ax, title
        As in ``plot_curves``.

    Returns
    -------
    Axes

    Examples
    --------
    >>> ax = plot_shapes([("X", ("N", "D"), (2, 1)), "@", ("W", ("D", "H"), (1, 3))])
    >>> [text.get_text() for text in ax.texts]
    ['X', 'N', 'D', '@', 'W', 'D', 'H']
    """
    boxes = [part for part in parts if not isinstance(part, str)]
    sizes = list(dict.fromkeys(size for _, names, _ in boxes for size in names))
    color = {size: COLORS[i % len(COLORS)] for i, size in enumerate(sizes)}
    tall = max((shape[0] for _, _, shape in boxes), default=1.0)
    x = 0.0
    ax = figure(height=0.55 * tall + 0.8) if ax is None else ax
    with mpl.rc_context(STYLE):
        for part in parts:
            if isinstance(part, str):
                ax.text(x + 0.15, 0, part, ha="center", va="center", fontsize=12)
                x += 0.9
                continue
            name, (down, across), (height, width) = part
            box = (x, -height / 2), width, height
            ax.add_patch(Rectangle(*box, facecolor=INK, alpha=0.06, linewidth=0))
            ax.add_patch(Rectangle(*box, facecolor="none", edgecolor=INK))
            ax.text(x + width / 2, 0, plain(name), ha="center", va="center", fontsize=12)
            side: dict[str, Any] = {"weight": "bold", "va": "center"}
            ax.text(x - 0.12, 0, down, ha="right", color=color[down], **side)
            ax.text(
                x + width / 2, -height / 2 - 0.25, across, ha="center", color=color[across], **side
            )
            x += width + 0.6
        ax.set(xlim=(-0.6, x), ylim=(tall / 2 + 0.1, -tall / 2 - 0.5), aspect="equal")
        ax.set_axis_off()
        write(ax, title=title)
    return ax


def plot_regions(
    score: Callable[[np.ndarray], ArrayLike],
    points: ArrayLike,
    labels: ArrayLike,
    *,
    ax: Axes | None = None,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    margin: float = 0.5,
) -> Axes:
    """Draw where in the plane a score is above 0, and points with their labels on top.

    Parameters
    ----------
    score
        From points, shape (N, 2), to numbers, shape (N,).
    points
        Shape (N, 2).
    labels
        0 for a circle, 1 for a square, shape (N,).
    ax, title, xlabel, ylabel
        As in ``plot_curves``.
    margin
        How far the plane goes on beyond the points.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the points are not in the plane, or have not one label each.

    Examples
    --------
    >>> ax = plot_regions(lambda X: X[:, 0] - 0.5, [[0, 0], [1, 0]], [0, 1])
    >>> [float(end) for end in ax.get_xlim()]
    [-0.5, 1.5]
    """
    places, said = as_array(points), as_array(labels)
    if places.ndim != 2 or places.shape[1] != 2 or said.shape != places.shape[:1]:
        want = "points and labels must have shapes (N, 2) and (N,)"
        raise ValueError(f"{want}, got {places.shape} and {said.shape}")
    ax = figure(height=3.2, width=3.4) if ax is None else ax
    (left, low), (right, high) = places.min(axis=0) - margin, places.max(axis=0) + margin
    x, y = np.linspace(left, right, 121), np.linspace(low, high, 121)
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)  # (121 * 121, 2)
    z = as_array(score(grid)).reshape(121, 121)
    with mpl.rc_context(STYLE):
        ax.contourf(x, y, z > 0, levels=[-0.5, 0.5, 1.5], colors=SIDES, alpha=0.22)
        for label, shape in ((0, "o"), (1, "s")):
            dots = places[said == label]
            look: dict[str, Any] = {
                "markerfacecolor": SIDES[label],
                "markeredgecolor": INK,
                "markersize": 8,
            }
            ax.plot(dots[:, 0], dots[:, 1], shape, **look)
        ax.set(xlim=(left, right), ylim=(low, high), aspect="equal")
        ax.grid(visible=False)
        write(ax, title=title, xlabel=xlabel, ylabel=ylabel)
    return ax


def plot_bars(
    values: Mapping[str, float], *, ax: Axes | None = None, title: str = "", xlabel: str = ""
) -> Axes:
    """Draw named numbers as bars to the left and to the right of 0, the first on top.

    Parameters
    ----------
    values
        Name to number.
    ax, title, xlabel
        As in ``plot_curves``.

    Returns
    -------
    Axes

    Examples
    --------
    >>> ax = plot_bars({"love": -0.5, "hate": 0.5})
    >>> [float(bar.get_width()) for bar in ax.patches]
    [-0.5, 0.5]
    """
    ax = figure(height=0.22 * len(values) + 0.9) if ax is None else ax
    numbers = list(values.values())
    with mpl.rc_context(STYLE):
        colors = [SIDES[int(number > 0)] for number in numbers]
        ax.barh(range(len(values)), numbers, color=colors, alpha=0.7)
        ax.axvline(0, color=INK, linewidth=0.8)
        ax.set_yticks(range(len(values)), [plain(name) for name in values], fontsize=9)
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
        write(ax, title=title, xlabel=xlabel)
    return ax
