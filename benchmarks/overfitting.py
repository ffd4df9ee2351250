"""Change 12,000 sentences by four operations: ours, and the published recipe, step by step.

python -m benchmarks.overfitting --impl ours
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from companion.data import grammar
from companion.overfitting import (
    random_deletion,
    random_insertion,
    random_swap,
    synonym_replacement,
    thesaurus,
)

IMPLS = ("ours", "recipe")
SIZES = {"sentences": 1_750}  # reviews, of about seven sentences each
RATE, REPEATS = 0.1, 5
COMMON = frozenset(
    ["a", "the", "of", "and", "or", "is", "was", "in", "by", "to", "it", "as", ",", "."]
)
Change = Callable[[list[str]], list[str]]


def sentences(size: str) -> list[list[str]]:
    """Return the sentences of reviews that nothing was tuned on."""
    found: list[list[str]] = []
    for review in grammar.reviews(SIZES[size], seed=2026):
        start = 0
        for end, word in enumerate(review.tokens, 1):
            if word in ".!?":
                found.append(review.tokens[start:end])
                start = end
    return found


def ours() -> list[Change]:
    """Return the four operations of companion.overfitting."""
    chance = random.Random(0)
    return [
        lambda tokens: synonym_replacement(tokens, rate=RATE, generator=chance),
        lambda tokens: random_insertion(tokens, rate=RATE, generator=chance),
        lambda tokens: random_swap(tokens, rate=RATE, generator=chance),
        lambda tokens: random_deletion(tokens, rate=RATE, generator=chance),
    ]


def recipe() -> list[Change]:
    """Return them as Wei and Zou (2019) describe and order the steps, with our thesaurus.

    Their own code is no package; it looks synonyms up in WordNet, which takes longer than all
    the rest. Here both sides look them up in one dictionary.
    """
    chance, known = random.Random(0), thesaurus()
    return [
        lambda tokens: _replaced(tokens, known, chance),
        lambda tokens: _inserted(tokens, known, chance),
        lambda tokens: _swapped(tokens, chance),
        lambda tokens: (
            [w for w in tokens if chance.uniform(0, 1) > RATE]
            or [tokens[chance.randint(0, len(tokens) - 1)]]
        ),
    ]


def _replaced(
    tokens: list[str], known: Mapping[str, Sequence[str]], chance: random.Random
) -> list[str]:
    """Walk the different words in random order; replace each everywhere, until enough are."""
    new, done = tokens.copy(), 0
    words = list({word for word in tokens if word not in COMMON})
    chance.shuffle(words)
    for word in words:
        synonyms = list({other for other in known.get(word, ()) if other != word})
        if synonyms:
            synonym = chance.choice(synonyms)
            new = [synonym if each == word else each for each in new]
            done += 1
        if done >= max(1, int(RATE * len(tokens))):
            break
    return " ".join(new).split(" ")


def _inserted(
    tokens: list[str], known: Mapping[str, Sequence[str]], chance: random.Random
) -> list[str]:
    """Look for a word with synonyms, ten times at most, and put the first one in anywhere."""
    new = tokens.copy()
    for _ in range(max(1, int(RATE * len(tokens)))):
        for _ in range(10):
            word = new[chance.randint(0, len(new) - 1)]
            synonyms = list({other for other in known.get(word, ()) if other != word})
            if synonyms:
                new.insert(chance.randint(0, len(new) - 1), synonyms[0])
                break
    return new


def _swapped(tokens: list[str], chance: random.Random) -> list[str]:
    """Draw a second place until it differs from the first, three times at most; swap."""
    new = tokens.copy()
    for _ in range(max(1, int(RATE * len(tokens)))):
        first = second = chance.randint(0, len(new) - 1)
        tries = 0
        while second == first and tries <= 3:
            second = chance.randint(0, len(new) - 1)
            tries += 1
        new[first], new[second] = new[second], new[first]
    return new


def measure(impl: str, size: str) -> dict[str, Any]:
    """Return the median time of all four on all sentences, and how many words came out."""
    changes = {"ours": ours, "recipe": recipe}[impl]()
    given = sentences(size)
    before, times, words = [list(tokens) for tokens in given], [], 0
    for _ in range(REPEATS):
        words, start = 0, time.perf_counter()
        for change in changes:
            for tokens in given:
                words += len(change(tokens))
        times.append(time.perf_counter() - start)
    if given != before:
        raise SystemExit(f"{impl} changed its input")
    seconds = statistics.median(times)
    return {
        "impl": impl,
        "size": size,
        "ms": 1e3 * seconds,
        "sentences_per_second": round(len(changes) * len(given) / seconds),
        "words": round(words / len(changes) / len(given), 2),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--impl", choices=IMPLS, required=True)
    parser.add_argument("--size", choices=list(SIZES), default="sentences")
    choice = parser.parse_args()
    print(json.dumps(measure(choice.impl, choice.size)))
