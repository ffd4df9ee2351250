"""Checks on gradients: first weights, long products, clipping, norms, skips and a gate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm as torch_layer_norm

from companion.checks._compare import close, compare, compare_cases, numbers, refuse, refuse_if
from companion.checks._gradients import (
    SLIPS_OF_AXES,
    SLIPS_OF_BLOCK,
    SLIPS_OF_BOUND,
    SLIPS_OF_CLIPPING,
    SLIPS_OF_HE,
    SLIPS_OF_POWERS,
    SLIPS_OF_XAVIER,
    Array,
    Norm,
    block,
    branch,
    by_torch,
    drawn,
    length,
    powers,
    shortened,
    slips_of_batch,
    slips_of_held,
    slips_of_norm,
    slips_of_step,
    step,
)
from companion.checks.pact import Answer, exercise
from companion.runtime import as_array, seeded


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
    shapes = (50, 180), (300, 12)
    given = [answer.parts(answer(shape), "xavier", "he", "bound") for shape in shapes]
    rules = (
        ("xavier", lambda K, D: math.sqrt(2 / (D + K)), SLIPS_OF_XAVIER),
        ("he", lambda K, D: math.sqrt(2 / D), SLIPS_OF_HE),
        ("bound", lambda K, D: math.sqrt(6 / D), SLIPS_OF_BOUND),
    )
    for i, (name, right, slips) in enumerate(rules):
        each = zip(given, shapes, strict=True)
        cases = [(f"{name} for the shape {shape}", got[i], shape) for got, shape in each]
        compare_cases(cases, right, slips)


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
    many[7] = 1e-9  # small, and not 0
    cases = []
    for slopes in (few, many):
        T, got, s = len(slopes), numbers(answer(slopes)), numbers(slopes)
        refuse_if(got.size == T, "You give a number for each slope. Asked is one for all.")
        case = f"With {T} slopes the result is "
        if np.isnan(got).any() and np.isfinite(numbers(answer(slopes.abs()))).all():
            refuse(case + "NaN: a number below 0 has no logarithm. But does its sign matter?")
        if np.isinf(got).any() and not np.isfinite(numbers(answer(torch.full((T,), 0.2)))).all():
            refuse(case + "infinite: the product is 0 to a float. Do not multiply.")
        cases.append((f"the result with {T} slopes", got, (s,)))
    whole = [got.size == 1 and got == np.round(got) for _, got, _ in cases]
    near = [np.abs(got - powers(*given)).max() < 1 for _, got, given in cases]
    part = "You round to a whole power of ten. Asked is the power itself: about -1.5 for 0.03."
    refuse_if(all(map(np.all, whole)) and all(near), part)
    compare_cases(cases, powers, SLIPS_OF_POWERS)


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
    three = [3 * g for g in drawn((3, 2), (4,), (2, 2))]
    three[1] /= 10  # a tensor that is short by itself
    five = drawn((4,), (2, 3, 2), (), (1, 4), (3, 3))
    given = [(three, 2.5), (three, 40.0), ([g / 20 for g in three], 0.9), (five, 1.5)]
    cases = [_clipped(answer, gradients, most) for gradients, most in given]
    compare_cases(
        cases, lambda parts, most: shortened(parts, most, length(parts)), SLIPS_OF_CLIPPING
    )
    what, got, _ = _clipped(answer, [0 * g for g in three], 1.0)
    compare(got, 0 * got, what=what)
    for gradients, most in given:
        pairs = zip(answer(gradients, most), gradients, strict=True)
        kept = any(np.may_share_memory(as_array(new), as_array(old)) for new, old in pairs)
        old = "You hand back tensors that you were given. The result is new ones, also where "
        refuse_if(kept, old + "nothing is shortened.")


def _clipped(
    answer: Answer, gradients: list[Tensor], most: float
) -> tuple[str, Array, tuple[Any, ...]]:
    """Return what a result is called, the result, flat, and for what it was made, as arrays."""
    got = answer.parts(answer(gradients, most), *(f"gradient {i}" for i in range(len(gradients))))
    for i, (part, gradient) in enumerate(zip(got, gradients, strict=True)):
        shapes = f"Gradient {i} had shape {tuple(gradient.shape)}, yours has {part.shape}."
        refuse_if(part.shape != gradient.shape, shapes)
    parts = [numbers(gradient).ravel() for gradient in gradients]
    what = f"the result for a norm of {length(parts):.3g} and max_norm={most:.3g}"
    return what, np.concatenate([part.ravel() for part in got]), (parts, most)


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
    x, *rest = drawn((5, 3), (3,), (3,), (3,))
    x[:, 0] /= 1000  # eps counts
    first: tuple[Any, ...] = (x, *rest, torch.tensor([1e-6, 1.7, 0.8]))
    x, *rest = drawn((3, 4), (4,), (4,), (4,), (4,))
    second: tuple[Any, ...] = (x + 1, *rest[:3], rest[3] ** 2 + 0.1)
    for training in (True, False):
        _check_batches(answer, [(*first, 0.3, training), (*second, 0.75, training)], training)
    alone: tuple[Any, ...] = (second[0][:1], *second[1:], 0.75, False)
    y, *still = answer.parts(answer(*alone), "y", "mean", "variance")
    for name, got, want in zip(
        ("y", "mean", "variance"), (y, *still), by_torch(*alone), strict=True
    ):
        compare(got, numbers(want), what=f"{name} of a single row in evaluation")
    for training in (True, False):
        _check_gradient(
            lambda x, gamma, beta, on=training: answer(x, gamma, beta, *second[3:], 0.75, on)[0],
            lambda x, gamma, beta, on=training: by_torch(x, gamma, beta, *second[3:], 0.75, on)[0],
            {"x": second[0], "gamma": second[1], "beta": second[2]},
            slips=partial(slips_of_held, dim=0) if training else None,
        )


def _check_batches(answer: Answer, given: list[tuple[Any, ...]], training: bool) -> None:
    """Refuse what is wrong in training, or in evaluation."""
    cases: dict[str, list[Any]] = {"y": [], "mean": [], "variance": []}
    for each in given:
        got = answer.parts(answer(*each), *cases)
        x, gamma, beta, *old = map(numbers, each[:5])
        own = x.mean(axis=0), x.var(axis=0)
        new = [numbers(part) for part in by_torch(*each)[1:]]
        mean, variance = own if training else old
        norm = Norm(x, mean, variance, gamma, beta, count=len(x))
        batch = own[0], x.var(axis=0, ddof=1)
        arguments: list[Any] = [(norm, old, new)]
        arguments += [(old[k], batch[k], own[k], each[5]) for k in range(2)]
        for part, name, those in zip(got, cases, arguments, strict=True):
            cases[name].append((f"{name} with training={training}", part, those))
    compare_cases(cases["y"], lambda norm, *_: norm.y(), slips_of_batch(training))
    for name in ("mean", "variance"):
        moves = f"In evaluation your `{name}` moves. Nothing is learned then: it stays."
        if training:
            compare_cases(cases[name], step, slips_of_step(name))
        else:
            compare_cases(cases[name], lambda old, *_: old, {moves: step})


def _check_gradient(
    make: Callable[..., Any],
    right: Callable[..., Tensor],
    given: Mapping[str, Tensor],
    *,
    slips: Callable[..., dict[str, Tensor]] | None = None,
) -> None:
    """Refuse a result through which the gradient does not come back whole to what it is made of.

    ``slips`` makes results whose gradient to the first of them is a slip.
    """
    leaves = [value.clone().requires_grad_() for value in given.values()]
    _refuse_other_type(make(*given.values()))
    got, want = make(*leaves), right(*leaves)
    _refuse_without_graph(got)
    push = torch.arange(want.numel()).reshape(want.shape).cos()  # another weight for each entry
    wanted = torch.autograd.grad((push * want).sum(), leaves)
    arrived = _gone_back(push * got, leaves)
    lost = [f"`{name}`" for name, slope in zip(given, arrived, strict=True) if not slope.any()]
    cut = f"No gradient comes back to {', '.join(lost)}. A copy, `detach` or `no_grad` cuts it off."
    refuse_if(bool(lost), cut)
    held = {
        message: numbers(torch.autograd.grad((push * slip).sum(), leaves[0])[0])
        for message, slip in (slips(*leaves) if slips else {}).items()
    }
    for name, slope, true in zip(given, arrived, wanted, strict=True):
        what = f"the gradient that comes back to {name}"
        compare(slope, numbers(true), what=what, slips=held if name == next(iter(given)) else {})


def _gone_back(result: Tensor, leaves: list[Tensor]) -> tuple[Tensor, ...]:
    """Bring the gradient of the sum back, 0 where there is no way."""
    try:
        return torch.autograd.grad(result.sum(), leaves, materialize_grads=True)
    except RuntimeError as fault:
        refuse(f"No gradient goes back through your result: {str(fault).split(':')[0]}.")


def _refuse_other_type(result: Any) -> None:
    """Refuse what no gradient can come back from, whatever it was made of."""
    kind = f"Where tensors come in, tensors go out. Yours is of the type {type(result).__name__}: "
    refuse_if(not isinstance(result, Tensor), kind + "no gradient goes back through it.")


def _refuse_without_graph(result: Any) -> None:
    _refuse_other_type(result)
    cut = "Your result does not know how it was made: no gradient goes back."
    refuse_if(not result.requires_grad, cut)


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
    cases, both = [], [drawn(shape, shape[-1:], shape[-1:]) for shape in ((5, 4), (2, 3, 6))]
    for x, gamma, beta in both:
        x[0] /= 1000  # eps counts
        X, scale, shift = map(numbers, (x, gamma, beta))
        mean, variance = X.mean(axis=-1, keepdims=True), X.var(axis=-1, keepdims=True)
        norm = Norm(X, mean, variance, scale, shift, count=X.shape[-1])
        cases.append((f"the result for shape {X.shape}", answer(x, gamma, beta), (norm,)))
    compare_cases(cases, Norm.y, SLIPS_OF_AXES | slips_of_norm("D"))
    for x, gamma, beta in both:
        _check_gradient(
            answer,
            lambda x, gamma, beta: torch_layer_norm(x, x.shape[-1:], gamma, beta),
            {"x": x + 1, "gamma": gamma, "beta": beta},
            slips=partial(slips_of_held, dim=-1),
        )


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
    both = [drawn((N, D), (H, D), (H,), (D, H), (D,)) for N, D, H in ((3, 4, 6), (5, 3, 2))]
    cases = []
    for given in both:
        what = f"the result for x of shape {tuple(given[0].shape)}"
        cases.append((what, answer(*given), tuple(map(numbers, given))))
    compare_cases(cases, lambda *given: given[0] + branch(*given), SLIPS_OF_BLOCK)
    still = [0 * weight for weight in both[0][1:]]
    _refuse_other_type(answer(both[0][0], *still))
    root = both[0][0].clone().requires_grad_()
    got = answer(root, *still)
    compare(got, numbers(root), what="the result with all weights 0")
    _refuse_without_graph(got)
    (slope,) = _gone_back(got, [root])
    part = "a part" if slope.any() else "nothing"
    lost = f"With all weights 0 the gradient should go back to x whole. In yours {part} does."
    refuse_if(not torch.equal(slope, torch.ones_like(root)), lost)
    names = ("x", "W1", "b1", "W2", "b2")
    for given in both:
        _check_gradient(
            answer,
            block,
            dict(zip(names, given, strict=True)),
            slips=lambda x, *weights: {
                "To x the gradient comes back by the skip alone. The branch is a way too.": (
                    x - x.detach() + block(x.detach(), *weights)
                ),
                "To x the gradient comes back by the branch alone. The skip is a way too.": (
                    x.detach() - x + block(x, *weights)
                ),
            },
        )


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
    for H, layers, both, bias in ((4, 1, False, 1.3), (5, 2, True, 2.9)):
        with seeded(3):
            lstm = nn.LSTM(3, H, num_layers=layers, bidirectional=both)
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
            frozen = f"`{name}` asks for no gradient any more: nothing would train it."
            refuse_if(not p.requires_grad, frozen)
        for name in filter(lambda name: name.startswith("bias_ih"), held):
            beside = name.replace("ih", "hh")
            got = numbers(held[name]) + numbers(held[beside])
            _refuse_shut(got, before[name], before[beside], bias, f"{name} + {beside}")
            for each in (name, beside):
                moved = np.delete(numbers(held[each]) != before[each], slice(H, 2 * H))
                rest = f"In `{each}` other numbers than those of f have changed. They stay."
                refuse_if(moved.any(), rest)


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
        "Your two biases of the gate are `bias` twice, in sum. They are added.": 2 * bias + 0 * f,
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
