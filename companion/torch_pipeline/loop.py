"""Train, validate, keep the best, and go on after a crash as if nothing had happened."""

from __future__ import annotations

import copy
import io
import pickle
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from companion.runtime import whole, write_whole
from companion.training import History, fit

__all__ = ["evaluate", "judged", "train"]

UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    zipfile.BadZipFile,
)


def judged(model: nn.Module, batches: Iterable[Sequence[Tensor]]) -> tuple[Tensor, Tensor]:
    """Return a model's logits and the labels of all batches, as in use and not as in training.

    Parameters
    ----------
    model
        Called as ``model(ids, lengths)``; it is left in training mode or not, as it came.
    batches
        Give ``(ids, lengths, labels)``.

    Returns
    -------
    logits, labels : Tensor
        Shape (N,) each.

    Raises
    ------
    ValueError
        If there is no batch.

    Examples
    --------
    >>> from companion.torch_pipeline import Classifier
    >>> batch = torch.tensor([[4, 7], [5, 0]]), torch.tensor([2, 1]), torch.tensor([1.0, 0.0])
    >>> logits, labels = judged(Classifier(100), [batch, batch])
    >>> logits.shape, labels.shape  # (N,), (N,)
    (torch.Size([4]), torch.Size([4]))
    """
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            pairs = [(model(*inputs), labels) for *inputs, labels in batches]
    finally:
        model.train(was_training)
    if not pairs:
        raise ValueError("there is nothing to judge: batches gave no batch")
    logits, labels = zip(*pairs, strict=True)
    return torch.cat(logits), torch.cat(labels)


def evaluate(model: nn.Module, batches: Iterable[Sequence[Tensor]]) -> dict[str, float]:
    """Return mean loss and accuracy over all examples, whatever the batches' sizes.

    Parameters
    ----------
    model, batches
        As in :func:`judged`.

    Returns
    -------
    dict
        ``"validation loss"`` and ``"accuracy"``.

    Examples
    --------
    >>> class Sure(nn.Module):
    ...     def forward(self, ids, lengths):
    ...         return torch.full((len(ids),), 9.0)
    >>> batches = [(torch.ones(n, 1), torch.ones(n), torch.ones(n) * (n > 1)) for n in (3, 1)]
    >>> evaluate(Sure(), batches)["accuracy"]
    0.75
    """
    logits, labels = judged(model, batches)
    return {
        "validation loss": float(binary_cross_entropy_with_logits(logits, labels)),
        "accuracy": float(((logits > 0) == (labels > 0.5)).float().mean()),
    }


def train(
    model: nn.Module,
    batches: Iterable[Sequence[Tensor]],
    optimizer: torch.optim.Optimizer,
    *,
    validation: Iterable[Sequence[Tensor]],
    epochs: int,
    max_norm: float | None = 1.0,
    checkpoint: Path | None = None,
) -> History:
    """Train a classifier with labels 0 and 1, and leave its best state in it.

    After each epoch the loss on the validation part decides whether the state is the best so far.
    Chance is torch's own: call it inside of ``seeded``.

    Parameters
    ----------
    model
        Called as ``model(ids, lengths)``, gives logits (B,).
    batches, validation
        Give ``(ids, lengths, labels)``, anew in every epoch.
    optimizer
        Of the model's parameters.
    epochs
        How often to go through the batches, 1 or more, those before a crash among them.
    max_norm
        If given, gradients are scaled down to this norm where they exceed it.
    checkpoint
        A file that holds, after each epoch, all that is needed to go on. If it is there already,
        training goes on after its last epoch, and gives the same numbers as if it had never
        stopped. It is there whole or not at all.

    Returns
    -------
    History
        Of all epochs, with ``"validation loss"`` and ``"accuracy"`` beside the ``"loss"``.

    Raises
    ------
    ValueError
        If the checkpoint is damaged, or of another model or optimizer.
    Diverged
        As ``training.fit``.

    Examples
    --------
    >>> from companion.torch_pipeline import Classifier
    >>> batch = torch.tensor([[4, 7], [5, 0]]), torch.tensor([2, 1]), torch.tensor([1.0, 0.0])
    >>> model = Classifier(100)
    >>> adam = torch.optim.Adam(model.parameters())
    >>> len(train(model, [batch], adam, validation=[batch], epochs=2).epochs)
    2
    """
    whole("epochs", epochs, 1)
    history, best = History(), None
    if checkpoint is not None and Path(checkpoint).exists():
        history, best = _go_on(Path(checkpoint), model, optimizer)
    for _ in range(len(history.epochs), epochs):
        done = fit(
            model,
            batches,
            binary_cross_entropy_with_logits,
            optimizer,
            max_norm=max_norm,
            validate=lambda each: evaluate(each, validation),
        )
        history.steps += done.steps
        history.epochs += done.epochs
        losses = [epoch["validation loss"] for epoch in history.epochs]
        if best is None or losses[-1] < min(losses[:-1]):
            best = copy.deepcopy(model.state_dict())
        if checkpoint is not None:
            _keep(Path(checkpoint), model, optimizer, history, best)
    if best is not None:
        model.load_state_dict(best)
    return history


def _keep(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    history: History,
    best: dict[str, Tensor],
) -> None:
    """Write all that the next epoch hangs on."""
    cards = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    parts = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "best": best,
        "steps": history.steps,
        "epochs": history.epochs,
        "chance": torch.get_rng_state(),
        "chance on cards": cards,
    }
    buffer = io.BytesIO()
    torch.save(parts, buffer)
    write_whole(path, buffer.getvalue())


def _go_on(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[History, dict[str, Tensor]]:
    """Put a checkpoint's state into model, optimizer and chance; change nothing if it is wrong."""
    damaged = f"{path} is no checkpoint of train, or was cut short"
    content = io.BytesIO(path.read_bytes())
    try:
        parts: dict[str, Any] = torch.load(content, map_location="cpu", weights_only=True)
        states = parts["model"], parts["optimizer"], parts["best"]
        history = History(list(parts["steps"]), list(parts["epochs"]))
        chance, cards = parts["chance"], parts["chance on cards"]
    except (*UNREADABLE, KeyError, TypeError) as fault:
        raise ValueError(damaged) from fault
    _refuse_other(path, model, states[0])
    before = copy.deepcopy(optimizer.state_dict())
    try:
        optimizer.load_state_dict(states[1])
    except (ValueError, KeyError) as fault:
        optimizer.load_state_dict(before)
        raise ValueError(f"{path} belongs to another optimizer: {fault}") from None
    model.load_state_dict(states[0])
    torch.set_rng_state(chance)
    if cards:
        torch.cuda.set_rng_state_all(cards)
    return history, states[2]


def _refuse_other(path: Path, model: nn.Module, state: dict[str, Tensor]) -> None:
    """Refuse the weights of another model, and say where they differ."""
    mine = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    theirs = {name: tuple(value.shape) for name, value in state.items()}
    for name in sorted(mine.keys() | theirs.keys()):
        if mine.get(name) != theirs.get(name):
            raise ValueError(
                f"{path} is of another model: {name} has shape {theirs.get(name)} there, "
                f"{mine.get(name)} here"
            )
