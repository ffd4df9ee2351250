"""Pictures of maps: their units side by side, their net over the data, points in groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import ArrayLike

from companion.plotting.paper import COLORS, INK, STYLE, figure, plain, write
from companion.runtime import as_array

_TURNS = np.pi / 6 * np.arange(1, 12, 2)  # to the corners of a hexagon that stands on one
OUTLINES = {
    "rectangular": np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]),
    "hexagonal": np.stack([np.cos(_TURNS), np.sin(_TURNS)], axis=1) / np.sqrt(3),
}
TEN = (*COLORS, "#D7373F", "#8A63D2", INK, "#7D8590")  # the last four do on any page


def plot_units(
    values: ArrayLike,
    *,
    grid: str = "rectangular",
    labels: ArrayLike | None = None,
    ax: Axes | None = None,
    title: str = "",
    scale: str = "",
) -> Axes:
    """Draw the units of a map side by side, row 0 on top, each in the colour of its value.

    Parameters
    ----------
    values
        A number for each unit, shape (R, C), brighter where it is larger; or its colour, shape
        (R, C, 3): red, green and blue from 0 to 1, cut off beyond. A unit with NaN stays empty.
    grid
        "rectangular", or "hexagonal" with odd rows half a step to the right.
    labels
        What to write into the units, shape (R, C).
    ax, title
        As in ``plot_curves``.
    scale
        What the numbers are, written along a bar of their colours. Without it there is no bar.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the values or the labels have another shape, or the grid another name.

    Examples
    --------
    >>> ax = plot_units(np.eye(2), labels=[["a", "b"], ["c", "d"]])  # (R, C), (R, C)
    >>> [text.get_text() for text in ax.texts]
    ['a', 'b', 'c', 'd']
    """
    cells = as_array(values)
    if cells.ndim != 2 and cells.shape[2:] != (3,):
        raise ValueError(f"values must have shape (R, C) or (R, C, 3), got {cells.shape}")
    if grid not in OUTLINES:
        raise ValueError(f"grid must be {' or '.join(OUTLINES)}, got {grid!r}")
    words = np.full(cells.shape[:2], "") if labels is None else np.asarray(labels).astype(str)
    if words.shape != cells.shape[:2]:
        raise ValueError(f"labels must have shape {cells.shape[:2]}, got {words.shape}")
    ax = figure(height=4.2) if ax is None else ax
    with mpl.rc_context(STYLE):
        shades = ScalarMappable(cmap="viridis")
        _draw_units(ax, _paint(cells, shades), OUTLINES[grid], words)
        write(ax, title=title)
        if scale and cells.ndim == 2:
            ax.figure.colorbar(shades, ax=ax, shrink=0.8).set_label(plain(scale))
    return ax


def _paint(cells: np.ndarray, shades: ScalarMappable) -> np.ndarray:
    """Return the colour of each unit, shape (R, C, 4), clear where its value is not known."""
    if cells.ndim == 2:
        return np.asarray(shades.to_rgba(np.ma.masked_invalid(cells)))
    known = np.isfinite(cells).all(axis=2, keepdims=True)
    return np.concatenate([np.clip(np.nan_to_num(cells), 0, 1), known], axis=2)  # (R, C, 4)


def _draw_units(ax: Axes, colors: np.ndarray, outline: np.ndarray, words: np.ndarray) -> None:
    """Draw each unit in its place and colour, the clear ones as outlines, with its word."""
    row, column = np.indices(words.shape)
    if len(outline) == 6:
        row, column = row * np.sqrt(0.75), column + row % 2 / 2
    places = np.stack([column.ravel(), row.ravel()], axis=1)  # (R * C, 2)
    corners = places[:, None] + outline  # (R * C, 4 or 6, 2)
    fill = colors.reshape(-1, 4)
    edge = np.where(fill[:, 3:] == 0, to_rgba(INK, 0.4), fill)
    ax.add_collection(PolyCollection(corners, facecolors=fill, edgecolors=edge, linewidths=0.5))
    (left, top), (right, bottom) = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    ax.set_axis_off()
    step = 72 * min(ax.bbox.width / (right - left), ax.bbox.height / (bottom - top)) / ax.figure.dpi
    for (x, y), color, word in zip(places, fill, words.flat, strict=True):
        if word:
            size = min(9.0, 0.6 * step, 1.5 * step / len(word))  # points
            look = {"color": _ink_on(color), "fontsize": size, "ha": "center", "va": "center"}
            ax.text(x, y, plain(word), **look)


def _ink_on(color: np.ndarray) -> str:
    """Return black or white, whichever can be read better, or ink where the page shows through."""
    if color[3] == 0:
        return INK
    linear = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)[:3]
    return "#000000" if linear @ [0.2126, 0.7152, 0.0722] > 0.179 else "#ffffff"  # equal contrast


def plot_mosaic(images: ArrayLike, *, ax: Axes | None = None, title: str = "") -> Axes:
    """Draw the small grey images that the units of a map hold, each in its unit's place.

    Parameters
    ----------
    images
        Shape (R, C, H, W), larger is darker.
    ax, title
        As in ``plot_curves``.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the images have another shape.

    Examples
    --------
    >>> ax = plot_mosaic(np.zeros((2, 3, 8, 8)))  # (R, C, H, W) as one image, a pixel between units
    >>> ax.images[0].get_array().shape
    (17, 26)
    """
    units = as_array(images)
    if units.ndim != 4:
        raise ValueError(f"images must have shape (R, C, H, W), got {units.shape}")
    rows, columns, height, width = units.shape
    ax = figure(height=4.6) if ax is None else ax
    with mpl.rc_context(STYLE):
        gap = [(0, 0), (0, 0), (0, 1), (0, 1)]
        apart = np.pad(units.astype(float), gap, constant_values=np.nan).swapaxes(1, 2)
        whole = apart.reshape(rows * (height + 1), columns * (width + 1))[:-1, :-1]
        ax.imshow(whole, cmap="gray_r", interpolation="none")
        ax.set_axis_off()
        write(ax, title=title)
    return ax


def plot_lattice(
    weights: ArrayLike,
    *,
    points: ArrayLike | None = None,
    ax: Axes | None = None,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
) -> Axes:
    """Draw a map as a net over its data: a knot for each unit, a line between neighbours.

    Parameters
    ----------
    weights
        Where the units lie, shape (R, C, 2).
    points
        The data, shape (N, 2).
    ax, title
        As in ``plot_curves``.
    xlabel, ylabel
        What the two numbers are. Without names the axes are left out.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the weights or the points have another shape.

    Examples
    --------
    >>> ax = plot_lattice(np.ones((3, 4, 2)), points=np.ones((9, 2)))  # (R, C, 2), (N, 2)
    >>> len(ax.collections[0].get_segments())  # one for each row and column
    7
    """
    net = as_array(weights)
    if net.ndim != 3 or net.shape[2] != 2:
        raise ValueError(f"weights must have shape (R, C, 2), got {net.shape}")
    ax = figure(height=4.2) if ax is None else ax
    with mpl.rc_context(STYLE):
        if points is not None:
            _draw_dots(ax, _pairs(points), INK, 0.3)
        lines = [*net, *net.swapaxes(0, 1)]
        ax.add_collection(LineCollection(lines, colors=COLORS[1], linewidths=0.9))
        ax.plot(*net.reshape(-1, 2).T, "o", color=COLORS[1], markersize=2.8, mew=0)
        write(ax, title=title, xlabel=xlabel, ylabel=ylabel)
        ax.set_aspect("equal", adjustable="datalim")
        ax.grid(visible=False)
        if not xlabel + ylabel:
            ax.set_axis_off()
    return ax


def plot_points(
    points: ArrayLike, groups: ArrayLike, *, ax: Axes | None = None, title: str = ""
) -> Axes:
    """Draw points in the colours of their groups, which are told apart without colours too.

    A group with a name of one letter or digit is drawn in it. The name of any other stands in its
    middle.

    Parameters
    ----------
    points
        Shape (N, 2).
    groups
        The name of each point's group, shape (N,); ten different ones at most.
    ax, title
        As in ``plot_curves``.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the shapes do not fit, or there are more groups than colours.

    Examples
    --------
    >>> ax = plot_points([[0, 1], [1, 0], [1, 2]], ["film", "wine", "wine"])  # (N, 2), (N,)
    >>> [text.get_text() for text in ax.texts]
    ['film', 'wine']
    """
    places, members = _pairs(points), np.asarray(groups).astype(str)
    if members.shape != (len(places),):
        raise ValueError(f"groups must have shape ({len(places)},), got {members.shape}")
    names = [str(name) for name in np.unique(members)]
    if len(names) > len(TEN):
        raise ValueError(f"groups must have at most {len(TEN)} names, got {len(names)}")
    ax = figure(height=4.2) if ax is None else ax
    with mpl.rc_context(STYLE):
        for name, color in zip(names, TEN, strict=False):
            own = places[members == name]
            if len(name) == 1 and name.isalnum():
                glyph = rf"$\mathdefault{{{name}}}$"
                ax.plot(*own.T, linestyle="", marker=glyph, color=color, markersize=4.5, mew=0)
                continue
            _draw_dots(ax, own, color, 0.6)
            x, y = np.median(own, axis=0)
            ax.text(x, y, plain(name), ha="center", va="center", weight="bold")
        write(ax, title=title)
        ax.set_axis_off()
    return ax


def plot_words(
    points: ArrayLike,
    words: Sequence[str],
    *,
    groups: ArrayLike,
    named: Sequence[str] | None = None,
    ax: Axes | None = None,
    title: str = "",
) -> Axes:
    """Draw words as points in the colours of their groups, and write as many as find room.

    Parameters
    ----------
    points
        Shape (N, 2).
    words
        N of them.
    groups
        The name of each word's group, shape (N,); ten different ones at most.
    named
        Words to be written beside their points, the most important first; all if None. One that
        would lie over another is left out.
    ax, title
        As in ``plot_curves``.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the shapes do not fit, or there are more groups than colours.

    Examples
    --------
    >>> ax = plot_words([[0, 1], [1, 0]], ["dull", "film"], groups=["a", "b"])  # (N, 2), N, (N,)
    >>> [text.get_text() for text in ax.texts]
    ['dull', 'film']
    """
    places, members = _pairs(points), np.asarray(groups).astype(str)
    if members.shape != (len(places),) or len(words) != len(places):
        raise ValueError(
            f"words and groups must be {len(places)} each, as the points, got {len(words)} and "
            f"shape {members.shape}"
        )
    names = list(dict.fromkeys(members.tolist()))
    if len(names) > len(TEN):
        raise ValueError(f"groups must have at most {len(TEN)} names, got {len(names)}")
    ax = figure(height=5.4) if ax is None else ax
    with mpl.rc_context(STYLE):
        for name, color in zip(names, TEN, strict=False):
            _draw_dots(ax, places[members == name], color, 0.7)
        write(ax, title=title)
        ax.margins(0.12, 0.05)
        ax.set_axis_off()
        page: Any = ax.figure
        page.draw_without_rendering()  # places are known only once the axes are laid out
        asked = list(words if named is None else named)
        rows = [list(words).index(word) for word in asked if word in words]
        colors = dict(zip(names, TEN, strict=False))
        _write_words(ax, [(words[i], places[i], colors[str(members[i])]) for i in rows])
    return ax


def _write_words(ax: Axes, words: Sequence[tuple[str, np.ndarray, str]], size: int = 10) -> None:
    """Write words right of their points, or left, above, below, where no other word stands."""
    taken: list[tuple[float, float, float, float]] = []
    for word, place, color in words:
        x, y = ax.transData.transform(place) * 72 / ax.figure.dpi  # points of the page
        wide, high = 0.66 * size * len(word), 1.1 * size
        for dx, dy, side in ((5, 0, "left"), (-5, 0, "right"), (0, 9, "center"), (0, -9, "center")):
            left = x + dx - {"left": 0.0, "right": wide, "center": wide / 2}[side]
            box = left, y + dy - high / 2, left + wide, y + dy + high / 2
            if all(box[2] < b[0] or b[2] < box[0] or box[3] < b[1] or b[3] < box[1] for b in taken):
                taken.append(box)
                ax.annotate(
                    plain(word),
                    (float(place[0]), float(place[1])),
                    xytext=(dx, dy),
                    textcoords="offset points",
                    ha=side,
                    va="center",
                    fontsize=size,
                    color=color,
                )
                break


def _draw_dots(ax: Axes, places: np.ndarray, color: str, alpha: float) -> None:
    """Draw dots as one path of strokes without length, half the bytes of a marker for each."""
    stops = np.tile([Path.MOVETO, Path.CLOSEPOLY], len(places))
    path = Path(np.repeat(places, 2, axis=0), stops)
    dots = PathPatch(path, fill=False, color=color, alpha=alpha, capstyle="round", linewidth=2.5)
    ax.add_patch(dots)
    ax.autoscale_view()


def _pairs(points: ArrayLike) -> np.ndarray:
    """Return points as an array of shape (N, 2), or refuse them."""
    pairs = as_array(points)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"points must have shape (N, 2), got {pairs.shape}")
    return pairs
