"""One training loop for every chapter: any model, any batches, a history, a progress bar."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from companion._numbers import number
from companion.runtime import progress, whole

__all__ = ["Diverged", "History", "fit"]

NOT_TAKEN = "no step was taken; look for a quotient, root or logarithm of 0, or numbers too large"


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
    """The loss, its gradient or the weights became infinite or NaN.

    ``history`` holds the run up to that step.
    """

    def __init__(self, history: History, what: str, advice: str) -> None:
        super().__init__(f"{what} at step {len(history.steps)}: {advice}")
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
    TypeError, ValueError
        If ``epochs`` is below 1, ``max_norm`` is not above 0, or an epoch has no batch.
    Diverged
        If the loss or its gradient is infinite or NaN: no step is taken on it. Or if a step has
        made weights so; the message names them.

    Examples
    --------
    >>> model = nn.Linear(1, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> batch = torch.zeros(4, 1), torch.ones(4, 1)  # (N, D), (N, K)
    >>> len(fit(model, [batch], nn.functional.mse_loss, optimizer, epochs=3).epochs)
    3
    """
    whole("epochs", epochs, 1)
    if max_norm is not None:
        max_norm = number("max_norm", max_norm, "above 0", lambda x: x > 0)
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
    named = _trained(model, optimizer)
    rate = "try a smaller learning rate"
    clip = ", or max_norm to clip the gradients" if max_norm is None else ""
    for *inputs, target in batches:
        optimizer.zero_grad()
        value = loss(model(*inputs), target)
        history.steps.append(value.item())
        if not torch.isfinite(value):
            raise Diverged(history, f"the loss became {value.item()}", rate + clip)
        value.backward()
        sick = _sick({name: p.grad for name, p in named.items() if p.grad is not None})
        if sick:
            what = f"the loss is {value.item():.3g}, but its gradient is no finite number in {sick}"
            raise Diverged(history, what, NOT_TAKEN)
        if max_norm is not None:
            _clip(model, max_norm)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        total, count = total + value.item() * len(target), count + len(target)
    sick = _sick(named)
    if sick:
        raise Diverged(history, f"the weights are no finite numbers in {sick}", rate + clip)
    if not count:
        raise ValueError(
            "batches gave nothing in this epoch: pass a list or a DataLoader, "
            "a generator is used up after one epoch"
        )
    return total / count


def _trained(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return what the optimizer changes, by name."""
    name_of = {id(p): name for name, p in model.named_parameters()}
    held = [p for group in optimizer.param_groups for p in group["params"]]
    return {name_of.get(id(p), f"number {i} of the optimizer"): p for i, p in enumerate(held)}


def _sick(named: Mapping[str, Tensor]) -> str:
    """Name those that hold NaN or infinity, if any does."""
    with torch.no_grad():
        if math.isfinite(sum(float(values.sum()) for values in named.values())):
            return ""  # one such number would show in the sum
        held = {n: v.coalesce().values() if v.is_sparse else v for n, v in named.items()}
        return ", ".join(
            f"{name} ({'NaN' if values.isnan().any() else 'infinite'})"
            for name, values in held.items()
            if not values.isfinite().all()
        )


def _clip(model: nn.Module, max_norm: float) -> None:
    """Shorten a finite gradient to a norm, where it exceeds it."""
    try:
        nn.utils.clip_grad_norm_(model.parameters(), max_norm, error_if_nonfinite=True)
    except RuntimeError:  # 32 bits cannot hold the square of 1e20, and torch would take no step
        slopes = [p.grad for p in model.parameters() if p.grad is not None]
        total = math.hypot(*(slope.double().norm().item() for slope in slopes))
        for slope in slopes:
            slope *= min(1.0, max_norm / total)


def _measure(
    model: nn.Module, validate: Callable[[nn.Module], Mapping[str, float]] | None
) -> dict[str, float]:
    """Return what ``validate`` finds, with the model in evaluation mode."""
    if validate is None:
        return {}
    model.eval()
    with torch.no_grad():
        return dict(validate(model))
