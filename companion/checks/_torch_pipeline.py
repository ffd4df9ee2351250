"""Small models, batches and rows, and what slips make of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from companion.checks._compare import close, numbers, refuse, refuse_if
from companion.runtime import seeded

Array = NDArray[np.float64]
Judged = tuple[Array, Array, Array]
Batch = tuple[Tensor, Tensor, Tensor]


class Probe(nn.Module):
    """A model with a number for each word and dropout, which notes how it is called."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with seeded(seed):
            start = torch.randn(8) if seed else torch.tensor([0, 0.9, -0.4, 0.3, -1.7, 2.2, 0, -3])
        self.table = nn.Parameter(start)
        self.dropout = nn.Dropout(0.4)
        self.modes: list[tuple[bool, bool]] = []

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Add up the numbers of the words: ids (B, T), lengths (B,) -> (B,)."""
        self.modes.append((self.training, torch.is_grad_enabled()))
        words = torch.arange(ids.shape[1]) < lengths[:, None]
        summed: Tensor = (self.dropout(self.table)[ids] * words).sum(1)
        return summed


def batches() -> list[Batch]:
    """Make batches of four, three, and a single review; a logit is 0, some lie between 0 and 1."""
    made = []
    for rows, labels in (
        ([[3, 0, 0], [2, 0, 0], [5, 4, 3], [6, 0, 0]], [1, 0, 1, 0]),
        ([[4, 1], [7, 5], [3, 0]], [1, 0, 1]),
        ([[5, 0, 0, 0]], [0]),
    ):
        ids = torch.tensor(rows)
        made.append((ids, (ids != 0).sum(1), torch.tensor(labels, dtype=torch.float32)))
    return made


def once(items: Sequence[Batch]) -> Iterator[Batch]:
    """Give the batches a single time, as a loader does within one epoch."""
    yield from items


def judged(model: Probe) -> list[Judged]:
    """Return losses, hits and logits of each batch, as a model in use gives them."""
    model = copy.deepcopy(model).eval()
    found = []
    with torch.no_grad():
        for ids, lengths, labels in batches():
            z = model(ids, lengths)
            losses = cross_entropy(z, labels, reduction="none")
            found.append((losses.numpy(), ((z > 0) == (labels > 0)).numpy(), z.numpy()))
    return found


def trained(model: Probe, optimizer: torch.optim.Optimizer, epochs: int) -> None:
    """Train as the exercise asks for, with torch's chance."""
    model.train()
    for _ in range(epochs):
        for ids, lengths, labels in batches():
            optimizer.zero_grad()
            cross_entropy(model(ids, lengths), labels).backward()
            optimizer.step()


def table_of(model: Probe) -> Array:
    """Return a copy of what a model has learned."""
    return model.table.detach().double().numpy().copy()


def refuse_lost_gradient(name: str, result: Any, start: Tensor) -> Tensor:
    """Return the gradient that comes back from a result, or refuse one from which none does."""
    lost = f"No gradient comes back through your `{name}`: no detach, no numpy, no new tensor."
    refuse_if(not isinstance(result, Tensor) or not result.requires_grad, lost)
    (slope,) = torch.autograd.grad(result.sum(), start, allow_unused=True)
    if slope is None or not torch.isfinite(slope).all():
        refuse(lost)
    found: Tensor = slope
    return found


def refuse_shape_of_losses(shape: tuple[int, ...], n: int) -> None:
    """Refuse losses of n reviews in another shape than (n,), and say where it comes from."""
    lost = "With a single review your losses have shape (). Asked is (1,)."
    refuse_if(n == 1 and shape == (), lost)
    crossed = "You have a loss for each logit with each label: (B, 1) met (B,)."
    refuse_if(n > 1 and shape == (n, n), crossed)
    refuse_if(n > 1 and shape in ((), (1,)), "You give one number. Asked is a loss a review.")
    refuse_if(shape == (n, 1), f"Your losses have shape ({n}, 1). Asked is ({n},).")


def loss(z: Array, y: Array) -> Array:
    """Return the cross-entropy of each logit."""
    return np.logaddexp(0, -z) + (1 - y) * z


def sigmoid(z: Array) -> Array:
    """Return the probability that a logit says."""
    return 1 / (1 + np.exp(-z))


