"""A map learned from the same first weights: our SOM, six libraries, a loop, the bare product.

python -m benchmarks.som --impl ours --size digits
python -m benchmarks.som --samples 1000000 --units 400
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from companion.som import SelfOrganizingMap, quantization_error, topographic_error

SIZES = {"digits": (20, 20), "large": (40, 10), "online": (20, 3)}  # side of the map, epochs
RATES = 0.5, 0.05  # online, first and last
REPEATS, ENOUGH = 5, 3.0  # fits that are timed, unless they take more seconds than this
D = 64
Job = Callable[[], Any]  # -> weights (R, C, D)


@dataclass(frozen=True)
class Problem:
    """What all sides are given: samples (N, D), first weights (R, C, D), the schedule."""

    size: str
    x: Any
    first: Any
    widths: Any  # of the neighbourhood, one an epoch
    rates: Any

    @property
    def end(self) -> float:
        """The width after the last epoch, where several libraries want their schedule to end."""
        return float(self.widths[-1] ** 2 / self.widths[-2])


def problem(size: str) -> Problem:
    """Return the digits, or 50,000 samples around 200 centres, with samples as first weights."""
    side, epochs = SIZES[size]
    rng = np.random.default_rng(2026)
    if size == "large":
        centres = rng.normal(size=(200, D))
        x = centres[rng.integers(200, size=50_000)] + rng.normal(0, 0.5, (50_000, D))
    else:
        x = load_digits().data
    first = x[rng.choice(len(x), side * side, replace=False)].reshape(side, side, D)
    widths, rates = np.geomspace(side / 2, 1, epochs), np.geomspace(*RATES, epochs)
    return Problem(size, x.astype(np.float32), first.astype(np.float32), widths, rates)


def ours(p: Problem) -> Job:
    """Return the fit of companion.som."""
    settings: dict[str, Any] = {
        "epochs": len(p.widths),
        "initial": p.first,
        "sigma": (p.widths[0], p.widths[-1]),
        "rate": RATES,
        "method": "online" if p.size == "online" else "batch",
        "shuffle": False,
    }
    return lambda: SelfOrganizingMap(*p.first.shape[:2], **settings).fit(p.x).weights_


def minisom(p: Problem) -> Job:
    """Return MiniSom's fit; its width takes no function of one's own except by assignment."""
    from minisom import MiniSom

    def job() -> Any:
        rates = p.rates if p.size == "online" else np.ones_like(p.rates)
        som = MiniSom(*p.first.shape, p.widths[0], 1, decay_function=lambda _, t, n: rates[t])
        som._sigma_decay_function = lambda _, t, n: p.widths[t]
        som._weights = p.first.copy()
        if p.size == "online":
            som.train(p.x, len(p.widths), use_epochs=True)
        else:
            som.train_batch_offline(p.x, len(p.widths))
        return som.get_weights()

    return job


def somoclu(p: Problem) -> Job:
    """Return somoclu's fit, with a whole Gaussian; it ends with one more search."""
    from somoclu import Somoclu

    if find_spec("_somoclu_wrap") is None:
        raise SystemExit(
            "somoclu is here without its binary. With a C++ compiler and no nvcc on the PATH:\n"
            "pip install --no-build-isolation --no-cache-dir --force-reinstall --no-deps somoclu"
        )
    rows, columns, _ = p.first.shape
    schedule = {"radius0": p.widths[0], "radiusN": p.end, "radiuscooling": "exponential"}

    def job() -> Any:
        first = p.first.reshape(-1, D).copy()
        som = Somoclu(columns, rows, first, compactsupport=False, std_coeff=1.0)
        som.train(p.x, len(p.widths), scale0=1, scaleN=1, **schedule)
        return som.codebook

    return job


def xpysom(p: Problem) -> Job:
    """Return XPySom's fit on numpy, 256 samples at a time, which was its fastest."""
    from xpysom import XPySom

    def job() -> Any:
        schedule = {"sigma": p.widths[0], "sigmaN": p.end, "std_coeff": 1.0}
        som = XPySom(*p.first.shape, **schedule, n_parallel=256, xp=np)
        som._weights = p.first.copy()
        som.train(p.x, len(p.widths))
        return som.get_weights()

    return job


def susi(p: Problem) -> Job:
    """Return SuSi's fit by its batch rule."""
    from susi import SOMClustering

    rows, columns, _ = p.first.shape
    settings = {"train_mode_unsupervised": "batch", "neighborhood_mode_unsupervised": "min"}
    som = SOMClustering(rows, columns, n_iter_unsupervised=len(p.widths), n_jobs=1, **settings)
    usual = som._init_unsuper_som

    def begin() -> None:
        usual()
        som.unsuper_som_ = p.first.astype(float)
        som.radius_max_, som.radius_min_ = p.widths[0], p.end

    som._init_unsuper_som = begin
    return lambda: som.fit(p.x).unsuper_som_


