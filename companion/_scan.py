"""All steps of a recurrent layer in one direction, fast, with the chain rule by hand.

A batch stands here as R rows, one for each step of each sequence, in the order of time and without
the padding; ``x_at`` lists the rows of x by step. W, b, U and d are torch's weight_ih, bias_ih,
weight_hh and bias_hh: what reaches the gates is x W' + b from below and h U' + d from the past.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

__all__ = ["GRUScan", "LSTMScan", "RNNScan", "Rows"]


class Rows(NamedTuple):
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
    def of(cls, lengths: Tensor, steps: int, device: torch.device) -> Rows:
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
        room = first.new_empty(len(first) + len(self.padded), first.shape[1])
        room[: len(first)] = first
        return room, room.split([len(first), *self.sizes])

    def backwards(self) -> list[tuple[int, int]]:
        """Return each step t, the last first, with how many sequences take it."""
        return list(enumerate(self.sizes))[::-1]


class RNNScan(Function):
    """h_t = tanh(...), as in RNNCell."""

    @staticmethod
    def forward(
        ctx: Any, rows: Rows, x: Tensor, W: Tensor, U: Tensor, b: Tensor, d: Tensor, h_0: Tensor
    ) -> tuple[Tensor]:
        sum_at = torch.addmm(b + d, x, W.T).split(rows.sizes)  # (n, H)
        h, h_at = rows.states(h_0)
        for t, n in enumerate(rows.sizes):
            torch.addmm(sum_at[t], h_at[t][:n], U.T, out=h_at[t + 1]).tanh_()
        ctx.rows = rows
        ctx.save_for_backward(x, W, U, h)
        return (h[-len(x) :],)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dh: Tensor) -> tuple[Tensor | None, ...]:
        rows, (_, _, U, h) = ctx.rows, ctx.saved_tensors
        dsum = 1 - h[-len(dh) :].square()  # how h answers to the sum inside of tanh
        dsum_at, (dh, dh_at) = dsum.split(rows.sizes), _arriving(rows, dh)
        for t, n in rows.backwards():
            dsum_at[t].mul_(dh_at[t + 1])
            dh_at[t][:n].addmm_(dsum_at[t], U)
        return *_to_weights(ctx, dsum, dsum), dh_at[0]


class LSTMScan(Function):
    """i, f, g, o, then c_t = f c_{t-1} + i g and h_t = o tanh(c_t), as in LSTMCell."""

    @staticmethod
    def forward(
        ctx: Any, rows: Rows, x: Tensor, W: Tensor, U: Tensor, b: Tensor, d: Tensor, *first: Tensor
    ) -> tuple[Tensor, Tensor]:
        gates = torch.addmm(b + d, x, W.T)  # (R, 4H)
        (h, h_at), (c, c_at) = map(rows.states, first)
        a = torch.empty_like(c[-len(x) :])  # tanh(c)
        a_at, gates_at = a.split(rows.sizes), gates.split(rows.sizes)
        for t, n in enumerate(rows.sizes):
            i, f, g, o = gates_at[t].addmm_(h_at[t][:n], U.T).chunk(4, 1)
            i.sigmoid_()
            f.sigmoid_()
            g.tanh_()
            o.sigmoid_()
            torch.addcmul(f * c_at[t][:n], i, g, out=c_at[t + 1])
            torch.tanh(c_at[t + 1], out=a_at[t])
            torch.mul(o, a_at[t], out=h_at[t + 1])
        ctx.rows = rows
        ctx.save_for_backward(x, W, U, h, c, a, gates)
        return h[-len(x) :], c[-len(x) :][rows.last]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dh: Tensor, dc: Tensor) -> tuple[Tensor | None, ...]:
        rows, (_, _, U, _, c, a, gates) = ctx.rows, ctx.saved_tensors
        i, f, g, o = gates.chunk(4, 1)
        past = c.index_select(0, rows.past)
        # How c answers to the sums inside of i, f and g, and h to the one inside of o.
        slopes = [g * i * (1 - i), past * f * (1 - f), i * (1 - g * g), a * o * (1 - o)]
        dsum = torch.stack(slopes, 1)  # (R, 4, H)
        k_at = (o * (1 - a * a)).split(rows.sizes)  # how h answers to c
        f_at, dsum_at = f.split(rows.sizes), dsum.split(rows.sizes)
        (dh, dh_at), dc = _arriving(rows, dh), dc.clone()
        for t, n in rows.backwards():
            dc_t = dc[:n].addcmul_(dh_at[t + 1], k_at[t])
            dsum_at[t][:, :3].mul_(dc_t.unsqueeze(1))
            dsum_at[t][:, 3].mul_(dh_at[t + 1])
            dc_t.mul_(f_at[t])
            dh_at[t][:n].addmm_(dsum_at[t].flatten(1), U)
        dsum = dsum.flatten(1)
        return *_to_weights(ctx, dsum, dsum), dh_at[0], dc


class GRUScan(Function):
    """r, z, q, n, then h_t = (1 - z) n + z h_{t-1}, as in GRUCell."""

    @staticmethod
    def forward(
        ctx: Any, rows: Rows, x: Tensor, W: Tensor, U: Tensor, b: Tensor, d: Tensor, h_0: Tensor
    ) -> tuple[Tensor]:
        gates = torch.addmm(b, x, W.T)  # (R, 3H)
        products = torch.empty_like(gates)
        h, h_at = rows.states(h_0)
        rz, q = products.split([2 * h.shape[1], h.shape[1]], 1)
        rz_at, q_at, gates_at = (y.split(rows.sizes) for y in (rz, q, gates))
        products_at = products.split(rows.sizes)
        for t, m in enumerate(rows.sizes):
            torch.addmm(d, h_at[t][:m], U.T, out=products_at[t])
            r, z, n = gates_at[t].chunk(3, 1)
            gates_at[t][:, : rz.shape[1]].add_(rz_at[t]).sigmoid_()
            n.addcmul_(r, q_at[t]).tanh_()
            torch.lerp(n, h_at[t][:m], z, out=h_at[t + 1])
        ctx.rows = rows
        ctx.save_for_backward(x, W, U, h, q, gates)
        return (h[-len(x) :],)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dh: Tensor) -> tuple[Tensor | None, ...]:
        rows, (_, _, U, h, q, gates) = ctx.rows, ctx.saved_tensors
        r, z, n = gates.chunk(3, 1)
        past = h.index_select(0, rows.past)
        k = (1 - z) * (1 - n * n)  # how h answers to the sum inside of n
        # How h answers to the sums inside of r and z, and to q.
        dsum = torch.stack([k * q * r * (1 - r), (past - n) * z * (1 - z), k * r], 1)  # (R, 3, H)
        z_at, dsum_at = z.split(rows.sizes), dsum.split(rows.sizes)
        dh, dh_at = _arriving(rows, dh)
        for t, m in rows.backwards():
            dsum_at[t].mul_(dh_at[t + 1].unsqueeze(1))
            dh_at[t][:m].addcmul_(dh_at[t + 1], z_at[t]).addmm_(dsum_at[t].flatten(1), U)
        dr, dz, _ = dsum.unbind(1)
        dx_sum = torch.cat([dr, dz, k * dh], 1)
        return *_to_weights(ctx, dx_sum, dsum.flatten(1)), dh_at[0]


def _arriving(rows: Rows, dh: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return room for dL/dh, filled with what comes from outside, and by step."""
    room, room_at = rows.states(dh.new_zeros(len(rows.order), dh.shape[1]))
    return room[-len(dh) :].copy_(dh), room_at


def _to_weights(ctx: Any, dx_sum: Tensor, dh_sum: Tensor) -> tuple[Tensor | None, ...]:
    """Return the gradients of rows, x, W, U, b and d from those of x W' + b and h U' + d."""
    x, W, _, h, *_ = ctx.saved_tensors
    past = h.index_select(0, ctx.rows.past)
    return (
        None,
        dx_sum @ W if ctx.needs_input_grad[1] else None,
        (x.T @ dx_sum).T,  # the same as dx_sum.T @ x, a little faster
        (past.T @ dh_sum).T,
        dx_sum.sum(0),
        dh_sum.sum(0),
    )
