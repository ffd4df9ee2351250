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
Judged = tuple[Array, Array, Array]  # losses, logits, labels
Batch = tuple[Tensor, Tensor, Tensor]
Make = Callable[[list[Tensor]], torch.optim.Optimizer]


class Notes(list[tuple[set[bool], bool]]):
    """What was noted at each call; a copy of the model writes into the same notes."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Notes:
        return self


class Probe(nn.Module):
    """A model with a number for each word and dropout, which notes how it is called."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with seeded(seed):
            start = torch.randn(8) if seed else torch.tensor([0, 0.9, -0.4, 0.3, -1.7, 2.2, 0, -3])
        self.table = nn.Parameter(start)
        self.dropout = nn.Dropout(0.4)
        self.notes = Notes()  # the modes of its parts, and whether a gradient would come back

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Add up the numbers of the words: ids (B, T), lengths (B,) -> (B,)."""
        words = torch.arange(ids.shape[1]) < lengths[:, None]
        summed: Tensor = (self.dropout(self.table)[ids] * words).sum(1)
        self.notes.append(({part.training for part in self.modules()}, summed.requires_grad))
        return summed


def batches(*, turned: bool = False) -> list[Batch]:
    """Make batches of four, three, and one; three logits are 0, some lie between 0 and a half."""
    made = []
    for rows, labels in (
        ([[3, 0, 0], [4, 1, 2], [5, 4, 3], [6, 0, 0]], [1, 0, 1, 0]),
        ([[6, 6], [7, 0], [6, 0]], [1, 0, 1]),
        ([[5, 0, 0, 0]], [0]),
    ):
        ids, y = torch.tensor(rows), torch.tensor(labels, dtype=torch.float32)
        made.append((ids, (ids != 0).sum(1), 1 - y if turned else y))
    return made


def once(items: Sequence[Batch]) -> Iterator[Batch]:
    """Give the batches a single time, as a loader does within one epoch."""
    yield from items


def refuse_traces(model: Probe, training: bool) -> None:
    """Refuse to measure in another mode or with gradients, and to leave the model changed."""
    refuse_if(not model.notes, "Your function never asks the model.")
    trained = "Your model is in training mode while it is measured: dropout changes it."
    refuse_if(any(True in modes for modes, _ in model.notes), trained)
    slow = "You compute gradients that nobody needs: `with torch.no_grad():`."
    refuse_if(any(grad for _, grad in model.notes), slow)
    was = "training" if training else "evaluation"
    left = f"The model came in {was} mode, and you leave it in the other."
    refuse_if(model.training is not training, left)
    modes = {module.training for module in model.modules()}
    refuse_if(modes != {training}, "You leave parts of the model in another mode than it has.")
    frozen = "You switch the gradients of the model's weights off, and it learns no more."
    refuse_if(not model.table.requires_grad, frozen)
    came = Probe().table
    other = "You leave the model's weights as other numbers, or of another kind, than they were."
    refuse_if(model.table.dtype != came.dtype or not torch.equal(model.table, came), other)


def judged(model: Probe, items: Sequence[Batch]) -> list[Judged]:
    """Return losses, logits and labels of each batch, as a model in use gives them."""
    model = copy.deepcopy(model).eval()
    found = []
    with torch.no_grad():
        for ids, lengths, labels in items:
            z = model(ids, lengths)
            losses = cross_entropy(z, labels, reduction="none")
            found.append((losses.numpy(), z.numpy(), labels.numpy()))
    return found


def mean_loss(found: list[Judged]) -> float:
    """Return the mean loss of a review."""
    return float(np.concatenate([losses for losses, *_ in found]).mean())


def share(found: list[Judged], right: Callable[..., Array] = lambda z, y: (z > 0) == y) -> float:
    """Return the share of reviews of whose logit and label something is true."""
    return float(np.concatenate([right(z, y) for _, z, y in found]).mean())


N = 8  # reviews in the batches
MEAN_LOSSES: dict[str, Callable[..., float]] = {
    "You average the losses of batches. The last holds one review.": lambda found: float(
        np.mean([losses.mean() for losses, *_ in found])
    ),
    "This is the loss of the last batch.": lambda found: found[-1][0].mean(),
    "You add the losses up. Asked is their mean.": lambda found: N * mean_loss(found),
    "The pair is turned round: the loss comes first.": share,
}
SHARES: dict[str, Callable[..., float]] = {
    "You average the accuracies of batches. The last holds one review.": lambda found: float(
        np.mean([share([batch]) for batch in found])
    ),
    "This is the accuracy of the last batch.": lambda found: share(found[-1:]),
    "You count the right ones. Asked is their share.": lambda found: N * share(found),
    "The threshold of a logit is 0, not a half.": lambda found: share(
        found, lambda z, y: (z > 0.5) == y
    ),
    "A logit of 0 is no praise: praise is above 0.": lambda found: share(
        found, lambda z, y: (z >= 0) == y
    ),
    "A negative logit is never right in yours: its `sign` is -1, and no label is.": lambda found: (
        share(found, lambda z, y: np.sign(z) == y)
    ),
    "A logit of 0 is never right in yours. It says 0, no praise.": lambda found: share(
        found, lambda z, y: z * (2 * y - 1) > 0
    ),
    "A logit of 0 is always right in yours. It says 0, no praise.": lambda found: share(
        found, lambda z, y: z * (2 * y - 1) >= 0
    ),
    "This is the share of wrong verdicts.": lambda found: 1 - share(found),
}


def trained(
    model: Probe, optimizer: torch.optim.Optimizer, items: Sequence[Batch], epochs: int
) -> None:
    """Train as the exercise asks for, with torch's chance."""
    model.train()
    for _ in range(epochs):
        for ids, lengths, labels in items:
            optimizer.zero_grad()
            cross_entropy(model(ids, lengths), labels).backward()
            optimizer.step()


