"""All steps of a recurrent layer in one direction, fast, with the chain rule by hand.

A batch stands here as R rows, one for each step of each sequence, in order of time and without the
padding; ``x_at[t]`` are the rows of x at step t. States have B rows more, at the start: ``h_at[t]``
is what step t begins with, ``h_at[t + 1]`` what it leaves. W, b, U and d are weight_ih, bias_ih,
weight_hh and bias_hh: the gates receive the sum of x W' + b and h U' + d, and ``dsum`` is dL/d sum.

Who asks for a gradient of a gradient gets it from ``_plainly``, slower, and right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate, groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import linear

__all__ = ["GRUScan", "LSTMScan", "RNNScan", "Rows"]

BLOCK = 256  # rows that the way back takes on at a time, few enough to stay in the cache


class Rows(NamedTuple):
    """Where the steps of a padded batch stand as rows.

    The longest sequence comes first, so those that still run at a step are the first ones.
    """

    order: Tensor  # (B,) the sequences, longest first
    sizes: list[int]  # how many of them take step t
    padded: Tensor | None  # (R,) where a row stands in the batch, as (B * T); None without padding
    mirror: Tensor  # (R,) which row takes its place when the sequence is read from its end
    last: Tensor  # (B,) the row of a sequence's last step
    past: Tensor  # (R,) the place, among the states, of the one that a row's step begins with

    @classmethod
    def of(cls, lengths: Tensor, T: int, device: torch.device) -> Rows:
        """Arrange sequences of these lengths, padded to T steps."""
        lengths, order = lengths.sort(descending=True, stable=True)
        t, b = (torch.arange(T).unsqueeze(1) < lengths).nonzero(as_tuple=True)  # (R,), (R,)
        B, sizes = len(lengths), t.bincount()
        start = sizes.cumsum(0) - sizes  # the first row of a step
        padded = order[b] * T + t
        mirror = start[lengths[b] - 1 - t] + b
        last = start[lengths - 1] + torch.arange(B)
        past = B + torch.arange(len(t)) - torch.cat([sizes.new_tensor([B]), sizes])[t]
        return cls(
            order.to(device),
            sizes.tolist(),
            None if len(t) == B * T else padded.to(device),
            mirror.to(device),
            last.to(device),
            past.to(device),
        )

    def pack(self, x: Tensor) -> Tensor:
        """Return the rows of a padded batch, (B, T, D) -> (R, D)."""
        if self.padded is None:
            return x.transpose(0, 1).flatten(0, 1)
        return x.flatten(0, 1).index_select(0, self.padded)

    def unpack(self, y: Tensor, T: int) -> Tensor:
        """Return the batch that has these rows, zero at padding, (R, H) -> (B, T, H)."""
        B, H = len(self.order), y.shape[1]
        if self.padded is None:
            return y.view(T, B, H).transpose(0, 1)
        return y.new_zeros(B * T, H).index_copy(0, self.padded, y).view(B, T, H)

    def states(self, first: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return room for the states, the first one filled in, whole and by step."""
        room = first.new_empty(len(first) + len(self.past), first.shape[1])
        room[: len(first)] = first
        return room, room.split([len(first), *self.sizes])

    def before(self, states: Tensor) -> Tensor:
        """Return the state that each row's step begins with, (B + R, H) -> (R, H)."""
        if self.padded is None:
            return states[: len(self.past)]
        return states.index_select(0, self.past)

    def arriving(self, dh: Tensor) -> tuple[Tensor, ...]:
        """Return room for dL/dh by step, filled with what comes from outside of the layer."""
        room, room_at = self.states(dh.new_zeros(len(self.order), dh.shape[1]))
        room[-len(dh) :] = dh
        return room_at

    def blocks(self) -> Iterator[tuple[slice, list[int]]]:
        """Yield the rows and the numbers of a few steps at a time, the last steps first."""
        start = [0, *accumulate(self.sizes)]
        for _, steps in groupby(reversed(range(len(self.sizes))), lambda t: start[t] // BLOCK):
            block = list(steps)
            yield slice(start[block[-1]], start[block[0] + 1]), block


class RNNScan(Function):
    """h_t = tanh(sum), as in RNNCell."""

    @staticmethod
    def forward(
        ctx: Any, rows: Rows, x: Tensor, W: Tensor, U: Tensor, b: Tensor, d: Tensor, h_0: Tensor
    ) -> tuple[Tensor]:
        sum_at = torch.addmm(b + d, x, W.T).split(rows.sizes)
        h, h_at = rows.states(h_0)
        for t, n in enumerate(rows.sizes):
            torch.addmm(sum_at[t], h_at[t][:n], U.T, out=h_at[t + 1]).tanh_()
        ctx.rows = rows
        ctx.save_for_backward(x, W, U, b, d, h_0, h)
        return (h[-len(x) :],)

    @staticmethod
    def backward(ctx: Any, dh: Tensor) -> tuple[Tensor | None, ...]:
        rows, (x, W, U, *start, h) = ctx.rows, ctx.saved_tensors
        if torch.is_grad_enabled():
            return _plainly(_rnn_step, ctx, (x, W, U, *start), dh)
        dsum = 1 - h[-len(x) :].square()  # the slope of tanh
        dsum_at, dh_at = dsum.split(rows.sizes), rows.arriving(dh)
        for t in reversed(range(len(rows.sizes))):
            dsum_at[t].mul_(dh_at[t + 1])
            dh_at[t][: rows.sizes[t]].addmm_(dsum_at[t], U)
        dx = dsum @ W if ctx.needs_input_grad[1] else None
        db = dsum.sum(0)
        return None, dx, dsum.T @ x, dsum.T @ rows.before(h), db, db, dh_at[0]


class LSTMScan(Function):
    """i, f, g, o, then c_t = f c_{t-1} + i g and h_t = o a with a = tanh(c_t), as in LSTMCell."""

    @staticmethod
    def forward(
        ctx: Any, rows: Rows, x: Tensor, W: Tensor, U: Tensor, b: Tensor, d: Tensor, *first: Tensor
    ) -> tuple[Tensor, Tensor]:
        # All four sums go through one sigmoid: tanh(s) is 2 sigmoid(2s) - 1, and slower than that.
        twice = b.new_tensor([1, 1, 2, 1]).repeat_interleave(len(b) // 4)  # (4H,)
        twice_U = twice.unsqueeze(1) * U
        gates = torch.addmm((b + d) * twice, x, W.T * twice)  # (R, 4H), sums, and then gates
        (h, h_at), (c, c_at) = map(rows.states, first)
        a = torch.empty_like(c[-len(x) :])
        gates_at, a_at = gates.split(rows.sizes), a.split(rows.sizes)
        for t, n in enumerate(rows.sizes):
            i, f, g, o = gates_at[t].addmm_(h_at[t][:n], twice_U.T).sigmoid_().chunk(4, 1)
            g.mul_(2).sub_(1)
            torch.mul(f, c_at[t][:n], out=c_at[t + 1]).addcmul_(i, g)
            torch.tanh(c_at[t + 1], out=a_at[t])
            torch.mul(o, a_at[t], out=h_at[t + 1])
        ctx.rows = rows
        ctx.save_for_backward(x, W, U, b, d, *first, h, c, a, gates)
        return h[-len(x) :], c[-len(x) :][rows.last]

    @staticmethod
    def backward(ctx: Any, dh: Tensor, dc: Tensor) -> tuple[Tensor | None, ...]:
        rows, (x, W, U, *start, h, c, a, gates) = ctx.rows, ctx.saved_tensors
        if torch.is_grad_enabled():
            return _plainly(_lstm_step, ctx, (x, W, U, *start), dh, dc)
        f_at, dh_at = gates.chunk(4, 1)[1].split(rows.sizes), rows.arriving(dh)
        dsum, k, dc = torch.empty_like(gates), torch.empty_like(a), dc.clone()
        dsum_at, k_at = dsum.unflatten(1, (4, -1)).split(rows.sizes), k.split(rows.sizes)
        past = rows.before(c)
        for now, steps in rows.blocks():
            i, f, g, o = gates[now].chunk(4, 1)
            di, df, dg, do = dsum[now].chunk(4, 1)
            # How c answers to the sums of i, f and g, and how h answers to that of o, and to c.
            torch.mul(g * i, 1 - i, out=di)
            torch.mul(past[now] * f, 1 - f, out=df)
            torch.mul(i, 1 - g * g, out=dg)
            torch.mul(a[now] * o, 1 - o, out=do)
            torch.mul(o, 1 - a[now] * a[now], out=k[now])
            for t in steps:
                dh_t, dh_past = dh_at[t + 1], dh_at[t][: rows.sizes[t]]
                dc_t = dc[: rows.sizes[t]].addcmul_(dh_t, k_at[t])
                dsum_at[t][:, :3].mul_(dc_t.unsqueeze(1))
                dsum_at[t][:, 3].mul_(dh_t)
                dh_past.addmm_(dsum_at[t].flatten(1), U)
                dc_t.mul_(f_at[t])
        dx = dsum @ W if ctx.needs_input_grad[1] else None
        db = dsum.sum(0)
        return None, dx, dsum.T @ x, dsum.T @ rows.before(h), db, db, dh_at[0], dc


class GRUScan(Function):
    """r, z, q, n, then h_t = (1 - z) n + z h_{t-1}, as in GRUCell."""

    @staticmethod
    def forward(
        ctx: Any, rows: Rows, x: Tensor, W: Tensor, U: Tensor, b: Tensor, d: Tensor, h_0: Tensor
    ) -> tuple[Tensor]:
        H = h_0.shape[1]
        (U_rz, U_n), (d_rz, d_n) = U.split([2 * H, H]), d.split([2 * H, H])
        gates = torch.addmm(b + torch.cat([d_rz, torch.zeros_like(d_n)]), x, W.T)  # (R, 3H)
        (h, h_at), q = rows.states(h_0), x.new_empty(len(x), H)
        gates_at, q_at = gates.split(rows.sizes), q.split(rows.sizes)
        for t, m in enumerate(rows.sizes):
            past, (rz, n) = h_at[t][:m], gates_at[t].split([2 * H, H], 1)
            r, z = rz.addmm_(past, U_rz.T).sigmoid_().chunk(2, 1)
            torch.addmm(d_n, past, U_n.T, out=q_at[t])
            n.addcmul_(r, q_at[t]).tanh_()
            torch.lerp(n, past, z, out=h_at[t + 1])
        ctx.rows = rows
        ctx.save_for_backward(x, W, U, b, d, h_0, h, q, gates)
        return (h[-len(x) :],)

    @staticmethod
    def backward(ctx: Any, dh: Tensor) -> tuple[Tensor | None, ...]:
        rows, (x, W, U, *start, h, q, gates) = ctx.rows, ctx.saved_tensors
        if torch.is_grad_enabled():
            return _plainly(_gru_step, ctx, (x, W, U, *start), dh)
        z_at, dh_at = gates.chunk(3, 1)[1].split(rows.sizes), rows.arriving(dh)
        dsum, k = torch.empty_like(gates), torch.empty_like(q)
        dsum_at, k_at = dsum.unflatten(1, (3, -1)).split(rows.sizes), k.split(rows.sizes)
        past = rows.before(h)
        for now, steps in rows.blocks():
            r, z, n = gates[now].chunk(3, 1)
            dr, dz, dq = dsum[now].chunk(3, 1)
            # How h answers to the sum of n, to q, and to the sums of r and z.
            torch.mul(1 - z, 1 - n * n, out=k[now])
            torch.mul(k[now], r, out=dq)
            torch.mul(dq * q[now], 1 - r, out=dr)
            torch.mul((past[now] - n) * z, 1 - z, out=dz)
            for t in steps:
                dh_t, dh_past = dh_at[t + 1], dh_at[t][: rows.sizes[t]]
                dsum_at[t].mul_(dh_t.unsqueeze(1))
                k_at[t].mul_(dh_t)
                dh_past.addcmul_(dh_t, z_at[t]).addmm_(dsum_at[t].flatten(1), U)
        dU, dd = dsum.T @ past, dsum.sum(0)
        dsum[:, -k.shape[1] :] = k  # from x the sum of n receives this, from h it was dq
        dx = dsum @ W if ctx.needs_input_grad[1] else None
        return None, dx, dsum.T @ x, dU, dsum.sum(0), dd, dh_at[0]


# The same steps in differentiable operations, for gradients of gradients.

Step = Callable[..., tuple[Tensor, ...]]


def _rnn_step(s: Tensor, u: Tensor, h: Tensor) -> tuple[Tensor]:
    """Return the next state, given what comes from x and from h."""
    return ((s + u).tanh(),)


def _lstm_step(s: Tensor, u: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Return the next state, given what comes from x and from h."""
    i, f, g, o = (s + u).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _gru_step(s: Tensor, u: Tensor, h: Tensor) -> tuple[Tensor]:
    """Return the next state, given what comes from x and from h."""
    (r, z, n), (r_h, z_h, q) = s.chunk(3, 1), u.chunk(3, 1)
    z = (z + z_h).sigmoid()
    return ((1 - z) * (n + (r + r_h).sigmoid() * q).tanh() + z * h,)


def _plainly(
    step: Step, ctx: Any, inputs: tuple[Tensor, ...], *slopes: Tensor
) -> tuple[Tensor | None, ...]:
    """Return the gradients of a scan so that they have gradients themselves.

    The inputs are looked at through views of their own: what they depend on is another's business.
    """
    x, W, U, b, d, *state = views = [part.view_as(part) for part in inputs]
    past: list[tuple[Tensor, ...]] = []
    for s, n in zip(linear(x, W, b).split(ctx.rows.sizes), ctx.rows.sizes, strict=True):
        state = [part[:n] for part in state]
        state = list(step(s, linear(state[0], U, d), *state))
        past.append(tuple(state))
    h, *rest = (torch.cat(part) for part in zip(*past, strict=True))
    outputs = (h, *(part[ctx.rows.last] for part in rest))
    # In the order of forward: rows, x, W, U, b, d, and the state.
    wanted = [view for view, need in zip(views, ctx.needs_input_grad[1:], strict=True) if need]
    found = iter(torch.autograd.grad(outputs, wanted, slopes, create_graph=True))
    return None, *(next(found) if need else None for need in ctx.needs_input_grad[1:])
