"""Questions about a text whose answers stand in it, with their place, or do not stand in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from companion.data._automaton import Language
from companion.data._notation import Grammar
from companion.data._parts import Slot

__all__ = ["Fact", "Questions"]


@dataclass(frozen=True, slots=True)
class Fact:
    """A question about a text, and where its answer stands.

    Attributes
    ----------
    question
        In lower case, with a space before the question mark.
    answer
        Words of the text; none if the text does not answer.
    sentence, start, end
        The number of the sentence, and the answer's words in it: ``sentence[start:end]``. All are
        -1 if the text does not answer.
    """

    question: str
    answer: list[str]
    sentence: int = -1
    start: int = -1
    end: int = -1


class Questions:
    """Questions in the notation of a language: ``name = who directed $t ? $d $dl``.

    What stands after the question mark is where the answer stands: those places of a sentence, one
    after another, that are written just so in the rules.
    """

    def __init__(self, language: Language, grammar: Grammar) -> None:
        self._asked = []
        for ((_, parts),) in grammar.rules.values():
            slots = [language.slot(str(part)) for part in parts]
            split = parts.index("?") + 1
            self._asked.append((slots[:split], slots[split:]))

    def ask(
        self, slots: Sequence[Slot], states: Sequence[int], sentences: Sequence[Sequence[str]]
    ) -> list[Fact]:
        """Ask what can be asked about a text, given what filled it and what was said of whom."""
        words = [word for sentence in sentences for word in sentence]
        places = [(i, j) for i, sentence in enumerate(sentences) for j in range(len(sentence))]
        facts = []
        for question, answer in self._asked:
            said = [list(slot.sayings[slot.before(states)]) for slot in question]
            if any(len(choice) > 1 for choice in said):
                continue  # it would name what the text does not
            asked = " ".join(word for word, *_ in said)
            for at in range(len(slots) - len(answer) + 1):
                if slots[at] is answer[0] and list(slots[at : at + len(answer)]) == answer:
                    (i, j), n = places[at], len(answer)
                    facts.append(Fact(asked, words[at : at + n], i, j, j + n))
                    break
            else:
                facts.append(Fact(asked, []))
        return facts
