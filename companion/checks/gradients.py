"""Checks on gradients: first weights, long products, clipping, norms, skips and a gate."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import batch_norm as torch_batch_norm
from torch.nn.functional import layer_norm as torch_layer_norm

from companion.checks._compare import close, compare, numbers, refuse_if
from companion.checks.pact import Answer, exercise
from companion.runtime import seeded

Array = NDArray[Any]
EPS = 1e-5


def _drawn(*shapes: tuple[int, ...]) -> list[Tensor]:
    """Return tensors of these shapes, the same each time."""
    rng = np.random.default_rng(3)
    return [torch.from_numpy(rng.normal(size=shape)).float() for shape in shapes]


@exercise(
    difficulty=1,
    minutes=5,
    hints=[
        "`K, D = shape`: the layer makes K numbers of D. Which of the two does He's rule ask?",
        "Both rules give a variance. The deviation is its root.",
        "Numbers drawn evenly between -a and a deviate by a / sqrt(3). Let that be He's.",
    ],
)
def scales(answer: Answer) -> None:
    """The size of the first weights."""
    for K, D in ((50, 180), (300, 12)):
        case, he = f" for the shape {(K, D)}", math.sqrt(2 / D)
        got = answer.parts(answer((K, D)), "xavier", "he", "bound")
        slips = {
            "`xavier` is the variance. The deviation is its root.": 2 / (D + K),
            "`xavier` is the root of 1 / (D + K). There is a 2 above the line.": (D + K) ** -0.5,
            "`xavier` asks D alone. The gradient comes back from K.": D**-0.5,
            "`xavier` asks K alone. The signal comes from D.": K**-0.5,
            "`xavier` divides by the product of D and K. It is their sum.": math.sqrt(2 / D / K),
            "`xavier` is the bound of even numbers. Asked is the deviation.": math.sqrt(
                6 / (D + K)
            ),
            "`xavier` is He's. Xavier's asks both sides.": he,
        }
        compare(got[0], math.sqrt(2 / (D + K)), what="xavier" + case, slips=slips)
        slips = {
            "`he` is the variance. The deviation is its root.": 2 / D,
            "`he` divides by K, how many numbers come out. A sum has as many parts as come in.": (
                math.sqrt(2 / K)
            ),
            "`he` lacks the factor 2, by which ReLU's lost half is made good.": D**-0.5,
            "`he` is Xavier's. He's asks one side only.": math.sqrt(2 / (D + K)),
            "`he` is the bound of even numbers. Asked is the deviation.": math.sqrt(6 / D),
        }
        compare(got[1], he, what="he" + case, slips=slips)
        slips = {
            "`bound` is the deviation. Even numbers deviate by less than their bound.": he,
            "`bound` is 3 deviations. It is the root of 3.": 3 * he,
            "`bound` is below the deviation. Multiply by the root of 3.": he / math.sqrt(3),
            "`bound` is the width of the range. From -a to a it is twice a.": math.sqrt(12) * he,
            "`bound` is squared. Take the root.": 6 / D,
            "`bound` has the fans swapped: D come in.": math.sqrt(6 / K),
            "`bound` is for Xavier's variance. Asked is He's.": math.sqrt(6 / (D + K)),
        }
        compare(got[2], math.sqrt(3) * he, what="bound" + case, slips=slips)


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "What does the sign of a slope do to the size of the product?",
        "Thousands of slopes: their product is too small for a float. Which sum says the same?",
        "`slopes.abs().log10()` gives each its power of ten. Powers of ten add up.",
    ],
)
def powers_of_ten(answer: Answer) -> None:
    """How small a product is."""
    few = torch.tensor([-0.5, 0.3, 2.0, -0.1, -1.5, 0.8])
    many = torch.from_numpy(np.random.default_rng(3).uniform(-1.2, 1.2, 3000)).float()
    for slopes in (few, many):
        T, case = len(slopes), f"With {len(slopes)} slopes "
        got, s = numbers(answer(slopes)), numbers(slopes)
        refuse_if(got.size == T, "You give a number for each slope. Asked is one for all.")
        sign = "the result is NaN: a number below 0 has no logarithm. But does its sign matter?"
        refuse_if(np.isnan(got).any(), case + sign)
        under = "the product is 0 to the computer, and its logarithm infinite. Do not multiply."
        refuse_if(np.isinf(got).any(), case + under)
        size, want = np.abs(s), np.log10(np.abs(s)).sum()
        slips = {
            "This is the product. Asked is its power of ten.": s.prod(),
            "This is the size of the product. Asked is its power of ten.": size.prod(),
            "These are powers of e. Asked are powers of ten.": want * math.log(10),
            "These are powers of two. Asked are powers of ten.": want * math.log2(10),
            "This is the mean power of one slope. Asked is that of all.": want / T,
            "You take the mean slope for all of them. A small one takes more than a large one "
            "gives back.": T * np.log10(size.mean()),
            "This is the logarithm of a sum. The slopes multiply.": np.log10(size.sum()),
            "You leave out the slopes below 0. Their size counts too.": np.log10(s[s > 0]).sum(),
            "You give the sign of a slope to its power of ten. The size decides alone.": (
                np.sign(s) * np.log10(size)
            ).sum(),
            "Yours counts slopes above 1 as 1. They make the product larger.": (
                np.minimum(np.log10(size), 0).sum()
            ),
        }
        compare(got, want, slips=slips, what=f"the result with {T} slopes")


@exercise(
    difficulty=2,
    minutes=15,
    hints=[
        "One model, one gradient, one norm: it takes the entries of all tensors together.",
        "The norm of all is the root of the sum of all squares. If it exceeds `max_norm`, by "
        "which factor does it come down?",
        "All tensors get the same factor, `max_norm / total`, or 1 where nothing is too long.",
    ],
)
def clip_all(answer: Answer) -> None:
    """Clip by the norm of all."""
    drawn = [3 * g for g in _drawn((3, 2), (4,), (2, 2))]
    drawn[1] /= 10  # a tensor that is short by itself
    for gradients, most in ((drawn, 2.5), (drawn, 40.0), ([0 * g for g in drawn], 1.0)):
        result = answer(gradients, most)
        got = answer.parts(result, *(f"gradient {i}" for i in range(3)))
        for i, (part, gradient) in enumerate(zip(got, gradients, strict=True)):
            shapes = f"Gradient {i} had shape {tuple(gradient.shape)}, yours has {part.shape}."
            refuse_if(part.shape != gradient.shape, shapes)
        alone = [numbers(gradient).ravel() for gradient in gradients]
        flat, lengths = np.concatenate(alone), [np.linalg.norm(part) for part in alone]
        total = np.linalg.norm(flat)
        parameters = [nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.clone()
        nn.utils.clip_grad_norm_(parameters, most)
        want = np.concatenate([numbers(parameter.grad).ravel() for parameter in parameters])
        slips = _slips_of_clipping(flat, alone, lengths, most) if total else {}
        what = f"the result for a norm of {total:.3g} and max_norm={most:.3g}"
        compare(np.concatenate([part.ravel() for part in got]), want, what=what, slips=slips)


def _slips_of_clipping(
    flat: Array, alone: list[Array], lengths: list[Any], most: float
) -> dict[str, Array]:
    """Say what is left of a gradient after typical slips."""
    total = float(np.linalg.norm(flat))

    def cut(norm: float) -> Array:
        return flat * min(1, most / norm)

    return {
        "You cut each entry. That bends the gradient: it points elsewhere now.": (
            np.clip(flat, -most, most)
        ),
        "You cut each entry from above. That bends the gradient.": np.minimum(flat, most),
        "You clip each tensor by its own norm. That bends the gradient: one norm is for all.": (
            np.concatenate(
                [g * min(1, most / n) for g, n in zip(alone, lengths, strict=True)],
            )
        ),
        "You give each tensor the norm `max_norm`. One norm is for all.": np.concatenate(
            [g * most / n for g, n in zip(alone, lengths, strict=True)]
        ),
        "You clip only the tensors that are too long by themselves. All are scaled together.": (
            np.concatenate(
                [g * (most / total if n > most else 1) for g, n in zip(alone, lengths, strict=True)]
            )
        ),
        "You add the norms of the tensors. Their squares add up.": cut(sum(lengths)),
        "You forgot the root: the norm is not the sum of squares.": cut(total**2),
        "You add absolute values. The norm adds squares.": cut(np.abs(flat).sum()),
        "You go by the largest entry. The norm takes all.": cut(np.abs(flat).max()),
        "You go by the longest tensor. The norm takes all.": cut(max(lengths)),
        "You go by a mean of squares. The norm takes their sum.": cut(total / flat.size**0.5),
        "The norm is 1 now. It should be `max_norm`.": flat / total,
        "A gradient shorter than `max_norm` stays as it is. You made it longer.": (
            flat * most / total
        ),
        "The gradient is as long as before. It should be clipped.": flat,
    }


@exercise(
    difficulty=4,
    minutes=25,
    hints=[
        "First decide whose mean and variance normalise: the batch's in training, else the "
        "running ones. Then one formula serves both.",
        "`x.var(0, correction=0)` divides by N, and normalises. The running variance moves "
        "towards `x.var(0)`, which divides by N - 1.",
        "In training a running number keeps the share `1 - momentum` of itself, and takes the "
        "share `momentum` of the batch's.",
    ],
)
def batch_norm(answer: Answer) -> None:
    """Batch normalisation, both ways."""
    x, gamma, beta, mean, variance = _drawn((5, 3), (3,), (3,), (3,), (3,))
    x[:, 0], variance = x[:, 0] / 1000, torch.tensor([1e-6, 1.7, 0.8])  # eps counts
    for training in (True, False):
        given = x, gamma, beta, mean, variance, 0.3, training
        y, *moved = answer.parts(answer(*given), "y", "mean", "variance")
        new = mean.clone(), variance.clone()
        want = torch_batch_norm(x, *new, gamma, beta, training, 0.3)  # moves the new ones
        X, scale, shift, *old = map(numbers, given[:5])
        own = [X.mean(axis=0), X.var(axis=0)]
        normal = partial(_normal, X, gamma=scale, beta=shift)
        late = "You normalise by the running numbers after their step. The batch has its own."
        slips = {
            "You normalise each row. Each column is normalised, over the batch.": (
                normal(X.mean(axis=1)[:, None], X.var(axis=1)[:, None])
            ),
            "You normalise the whole table at once. Each column has its own mean and variance.": (
                normal(X.mean(), X.var())
            ),
            "In training you use the running numbers. The batch has its own.": normal(*old),
            late: normal(*map(numbers, new)),
            "In evaluation you use the batch. The running numbers serve.": normal(*own),
        }
        centre, spread = own if training else old
        slips |= _slips_of_norm(X, centre, spread, scale, shift, count=len(x))
        compare(y, numbers(want), what=f"y with training={training}", slips=slips)
        batch = X.mean(axis=0), X.var(axis=0, ddof=1)
        for k, name in enumerate(("mean", "variance")):
            slips = _slips_of_running(name, old[k], batch[k], training)
            if name == "variance":
                by_n = "`variance` moves towards one that divides by N. This one, by N - 1."
                slips[by_n] = 0.7 * old[k] + 0.3 * own[k]
                deviation = "`variance` moves towards a deviation. Leave the root out."
                slips[deviation] = 0.7 * old[k] + 0.3 * np.sqrt(batch[k])
            what = f"{name} with training={training}"
            compare(moved[k], numbers(new[k]), what=what, slips=slips)


def _slips_of_running(name: str, old: Array, batch: Array, training: bool) -> dict[str, Array]:
    """Say what a running number becomes if it moves the wrong way."""
    if not training:
        still = f"In evaluation your `{name}` moves. Nothing is learned then: it stays."
        return {still: 0.7 * old + 0.3 * batch}
    return {
        f"`{name}` has its momentum the wrong way round: 0.3 is the share of the batch.": (
            0.3 * old + 0.7 * batch
        ),
        f"`{name}` stays as it was. In training it moves towards the batch.": old,
        f"`{name}` is the batch's own. It goes a part of the way there.": batch,
        f"`{name}` takes from the batch, and lets go of nothing.": old + 0.3 * batch,
    }


def _normal(
    x: Array, mean: Any, variance: Any, gamma: Array, beta: Array, *, eps: float = EPS
) -> Array:
    return np.asarray(gamma * (x - mean) / np.sqrt(variance + eps) + beta)


def _over(x: Array, gamma: Array, beta: Array, *axes: int) -> Array:
    mean, variance = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    return _normal(x, mean, variance, gamma, beta)


def _slips_of_norm(
    x: Array, mean: Array, variance: Array, gamma: Array, beta: Array, *, count: int
) -> dict[str, Array]:
    """Say what becomes of x if it is normalised wrongly, by a mean and variance of so many."""
    z = (x - mean) / np.sqrt(variance + EPS)
    return {
        "Your eps stands outside the root. It is added to the variance.": (
            gamma * (x - mean) / (np.sqrt(variance) + EPS) + beta
        ),
        "The eps is missing: it is 1e-5, and added to the variance.": (
            _normal(x, mean, variance, gamma, beta, eps=0)
        ),
        "You divide by N - 1 for the variance that normalises. It divides by N.": (
            _normal(x, mean, variance * count / (count - 1), gamma, beta)
        ),
        "You divide by the variance. It is its root.": gamma * (x - mean) / (variance + EPS) + beta,
        "The mean is not subtracted.": _normal(x, 0, variance, gamma, beta),
        "Nothing is divided by: is the variance in it?": gamma * (x - mean) + beta,
        "`gamma` is missing.": z + beta,
        "`beta` is missing.": gamma * z,
        "`gamma` and `beta` are missing.": z,
        "`gamma` and `beta` have changed places.": beta * z + gamma,
        "`gamma` multiplies `beta` too.": gamma * (z + beta),
    }


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "Of which numbers is the mean, if no example may see another?",
        "`x.mean(-1)` loses an axis, and then does not fit x any more. `keepdim=True` keeps it.",
        "`x.var(-1, correction=0, keepdim=True)`, then the eps, then the root.",
    ],
)
def layer_norm(answer: Answer) -> None:
    """Layer normalisation."""
    for shape in ((5, 4), (2, 3, 4)):
        x, gamma, beta = _drawn(shape, (4,), (4,))
        x[0] /= 1000  # eps counts
        got, (X, scale, shift) = answer(x, gamma, beta), map(numbers, (x, gamma, beta))
        over = partial(_over, X, scale, shift)
        slips = {
            "You normalise over the batch: each example would see the others.": over(0),
            "You normalise all at once: each example would see the others.": (
                over(*range(len(shape)))
            ),
            "You normalise over time: a word would see the words after it.": over(len(shape) - 2),
            "You normalise each text as a whole: a word would see the others.": over(-2, -1),
            "You normalise over all but the last axis. Only the last one.": (
                over(*range(len(shape) - 1))
            ),
        }
        mean, variance = X.mean(axis=-1, keepdims=True), X.var(axis=-1, keepdims=True)
        slips |= _slips_of_norm(X, mean, variance, scale, shift, count=4)
        want = torch_layer_norm(x, (4,), gamma, beta)
        compare(got, numbers(want), what=f"the result for shape {shape}", slips=slips)


@exercise(
    difficulty=2,
    minutes=15,
    hints=[
        "Write the branch first, as if there were no block: two layers, one ReLU.",
        "The weights are kept as `nn.Linear` keeps them: a layer is `x @ W.T + b`.",
        "Add x last, and do nothing to the sum. With all weights 0, what comes out?",
    ],
)
def residual_block(answer: Answer) -> None:
    """A residual block."""
    given = _drawn((3, 4), (6, 4), (6,), (4, 6), (4,))
    x, W1, b1, W2, b2 = map(numbers, given)
    z, bend = x @ W1.T + b1, partial(np.maximum, 0)
    branch = bend(z) @ W2.T + b2
    slips = {
        "Your ReLU comes after the sum, and only there. It belongs between the layers.": (
            bend(x + z @ W2.T + b2)
        ),
        "A ReLU too many, after the sum: nothing below 0 gets past the block.": bend(x + branch),
        "A ReLU too many, at the end of the branch: it could only ever add.": x + bend(branch),
        "Your ReLU stands at the end of the branch. It belongs between the layers.": (
            x + bend(z @ W2.T + b2)
        ),
        "Your ReLU stands before the first layer. It belongs between the two.": (
            x + (bend(x) @ W1.T + b1) @ W2.T + b2
        ),
        "The ReLU is missing: two linear layers are one.": x + z @ W2.T + b2,
        "There is no skip: x is not added.": branch,
        "You multiply by x. The skip adds it.": x * branch,
        "You subtract the branch. It is added.": x - branch,
        "You subtract x. It is added.": branch - x,
        "Your skip takes the ReLU of x. It takes x as it is.": bend(x) + branch,
        "`b1` is missing.": x + bend(z - b1) @ W2.T + b2,
        "`b2` is missing.": x + branch - b2,
        "Both biases are missing.": x + bend(z - b1) @ W2.T,
    }
    compare(answer(*given), x + branch, slips=slips)
    root = given[0].requires_grad_()
    got = answer(root, *(0 * weight for weight in given[1:]))
    compare(got, x, what="the result with all weights 0")
    graph = isinstance(got, Tensor) and got.requires_grad
    refuse_if(not graph, "Your result does not know how it was made: no gradient goes back.")
    (slope,) = torch.autograd.grad(got.sum(), root, materialize_grads=True)
    part = "a part" if slope.any() else "nothing"
    lost = f"With all weights 0 the gradient should go back to x whole. In yours {part} does."
    refuse_if(not torch.equal(slope, torch.ones(3, 4)), lost)


@exercise(
    difficulty=3,
    minutes=15,
    hints=[
        "`for name, p in lstm.named_parameters(): print(name, p.shape)`: which hold biases?",
        "The four blocks of H numbers are i, f, g, o. f is the second: from H to 2H.",
        "Within `torch.no_grad()`, set the block to `bias` in each `bias_ih`, and to 0 in each "
        "`bias_hh`: the two are added.",
    ],
)
def open_gate(answer: Answer) -> None:
    """Open the forget gate."""
    for layers, both, bias in ((1, False, 1.5), (2, True, 3.0)):
        with seeded(3):
            lstm = nn.LSTM(3, 4, num_layers=layers, bidirectional=both)
        held = dict(lstm.named_parameters())
        before = {name: numbers(p) for name, p in held.items()}
        another = "Set the biases of the LSTM that you are given, and return it: yours is another."
        refuse_if(answer(lstm, bias) is not lstm, another)
        now = dict(lstm.named_parameters())
        fresh = "There is a new `{}`. An optimizer still holds the old one: write into that."
        for name, p in held.items():
            refuse_if(now.get(name) is not p, fresh.format(name))
            weight = name.startswith("weight") and not np.array_equal(numbers(p), before[name])
            refuse_if(weight, f"You changed `{name}`. The gate opens by its bias alone.")
        for name in filter(lambda name: name.startswith("bias_ih"), held):
            beside = name.replace("ih", "hh")
            got = numbers(held[name]) + numbers(held[beside])
            _refuse_shut(got, before[name], before[beside], bias, f"{name} + {beside}")


def _refuse_shut(got: Array, ih: Array, hh: Array, bias: float, what: str) -> None:
    """Refuse the sum of two biases of an LSTM unless it opens the forget gate, and only that."""
    new, first, second = (each.reshape(4, -1) for each in (got, ih, hh))  # (4, H)
    set_now = [g for k, g in enumerate("ifgo") if not close(new[k], first[k] + second[k])]
    emptied = [gone for gone in (first, second, 0 * new) if close(new[2:], gone[2:])]
    refuse_if(
        len(emptied) > 0, "You emptied biases of the other gates too. They stay as they were."
    )
    refuse_if(len(set_now) == 4, "You set all four gates. Only f is to open; the others stay.")
    refuse_if(not set_now, f"In `{what}` the gate is as it was. All layers and directions count.")
    alone = "You set {}. f alone is to open, the second block of four."
    refuse_if(set_now != ["f"], alone.format(" and ".join(set_now)))
    f, ih, hh = new[1], first[1], second[1]
    slips = {
        "You set both biases of the gate. They are added, so yours counts twice.": 2 * bias + 0 * f,
        "You set `bias_ih`. What chance left in `bias_hh` is added to it.": bias + hh,
        "You set `bias_hh`. What chance left in `bias_ih` is added to it.": bias + ih,
        "You add to the old bias. Set it.": ih + hh + bias,
        "You add to both old biases. Set them.": ih + hh + 2 * bias,
        "You set the gate itself. Asked is its bias, before the sigmoid.": (
            0 * f + 1 / (1 + math.exp(-bias))
        ),
        "The gate is shut in yours: its bias is below 0.": 0 * f - bias,
        "The bias is 0 in yours: so the gate is half open.": 0 * f,
    }
    compare(f, 0 * f + bias, what=f"the block f of {what}", slips=slips)
