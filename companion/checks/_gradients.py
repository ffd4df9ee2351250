"""What signals, norms and blocks should be, and what slips make of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import batch_norm as torch_batch_norm

Array = NDArray[Any]
EPS = 1e-5


def drawn(*shapes: tuple[int, ...]) -> list[Tensor]:
    """Return tensors of these shapes, the same each time."""
    rng = np.random.default_rng(3)
    return [torch.from_numpy(np.asarray(rng.normal(size=shape))).float() for shape in shapes]


SLIPS_OF_XAVIER = {
    "`xavier` is the variance. The deviation is its root.": lambda K, D: 2 / (D + K),
    "`xavier` is the root of 1 / (D + K). There is a 2 above the line.": (
        lambda K, D: (D + K) ** -0.5
    ),
    "`xavier` asks D alone. The gradient comes back from K.": lambda K, D: D**-0.5,
    "`xavier` asks K alone. The signal comes from D.": lambda K, D: K**-0.5,
    "`xavier` divides by the product of D and K. It is their sum.": (
        lambda K, D: math.sqrt(2 / D / K)
    ),
    "`xavier` is the bound of even numbers. Asked is the deviation.": (
        lambda K, D: math.sqrt(6 / (D + K))
    ),
    "`xavier` is He's. Xavier's asks both sides.": lambda K, D: math.sqrt(2 / D),
}
SLIPS_OF_HE = {
    "`he` is the variance. The deviation is its root.": lambda K, D: 2 / D,
    "`he` divides by K, how many numbers come out. A sum has as many parts as come in.": (
        lambda K, D: math.sqrt(2 / K)
    ),
    "`he` lacks the factor 2, by which ReLU's lost half is made good.": lambda K, D: D**-0.5,
    "`he` is Xavier's. He's asks one side only.": lambda K, D: math.sqrt(2 / (D + K)),
    "`he` is the bound of even numbers. Asked is the deviation.": lambda K, D: math.sqrt(6 / D),
    "`he` goes by the larger of K and D. Of the two it is D, how many numbers come in.": (
        lambda K, D: math.sqrt(2 / max(K, D))
    ),
    "`he` goes by the smaller of K and D. Of the two it is D, how many numbers come in.": (
        lambda K, D: math.sqrt(2 / min(K, D))
    ),
}
SLIPS_OF_BOUND = {
    "`bound` is the deviation. Even numbers deviate by less than their bound.": (
        lambda K, D: math.sqrt(2 / D)
    ),
    "`bound` is 3 deviations. It is the root of 3.": lambda K, D: 3 * math.sqrt(2 / D),
    "`bound` is below the deviation. Multiply by the root of 3.": lambda K, D: math.sqrt(2 / D / 3),
    "`bound` is the width of the range. From -a to a it is twice a.": (
        lambda K, D: 2 * math.sqrt(6 / D)
    ),
    "`bound` is squared. Take the root.": lambda K, D: 6 / D,
    "`bound` has the fans swapped: D come in.": lambda K, D: math.sqrt(6 / K),
    "`bound` is for Xavier's variance. Asked is He's.": lambda K, D: math.sqrt(6 / (D + K)),
    "`bound` is for a variance of 1 / D. He's has a 2 above the line.": (
        lambda K, D: math.sqrt(3 / D)
    ),
}


def powers(s: Array) -> Any:
    """Return the power of ten of the product of slopes."""
    return np.log10(np.abs(s)).sum()


SLIPS_OF_POWERS: dict[str, Callable[[Array], Any]] = {
    "This is the product. Asked is its power of ten.": lambda s: s.prod(),
    "This is the size of the product. Asked is its power of ten.": lambda s: np.abs(s).prod(),
    "These are powers of e. Asked are powers of ten.": lambda s: powers(s) * math.log(10),
    "These are powers of two. Asked are powers of ten.": lambda s: powers(s) * math.log2(10),
    "This is the mean power of one slope. Asked is that of all.": lambda s: powers(s) / len(s),
    "You take the mean slope for all of them. A small one takes more than a large one gives "
    "back.": lambda s: len(s) * np.log10(np.abs(s).mean()),
    "This is the logarithm of a sum. The slopes multiply.": lambda s: np.log10(np.abs(s).sum()),
    "You leave out the slopes below 0. Their size counts too.": lambda s: powers(s[s > 0]),
    "You give the sign of a slope to its power of ten. The size decides alone.": (
        lambda s: (np.sign(s) * np.log10(np.abs(s))).sum()
    ),
    "Yours counts slopes above 1 as 1. They make the product larger.": (
        lambda s: powers(np.minimum(np.abs(s), 1))
    ),
    "You take the first six slopes. There may be more.": lambda s: powers(s[:6]),
    "Yours leaves out the first slope.": lambda s: powers(s[1:]),
    "Yours leaves out the last slope.": lambda s: powers(s[:-1]),
}


def length(parts: list[Array]) -> float:
    """Return the norm of all tensors together."""
    return float(np.linalg.norm(np.concatenate(parts)))


def shortened(parts: list[Array], most: float, norm: float) -> Array:
    """Bring all tensors, flat, from this norm to ``most``, if it is longer."""
    return np.concatenate(parts) * min(1, most / norm)


def _each(make: Callable[[Array, float, float], Array]) -> Callable[[list[Array], float], Array]:
    """Make something of each tensor, of ``max_norm``, and of the norm of all."""
    return lambda parts, most: np.concatenate([make(g, most, length(parts)) for g in parts])


def _by(norm: Callable[[list[Array]], Any]) -> Callable[[list[Array], float], Array]:
    """Clip all by what is wrongly taken for their norm."""
    return lambda parts, most: shortened(parts, most, norm(parts))


SLIPS_OF_CLIPPING: dict[str, Callable[[list[Array], float], Array]] = {
    "You cut each entry. That bends the gradient: it points elsewhere now.": _each(
        lambda g, most, total: np.clip(g, -most, most)
    ),
    "You cut each entry from above. That bends the gradient.": _each(
        lambda g, most, total: np.minimum(g, most)
    ),
    "You clip each tensor by its own norm. That bends the gradient: one norm is for all.": _each(
        lambda g, most, total: g * min(1, most / np.linalg.norm(g))
    ),
    "You give each tensor the norm `max_norm`. One norm is for all.": _each(
        lambda g, most, total: g * most / np.linalg.norm(g)
    ),
    "You clip only the tensors that are too long by themselves. All are scaled together.": _each(
        lambda g, most, total: g * (most / total if np.linalg.norm(g) > most else 1)
    ),
    "You add the norms of the tensors. Their squares add up.": _by(
        lambda parts: sum(map(np.linalg.norm, parts))
    ),
    "You forgot the root: the norm is not the sum of squares.": _by(
        lambda parts: length(parts) ** 2
    ),
    "You add absolute values. The norm adds squares.": _by(
        lambda parts: np.abs(np.concatenate(parts)).sum()
    ),
    "You go by the largest entry. The norm takes all.": _by(
        lambda parts: np.abs(np.concatenate(parts)).max()
    ),
    "You go by the longest tensor. The norm takes all.": _by(
        lambda parts: max(map(np.linalg.norm, parts))
    ),
    "You go by the first tensor. The norm takes all.": _by(lambda parts: np.linalg.norm(parts[0])),
    "You go by the last tensor. The norm takes all.": _by(lambda parts: np.linalg.norm(parts[-1])),
    "You go by a mean of squares. The norm takes their sum.": _by(
        lambda parts: np.sqrt(np.mean(np.concatenate(parts) ** 2))
    ),
    "The norm is 1 now. It should be `max_norm`.": _each(
        lambda g, most, total: g / total if total > most else g
    ),
    "You bring every gradient to the norm 1. Only a long one is shortened, to `max_norm`.": _each(
        lambda g, most, total: g / total
    ),
    "A gradient shorter than `max_norm` stays as it is. You made it longer.": _each(
        lambda g, most, total: g * most / total
    ),
    "The gradient is as long as before. It should be clipped.": _each(lambda g, most, total: g),
}


def by_torch(x: Tensor, gamma: Tensor, beta: Tensor, *rest: Any) -> tuple[Tensor, ...]:
    """Let torch do it; it moves the running mean and variance that it is given."""
    mean, variance, momentum, training = rest
    new = mean.clone(), variance.clone()
    return torch_batch_norm(x, *new, gamma, beta, training, momentum), *new


def step(old: Array, batch: Array, by_n: Array, momentum: float) -> Array:
    """Move a running number towards the batch's; the last but one is it divided by N."""
    return (1 - momentum) * old + momentum * batch


