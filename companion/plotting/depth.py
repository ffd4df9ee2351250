"""Heat maps on a logarithmic scale: numbers that run through many powers of ten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from numpy.typing import ArrayLike

from companion.plotting.paper import STYLE, figure, plain, write
from companion.runtime import as_array


def plot_heat(
    matrix: ArrayLike,
    *,
    rows: Sequence[str],
    low: float,
    high: float,
    ax: Axes | None = None,
    title: str = "",
    xlabel: str = "",
    scale: str = "",
) -> Axes:
    """Draw a row of coloured cells for each name, brighter where a number is larger.

    Parameters
    ----------
    matrix
        Shape (R, C), 0 or more. The columns are counted from 1.
    rows
        R names.
    low, high
        The range of the colours, 0 < low < high; what lies beyond has the colour of its end.
    ax, title, xlabel
        As in ``plot_curves``.
    scale
        What the numbers are, written along a bar of their colours.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If there is not a name for each row, a number is negative, or the range is empty.

    Examples
    --------
    >>> ax = plot_heat([[1, 1e-9], [1, 2]], rows=["tanh", "ReLU"], low=1e-6, high=1e6)
    >>> ax.images[0].get_array().shape  # (R, C)
    (2, 2)
    """
    table = as_array(matrix).astype(float)
    if table.ndim != 2 or len(table) != len(rows):
        raise ValueError(f"matrix must have shape ({len(rows)}, C), got {table.shape}")
    if not 0 < low < high:
        raise ValueError(f"the range must have 0 < low < high, got {low} to {high}")
    if not (table >= 0).all():
        raise ValueError("matrix must hold numbers of 0 or more")
    ax = figure(height=0.24 * len(rows) + 1.2, width=6.4) if ax is None else ax
    with mpl.rc_context(STYLE):
        ends = 0.5, table.shape[1] + 0.5, len(rows) - 0.5, -0.5
        look: Any = {"cmap": "viridis", "norm": LogNorm(low, high), "interpolation": "none"}
        image = ax.imshow(np.clip(table, low, high), aspect="auto", extent=ends, **look)
        ax.set_yticks(range(len(rows)), [plain(name) for name in rows])
        ax.grid(visible=False)
        write(ax, title=title, xlabel=xlabel)
        ax.figure.colorbar(image, ax=ax, extend="both").set_label(plain(scale))
    return ax
