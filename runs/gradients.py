"""Who still knows the first word: five recurrent readers, over growing distances and five seeds."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from companion.gradients import Reader, open_forget_gate, recall
from companion.runtime import device, seeded
from companion.training import fit

CELLS = "RNN", "GRU", "LSTM", "LSTM, bias 1", "LSTM, bias 3", "LSTM, bias 5"


def distances(
    cells: Sequence[str] = CELLS,
    *,
    distances: Sequence[int] = (10, 20, 40, 80),
    seeds: Sequence[int] = range(5),
    steps: int = 1000,
) -> dict[str, list[float]]:
    """Train each reader to name the first word of a text, and test it on 1,000 new texts.

    Parameters
    ----------
    cells
        The names of torch's layers. With ", bias b" the forget gates begin with the bias b.
    distances
        How many words follow the first one.
    seeds
        One training for each of them.
    steps
        Of 32 fresh texts each.

    Returns
    -------
    dict
        For each cell and distance the share of right answers, one number for each seed. A guess
        is right in a quarter of the cases.
    """
    found: dict[str, list[float]] = {}
    for cell in cells:
        for distance in distances:
            for seed in seeds:
                right = _trained_and_tested(cell, distance, seed=seed, steps=steps)
                found.setdefault(f"{cell}, {distance} words", []).append(right)
    return found


def _trained_and_tested(cell: str, distance: int, *, seed: int, steps: int) -> float:
    """Return the share of new texts whose first word a freshly trained reader can tell."""
    with seeded(seed):
        model = _reader(cell).to(device())
        lessons = [recall(32, distance) for _ in range(steps)]
        words, first = recall(1000, distance)
    home = [(x.to(device()), y.to(device())) for x, y in lessons]
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    fit(model, home, cross_entropy, optimizer, max_norm=1.0)
    with torch.no_grad():
        said = model(words.to(device())).argmax(1).cpu()
    right: float = (said == first).double().mean().item()
    return right


def _reader(cell: str) -> Reader:
    """Return an untrained reader of eight words that tells four of them apart."""
    kind, _, bias = cell.partition(", bias ")
    layer: nn.Module = getattr(nn, kind)(8, 32, batch_first=True)
    if bias:
        open_forget_gate(layer, float(bias))
    return Reader(layer, 4)


CLAIMS = {"distances": distances}