def slips_of_step(name: str) -> dict[str, Callable[..., Array]]:
    """Say what a running number becomes if it moves the wrong way."""
    slips: dict[str, Callable[..., Array]] = {
        f"`{name}` has its momentum the wrong way round: it is the share of the batch.": (
            lambda old, batch, by_n, momentum: step(batch, old, by_n, momentum)
        ),
        f"`{name}` stays as it was. In training it moves towards the batch.": lambda old, *_: old,
        f"`{name}` is the batch's own. It goes a part of the way there.": (
            lambda old, batch, by_n, momentum: batch
        ),
        f"`{name}` takes from the batch, and lets go of nothing.": (
            lambda old, batch, by_n, momentum: old + momentum * batch
        ),
    }
    if name == "variance":
        slips["`variance` moves towards one that divides by N. This one, by N - 1."] = (
            lambda old, batch, by_n, momentum: step(old, by_n, by_n, momentum)
        )
        slips["`variance` moves towards a deviation. Leave the root out."] = (
            lambda old, batch, by_n, momentum: step(old, np.sqrt(batch), by_n, momentum)
        )
    return slips


@dataclass(frozen=True)
class Norm:
    """What is normalised, and by which mean and variance, over so many numbers."""

    x: Array
    mean: Any
    variance: Any
    gamma: Any
    beta: Any
    count: int
    eps: float = EPS

    def y(self, **other: Any) -> Array:
        """Normalise, with some things other than they are."""
        n = replace(self, **other)
        return np.asarray(n.gamma * (n.x - n.mean) / np.sqrt(n.variance + n.eps) + n.beta)

    def over(self, *axes: int) -> Array:
        """Normalise over other axes."""
        mean, variance = self.x.mean(axis=axes, keepdims=True), self.x.var(axis=axes, keepdims=True)
        return self.y(mean=mean, variance=variance)


