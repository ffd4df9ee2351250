"""Networks that carry a state from word to word: RNN, LSTM, GRU, and a writer that uses them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import dropout, linear

from companion._scan import GRUScan, LSTMScan, RNNScan, Rows

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


# All steps, and layers on layers.


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
        if num_layers < 1:
            raise ValueError(f"num_layers must be 1 or more, got {num_layers}")
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout must be a rate from 0 to 1, got {dropout}")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bidirectional, self.dropout = bidirectional, dropout
        self.directions = ("", "_reverse") if bidirectional else ("",)
        for layer in range(num_layers):
            width = len(self.directions) * hidden_size if layer else input_size
            for direction in self.directions:
                _add_weights(self, f"_l{layer}{direction}", self.gates, width, hidden_size)

    def _run(
        self, x: Tensor, state: Any, lengths: Tensor | Sequence[int] | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the output and the parts of the last state."""
        _check_input(x, "(B, T, D)", self.input_size, self.get_parameter("weight_ih_l0").dtype)
        (B, T), scans = x.shape[:2], self.num_layers * len(self.directions)
        first = _begin(x, state, self.parts, (scans, B, self.hidden_size))
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
    Elman (1990). Chapter 08.

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
    Chapter 08.

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
    Cho et al. (2014). Chapter 08.

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


def _drawn(shape: tuple[int, ...], hidden_size: int) -> nn.Parameter:
    """Return weights drawn evenly from -1/sqrt(H) to 1/sqrt(H), as torch.nn does."""
    limit = hidden_size**-0.5
    return nn.Parameter(torch.empty(shape).uniform_(-limit, limit))


def _add_weights(
    module: nn.Module, end: str, gates: int, input_size: int, hidden_size: int, bias: bool = True
) -> None:
    """Give a module its weights from x and from h, in torch's order and with this end of name."""
    for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
        if size < 1:
            raise ValueError(f"{name} must be 1 or more, got {size}")
    wide = gates * hidden_size
    shapes = {"weight_ih": (wide, input_size), "weight_hh": (wide, hidden_size)}
    for name, shape in {**shapes, "bias_ih": (wide,), "bias_hh": (wide,)}.items():
        kept = bias or name.startswith("weight")
        module.register_parameter(name + end, _drawn(shape, hidden_size) if kept else None)


def _check_input(x: Tensor, shape: str, input_size: int, dtype: torch.dtype) -> None:
    """Refuse an input that the weights cannot read."""
    given = getattr(x, "dtype", type(x).__name__)
    if given != dtype:
        raise TypeError(f"x must be a tensor of the weights' dtype, {dtype}, got {given}")
    if x.dim() != len(shape.split()) or x.shape[-1] != input_size or not x.numel():
        raise ValueError(
            f"x must have shape {shape} with D = {input_size}, none of them 0, got {tuple(x.shape)}"
        )


def _begin(x: Tensor, state: Any, parts: str, shape: tuple[int, ...]) -> tuple[Tensor, ...]:
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


# A writer.


def generate(
    model: nn.Module,
    prompt: Tensor,
    *,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    eos: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Let a language model continue a text, token by token.

    Token v is drawn with probability

    .. math:: p_v = \frac{e^{s_v / \tau}}{\sum_u e^{s_u / \tau}}

    where s are the logits of the step and :math:`\tau` is the temperature. Each step hands on the
    state, so the model reads every token once.

    Parameters
    ----------
    model
        Called as ``model(ids, state)`` with ids (1, T), and None as the first state; returns
        ``(logits, state)`` with logits (1, T, V). It runs in evaluation mode, without gradients.
    prompt
        Token ids, whole numbers of shape (T,), 1 or more.
    max_new_tokens
        How many tokens to add at most, 0 or more.
    temperature
        Above 0: near 0 the likeliest token always wins, at 1 the model is taken at its word.
    top_k
        If given, only the k likeliest tokens can be drawn; with 1, always the likeliest.
    top_p
        If given, only the likeliest tokens can be drawn, as few as together have this probability,
        above 0 and up to 1. ``top_k`` comes first.
    eos
        The token that ends the text. It is not returned.
    generator
        Where chance comes from, on the device of the logits; torch's default if not given.

    Returns
    -------
    Tensor
        The prompt and what follows, int64 of shape (T + new,).

    Raises
    ------
    TypeError, ValueError
        If one of these is out of range.

    References
    ----------
    Holtzman et al. (2020) for ``top_p``. Chapter 08.

    Examples
    --------
    >>> class Next(nn.Module):
    ...     def forward(self, ids, state):  # the next token is the last one plus 1
    ...         return nn.functional.one_hot(ids + 1, 10).float(), state
    >>> generate(Next(), torch.tensor([2, 3]), max_new_tokens=9, top_k=1, eos=7)
    tensor([2, 3, 4, 5, 6])
    """
    _check_choice(prompt, max_new_tokens, temperature, top_k, top_p)
    modes = [(module, module.training) for module in model.modules()]
    text = unread = prompt.long()
    state = None
    model.eval()
    try:
        with torch.no_grad():
            for _ in range(max_new_tokens):
                logits, state = model(unread.unsqueeze(0), state)
                if logits.dim() != 3:
                    raise ValueError(f"logits must have shape (1, T, V), got {tuple(logits.shape)}")
                unread = _draw(logits[0, -1], temperature, top_k, top_p, generator)
                if unread == eos:
                    break
                text = torch.cat([text, unread])
    finally:
        for module, mode in modes:
            module.training = mode
    return text


def _draw(
    logits: Tensor,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    generator: torch.Generator | None,
) -> Tensor:
    """Return one token, shape (1,), drawn by its logits (V,)."""
    logits, token = logits.float().sort(descending=True, stable=True)
    likeliest = (logits[:top_k] - logits[0]) / temperature
    p = likeliest.softmax(0)
    if top_p is not None:
        before = p.cumsum(0) - p  # what the likelier tokens have together
        p = p * (before < top_p)
    return token[p.multinomial(1, generator=generator)]


def _check_choice(
    prompt: Tensor, max_new_tokens: int, temperature: float, top_k: int | None, top_p: float | None
) -> None:
    """Refuse what nobody can draw from."""
    if not isinstance(prompt, Tensor) or prompt.is_floating_point() or prompt.dtype == torch.bool:
        got = prompt.dtype if isinstance(prompt, Tensor) else type(prompt).__name__
        raise TypeError(f"prompt must be a tensor of whole numbers, got {got}")
    if prompt.dim() != 1 or not len(prompt):
        raise ValueError(f"prompt must have shape (T,), T at least 1, got {tuple(prompt.shape)}")
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens must be 0 or more, got {max_new_tokens}")
    if not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be above 0 and finite, got {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be 1 or more, got {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and up to 1, got {top_p}")
