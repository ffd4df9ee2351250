"""A classifier that reads a review word by word, up to its last word and no further."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from companion._numbers import number
from companion.runtime import whole

__all__ = ["Classifier", "last_valid"]

KINDS = ("RNN", "LSTM", "GRU")


def last_valid(output: Tensor, lengths: Tensor) -> Tensor:
    """Return what a recurrent layer said at the last word of each text.

    Parameters
    ----------
    output
        Shape (B, T, H), the texts padded behind.
    lengths
        Shape (B,), from 1 to T.

    Returns
    -------
    Tensor
        Shape (B, H).

    Examples
    --------
    >>> output = torch.arange(6.0).reshape(2, 3, 1)  # (B, T, H)
    >>> last_valid(output, torch.tensor([3, 1]))  # (B, H)
    tensor([[2.],
            [3.]])
    """
    return output[torch.arange(len(output), device=output.device), lengths - 1]


class Classifier(nn.Module):
    """Word vectors, recurrent layers, one logit: how far a review is praise.

    Parameters
    ----------
    vocabulary_size
        V, with padding, which is number 0.
    kind
        ``"RNN"``, ``"LSTM"`` or ``"GRU"``.
    width, hidden
        How many numbers a word's vector and the state have, D and H.
    num_layers
        1 or more.
    bidirectional
        Whether another row of layers reads from the last word to the first.
    pool
        ``"last"``: judge by what was said at the last word, of the other direction at the first;
        ``"max"``: by the largest value of each feature over the words.
    dropout
        Rate at which, in training, entries of word vectors, of what is judged by, and between
        layers are set to zero.

    Raises
    ------
    TypeError, ValueError
        If a parameter is none of these.

    References
    ----------
    The chapters on a PyTorch pipeline and on recurrent networks.

    Examples
    --------
    >>> model = Classifier(100, kind="GRU")
    >>> model(torch.tensor([[4, 7], [5, 0]]), torch.tensor([2, 1])).shape  # (B, T), (B,) -> (B,)
    torch.Size([2])
    """

    def __init__(
        self,
        vocabulary_size: int,
        *,
        kind: str = "LSTM",
        width: int = 32,
        hidden: int = 32,
        num_layers: int = 1,
        bidirectional: bool = False,
        pool: str = "last",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        if pool not in ("last", "max"):
            raise ValueError(f"pool must be 'last' or 'max', got {pool!r}")
        self.config = {
            "vocabulary_size": whole("vocabulary_size", vocabulary_size, 1),
            "kind": kind,
            "width": whole("width", width, 1),
            "hidden": whole("hidden", hidden, 1),
            "num_layers": whole("num_layers", num_layers, 1),
            "bidirectional": bool(bidirectional),
            "pool": pool,
            "dropout": number("dropout", dropout, "a rate from 0 to below 1", lambda p: 0 <= p < 1),
        }
        self.embedding = nn.Embedding(vocabulary_size, width, padding_idx=0)
        inner = dropout if num_layers > 1 else 0.0
        self.rnn: nn.Module
        if bidirectional:
            self.rnn = _BothWays(kind, width, hidden, num_layers, inner)
        else:
            layer = getattr(nn, kind)
            self.rnn = layer(width, hidden, num_layers, batch_first=True, dropout=inner)
        self.fc = nn.Linear(hidden * (2 if bidirectional else 1), 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return one logit for each text: ids (B, T), lengths (B,) -> (B,)."""
        x = self.dropout(self.embedding(ids))  # (B, T, D)
        if self.config["bidirectional"]:
            output, pooled = self.rnn(x, lengths)  # (B, T, 2H), (B, 2H)
        else:
            output, _ = self.rnn(x)  # (B, T, H)
            pooled = last_valid(output, lengths)
        if self.config["pool"] == "max":
            padding = torch.arange(ids.shape[1], device=ids.device) >= lengths[:, None]  # (B, T)
            pooled = output.masked_fill(padding[:, :, None], -torch.inf).amax(1)
        logits: Tensor = self.fc(self.dropout(pooled))
        return logits.squeeze(1)  # that axis alone: (B, 1) -> (B,)


class _BothWays(nn.Module):
    """Layers that read from the first word and from the last; padding is never read first."""

    def __init__(self, kind: str, width: int, hidden: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        layer, self.dropout = getattr(nn, kind), nn.Dropout(dropout)
        widths = [width, *[2 * hidden] * (num_layers - 1)]
        self.there, self.back = (
            nn.ModuleList(layer(each, hidden, batch_first=True) for each in widths)
            for _ in range(2)
        )

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return what was said at each word, and at the last by one and the first by the other."""
        steps = torch.arange(x.shape[1], device=x.device)
        mirror = torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
        for i, (there, back) in enumerate(zip(self.there, self.back, strict=True)):
            x = self.dropout(x) if i else x
            ahead, _ = there(x)  # (B, T, H)
            behind, _ = back(_turned(x, mirror))
            x = torch.cat([ahead, _turned(behind, mirror)], 2)  # (B, T, 2H)
        return x, torch.cat([last_valid(ahead, lengths), last_valid(behind, lengths)], 1)


def _turned(x: Tensor, mirror: Tensor) -> Tensor:
    """Turn the words of each row round and leave its padding behind."""
    return x.gather(1, mirror[:, :, None].expand_as(x))
