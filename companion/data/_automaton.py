"""A grammar with probabilities, compiled into an automaton that writes texts."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections import Counter

import numpy as np

from companion.data._notation import FORMS, Grammar, Tree, Word
from companion.data._parts import (
    END,
    OPINIONS,
    PUNCTUATION,
    STOPS,
    Arcs,
    Junction,
    Sayings,
    Slot,
    State,
    Vector,
)

_RULE = re.compile(r"\{(\w+)(?: (\d))?\}")
_SLOT = re.compile(r"<(\w+)([+-]?)(?:\.(\d)|(#))?(?:@(\w+))?>")


class Language:
    """A compiled grammar: the junctions between the words of its texts, latents and entities.

    A text is one ``opening`` sentence, one or more ``middle`` ones, one ``closing`` sentence and
    the end; or, between the first and the last, several stages in their order. The latents are the
    same for a whole text: its opinion, where some words come as good and bad, and its topic. All
    settings of them are equally probable. Entities are the people and things that a text keeps
    naming. The state of one is 0 until it is spoken of; then it has a variant, then also its word,
    and keeps both. One that belongs to another has the variant of that one: the villain is of the
    same story as the hero.

    Parameters
    ----------
    grammar
        With the rules ``opening``, ``middle`` and ``closing``, and the settings ``topics``;
        ``more``, the probability of one more middle sentence, or stages, each as
        ``rule=first,more`` with the probability of a first sentence and of one more; ``candour``,
        that of a word of the text's own opinion; ``focus``, that of a word of its own topic, which
        is a variant or begins it, as in ``sea_voyage``; ``entities``, each as ``name=class`` or
        ``name=class@owner``; ``local``, those that are forgotten at the end of a sentence;
        ``lean``, each as ``variant:topic=factor``; ``proper``, the classes of names.
    """

    def __init__(self, grammar: Grammar) -> None:
        self._words, self._rules = grammar.words, grammar.rules
        self._set(
            {**{name: [] for name in ("entities", "lean", "proper", "local")}, **grammar.settings}
        )
        self.opinionated = any(set(variants) == set(OPINIONS) for variants in self._words.values())
        opinions = OPINIONS if self.opinionated else OPINIONS[:1]
        self._latents = list(itertools.product(opinions, self.topics))
        self.latents = len(self._latents)  # Z
        #: what the states of each entity mean; the last one is nobody
        self.states: list[list[State]] = [
            *map(self._states, self._class_of.values()),
            [(None, None)],
        ]
        #: the states of all before anything has been said
        self.unnamed = (0,) * len(self.states)
        self._one = np.ones(self.latents)
        self._end = self._fixed(END)
        self._slots: dict[tuple[str, int], Slot] = {}
        self._growing: list[str] = []  # rules
        self._grown: dict[tuple[str, int, Junction], Junction] = {}
        self._junctions: dict[tuple[tuple[tuple[Slot, Junction], float], ...], Junction] = {}
        self._join()

    def _set(self, settings: dict[str, list[str]]) -> None:
        """Take in the settings of a grammar."""
        needed = ("topics", "more", "candour", "focus")
        if missing := [name for name in needed if name not in settings]:
            raise ValueError(f"the grammar must say @{' and @'.join(missing)}")
        self.topics = settings["topics"]
        if len(self.topics) < 2 or len(set(self.topics)) < len(self.topics):
            raise ValueError(f"@topics must be two or more different names, got {self.topics}")
        self._candour, self._focus = (
            _number(f"@{name}", " ".join(settings[name])) for name in ("candour", "focus")
        )
        self._stages = _stages(settings["more"])
        entities = _pairs("@entities", settings["entities"])
        self._class_of = {name: value.partition("@")[0] for name, value in entities.items()}
        self._owner_of = {
            name: value.partition("@")[2] for name, value in entities.items() if "@" in value
        }
        self._proper = settings["proper"]
        for name, wrong in (
            ("@local", set(settings["local"]) - set(entities)),
            ("@entities", set(self._owner_of.values()) - (set(entities) - set(self._owner_of))),
        ):
            if wrong:
                raise ValueError(f"{name} must name entities of their own, got {min(wrong)!r}")
        #: which entities are forgotten at the end of a sentence
        self.local = [i for i, name in enumerate(entities) if name in settings["local"]]
        lean = _pairs("@lean", settings["lean"])
        self._lean = {name: _number(f"@lean {name}", by, 1e-3, 1e3) for name, by in lean.items()}
        variants = {variant for words in self._words.values() for variant in words}
        known = {f"{variant}:{topic}" for variant in variants for topic in self.topics}
        if wrong := set(lean) - known | set(self._proper) - set(self._words):
            raise ValueError(f"@lean and @proper must name what is there, got {min(wrong)!r}")

    @property
    def slots(self) -> list[Slot]:
        """Every slot of the language."""
        return [*self._slots.values(), self._end]

    @property
    def words(self) -> set[str]:
        """Every word that the language can write, and the end of a text."""
        return {word for slot in self.slots for word in slot.words}

    def _join(self) -> None:
        """Join the three kinds of sentences into texts."""
        opened, end = Junction(), Junction()
        after = {name: Junction() for name in self._stages}
        self.opening = self._rule("opening", 0, opened)
        said = {name: self._rule(name, 0, after[name]) for name in self._stages}
        self.closing = self._rule("closing", 0, end)
        for junction in self._junctions.values():
            junction.check(ends=(opened, *after.values(), end))
        then = self.closing.arcs  # what comes after a stage
        for name, (first, more) in reversed(self._stages.items()):
            after[name].arcs.update(_mix(more, said[name].arcs, then))
            then = _mix(first, said[name].arcs, then)
        opened.arcs.update(then)
        end.arcs[self._end, Junction()] = 1.0
        #: where the sentences between begin, and how many there are on average
        self.middles = [(said[name], p / (1 - more)) for name, (p, more) in self._stages.items()]

    # Words and their probabilities

    def _class(self, name: str) -> dict[str, list[Word]]:
        """Return the words of a class by variant."""
        if name not in self._words:
            raise ValueError(f"there is no class of words {name!r}")
        variants = self._words[name]
        topics = {self._topic_of(variant) for variant in variants}
        for kinds, found in ((OPINIONS, set(variants)), (self.topics, topics)):
            if set(kinds) & found and set(kinds) != found:
                raise ValueError(f"class {name!r} must have the variants {kinds} and no others")
        return variants

    def _topic_of(self, variant: str) -> str | None:
        """Return the topic that a variant is, or begins with."""
        kind = variant.partition("_")[0]
        return kind if kind in self.topics else None

    def _shares(self, name: str, sign: str) -> dict[str, Vector]:
        """Return the probabilities of the variants of a class."""
        variants = self._class(name)

        kinds = Counter(self._topic_of(variant) for variant in variants)

        def share(variant: str, opinion: str, topic: str) -> float:
            if variant in OPINIONS:
                own = (variant == opinion) == (sign != "-")
                return self._candour if own else 1 - self._candour
            if about := self._topic_of(variant):
                others = (1 - self._focus) / (len(self.topics) - 1)
                return (self._focus if about == topic else others) / kinds[about]
            weights = {
                v: self._lean.get(f"{v}:{topic}", 1.0) * sum(word.weight for word in words)
                for v, words in variants.items()
            }
            return weights[variant] / math.fsum(weights.values())

        return {v: np.array([share(v, *latents) for latents in self._latents]) for v in variants}

    def _states(self, name: str) -> list[State]:
        """Return what may be known of an entity of a class."""
        variants = self._class(name)
        known: list[State] = [(variant, None) for variant in variants]
        known += [(variant, word) for variant, words in variants.items() for word in words]
        return [(None, None), *known]

    def _slot(self, text: str, form: int) -> Slot:
        """Return the slot of ``word``, ``first/second``, ``$entity``, ``<class+.form@entity>``."""
        key = text, form if "#" in text or "/" in text else 0
        if key in self._slots:
            return self._slots[key]
        if re.fullmatch(FORMS, text):
            word = Word.read(text)
            slot = self._fixed(word.form(form if len(word.forms) > 1 else 0))
        else:
            named = text[:1] == "$" and self._class_of.get(text[1:])
            match = _SLOT.fullmatch(f"<{named}@{text[1:]}>" if named else text)
            if not match:
                raise ValueError(f"this is no word, no <class>, no $entity and no {{rule}}: {text}")
            name, sign, number, current, entity = match.groups()
            slot = self._open(name, sign, form if current else int(number or 0), entity)
        self._slots[key] = slot
        return slot

    def slot(self, text: str) -> Slot:
        """Return the slot that is written so in the rules, or one of a word of no rule."""
        if (text, 0) in self._slots:
            return self._slots[text, 0]
        if not re.fullmatch(FORMS, text):
            raise ValueError(f"no rule has {text!r}")
        return self._fixed(text)

    def _fixed(self, word: str) -> Slot:
        """Return a slot of one word."""
        return Slot([{word: {0: self._one}}], len(self._class_of))

    def _open(self, name: str, sign: str, form: int, entity: str | None) -> Slot:
        """Return a slot of the words of a class, chosen freely or to fit an entity."""
        if entity is not None and entity not in self._class_of:
            raise ValueError(f"there is no entity {entity!r}")
        place = list(self._class_of).index(entity) if entity else len(self._class_of)
        owner = self._class_of[entity] if entity else name
        lord = self._owner_of.get(entity or "", "")
        variants = self._class(name)
        shares = self._shares(self._class_of.get(lord, owner), "+" if entity else sign)
        if not set(shares) <= set(variants):
            raise ValueError(f"class {name!r} must have the variants of {owner!r}: {list(shares)}")
        numbers = {state: number for number, state in enumerate(self.states[place])}
        sayings: list[Sayings] = [{} for _ in numbers]
        for (variant, known), state in numbers.items():
            for v, share in shares.items() if variant is None else [(variant, self._one)]:
                said = v
                if sign == "-" and entity and v in OPINIONS:
                    said = OPINIONS[1 - OPINIONS.index(v)]
                words = [known] if known and name == owner else variants[said]
                total = sum(word.weight for word in words)
                for word in words:
                    after = numbers.get((v, word if name == owner else known), 0)
                    chances = sayings[state].setdefault(word.form(form), {})
                    chances[after] = chances.get(after, 0) + share * (word.weight / total)
        slot = Slot(sayings, place, name in self._proper)
        if lord:
            slot.owner = list(self._class_of).index(lord)
            theirs = {state: number for number, state in enumerate(self.states[slot.owner])}
            slot.takes = [numbers.get((variant, None), 0) for variant, _ in theirs]
            slot.gives = [theirs.get((variant, None), 0) for variant, _ in numbers]
        return slot

    # Rules

    def _rule(self, name: str, form: int, then: Junction) -> Junction:
        """Return the junction from which a rule leads to another junction."""
        key = (name, form, then)
        if key not in self._grown:
            if name not in self._rules:
                raise ValueError(f"there is no rule {name!r}")
            if name in self._growing:
                raise ValueError(f"the rule {name!r} leads back to itself")
            self._growing.append(name)
            self._grown[key] = self._grow(self._rules[name], form, then)
            self._growing.pop()
        return self._grown[key]

    def _grow(self, tree: Tree, form: int, then: Junction) -> Junction:
        """Return the junction from which a tree leads to another junction."""
        arcs: dict[tuple[Slot, Junction], float] = {}
        if isinstance(tree, str):
            if rule := _RULE.fullmatch(tree):
                return self._rule(rule[1], int(rule[2] or form), then)
            arcs[self._slot(tree, form), then] = 1.0
        else:
            total = sum(weight for weight, _ in tree)
            for weight, parts in tree:
                start = then
                for part in reversed(parts):
                    start = self._grow(part, form, start)
                for arc, p in start.arcs.items():
                    arcs[arc] = arcs.get(arc, 0.0) + p * weight / total
        return self._junctions.setdefault(tuple(arcs.items()), Junction(arcs))

    # Texts

    def know(self, states: tuple[int, ...], slot: Slot, state: int, word: str) -> tuple[int, ...]:
        """Return the states of all entities after a slot has said a word."""
        known = list(states)
        known[slot.entity] = state
        if slot.owner is not None and not known[slot.owner]:
            known[slot.owner] = slot.gives[state]
        if word in STOPS:
            for entity in self.local:
                known[entity] = 0
        return tuple(known)

    def write(
        self,
        chance: random.Random,
        slots: list[Slot] | None = None,
        states: list[int] | None = None,
    ) -> tuple[int, list[list[str]], str]:
        """Draw the latents and a text: its latents, its sentences, and how it is printed.

        The slots that it fills are added to ``slots``, and ``states`` becomes what it has said of
        each entity.
        """
        latent = int(chance.random() * self.latents)
        states = [] if states is None else states
        states[:] = self.unnamed
        sentences: list[list[str]] = [[]]
        printed: list[str] = []
        junction = self.opening
        while True:
            slot, junction = junction.draw(chance)
            word, after = slot.draw(chance, slot.before(states), latent)
            states[slot.entity] = after
            if slot.owner is not None and not states[slot.owner]:
                states[slot.owner] = slot.gives[after]
            if word == END:
                return latent, sentences[:-1], "".join(printed)
            if slots is not None:
                slots.append(slot)
            if word not in PUNCTUATION and printed:
                printed.append(" ")
            first = slot.proper or not sentences[-1]
            printed.append(word[0].upper() + word[1:] if first else word)
            sentences[-1].append(word)
            if word in STOPS:
                sentences.append([])
                for entity in self.local:
                    states[entity] = 0


def _mix(p: float, one: Arcs, other: Arcs) -> Arcs:
    """Return the arcs of one junction with a probability, else those of the other."""
    mixed = {arc: p * q for arc, q in one.items() if p}
    for arc, q in other.items() if p < 1 else ():
        mixed[arc] = mixed.get(arc, 0.0) + (1 - p) * q
    return mixed


def _stages(values: list[str]) -> dict[str, tuple[float, float]]:
    """Return the probability of a first sentence of each stage, and of one more."""
    if not any("=" in value for value in values):
        values = [f"middle=1,{' '.join(values)}"]
    stages = {}
    for value in values:
        name, _, numbers = value.partition("=")
        first, _, more = numbers.partition(",")
        stages[name] = _number("@more", first), _number("@more", more)
        if stages[name][1] == 1:
            raise ValueError("@more must be below 1, or no text would end")
    return stages


def _number(name: str, text: str, least: float = 0, most: float = 1) -> float:
    """Return the number that a setting gives."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise ValueError(f"{name} must be a number from {least:g} to {most:g}, got {text!r}")
    return number


def _pairs(name: str, values: list[str]) -> dict[str, str]:
    """Return what a setting of the form ``name=value ...`` says."""
    if wrong := [value for value in values if not re.fullmatch(r"[\w:]+=[\w.@]+", value)]:
        raise ValueError(f"{name} must be written name=value, got {wrong[0]!r}")
    return dict(value.split("=") for value in values)
