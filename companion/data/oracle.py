"""What a perfect reader knows: exact probabilities of words, texts, opinions and topics."""

from __future__ import annotations

import itertools
import math
import operator
import random
import reprlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion._numbers import number
from companion.data._automaton import Language
from companion.data._parts import END, STOPS, Junction, Slot, Vector
from companion.runtime import whole

__all__ = ["Estimate", "Oracle"]

# Where a text may be, with what it has said of its entities; and how probable that is together
# with each setting of the latents, (Z,), or with it and each of several pasts, (R, Z).
Place = tuple[Junction, tuple[int, ...]]
Beliefs = dict[Place, NDArray[np.float64]]

_SEED = 2**40  # of the texts over which averages are taken: no reader's


class Estimate(float):
    """A number that carries its standard error, ``.error``.

    It can be taken apart: ``value, error = estimate``.

    Examples
    --------
    >>> estimate = Estimate(0.25, error=0.01)
    >>> estimate * 2, estimate.error
    (0.5, 0.01)
    """

    error: float

    def __new__(cls, value: float, error: float = math.nan) -> Estimate:
        """Make the number."""
        estimate = super().__new__(cls, value)
        estimate.error = error
        return estimate

    @classmethod
    def of_mean(cls, values: ArrayLike) -> Estimate:
        """Take the mean of independent values."""
        values = np.asarray(values)
        return cls(float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values)))

    def __iter__(self) -> Iterator[float]:
        return iter((float(self), self.error))