def slips_of_norm(letter: str) -> dict[str, Callable[..., Array]]:
    """Say what becomes of x if it is normalised wrongly, by a variance of so many."""
    return {
        "Your eps stands outside the root. It is added to the variance.": (
            lambda n, *_: n.y(variance=(np.sqrt(n.variance) + EPS) ** 2, eps=0)
        ),
        "The eps is missing: it is 1e-5, and added to the variance.": lambda n, *_: n.y(eps=0),
        f"You divide by {letter} - 1 for the variance that normalises. It divides by {letter}.": (
            lambda n, *_: n.y(variance=n.variance * n.count / (n.count - 1))
        ),
        "You divide by the variance. It is its root.": (
            lambda n, *_: n.y(variance=(n.variance + EPS) ** 2, eps=0)
        ),
        "The mean is not subtracted.": lambda n, *_: n.y(mean=0),
        "The mean is not subtracted, in the variance neither.": (
            lambda n, *_: n.y(mean=0, variance=n.variance + n.mean**2)
        ),
        "The root is drawn twice: a deviation is a root already.": (
            lambda n, *_: n.y(variance=np.sqrt(n.variance))
        ),
        "Nothing is divided by: is the variance in it?": lambda n, *_: n.y(variance=1, eps=0),
        "`gamma` is missing.": lambda n, *_: n.y(gamma=1),
        "`beta` is missing.": lambda n, *_: n.y(beta=0),
        "`gamma` and `beta` are missing.": lambda n, *_: n.y(gamma=1, beta=0),
        "`gamma` and `beta` have changed places.": lambda n, *_: n.y(gamma=n.beta, beta=n.gamma),
        "`gamma` multiplies `beta` too.": lambda n, *_: n.y(beta=n.gamma * n.beta),
    }


def slips_of_batch(training: bool) -> dict[str, Callable[..., Array]]:
    """Say what becomes of x if something else than its own columns normalises it."""
    slips: dict[str, Callable[..., Array]] = {
        "You normalise each row. Each column is normalised, over the batch.": (
            lambda n, *_: n.over(1)
        ),
        "You normalise the whole table at once. Each column has its own mean and variance.": (
            lambda n, *_: n.over(0, 1)
        ),
    }
    if training:
        slips["In training you use the running numbers. The batch has its own."] = (
            lambda n, old, new: n.y(mean=old[0], variance=old[1])
        )
        slips["You normalise by the running numbers after their step. The batch has its own."] = (
            lambda n, old, new: n.y(mean=new[0], variance=new[1])
        )
    else:
        slips["In evaluation you use the batch. The running numbers serve."] = lambda n, *_: n.over(
            0
        )
    return slips | slips_of_norm("N")