def course(make: Make, items: Sequence[Batch], epochs: int) -> Array:
    """Return what is learned without a stop."""
    model = Probe()
    with seeded(6):
        trained(model, make([model.table]), items, epochs)
    return table_of(model)


def forgetful(make: Make, items: Sequence[Batch]) -> dict[str, Array]:
    """Return what is learned in two epochs and two more, where something is lost between them."""
    slips = {}
    for lost in ("the weights", "the optimizer's memory", "the state of chance"):
        partly, rest = Probe(), Probe(seed=5)
        optimizer, fresh = make([partly.table]), make([rest.table])
        with seeded(6):
            trained(partly, optimizer, items, 2)
            chance = torch.get_rng_state()
        if lost != "the weights":
            rest.load_state_dict(partly.state_dict())
        if lost != "the optimizer's memory":
            fresh.load_state_dict(optimizer.state_dict())
        with seeded(77):
            if lost != "the state of chance":
                torch.set_rng_state(chance)
            trained(rest, fresh, items, 2)
        slips[f"You go on without {lost}."] = table_of(rest)
    return slips


def table_of(model: Probe) -> Array:
    """Return a copy of what a model has learned."""
    return model.table.detach().double().numpy().copy()


def refuse_lost_gradient(name: str, result: Any, start: Tensor) -> Tensor:
    """Return the gradient that comes back from a result, or refuse one from which none does."""
    lost = f"No gradient comes back through your `{name}`: no detach, no numpy, no new tensor."
    refuse_if(not isinstance(result, Tensor) or not result.requires_grad, lost)
    (slope,) = torch.autograd.grad(result.sum(), start, allow_unused=True)
    if slope is None:
        refuse(lost)
    wild = (
        f"The gradient that comes back through your `{name}` is NaN. Where `torch.where` does not "
        "choose a formula, its gradient is still computed, and 0 times infinity is NaN."
    )
    refuse_if(not bool(torch.isfinite(slope).all()), wild)
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
