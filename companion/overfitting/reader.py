"""A small reader of reviews with a place for each remedy, and its training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from companion.gradients import BatchNorm
from companion.overfitting.noise import Dropout
from companion.overfitting.penalties import Adam, ProximalL1
from companion.runtime import whole
from companion.text import Vocabulary
from companion.training import History, fit

__all__ = ["Batches", "Reader", "encode", "learn", "measure"]

Tokens = Sequence[str]


class Reader(nn.Module):
    r"""Judge a text by its pairs of neighbours.

    .. math:: h_t = \text{relu}(W [e_{t-1}; e_t] + b), \qquad s = u \cdot \sum_t a_t h_t + c

    where e are the words' vectors. Each pair counts alike, or has a learned share a.

    Parameters
    ----------
    vocabulary_size
        V; id 0 is padding.
    width
        H, of vectors and of pairs.
    dropout
        How probably a number of a word's vector, or of the whole text's, is set to 0.
    norm
        Whether the text's vector goes through batch norm.
    attention
        Whether the shares are learned: a softmax over :math:`v \cdot h_t`.

    Examples
    --------
    >>> Reader(100)(torch.tensor([[5, 7, 0], [9, 0, 0]])).shape  # (B, T) -> (B,)
    torch.Size([2])
    """

    def __init__(
        self,
        vocabulary_size: int,
        width: int = 16,
        *,
        dropout: float = 0.0,
        norm: bool = False,
        attention: bool = False,
    ) -> None:
        super().__init__()
        whole("vocabulary_size", vocabulary_size, 1)
        whole("width", width, 1)
        self.embed = nn.Embedding(vocabulary_size, width, padding_idx=0)
        self.pair = nn.Linear(2 * width, width)
        self.share = nn.Linear(width, 1) if attention else None
        self.norm = BatchNorm(width) if norm else nn.Identity()
        self.judge = nn.Linear(width, 1)
        self.drop = Dropout(dropout)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the logit of praise for each text: (B, T) -> (B,)."""
        if ids.ndim != 2:
            raise ValueError(f"ids must have shape (B, T), got {tuple(ids.shape)}")
        words = self.drop(self.embed(ids))  # (B, T, H)
        before = nn.functional.pad(words, (0, 0, 1, -1))
        pairs = torch.relu(self.pair(torch.cat([before, words], dim=2)))
        there = (ids > 0).to(words.dtype)  # (B, T)
        if self.share is None:
            shares = there / there.sum(dim=1, keepdim=True).clamp(min=1)
        else:
            score = self.share(pairs)[..., 0].masked_fill(ids == 0, -1e9)
            shares = score.softmax(dim=1) * there
        text = torch.einsum("bt,bth->bh", shares, pairs)
        verdict: Tensor = self.judge(self.drop(self.norm(text)))[:, 0]
        return verdict


def encode(texts: Sequence[Tokens], vocabulary: Vocabulary, *, length: int = 96) -> Tensor:
    """Number the words of texts: the last ``length`` of each, zeros behind.

    Parameters
    ----------
    texts
        Each a list of words.
    vocabulary
        With ``<pad>`` as 0, and ``<unk>``.
    length
        T.

    Returns
    -------
    Tensor
        int64, shape (N, T).

    Examples
    --------
    >>> encode([["good"], ["not", "good"]], Vocabulary(["not", "good"]), length=3)
    tensor([[2, 0, 0],
            [3, 2, 0]])
    """
    whole("length", length, 1)
    known, unknown = {word: i for i, word in enumerate(vocabulary)}, vocabulary["<unk>"]
    ids = np.zeros((len(texts), length), dtype=np.int64)
    for row, text in zip(ids, texts, strict=True):
        last = text[-length:]
        row[: len(last)] = [known.get(word, unknown) for word in last]
    return torch.from_numpy(ids)


class Batches:
    """Texts in batches, shuffled anew and, if you like, changed anew in every epoch.

    Parameters
    ----------
    texts, labels
        N of each.
    vocabulary, length
        As for :func:`encode`.
    augment
        Makes a new text of each before every epoch; None leaves them.
    size
        How many texts a batch has.
    generator
        Shuffles them.

    Raises
    ------
    ValueError
        If there are not as many labels as texts, or none.

    Examples
    --------
    >>> texts = [["good"], ["bad"], ["fine"]]
    >>> batches = Batches(texts, [1, 0, 1], Vocabulary(["good", "bad"]), length=4, size=2,
    ...                   generator=np.random.default_rng(0))
    >>> [ids.shape for ids, labels in batches]
    [torch.Size([2, 4]), torch.Size([1, 4])]
    """

    def __init__(
        self,
        texts: Sequence[Tokens],
        labels: Sequence[int],
        vocabulary: Vocabulary,
        *,
        length: int = 96,
        augment: Callable[[Tokens], Tokens] | None = None,
        size: int = 50,
        generator: np.random.Generator,
    ) -> None:
        if len(texts) != len(labels) or not len(texts):
            raise ValueError(f"each text needs a label, got {len(texts)} and {len(labels)}")
        self.texts, self.augment = texts, augment
        self.size, self.generator = whole("size", size, 1), generator
        self._encode = partial(encode, vocabulary=vocabulary, length=length)
        self._labels = torch.as_tensor(np.asarray(labels), dtype=torch.float32)
        self._ids = self._encode(texts)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        ids = (
            self._ids if self.augment is None else self._encode(list(map(self.augment, self.texts)))
        )
        order = torch.from_numpy(self.generator.permutation(len(ids)))
        for rows in order.split(self.size):
            yield ids[rows], self._labels[rows]


def learn(
    model: nn.Module,
    batches: Batches,
    *,
    epochs: int = 15,
    lr: float = 0.01,
    l1: float = 0.0,
    l2: float = 0.0,
    decay: float = 0.0,
    validate: Callable[[nn.Module], dict[str, float]] | None = None,
    stop: Callable[[History], bool] | None = None,
) -> History:
    """Train a reader by Adam, with any price on its weights.

    Parameters
    ----------
    model, batches, epochs, validate, stop
        As for ``companion.training.fit``.
    lr
        The rate.
    l1, l2, decay
        The prices of :class:`ProximalL1` and :class:`Adam`.

    Returns
    -------
    History
    """
    adam = partial(Adam, l2=l2, decay=decay)
    optimizer: torch.optim.Optimizer = adam(model.parameters(), lr=lr)
    if l1:
        optimizer = ProximalL1(model.parameters(), lr, l1=l1, inner=adam)
    loss = nn.functional.binary_cross_entropy_with_logits
    return fit(model, batches, loss, optimizer, epochs=epochs, validate=validate, stop=stop)


def measure(model: nn.Module, ids: Tensor, labels: Tensor) -> dict[str, float]:
    """Return a reader's accuracy and loss, in evaluation mode and without gradients.

    Parameters
    ----------
    model
        Gives a logit for each text.
    ids, labels
        Shapes (N, T) and (N,).

    Returns
    -------
    dict
        ``"accuracy"``, and ``"loss"`` in nats.
    """
    was_training = model.training
    model.eval()
    with torch.no_grad():
        logits, labels = model(ids), labels.float()
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels)
    model.train(was_training)
    right = ((logits > 0) == (labels > 0.5)).float().mean()
    return {"accuracy": right.item(), "loss": loss.item()}
