"""What an automaton is made of: slots that say words, and junctions between them."""

from __future__ import annotations

import itertools
import math
import random
from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from companion.data._notation import Word

END = "<eos>"
OPINIONS = ("bad", "good")
STOPS = (".", "!", "?")  # what ends a sentence
PUNCTUATION = (*STOPS, ",", ";", ":")  # what has no space before it

Vector = NDArray[np.float64]  # a probability under each setting of the latents, (Z,)
State = tuple[str | None, Word | None]  # the variant and the word of an entity, where known
Sayings = dict[str, dict[int, Vector]]  # word to the states after it to probabilities
T = TypeVar("T")


@dataclass(eq=False)
class Slot:
    """A place in a sentence, and what it can say.

    Attributes
    ----------
    sayings
        For each state of its entity: word to the states after it, to probabilities.
    entity
        The number of the entity that it speaks of; the last one is nobody, with one state.
    proper
        Whether its words have a capital letter in running text.
    owner
        The number of the entity from which its entity takes its variant, where there is one.
    takes, gives
        For each state of the owner the one that an entity not yet named has then; for each state
        of the entity the one that an owner not yet named has then.
    """

    sayings: list[Sayings]
    entity: int
    proper: bool = False
    owner: int | None = None
    takes: list[int] = field(default_factory=list)
    gives: list[int] = field(default_factory=list)
    _choices: dict[tuple[int, int], tuple[list[tuple[str, int]], list[float]]] = field(
        default_factory=dict
    )

    @cached_property
    def words(self) -> list[str]:
        """Every word that it can say."""
        return list(dict.fromkeys(itertools.chain(*self.sayings)))

    def before(self, states: Sequence[int]) -> int:
        """Return the state of its entity, which may have a variant because its owner has one."""
        state = states[self.entity]
        return state if state or self.owner is None else self.takes[states[self.owner]]

    def draw(self, chance: random.Random, state: int, latent: int) -> tuple[str, int]:
        """Choose a word and the state after it, given the state before and the latents."""
        if (state, latent) not in self._choices:
            chances = {
                (word, after): float(p[latent])
                for word, states in self.sayings[state].items()
                for after, p in states.items()
            }
            self._choices[state, latent] = list(chances), sums_of(chances.values())
        return choose(chance, *self._choices[state, latent])


Arcs = dict[tuple[Slot, "Junction"], float]


@dataclass(eq=False)
class Junction:
    """A point between two words: which slots may come next, how probably, and the points after.

    The probabilities of slots do not depend on the latents; those of their words do.
    """

    arcs: dict[tuple[Slot, Junction], float] = field(default_factory=dict)

    @cached_property
    def ways(self) -> dict[Slot, list[tuple[float, Junction]]]:
        """The arcs of each slot."""
        ways: dict[Slot, list[tuple[float, Junction]]] = {}
        for (slot, then), p in self.arcs.items():
            ways.setdefault(slot, []).append((p, then))
        return ways

    @cached_property
    def _choices(self) -> tuple[list[tuple[Slot, Junction]], list[float]]:
        return list(self.arcs), sums_of(self.arcs.values())

    def draw(self, chance: random.Random) -> tuple[Slot, Junction]:
        """Choose the next slot, and the point after it."""
        return choose(chance, *self._choices)

    def check(self, ends: Sequence[Junction]) -> None:
        """Refuse a sentence that may be without a stop, or have it anywhere but at its end."""
        for slot, then in self.arcs:
            if any((word in STOPS) != (then in ends) for word in slot.words):
                words = " ".join(slot.words[:3])
                raise ValueError(f"a sentence must have one stop, its last word; see {words!r}")
        if abs(math.fsum(self.arcs.values()) - 1) > 1e-9:
            raise ValueError("a sentence may end without a stop")


def sums_of(weights: Iterable[float]) -> list[float]:
    """Return running sums, added in order: the same bits on every machine."""
    return list(itertools.accumulate(weights))


def choose(chance: random.Random, things: Sequence[T], sums: Sequence[float]) -> T:
    """Choose one of the things, whose weights are given by their running sums."""
    if len(things) == 1:
        return things[0]
    return things[min(bisect(sums, chance.random() * sums[-1]), len(things) - 1)]