def slips_of_held(x: Tensor, gamma: Tensor, beta: Tensor, dim: int) -> dict[str, Tensor]:
    """Say what becomes of x if its mean or variance lets no gradient through."""
    mean, variance = x.mean(dim, keepdim=True), x.var(dim, correction=0, keepdim=True)
    parts = {
        "mean and variance let": (mean.detach(), variance.detach()),
        "mean lets": (mean.detach(), variance),
        "variance lets": (mean, variance.detach()),
    }
    return {
        f"Your {part} no gradient through. What is made of x depends on x.": (
            gamma * (x - mean) / (variance + EPS).sqrt() + beta
        )
        for part, (mean, variance) in parts.items()
    }


SLIPS_OF_AXES: dict[str, Callable[[Norm], Array]] = {
    "You normalise over the batch: each example would see the others.": lambda n: n.over(0),
    "You normalise all at once: each example would see the others.": (
        lambda n: n.over(*range(n.x.ndim))
    ),
    "You normalise over time: a word would see the words after it.": lambda n: n.over(1),
    "You normalise over the last axis but one. What stands there are others, examples or words.": (
        lambda n: n.over(-2)
    ),
    "You normalise each text as a whole: a word would see the others.": (
        lambda n: n.over(*range(1, n.x.ndim))
    ),
    "You normalise over the last two axes: examples or words would see the others.": (
        lambda n: n.over(-2, -1)
    ),
    "You normalise over all but the last axis. Only the last one.": (
        lambda n: n.over(*range(n.x.ndim - 1))
    ),
}


def block(x: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor) -> Tensor:
    """Make a residual block of x, as tensors do."""
    return x + torch.relu(x @ W1.T + b1) @ W2.T + b2


def _bend(z: Array) -> Array:
    return np.maximum(z, 0)


def _straight(z: Array) -> Array:
    return z


def branch(
    x: Array,
    W1: Array,
    b1: Array,
    W2: Array,
    b2: Array,
    *,
    early: Callable[[Array], Array] = _straight,
    between: Callable[[Array], Array] = _bend,
) -> Array:
    """Make a note of x by two layers, with a bend before and between them."""
    return np.asarray(between(early(x) @ W1.T + b1) @ W2.T + b2)


SLIPS_OF_BLOCK: dict[str, Callable[..., Array]] = {
    "Your ReLU comes after the sum, and only there. It belongs between the layers.": (
        lambda x, *w: _bend(x + branch(x, *w, between=_straight))
    ),
    "A ReLU too many, after the sum: nothing below 0 gets past the block.": (
        lambda x, *w: _bend(x + branch(x, *w))
    ),
    "A ReLU too many, at the end of the branch: it could only ever add.": (
        lambda x, *w: x + _bend(branch(x, *w))
    ),
    "Your ReLU stands at the end of the branch. It belongs between the layers.": (
        lambda x, *w: x + _bend(branch(x, *w, between=_straight))
    ),
    "Your ReLU stands before the first layer. It belongs between the two.": (
        lambda x, *w: x + branch(x, *w, early=_bend, between=_straight)
    ),
    "The ReLU is missing: two linear layers are one.": (
        lambda x, *w: x + branch(x, *w, between=_straight)
    ),
    "There is no skip: x is not added.": branch,
    "You multiply by x. The skip adds it.": lambda x, *w: x * branch(x, *w),
    "You subtract the branch. It is added.": lambda x, *w: x - branch(x, *w),
    "You subtract x. It is added.": lambda x, *w: branch(x, *w) - x,
    "Your skip takes the ReLU of x. It takes x as it is.": lambda x, *w: _bend(x) + branch(x, *w),
    "You add x twice.": lambda x, *w: 2 * x + branch(x, *w),
    "`b1` is missing.": lambda x, W1, b1, W2, b2: x + branch(x, W1, 0 * b1, W2, b2),
    "`b2` is missing.": lambda x, W1, b1, W2, b2: x + branch(x, W1, b1, W2, 0 * b2),
    "Both biases are missing.": lambda x, W1, b1, W2, b2: x + branch(x, W1, 0 * b1, W2, 0 * b2),
}
