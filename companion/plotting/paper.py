"""The paper: figures whose ink follows the page, shown with the words that stand for them."""

from __future__ import annotations

import io
import re
from typing import Any
from xml.sax.saxutils import quoteattr

import matplotlib as mpl
import numpy as np
from cycler import cycler
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# After Okabe and Ito, darkened where needed so that text in them is readable on white.
COLORS = ("#0072B2", "#B85000", "#009E73", "#CC79A7", "#B8860B", "#56B4E9")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
INK = "#010203"  # stands for the page's own text colour
PAPER = "svg:root{background:#fff;color:#1b1b1b}"  # holds only where the SVG is its own document

STYLE: Any = {
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.prop_cycle": cycler(color=COLORS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.facecolor": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "grid.alpha": 0.15,
    "grid.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "companion",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def figure(
    rows: int = 1, columns: int = 1, *, height: float = 3.0, width: float = 5.4, **options: Any
) -> Any:
    """Return the axes of a new figure, one or an array of them.

    Parameters
    ----------
    rows, columns
        How many axes below and beside each other.
    height, width
        Size of the whole figure in inches. The width fills a page, and is read on a phone.
    **options
        Passed on to ``Figure.subplots``, for example ``sharex=True``.

    Examples
    --------
    >>> figure(2, height=5).shape
    (2,)
    """
    with mpl.rc_context(STYLE):
        drawn = Figure(figsize=(width, height), layout="constrained")
        return drawn.subplots(rows, columns, **options)


def show(drawn: Axes | Figure | np.ndarray, *, alt: str) -> None:
    """Show a figure in the notebook, with the words that stand for it.

    Parameters
    ----------
    drawn
        Axes, an array of axes, or a figure.
    alt
        What a reader who cannot see the figure should know: the finding, in a sentence.

    Raises
    ------
    ValueError
        If ``alt`` is too short to say anything.
    """
    display({"image/svg+xml": svg(drawn, alt=alt), "text/plain": alt}, raw=True)


def svg(drawn: Axes | Figure | np.ndarray, *, alt: str) -> str:
    """Return a figure as SVG: the same bytes each time, ink in the colour of the page's text.

    Parameters
    ----------
    drawn
        Axes, an array of axes, or a figure.
    alt
        The text alternative, a sentence.

    Raises
    ------
    ValueError
        If ``alt`` is shorter than 20 characters.

    Examples
    --------
    >>> svg(figure(), alt="An empty figure, nothing to see.")[:15]
    '<svg role="img"'
    """
    if len(alt.strip()) < 20:
        raise ValueError(f"alt must say what the figure shows, in a sentence, got {alt!r}")
    axes = drawn.flat[0] if isinstance(drawn, np.ndarray) else drawn
    page: Any = axes if isinstance(axes, Figure) else axes.figure
    with mpl.rc_context(STYLE), io.StringIO() as file:
        page.draw_without_rendering()  # lays it out once; a second call changes nothing
        page.set_layout_engine("none")
        page.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        text = file.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    for i, color in enumerate(COLORS, start=1):  # a dark page may name brighter ones
        text = text.replace(color.lower(), f"var(--figure-{i}, {color})")
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.S)
    text = text.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")
    head = f'<svg role="img" aria-label={quoteattr(alt)} '
    return head + text[5:].replace(">", f"><style>{PAPER}</style>", 1)


# What the charts share.


def look(i: int) -> dict[str, Any]:
    """Give the i-th line its own colour and its own dash."""
    return {"color": COLORS[i % len(COLORS)], "linestyle": DASHES[i % len(DASHES)]}


def plain(text: str) -> str:
    """Keep a text from being read as a formula, or its curve from being left out."""
    text = text.replace("$", r"\$")
    return f"\N{ZERO WIDTH SPACE}{text}" if text.startswith("_") else text


def write(ax: Axes, **texts: str) -> None:
    """Give axes their title and the names of what they measure."""
    ax.set(**{place: plain(text) for place, text in texts.items()})


def legend(ax: Axes, count: int) -> None:
    """Put the legend below the axes, where it can hide nothing."""
    below = -0.24 if ax.get_xlabel() else -0.12
    columns = count if count <= 3 else 2
    ax.legend(loc="upper left", bbox_to_anchor=(0, below), ncols=columns, borderaxespad=0)
