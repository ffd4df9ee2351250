"""A generated language: film reviews and encyclopedia articles, with a perfect reader for each."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files

from companion._numbers import number
from companion.data._automaton import Language
from companion.data._notation import Grammar, Tree, Word
from companion.data._parts import Slot
from companion.data._questions import Fact, Questions
from companion.data.oracle import Oracle
from companion.runtime import shifted, whole

__all__ = [
    "Document",
    "Fact",
    "Review",
    "analogies",
    "documents",
    "groups",
    "opposites",
    "oracle",
    "reviews",
]

# Which texts of the folder ``english`` make each kind, and what their latents are.
TEXTS = {
    "reviews": ("words", "plots", "opinions", "reviews"),
    "documents": ("words", "plots", "documents"),
}
ASIDE = 4  # words

NUMBER = ("singular", "plural")
TENSE = ("present", "past", "base")
NOUNS = ("hero", "foe", "goods", "told", "seen", "heard", "film", "feat", "critic", "player")
PHRASES = ("aim", "event")  # whose words go together
PAIRED = ("pair", "better", "best", "adore")
VERBS = ("deed", "face", "foil", "go", "thrive", "adore", "make")


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
    facts
        Questions about it, with their answers and the places of these; the same ones for all
        articles, as far as these name what is asked about. Some are not answered.
    """

    sentences: list[list[str]]
    text: str
    topic: str
    facts: list[Fact] = field(default_factory=list)