class Oracle:
    """Exact answers about a generated language, from the automaton that writes it.

    Texts and their beginnings are lists of words, without the ``"<eos>"`` at the end.

    Parameters
    ----------
    language
        A compiled grammar.
    vocabulary
        The tokens in the order of the answers' columns, ``"<eos>"`` among them. None takes the
        words of this language, sorted.
    label_noise
        The probability that a label is turned over, from 0 to 1/2.
    texts
        Over how many texts ``entropy`` and the accuracies are averaged.

    Attributes
    ----------
    vocabulary : list of str
        The tokens, V of them.
    topics : list of str
        The topics, K of them.

    Raises
    ------
    TypeError, ValueError
        If the vocabulary lacks a word of the language or has one twice, or ``label_noise`` is out
        of range. By every method: if it is not given a list of words, or the language has no such
        text, beginning or sentence; except that to ``log_prob`` this is an answer.

    Notes
    -----
    The filter keeps, for each place in the automaton where the text may be, the probability of
    the words so far and that place under each setting of opinion and topic. A place is a junction
    together with what has been said of each entity. There are few at a time, so one step costs a
    few products of short vectors.
    """

    def __init__(
        self,
        language: Language,
        *,
        vocabulary: Sequence[str] | None = None,
        label_noise: float = 0.0,
        texts: int = 1000,
    ) -> None:
        noise = number("label_noise", label_noise, "from 0 to 1/2", lambda p: 0 <= p <= 0.5)
        self.vocabulary = sorted(language.words) if vocabulary is None else list(vocabulary)
        self._id_of = {word: i for i, word in enumerate(self.vocabulary)}
        if len(self._id_of) < len(self.vocabulary) or not language.words <= set(self._id_of):
            raise ValueError("vocabulary must hold every word of the language once")
        self.topics = language.topics
        self._language = language
        self._noise = noise
        self._texts = whole("texts", texts, 8)
        self._even = np.full(language.latents, 1 / language.latents)
        self._start: Beliefs = {(language.opening, language.unnamed): self._even}
        self._slots_of: dict[str, list[Slot]] = defaultdict(list)
        for slot in language.slots:
            for word in slot.words:
                self._slots_of[word].append(slot)
        self._tables: dict[tuple[Slot, int], tuple[NDArray[np.int64], NDArray[np.float64]]] = {}

    # Words

    def next_token(self, prefix: Sequence[str]) -> NDArray[np.float64]:
        """Return the probability of each word of the vocabulary after a prefix, (V,)."""
        *_, last = self._walk(prefix)
        return self._next(last)

    def next_tokens(self, tokens: Sequence[str]) -> NDArray[np.float64]:
        """Return the probabilities after each prefix of a text, the empty one first, (T + 1, V)."""
        return np.array([self._next(beliefs) for beliefs in self._walk(tokens)])

    def log_prob(self, tokens: Sequence[str]) -> float:
        """Return the log-probability of a whole text with its end; minus infinity if impossible."""
        return self._filter(self._start, [*_check("tokens", tokens), END])[1]

    def masked(self, tokens: Sequence[str], position: int) -> NDArray[np.float64]:
        """Return the probability of each word at a position, given all others of a text, (V,).

        Parameters
        ----------
        tokens
            A whole text. What stands at the position is not looked at.
        position
            Counted from 0.
        """
        words = _check("tokens", tokens)
        if whole("position", position, 0) >= len(words):
            raise ValueError(f"position must be from 0 to {len(words) - 1}, got {position}")
        before, _ = self._filter(self._start, words[:position])
        later = [*words[position + 1 :], END]
        alike = self._alike(set(later))
        ways: dict[Place, list[tuple[int, Vector]]] = defaultdict(list)  # by which words to a place
        slots = dict.fromkeys(slot for junction, _ in before for slot in junction.ways)
        for word in dict.fromkeys(word for slot in slots for word in slot.words):
            for (junction, states), weight in self._step(before, word).items():
                states = tuple(map(operator.getitem, alike, states))
                ways[junction, states].append((self._id_of[word], weight))
        chances = np.zeros(len(self.vocabulary))
        for place, rest in self._foresee(ways, later).items():
            for id, weight in ways[place]:
                chances[id] += weight @ rest
        if not chances.any():
            raise ValueError(f"no word at position {position} makes this a text of the language")
        return chances / float(chances.sum())

    # Texts

    def posterior(self, tokens: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """Return the probabilities of label and topic, given the words of a text.

        Parameters
        ----------
        tokens
            A text, or the beginning of one; what can be a whole text is taken for one.

        Returns
        -------
        dict
            ``"topic"``, (K,), in the order of ``topics``; and, where texts have an opinion,
            ``"label"``, (2,), of the label as given, noise included.
        """
        *_, last = self._walk(tokens)
        whole, _ = self._filter(last, [END])
        return self._read(whole or last)

    def next_sentence(self, a: Sequence[str], b: Sequence[str]) -> float:
        """Return the probability that sentence ``b`` follows ``a``.

        Sentence ``a`` is any but the last of its text. The alternative, at even odds, is that
        ``b`` comes from another text of the same topic, where it is not the first sentence either.
        """
        a, b = _sentence("a", a), _sentence("b", b)
        language = self._language
        after, _ = self._filter(self._anywhere(language.opening, self._even), a)
        if not after:
            raise ValueError(f"a must be a sentence before another, got {reprlib.repr(a)}")
        opinions = language.latents // len(self.topics)
        topic = np.tile(self._joint(after).mean(axis=0), opinions)  # at any opinion
        elsewhere = self._anywhere(language.closing, topic)
        _, log_q = self._filter(elsewhere, b)
        if log_q == -math.inf:
            raise ValueError(f"b must be a sentence after another, got {reprlib.repr(b)}")
        _, log_p = self._filter(after, b)
        odds = math.exp(log_p - log_q)
        return odds / (1 + odds)

    # Averages

    @cached_property
    def entropy(self) -> Estimate:
        """Nats per token, the end of a text counted as one: no model can lose less."""
        nats, tokens, _ = self._texts_read
        mean = nats.sum() / tokens.sum()
        return Estimate(mean, Estimate.of_mean((nats - mean * tokens) / tokens.mean()).error)

    @cached_property
    def bayes_accuracy(self) -> Estimate:
        """The share of labels, or of topics where there is no label, that can be guessed."""
        return Estimate.of_mean(self._texts_read[2])

    @cached_property
    def next_sentence_accuracy(self) -> Estimate:
        """The share of pairs of which one can say whether the second follows the first."""
        chance = random.Random(_SEED)
        topics, texts = len(self.topics), range(self._texts // 4)
        later: dict[int, list[list[str]]] = defaultdict(list)
        for latent, sentences, _ in (self._language.write(chance) for _ in texts):
            later[latent % topics] += sentences[1:]
        pairs = [
            (a, b, later[latent % topics])
            for latent, sentences, _ in (self._language.write(chance) for _ in texts)
            for a, b in itertools.pairwise(sentences)
            if later[latent % topics]
        ]
        hits = []
        for a, b, others in chance.sample(pairs, len(texts)):
            p, q = self.next_sentence(a, b), self.next_sentence(a, chance.choice(others))
            hits.append((max(p, 1 - p) + max(q, 1 - q)) / 2)
        return Estimate.of_mean(hits)

    @cached_property
    def _texts_read(self) -> tuple[Vector, Vector, Vector]:
        """Nats, tokens and the probability of the best guess, for each of many texts."""
        chance = random.Random(_SEED)
        rows = []
        for _ in range(self._texts):
            _, sentences, _ = self._language.write(chance)
            tokens = [*itertools.chain(*sentences), END]
            beliefs, log_p = self._filter(self._start, tokens)
            guess = self._read(beliefs)
            rows.append((-log_p, len(tokens), guess.get("label", guess["topic"]).max()))
        nats, lengths, best = np.array(rows).T
        return nats, lengths, best

    # The filter

    def _anywhere(self, edge: Junction, latents: Vector) -> Beliefs:
        """Believe to be before some sentence, a middle one or one at an edge of a text."""
        language = self._language
        ways = [(edge, 1.0), *language.middles]
        total = sum(count for _, count in ways)
        return {(way, language.unnamed): latents * (count / total) for way, count in ways}

    def _filter(self, beliefs: Beliefs, tokens: Sequence[str]) -> tuple[Beliefs, float]:
        """Return beliefs after some tokens, which sum to 1, and the tokens' log-probability."""
        log_p = 0.0
        for word in tokens:
            beliefs = self._step(beliefs, word)
            total = float(sum(weight.sum() for weight in beliefs.values()))
            if not total:
                return {}, -math.inf
            log_p += math.log(total)
            beliefs = {place: weight / total for place, weight in beliefs.items()}
        return beliefs, log_p

    def _walk(self, tokens: Sequence[str]) -> Iterator[Beliefs]:
        """Yield the beliefs after each prefix of a text, the empty one first."""
        beliefs = self._start
        yield beliefs
        for i, word in enumerate(_check("tokens", tokens)):
            beliefs, _ = self._filter(beliefs, [word])
            if not beliefs:
                before = " ".join(tokens[max(0, i - 5) : i]) or "the beginning"
                raise ValueError(f"the language cannot write {word!r} after {before!r}")
            yield beliefs

    def _alike(self, words: set[str]) -> list[list[int]]:
        """Return for each state of each entity the first from which these words are as probable.

        Names that do not occur among the words make no difference but for their variant.
        """
        alike = [list(range(len(states))) for states in self._language.states]
        for states, first in zip(self._language.states, alike, strict=True):
            found: dict[str | None, int] = {}
            for state, (variant, word) in enumerate(states):
                if word and words.isdisjoint(word.forms):
                    first[state] = found.setdefault(variant, state)
        return alike

    def _foresee(self, places: Iterable[Place], tokens: Sequence[str]) -> Beliefs:
        """Return, but for a common factor, how probable tokens are from each place on, (Z,)."""
        paths = []
        for word in tokens:
            paths.append({place: list(self._moves(place, word)) for place in places})
            places = dict.fromkeys(then for moves in paths[-1].values() for then, _ in moves)
        rest, nothing = dict.fromkeys(places, np.ones_like(self._even)), np.zeros_like(self._even)
        for path in reversed(paths):
            sums = {
                place: sum((p * rest[then] for then, p in moves if then in rest), nothing)
                for place, moves in path.items()
            }
            most = max((p.max() for p in sums.values()), default=0.0)
            rest = {place: p / most for place, p in sums.items() if p.any()}
        return rest

    def _step(self, beliefs: Beliefs, word: str) -> Beliefs:
        """Return what to believe after one more word; nothing if it cannot come here."""
        after: Beliefs = {}
        for place, weight in beliefs.items():
            for then, chances in self._moves(place, word):
                new = weight * chances
                after[then] = after[then] + new if then in after else new
        return after

    def _moves(self, place: Place, word: str) -> Iterator[tuple[Place, Vector]]:
        """Yield the places to which a word leads, each with its probabilities, (Z,)."""
        junction, states = place
        for slot in self._slots_of.get(word, ()):
            if slot in junction.ways:
                for state, chances in slot.sayings[slot.before(states)].get(word, {}).items():
                    known = self._language.know(states, slot, state, word)
                    for p, then in junction.ways[slot]:
                        yield (then, known), chances * p

    def _next(self, beliefs: Beliefs) -> NDArray[np.float64]:
        """Return the probability of each word of the vocabulary, (V,)."""
        chances = np.zeros(len(self.vocabulary))
        for (junction, states), weight in beliefs.items():
            for slot, ways in junction.ways.items():
                ids, table = self._table(slot, slot.before(states))
                chances[ids] += table @ weight * sum(p for p, _ in ways)
        return chances

    def _table(self, slot: Slot, state: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the words that a slot says in a state, (n,), and their probabilities, (n, Z)."""
        if (slot, state) not in self._tables:
            sayings = slot.sayings[state]
            ids = np.array([self._id_of[word] for word in sayings])
            self._tables[slot, state] = ids, np.array([sum(p.values()) for p in sayings.values()])
        return self._tables[slot, state]

    def _joint(self, beliefs: Beliefs) -> NDArray[np.float64]:
        """Return the probabilities of opinion and topic, (2, K), or (1, K) without opinions."""
        joint: Vector = sum(beliefs.values(), np.zeros(self._language.latents))
        return (joint / float(joint.sum())).reshape(-1, len(self.topics))

    def _read(self, beliefs: Beliefs) -> dict[str, NDArray[np.float64]]:
        """Return the probabilities of topic and label."""
        joint = self._joint(beliefs)
        found = {"topic": joint.sum(axis=0)}
        if len(joint) > 1:
            label = joint.sum(axis=1)
            found["label"] = (1 - self._noise) * label + self._noise * label[::-1]
        return found


def _check(name: str, words: Sequence[str]) -> list[str]:
    """Return the words as a list, or refuse what is no list of words."""
    plain = isinstance(words, Sequence) and not isinstance(words, str)
    if not plain or not all(isinstance(word, str) for word in words):
        raise TypeError(f"{name} must be a list of words, got {reprlib.repr(words)}")
    if END in words:
        raise ValueError(f"{name} must not name their end, {END!r}: it is understood")
    return list(words)


def _sentence(name: str, words: Sequence[str]) -> list[str]:
    """Return the words of a sentence, or refuse what is not exactly one."""
    words = _check(name, words)
    if not words or [word for word in words if word in STOPS] != words[-1:]:
        raise ValueError(f"{name} must be one sentence with its stop, got {reprlib.repr(words)}")
    return words
