"""Networks that carry a state from word to word: RNN, LSTM, GRU, and a writer that uses them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import dropout, linear

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "CoupledLSTMCell",
    "GRUCell",
    "LSTMCell",
    "PeepholeLSTMCell",
    "RNNCell",
    "generate",
]

Pair = tuple[Tensor, Tensor]  # (h, c)


# One step at a time.


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
        _add_weights(self, "", self.gates, input_size, hidden_size, bias=bias)

    def _begin(self, x: Tensor, state: Any) -> tuple[Tensor, ...]:
        """Return the parts of the state before the step, if x and the state fit."""
        _check_input(x, "(B, D)", self.input_size, self.weight_ih.dtype)
        return _begin(x, state, self.parts, (len(x), self.hidden_size))

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
    Elman (1990). Chapter 08.

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
    Chapter 08.

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
    Gers and Schmidhuber (2000). Chapter 08.

    Examples
    --------
    >>> h, c = PeepholeLSTMCell(3, 5)(torch.zeros(2, 3))  # (B, D) -> (B, H), (B, H)
    >>> h.shape, c.shape
    (torch.Size([2, 5]), torch.Size([2, 5]))
    """

    gates, parts = 4, "hc"

    def __init__(self, input_size: int, hidden_size: int, *, bias: bool = True) -> None:
        super().__init__(input_size, hidden_size, bias=bias)
        self.weight_ch = _drawn((3, hidden_size), hidden_size)

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
    Greff, Srivastava, Koutník, Steunebrink and Schmidhuber (2017). Chapter 08.

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
    Cho et al. (2014). Chapter 08.

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


# All steps of a layer in one direction, with the chain rule by hand. A capital letter holds every
# step of every sequence, as rows; the small one is a list with the rows of each step.


class _Rows(NamedTuple):
    """Where the steps of a padded batch stand as R rows: in order of time, without the padding.

    The longest sequence comes first, so those that still run at a step are the first ones. States
    have B rows more, at the start: what comes before the first step.
    """

    order: Tensor  # (B,) the sequences, longest first
    sizes: list[int]  # how many of them take step t
    padded: Tensor  # (R,) where a row stands in the padded batch, as (B * T)
    mirror: Tensor  # (R,) which row takes its place when the sequence is read from its end
    last: Tensor  # (B,) the row of a sequence's last step
    past: Tensor  # (R,) where, among the states, the one before this row's step stands

    @classmethod
    def of(cls, lengths: Tensor, steps: int, device: torch.device) -> _Rows:
        """Arrange sequences of these lengths, padded to this many steps."""
        lengths, order = lengths.sort(descending=True, stable=True)
        t, b = (torch.arange(steps).unsqueeze(1) < lengths).nonzero(as_tuple=True)  # (R,), (R,)
        sizes, batch = t.bincount(), lengths.new_tensor([len(lengths)])
        start = sizes.cumsum(0) - sizes  # the first row of a step
        places = (
            order[b] * steps + t,
            start[lengths[b] - 1 - t] + b,
            start[lengths - 1] + torch.arange(len(order)),
            torch.arange(len(t)) + batch - torch.cat([batch, sizes])[t],
        )
        return cls(order.to(device), sizes.tolist(), *[place.to(device) for place in places])

    def states(self, first: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return room for the first state and the state after each step, whole and by step."""
        whole = first.new_empty(len(first) + len(self.padded), first.shape[1])
        whole[: len(first)] = first
        return whole, whole.split([len(first), *self.sizes])

    def backwards(self) -> list[tuple[int, int]]:
        """Return each t with how many sequences take this step, the last first."""
        return list(enumerate(self.sizes))[::-1]


class _RNNScan(Function):
    """h_t = tanh(...), as in RNNCell."""

    @staticmethod
    def forward(
        ctx: Any, rows: _Rows, X: Tensor, W: Tensor, U: Tensor, b: Tensor, d: Tensor, h0: Tensor
    ) -> tuple[Tensor]:
        A = torch.addmm(b + d, X, W.T)  # (R, H)
        H, h = rows.states(h0)
        for t, (n, a) in enumerate(zip(rows.sizes, A.split(rows.sizes), strict=True)):
            torch.addmm(a, h[t][:n], U.T, out=h[t + 1]).tanh_()
        ctx.rows = rows
        ctx.save_for_backward(X, W, U, H)
        return (H[len(h0) :],)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dH: Tensor) -> tuple[Tensor | None, ...]:
        rows, (_, _, U, H) = ctx.rows, ctx.saved_tensors
        _, dh = _incoming(rows, dH)
        S = 1 - H[-len(dH) :].square()  # how h answers to what is inside of tanh
        s = S.split(rows.sizes)
        for t, n in rows.backwards():
            s[t].mul_(dh[t + 1])
            dh[t][:n].addmm_(s[t], U)
        return *_to_weights(ctx, S, S), dh[0]


class _LSTMScan(Function):
    """i, f, g, o, then c_t = f c_{t-1} + i g and h_t = o tanh(c_t), as in LSTMCell."""

    @staticmethod
    def forward(
        ctx: Any, rows: _Rows, X: Tensor, W: Tensor, U: Tensor, b: Tensor, d: Tensor, *first: Tensor
    ) -> Pair:
        gates = torch.addmm(b + d, X, W.T)  # (R, 4H)
        (H, h), (C, c) = map(rows.states, first)
        A = torch.empty_like(C[-len(X) :])  # tanh(c)
        a, y = A.split(rows.sizes), gates.split(rows.sizes)
        for t, n in enumerate(rows.sizes):
            i, f, g, o = y[t].addmm_(h[t][:n], U.T).chunk(4, 1)
            i.sigmoid_()
            f.sigmoid_()
            g.tanh_()
            o.sigmoid_()
            torch.addcmul(f * c[t][:n], i, g, out=c[t + 1])
            torch.tanh(c[t + 1], out=a[t])
            torch.mul(o, a[t], out=h[t + 1])
        ctx.rows = rows
        ctx.save_for_backward(X, W, U, H, C, A, gates)
        return H[-len(X) :], C[-len(X) :][rows.last]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dH: Tensor, dc: Tensor) -> tuple[Tensor | None, ...]:
        rows, (_, _, U, _, C, A, gates) = ctx.rows, ctx.saved_tensors
        I, F, G, O = gates.chunk(4, 1)
        past = C.index_select(0, rows.past)
        # How c answers to what is inside of i, f and g, and how h answers to o.
        S = [G * I * (1 - I), past * F * (1 - F), I * (1 - G * G), A * O * (1 - O)]
        dY = torch.stack(S, 1)  # (R, 4, H)
        k = (O * (1 - A * A)).split(rows.sizes)  # how h answers to c
        f, dy = F.split(rows.sizes), dY.split(rows.sizes)
        _, dh = _incoming(rows, dH)
        dc = dc.clone()
        for t, n in rows.backwards():
            to_c = dc[:n].addcmul_(dh[t + 1], k[t])
            dy[t][:, :3].mul_(to_c.unsqueeze(1))
            dy[t][:, 3].mul_(dh[t + 1])
            dh[t][:n].addmm_(dy[t].flatten(1), U)
            to_c.mul_(f[t])
        dY = dY.flatten(1)
        return *_to_weights(ctx, dY, dY), dh[0], dc
