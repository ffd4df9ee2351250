"""One way through a recurrent layer and back: ours, torch.nn, a loop over its cell, Keras.

python -m benchmarks.recurrent --impl ours --size lstm
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from companion import recurrent

IMPLS = ("ours", "torch", "keras")
SIZES = {"lstm": "LSTM", "loop": "LSTM", "gru": "GRU"}  # in "loop" torch goes cell by cell
B, T, D, H = 32, 100, 128, 256
WARM, TIMED = 10, 20
Forward = Callable[[torch.Tensor], torch.Tensor]


def problem(kind: str) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    """Return torch's layer with the first weights, x (B, T, D) and dL/d output (B, T, H)."""
    with torch.random.fork_rng():
        torch.manual_seed(2026)
        layer = getattr(torch.nn, kind)(D, H, batch_first=True)
        return layer, torch.randn(B, T, D, requires_grad=True), torch.randn(B, T, H)


def ours(kind: str, theirs: torch.nn.Module) -> tuple[Forward, list[Any]]:
    """Return companion.recurrent's layer with the same weights."""
    layer = getattr(recurrent, kind)(D, H)
    layer.load_state_dict(theirs.state_dict())
    return lambda x: layer(x)[0], list(layer.parameters())


def layer_of_torch(_: str, theirs: torch.nn.Module) -> tuple[Forward, list[Any]]:
    """Return torch's own layer."""
    return lambda x: theirs(x)[0], list(theirs.parameters())


def loop_of_torch(_: str, theirs: torch.nn.Module) -> tuple[Forward, list[Any]]:
    """Return a loop over torch's cell."""
    cell = torch.nn.LSTMCell(D, H)
    cell.load_state_dict({key.removesuffix("_l0"): w for key, w in theirs.state_dict().items()})

    def forward(x: torch.Tensor) -> torch.Tensor:
        state, outputs = None, []
        for x_t in x.unbind(1):
            state = cell(x_t, state)
            outputs.append(state[0])
        return torch.stack(outputs, 1)

    return forward, list(cell.parameters())


def keras(kind: str, theirs: torch.nn.Module) -> tuple[Forward, list[Any]]:
    """Return Keras' layer on torch; it has one bias where torch has two."""
    os.environ["KERAS_BACKEND"] = "torch"
    from keras import layers

    layer = getattr(layers, kind)(H, return_sequences=True)
    layer.build((B, T, D))
    w_ih, w_hh, b_ih, b_hh = (w.detach() for w in theirs.parameters())
    layer.set_weights([w_ih.T.numpy(), w_hh.T.numpy(), (b_ih + b_hh).numpy()])
    return layer, [weight.value for weight in layer.trainable_weights]


def measure(impl: str, size: str) -> dict[str, Any]:
    """Return the length of the gradient of x and both weights, and the median time of a pass."""
    kind = SIZES[size]
    torch_side = loop_of_torch if size == "loop" else layer_of_torch
    make = {"ours": ours, "torch": torch_side, "keras": keras}[impl]
    theirs, x, slope = problem(kind)
    forward, weights = make(kind, theirs)
    times = []
    for _ in range(WARM + TIMED):
        x.grad = None
        for weight in weights:
            weight.grad = None
        start = time.perf_counter()
        forward(x).backward(slope)
        times.append(time.perf_counter() - start)
    squares = [tensor.grad.double().square().sum() for tensor in (x, *weights[:2])]
    return {
        "impl": impl,
        "size": size,
        "ms": 1e3 * statistics.median(times[WARM:]),
        "gradient": round(float(sum(squares)) ** 0.5, 2),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--impl", choices=IMPLS, required=True)
    parser.add_argument("--size", choices=list(SIZES), default="lstm")
    choice = parser.parse_args()
    print(json.dumps(measure(choice.impl, choice.size)))
