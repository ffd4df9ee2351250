"""Stages, owners, words of one sentence and ranks: the oracle beside brute force."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter, defaultdict

import numpy as np
import pytest

from companion.data import grammar
from companion.data._automaton import Language
from companion.data._notation import Grammar
from companion.data.oracle import Oracle

END = "<eos>"
TOY = """
@topics west space
@more what=1,0.3 how=0.5,0.2
@candour 0.8
@focus 0.7
@rank 1
@entities p=kind h=hero@p o=polar
@local o
polar/good: good
polar/bad: bad
tell/good: fine great
tell/bad: dull
[west_ranch]
kind: western
hero: rancher widow
[west_hunt]
kind: frontier
hero~0: sheriff rancher*3
[space_ship]
kind: space
hero: pilot robot
"""
RULES = """
opening = a <kind@p> film . | the <hero@h> comes .
what = the <hero@h> (rides | sings) . | it is <kind@p> .
how = it is <tell@o> , not <tell-@o> . | 3: it is not <tell-@o> .
closing = bye <hero@h> ! | bye !
"""
KINDS = {"west_ranch": "western", "west_hunt": "frontier", "space_ship": "space"}
HEROES = {
    "west_ranch": {"rancher": 2 / 3, "widow": 1 / 3},
    "west_hunt": {"sheriff": 1 / 4, "rancher": 3 / 4},
    "space_ship": {"pilot": 2 / 3, "robot": 1 / 3},
}
STORIES = (  # P(story | topic)
    {"west_ranch": 0.35, "west_hunt": 0.35, "space_ship": 0.3},
    {"west_ranch": 0.15, "west_hunt": 0.15, "space_ship": 0.7},
)
TELL = ({"dull": 1.0}, {"fine": 2 / 3, "great": 1 / 3})  # of blame and of praise
THEN = {
    "opening": {"what": 1.0},
    "what": {"what": 0.3, "how": 0.35, "closing": 0.35},
    "how": {"how": 0.2, "closing": 0.8},
}
TIMES = {"opening": 1.0, "what": 1 / 0.7, "how": 0.5 / 0.8, "closing": 1.0}


def sentences(opinion, story, hero):
    """P(sentence) of each stage, once everything hidden is known."""
    how = defaultdict(float)
    for said, p in ((opinion, 0.8), (1 - opinion, 0.2)):
        for (word, q), (other, r) in itertools.product(TELL[said].items(), TELL[1 - said].items()):
            how[f"it is {word} , not {other} ."] += p * q * r / 4
        for other, r in TELL[1 - said].items():
            how[f"it is not {other} ."] += p * r * 3 / 4
    kinds = {
        "opening": {f"a {KINDS[story]} film .": 1 / 2, f"the {hero} comes .": 1 / 2},
        "what": {
            f"the {hero} rides .": 1 / 4,
            f"the {hero} sings .": 1 / 4,
            f"it is {KINDS[story]} .": 1 / 2,
        },
        "how": how,
        "closing": {f"bye {hero} !": 1 / 2, "bye !": 1 / 2},
    }
    return {kind: {tuple(s.split()): p for s, p in said.items()} for kind, said in kinds.items()}


WORLDS = [
    ((opinion, topic), 0.25 * p * q, sentences(opinion, story, hero))
    for opinion, topic in np.ndindex(2, 2)
    for story, p in STORIES[topic].items()
    for hero, q in HEROES[story].items()
]


def follows(prefix):
    """P(opinion, topic, prefix, then word) for each word."""
    parts = [()]
    for word in prefix:
        parts[-1] += (word,)
        if word in (".", "!"):
            parts.append(())
    *whole, begun = parts
    chances = defaultdict(lambda: np.zeros((2, 2)))
    for place, p, kinds in WORLDS:
        ahead = {"opening": p}
        for sentence in whole:
            after = defaultdict(float)
            for kind, q in ahead.items():
                for then, r in THEN.get(kind, {END: 1.0}).items():
                    after[then] += q * kinds.get(kind, {}).get(sentence, 0) * r
            ahead = after
        if not begun and ahead.get(END):
            chances[END][place] += ahead[END]
        for kind, q in ahead.items():
            for sentence, r in kinds.get(kind, {}).items():
                if q and sentence[: len(begun)] == begun and len(sentence) > len(begun):
                    chances[sentence[len(begun)]][place] += q * r
    return chances


@pytest.fixture(scope="module")
def language():
    return Language(Grammar.read(TOY, RULES))


@pytest.fixture(scope="module")
def oracle(language):
    return Oracle(language)


@pytest.fixture(scope="module")
def texts(language):
    chance = random.Random(3)
    return [[*itertools.chain(*language.write(chance)[1])] for _ in range(25)]


def column(chances, oracle):
    total = sum(p.sum() for p in chances.values())
    return [chances[word].sum() / total if word in chances else 0 for word in oracle.vocabulary]


def test_words_and_texts_are_as_probable_as_brute_force_finds(oracle, texts):
    for text in texts:
        assert oracle.log_prob(text) == pytest.approx(math.log(follows(text)[END].sum()))
        for i in range(len(text) + 1):
            expected = column(follows(text[:i]), oracle)
            np.testing.assert_allclose(oracle.next_token(text[:i]), expected, atol=1e-14)


def test_opinion_and_topic_are_as_probable_as_brute_force_finds(oracle, texts):
    for text in texts:
        joint = follows(text)[END] / follows(text)[END].sum()
        found = oracle.posterior(text)
        np.testing.assert_allclose(found["label"], joint.sum(axis=1))
        np.testing.assert_allclose(found["topic"], joint.sum(axis=0))


def test_a_hidden_word_is_as_probable_as_brute_force_finds(oracle, texts):
    for text in texts[:8]:
        for i in range(len(text)):
            filled = {w: [*text[:i], w, *text[i + 1 :]] for w in oracle.vocabulary}
            whole = {word: follows(tokens)[END] for word, tokens in filled.items()}
            np.testing.assert_allclose(oracle.masked(text, i), column(whole, oracle), atol=1e-14)


def test_one_sentence_follows_another_as_often_as_among_all_pairs(oracle):
    total = sum(TIMES[kind] for kind in THEN)
    first, later = defaultdict(lambda: np.zeros(2)), defaultdict(lambda: np.zeros(2))
    joint = defaultdict(float)
    for (_, topic), p, kinds in WORLDS:
        for kind, afters in THEN.items():
            for (then, q), (a, r) in itertools.product(afters.items(), kinds[kind].items()):
                first[a][topic] += p * TIMES[kind] / total * q * r
                for b, s in kinds[then].items():
                    joint[a, b] += p * TIMES[kind] / total * q * r * s
        for kind in ("what", "how", "closing"):
            for b, s in kinds[kind].items():
                later[b][topic] += 2 * p * TIMES[kind] / total * s
    assert sum(joint.values()) == pytest.approx(1)
    for a, b in itertools.product(first, later):
        expected = joint[a, b] / (joint[a, b] + float(first[a] @ later[b]))
        assert oracle.next_sentence(a, b) == pytest.approx(expected, abs=1e-12), (a, b)


def test_texts_are_written_as_often_as_they_should_be(language):
    chance = random.Random(4)
    seen = Counter(tuple(itertools.chain(*language.write(chance)[1])) for _ in range(20_000))
    for text, count in seen.most_common(60):
        p = follows(text)[END].sum()
        assert count == pytest.approx(20_000 * p, abs=4.5 * math.sqrt(20_000 * p))


# What can be asked about an article


@pytest.fixture(scope="module")
def documents():
    return grammar.documents(300, seed=5)


def test_an_answer_stands_where_its_fact_says(documents):
    answered = 0
    for document in documents:
        for fact in document.facts:
            if fact.answer:
                answered += 1
                sentence = document.sentences[fact.sentence]
                assert sentence[fact.start : fact.end] == fact.answer
            else:
                assert (fact.sentence, fact.start, fact.end) == (-1, -1, -1)
    assert answered > 5 * len(documents)


def test_every_question_is_answered_in_some_articles_and_most_not_in_others(documents):
    asked = defaultdict(set)
    for document in documents:
        for fact in document.facts:
            asked[" ".join(fact.question.split()[:2])].add(bool(fact.answer))
    assert all(True in found for found in asked.values())
    assert sum(len(found) == 2 for found in asked.values()) > len(asked) / 2


def test_the_first_fact_is_who_directed_the_film(documents):
    for document in documents:
        assert document.facts[0].question.startswith("who directed ")
        assert document.facts[0].sentence == 0


# A bias that is planted


def test_without_a_bias_a_profession_says_nothing_about_the_pronoun():
    oracle = grammar.oracle("documents")
    text = next(
        d
        for d in grammar.documents(500, seed=6)
        if any(s[0] == "a" and "because" in s and "kept" in s for s in d.sentences)
    )
    tokens = [*itertools.chain(*text.sentences)]
    at = tokens.index("because")
    p = oracle.next_token(tokens[: at + 1])
    she, he = (p[oracle.vocabulary.index(word)] for word in ("she", "he"))
    assert she == pytest.approx(he)


@pytest.mark.parametrize(("job", "sex"), [("nurse", "she"), ("plumber", "he")])
def test_a_bias_makes_pronouns_lean_by_as_much_as_it_says(job, sex):
    oracle = grammar.oracle("documents", bias=0.6)
    text = next(
        d
        for d in grammar.documents(500, seed=6)
        if any(s[0] == "a" and "because" in s and "kept" in s for s in d.sentences)
    )
    tokens = [*itertools.chain(*text.sentences)]
    at = tokens.index("because")
    start = max(i for i in range(at) if tokens[i] in (".", "!")) + 1
    tokens[start + 1] = job
    p = oracle.next_token(tokens[: at + 1])
    found = {word: p[oracle.vocabulary.index(word)] for word in ("she", "he")}
    assert found[sex] / sum(found.values()) == pytest.approx(0.8)
