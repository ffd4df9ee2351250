"""Run every benchmark, each side in its own process and in turn, and write book/speed.md."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from datetime import date
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from companion.runtime import write_whole

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
ROUNDS = 5
CASES: dict[str, dict[str, tuple[str, ...]]] = {  # a peer is called as its package is
    "backprop": {
        "small": ("ours", "micrograd", "autograd", "torch"),
        "wide": ("ours", "autograd", "torch"),
    },
    "recurrent": {
        "lstm": ("ours", "torch", "keras"),
        "loop": ("ours", "torch"),
        "gru": ("ours", "torch"),
    },
    "text": {"lines": ("ours", "keras-preprocessing")},
}
COLUMNS = {  # what is timed, which number shows that all sides did the same, its name, its form
    "backprop": ("a step", "loss", "loss at step 20", ".6f"),
    "recurrent": ("a pass", "gradient", "length of the gradient", ".2f"),
    "text": ("the job", "checksum", "checksum of the ids", ""),
}
TITLES = {
    ("backprop", "small"): "A training step of a 2-16-16-1 network, 32 examples (chapter 2)",
    ("backprop", "wide"): "A training step of a 64-256-256-10 network, 128 examples (chapter 2)",
    ("recurrent", "lstm"): "An LSTM of 256 units, 32 x 100 x 128 numbers, forward and backward",
    ("recurrent", "loop"): "The same LSTM beside a loop over torch.nn.LSTMCell",
    ("recurrent", "gru"): "A GRU of the same size, forward and backward",
    ("text", "lines"): "Fit a tokenizer to 50,000 lines, encode and pad them",
}


def once(room: str, size: str, impl: str) -> dict[str, Any]:
    """Run one side once, in a process of its own, on one thread."""
    command = [sys.executable, "-m", f"benchmarks.{room}", "--impl", impl, "--size", size]
    settings = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(room: str, size: str, impls: tuple[str, ...]) -> dict[str, Any]:
    """Run all sides in turn, several rounds, and return medians of the ratios to ours."""
    same = COLUMNS[room][1]
    rounds = [{impl: once(room, size, impl) for impl in impls} for _ in range(ROUNDS)]
    table = {}
    for impl in impls:
        ratios = [r[impl]["ms"] / r["ours"]["ms"] for r in rounds]
        table[impl] = {
            "ms": statistics.median(r[impl]["ms"] for r in rounds),
            "ratio": statistics.median(ratios),
            "low": min(ratios),
            "high": max(ratios),
            same: rounds[0][impl][same],
        }
    return table


def page() -> str:
    """Return the text of book/speed.md, made from the recorded results."""
    lines = [
        "# Speed",
        "",
        "Our rooms beside the libraries of the field: the same data, first weights and number of",
        "steps on both sides, one thread, each side in a process of its own, in turn. A ratio is",
        f"their time over ours: above 1, ours is faster. Medians of {ROUNDS} rounds, with the",
        "lowest and the highest ratio. The last column shows that all sides computed the same.",
        "`make bench` measures anew and writes this page. No test asserts a time.",
    ]
    for path in sorted(RESULTS.glob("*.json")):
        recorded = json.loads(path.read_text(encoding="utf-8"))
        timed, same, named, form = COLUMNS[path.stem]
        for size, table in recorded["sizes"].items():
            lines += ["", f"## {TITLES[path.stem, size]}", ""]
            lines += [f"| | time of {timed} | ratio to ours | lowest to highest | {named} |"]
            lines += ["|---|--:|--:|--:|--:|"]
            for impl, row in table.items():
                name = f"{impl} {recorded['versions'].get(impl, '')}".strip()
                spread = "" if impl == "ours" else f"{row['low']:,.2f} to {row['high']:,.2f}"
                lines.append(
                    f"| {name} | {row['ms']:.3f} ms | {row['ratio']:,.2f} | {spread} "
                    f"| {row[same]:{form}} |"
                )
        lines += ["", f"Measured on {recorded['machine']}, {recorded['date']}."]
    return "\n".join(lines) + "\n"


def machine() -> str:
    """Say what was measured on."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, numpy {version('numpy')}"
    )


def main() -> None:
    """Measure everything and write the results and the page."""
    for room, sizes in CASES.items():
        peers = {*chain(*sizes.values())} - {"ours"}
        result = {
            "sizes": {size: compare(room, size, impls) for size, impls in sizes.items()},
            "versions": {peer: version(peer) for peer in sorted(peers)},
            "machine": machine(),
            "date": date.today().isoformat(),
        }
        write_whole(RESULTS / f"{room}.json", json.dumps(result, indent=1) + "\n")
    write_whole(ROOT / "book" / "speed.md", page())


if __name__ == "__main__":
    main()