LOSSES: dict[str, Callable[..., Array]] = {
    "The labels are the wrong way round.": lambda z, y: loss(z, 1 - y),
    "You take the sigmoid twice over.": lambda z, y: loss(sigmoid(z), y),
    "Reviews with label 0 cost nothing in yours.": lambda z, y: y * loss(z, y),
    "Reviews with label 1 cost nothing in yours.": lambda z, y: (1 - y) * loss(z, y),
    "You square the error of the probability. Asked is the logarithm.": lambda z, y: (
        (sigmoid(z) - y) ** 2
    ),
}
STATES: dict[str, Callable[..., Array]] = {
    "You take the last step, word or padding.": lambda h, ids: h[:, -1],
    "You count the words and go so far from the left. In rows padded in front the words stand "
    "elsewhere.": lambda h, ids: h[np.arange(4), (ids != 0).sum(1) - 1],
    "Number 1 is a word, like all but 0.": lambda h, ids: h[
        np.arange(4), [np.flatnonzero(row > 1)[-1] for row in ids]
    ],
    "You take the first word.": lambda h, ids: h[np.arange(4), (ids != 0).argmax(1)],
    "You take the step after the last word.": lambda h, ids: h[
        np.arange(4), [(np.flatnonzero(row)[-1] + 1) % 5 for row in ids]
    ],
    "You take the step before the last word.": lambda h, ids: h[
        np.arange(4), [np.flatnonzero(row)[-1] - 1 for row in ids]
    ],
    "You average over the words. Asked is what was said at the last.": lambda h, ids: (
        (h * (ids != 0)[:, :, None]).sum(1) / (ids != 0).sum(1)[:, None]
    ),
}


def last_words(output: Array, ids: Array) -> Array:
    """Return the output at the last word of each row, zeros where there is none."""
    picked = np.zeros((len(ids), output.shape[2]))
    for b, row in enumerate(ids):
        words = np.flatnonzero(row)
        if words.size:
            picked[b] = output[b, words[-1]]
    return picked


def f1_of(truth: Array, guess: Array, wanted: int) -> float:
    """Return F1 of one class, 0 where it is of nothing."""
    hits = np.sum((truth == wanted) & (guess == wanted))
    both = np.sum(truth == wanted) + np.sum(guess == wanted)
    return float(2 * hits / both) if both else 0.0


def mean_f1(truth: Array, guess: Array, classes: int) -> float:
    """Return macro F1."""
    return float(np.mean([f1_of(truth, guess, k) for k in range(classes)]))


def present_f1(truth: Array, guess: Array, classes: int) -> float:
    """Leave out the classes that occur nowhere."""
    there = np.union1d(truth, guess)
    return float(np.mean([f1_of(truth, guess, int(k)) for k in there]))


def weighted_f1(truth: Array, guess: Array, classes: int) -> float:
    """Weigh the classes by how frequent they are."""
    return float(np.mean([f1_of(truth, guess, int(k)) for k in truth]))


def f1_of_means(truth: Array, guess: Array, classes: int) -> float:
    """Average precision and recall first."""
    p, r = (mean_share(*pair, classes) for pair in ((guess, truth), (truth, guess)))
    return 2 * p * r / (p + r) if p + r else 0.0


def mean_share(of: Array, other: Array, classes: int) -> float:
    """Return the mean over the classes of the share of ``of`` that ``other`` agrees with."""
    shares = []
    for k in range(classes):
        whole = np.sum(of == k)
        shares.append(np.sum((of == k) & (other == k)) / whole if whole else 0.0)
    return float(np.mean(shares))


def mean_accuracy(truth: Array, guess: Array, classes: int) -> float:
    """Average, over the classes, how often *this class or not* is right."""
    return float(np.mean([np.mean((truth == k) == (guess == k)) for k in range(classes)]))


def padded(rows: Sequence[Sequence[int]], *, front: bool = False) -> Array:
    """Pad rows behind, or in front."""
    width = max(map(len, rows))
    return np.array(
        [
            [0] * (width - len(row)) + [*row] if front else [*row] + [0] * (width - len(row))
            for row in rows
        ],
        dtype=float,
    )


def same(got: Any, want: Array) -> bool:
    """Say whether a result can be read as numbers of this shape and these values."""
    read = numbers(got)
    return read.shape == want.shape and close(read, want)


def bucketed(lengths: Sequence[int], order: Sequence[int], size: int, pool: int) -> list[list[int]]:
    """Sort each pool by length, and cut it into batches."""
    made = []
    for start in range(0, len(order), pool):
        rows = sorted(order[start : start + pool], key=lambda i: lengths[i])
        made += [rows[i : i + size] for i in range(0, len(rows), size)]
    return made