def torchsom(p: Problem) -> Job:
    """Return torchsom's fit: no batch rule, so mini-batches of 64 at rate 1."""
    import torch
    from torchsom import SOM

    x = torch.from_numpy(p.x)

    def job() -> Any:
        settings = {"batch_size": 64, "search_backend": "torch", "device": "cpu"}
        som = SOM(*p.first.shape, epochs=len(p.widths), **settings)
        som.lr_schedule, som.sigma_schedule = torch.ones(len(p.widths)), torch.tensor(p.widths)
        som.weights.data = torch.tensor(p.first)
        som.fit(x, verbose=False)
        return som.weights.numpy()

    return job


def sklearn_som(p: Problem) -> Job:
    """Return sklearn-som's step for each sample; it divides by sigma^2, not by 2 sigma^2."""
    from sklearn_som.som import SOM

    def job() -> Any:
        som = SOM(*p.first.shape)
        som.weights = p.first.reshape(-1, D).copy()
        for width, rate in zip(p.widths, p.rates, strict=True):
            som.sigma, som.lr = width * 2**0.5, rate
            for sample in p.x:
                som.step(sample)
        return som.weights

    return job


def loop(p: Problem) -> Job:
    """Return the rule as it is first written down: over samples, and over units."""
    import torch

    rows, columns, _ = p.first.shape
    places = [(row, column) for row in range(rows) for column in range(columns)]

    def job() -> Any:
        w = torch.tensor(p.first)
        for width, rate in zip(p.widths, p.rates, strict=True):
            for sample in torch.from_numpy(p.x):
                gaps = {place: float((sample - w[place]).norm()) for place in places}
                best = min(gaps, key=gaps.__getitem__)
                for place in places:
                    pull = rate * math.exp(-(math.dist(place, best) ** 2) / (2 * width**2))
                    w[place] += pull * (sample - w[place])
        return w.numpy()

    return job


def limit(p: Problem) -> Job:
    """Return the product of samples and weights alone, block by block into one buffer."""
    import torch

    w = torch.from_numpy(p.first).flatten(0, 1)
    blocks = torch.from_numpy(p.x).split(2**18 // len(w))
    scores = torch.empty(len(blocks[0]), len(w))

    def job() -> None:
        for _ in p.widths:
            for block in blocks:
                torch.mm(block, w.T, out=scores[: len(block)])

    return job


SIDES = {
    "ours": ours,
    "minisom": minisom,
    "somoclu": somoclu,
    "xpysom": xpysom,
    "susi": susi,
    "torchsom": torchsom,
    "sklearn-som": sklearn_som,
    "loop": loop,
    "limit": limit,
}


def measure(impl: str, size: str) -> dict[str, Any]:
    """Return the median time of a fit, and the two errors of its weights, by our functions."""
    p = problem(size)
    job = SIDES[impl](p)
    times: list[float] = []
    while len(times) < REPEATS and sum(times) < ENOUGH:
        start = time.process_time()
        weights = job()
        times.append(time.process_time() - start)
    result = {"impl": impl, "size": size, "ms": 1e3 * statistics.median(times)}
    if weights is not None:
        first = np.asarray(weights, dtype=np.float32).reshape(p.first.shape)
        som = SelfOrganizingMap(*first.shape[:2], epochs=0, initial=first).fit(p.x)
        result["quantization"] = round(quantization_error(som, p.x), 4)
        result["topographic"] = round(topographic_error(som, p.x), 4)
    return result


def memory(kind: str) -> float:
    """Return the memory of this process in MiB as Linux counts it: VmRSS now, VmHWM at most."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition(f"{kind}:")[2].split()[0]) / 1024


def growth(samples: int, units: int, epochs: int = 5) -> dict[str, Any]:
    """Return what our batch fit takes: time for an epoch, and memory beyond the samples."""
    side = math.isqrt(units)
    x = np.random.default_rng(2026).standard_normal((samples, D), dtype=np.float32)
    SelfOrganizingMap(2, 2, epochs=1).fit(x[:1000])  # loads what a fit needs
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # VmHWM begins anew
    before = memory("VmRSS")
    start = time.process_time()
    SelfOrganizingMap(side, side, epochs=epochs).fit(x)
    seconds = (time.process_time() - start) / epochs
    return {
        "samples": samples,
        "units": side * side,
        "seconds": seconds,
        "ns": 1e9 * seconds / (samples * side * side),
        "mib": memory("VmHWM") - before,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--impl", choices=list(SIDES), default="ours")
    parser.add_argument("--size", choices=list(SIZES), default="digits")
    parser.add_argument("--samples", type=int, help="measure instead how our fit grows")
    parser.add_argument("--units", type=int, default=400)
    choice = parser.parse_args()
    grown = choice.samples and growth(choice.samples, choice.units)
    print(json.dumps(grown or measure(choice.impl, choice.size)))
