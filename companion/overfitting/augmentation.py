"""New texts from old ones: exchange a word, put one in, swap two, leave some out."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import torch

from companion._numbers import number
from companion.data import grammar

__all__ = [
    "random_deletion",
    "random_insertion",
    "random_swap",
    "synonym_replacement",
    "thesaurus",
]

Synonyms = Mapping[str, Sequence[str]]
NAMES = ("first", "last", "title")  # whom a text keeps naming is not exchanged in one place


@cache
def thesaurus() -> dict[str, tuple[str, ...]]:
    """Return the words of the generated language that mean the same, names left out.

    Returns
    -------
    dict
        Each word to the others of its group. It is shared: do not change it.

    Examples
    --------
    >>> "superbly" in thesaurus()["brilliantly"]
    True
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, words in grammar.groups().items():
        if name.split()[-1] not in NAMES:
            found |= {word: tuple(other for other in words if other != word) for word in words}
    return found


def synonym_replacement(
    tokens: Sequence[str], *, rate: float = 0.1, synonyms: Synonyms | None = None, generator: Any
) -> list[str]:
    """Exchange words for others that mean the same.

    Parameters
    ----------
    tokens
        Words of one text. They are not changed.
    rate
        The share of the words to exchange, 0 to 1. Above 0 at least one is, if one can be.
    synonyms
        Each word to others; None takes ``thesaurus()``. Words that it lacks stay.
    generator
        Anything that draws from 0 to 1 by ``random()``, as those of numpy and Python do, or one
        of torch.

    Returns
    -------
    list of str
        A new list of the same length.

    Raises
    ------
    TypeError, ValueError
        If the tokens are one text, the rate is out of range, or the generator draws nothing.

    References
    ----------
    Wei and Zou (2019). The chapter on overfitting.

    Examples
    --------
    >>> import random
    >>> words = {"dull": ["tedious"]}
    >>> synonym_replacement(["a", "dull", "plot"], synonyms=words, generator=random.Random(0))
    ['a', 'tedious', 'plot']
    """
    draw, count = _asked(tokens, rate, generator)
    known = thesaurus() if synonyms is None else synonyms
    new = list(tokens)
    places = [i for i, word in enumerate(new) if known.get(word)] if count else []
    for last in range(len(places) - 1, max(-1, len(places) - 1 - count), -1):
        at = int(draw() * (last + 1))
        i, places[at] = places[at], places[last]  # drawn once, then out of the way
        others = known[new[i]]
        new[i] = others[int(draw() * len(others))]
    return new


def random_insertion(
    tokens: Sequence[str], *, rate: float = 0.1, synonyms: Synonyms | None = None, generator: Any
) -> list[str]:
    """Put in, anywhere, words that mean the same as some word of the text.

    Parameters
    ----------
    tokens, synonyms, generator
        As for :func:`synonym_replacement`.
    rate
        How many words to put in, as a share of those that are there, 0 to 1.

    Returns
    -------
    list of str
        A new list; of the same length where no word has a synonym.

    Examples
    --------
    >>> import random
    >>> words = {"dull": ["tedious"]}
    >>> random_insertion(["a", "dull", "plot"], synonyms=words, generator=random.Random(3))
    ['a', 'dull', 'tedious', 'plot']
    """
    draw, count = _asked(tokens, rate, generator)
    known = thesaurus() if synonyms is None else synonyms
    new = list(tokens)
    found = [known[word] for word in new if known.get(word)] if count else []
    for _ in range(count if found else 0):
        others = found[int(draw() * len(found))]
        new.insert(int(draw() * (len(new) + 1)), others[int(draw() * len(others))])
    return new


def random_swap(tokens: Sequence[str], *, rate: float = 0.1, generator: Any) -> list[str]:
    """Let two words change places, several times.

    Parameters
    ----------
    tokens, generator
        As for :func:`synonym_replacement`.
    rate
        How many swaps, as a share of the words, 0 to 1.

    Returns
    -------
    list of str
        A new list of the same words.

    Examples
    --------
    >>> import random
    >>> random_swap(["dog", "bites", "man"], generator=random.Random(1))
    ['man', 'bites', 'dog']
    """
    draw, count = _asked(tokens, rate, generator)
    new = list(tokens)
    size = len(new)
    for _ in range(count if size > 1 else 0):
        i = int(draw() * size)
        j = int(draw() * (size - 1))
        j += j >= i  # any other place
        new[i], new[j] = new[j], new[i]
    return new


def random_deletion(tokens: Sequence[str], *, rate: float = 0.1, generator: Any) -> list[str]:
    """Leave each word out with the same probability; one word always stays.

    Parameters
    ----------
    tokens, generator
        As for :func:`synonym_replacement`.
    rate
        The probability, 0 to 1.

    Returns
    -------
    list of str
        A new list, empty only if the text was.

    Examples
    --------
    >>> import random
    >>> random_deletion("the plot is not dull".split(), rate=0.3, generator=random.Random(3))
    ['plot', 'is', 'dull']
    """
    draw, count = _asked(tokens, rate, generator)
    size = len(tokens)
    if not count or size < 2:
        return list(tokens)
    if rate == 1:
        return [tokens[int(draw() * size)]]
    new: list[str] = []
    start, scale = 0, 1 / math.log1p(-rate)
    while start < size:  # from one word that goes to the next: as many stay as a geometric law says
        stay = int(math.log(1 - draw()) * scale)
        new += tokens[start : start + stay]
        start += stay + 1
    return new or [tokens[int(draw() * size)]]


def _asked(tokens: Sequence[str], rate: float, generator: Any) -> tuple[Callable[[], float], int]:
    """Return what draws numbers from 0 to below 1, and how many words to change."""
    if isinstance(tokens, str | bytes) or not hasattr(tokens, "__len__"):
        raise TypeError(f"tokens must be a list of words, got {reprlib.repr(tokens)}")
    if type(rate) is not float or not 0 <= rate <= 1:
        rate = number("rate", rate, "from 0 to 1", lambda x: 0 <= x <= 1)
    draw = getattr(generator, "random", None)
    if draw is None and isinstance(generator, torch.Generator):
        draw = partial(_of_torch, generator)
    if draw is None:
        raise TypeError(f"generator must draw by random(), as numpy's do, got {generator!r}")
    return draw, max(1, round(rate * len(tokens))) if rate and len(tokens) else 0


def _of_torch(generator: torch.Generator) -> float:
    """Draw a number from 0 to below 1."""
    return torch.rand((), generator=generator, device=generator.device).item()
