"""From texts to batches: cut, number, pad, and put texts of like length together."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from companion.runtime import whole
from companion.text import Vocabulary

__all__ = ["Buckets", "Reviews", "collate", "padding_share", "tokenize"]

SIGNS = "!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~‘’“”„«»…–—¡¿、。「」！？，।"
WORD = re.compile(rf"[^\s{SIGNS}]+(?:['’][^\s{SIGNS}]+)*|[{SIGNS}]")
Example = tuple[Tensor, int]


def tokenize(text: str) -> list[str]:
    """Cut a text into words and signs, in lower case.

    An apostrophe inside of a word belongs to it, a hyphen parts. Words of a script without
    spaces, such as Chinese, stay glued together up to the next sign.

    Parameters
    ----------
    text
        Any text; line ends of every kind are spaces.

    Raises
    ------
    TypeError
        If it is no str.

    Examples
    --------
    >>> tokenize("It isn't dull, is it?")
    ['it', "isn't", 'dull', ',', 'is', 'it', '?']
    """
    if not isinstance(text, str):
        raise TypeError(f"a text must be a str, got {text!r}")
    return WORD.findall(unicodedata.normalize("NFC", text.lower()))


class Reviews(Dataset[Example]):
    """Texts as rows of numbers, each with its label, for a ``DataLoader``.

    Parameters
    ----------
    texts
        N texts. An empty one becomes a single unknown word, so that there is something to read.
    labels
        N whole numbers, 0 or more.
    vocabulary
        Gives the numbers; it must know ``"<unk>"``.

    Attributes
    ----------
    ids : list of Tensor
        The numbers of each text's words, int64.
    lengths : Tensor
        How many they are, shape (N,), 1 or more.

    Raises
    ------
    TypeError, ValueError
        If a text is no str, there is none, or texts and labels differ in number.

    Examples
    --------
    >>> vocabulary = Vocabulary("a dull film , a film".split())
    >>> Reviews(["A bad film!", ""], [0, 1], vocabulary)[0]
    (tensor([2, 1, 3, 1]), 0)
    """

    def __init__(self, texts: Iterable[str], labels: Iterable[int], vocabulary: Vocabulary) -> None:
        if isinstance(texts, str):
            raise TypeError("texts must be a list of texts, got one str")
        words = [tokenize(text) or ["<unk>"] for text in texts]
        self.ids = [torch.tensor([vocabulary[word] for word in each]) for each in words]
        self.labels = [whole("label", label, 0) for label in labels]
        if len(self.ids) != len(self.labels) or not words:
            raise ValueError(
                "texts and labels must be as many, at least one, "
                f"got {len(self.ids)} texts and {len(self.labels)} labels"
            )
        self.lengths = torch.tensor([len(row) for row in self.ids])

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Example:
        return self.ids[index], self.labels[index]


def collate(examples: Sequence[Example]) -> tuple[Tensor, Tensor, Tensor]:
    """Make one batch of examples: pad the rows behind with 0, and keep their lengths.

    Parameters
    ----------
    examples
        B pairs of numbers, shape (t,), and a label.

    Returns
    -------
    ids : Tensor
        int64, shape (B, T); T is the length of the longest.
    lengths : Tensor
        int64, shape (B,).
    labels : Tensor
        float32, shape (B,), as the loss wants them.

    Examples
    --------
    >>> ids, lengths, labels = collate([(torch.tensor([4, 7]), 1), (torch.tensor([5]), 0)])
    >>> ids
    tensor([[4, 7],
            [5, 0]])
    """
    rows, labels = zip(*examples, strict=True)
    ids = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)  # (B, T)
    lengths = torch.tensor([len(row) for row in rows])
    return ids, lengths, torch.tensor(labels, dtype=torch.float32)


class Buckets(Sampler[list[int]]):
    """Batches of texts of like length, in an order of chance: a ``batch_sampler``.

    In each epoch the texts are shuffled and cut into pools; a pool is sorted by length and cut
    into batches, and the batches of all pools are shuffled. Chance is torch's own, which
    ``seeded`` fixes.

    Parameters
    ----------
    lengths
        How long the N texts are.
    batch_size
        B; one batch of each pool, or the last, may be smaller.
    pool
        How many batches a pool holds. With 1, texts meet as chance has it.

    Raises
    ------
    TypeError, ValueError
        If a number is below 1, or there is no text.

    Examples
    --------
    >>> sorted(len(batch) for batch in Buckets([5, 3, 8, 3, 4], 2))
    [1, 2, 2]
    """

    def __init__(self, lengths: Sequence[int] | Tensor, batch_size: int, *, pool: int = 20) -> None:
        self.lengths = torch.as_tensor(lengths)
        self.batch_size, self.pool = whole("batch_size", batch_size, 1), whole("pool", pool, 1)
        if self.lengths.ndim != 1 or not len(self.lengths):
            raise ValueError(
                f"lengths must have shape (N,), 1 or more, got {tuple(self.lengths.shape)}"
            )

    def __iter__(self) -> Iterator[list[int]]:
        batches: list[Tensor] = []
        for rows in torch.randperm(len(self.lengths)).split(self.batch_size * self.pool):
            if self.pool > 1:
                rows = rows[self.lengths[rows].argsort(stable=True)]
            batches += rows.split(self.batch_size)
        for i in torch.randperm(len(batches)).tolist():
            yield batches[i].tolist()

    def __len__(self) -> int:
        full, rest = divmod(len(self.lengths), self.batch_size * self.pool)
        return full * self.pool + -(-rest // self.batch_size)


def padding_share(lengths: Sequence[int] | Tensor, batches: Iterable[Sequence[int]]) -> float:
    """Return which share of all cells of the batches is padding.

    Parameters
    ----------
    lengths
        How long the texts are.
    batches
        The rows of each batch, padded to its longest text.

    Examples
    --------
    >>> padding_share([2, 4, 2], [[0, 1], [2]])  # 2 of 10 cells
    0.2
    """
    counts = np.asarray(lengths)
    cells = [(counts[rows].max() * len(rows), counts[rows].sum()) for rows in map(list, batches)]
    held, words = np.sum(cells, axis=0)
    return float((held - words) / held)
