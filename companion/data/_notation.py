"""The notation of grammars, read into settings, words and rules."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

SETTINGS = (
    *("topics", "more", "candour", "focus", "entities"),
    *("lean", "proper", "local", "rank", "bias"),
)

Alternatives = list[tuple[int, list["Tree"]]]  # each with its weight
Tree = str | Alternatives  # a word, <class>, $entity or {rule}; or a choice

_WORD = r"[^\s<>{}()\[\]|$@#/*]+"
FORMS = rf"(?!\d+:){_WORD}(?:/{_WORD})*"
_LINE = re.compile(r"(@\w+|\w+ =(?= \S)|\w+(?:/\w+)?(?:~\d\.?\d*)?:(?= \S))((?: .*)?)")
_SECTION = re.compile(r"\[(\w+)\]")
_PART = re.compile(r"\{[^{}]*\}|<[^<>]*>|[()\[\]|]|[^\s()\[\]|]+")


class Word(NamedTuple):
    """A word in its forms, and how often it is chosen."""

    forms: tuple[str, ...]
    weight: float

    @classmethod
    def read(cls, text: str) -> Word:
        """Read ``form/form*weight``."""
        if not (match := re.fullmatch(rf"({FORMS})(?:\*([1-9]\d*))?", text)):
            raise ValueError(f"a word must be written form/form*weight, got {text!r}")
        return cls(tuple(match[1].split("/")), int(match[2] or 1))

    def form(self, number: int) -> str:
        """Return the form with a number."""
        if number >= len(self.forms):
            raise ValueError(f"the word {'/'.join(self.forms)} has no form {number}")
        return self.forms[number]


@dataclass(frozen=True)
class Grammar:
    """What the text of a grammar says.

    Attributes
    ----------
    settings
        What the lines ``@name value ...`` say.
    words
        Class to variant to words. The variant is "" in a class that has none.
    rules
        Rule to its alternatives.
    """

    settings: dict[str, list[str]] = field(default_factory=dict)
    words: dict[str, dict[str, list[Word]]] = field(default_factory=dict)
    rules: dict[str, Alternatives] = field(default_factory=dict)

    @classmethod
    def read(cls, *texts: str) -> Grammar:
        """Read a grammar from one text or several, of which later ones may replace rules.

        A line says ``@setting values``, ``class/variant: words`` or ``rule = alternatives``; it
        goes on in lines that are indented. A line ``[variant]`` holds for the words below it, up
        to the next such line. What follows ``# `` is a comment.
        """
        grammar = cls()
        for text in texts:
            heads: set[tuple[str, str]] = set()
            section = ""
            for line in _lines(text):
                if match := _SECTION.fullmatch(line):
                    section = match[1]
                    continue
                match = _LINE.fullmatch(line)
                if not match or (section, match[1]) in heads:
                    wrong = "stands twice" if match else "is no setting, no words and no rule"
                    raise ValueError(f"this line {wrong}: {line!r}")
                heads.add((section, match[1]))
                grammar._take(match[1], match[2], section)
        return grammar

    def _take(self, head: str, rest: str, section: str) -> None:
        """Take in one line."""
        name, sign = head.strip("@ =:"), head[-1]
        if sign == "=":
            self.rules[name] = _read_rule(rest)
        elif sign == ":":
            name, _, rank = name.partition("~")
            name, _, variant = name.partition("/")
            variant = variant or section
            if variant in self.words.setdefault(name, {}):
                raise ValueError(f"the words of {head} stand in two texts")
            words = [Word.read(word) for word in rest.split()]
            words = _ranked(words, float(rank or " ".join(self.settings.get("rank", ["0"]))))
            if len({word.forms for word in words}) < len(words):
                raise ValueError(f"a word stands twice among {head}{rest}")
            self.words[name][variant] = words
        elif name in SETTINGS:
            self.settings[name] = rest.split()
        else:
            raise ValueError(f"a setting must be one of {SETTINGS}, got {head!r}")


def _ranked(words: list[Word], power: float) -> list[Word]:
    """Weigh words by their rank, the n-th by n to the minus ``power``: in whole numbers."""
    if not power:
        return words
    return [
        Word(word.forms, max(1, round(1000 * word.weight * rank**-power)))
        for rank, word in enumerate(words, start=1)
    ]


def _lines(text: str) -> list[str]:
    """Return the lines of a text without comments, continued ones put together."""
    lines: list[str] = []
    for line in re.sub(r"(?m)(^|(?<=\s))#([ \t].*)?$", "", text).splitlines():
        if line.strip() and line[0].isspace() and lines:
            lines[-1] += " " + line.strip()
        elif line.strip():
            lines.append(line.strip())
    return lines


def _read_rule(text: str) -> Alternatives:
    """Read alternatives such as ``2: the (old | new) {thing} | [very] good``."""
    parts = _PART.findall(text)
    parts.reverse()
    tree = _read_alternatives(parts)
    if parts:
        raise ValueError(f"this rule closes a bracket too many: {text!r}")
    return tree


def _read_alternatives(parts: list[str]) -> Alternatives:
    """Read up to the closing bracket, which stays."""
    tree: Alternatives = [(1, [])]
    while parts and parts[-1] not in ")]":
        part = parts.pop()
        said = tree[-1][1]
        if part == "|":
            tree.append((1, []))
        elif re.fullmatch(r"[1-9]\d*:", part) and not said:
            tree[-1] = (int(part[:-1]), said)
        elif part in ("(", "["):
            inner = _read_alternatives(parts)
            if not parts or parts.pop() != {"(": ")", "[": "]"}[part]:
                raise ValueError(f"a bracket {part!r} is not closed")
            if part == "[":
                inner.append((sum(weight for weight, _ in inner), []))
            said.append(inner)
        else:
            said.append(part)
    return tree
