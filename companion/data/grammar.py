"""A generated language: film reviews and encyclopedia articles, with a perfect reader for each."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from companion._numbers import number
from companion.data._automaton import Language
from companion.data._notation import Grammar, Tree, Word
from companion.data.oracle import Oracle
from companion.runtime import shifted, whole

__all__ = [
    "Document",
    "Review",
    "analogies",
    "documents",
    "groups",
    "opposites",
    "oracle",
    "reviews",
]

# Which texts of the folder ``english`` make each kind, and what their latents are.
TEXTS = {"reviews": ("words", "opinions", "reviews"), "documents": ("words", "documents")}
ASIDE = 4  # words

NUMBER = ("singular", "plural")
TENSE = ("present", "past", "base")
NOUNS = ("hero", "place", "thing", "aspect", "film", "feat", "critic", "maker")
VERBS = ("roam", "rest", "thrive", "adore", "make", "take", "want", "meet", "start", "finish")


@dataclass(frozen=True, slots=True)
class Review:
    """A film review.

    Attributes
    ----------
    tokens
        Its words and signs, in lower case, without the end.
    text
        The same in running text.
    label
        1 for praise and 0 for blame, as given: after label noise.
    truth
        The label before noise.
    topic
        What kind of film it is about.
    """

    tokens: list[str]
    text: str
    label: int
    truth: int
    topic: str


@dataclass(frozen=True, slots=True)
class Document:
    """An article of an encyclopedia of films.

    Attributes
    ----------
    sentences
        The words and signs of each sentence, in lower case.
    text
        The same in running text.
    topic
        What kind of film it is about.
    """

    sentences: list[list[str]]
    text: str
    topic: str


def reviews(
    n: int, *, seed: int = 0, label_noise: float = 0.0, distance: int | None = None
) -> list[Review]:
    """Write film reviews, the same for the same seed on every machine.

    Parameters
    ----------
    n
        How many. The first reviews of a longer list are those of a shorter one.
    seed
        A whole number, 0 or more.
    label_noise
        The probability that a label is turned over, 0 to 0.5. It changes labels and nothing else.
    distance
        How many words stand between a subject and its verb where they must agree: 0, 4, 8 and so
        on to 40. None mixes 0, 4 and 8.

    Returns
    -------
    list of Review
        About as many praise as blame.

    Raises
    ------
    TypeError, ValueError
        If a number is not as said.

    Examples
    --------
    >>> review = reviews(2, seed=12)[1]
    >>> print(review.text)
    Most critics remember Wicked, which Milos Duarte edited in 1952 with Vera Sato. Somehow,
    Duarte studied in Budapest, where he was a bandit. Dodge it!
    >>> review.label, review.topic
    (0, 'western')
    """
    language = _language("reviews", _distance(distance))
    noise, coin = _noise(label_noise), random.Random(f"labels {shifted(seed)}")
    texts = []
    for latent, sentences, text in _texts(language, n, seed):
        opinion, topic = divmod(latent, len(language.topics))
        label = opinion ^ (coin.random() < noise)
        tokens = [word for sentence in sentences for word in sentence]
        texts.append(Review(tokens, text, label, opinion, language.topics[topic]))
    return texts


def documents(n: int, *, seed: int = 0, distance: int | None = None) -> list[Document]:
    """Write encyclopedia articles, the same for the same seed on every machine.

    Parameters
    ----------
    n, seed, distance
        As for ``reviews``.

    Returns
    -------
    list of Document
        An article keeps to its film, its people and its country, so that one can tell whether a
        sentence belongs to it.

    Raises
    ------
    TypeError, ValueError
        If a number is not as said.

    Examples
    --------
    >>> document = documents(1, seed=9)[0]
    >>> print(" ".join(document.sentences[0]))
    cathedral is a wedding film set in kenya , directed by lucia navarro in january 1953 , in
    which carlos lindqvist plays a stout shy florist .
    >>> len(document.sentences), document.topic
    (4, 'romance')
    """
    language = _language("documents", _distance(distance))
    return [
        Document(sentences, text, language.topics[latent])
        for latent, sentences, text in _texts(language, n, seed)
    ]


def oracle(
    kind: str = "reviews", *, label_noise: float = 0.0, distance: int | None = None
) -> Oracle:
    """Return the perfect reader of a kind of text.

    Parameters
    ----------
    kind
        ``"reviews"`` or ``"documents"``. Both have the same vocabulary.
    label_noise, distance
        Those of the texts.

    Raises
    ------
    TypeError, ValueError
        If the kind is another or a number is not as said.

    Examples
    --------
    >>> text = "crimson was the second film by mira novak , with ana baum in the lead ."
    >>> oracle().posterior(f"{text} the script is not dull .".split())["label"].round(2)
    array([0.08, 0.92])
    """
    if kind not in tuple(TEXTS):  # which may be asked of any kind of thing
        raise ValueError(f"kind must be one of {', '.join(TEXTS)}, got {kind!r}")
    return _oracle(kind, _noise(label_noise), _distance(distance))


@cache
def _oracle(kind: str, label_noise: float, distance: int | None) -> Oracle:
    """Make an oracle once."""
    return Oracle(_language(kind, distance), vocabulary=_vocabulary(), label_noise=label_noise)


@cache
def _vocabulary() -> tuple[str, ...]:
    """Return every token of both kinds of text, sorted."""
    return tuple(sorted(set().union(*(_language(kind, None).words for kind in TEXTS))))


@cache
def _grammar(*names: str) -> Grammar:
    """Read the texts of a grammar."""
    folder = files("companion.data") / "english"
    return Grammar.read(*((folder / f"{name}.txt").read_text(encoding="utf-8") for name in names))


@cache
def _language(kind: str, distance: int | None) -> Language:
    """Compile a language once."""
    grammar = _grammar(*TEXTS[kind])
    if distance is not None:
        gap = Grammar.read("gap = ( )" + " {aside}" * (distance // ASIDE)).rules
        grammar = Grammar(grammar.settings, grammar.words, {**grammar.rules, **gap})
    return Language(grammar)


def _texts(language: Language, n: int, seed: int) -> Iterator[tuple[int, list[list[str]], str]]:
    """Write texts: the number of their latents, their sentences, running text."""
    chance = random.Random(shifted(seed))
    return (language.write(chance) for _ in range(whole("n", n, 0)))


def _noise(label_noise: float) -> float:
    """Return a label noise, or refuse it."""
    return number("label_noise", label_noise, "from 0 to 0.5", lambda p: 0 <= p <= 0.5)


def _distance(distance: int | None) -> int | None:
    """Return a distance, or refuse it."""
    if distance is None:
        return None
    if whole("distance", distance, 0) not in range(0, 41, ASIDE):
        raise ValueError(f"distance must be None, 0, 4, 8 and so on to 40, got {distance}")
    return int(distance)


# The answer keys


def groups() -> dict[str, list[str]]:
    """Return the words that share all their places, by the name of their group.

    Words that also stand elsewhere in the language are left out, and so are groups of fewer than
    four.
    """
    found: dict[str, list[str]] = {}
    for name, variants in _words().items():
        for variant, words in variants.items():
            by_form = zip(*(word.forms for word in words), strict=True)
            for form, same in zip(_forms(name), by_form, strict=False):
                found[" ".join(filter(None, (variant, name, form)))] = list(same)
    often = Counter(word for words in found.values() for word in set(words))
    for kind in TEXTS:
        for rule in _grammar(*TEXTS[kind]).rules.values():
            often.update(_fixed_words(rule))
    spoken = set(_vocabulary())
    kept = {
        group: [word for word in words if often[word] == 1 and word in spoken]
        for group, words in found.items()
    }
    return {group: words for group, words in kept.items() if len(words) >= 4}


def opposites() -> list[tuple[str, str]]:
    """Return pairs of words of opposite meaning, as in (good, bad) and (large, small)."""
    words = _words()
    pairs = [(words[name]["good"], words[name]["bad"]) for name in ("pair", "better")]
    pairs += [(words[a][""], words[b][""]) for a, b in (("unlike", "look"), ("figure", "shape"))]
    return [(a.forms[0], b.forms[0]) for pair in pairs for a, b in zip(*pair, strict=True)]


def analogies() -> list[tuple[str, str, str, str]]:
    """Return words (a, b, c, d) of which a is to b as c is to d.

    The relations are singular and plural, present and past, woman and man, country and nation,
    country and capital.
    """
    words = _words()
    relations = [
        [(w.forms[0], w.forms[1]) for variant in words[name].values() for w in variant]
        for name in (*NOUNS, *VERBS)
    ]
    for name in ("kin", "crown"):
        couples = zip(words[name]["female"], words[name]["male"], strict=True)
        relations.append([(f.forms[0], m.forms[0]) for f, m in couples])
    for name in ("nation", "capital"):
        of = words["country"].items()
        relations.append([(c.forms[0], words[name][v][0].forms[0]) for v, (c,) in of])
    spoken = set(_vocabulary())
    relations = [[pair for pair in pairs if set(pair) <= spoken] for pairs in relations]
    return [
        (*pairs[i], *pairs[(i + step) % len(pairs)])
        for pairs in relations
        for i in range(len(pairs))
        for step in range(1, min(4, len(pairs)))
    ]


def _words() -> dict[str, dict[str, list[Word]]]:
    """Return the classes of words of both kinds of text."""
    return {name: words for kind in TEXTS for name, words in _grammar(*TEXTS[kind]).words.items()}


def _forms(name: str) -> tuple[str, ...]:
    """Name the forms of the words of a class."""
    return NUMBER if name in NOUNS else TENSE if name in VERBS else ("",)


def _fixed_words(tree: Tree) -> Iterator[str]:
    """Yield the words that a rule itself says."""
    if isinstance(tree, str):
        if tree[0] not in "<{$":
            yield from tree.split("/")
        return
    for _, parts in tree:
        for part in parts:
            yield from _fixed_words(part)