def reviews(
    n: int,
    *,
    seed: int = 0,
    label_noise: float = 0.0,
    distance: int | None = None,
    bias: float = 0.0,
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
    bias
        How far pronouns lean by profession, from 0 to below 1. With 0 a nurse or a plumber is as
        often *she* as *he*; with 0.9 a nurse is *she* in 95 of 100 cases, and a plumber *he*.

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
    Torch, written by Anton Richter, tells the story of a loyal sergeant, played by Mira
    Macedo, who wants to hold the bridge. The sets are by Irena Holm and Amara Ramos. When the
    radio goes dead, the sergeant carries the letter. Macedo is petulant, and so is Xenia
    Weber as the sniper. Macedo seems really wooden, though Petra Renard is subtle. The
    melodies were not evocative. Avoid it with your cousin.
    >>> review.label, review.topic
    (0, 'war')
    """
    language = _language("reviews", _distance(distance), _leaning(bias))
    noise, coin = _noise(label_noise), random.Random(f"labels {shifted(seed)}")
    texts = []
    for latent, sentences, text in _texts(language, n, seed):
        opinion, topic = divmod(latent, len(language.topics))
        label = opinion ^ (coin.random() < noise)
        tokens = [word for sentence in sentences for word in sentence]
        texts.append(Review(tokens, text, label, opinion, language.topics[topic]))
    return texts


def documents(
    n: int, *, seed: int = 0, distance: int | None = None, bias: float = 0.0
) -> list[Document]:
    """Write encyclopedia articles, the same for the same seed on every machine.

    Parameters
    ----------
    n, seed, distance, bias
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
    pantomime is a summer film set in a breezy hotel , directed by urho paredes in 1953 , with
    umberto kowalczyk as the sunburnt tourist .
    >>> len(document.sentences), document.topic
    (11, 'romance')
    >>> document.facts[0].question, document.facts[0].answer
    ('who directed pantomime ?', ['urho', 'paredes'])
    """
    language = _language("documents", _distance(distance), _leaning(bias))
    questions, chance = _questions(language), random.Random(shifted(seed))
    texts = []
    for _ in range(whole("n", n, 0)):
        slots: list[Slot] = []
        states: list[int] = []
        latent, sentences, text = language.write(chance, slots, states)
        facts = questions.ask(slots, states, sentences)
        texts.append(Document(sentences, text, language.topics[latent], facts))
    return texts


def oracle(
    kind: str = "reviews",
    *,
    label_noise: float = 0.0,
    distance: int | None = None,
    bias: float = 0.0,
) -> Oracle:
    """Return the perfect reader of a kind of text.

    Parameters
    ----------
    kind
        ``"reviews"`` or ``"documents"``. Both have the same vocabulary.
    label_noise, distance, bias
        Those of the texts.

    Raises
    ------
    TypeError, ValueError
        If the kind is another or a number is not as said.

    Examples
    --------
    >>> text = "crimson is a 1954 western film by mira novak with ana baum as a sheriff "
    >>> text += "who rides to a desert . baum is not wooden ."
    >>> oracle().posterior(text.split())["label"].round(2)
    array([0.1, 0.9])
    """
    if kind not in tuple(TEXTS):  # which may be asked of any kind of thing
        raise ValueError(f"kind must be one of {', '.join(TEXTS)}, got {kind!r}")
    noise = _noise(label_noise)
    return _oracle(kind, noise, _distance(distance), _leaning(bias))


@cache
def _oracle(kind: str, label_noise: float, distance: int | None, bias: float) -> Oracle:
    """Make an oracle once."""
    language = _language(kind, distance, bias)
    return Oracle(language, vocabulary=_vocabulary(), label_noise=label_noise)


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
def _language(kind: str, distance: int | None, bias: float = 0.0) -> Language:
    """Compile a language once."""
    grammar = _biased(_grammar(*TEXTS[kind]), bias)
    if distance is not None:
        gap = Grammar.read("gap = ( )" + " {aside}" * (distance // ASIDE)).rules
        grammar = Grammar(grammar.settings, grammar.words, {**grammar.rules, **gap})
    return Language(grammar)


@cache
def _questions(language: Language) -> Questions:
    """Read what can be asked once."""
    return Questions(language, _grammar("questions"))


def _biased(grammar: Grammar, bias: float) -> Grammar:
    """Return the grammar with professions that lean: P(woman | profession) = (1 ± bias) / 2."""
    sex_of = dict(pair.split("=") for pair in grammar.settings["bias"])
    jobs = {
        sex: [
            Word(word.forms, word.weight * (1 + (bias if sex_of[name] == sex else -bias)))
            if (name := word.forms[0]) in sex_of
            else word
            for word in words
        ]
        for sex, words in grammar.words["job"].items()
    }
    return replace(grammar, words={**grammar.words, "job": jobs})


def _texts(language: Language, n: int, seed: int) -> Iterator[tuple[int, list[list[str]], str]]:
    """Write texts: the number of their latents, their sentences, running text."""
    chance = random.Random(shifted(seed))
    return (language.write(chance) for _ in range(whole("n", n, 0)))


def _noise(label_noise: float) -> float:
    """Return a label noise, or refuse it."""
    return number("label_noise", label_noise, "from 0 to 0.5", lambda p: 0 <= p <= 0.5)


def _leaning(bias: float) -> float:
    """Return a bias, or refuse it: with 1 some stories would find nobody for a part."""
    return number("bias", bias, "from 0 to below 1", lambda p: 0 <= p < 1)


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

    Who or what a text keeps naming changes everywhere at once, in the singular and in the plural.
    Words that also stand elsewhere in the language are left out, and so are groups of fewer than
    four.
    """
    found: dict[str, list[str]] = {}
    often: Counter[str] = Counter()
    for name, variants in _words().items():
        for variant, words in variants.items():
            by_form = list(zip(*(word.forms for word in words), strict=True))
            often.update(word for same in by_form for word in set(same))
            for form, same in zip(_forms(name), by_form, strict=False):
                found[" ".join(filter(None, (variant, name, form)))] = list(same)
    for name in PHRASES:
        found = {group: words for group, words in found.items() if name not in group.split()}
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
    pairs = [(words[name]["good"], words[name]["bad"]) for name in PAIRED]
    pairs.append((words["big"][""], words["little"][""]))
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
    pronouns = ("she", "her")
    relations.append(
        [(words[p]["female"][0].forms[0], words[p]["male"][0].forms[0]) for p in pronouns]
    )
    for name in ("nation", "capital"):
        of = words["country"].items()
        relations.append([(c.forms[0], words[name][v][0].forms[0]) for v, (c,) in of])
    spoken = set(_vocabulary())
    relations = [
        [pair for pair in dict.fromkeys(pairs) if set(pair) <= spoken and len(set(pair)) == 2]
        for pairs in relations
    ]
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
