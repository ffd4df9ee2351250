"""Checks on backpropagation: the chain rule by hand, and gradients put to work."""

from __future__ import annotations

from typing import Any

import numpy as np

from companion.backprop import Tensor
from companion.checks._backprop import (
    GRAPHS,
    Array,
    Number,
    border,
    gradients_by_tape,
    gradients_of_engine,
    graph_of,
    ladder,
    refuse_wrong_sum,
    refuse_wrong_turn,
    said_of_softmax,
    said_of_used_twice,
    slips_of_the_border,
)
from companion.checks._compare import close, compare, compare_cases, numbers, refuse_if
from companion.checks.pact import Answer, exercise


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
    tail, high = np.array([-20.0, -12.0]), np.array([6.0, 12.0, 20.0])
    cut = "Right near 0 and far out, but at x = {} the slope is {}. Do you clip x?"
    small = numbers(answer(tail, np.exp(-tail)))  # nearly 1
    refuse_if(not close(small, 1 / (1 + np.exp(tail))), cut.format("-20", "still e^-20, not more"))
    large = numbers(answer(high, np.ones(3)))
    beyond = np.abs(large - 1 / (1 + np.exp(-high))).max() > 1e-5
    refuse_if(bool(beyond), cut.format("12", "within e^-12 of 1"))


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
    given = ((0.7, 0.5, -0.3), (-1.2, 0.8, 0.4), (0.3, -1.1, 0.2))
    nudged = "the slope for w, x1, x2 = {}, which is {:.3f} if you nudge w,"
    cases = [(nudged.format(x, said_of_used_twice(*x)[""]), answer(*x), x) for x in given]
    slips = {
        text: lambda *x, text=text: said_of_used_twice(*x)[text]
        for text in said_of_used_twice(*given[0])
        if text
    }
    compare_cases(cases, lambda *x: said_of_used_twice(*x)[""], slips)


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

    square = np.arange(9.0).reshape(3, 3) ** 2
    for gradient, shape in ((square, (3,)), (square, (3, 1)), (square, (1, 3)), (block, (4,))):
        what = f"the result from {gradient.shape} to {shape}"
        axes = tuple(range(2 - len(shape))) if gradient is square else (0, 1)
        axes += tuple(i for i, size in enumerate(shape) if size == 1)
        compare(answer(gradient, shape), gradient.sum(axis=axes).reshape(shape), what=what)
    middle = block.sum(axis=1, keepdims=True)
    compare(answer(block, (2, 1, 4)), middle, what="the result from (2, 3, 4) to (2, 1, 4)")
    compare(answer(rows[:1], (3,)), rows[0], what="the result from (1, 3) to (3,)")
    compare(answer(rows[:1], (1, 3)), rows[:1], what="the result from (1, 3) to (1, 3)")
    compare(answer(rows, (1, 1)), [[rows.sum()]], what="the result for shape (1, 1)")
    compare(answer(rows, ()), rows.sum(), what="the result for shape ()")
    compare(answer(rows, (2, 3)), rows, what="the result where nothing was repeated")


