"""One training loop for every chapter: any model, any batches, a history, a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from companion.runtime import progress, whole

__all__ = ["Diverged", "History", "fit"]


@dataclass
class History:
    """What a training run left behind.

    Attributes
    ----------
    steps
        The loss of each step, in order.
    epochs
        One entry an epoch: its mean loss under ``"loss"``, and what ``validate`` measured.
    """

    steps: list[float] = field(default_factory=list)
    epochs: list[dict[str, float]] = field(default_factory=list)


class Diverged(FloatingPointError):
    """The loss became infinite or NaN; ``history`` holds the run up to that step."""

    def __init__(self, history: History, loss: float) -> None:
        super().__init__(
            f"the loss became {loss} at step {len(history.steps)}: "
            "try a smaller learning rate, or max_norm to clip the gradients"
        )
        self.history = history


def fit(
    model: nn.Module,
    batches: Iterable[Sequence[Tensor]],
    loss: Callable[[Any, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    *,
    epochs: int = 1,
    max_norm: float | None = None,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
    validate: Callable[[nn.Module], Mapping[str, float]] | None = None,
    stop: Callable[[History], bool] | None = None,
) -> History:
    """Train a model and say how it went.

    Parameters
    ----------
    model
        Any module; it is left in training mode or not, as it came.
    batches
        Gives, anew in every epoch, batches ``(input, ..., target)`` on the model's device.
    loss
        Called as ``loss(model(input, ...), target)``; returns a scalar.
    optimizer
        Updates the model's parameters.
    epochs
        How often to go through the batches, 1 or more.
    max_norm
        If given, gradients are scaled down to this Euclidean norm where they exceed it.
    scheduler
        If given, moves the learning rate on after each step.
    validate
        Called after each epoch with the model in evaluation mode, without gradients; its numbers
        go into the history.
    stop
        Called after each epoch with the history; training ends where it returns True.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If ``epochs`` is below 1, or an epoch has no batch.
    Diverged
        If the loss is infinite or NaN. No step is taken on it.

    Examples
    --------
    >>> model = nn.Linear(1, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> batch = torch.zeros(4, 1), torch.ones(4, 1)  # (N, D), (N, K)
    >>> len(fit(model, [batch], nn.functional.mse_loss, optimizer, epochs=3).epochs)
    3
    """
    whole("epochs", epochs, 1)
    history, was_training = History(), model.training
    try:
        with progress(epochs) as bar:
            for _ in range(epochs):
                model.train()
                mean = _epoch(model, batches, loss, optimizer, max_norm, scheduler, history)
                history.epochs.append({"loss": mean, **_measure(model, validate)})
                bar.set_postfix({name: f"{x:.3f}" for name, x in history.epochs[-1].items()})
                bar.update()
                if stop is not None and stop(history):
                    break
    finally:
        model.train(was_training)
    return history


def _epoch(
    model: nn.Module,
    batches: Iterable[Sequence[Tensor]],
    loss: Callable[[Any, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    max_norm: float | None,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None,
    history: History,
) -> float:
    """Go through the batches once and return the mean loss of the examples."""
    total, count = 0.0, 0
    for *inputs, target in batches:
        optimizer.zero_grad()
        value = loss(model(*inputs), target)
        history.steps.append(value.item())
        if not torch.isfinite(value):
            raise Diverged(history, value.item())
        value.backward()
        if max_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        total, count = total + value.item() * len(target), count + len(target)
    if not count:
        raise ValueError(
            "batches gave nothing in this epoch: pass a list or a DataLoader, "
            "a generator is used up after one epoch"
        )
    return total / count


def _measure(
    model: nn.Module, validate: Callable[[nn.Module], Mapping[str, float]] | None
) -> dict[str, float]:
    """Return what ``validate`` finds, with the model in evaluation mode."""
    if validate is None:
        return {}
    model.eval()
    with torch.no_grad():
        return dict(validate(model))
