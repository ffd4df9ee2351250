"""Cells that remember, one step at a time: RNN, LSTM and its relatives, GRU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from companion.runtime import whole

__all__ = ["CoupledLSTMCell", "GRUCell", "LSTMCell", "PeepholeLSTMCell", "RNNCell"]

Pair = tuple[Tensor, Tensor]  # (h, c)


class _Cell(nn.Module):
    """What all cells share: their weights, and what they refuse."""

    gates, parts = 1, "h"  # how many blocks of weights, and what the state consists of
    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init__(self, input_size: int, hidden_size: int, *, bias: bool = True) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        add_weights(self, "", self.gates, input_size, hidden_size, bias=bias)

    def _begin(self, x: Tensor, state: Any) -> tuple[Tensor, ...]:
        """Return the parts of the state before the step, if x and the state fit."""
        check_input(x, "(B, D)", self.input_size, self.weight_ih.dtype)
        return start_state(x, state, self.parts, (len(x), self.hidden_size))

    def _sums(self, x: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        """Return what reaches each gate from x and from h, (B, H) each."""
        sums = linear(x, self.weight_ih, self.bias_ih) + linear(h, self.weight_hh, self.bias_hh)
        return sums.chunk(self.gates, 1)


class RNNCell(_Cell):
    r"""One step of a simple recurrent network.

    .. math:: h_t = \tanh(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})

    Parameters
    ----------
    input_size, hidden_size
        D and H, 1 or more.
    bias
        Whether there are biases.

    Raises
    ------
    TypeError, ValueError
        If a size is below 1, or a cell is called with what does not fit.

    References
    ----------
    Elman (1990). The chapter on recurrent networks.

    Examples
    --------
    >>> RNNCell(3, 5)(torch.zeros(2, 3)).shape  # (B, D) -> (B, H)
    torch.Size([2, 5])
    """

    def forward(self, x: Tensor, state: Tensor | None = None) -> Tensor:
        """Return h_t (B, H), given x_t (B, D) and h_{t-1} (B, H), zeros if there is none."""
        (h,) = self._begin(x, state)
        (h,) = self._sums(x, h)
        h = h.tanh()
        return h


class LSTMCell(_Cell):
    r"""One step of long short-term memory; for the parameters see :class:`RNNCell`.

    .. math::

        i &= \sigma(W_{ii} x_t + b_{ii} + W_{hi} h_{t-1} + b_{hi}) \\
        f &= \sigma(W_{if} x_t + b_{if} + W_{hf} h_{t-1} + b_{hf}) \\
        g &= \tanh(W_{ig} x_t + b_{ig} + W_{hg} h_{t-1} + b_{hg}) \\
        o &= \sigma(W_{io} x_t + b_{io} + W_{ho} h_{t-1} + b_{ho}) \\
        c_t &= f c_{t-1} + i g \\
        h_t &= o \tanh(c_t)

    The weights of the gates stand below each other in the order i, f, g, o.

    References
    ----------
    Hochreiter and Schmidhuber (1997); the gate f: Gers, Schmidhuber and Cummins (2000).
    The chapter on recurrent networks.

    Examples
    --------
    >>> h, c = LSTMCell(3, 5)(torch.zeros(2, 3))  # (B, D) -> (B, H), (B, H)
    >>> h.shape, c.shape
    (torch.Size([2, 5]), torch.Size([2, 5]))
    """

    gates, parts = 4, "hc"

    def forward(self, x: Tensor, state: Pair | None = None) -> Pair:
        """Return (h_t, c_t), given x_t (B, D) and (h_{t-1}, c_{t-1}), zeros if there is none."""
        h, c = self._begin(x, state)
        i, f, g, o = self._sums(x, h)
        i = i.sigmoid()  # how much to write
        f = f.sigmoid()  # how much to keep
        g = g.tanh()  # what to write
        o = o.sigmoid()  # how much to show
        c = f * c + i * g  # (B, H)
        h = o * c.tanh()  # (B, H)
        return h, c


class PeepholeLSTMCell(_Cell):
    r"""An LSTM whose gates also see the memory; for the parameters see :class:`RNNCell`.

    As :class:`LSTMCell`, with one more term in three gates:

    .. math::

        i &= \sigma(\dots + p_i c_{t-1}) \\
        f &= \sigma(\dots + p_f c_{t-1}) \\
        o &= \sigma(\dots + p_o c_t)

    ``weight_ch``, shape (3, H), holds p_i, p_f and p_o.

    References
    ----------
    Gers and Schmidhuber (2000). The chapter on recurrent networks.

    Examples
    --------
    >>> h, c = PeepholeLSTMCell(3, 5)(torch.zeros(2, 3))  # (B, D) -> (B, H), (B, H)
    >>> h.shape, c.shape
    (torch.Size([2, 5]), torch.Size([2, 5]))
    """

    gates, parts = 4, "hc"

    def __init__(self, input_size: int, hidden_size: int, *, bias: bool = True) -> None:
        super().__init__(input_size, hidden_size, bias=bias)
        self.weight_ch = drawn((3, hidden_size), hidden_size)

    def forward(self, x: Tensor, state: Pair | None = None) -> Pair:
        """Return (h_t, c_t), given x_t (B, D) and (h_{t-1}, c_{t-1}), zeros if there is none."""
        h, c = self._begin(x, state)
        i, f, g, o = self._sums(x, h)
        p_i, p_f, p_o = self.weight_ch
        i = (i + p_i * c).sigmoid()
        f = (f + p_f * c).sigmoid()
        g = g.tanh()
        c = f * c + i * g  # (B, H)
        o = (o + p_o * c).sigmoid()  # this one sees the new memory
        h = o * c.tanh()  # (B, H)
        return h, c


class CoupledLSTMCell(_Cell):
    r"""An LSTM that writes as much as it forgets; for the parameters see :class:`RNNCell`.

    As :class:`LSTMCell`, without the gate i:

    .. math:: c_t = f c_{t-1} + (1 - f) g

    The weights of the gates stand below each other in the order f, g, o.

    References
    ----------
    Greff, Srivastava, Koutník, Steunebrink and Schmidhuber (2017). The chapter on
    recurrent networks.

    Examples
    --------
    >>> h, c = CoupledLSTMCell(3, 5)(torch.zeros(2, 3))  # (B, D) -> (B, H), (B, H)
    >>> h.shape, c.shape
    (torch.Size([2, 5]), torch.Size([2, 5]))
    """

    gates, parts = 3, "hc"

    def forward(self, x: Tensor, state: Pair | None = None) -> Pair:
        """Return (h_t, c_t), given x_t (B, D) and (h_{t-1}, c_{t-1}), zeros if there is none."""
        h, c = self._begin(x, state)
        f, g, o = self._sums(x, h)
        f = f.sigmoid()
        g = g.tanh()
        o = o.sigmoid()
        c = f * c + (1 - f) * g  # (B, H)
        h = o * c.tanh()  # (B, H)
        return h, c


class GRUCell(_Cell):
    r"""One step of a gated recurrent unit; for the parameters see :class:`RNNCell`.

    .. math::

        r &= \sigma(W_{ir} x_t + b_{ir} + W_{hr} h_{t-1} + b_{hr}) \\
        z &= \sigma(W_{iz} x_t + b_{iz} + W_{hz} h_{t-1} + b_{hz}) \\
        q &= W_{hn} h_{t-1} + b_{hn} \\
        n &= \tanh(W_{in} x_t + b_{in} + r q) \\
        h_t &= (1 - z) n + z h_{t-1}

    The weights stand below each other in the order r, z, n. As in torch, r acts after the product
    with h; in the paper it acts before.

    References
    ----------
    Cho et al. (2014). The chapter on recurrent networks.

    Examples
    --------
    >>> GRUCell(3, 5)(torch.zeros(2, 3)).shape  # (B, D) -> (B, H)
    torch.Size([2, 5])
    """

    gates = 3

    def forward(self, x: Tensor, state: Tensor | None = None) -> Tensor:
        """Return h_t (B, H), given x_t (B, D) and h_{t-1} (B, H), zeros if there is none."""
        (h,) = self._begin(x, state)
        r, z, n = linear(x, self.weight_ih, self.bias_ih).chunk(3, 1)
        r_h, z_h, q = linear(h, self.weight_hh, self.bias_hh).chunk(3, 1)
        r = (r + r_h).sigmoid()  # how much of the past the candidate sees
        z = (z + z_h).sigmoid()  # how much of the past stays
        n = (n + r * q).tanh()  # the candidate
        h = (1 - z) * n + z * h  # (B, H)
        return h


# What cells and layers share.


def drawn(shape: tuple[int, ...], hidden_size: int) -> nn.Parameter:
    """Return weights drawn evenly from -1/sqrt(H) to 1/sqrt(H), as torch.nn does."""
    limit = hidden_size**-0.5
    return nn.Parameter(torch.empty(shape).uniform_(-limit, limit))


def add_weights(
    module: nn.Module, end: str, gates: int, input_size: int, hidden_size: int, bias: bool = True
) -> None:
    """Give a module its weights from x and from h, in torch's order and with this end of name."""
    input_size = whole("input_size", input_size, 1)
    hidden_size = whole("hidden_size", hidden_size, 1)
    wide = gates * hidden_size
    shapes = {"weight_ih": (wide, input_size), "weight_hh": (wide, hidden_size)}
    for name, shape in {**shapes, "bias_ih": (wide,), "bias_hh": (wide,)}.items():
        kept = bias or name.startswith("weight")
        module.register_parameter(name + end, drawn(shape, hidden_size) if kept else None)


