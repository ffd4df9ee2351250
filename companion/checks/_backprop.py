"""Slopes, borders and graphs as they should be, and what slips make of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.backprop import Tensor
from companion.checks._compare import close, refuse, refuse_if

Array = NDArray[np.float64]


def said_of_used_twice(w: float, x1: float, x2: float) -> dict[str, float]:
    """Give the slope of y by w, to which nothing is to be said, and what slips make of it."""
    h = np.tanh(w * x1)
    y = np.tanh(w * h + x2)
    outer, bend = 1 - y**2, 1 - h**2
    last, first = outer * h, outer * w * bend * x1
    return _said_of_two_paths(last, first) | {
        "The slope of the outer tanh is missing.": h + w * bend * x1,
        "The slope of the inner tanh is missing.": outer * (h + w * x1),
        "The slopes of both tanh are missing.": h + w * x1,
        "The inner path lacks x1, the number that w multiplies there.": outer * (h + w * bend),
        "The inner path lacks w, through which h reaches y.": outer * (h + bend * x1),
        "The inner path lacks both w and x1.": outer * (h + bend),
        "The slope of the outer tanh belongs to both paths.": last + w * bend * x1,
        "The slope of the outer tanh belongs to the path of the last use too.": h + first,
        "At its last use w multiplies h, not x1.": outer * (x1 + w * bend * x1),
        "The slope of tanh is 1 - tanh². In the outer one the square is missing.": (1 - y)
        * (h + w * bend * x1),
        "The slope of tanh is 1 - tanh². In the inner one the square is missing.": outer
        * (h + w * (1 - h) * x1),
        "For the outer tanh the slope is 1 - y². You take h for y.": bend * (h + w * bend * x1),
        "For the inner tanh the slope is 1 - h². You take y for h.": outer * (h + w * outer * x1),
        "The inner path's factors are on both paths: h is what w multiplies last, and no more.": (
            outer * h * bend * x1
        ),
        "At its last use w multiplies h. x2 is added, and does not move with w.": (
            outer * (x2 + w * bend * x1)
        ),
        "You add x2. It does not move with w.": last + first + x2,
        "The factor w belongs to the inner path only.": w * outer * (h + bend * x1),
        "The slope of the inner tanh belongs to the inner path only.": outer * bend * (h + w * x1),
        "y * (1 - y) is the slope of the sigmoid. That of tanh is 1 - y².": (
            y * (1 - y) * (h + w * h * (1 - h) * x1)
        ),
        "This is w itself, not how y answers to it.": w,
        "This is y itself, not how it answers to w.": y,
    }


def _said_of_two_paths(last: float, first: float) -> dict[str, float]:
    """Give the sum of two paths, to which nothing is to be said, and what else is made of them."""
    return {
        "": last + first,
        "You follow the last use of w only; w is inside h as well.": last,
        "You follow w through h only; w multiplies h as well.": first,
        "You multiply the two paths. Along a path you multiply, paths you add.": last * first,
        "You take one path from the other. Paths add.": last - first,
        "You take the mean of the two paths. Paths add.": (last + first) / 2,
        "You double one path. The two are not equal here; work out the second.": 2 * last,
        "You double one path; the two are not equal here. Work out the first.": 2 * first,
    }


def said_of_softmax(logits: Array, labels: Array) -> tuple[Array, dict[str, Array]]:
    """Return the gradient of softmax and cross-entropy, (4, 3), and what slips make of it."""
    chosen = np.eye(3)[labels]
    odds = np.exp(logits)
    probability = odds / odds.sum(axis=1, keepdims=True)
    downwards = (odds / odds.sum(axis=0) - chosen) / 4
    return (probability - chosen) / 4, {
        "This is the gradient of the summed loss; the loss is a mean.": probability - chosen,
        "You divide by all entries. The mean is over rows.": (probability - chosen) / 12,
        "Nothing is subtracted at the labels.": probability / 4,
        "Nothing is subtracted at the labels, and the mean is missing.": probability,
        "You start from the logits themselves, not from probabilities.": (logits - chosen) / 4,
        "Your softmax runs down the columns. Each row is one distribution.": downwards,
        "Your softmax runs over all entries at once. Each row is one distribution.": (
            odds / odds.sum() - chosen
        )
        / 4,
        "Truth is 1 at the label's column and 0 elsewhere, not the label's number.": (
            probability - labels[:, None]
        )
        / 4,
        "You subtract 1 in whole columns. `p[np.arange(N), labels]` picks one entry in each row.": (
            probability - np.isin(np.arange(3), labels)
        )
        / 4,
    }


def border(hessian: Array, m: float = 0.0) -> float:
    """Give the rate from which on descent with this momentum does not arrive."""
    return float(2 * (1 + m) / np.linalg.eigvalsh(hessian)[-1])


def slips_of_the_border() -> dict[str, Callable[..., float]]:
    """Say what a rate is that is not at the border."""

    def slip(formula: Callable[[Array, Array, float], float]) -> Callable[..., float]:
        return lambda hessian, m=0.0: formula(hessian, np.linalg.eigvalsh(hessian), m)

    return {
        "At this rate one step reaches the bottom of the steepest direction. How far beyond can "
        "you go?": slip(lambda H, k, m: 1 / k[-1]),
        "You ask the flattest direction. The steepest one breaks first.": slip(
            lambda H, k, m: 2 * (1 + m) / k[0]
        ),
        "The trace adds up all curvatures. One of them decides.": slip(
            lambda H, k, m: 2 * (1 + m) / np.trace(H)
        ),
        "The largest entry of H is the curvature along one axis. The most curved direction may "
        "lie between the axes.": slip(lambda H, k, m: 2 * (1 + m) / H.max()),
        "Upside down: the steeper, the smaller the rate must be.": slip(lambda H, k, m: k[-1] / 2),
        "This is the fastest rate. Asked for is the largest that still converges.": slip(
            lambda H, k, m: 2 / (k[0] + k[-1])
        ),
        "This curvature is not the largest: the eigenvalues may come in any order.": slip(
            lambda H, k, m: 2 * (1 + m) / k[1]
        ),
        "Momentum is not in your rate. It moves the border.": slip(lambda H, k, m: 2 / k[-1]),
        "Momentum moves the border the other way: it takes away from a swing.": slip(
            lambda H, k, m: 2 * (1 - m) / k[-1]
        ),
        "You divide by 1 - momentum. That is how far a steady slope carries; near the border the "
        "slopes change sign.": slip(lambda H, k, m: 2 / (1 - m) / k[-1]),
        "You divide by 1 + momentum where you should multiply.": slip(
            lambda H, k, m: 2 / (1 + m) / k[-1]
        ),
    }


Plan = Mapping[str, Sequence[tuple[str, float]]]  # a number: its origins, and the slopes to them


class Number:
    """A number as in the chapter, without ``grad``. It notes what is done with it."""

    def __init__(self, name: str, value: float, origins: Sequence[tuple[Number, float]]) -> None:
        self.name, self._value, self.origins = name, value, origins
        self.asked, self.arrived = 0, list[float]()
        self.handed: list[list[float]] = [[] for _ in origins]
        slopes = map(self._slope, self.handed, origins)
        self._ties = tuple(
            (origin, slope) for (origin, _), slope in zip(origins, slopes, strict=True)
        )

    def _slope(self, handed: list[float], tie: tuple[Number, float]) -> Callable[[Any], Any]:
        """Make what carries a gradient on along a tie."""
        origin, factor = tie

        def slope(g: Any) -> Any:
            handed.append(float(g))
            origin.arrived.append(factor * float(g))
            return factor * g

        return slope

    def __repr__(self) -> str:
        return f"<number {self.name}>"

    @property
    def value(self) -> float:
        """The value."""
        return self._value

    @property
    def ties(self) -> tuple[tuple[Number, Callable[[Any], Any]], ...]:
        """Its origins, each with the slope that carries a gradient there."""
        self.asked += 1
        return self._ties


def graph_of(plan: Plan) -> list[Number]:
    """Make the numbers of a plan in its order: each a weighted sum of its origins."""
    made: dict[str, Number] = {}
    for name, ties in plan.items():
        origins = [(made[origin], factor) for origin, factor in ties]
        value = sum(factor * origin.value for origin, factor in origins) if ties else 1.5
        made[name] = Number(name, value, origins)
    return list(made.values())


def gradients_by_tape(made: list[Number]) -> dict[Number, float]:
    """Give the gradients, by the order in which the numbers were made."""
    gradients = {made[-1]: 1.0}
    for number in reversed(made):
        for origin, factor in number.origins if number in gradients else ():
            gradients[origin] = gradients.get(origin, 0.0) + factor * gradients[number]
    return gradients


def ladder(rungs: int) -> Plan:
    """Plan a ladder with two roads from each rung to the next."""
    plan: dict[str, list[tuple[str, float]]] = {"0": []}
    for i in range(rungs):
        plan |= {side: [(str(i), 0.5)] for side in (f"left {i}", f"right {i}")}
        plan[str(i + 1)] = [(f"left {i}", 1.0), (f"right {i}", 1.0)]
    return plan


def _net(size: int) -> Plan:
    """Plan numbers of which each has two origins among those before it."""
    rng = np.random.default_rng(5)
    return {
        str(i): [(str(rng.integers(i)), float(rng.normal())) for _ in range(2 * (i > 2))]
        for i in range(size)
    }


GRAPHS: dict[str, Plan] = {
    "a single number": {"x": []},
    "a chain of three": {"x": [], "h": [("x", 0.5)], "y": [("h", -3.0)]},
    "a number that meets itself": {"x": [], "y": [("x", 2.0), ("x", 0.5)]},
    "a weight used twice": {
        "w": [],
        "good": [],
        "inner": [("w", 0.8), ("good", 1.5)],
        "s": [("w", 1.2), ("inner", 2.5)],
    },
    "a short road before a long one": {
        "w": [],
        "x": [("w", 2.0)],
        "a": [("x", 3.0)],
        "b": [("a", -0.5)],
        "y": [("x", 0.7), ("b", 4.0)],
    },
    "a long road before a short one": {
        "w": [],
        "x": [("w", 2.0)],
        "a": [("x", 3.0)],
        "b": [("a", -0.5)],
        "y": [("b", 4.0), ("x", 0.7)],
    },
    "a slope of 0": {
        "x": [],
        "off": [],
        "h": [("off", 2.0), ("x", 3.0)],
        "y": [("h", 0.0), ("x", 1.5)],
    },
    "a net of twelve": _net(12),
}


def refuse_wrong_sum(number: Number, got: float, want: float, case: str) -> None:
    """Refuse a gradient that is not the sum of what arrived."""
    if close(got, want):
        return
    at = f"For {case}, at `{number.name}`:"
    pieces = number.arrived or [0.0]
    refuse_if(close(got, pieces[-1]), f"{at} you keep what arrives last. Add where roads meet.")
    refuse_if(close(got, pieces[0]), f"{at} you keep what arrives first. Add where roads meet.")
    told = " + ".join(f"{piece:.3g}" for piece in pieces[:4]) + " + ..." * (len(pieces) > 4)
    refuse(f"{at} your gradient is {got:.3g}, and {told} arrived there. It should be {want:.3g}.")


def refuse_wrong_turn(number: Number, want: float, case: str) -> None:
    """Refuse a gradient that was handed on too often, too early or not at all."""
    at = f"For {case}, at `{number.name}`:"
    for handed in number.handed:
        refuse_if(not handed and want != 0, f"{at} a slope is never used.")
        often = (
            f"{at} a slope is used {len(handed)} times. Hand a gradient on once, when it is whole."
        )
        refuse_if(len(handed) > 1, often)
        early = f"{at} you hand on {handed[0]:.3g} of {want:.3g}. " if handed else ""
        early += "Wait until every number that was made from it has handed on."
        refuse_if(bool(handed) and not close(handed[0], want), early)


def gradients_of_engine(*arrays: Array) -> list[Array]:
    """Let the engine of the course give the gradients of the four arrays of weights."""
    x, y = arrays[:2]
    W1, b1, W2, b2 = weights = [Tensor(w, requires_grad=True) for w in arrays[2:]]
    (((Tensor(x) @ W1 + b1).tanh() @ W2 + b2 - y) ** 2).mean().backward()
    return [np.asarray(w.grad) for w in weights]
