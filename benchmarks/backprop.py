"""One training step of the same small network: our engine, micrograd, HIPS autograd, torch.

python -m benchmarks.backprop --impl ours --size small
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

IMPLS = ("ours", "micrograd", "autograd", "torch")
SIZES = {  # layer widths, batch size, steps whose loss is compared, steps that are timed
    "small": ((2, 16, 16, 1), 32, 20, 1000),
    "wide": ((64, 256, 256, 10), 128, 20, 60),
}
RATE = 0.05
Step = Callable[[], float]


def problem(size: str) -> tuple[list[Any], Any, Any]:
    """Return first weights, inputs (N, D) and targets (N, K), the same for everybody."""
    widths, batch, _, _ = SIZES[size]
    rng = np.random.default_rng(2026)
    weights: list[Any] = []
    for fan_in, fan_out in pairwise(widths):
        weights += [rng.normal(0, fan_in**-0.5, (fan_in, fan_out)), np.zeros(fan_out)]
    x = rng.normal(size=(batch, widths[0]))
    return weights, x, np.sign(rng.normal(size=(batch, widths[-1])))


def loss_of(weights: Sequence[Any], x: Any, y: Any, relu: Callable[[Any], Any]) -> Any:
    """Return the mean hinge loss max(0, 1 - y s), written for any library of arrays."""
    *hidden, last, bias = weights
    for w, b in zip(hidden[::2], hidden[1::2], strict=True):
        x = relu(x @ w + b)
    return relu(1 - y * (x @ last + bias))


def ours(size: str) -> Step:
    """Return a step of companion.backprop."""
    from companion.backprop import Tensor

    start, x, y = problem(size)
    weights: list[Any] = [Tensor(w, requires_grad=True) for w in start]
    inputs, targets = Tensor(x), Tensor(y)

    def step() -> float:
        loss = loss_of(weights, inputs, targets, Tensor.relu).mean()
        loss.backward()
        for w in weights:
            w.data, w.grad = w.data - RATE * w.grad, None
        return float(loss.item())

    return step


def torch(size: str) -> Step:
    """Return a step of torch, float64 like all."""
    import torch

    start, x, y = problem(size)
    weights = [torch.tensor(w, requires_grad=True) for w in start]
    inputs, targets = torch.tensor(x), torch.tensor(y)
    optimizer = torch.optim.SGD(weights, lr=RATE)

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of(weights, inputs, targets, torch.relu).mean()
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def autograd(size: str) -> Step:
    """Return a step of HIPS autograd."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    weights, x, y = problem(size)
    both = value_and_grad(lambda w: anp.mean(loss_of(w, x, y, lambda t: anp.maximum(t, 0))))

    def step() -> float:
        loss, gradients = both(weights)
        for w, g in zip(weights, gradients, strict=True):
            w -= RATE * g
        return float(loss)

    return step


def micrograd(size: str) -> Step:
    """Return a step of micrograd, number by number."""
    from micrograd.nn import MLP

    if size != "small":
        raise SystemExit("micrograd works number by number: the wide network would take minutes")
    start, x, y = problem(size)
    widths = SIZES[size][0]
    model = MLP(widths[0], list(widths[1:]))
    for layer, (w, b) in zip(model.layers, zip(start[::2], start[1::2], strict=True), strict=True):
        for neuron, column, bias in zip(layer.neurons, w.T, b, strict=True):
            neuron.b.data = float(bias)
            for weight, value in zip(neuron.w, column, strict=True):
                weight.data = float(value)

    def step() -> float:
        losses = [
            (1 - float(t[0]) * model(list(map(float, row)))).relu()
            for row, t in zip(x, y, strict=True)
        ]
        loss = sum(losses) * (1.0 / len(losses))
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= RATE * p.grad
        return float(loss.data)

    return step


def measure(impl: str, size: str) -> dict[str, Any]:
    """Return the loss after the compared steps, and the median time of a step after them."""
    step: Step = {"ours": ours, "torch": torch, "autograd": autograd, "micrograd": micrograd}[impl](
        size
    )
    _, _, compared, timed = SIZES[size]
    losses = [step() for _ in range(compared)]
    times = []
    for _ in range(5 if impl == "micrograd" else timed):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return {
        "impl": impl,
        "size": size,
        "ms": 1e3 * statistics.median(times),
        "loss": round(losses[-1], 10),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--impl", choices=IMPLS, required=True)
    parser.add_argument("--size", choices=list(SIZES), default="small")
    choice = parser.parse_args()
    print(json.dumps(measure(choice.impl, choice.size)))
