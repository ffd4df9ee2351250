"""What a chapter's runs say of its numbers, stable or chaotic, and of its claims."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from companion.results import FOLDER
from runs.notebook import Records, quoted

__all__ = ["Runs", "item", "written"]

STABLE = 3e-4  # settings agree at each seed to this share of the number's largest size


@dataclass(frozen=True)
class Runs:
    """The recorded runs of a chapter: seed 0 on each processor first, then other seeds.

    Attributes
    ----------
    seeds
        The seed of each run.
    values
        Name, or expression in the prose, to one number for each run.
    claims
        Sentence to the smaller and the larger side in each run.
    versions
        Library to the version that they were made with.
    """

    seeds: Sequence[int]
    values: Mapping[str, Sequence[float]]
    claims: Mapping[str, Sequence[Sequence[float]]]
    versions: Mapping[str, str]

    @classmethod
    def of(cls, topic: str, folder: Path = FOLDER) -> Runs:
        """Read the runs of a chapter, none if there is no file of them."""
        path = folder / f"{topic}_runs.json"
        if not path.exists():
            return cls([0], {}, {}, {})
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        seeds = [int(run.split()[1].rstrip(",")) for run in data["runs"]]
        return cls(seeds, data["values"], data["claims"], data["versions"])

    def spread(self, name: str) -> float:
        """Return by how much a number differs between processors at one seed, at most."""
        seeds, x = np.array(self.seeds), np.array(self.values[name])
        return float(max(np.ptp(x[seeds == seed]) for seed in set(self.seeds)))

    def stable(self, name: str) -> bool:
        """Whether the processors agree about a number, at each seed."""
        size = float(np.abs(self.values[name]).max())
        return self.spread(name) <= STABLE * size

    def near(self, name: str) -> float:
        """Return how far from its record a stable number may lie in a fresh run at seed 0."""
        x = self.values[name]
        return 1.001 * max(10 * self.spread(name), 1e-3 * float(np.abs(x).max()), item(x))

    def range(self, name: str) -> tuple[float, float]:
        """Return between what a chaotic number lies in any run that is not broken.

        That is the range of the runs with three times its width on either side; in logarithms
        where it spans more than a power of ten. Counts and coins have no range.
        """
        x = np.array(self.values[name])
        low, high = float(x.min()), float(x.max())
        if len(set(x)) < 3 or (np.abs(x).max() <= 20 and (x == x.round()).all()):
            return -math.inf, math.inf
        if low > 0 and high > 10 * low:
            ratio = (high / low) ** 3
            return low / ratio, high * ratio
        return low - 3 * (high - low), high + 3 * (high - low)

    def clear(self, sentence: str) -> bool:
        """Whether the runs show a claim so clearly that a fresh run has to show it, too.

        Its least margin is at least three times the spread (standard deviation) of the margins;
        margins are differences or, where both sides are above 0, logarithms of ratios.
        """
        smaller, larger = np.array(self.claims[sentence]).T
        margins = [larger - smaller]
        if min(smaller.min(), larger.min()) > 0:
            margins.append(np.log(larger / smaller))
        return any(m.min() > 0 and m.min() >= 3 * m.std(ddof=m.size > 1) for m in margins)

    def held(self, sentence: str) -> tuple[int, int]:
        """Return in how many runs a claim held, and of how many."""
        sides = self.claims[sentence]
        return sum(smaller < larger for smaller, larger in sides), len(sides)

    def strays(self, fresh: Records, *, comparable: bool = True) -> list[str]:
        """Say what in a fresh run does not fit the record.

        Parameters
        ----------
        fresh
            What the run recorded.
        comparable
            Whether it was made as the record was, but for the processor: seed 0, on a page's
            scale, on a CPU, with the same libraries. If not, only the clear claims count.
        """
        found = []
        for sentence, (smaller, larger) in fresh.claims.items():
            if sentence not in self.claims:
                found.append(f"the claim is not recorded: {sentence}")
            elif self.clear(sentence) and not smaller < larger:
                found.append(f"does not hold any more: {sentence} ({smaller:g}, {larger:g})")
        if not comparable:
            return found
        for name, value in fresh.numbers.items():
            if name not in self.values:
                found.append(f"{name} is not recorded")
            elif self.stable(name):
                if not abs(value - self.values[name][0]) <= self.near(name):
                    found.append(f"{name} is {value:g}, recorded {self.values[name][0]:g}")
            elif not self.range(name)[0] <= value <= self.range(name)[1]:
                low, high = min(self.values[name]), max(self.values[name])
                found.append(f"{name} is {value:g}, in the recorded runs {low:g} to {high:g}")
        return found


def item(values: Sequence[float]) -> float:
    """Return what one item is in shares of a whole: 1/N, if all are k/N for some N, else 0.

    Examples
    --------
    >>> round(1 / item([0.25, 0.123, 0.4]))
    1000
    """
    x = np.array(values)
    if x.min() < 0 or x.max() > 1 or len(set(x) - {0.0, 1.0}) == 0:
        return 0.0
    wholes = np.arange(1, 10_001)[:, None]
    off = np.abs(x * wholes - np.round(x * wholes)).max(axis=1)
    fits = np.flatnonzero(off < 1e-7 * wholes[:, 0])
    return 1 / float(wholes[fits[0], 0]) if len(fits) else 0.0


def written(text: str, runs: Runs, fresh: Records | None = None) -> tuple[str, set[str]]:
    """Put numbers in the place of their roles in a text.

    ``{num}`` takes stable numbers, with the value of the first run; ``{runs}`` takes chaotic
    ones, and writes their range, or the lowest, middle or highest of the runs; of a claim it
    writes in how many of the runs it held.

    Parameters
    ----------
    text
        Prose of a manuscript.
    runs
        Its recorded runs.
    fresh
        A run to take numbers from that are not recorded yet.

    Returns
    -------
    tuple
        The text, and what in it is not recorded yet.

    Raises
    ------
    ValueError
        If a number is not there, or its role is that of the other kind.
    """
    missing: set[str] = set()
    for role, part, name, form in quoted(text):
        values: Sequence[float] | None = runs.values.get(name)
        if role == "runs" and name in runs.claims:
            said = "{} of {}".format(*runs.held(name))
        elif fresh is not None and name in fresh.claims and name not in runs.claims:
            missing.add(name)
            said = "none of none"
        elif values is not None:
            stable = runs.stable(name)
            if stable != (role == "num"):
                kind, other = ("stable", "num") if stable else ("chaotic", "runs")
                raise ValueError(f"{name!r} is {kind}: write {{{other}}}, not {{{role}}}")
            said = _said(part, values, form) if role == "runs" else format(values[0], form or "g")
        elif fresh is not None and name in fresh.numbers:
            missing.add(name)
            said = _said(part, [fresh.numbers[name]], form)
        else:
            why = f" ({fresh.faults[name]})" if fresh and name in fresh.faults else ""
            raise ValueError(f"the number {name!r} is neither recorded nor computed here{why}")
        inside = f"{part}{name}" + (f":{form}" if form else "")
        text = text.replace(f"{{{role}}}`{inside}`", said.replace("-", "\N{MINUS SIGN}"))
    return text, missing


def _said(part: str, values: Sequence[float], form: str) -> str:
    """Write a chaotic number: its range in the runs, or one of its marks."""
    low, middle, high, form = min(values), float(np.median(values)), max(values), form or "g"
    marks = {"lowest of ": low, "middle of ": middle, "highest of ": high}
    if part:
        return format(marks[part], form)
    ends = format(low, form), format(high, form)
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)
