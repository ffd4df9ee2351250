"""Run every benchmark, each side in its own process and in turn, and write book/speed.md."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import Any

from companion.runtime import write_whole

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
ROUNDS = 5
FEWER = {("som", "large"): 3}  # where one side takes minutes
CASES: dict[str, dict[str, tuple[str, ...]]] = {  # a peer is called as its package is
    "backprop": {
        "small": ("ours", "micrograd", "autograd", "torch"),
        "wide": ("ours", "autograd", "torch"),
    },
    "overfitting": {"sentences": ("ours", "recipe")},
    "embeddings": {
        "skip-gram": ("ours", "gensim"),
        "cbow": ("ours", "gensim"),
        "glove": ("ours",),
    },
    "recurrent": {
        "lstm": ("ours", "torch", "keras"),
        "loop": ("ours", "torch"),
        "gru": ("ours", "torch"),
    },
    "som": {
        "digits": ("ours", "minisom", "somoclu", "xpysom", "susi", "torchsom", "limit"),
        "large": ("ours", "minisom", "somoclu", "xpysom", "torchsom", "limit"),
        "online": ("ours", "minisom", "sklearn-som", "loop"),
    },
    "text": {"lines": ("ours", "keras-preprocessing")},
}
OWN = {"ours", "limit", "loop", "recipe"}  # sides that are no package
COLUMNS: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    # what is timed, which numbers show that all sides did the same, their names, their forms
    "backprop": ("a step", {"loss": ("loss at step 20", ".6f")}),
    "overfitting": ("the job", {"words": ("words in a new sentence", ".2f")}),
    "embeddings": (
        "a million words, or a pass",
        {"precision": ("precision at 3", ".3f"), "analogies": ("analogies solved", ".3f")},
    ),
    "recurrent": ("a pass", {"gradient": ("length of the gradient", ".2f")}),
    "som": (
        "the fit",
        {
            "quantization": ("quantization error", ".3f"),
            "topographic": ("topographic error", ".4f"),
        },
    ),
    "text": ("the job", {"checksum": ("checksum of the ids", "")}),
}
TITLES = {
    ("backprop", "small"): (
        "A training step of a 2-16-16-1 network, 32 examples ({chapter}`backprop`)"
    ),
    ("backprop", "wide"): (
        "A training step of a 64-256-256-10 network, 128 examples ({chapter}`backprop`)"
    ),
    ("overfitting", "sentences"): "Change 12,000 sentences in four ways ({chapter}`overfitting`)",
    ("embeddings", "skip-gram"): (
        "Skip-gram: 2 million words of reviews, 100 numbers, 3 passes ({chapter}`embeddings`)"
    ),
    ("embeddings", "cbow"): "CBOW on the same texts",
    ("embeddings", "glove"): "GloVe on the same texts, 10 passes through the table of counts",
    ("recurrent", "lstm"): "An LSTM of 256 units, 32 x 100 x 128 numbers, forward and backward",
    ("recurrent", "loop"): "The same LSTM beside a loop over torch.nn.LSTMCell",
    ("recurrent", "gru"): "A GRU of the same size, forward and backward",
    ("som", "digits"): "A map of 20 x 20 units, 1,797 digits, 20 epochs of the batch rule",
    ("som", "large"): "A map of 40 x 40 units, 50,000 samples of 64 numbers, 10 epochs",
    ("som", "online"): "A map of 20 x 20 units, the digits one by one, 3 epochs",
    ("text", "lines"): "Fit a tokenizer to 50,000 lines, encode and pad them",
}
NOTES = {
    ("overfitting", "sentences"): (
        "*recipe* takes the steps that Wei and Zou (2019) describe, written anew: their code is no"
        " package. Both sides look synonyms up in one dictionary, where theirs asks WordNet."
    ),
    ("embeddings", "skip-gram"): (
        "Time of the processor for a million words. The learning rate of each side is the best of"
        " several on texts of another seed. Precision is that of the language's answer key."
    ),
    ("embeddings", "cbow"): (
        "gensim gives each word of a window the whole gradient of the mean, ours its share; so the"
        " rates differ, each the best for its side."
    ),
    ("embeddings", "glove"): (
        "Time of one pass, without the counting. GloVe's own program is no package: compile it and"
        " run `COMPANION_GLOVE=glove python -m benchmarks.embeddings --impl program --size glove`."
    ),
    ("som", "digits"): (
        "Time of the processor. The width of the neighbourhood falls from 10 to 1. *limit* is the"
        " product of samples and weights alone, 20 times: whoever compares each sample with each"
        " unit pays it. XPySom takes 256 samples at a time, its fastest. torchsom has no batch"
        " rule; its mini-batches of 64 at rate 1 come near. somoclu was compiled with g++, nvcc"
        " out of the way, by `pip install --no-build-isolation somoclu`; it ends with one more"
        " search."
    ),
    ("som", "large"): (
        f"Samples around 200 centres. {FEWER['som', 'large']} rounds, as one side takes minutes."
    ),
    ("som", "online"): "All sides move the same units by the same steps.",
}
GROWTH = [(n, 400) for n in (1_000, 10_000, 100_000, 1_000_000)]  # samples and units of our map
GROWTH += [(100_000, k) for k in (100, 1_600, 6_400)]


def once(room: str, **settings: object) -> dict[str, Any]:
    """Run one side once, in a process of its own, on one thread."""
    options = [text for name, value in settings.items() for text in (f"--{name}", str(value))]
    command = [sys.executable, "-m", f"benchmarks.{room}", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(room: str, size: str, impls: tuple[str, ...]) -> dict[str, Any]:
    """Run all sides in turn, several rounds, and return medians of the ratios to ours."""
    same = COLUMNS[room][1]
    rounds = [
        {impl: once(room, impl=impl, size=size) for impl in impls}
        for _ in range(FEWER.get((room, size), ROUNDS))
    ]
    table = {}
    for impl in impls:
        ratios = [r[impl]["ms"] / r["ours"]["ms"] for r in rounds]
        table[impl] = {
            "ms": statistics.median(r[impl]["ms"] for r in rounds),
            "ratio": statistics.median(ratios),
            "low": min(ratios),
            "high": max(ratios),
            **{key: value for key, value in rounds[0][impl].items() if key in same},
        }
    return table


def grow(room: str) -> list[dict[str, Any]]:
    """Return medians of what a fit of ours takes as samples and units become more."""
    rows = []
    for samples, units in GROWTH:
        rounds = [once(room, samples=samples, units=units) for _ in range(ROUNDS)]
        rows.append({key: statistics.median(r[key] for r in rounds) for key in rounds[0]})
    return rows


def rule(*names: str) -> list[str]:
    """Return the head of a table, whose first column has no name."""
    return [f"| | {' | '.join(names)} |", f"|---|{'--:|' * len(names)}"]


def growth(rows: list[dict[str, Any]]) -> list[str]:
    """Return the table of how our map grows."""
    lines = ["", "## Our map as it grows, 64 numbers a sample", ""]
    lines += rule("units", "an epoch", "for a sample and a unit", "memory beyond the samples")
    for row in rows:
        lines.append(
            f"| {row['samples']:,} samples | {row['units']:,} | {row['seconds']:.3f} s "
            f"| {row['ns']:.2f} ns | {row['mib']:.1f} MiB |"
        )
    return lines


def page() -> str:
    """Return the text of book/speed.md, made from the recorded results."""
    lines = [
        "# Speed",
        "",
        "Our rooms beside the libraries of the field: the same data, first weights and number of",
        "steps on both sides, one thread, each side in a process of its own, in turn. A ratio is",
        f"their time over ours: above 1, ours is faster. Medians of {ROUNDS} rounds, with the",
        "lowest and the highest ratio. The last columns show that all sides computed the same,",
        "or as well.",
        "`make bench` measures anew and writes this page. No test asserts a time.",
    ]
    for path in sorted(RESULTS.glob("*.json")):
        recorded = json.loads(path.read_text(encoding="utf-8"))
        timed, same = COLUMNS[path.stem]
        names = [name for name, _ in same.values()]
        for size, table in recorded["sizes"].items():
            lines += ["", f"## {TITLES[path.stem, size]}", ""]
            lines += rule(f"time of {timed}", "ratio to ours", "lowest to highest", *names)
            for impl, row in table.items():
                name = f"{impl} {recorded['versions'].get(impl, '')}".strip()
                spread = "" if impl == "ours" else f"{row['low']:,.2f} to {row['high']:,.2f}"
                shown = [
                    f"{row[key]:{form}}" if key in row else "" for key, (_, form) in same.items()
                ]
                cells = [name, f"{row['ms']:.3f} ms", f"{row['ratio']:,.2f}", spread, *shown]
                lines.append(f"| {' | '.join(cells)} |")
            lines += ["", NOTES[path.stem, size]] if (path.stem, size) in NOTES else []
        lines += growth(recorded["growth"]) if "growth" in recorded else []
        lines += ["", f"Measured on {recorded['machine']}, {recorded['date']}."]
    return "\n".join(lines) + "\n"


def machine() -> str:
    """Say what was measured on."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, numpy {version('numpy')}"
    )


def installed(peer: str) -> str | None:
    """Return the version of a package, or say that it is missing."""
    try:
        return version(peer)
    except PackageNotFoundError:
        print(f"{peer} is not installed and is left out")
        return None


def main() -> None:
    """Measure the rooms that are named, or all, and write the results and the page."""
    for room in sys.argv[1:] or CASES:
        peers = {*chain(*CASES[room].values())} - OWN
        versions = {peer: found for peer in sorted(peers) if (found := installed(peer))}
        sizes = {
            size: compare(room, size, tuple(i for i in impls if i in OWN or i in versions))
            for size, impls in CASES[room].items()
        }
        result = {
            "sizes": sizes,
            **({"growth": grow(room)} if room == "som" else {}),
            "versions": versions,
            "machine": machine(),
            "date": date.today().isoformat(),
        }
        write_whole(RESULTS / f"{room}.json", json.dumps(result, indent=1) + "\n")
    write_whole(ROOT / "book" / "speed.md", page())


if __name__ == "__main__":
    main()
