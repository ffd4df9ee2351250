"""Checks on backpropagation: the chain rule by hand, and gradients put to work."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.backprop import Tensor
from companion.checks._compare import compare, numbers, refuse_if
from companion.checks.pact import Answer, exercise

Array = NDArray[np.float64]


@exercise(
    difficulty=1,
    minutes=5,
    hints=[
        "Take the derivative of log(1 + e^x) on paper first. You have met the result before.",
        "The slope is e^x / (1 + e^x), the sigmoid. What does the chain rule do with the "
        "gradient that arrives from above?",
        "e^1000 is infinite for a float, and inf/inf is NaN. Divide above and below by e^x: then "
        "an infinity stands below only, and 1/inf is 0, which is right.",
    ],
)
def softplus_backward(answer: Answer) -> None:
    """The chain rule of softplus."""
    x = np.array([[-2.0, -0.5, 0.3], [1.0, 0.0, 3.0]])
    upstream = np.array([[1.5, -2.0, 0.7], [0.4, 3.0, -1.1]])
    slope = 1 / (1 + np.exp(-x))
    softplus = np.log1p(np.exp(x))
    slips = {
        "You return the slope alone: nothing of `upstream` is in it.": slope,
        "The chain rule multiplies slope and upstream gradient; you add them.": upstream + slope,
        "This is 1 - y², the rule of tanh, for another y.": upstream * (1 - softplus**2),
        "This is the slope of tanh. Softplus is log(1 + e^x).": upstream * (1 - np.tanh(x) ** 2),
        "One derivative too many: the slope of the slope.": upstream * slope * (1 - slope),
        "You multiply by softplus itself. The chain rule wants its slope.": upstream * softplus,
        "This is softplus, the value. Asked for is how the loss answers to x.": softplus,
        "The slope of the logarithm alone, or e^x for e^-x: is the inner e^x in it?": upstream
        * (1 - slope),
        "The slope of e^x alone: the logarithm around it has one too.": upstream * np.exp(x),
    }
    compare(answer(x, upstream), upstream * slope, slips=slips)
    far = np.array([-1000.0, 0.0, 1000.0])
    compare(answer(far, np.ones(3)), [0, 0.5, 1], what="the result at x = -1000, 0, 1000")


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "Draw the graph and mark every way from w to y. There are two.",
        "With g = 1 - y², the way through w * h brings g * h. The other way goes through h.",
        "Paths add up: g * (h + something). The something is w times dh/dw.",
    ],
)
def used_twice(answer: Answer) -> None:
    """A weight used twice."""
    for w, x1, x2 in ((0.7, 0.5, -0.3), (-1.2, 0.8, 0.4)):
        h = np.tanh(w * x1)
        y = np.tanh(w * h + x2)
        outer, inner = 1 - y**2, (1 - h**2) * x1
        last, first = outer * h, outer * w * inner
        slips = {
            "You follow the last use of w only; w is inside h as well.": last,
            "You follow w through h only; w multiplies h as well.": first,
            "You multiply the two paths. Along a path you multiply, paths you add.": last * first,
            "You double one path. The two are not equal here; work out the second.": 2 * last,
            "You double one path; the two are not equal here. Work out the first.": 2 * first,
            "The slope of the outer tanh is missing.": h + w * inner,
            "The slope of the inner tanh is missing.": outer * (h + w * x1),
            "The slopes of both tanh are missing.": h + w * x1,
            "The inner path lacks x1, the number that w multiplies there.": outer
            * (h + w * (1 - h**2)),
            "The inner path lacks w, through which h reaches y.": last + outer * inner,
            "The slope of the outer tanh belongs to both paths.": last + w * inner,
            "This is w itself, not how y answers to it.": w,
        }
        compare(answer(w, x1, x2), last + first, slips=slips)


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "An operand that was repeated gets the sum of the gradients of its copies. Which axes "
        "did broadcasting repeat?",
        "Two kinds: axes that the operand did not have, all in front, and axes in which its "
        "size is 1.",
        "Sum the front axes away. For the axes of size 1 use `keepdims=True`.",
    ],
)
def sum_to_shape(answer: Answer) -> None:
    """Broadcasting undone."""
    rows = np.array([[1.0, -2.0, 4.0], [0.5, 3.0, -1.0]])
    mean = "You average over the copies. Each acted in full, so their gradients add up."
    one = "You keep the gradient of one copy and drop the others. They add up."
    slips = {mean: rows.mean(0), one: rows[0], one.replace("one", "the last"): rows[-1]}
    compare(answer(rows, (3,)), rows.sum(0), slips=slips)

    block = np.arange(24.0).reshape(2, 3, 4) ** 2 / 100
    want = block.sum(axis=(0, 2))[:, None]
    got = numbers(answer(block, (3, 1)))
    leading = (
        "Right for (2, 3) to (3,). But from (2, 3, 4) to (3, 1) you sum the leading axis only; "
        "the last was repeated too."
    )
    refuse_if(got.shape == (3, 4), leading)
    refuse_if(got.shape == (3,), "From (2, 3, 4) to (3, 1) an axis of size 1 got lost.")
    mixed = "You sum the leading axis, but average over the axis of size 1."
    compare(got, want, slips={mixed: want / 4})

    compare(answer(rows, (1, 1)), [[rows.sum()]], what="the result for shape (1, 1)")
    compare(answer(rows, ()), rows.sum(), what="the result for shape ()")
    compare(answer(rows, (2, 3)), rows, what="the result where nothing was repeated")


@exercise(
    difficulty=2,
    minutes=15,
    hints=[
        "One entry of x at a time: nudge it up, nudge it down, look at f both times.",
        "The two points are 2 * step apart. `np.ndindex(x.shape)` walks over all entries.",
        "Nudge a copy: `up = x.copy(); up[i] += step`. Then x stays what it was.",
    ],
)
def numerical_gradient(answer: Answer) -> None:
    """A gradient by nudging."""
    bend = np.diag([3.0, 2.0, 4.0, 5.0])  # f'' along each coordinate, at zero
    bend[0, 1] = bend[1, 0] = bend[2, 3] = bend[3, 2] = 1.5
    x = np.array([[0.2, -1.0], [0.7, 1.5]])

    def f(point: Any) -> float:
        """Bend a parabola and a cubic over four coordinates."""
        point = np.asarray(point, dtype=float)
        if point.shape != x.shape:
            raise ValueError(f"f wants an array of shape {x.shape}, got {point.shape}")
        flat = point.ravel()
        return float(flat @ bend @ flat / 2 + (flat**3).sum())

    slope = (bend @ x.ravel()).reshape(x.shape) + 3 * x**2
    for step in (0.1, 0.01):
        want = slope + step**2  # what central differences with this step give for a cubic
        one_sided = step / 2 * np.diag(bend).reshape(x.shape) + 3 * step * x
        got = numbers(answer(f, x, step=step))
        together = "You move all entries of x at once. A gradient asks for one at a time."
        refuse_if(got.ndim == 0, together)
        slips = {
            "You look to one side only; take f on both sides of x.": want + one_sided,
            "You look to one side only, the lower one; take both.": want - one_sided,
            "The two points are further apart than one `step`.": 2 * want,
            "Only one of the two points is moved, or both are one array: work on copies.": (
                want + one_sided
            )
            / 2,
            "You nudge, but not by `step`.": slope + 1e-10,
            together: np.full(x.shape, want.sum()),
        }
        compare(got, want, slips=slips)
    line = np.array([1.0, -2.0, 3.0])
    compare(
        answer(lambda point: float(np.dot(line, point)), np.zeros(3)),
        line,
        what="the result for an x of shape (3,)",
    )


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "Make one `Tensor` of the start, with `requires_grad=True`. What happens in each step?",
        "Each step: compute the loss anew, call `backward()`, change `w.data`.",
        "Gradients add up over calls of `backward()`. Set `w.grad = None` once it is used.",
    ],
)
def descend(answer: Answer) -> None:
    """Gradient descent, from memory."""
    start, target = np.array([2.0, -1.0, 0.5]), np.array([0.5, 1.0, -1.0])
    scale, rate, steps = np.array([1.0, 2.0, 0.5]), 0.1, 5

    def loss(w: Any) -> Any:
        return ((w - target) * (w - target) * scale).sum()

    def walk(steps: int, *, keep: float = 0.0, factor: float = -rate) -> Array:
        """Take the steps in plain numpy; ``keep`` is how much of the last gradient stays."""
        w, gradient = start.copy(), np.zeros(3)
        for _ in range(steps):
            gradient = keep * gradient + 2 * scale * (w - target)
            w = w + factor * gradient
        return w

    slips = {
        "You walk uphill: the gradient points to where the loss grows.": walk(steps, factor=rate),
        "Old gradients are still there: they add up until they are reset.": walk(steps, keep=1),
        "You never move: this is the start.": start,
        "You take one step too few.": walk(steps - 1),
        "You take one step too many.": walk(steps + 1),
        "You take a single step: is `return` inside the loop?": walk(1),
        "The learning rate is not in your step.": walk(steps, factor=-1.0),
        "The gradient is taken once, at the start. It is another at every place.": start
        - steps * rate * 2 * scale * (start - target),
    }
    compare(answer(start, loss, rate=rate, steps=steps), walk(steps), slips=slips)
    compare(
        answer(start, lambda w: (w * Tensor(scale)).exp().sum(), rate=0.01, steps=1),
        start - 0.01 * scale * np.exp(scale * start),
        what="the result with another loss and a single step",
    )


@exercise(
    difficulty=3,
    minutes=15,
    hints=[
        "Write the loss of one row as log(sum of e^logits) - logit of the label, and "
        "differentiate.",
        "The first part gives the softmax, the second takes 1 away at the label. And the loss "
        "is a mean over N rows.",
        "The softmax stays the same when you subtract the largest logit of each row first; "
        "then nothing overflows.",
    ],
)
def softmax_cross_entropy_gradient(answer: Answer) -> None:
    """What softmax and cross-entropy leave together."""
    logits = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7], [-0.2, 0.1, 0.4], [2.0, 1.0, -2.0]])
    labels = np.array([2, 1, 0, 0])
    chosen = np.eye(3)[labels]
    odds = np.exp(logits)
    probability = odds / odds.sum(axis=1, keepdims=True)
    downwards = (odds / odds.sum(axis=0) - chosen) / 4
    slips = {
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
    compare(answer(logits, labels), (probability - chosen) / 4, slips=slips)
    compare(
        answer(np.array([[1000.0, 999.0], [-1000.0, -1001.0]]), np.array([1, 0])),
        np.array([[1, -1], [-1, 1]]) / (1 + np.exp([[-1.0], [1.0]])) / 2,
        what="the result with logits of 1000",
    )


@exercise(
    difficulty=3,
    minutes=10,
    hints=[
        "Start with one dimension: w becomes w - rate * curvature * w. When does |w| stop "
        "shrinking?",
        "In more dimensions each eigenvector of H is such a parabola. Which one breaks first?",
        "`np.linalg.eigvalsh` gives the curvatures, smallest first.",
    ],
)
def largest_rate(answer: Answer) -> None:
    """The largest stable learning rate."""
    three = np.diag([1.0, 3.0, 2.0]) + 0.25  # an eigenvalue solver need not put the largest first
    two = np.array([[4.0, -1.5], [-1.5, 2.0]])
    for hessian in (three, two):
        curvature = np.linalg.eigvalsh(hessian)
        slips = {
            "At this rate one step reaches the bottom of the steepest direction. How far beyond "
            "can you go?": 1 / curvature[-1],
            "You ask the flattest direction. The steepest one breaks first.": 2 / curvature[0],
            "The trace adds up all curvatures. One of them decides.": 2 / np.trace(hessian),
            "The largest entry of H is the curvature along one axis. The most curved direction may "
            "lie between the axes.": 2 / hessian.max(),
            "Upside down: the steeper, the smaller the rate must be.": curvature[-1] / 2,
            "This is the fastest rate. Asked for is the largest that still converges.": 2
            / (curvature[0] + curvature[-1]),
            "This curvature is not the largest: the eigenvalues may come in any order.": 2
            / curvature[1],
        }
        compare(answer(hessian), 2 / curvature[-1], slips=slips)


@exercise(
    difficulty=4,
    minutes=30,
    hints=[
        "Go backwards, one line of the forward pass at a time, and write the shape beside each "
        "gradient. It equals the shape of what it belongs to.",
        "The loss is a mean over all N * K entries of a square: d loss / d yhat has a 2 and a "
        "y.size in it.",
        "From a matrix product: dW = input.T @ upstream, d input = upstream @ W.T. A bias was "
        "repeated for each row, so its gradients add up.",
        "Between the two products stands tanh: multiply by 1 - h**2.",
    ],
)
def backward_by_hand(answer: Answer) -> None:
    """A whole network backwards."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(4, 2)), rng.normal(size=(4, 3))
    W1, b1 = rng.normal(size=(2, 5)) / 2, rng.normal(size=5) / 2
    W2, b2 = rng.normal(size=(5, 3)) / 2, rng.normal(size=3) / 2
    z = x @ W1 + b1  # (N, H)
    h = np.tanh(z)
    dyhat = 2 * (h @ W2 + b2 - y) / y.size  # (N, K)
    dh = dyhat @ W2.T

    def first_layer(slope: Array) -> dict[str, Array]:
        """Give the gradients of the first layer, if this is the slope of its bend."""
        return {"dW1": x.T @ (dh * slope), "db1": (dh * slope).sum(0)}

    result = answer(x, y, W1, b1, W2, b2)
    dW1, db1, dW2, db2 = answer.parts(result, "dW1", "db1", "dW2", "db2")
    for name, bias, rows in (("db1", db1, h.shape), ("db2", db2, y.shape)):
        alone = f"`{name}` is not summed over the batch: one bias serves all rows."
        refuse_if(bias.shape == rows, alone)
    (N, K), want = y.shape, h.T @ dyhat
    slips = {
        "You divide by the rows only. The mean is over all N * K entries.": want * K,
        "The factor 2 of the square is missing.": want / 2,
        "You divide by nothing: this is the gradient of a sum of squares.": want * N * K,
        "The factor 2 is missing, and you divide by the rows only.": want * K / 2,
    }
    compare(dW2, want, what="dW2", slips=slips)
    mean = "`{}` is averaged over the batch. The mean is in the loss already, so the rows add up."
    compare(db2, dyhat.sum(0), what="db2", slips={mean.format("db2"): dyhat.mean(0)})
    right, flat, late, sigmoid = map(
        first_layer, (1 - h**2, np.ones_like(h), 1 - z**2, h * (1 - h))
    )
    for name, got in (("dW1", dW1), ("db1", db1)):
        slips = {
            f"`{name}` lacks the slope of tanh.": flat[name],
            f"`{name}`: the slope of tanh is 1 - h**2, h after the tanh.": late[name],
            f"`{name}`: h * (1 - h) is the slope of the sigmoid.": sigmoid[name],
            mean.format(name): right[name] / N,
        }
        compare(got, right[name], what=name, slips=slips)
