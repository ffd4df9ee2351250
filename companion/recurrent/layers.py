"""Recurrent layers: all steps of all texts, whatever their lengths, and layers on layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import dropout

from companion._numbers import number
from companion.recurrent._scan import GRUScan, LSTMScan, RNNScan, Rows
from companion.recurrent.cells import Pair, add_weights, check_input, start_state
from companion.runtime import whole

__all__ = ["GRU", "LSTM", "RNN"]


class _Layers(nn.Module):
    """What all layers share: weights under the names that torch.nn gives them, and the walk."""

    gates, parts = 1, "h"
    scan: type[Function] = RNNScan

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        num_layers = whole("num_layers", num_layers, 1)
        dropout = number("dropout", dropout, "a rate from 0 to 1", lambda p: 0 <= p <= 1)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bidirectional, self.dropout = bidirectional, dropout
        self.directions = ("", "_reverse") if bidirectional else ("",)
        for layer in range(num_layers):
            width = len(self.directions) * hidden_size if layer else input_size
            for direction in self.directions:
                add_weights(self, f"_l{layer}{direction}", self.gates, width, hidden_size)

    def _run(
        self, x: Tensor, state: Any, lengths: Tensor | Sequence[int] | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the output and the parts of the last state."""
        check_input(x, "(B, T, D)", self.input_size, self.get_parameter("weight_ih_l0").dtype)
        (B, T), scans = x.shape[:2], self.num_layers * len(self.directions)
        first = start_state(x, state, self.parts, (scans, B, self.hidden_size))
        rows = Rows.of(_checked_lengths(lengths, B, T), T, x.device)
        y = rows.pack(x)  # (B, T, D) -> (R, D)
        last: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            if layer:
                y = dropout(y, self.dropout, self.training)
            both = []
            for direction in self.directions:
                names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                weights = [getattr(self, f"{name}_l{layer}{direction}") for name in names]
                begin = [part[len(last), rows.order] for part in first]
                seen = y.index_select(0, rows.mirror) if direction else y
                h, *rest = self.scan.apply(rows, seen, *weights, *begin)
                last.append((h[rows.last], *rest))
                both.append(h.index_select(0, rows.mirror) if direction else h)
            y = torch.cat(both, 1) if self.bidirectional else h  # (R, 2H) or (R, H)
        back = rows.order.argsort()
        parts = [torch.stack(part)[:, back] for part in zip(*last, strict=True)]
        return rows.unpack(y, T), tuple(parts)


class RNN(_Layers):
    """Simple recurrent layers, each step as in :class:`RNNCell`; takes the weights of torch.nn.RNN.

    Called as ``layers(x, state=None, lengths=None)``.

    Parameters
    ----------
    input_size, hidden_size
        D and H, 1 or more.
    num_layers
        L, 1 or more; each further layer reads the outputs of the one below.
    bidirectional
        Whether each layer also reads from the end, with weights of its own.
    dropout
        Rate at which, in training, the values between two layers are set to zero.

    Raises
    ------
    TypeError, ValueError
        If a parameter is out of range, or the layers are called with what does not fit.

    References
    ----------
    Elman (1990). The chapter on recurrent networks.

    Examples
    --------
    >>> output, h = RNN(3, 5, num_layers=2)(torch.zeros(4, 7, 3))  # (B, T, D)
    >>> output.shape, h.shape  # (B, T, H), (L, B, H)
    (torch.Size([4, 7, 5]), torch.Size([2, 4, 5]))
    """

    def forward(
        self,
        x: Tensor,
        state: Tensor | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the outputs of the last layer and the last state of every layer.

        Parameters
        ----------
        x
            Shape (B, T, D).
        state
            The state to begin with, shape (L, B, H), or (2L, B, H) if bidirectional: each layer's
            two directions side by side. Zeros if there is none.
        lengths
            How many steps of each sequence count, B whole numbers from 1 to T; the rest is
            padding. All of them if not given.

        Returns
        -------
        output : Tensor
            h_t of the last layer, shape (B, T, H), or (B, T, 2H) if bidirectional: forwards, then
            backwards. Zero at padding.
        state : Tensor
            The state after the last step that counts, in the shape above. A layer that reads from
            the end starts at that step and ends at the first.
        """
        output, (h,) = self._run(x, state, lengths)
        return output, h


class LSTM(_Layers):
    """Layers of :class:`LSTMCell`; for the parameters see :class:`RNN`.

    Called as :class:`RNN`, but the state is a pair (h, c). It takes the weights of torch.nn.LSTM.

    References
    ----------
    Hochreiter and Schmidhuber (1997); the gate f: Gers, Schmidhuber and Cummins (2000).
    The chapter on recurrent networks.

    Examples
    --------
    >>> lstm = LSTM(3, 5, bidirectional=True)
    >>> output, (h, c) = lstm(torch.zeros(4, 7, 3), lengths=[7, 2, 1, 5])  # (B, T, D)
    >>> output.shape, h.shape, c.shape  # (B, T, 2H), (2L, B, H), (2L, B, H)
    (torch.Size([4, 7, 10]), torch.Size([2, 4, 5]), torch.Size([2, 4, 5]))
    """

    gates, parts, scan = 4, "hc", LSTMScan

    def forward(
        self,
        x: Tensor,
        state: Pair | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
    ) -> tuple[Tensor, Pair]:
        """Return the outputs of the last layer and the last (h, c) of every layer."""
        output, (h, c) = self._run(x, state, lengths)
        return output, (h, c)


class GRU(_Layers):
    """Layers of :class:`GRUCell`; for the parameters see :class:`RNN`.

    Called as :class:`RNN`. It takes the weights of torch.nn.GRU.

    References
    ----------
    Cho et al. (2014). The chapter on recurrent networks.

    Examples
    --------
    >>> output, h = GRU(3, 5)(torch.zeros(4, 7, 3))  # (B, T, D)
    >>> output.shape, h.shape  # (B, T, H), (L, B, H)
    (torch.Size([4, 7, 5]), torch.Size([1, 4, 5]))
    """

    gates, scan = 3, GRUScan

    def forward(
        self,
        x: Tensor,
        state: Tensor | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the outputs of the last layer and the last state of every layer."""
        output, (h,) = self._run(x, state, lengths)
        return output, h


def _checked_lengths(lengths: Tensor | Sequence[int] | None, B: int, T: int) -> Tensor:
    """Return how many steps of each sequence count, (B,) on the CPU."""
    if lengths is None:
        return torch.full((B,), T)
    counts = torch.as_tensor(lengths).cpu()
    if counts.dtype == torch.bool or counts.is_floating_point() or counts.is_complex():
        raise TypeError(f"lengths must be whole numbers, got dtype {counts.dtype}")
    if counts.shape != (B,) or counts.min() < 1 or counts.max() > T:
        raise ValueError(f"lengths must be {B} numbers from 1 to {T}, got {counts.tolist()}")
    return counts.long()
