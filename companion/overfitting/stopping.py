"""Stop while the model is at its best, and go back to that state."""

from __future__ import annotations

import copy
import math
from typing import Any

from torch import nn

from companion._numbers import number
from companion.runtime import whole
from companion.training import History

__all__ = ["EarlyStopping"]


class EarlyStopping:
    """Watch a number, say when it has not improved for a while, remember the best state.

    It decides as ``keras.callbacks.EarlyStopping`` does, with ``restore_best_weights``. Hand it
    to ``companion.training.fit`` as ``stop``, or call ``step`` in a loop of your own; then
    ``restore``.

    Parameters
    ----------
    patience
        After how many epochs in a row without an improvement to stop. 0 and 1 are the same.
    model
        Whose best state to remember; without one there is nothing to restore.
    monitor
        What to watch, a name in the history's epochs.
    mode
        ``"min"`` for a loss, ``"max"`` for an accuracy.
    min_delta
        By how much more than this a number must be better to count, 0 or more.

    Attributes
    ----------
    best : float
        The best number so far.
    best_epoch, epoch : int
        When that was, and how many epochs were seen, counted from 1; 0 before the first.
    stopped : bool
        Whether it has said stop.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as said. By a call: if the history has no such number.

    Notes
    -----
    NaN is no improvement, even as the first number; there Keras takes it for the best for good.

    References
    ----------
    Prechelt (1998). The chapter on overfitting.

    Examples
    --------
    >>> stop = EarlyStopping(2)
    >>> [stop.step(loss) for loss in (0.7, 0.5, 0.6, 0.55)]
    [False, False, False, True]
    >>> stop.best_epoch, stop.best
    (2, 0.5)
    """

    def __init__(
        self,
        patience: int = 0,
        *,
        model: nn.Module | None = None,
        monitor: str = "val_loss",
        mode: str = "min",
        min_delta: float = 0.0,
    ) -> None:
        self.patience = whole("patience", patience, 0)
        self.min_delta = number("min_delta", min_delta, "0 or more", lambda x: 0 <= x < math.inf)
        if model is not None and not isinstance(model, nn.Module):
            raise TypeError(f"model must be a torch module, got {type(model).__name__}")
        if mode not in ("min", "max"):
            raise ValueError(f"mode must be 'min' or 'max', got {mode!r}")
        self.model, self.monitor, self.mode = model, monitor, mode
        self.best = math.inf if mode == "min" else -math.inf
        self.best_epoch = self.epoch = 0
        self.stopped = False
        self._waited, self._state = 0, None if model is None else _copy(model)

    def step(self, value: float) -> bool:
        """Take the number of one more epoch, and say whether to stop."""
        value = number("value", value, "a real number", lambda x: True)
        self.epoch += 1
        self._waited += 1
        gain = self.best - value if self.mode == "min" else value - self.best
        if gain > self.min_delta:
            self.best, self.best_epoch, self._waited = value, self.epoch, 0
            if self.model is not None:
                self._state = _copy(self.model)
        elif self._waited >= self.patience and self.epoch > 1:
            self.stopped = True
        return self.stopped

    def __call__(self, history: History) -> bool:
        """Take the last epoch of a history, and say whether to stop."""
        if not history.epochs or self.monitor not in history.epochs[-1]:
            there = ", ".join(history.epochs[-1]) if history.epochs else "no epoch"
            raise ValueError(f"monitor must be in the history ({there}), got {self.monitor!r}")
        return self.step(history.epochs[-1][self.monitor])

    def restore(self) -> None:
        """Bring the model back to its best epoch; to where it began, if none was better."""
        if self.model is None or self._state is None:
            raise ValueError("there is no state to restore: pass model")
        self.model.load_state_dict(self._state)


def _copy(model: nn.Module) -> dict[str, Any]:
    """Return a copy of all that a model holds, statistics of batch norm included."""
    return copy.deepcopy(model.state_dict())
