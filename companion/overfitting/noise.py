"""Noise, so that a network relies on no single unit: dropout, fresh or the same at each step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from companion._numbers import number

__all__ = ["Dropout", "VariationalDropout"]


class Dropout(nn.Module):
    r"""Set each number to zero with probability p, and scale up those that stay.

    .. math:: y = \frac{m}{1 - p}\, x, \qquad m \sim \text{Bernoulli}(1 - p)

    The mean of y is x, so that nothing has to be changed where the model is used. In evaluation
    mode it hands on what it gets. With the same seed it equals ``torch.nn.Dropout``.

    Parameters
    ----------
    p
        0 to below 1.
    generator
        Draws the mask; None takes torch's own.

    Raises
    ------
    TypeError, ValueError
        If p is out of range. By a call in training: if what it gets are no floating numbers.

    References
    ----------
    Srivastava et al. (2014). The chapter on overfitting.

    Examples
    --------
    >>> Dropout(0.5)(torch.ones(2, 3)).shape  # any shape
    torch.Size([2, 3])
    """

    def __init__(self, p: float = 0.5, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.p = number("p", p, "from 0 to below 1", lambda p: 0 <= p < 1)
        self.generator = generator

    def extra_repr(self) -> str:
        """Say the rate where the module is printed."""
        return f"p={self.p:g}"

    def mask(self, x: Tensor) -> Tensor:
        """Return a new mask, 0 or 1 / (1 - p), of the shape of x."""
        stay = torch.empty_like(x).bernoulli_(1 - self.p, generator=self.generator)
        return stay.div_(1 - self.p)

    def forward(self, x: Tensor) -> Tensor:
        """Return x with noise in training, and x itself in evaluation."""
        if not x.is_floating_point():
            raise TypeError(f"x must hold floating numbers, got {x.dtype}")
        return x * self.mask(x) if self.training and self.p else x


class VariationalDropout(Dropout):
    r"""Drop the same units at every step of a sequence.

    A mask that is new at each step would wear down whatever a recurrent network carries along: of
    T steps a number survives all with probability :math:`(1 - p)^T`. This one is drawn once for
    each sequence.

    Parameters
    ----------
    p, generator
        As for :class:`Dropout`.

    Raises
    ------
    ValueError
        By a call: if what it gets is not of shape (B, T, D).

    References
    ----------
    Gal and Ghahramani (2016). The chapter on overfitting.

    Examples
    --------
    >>> y = VariationalDropout(0.5)(torch.ones(2, 5, 3))  # (B, T, D)
    >>> bool((y == y[:, :1]).all())
    True
    """

    def mask(self, x: Tensor) -> Tensor:
        """Return a new mask of shape (B, 1, D)."""
        return super().mask(x[:, :1])

    def forward(self, x: Tensor) -> Tensor:
        """Return x with the same noise at each step in training, and x itself in evaluation."""
        if x.ndim != 3:
            raise ValueError(f"x must have shape (B, T, D), got {tuple(x.shape)}")
        return super().forward(x)
