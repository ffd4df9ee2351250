"""A price on large weights: L1 that reaches zero, L2 in the loss, decay beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from companion._numbers import number

__all__ = ["Adam", "ProximalL1", "soft_threshold"]


def soft_threshold(x: Tensor, amount: float) -> Tensor:
    r"""Move each number towards zero, and stop there.

    .. math:: S(x, a) = \text{sign}(x)\, \max(|x| - a, 0)

    It is the minimiser over w of :math:`\tfrac12 (w - x)^2 + a |w|`, and equals
    ``torch.nn.functional.softshrink``.

    Parameters
    ----------
    x
        Any shape.
    amount
        a, 0 or more.

    Raises
    ------
    TypeError, ValueError
        If the amount is no such number.

    Examples
    --------
    >>> soft_threshold(torch.tensor([-3.0, 0.5, 2.0]), 1.0)
    tensor([-2.,  0.,  1.])
    """
    number("amount", amount, "0 or more, and finite", lambda a: 0 <= a < math.inf)
    return torch.sign(x) * (x.abs() - amount).clamp(min=0)


class ProximalL1(torch.optim.Optimizer):
    r"""A step against the gradient, then every weight moves towards zero, and may arrive there.

    .. math:: w \leftarrow S(w - \eta\, g,\; \eta \lambda)

    The penalty :math:`\lambda \sum |w|` is no part of the loss that is differentiated. The
    fixed points are the minima of loss and penalty together.

    Parameters
    ----------
    params
        Weights, or groups of them; ``{"params": ..., "l1": 0.0}`` leaves a group alone.
    lr
        :math:`\eta`.
    l1
        :math:`\lambda`, 0 or more.
    inner
        What takes the first step: by default plain descent, for which the fixed points are those
        minima; ``torch.optim.Adam`` divides the gradient but not the threshold.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range or there is no weight.

    References
    ----------
    Daubechies, Defrise and De Mol (2004). The chapter on overfitting.

    Examples
    --------
    >>> w = torch.tensor([0.05, 2.0], requires_grad=True)
    >>> optimizer = ProximalL1([w], lr=0.1, l1=1.0)
    >>> (w * 0).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.0000, 1.9000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        *,
        l1: float = 0.01,
        inner: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
    ) -> None:
        number("lr", lr, "above 0 and finite", lambda x: 0 < x < math.inf)
        number("l1", l1, "0 or more, and finite", lambda x: 0 <= x < math.inf)
        super().__init__(params, {"lr": lr, "l1": l1})
        for group in self.param_groups:
            number("l1", group["l1"], "0 or more, and finite", lambda x: 0 <= x < math.inf)
        self.inner = inner(self.param_groups, lr=lr)  # both hold the same groups
        self.state = self.inner.state

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take one step; of weights without a gradient none is moved."""
        loss = self.inner.step(closure)
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is not None and group["l1"]:
                    w.copy_(soft_threshold(w, group["lr"] * group["l1"]))
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state of another run."""
        self.inner.load_state_dict(state_dict)
        self.param_groups, self.state = self.inner.param_groups, self.inner.state


class Adam(torch.optim.Optimizer):
    r"""Adam with a price on large weights, in the loss or beside it.

    With ``l2`` the price :math:`\tfrac{\lambda}{2} \sum w^2` is part of the loss: its gradient
    :math:`\lambda w` is divided by the size of past gradients as everything else is. With
    ``decay`` each weight shrinks by :math:`\eta \lambda w`, whatever its gradients were. The first
    equals ``torch.optim.Adam(weight_decay=...)``, the second ``torch.optim.AdamW``.

    Parameters
    ----------
    params
        Weights, or groups of them.
    lr
        :math:`\eta`.
    l2, decay
        The two prices, 0 or more.
    betas, eps
        As in torch.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range or there is no weight.

    References
    ----------
    Kingma and Ba (2015); Loshchilov and Hutter (2019). The chapter on overfitting.

    Examples
    --------
    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = Adam([w], lr=0.1, decay=0.5)
    >>> (w * 0).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.9500])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.001,
        *,
        l2: float = 0.0,
        decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        number("lr", lr, "above 0 and finite", lambda x: 0 < x < math.inf)
        for name, value in (("l2", l2), ("decay", decay), ("eps", eps)):
            number(name, value, "0 or more, and finite", lambda x: 0 <= x < math.inf)
        for beta in betas:
            number("each of betas", beta, "from 0 to below 1", lambda b: 0 <= b < 1)
        super().__init__(params, {"lr": lr, "l2": l2, "decay": decay, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take one step; of weights without a gradient none is moved."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is not None:
                    self._move(w, w.grad, group)
        return loss

    def _move(self, w: Tensor, g: Tensor, group: dict[str, Any]) -> None:
        """Move one tensor of weights."""
        state, (b1, b2) = self.state[w], group["betas"]
        if not state:
            state["step"], state["m"], state["v"] = 0, torch.zeros_like(w), torch.zeros_like(w)
        state["step"] += 1
        t, m, v = state["step"], state["m"], state["v"]
        if group["decay"]:
            w.mul_(1 - group["lr"] * group["decay"])
        if group["l2"]:
            g = g + group["l2"] * w
        m.lerp_(g, 1 - b1)
        v.mul_(b2).addcmul_(g, g, value=1 - b2)
        size = v.sqrt().div_(math.sqrt(1 - b2**t)).add_(group["eps"])
        w.addcdiv_(m, size, value=-group["lr"] / (1 - b1**t))
