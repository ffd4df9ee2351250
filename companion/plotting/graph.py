"""Computation graphs: each value in its box, its gradient below it, an arrow for each use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from companion.plotting.paper import COLORS, INK, STYLE, figure, plain, write

SIGNS = {
    "*": "\N{MULTIPLICATION SIGN}",
    "-": "\N{MINUS SIGN}",
    "**": "power",
    "neg": "\N{MINUS SIGN}( )",
}


class HasGradient(Protocol):
    """What ``plot_graph`` asks of a tensor: values, gradient, operation and inputs."""

    data: Any
    grad: Any
    op: str
    inputs: tuple[Any, ...]


def plot_graph(
    root: HasGradient, names: Mapping[str, Any], *, ax: Axes | None = None, title: str = ""
) -> Axes:
    """Draw the computation behind a scalar: each value in its box, its gradient below it.

    Parameters
    ----------
    root
        The last tensor; it and all before it hold one value each.
    names
        Name to tensor, for those that have a name.
    ax, title
        As in ``plot_curves``.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from companion.backprop import Tensor
    >>> w = Tensor(3.0, requires_grad=True)
    >>> [text.get_text() for text in plot_graph(w * w, {"w": w}).texts]
    ['w', '3', '×', '9']
    """
    order, called = _computed(root), {id(tensor): name for name, tensor in names.items()}
    places = _places(order)
    across, down = (np.array([place[i] for place in places.values()]) for i in (0, 1))
    if ax is None:
        wide = max(np.ptp(across) + 1, 4)  # a narrow graph leaves room for its title
        ax = figure(width=1.15 * wide, height=0.85 * (down.max() + 1))
        across = np.append(across, across.mean() + np.array([-0.5, 0.5]) * (wide - 1))
    with mpl.rc_context(STYLE):
        ax.set_axis_off()
        ax.set(xlim=(across.min() - 0.5, across.max() + 0.5), ylim=(down.max() + 0.45, -0.45))
        write(ax, title=title)
        for tensor in order:
            _draw_box(ax, tensor, called.get(id(tensor), ""), *places[id(tensor)])
            for parent in tensor.inputs:
                _draw_arrow(ax, places[id(parent)], places[id(tensor)])
    return ax


def _draw_box(ax: Axes, tensor: HasGradient, name: str, x: float, y: float) -> None:
    """Draw one tensor: its name, its value, and its gradient if it has one."""
    box = "round,pad=0,rounding_size=0.1"
    ax.add_patch(
        FancyBboxPatch((x - 0.45, y - 0.33), 0.9, 0.66, box, facecolor="none", edgecolor=INK)
    )
    title = " = ".join(part for part in (plain(name), SIGNS.get(tensor.op, tensor.op)) if part)
    lines = [(title or "constant", INK, "bold" if title else "normal")]
    if np.size(tensor.data) != 1:
        raise ValueError(f"each tensor must hold one value, got shape {np.shape(tensor.data)}")
    lines.append((f"{float(np.squeeze(tensor.data)):.3g}", COLORS[0], "normal"))
    if tensor.grad is not None:
        lines.append((f"{float(np.squeeze(tensor.grad)):+.3g}", COLORS[1], "normal"))
    for i, (text, color, weight) in enumerate(lines):
        at = y + 0.2 * (i - (len(lines) - 1) / 2)
        text = text.replace("-", "\N{MINUS SIGN}")
        ax.text(x, at, text, ha="center", va="center", fontsize=9, color=color, weight=weight)


def _draw_arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow from the lower edge of one box to the upper edge of another."""
    passing = end[1] - start[1] > 1  # it has to get round what lies between
    side = float(np.sign(start[0] - end[0] or 1)) if passing else 0.0
    arrow = FancyArrowPatch(
        (start[0], start[1] + 0.33),
        (end[0] + 0.3 * side, end[1] - 0.33),
        arrowstyle="-|>",
        connectionstyle=f"arc3,rad={-0.35 * side}",
        mutation_scale=9,
        shrinkA=0,
        shrinkB=0,
        color=INK,
    )
    ax.add_patch(arrow)


def _computed(root: HasGradient) -> list[HasGradient]:
    """List a graph's tensors, inputs before what is computed from them."""
    order: list[HasGradient] = []
    done: set[int] = set()
    to_visit = [(root, False)]
    while to_visit:
        tensor, ready = to_visit.pop()
        if ready:
            order.append(tensor)
        elif id(tensor) not in done:
            done.add(id(tensor))
            to_visit += [(tensor, True), *((parent, False) for parent in tensor.inputs[::-1])]
    return order


def _places(order: list[HasGradient]) -> dict[int, tuple[float, float]]:
    """Place tensors in rows from the inputs down to the root, each near what is made of it."""
    uses: dict[int, list[int]] = {id(tensor): [] for tensor in order}
    row: dict[int, int] = {}
    for tensor in order:
        row[id(tensor)] = 1 + max((row[id(parent)] for parent in tensor.inputs), default=-1)
        for parent in tensor.inputs:
            uses[id(parent)].append(id(tensor))
    for tensor in order:
        if not tensor.inputs and uses[id(tensor)]:
            row[id(tensor)] = min(row[use] for use in uses[id(tensor)]) - 1
    x: dict[int, float] = {}
    for y in range(max(row.values()), -1, -1):
        wish = {
            key: float(np.mean([x[use] for use in uses[key]] or [0.0]))
            for key in (id(tensor) for tensor in order)
            if row[key] == y
        }
        keys = sorted(wish, key=lambda key: wish[key])
        got = np.array([wish[key] for key in keys])
        for i in range(1, len(keys)):
            got[i] = max(got[i], got[i - 1] + 1)
        got += np.mean(list(wish.values())) - got.mean()
        x.update(zip(keys, got, strict=True))
    return {key: (x[key], float(row[key])) for key in row}