def check_input(x: Tensor, shape: str, input_size: int, dtype: torch.dtype) -> None:
    """Refuse an input that the weights cannot read."""
    given = getattr(x, "dtype", type(x).__name__)
    if given != dtype:
        raise TypeError(f"x must be a tensor of the weights' dtype, {dtype}, got {given}")
    if x.dim() != len(shape.split()) or x.shape[-1] != input_size or not x.numel():
        raise ValueError(
            f"x must have shape {shape} with D = {input_size}, none of them 0, got {tuple(x.shape)}"
        )


def start_state(x: Tensor, state: Any, parts: str, shape: tuple[int, ...]) -> tuple[Tensor, ...]:
    """Return the parts of the state to begin with, zeros if there is none."""
    if state is None:
        return tuple(x.new_zeros(shape) for _ in parts)
    given = state if len(parts) > 1 else (state,)
    right = isinstance(given, tuple | list) and len(given) == len(parts)
    if not right or not all(isinstance(part, Tensor) for part in given):
        want = "a pair of tensors (h, c)" if len(parts) > 1 else "a tensor h"
        raise TypeError(f"state must be {want}, got {type(state).__name__}")
    for name, part in zip(parts, given, strict=True):
        if part.shape != shape or part.dtype != x.dtype:
            raise ValueError(
                f"{name} of the state must have shape {shape} and the dtype of x, {x.dtype}, "
                f"got {tuple(part.shape)} and {part.dtype}"
            )
    return tuple(given)