@exercise(
    difficulty=2,
    minutes=15,
    hints=[
        "One entry of x at a time: nudge it up, nudge it down, look at f both times.",
        "The two points are 2 * step apart. `np.ndindex(x.shape)` walks over all entries.",
        "Nudge a copy: `up = x.copy(); up[i] += step`. Then x stays what it was. (An array of "
        "whole numbers would lose the step; x holds floats.)",
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
    for line in (np.array([1.0, -2.0, 3.0]), np.array([[[1.0, -2.0, 3.0]], [[0.5, 4.0, -1.0]]])):
        got = answer(lambda point, line=line: float((line * point).sum()), np.zeros(line.shape))
        compare(got, line, what=f"the result for an x of shape {line.shape}")
    # of 1e10 * x³ at 0 central differences see 1e10 * step²
    got = numbers(answer(lambda point: 1e10 * float((point**3).sum()), np.zeros(1)))
    own = "If no `step` is given, it is 1e-5. Yours is another: keep the exercise's first line."
    refuse_if(not close(got, [1.0]), own)


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
    compare(answer(start, loss, rate=rate, steps=0), start, what="the result with no step")
    table = start[:, None] * [1.0, 2.0]
    got = answer(table, lambda w: (w * w).sum(), rate=0.75, steps=3)
    compare(got, -0.125 * table, what="the result for a start of shape (3, 2)")
    early = "You stop early: take all `steps` steps, also where the {}."
    for name, slope, pace in (("slope is small", 1e-9, 1e9), ("loss hardly falls", 1e-12, 1e12)):
        got = numbers(answer(start, lambda w, slope=slope: (w * slope).sum(), rate=pace, steps=4))
        refuse_if(not close(got, start - 4), early.format(name))
    got = numbers(answer(start, lambda w: (w * w).sum(), rate=1.5, steps=4))
    refuse_if(not close(got, 16 * start), early.format("loss grows"))


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
    want, slips = said_of_softmax(logits, labels)
    compare(answer(logits, labels), want, slips=slips)
    compare(
        answer(np.array([[1000.0, 999.0], [-1000.0, -1001.0]]), np.array([1, 0])),
        np.array([[1, -1], [-1, 1]]) / (1 + np.exp([[-1.0], [1.0]])) / 2,
        what="the result with logits of 1000",
    )


@exercise(
    difficulty=3,
    minutes=15,
    hints=[
        "In more dimensions each eigenvector of H is a parabola of its own, momentum or not. Which "
        "of them breaks first? `np.linalg.eigvalsh` gives the curvatures, smallest first.",
        "One dimension, curvature k: from two steps in a row v can be removed. What is left is "
        "w_next = (1 + momentum - rate * k) * w - momentum * w_before. Try w = z ** step.",
        "At the border w swings from side to side for ever and neither grows nor shrinks: z = -1. "
        "Put it in, and solve for the rate.",
    ],
)
def largest_rate(answer: Answer) -> None:
    """The largest stable learning rate."""
    three = np.diag([1.0, 3.0, 2.0]) + 0.25  # an eigenvalue solver need not put the largest first
    two = np.array([[4.0, -1.5], [-1.5, 2.0]])
    plain = [("the rate without momentum", answer(h), (h,)) for h in (three, two)]
    compare_cases(plain, border, slips_of_the_border())
    if len(answer.parameters()) == 1:
        return  # written before the exercise asked for momentum
    cases = [
        (f"the rate with momentum {m}", answer(h, momentum=m), (h, m))
        for h, m in ((three, 0.8), (two, 0.5), (two, 0.0))
    ]
    compare_cases(cases, border, slips_of_the_border())


@exercise(
    difficulty=4,
    minutes=25,
    hints=[
        "Draw a graph with a short and a long road from y to x. Walk back, and write each gradient "
        "down as it arrives. At which moment may x hand its own on?",
        "When every number that was made from x has handed on. So count first: go once through "
        "all numbers, and note for each how many ties lead to it.",
        "To go through all numbers once you need a list of those still to visit, and a memory of "
        "those that you have met: `met = {last}; to_visit = [last]`.",
        "Then walk: take a number that is ready (at first only the last, with 1.0), hand its "
        "gradient on along each of its ties, and count that tie as done. An origin whose count "
        "is down to 0 is ready.",
    ],
)
def walk_without_tape(answer: Answer) -> None:
    """The walk back without a tape."""
    for case, plan in GRAPHS.items():
        made = graph_of(plan)
        _refuse_wrong_walk(answer(made[-1]), made, case)
        again, want = answer(made[-1]), gradients_by_tape(made)
        left = "Right, but a second walk over the same graph ends otherwise. What is left?"
        same = isinstance(again, dict) and set(again) == set(want)
        refuse_if(not same or any(not close(again[each], want[each]) for each in want), left)
    made = graph_of(ladder(14))
    answer(made[-1])
    asked = sum(number.asked for number in made)
    every = (
        f"Right, but on a ladder of {len(made)} numbers you ask {asked:,} times for ties: you go "
        "along every road. Remember which numbers you have met."
    )
    refuse_if(asked > len(made) ** 2, every)
    chain = {str(i): [(str(i - 1), (2.0, 0.5)[i % 2])] * (i > 0) for i in range(5001)}
    for case, plan in (("a ladder of forty rungs", ladder(40)), ("a chain of 5,000", chain)):
        made = graph_of(plan)
        _refuse_wrong_walk(answer(made[-1]), made, case)


def _refuse_wrong_walk(got: Any, made: list[Number], case: str) -> None:
    """Refuse what a walk gave for a graph, or how it went."""
    asked = "Return a dictionary with the gradient of each number, `{number: gradient}`."
    refuse_if(not isinstance(got, dict), f"{asked} Yours is a {type(got).__name__}.")
    odd = {type(key).__name__ for key in got if not isinstance(key, Number)}
    themselves = f"{asked} The keys are the numbers themselves, and not of type {', '.join(odd)}."
    refuse_if(bool(odd), themselves)
    want = gradients_by_tape(made)
    for number in want:
        most = " Those without ties need one most." * (not number.origins)
        gone = f"For {case} the number `{number.name}` has no gradient in your dictionary.{most}"
        refuse_if(number not in got, gone)
    more = (
        f"For {case} you give {len(got)} gradients, of {len(want)} numbers. Is an old walk in it?"
    )
    refuse_if(len(got) > len(want), more)
    for number in reversed(made):
        if number in want:
            gradient = numbers(got[number], what=f"the gradient of {number.name}")
            refuse_if(gradient.size != 1, f"The gradient of `{number.name}` is not one number.")
            first = f"The walk begins with 1.0 at the last number. Yours has {gradient} there."
            refuse_if(number is made[-1] and not close(gradient, 1.0), first)
            refuse_wrong_sum(number, gradient.item(), want[number], case)
            refuse_wrong_turn(number, want[number], case)


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
    one = [rng.normal(size=size) for size in ((1, 3), (1, 2), (3, 2), (2,), (2, 2), (2,))]
    _check_batch_of_one(answer, *one)


def _check_batch_of_one(answer: Answer, *one: Array) -> None:
    """Refuse what is right only where a batch has more rows than one."""
    result = answer(*one)
    for name, got, want in zip(
        ("dW1", "db1", "dW2", "db2"),
        answer.parts(result, "dW1", "db1", "dW2", "db2"),
        gradients_of_engine(*one),
        strict=True,
    ):
        other = f"the {name} for a batch of one and as many hidden neurons as outputs"
        compare(got, want, what=other)
