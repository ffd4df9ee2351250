"""Charts: curves, landscapes seen from above, rows of small images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from companion.plotting.paper import INK, STYLE, figure, legend, look, plain, write
from companion.runtime import as_array


def plot_curves(
    curves: Mapping[str, ArrayLike | tuple[ArrayLike, ArrayLike]],
    *,
    ax: Axes | None = None,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    xscale: str = "linear",
    yscale: str = "linear",
    marks: Mapping[str, float] | None = None,
    levels: Mapping[str, float] | None = None,
) -> Axes:
    """Draw named curves, each with its own colour and dash.

    Parameters
    ----------
    curves
        Name to y of shape (T,), or to (x, y), each of shape (T,).
    ax
        Axes to draw on; new ones if None.
    title, xlabel, ylabel, xscale, yscale
        As in matplotlib. The title says what there is to see.
    marks
        Name to a place on the x axis where a vertical line shall stand.
    levels
        Name to a height on the y axis for a line across, such as the best that can be reached.

    Returns
    -------
    Axes

    Examples
    --------
    >>> ax = plot_curves({"train": [3, 2, 1], "test": ([0, 2], [3, 2])})  # y (T,), or (x, y)
    >>> len(ax.lines)
    2
    """
    ax = figure() if ax is None else ax
    whole = bool(curves)  # whether all of x counts something
    with mpl.rc_context(STYLE):
        for i, (name, curve) in enumerate(curves.items()):
            parts = curve if isinstance(curve, tuple) else (curve,)
            y = as_array(parts[-1])
            x = as_array(parts[0]) if len(parts) == 2 else np.arange(y.size)
            label = plain(name) if len(curves) > 1 else None
            ax.plot(x, y, label=label, **look(i))
            whole = whole and np.issubdtype(x.dtype, np.integer)
        _name_places(ax, marks or {}, levels or {})
        ax.set(xlabel=plain(xlabel), ylabel=plain(ylabel), xscale=xscale, yscale=yscale)
        if whole and xscale == "linear":
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_title(plain(title), pad=18 if marks else 6)
        if len(curves) > 1:
            legend(ax, len(curves))
    return ax


def plot_landscape(
    x: ArrayLike,
    y: ArrayLike,
    height: ArrayLike,
    *,
    paths: Mapping[str, ArrayLike] | None = None,
    points: Mapping[str, tuple[float, float]] | None = None,
    ax: Axes | None = None,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    levels: int = 14,
) -> Axes:
    """Draw a surface from above as contour lines, with paths across it and named points on it.

    Parameters
    ----------
    x, y
        Grid positions, shapes (C,) and (R,).
    height
        The surface, shape (R, C).
    paths
        Name to positions in order, shape (T, 2). A dot stands where each begins.
    points
        Name to a position.
    ax, title, xlabel, ylabel
        As in ``plot_curves``.
    levels
        How many contour lines.

    Returns
    -------
    Axes

    Examples
    --------
    >>> x = np.linspace(-1, 1, 9)  # (C,)
    >>> ax = plot_landscape(x, x, x[:, None] ** 2 + x**2, paths={"walk": [[1, 1], [0, 0]]})
    >>> ax.get_legend().get_texts()[0].get_text()
    'walk'
    """
    ax = figure(height=4.2) if ax is None else ax
    with mpl.rc_context(STYLE):
        ax.grid(visible=False)
        _contours(ax, x, y, as_array(height), levels)
        for i, (name, path) in enumerate((paths or {}).items()):
            steps = as_array(path)
            ax.plot(steps[:, 0], steps[:, 1], label=plain(name), **look(i))
            ax.plot(*steps[0], "o", color=look(i)["color"], markersize=6)
        for name, (a, b) in (points or {}).items():
            ax.plot(a, b, "*", color=INK, markersize=11)
            ax.annotate(plain(name), (a, b), xytext=(7, 5), textcoords="offset points", fontsize=9)
        write(ax, title=title, xlabel=xlabel, ylabel=ylabel)
        ax.set(xlim=(np.min(x), np.max(x)), ylim=(np.min(y), np.max(y)))
        if paths:
            legend(ax, len(paths))
    return ax


def _contours(ax: Axes, x: ArrayLike, y: ArrayLike, z: np.ndarray, levels: int) -> None:
    """Draw contour lines at heights that share out the surface evenly."""
    seen = z[np.isfinite(z)]
    if not seen.size or seen.min() == seen.max():
        raise ValueError("height must hold at least two different finite numbers")
    lines = np.unique(np.quantile(seen, np.linspace(0.005, 0.97, levels)))
    look: Any = {"colors": INK, "linewidths": 0.7, "linestyles": "solid", "alpha": 0.4}
    ax.contour(x, y, z, levels=lines, **look)


def _name_places(ax: Axes, marks: Mapping[str, float], levels: Mapping[str, float]) -> None:
    """Draw named lines upwards from places on the x axis, and across at heights of the y axis."""
    for name, place in marks.items():
        ax.axvline(place, color=INK, linewidth=1, linestyle=":")
        spot: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "ha": "center"}
        ax.annotate(plain(name), (place, 1.01), va="bottom", fontsize=9, **spot)
    for name, height in levels.items():
        ax.axhline(height, color=INK, linewidth=1, linestyle=":")
        spot = {"xycoords": ("axes fraction", "data"), "ha": "left"}
        ax.annotate(plain(name), (0.01, height), va="bottom", fontsize=9, **spot)


def plot_images(
    images: ArrayLike, captions: Sequence[object], *, columns: int = 6, title: str = ""
) -> np.ndarray:
    """Draw small grey images in rows, each with a caption.

    Parameters
    ----------
    images
        Shape (N, H, W), larger is darker.
    captions
        N of them, shown as text.
    columns
        Images in a row.
    title
        A line above all of them.

    Returns
    -------
    ndarray of Axes

    Examples
    --------
    >>> plot_images(np.zeros((3, 8, 8)), ["a", "b", "c"], columns=2).shape  # (N, H, W), 2 rows
    (4,)
    """
    pictures = np.asarray(images)
    if pictures.ndim != 3 or len(pictures) != len(captions):
        raise ValueError(
            f"images must have shape (N, H, W) with N = {len(captions)} captions, "
            f"got {pictures.shape}"
        )
    rows = -(-len(pictures) // columns)
    axes = np.atleast_1d(figure(rows, columns, height=1.25 * rows + 0.4)).reshape(-1)
    with mpl.rc_context(STYLE):
        for ax in axes:
            ax.set_axis_off()
        for ax, picture, caption in zip(axes, pictures, captions, strict=False):
            ax.imshow(picture, cmap="gray_r", interpolation="nearest")
            ax.set_title(plain(str(caption)), fontsize=9, loc="center")
        axes[0].figure.suptitle(plain(title), x=0.01, ha="left", fontsize=11)
    return axes
