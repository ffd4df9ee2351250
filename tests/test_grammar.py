"""The generated language: its oracle beside brute force, its texts beside what is said of them."""

from __future__ import annotations

import itertools
import math
import os
import pickle
import random
import re
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chisquare
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from companion.data import grammar
from companion.data._automaton import Language
from companion.data._notation import Grammar
from companion.data.oracle import Estimate, Oracle
from companion.text import Tokenizer

END = "<eos>"

# A language small enough to be written out, with all that a grammar can do.
TOY = """
@topics west space
@more 0.4
@candour 0.8      # how often a text says what it thinks
@focus 0.7
@entities who=first
@lean female:west=3
@proper first
first/female: ana mia*2
first/male: tom
she/female: she*3 they
she/male: he*3 they
it/west: horse/horses
it/space: rocket/rockets
  moon/moons*2

good/good: fine great*3
good/bad: dull*4 fine
opening = (2: $who | <she@who>) saw (a {it 0} | {it 1}) .
middle = 3: {thing 0} | {thing 1} | <she@who> was [not] <good+> , $who .
  # these two can say the same
  | 2: (<she@who> | $who) sang . | he sang . | 2: not <good-> !
thing = the {it} is/are (2: red | <good+> | fine) .
it = <it#>
closing = bye [2: bye | so] $who . | bye <she@who> ? | not <good+> !
"""
NAMES = {"ana": "she", "mia": "she", "tom": "he"}
NOUNS = {"horse": "horses", "rocket": "rockets", "moon": "moons"}
# P(name | topic): women have weight 3 and men 1; in the west it is 9 and 1.
NAMED = {
    "west": {"ana": 0.3, "mia": 0.6, "tom": 0.1},
    "space": {"ana": 0.25, "mia": 0.5, "tom": 0.25},
}
SEEN = {
    "west": {"horse": 0.7, "rocket": 0.3 / 3, "moon": 0.3 * 2 / 3},
    "space": {"horse": 0.3, "rocket": 0.7 / 3, "moon": 0.7 * 2 / 3},
}
SAID = {
    "good": {"great": 0.8 * 3 / 4, "fine": 0.8 / 4 + 0.2 / 5, "dull": 0.2 * 4 / 5},
    "bad": {"great": 0.2 * 3 / 4, "fine": 0.2 / 4 + 0.8 / 5, "dull": 0.8 * 4 / 5},
}
OPPOSITE = {"good": "bad", "bad": "good"}


def sentences(opinion, topic, name):
    """P(sentence) of each kind of sentence, once everything hidden is known."""
    kinds = {kind: defaultdict(float) for kind in ("opening", "middle", "closing")}

    def add(kind, p, text):
        kinds[kind][tuple(text.split())] += p

    for noun, p in SEEN[topic].items():
        for start, q in ((name, 2 / 3), (NAMES[name], 1 / 3 * 3 / 4), ("they", 1 / 3 * 1 / 4)):
            add("opening", p * q / 2, f"{start} saw a {noun} .")
            add("opening", p * q / 2, f"{start} saw {NOUNS[noun]} .")
        for subject, q in ((f"the {noun} is", 3 / 10), (f"the {NOUNS[noun]} are", 1 / 10)):
            add("middle", p * q / 2, f"{subject} red .")
            add("middle", p * q / 4, f"{subject} fine .")
            for word, r in SAID[opinion].items():
                add("middle", p * q / 4 * r, f"{subject} {word} .")
    for she, p in ((NAMES[name], 3 / 4), ("they", 1 / 4)):
        for word, q in SAID[opinion].items():
            add("middle", p * q / 20, f"{she} was {word} , {name} .")
            add("middle", p * q / 20, f"{she} was not {word} , {name} .")
        add("middle", p / 10, f"{she} sang .")
        add("closing", p / 3, f"bye {she} ?")
    add("middle", 1 / 10, f"{name} sang .")
    add("middle", 1 / 10, "he sang .")
    for word, p in SAID[OPPOSITE[opinion]].items():
        add("middle", p / 5, f"not {word} !")
    for word, p in SAID[opinion].items():
        add("closing", p / 3, f"not {word} !")
    for said, p in (("bye", 1 / 2), ("bye bye", 1 / 3), ("bye so", 1 / 6)):
        add("closing", p / 3, f"{said} {name} .")
    return kinds


OPINIONS, TOPICS = ("bad", "good"), ("west", "space")
WORLDS = [  # all that may be hidden: opinion, topic and name, with its probability
    (place, 0.25 * p, sentences(OPINIONS[place[0]], TOPICS[place[1]], name))
    for place in np.ndindex(2, 2)
    for name, p in NAMED[TOPICS[place[1]]].items()
]


def follows(prefix, more=0.4):
    """P(opinion, topic, prefix, then word) for each word: the sum over all that is hidden."""
    *whole, begun = split(prefix)
    chances = defaultdict(lambda: np.zeros((2, 2)))
    for place, p, kinds in WORLDS:
        ahead = {"opening": p}  # P(hidden, the sentences so far, then one of this kind)
        for sentence in whole:
            said = {kind: q * kinds.get(kind, {}).get(sentence, 0) for kind, q in ahead.items()}
            ahead = {
                "middle": said.get("opening", 0) + said.get("middle", 0) * more,
                "closing": said.get("middle", 0) * (1 - more),
                END: said.get("closing", 0),
            }
        if not begun and ahead.get(END):
            chances[END][place] += ahead[END]
        for kind, q in ahead.items():
            for sentence, r in kinds.get(kind, {}).items():
                if q and sentence[: len(begun)] == begun and len(sentence) > len(begun):
                    chances[sentence[len(begun)]][place] += q * r
    return chances


def split(tokens):
    """The sentences of a text as tuples; the last one is begun, perhaps not even that."""
    parts = [()]
    for word in tokens:
        parts[-1] += (word,)
        if word in (".", "!", "?"):
            parts.append(())
    return parts


def column(chances, oracle):
    """The probabilities in the order of the oracle's vocabulary."""
    total = sum(p.sum() for p in chances.values())
    return [chances[word].sum() / total if word in chances else 0 for word in oracle.vocabulary]


@pytest.fixture(scope="module")
def language():
    return Language(Grammar.read(TOY))


@pytest.fixture(scope="module")
def oracle(language):
    return Oracle(language)


@pytest.fixture(scope="module")
def texts(language):
    """Some that the language writes, and some that it seldom does."""
    chance = random.Random(5)
    written = [[*itertools.chain(*language.write(chance)[1])] for _ in range(8)]
    seldom = [
        "she saw horses . he sang . not dull ! not fine ! not fine !",
        "they saw a moon . he sang . the moon is fine . the moons are dull . bye he ?",
        "she saw a rocket . she was not dull , ana . not great ! she sang . bye bye ana .",
    ]
    return written + [text.split() for text in seldom]


PLAIN = "ana saw a horse . she sang . bye bye ana ."
TORN = "ana saw a horse . the horse is great . the horse is dull . bye ana ."


# The oracle beside brute force


def test_the_probability_of_a_text_is_the_sum_over_all_that_is_hidden(oracle, texts):
    for text in texts:
        assert oracle.log_prob(text) == pytest.approx(math.log(follows(text)[END].sum()))


def test_the_next_word_has_the_probability_that_brute_force_finds(oracle, texts):
    for text in texts:
        for i in range(len(text) + 1):
            expected = column(follows(text[:i]), oracle)
            np.testing.assert_allclose(oracle.next_token(text[:i]), expected, atol=1e-14)


def test_asking_for_all_next_words_at_once_changes_nothing(oracle, texts):
    for text in texts:
        one_by_one = [oracle.next_token(text[:i]) for i in range(len(text) + 1)]
        np.testing.assert_array_equal(oracle.next_tokens(text), one_by_one)


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5])
def test_label_and_topic_have_the_probabilities_that_brute_force_finds(language, texts, noise):
    oracle = Oracle(language, label_noise=noise)
    for text in texts:
        joint = follows(text)[END] / follows(text)[END].sum()
        label = (1 - noise) * joint.sum(axis=1) + noise * joint.sum(axis=1)[::-1]
        found = oracle.posterior(text)
        np.testing.assert_allclose(found["label"], label)
        np.testing.assert_allclose(found["topic"], joint.sum(axis=0))


def test_a_beginning_tells_what_all_its_endings_tell_together(oracle, texts):
    for text in texts:
        for i in range(len(text)):
            after = follows(text[:i])
            if END not in after:
                joint = sum(after.values())
                found = oracle.posterior(text[:i])
                np.testing.assert_allclose(found["label"], joint.sum(axis=1) / joint.sum())
                np.testing.assert_allclose(found["topic"], joint.sum(axis=0) / joint.sum())


def test_a_hidden_word_has_the_probability_that_brute_force_finds(oracle, texts):
    for text in texts:
        for i in range(len(text)):
            filled = {w: [*text[:i], w, *text[i + 1 :]] for w in oracle.vocabulary}
            whole = {word: follows(tokens)[END] for word, tokens in filled.items()}
            np.testing.assert_allclose(oracle.masked(text, i), column(whole, oracle), atol=1e-14)


@pytest.fixture(scope="module")
def pairs(more=0.4):
    """P(a, b) of sentences that follow each other, and of such that come from different texts."""
    middles = sum(m * (1 - more) * more ** (m - 1) for m in range(1, 200))
    first = defaultdict(lambda: np.zeros(2))  # P(a, topic) where a has a successor
    later = defaultdict(lambda: np.zeros(2))  # P(b | topic) where b has a predecessor
    joint, apart = defaultdict(float), defaultdict(float)
    for (_, topic), p, kinds in WORLDS:
        p /= 1 + middles
        after = [
            ("opening", "middle", p),
            ("middle", "middle", p * middles * more),
            ("middle", "closing", p * middles * (1 - more)),
        ]
        for one, other, q in after:
            for (a, r), (b, s) in itertools.product(kinds[one].items(), kinds[other].items()):
                joint[a, b] += q * r * s
                first[a][topic] += q * r * s
        for kind, q in (("middle", 2 * p * middles), ("closing", 2 * p)):
            for b, r in kinds[kind].items():
                later[b][topic] += q * r
    for a, b in itertools.product(first, later):
        apart[a, b] = float(first[a] @ later[b])
    return joint, apart


def test_one_sentence_follows_another_as_often_as_among_all_pairs(oracle, pairs):
    joint, apart = pairs
    assert sum(joint.values()) == pytest.approx(1)
    assert sum(apart.values()) == pytest.approx(1)
    for a, b in apart:
        expected = joint[a, b] / (joint[a, b] + apart[a, b])
        assert oracle.next_sentence(a, b) == pytest.approx(expected, abs=1e-12), (a, b)


def test_the_accuracy_on_pairs_is_that_of_all_pairs(language, pairs):
    joint, apart = pairs
    truth = sum(max(joint[pair], p) for pair, p in apart.items()) / 2
    value, error = Oracle(language, texts=4000).next_sentence_accuracy
    assert abs(value - truth) < 3 * error < 0.05


def short_texts():
    """P(opinion, topic, text) of the texts with one middle sentence, among these."""
    chances = defaultdict(lambda: np.zeros((2, 2)))
    for place, p, kinds in WORLDS:
        for (a, q), (b, r), (c, s) in itertools.product(*(kinds[kind].items() for kind in kinds)):
            chances[a + b + c][place] += p * q * r * s
    return chances


def test_entropy_and_accuracy_are_those_of_all_texts_within_their_errors():
    chances = short_texts()
    oracle = Oracle(Language(Grammar.read(TOY, "@more 0")))
    p = np.array([joint.sum() for joint in chances.values()])
    lengths = np.array([len(text) + 1 for text in chances])
    best = np.array([joint.sum(axis=1).max() for joint in chances.values()]) / p
    entropy = p @ -np.log(p) / (p @ lengths)
    rest = -np.log(p) - entropy * lengths
    for estimate, truth, error in (
        (oracle.entropy, entropy, math.sqrt(p @ rest**2) / (p @ lengths)),
        (oracle.bayes_accuracy, p @ best, math.sqrt(p @ best**2 - (p @ best) ** 2)),
    ):
        assert abs(estimate - truth) < 3 * estimate.error
        assert estimate.error == pytest.approx(error / math.sqrt(1000), rel=0.1)


@pytest.fixture(scope="module")
def written(language):
    """Many texts: opinion, topic, sentences."""
    chance = random.Random(1)
    texts = [language.write(chance) for _ in range(30_000)]
    return [(*divmod(latent, 2), *map(tuple, said)) for latent, said, _ in texts]


def assert_as_often(seen, expected):
    """Compare counts with expected ones, the rare ones together, by the chi-square test."""
    often = {case: count for case, count in expected.items() if count >= 8}
    assert len(often) > 10
    counts = [seen[case] for case in often]
    wanted = list(often.values())
    if sum(wanted) < seen.total() - 1:
        counts.append(seen.total() - sum(counts))
        wanted.append(seen.total() - sum(wanted))
    assert chisquare(counts, wanted).pvalue > 0.01


@pytest.mark.parametrize(("place", "kind"), [(2, "opening"), (3, "middle"), (-1, "closing")])
def test_sentences_are_written_as_often_as_they_should_be(written, place, kind):
    expected = defaultdict(float)
    for latents, p, kinds in WORLDS:
        for sentence, q in kinds[kind].items():
            expected[*latents, sentence] += len(written) * p * q
    assert_as_often(Counter((*text[:2], text[place]) for text in written), expected)


def test_texts_are_written_as_often_as_they_should_be(written):
    expected = {
        (*latents, *split(text)[:-1]): 0.6 * len(written) * joint[latents]
        for text, joint in short_texts().items()
        for latents in np.ndindex(2, 2)
    }
    assert_as_often(Counter(written), expected)


def test_a_text_is_printed_with_capitals_and_without_spaces_before_its_signs(language):
    written = {language.write(random.Random(seed))[2] for seed in range(200)}
    assert "They saw a horse. She was fine, Ana. Not dull!" in written


def test_a_language_without_opinions_has_topics_but_no_labels():
    plain = [line for line in TOY.split("\n") if not line.startswith("good/")]
    plain = Grammar.read("\n".join(plain).replace("<good+>", "fine").replace("<good->", "dull"))
    oracle = Oracle(Language(plain))
    found = oracle.posterior(["ana", "saw", "a", "horse", "."])
    west, space = (NAMED[topic]["ana"] * SEEN[topic]["horse"] for topic in TOPICS)
    assert list(found) == ["topic"]
    np.testing.assert_allclose(found["topic"], [west / (west + space), space / (west + space)])
    assert oracle.bayes_accuracy > 0.5


def test_columns_stand_in_the_order_of_a_vocabulary_of_ones_own(language, oracle):
    own = ["unheard", *reversed(oracle.vocabulary)]
    found = Oracle(language, vocabulary=own).next_tokens(["she"])
    np.testing.assert_array_equal(found[:, 0], 0)
    np.testing.assert_array_equal(found[:, :0:-1], oracle.next_tokens(["she"]))


def test_an_estimate_is_a_number_with_its_error():
    value, error = estimate = Estimate.of_mean([1, 2, 3, 6])
    assert estimate == value == 3
    assert error == estimate.error == pytest.approx(math.sqrt(14 / 3 / 4))
    assert pickle.loads(pickle.dumps(estimate)).error == error


# Where numbers are extreme


def test_a_text_of_two_thousand_words_does_not_underflow(oracle):
    text = f"ana saw a horse . {'the horse is red . ' * 400} bye ana .".split()
    start, again = tuple(text[:5]), tuple(text[5:10])
    worlds = [
        math.log(p * kinds["opening"].get(start, 0) * kinds["closing"][("bye", "ana", ".")])
        + 400 * math.log(kinds["middle"][again])
        for _, p, kinds in WORLDS
        if kinds["opening"].get(start)
    ]
    expected = np.logaddexp.reduce(worlds) + 399 * math.log(0.4) + math.log(0.6)
    assert oracle.log_prob(text) == pytest.approx(expected)
    steps = oracle.next_tokens(text)
    ids = [oracle.vocabulary.index(word) for word in [*text, END]]
    assert np.log(steps[range(len(ids)), ids]).sum() == pytest.approx(expected)


def test_a_word_can_be_hidden_among_two_thousand(oracle):
    text = f"ana saw a horse . {'the horse is red . ' * 400} bye ana .".split()
    for position in (8, 1003, 1998):
        found = dict(zip(oracle.vocabulary, oracle.masked(text, position), strict=True))
        assert text[position] == "red"
        assert found["red"] == pytest.approx(1 / 2)
        assert found["dull"] == pytest.approx(1 / 4 * (0.8 + 0.2) / 2 * 4 / 5)
        assert found["great"] == pytest.approx(1 / 4 * (0.8 + 0.2) / 2 * 3 / 4)


@pytest.fixture(scope="module")
def candid():
    return Oracle(Language(Grammar.read(TOY, "@candour 1.0\n@focus 1.0")))


def test_a_language_that_never_says_otherwise_leaves_no_doubt(candid):
    found = candid.posterior(TORN.split()[:10])
    np.testing.assert_array_equal(found["label"], [0, 1])
    np.testing.assert_array_equal(found["topic"], [1, 0])


def test_a_language_that_never_says_otherwise_cannot_contradict_itself(candid):
    torn = TORN.split()
    assert candid.log_prob(torn) == -math.inf
    with pytest.raises(ValueError, match="cannot write 'dull' after"):
        candid.next_tokens(torn)
    assert candid.masked(torn, 13)[candid.vocabulary.index("dull")] == 0
    assert candid.next_sentence(torn[5:10], torn[10:15]) == 0


# What is refused


@pytest.mark.parametrize("tokens", ["ana saw", b"ana", None, 3, ["ana", 3], [["ana"]], {"ana": 1}])
@pytest.mark.parametrize(
    "ask",
    [
        Oracle.next_token,
        Oracle.next_tokens,
        Oracle.log_prob,
        Oracle.posterior,
        lambda oracle, tokens: oracle.masked(tokens, 0),
        lambda oracle, tokens: oracle.next_sentence(tokens, ["bye", "ana", "."]),
        lambda oracle, tokens: oracle.next_sentence(["she", "sang", "."], tokens),
    ],
)
def test_what_is_no_list_of_words_is_refused(oracle, ask, tokens):
    with pytest.raises(TypeError, match="must be a list of words, got"):
        ask(oracle, tokens)


@pytest.mark.parametrize(
    "ask", [Oracle.next_token, Oracle.next_tokens, Oracle.log_prob, Oracle.posterior]
)
def test_the_end_of_a_text_is_not_named(oracle, ask):
    with pytest.raises(ValueError, match="must not name their end"):
        ask(oracle, ["ana", "saw", END])


@pytest.mark.parametrize(
    "text", ["", "dragons", "ana saw horse .", "she sang .", "ana saw horses .", "tom . bye she ?"]
)
def test_what_is_no_whole_text_has_no_probability(oracle, text):
    assert oracle.log_prob(text.split()) == -math.inf


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dragons", "'dragons' after 'the beginning'"),
        ("ana saw dragons", "'dragons' after 'ana saw'"),
        ("tom saw horses . she", "'she' after 'tom saw horses .'"),
        ("ana saw horses . the horse is are", "'are' after 'horses . the horse is'"),
    ],
)
@pytest.mark.parametrize("ask", [Oracle.next_token, Oracle.next_tokens, Oracle.posterior])
def test_what_begins_no_text_is_refused_with_the_place(oracle, ask, text, message):
    with pytest.raises(ValueError, match=f"the language cannot write {message}$"):
        ask(oracle, text.split())


def test_before_the_first_word_nothing_is_known(oracle):
    np.testing.assert_array_equal(oracle.posterior([])["label"], [0.5, 0.5])
    np.testing.assert_array_equal(oracle.posterior([])["topic"], [0.5, 0.5])
    assert oracle.next_tokens([]).shape == (1, len(oracle.vocabulary))


@pytest.mark.parametrize("position", [13, 10**9])
def test_a_position_outside_the_text_is_refused(oracle, position):
    with pytest.raises(ValueError, match=f"position must be from 0 to 12, got {position}"):
        oracle.masked([*PLAIN.split(), "."], position)


@pytest.mark.parametrize("position", [-1, True, 1.0, "1", None, [1]])
def test_a_position_that_is_no_whole_number_is_refused(oracle, position):
    with pytest.raises((TypeError, ValueError), match="position must be a whole number, 0 or"):
        oracle.masked(PLAIN.split(), position)


def test_a_position_that_no_word_can_fill_is_refused(oracle):
    with pytest.raises(ValueError, match="no word at position 2 makes this a text"):
        oracle.masked([*PLAIN.split(), "."], 2)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("", "she sang .", "a must be one sentence with its stop"),
        ("she sang", "she sang .", "a must be one sentence with its stop"),
        ("she sang . she sang .", "she sang .", "a must be one sentence with its stop"),
        ("she sang .", "she sang . bye", "b must be one sentence with its stop"),
        ("sang she .", "she sang .", "a must be a sentence before another"),
        ("bye she ?", "she sang .", "a must be a sentence before another"),
        ("she sang .", "sang she .", "b must be a sentence after another"),
        ("she sang .", "ana saw horses .", "b must be a sentence after another"),
    ],
)
def test_what_are_no_two_sentences_in_order_is_refused(oracle, a, b, message):
    with pytest.raises(ValueError, match=message):
        oracle.next_sentence(a.split(), b.split())


@pytest.mark.parametrize("noise", [-0.1, 0.6, math.nan])
def test_noise_beyond_a_coin_is_refused(language, noise):
    with pytest.raises(ValueError, match="label_noise must be from 0 to 1/2"):
        Oracle(language, label_noise=noise)


@pytest.mark.parametrize("change", [lambda words: words[1:], lambda words: [*words, words[0]]])
def test_a_vocabulary_that_lacks_or_repeats_a_word_is_refused(language, oracle, change):
    with pytest.raises(ValueError, match="vocabulary must hold every word of the language once"):
        Oracle(language, vocabulary=change(oracle.vocabulary))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("closing = bye <nobody> .", "no class of words 'nobody'"),
        ("closing = bye {nothing} .", "no rule 'nothing'"),
        ("closing = bye $she .", r"no word, no <class>, .*: \$she"),
        ("closing = bye <she@it> .", "no entity 'it'"),
        ("closing = bye <it@who> .", "class 'it' must have the variants of 'first'"),
        ("closing = bye <it.2> .", "horse/horses has no form 2"),
        ("closing = {thing 2} .", "has no form 2"),
        ("closing = (bye | bye bye .", "a bracket '\\(' is not closed"),
        ("closing = bye [bye .", "a bracket '\\[' is not closed"),
        ("closing = bye [bye ) .", "a bracket '\\[' is not closed"),
        ("closing = bye bye ) .", "closes a bracket too many"),
        ("closing = bye <it .", "no word, no <class>, .*: <it"),
        ("closing = bye {thing .", "no word, no <class>, .*: {thing"),
        ("closing = bye {thing one} .", "no word, no <class>, .*: {thing one}"),
        ("closing = bye 2: she .", "no word, no <class>, .*: 2:"),
        ("closing = 0: bye .", "no word, no <class>, .*: 0:"),
        ("closing = bye/ .", "no word, no <class>, .*: bye/"),
        ("closing = bye <eos> .", "no class of words 'eos'"),
        ("closing = bye", "a sentence must have one stop"),
        ("closing = bye . bye .", "a sentence must have one stop"),
        ("closing = [bye .]", "may end without a stop"),
        ("middle = the end [.]", "may end without a stop"),
        ("opening = [[bye] .]", "may end without a stop"),
        ("closing = bye | {closing} .", "the rule 'closing' leads back to itself"),
        ("thing = {more}\nmore = [{thing}] .", "the rule 'thing' leads back to itself"),
        ("closing = bye .\nclosing = so .", "this line stands twice: 'closing = so .'"),
        ("closing =", "no setting, no words and no rule: 'closing ='"),
        ("bye bye", "no setting, no words and no rule: 'bye bye'"),
        ("she/female: her", "the words of she/female: stand in two texts"),
        ("fruit: fig fig*2", "a word stands twice among fruit: fig fig"),
        ("fruit: fig*many", "a word must be written form/form"),
        ("fruit: fig//figs", "a word must be written form/form"),
        ("it/sea: ship/ships", "class 'it' must have the variants"),
        ("good/fair: middling", "class 'good' must have the variants"),
        ("@speed 3", "a setting must be one of"),
        ("@more", "@more must be a number from 0 to 1, got ''"),
        ("@more some", "@more must be a number from 0 to 1, got 'some'"),
        ("@more 1", "@more must be below 1"),
        ("@candour 1.5", "@candour must be a number from 0 to 1, got '1.5'"),
        ("@focus -1", "@focus must be a number from 0 to 1, got '-1'"),
        ("@topics west", "@topics must be two or more different names"),
        ("@topics west west", "@topics must be two or more different names"),
        ("@entities who", "@entities must be written name=value, got 'who'"),
        ("@entities who=nobody", "no class of words 'nobody'"),
        ("@lean female:west", "@lean must be written name=value"),
        ("@lean female:east=3", "must name what is there, got 'female:east'"),
        ("@lean woman:west=3", "must name what is there, got 'woman:west'"),
        ("@lean female:west=0", "@lean female:west must be a number from 0.001 to 1000"),
        ("@proper nobody", "must name what is there, got 'nobody'"),
    ],
)
def test_a_grammar_with_a_slip_is_refused_with_the_place(lines, message):
    with pytest.raises(ValueError, match=message):
        Language(Grammar.read(TOY, lines))


@pytest.mark.parametrize("setting", ["topics", "more", "candour", "focus"])
def test_a_grammar_without_a_setting_that_it_needs_is_refused(setting):
    with pytest.raises(ValueError, match=f"the grammar must say @{setting}"):
        Language(Grammar.read(TOY.replace(f"@{setting}", "# ")))


# The language itself

PIN = "a8e7fc160ef0c726"  # how the digest of the first texts begins
DIGEST = """
import hashlib, json
from dataclasses import astuple
from companion.data import grammar
texts = [*map(astuple, grammar.reviews(40, label_noise=0.2) + grammar.documents(20, seed=7))]
keys = [grammar.groups(), grammar.opposites(), grammar.analogies(), grammar.oracle().vocabulary]
print(hashlib.sha256(json.dumps([texts, keys]).encode()).hexdigest())
"""
KINDS = ("reviews", "documents")
STOPS = (".", "!", "?")
SIGNS = (*STOPS, ",", ";", ":")
TWINS = {"is": "are", "was": "were", "has": "have", "seems": "seem", "remains": "remain"}
TWINS |= {"feels": "feel", "looks": "look", "leaves": "leave"}
TWINS |= {b: a for a, b in TWINS.items()}


@pytest.fixture(scope="module")
def reviews():
    return grammar.reviews(3000, seed=11)


@pytest.fixture(scope="module")
def documents():
    return grammar.documents(1000, seed=11)


@pytest.fixture(scope="module")
def said(reviews, documents):
    """The sentences of each kind of text."""
    return {
        "reviews": [s for review in reviews for s in split(review.tokens)[:-1]],
        "documents": [tuple(s) for document in documents for s in document.sentences],
    }


@pytest.fixture(scope="module")
def some(reviews, documents):
    """The words of a few texts of each kind."""
    return {
        "reviews": [review.tokens for review in reviews[:60]],
        "documents": [[*itertools.chain(*document.sentences)] for document in documents[:30]],
    }


def opinions(*signs):
    """The words of the groups that carry an opinion."""
    return {
        w for name, words in grammar.groups().items() if name.split()[0] in signs for w in words
    }


def test_a_seed_gives_the_same_texts_in_every_process():
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1
    assert digests.pop().startswith(PIN)


def test_a_longer_list_begins_with_the_shorter_one():
    assert grammar.reviews(20, label_noise=0.3)[:10] == grammar.reviews(10, label_noise=0.3)
    assert grammar.documents(6)[:3] == grammar.documents(3)
    assert grammar.reviews(0) == grammar.documents(0) == []


def test_another_seed_gives_other_texts(reviews, documents):
    assert not {r.text for r in reviews} & {r.text for r in grammar.reviews(300, seed=12)}
    assert not {d.text for d in documents} & {d.text for d in grammar.documents(100, seed=12)}


def test_label_noise_turns_labels_over_and_nothing_else(reviews):
    noisy = grammar.reviews(len(reviews), seed=11, label_noise=0.2)
    assert [replace(review, label=review.truth) for review in noisy] == reviews
    turned = np.mean([review.label != review.truth for review in noisy])
    assert turned == pytest.approx(0.2, abs=4 * math.sqrt(0.2 * 0.8 / len(noisy)))


def test_praise_and_blame_and_all_topics_are_equally_frequent(reviews, documents):
    assert np.mean([r.truth for r in reviews]) == pytest.approx(
        0.5, abs=2 / math.sqrt(len(reviews))
    )
    for texts in (reviews, documents):
        counts = Counter(text.topic for text in texts)
        assert set(counts) == set(grammar.oracle().topics)
        assert chisquare(list(counts.values())).pvalue > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_is_in_the_vocabulary_and_the_end_of_a_text_is_understood(said, kind):
    words = set(itertools.chain(*said[kind]))
    assert END not in words
    assert words < set(grammar.oracle(kind).vocabulary)


def test_both_kinds_share_a_vocabulary_of_three_to_four_thousand_words():
    vocabulary = grammar.oracle("reviews").vocabulary
    assert vocabulary == grammar.oracle("documents").vocabulary == sorted(set(vocabulary))
    assert END in vocabulary
    assert 3000 <= len(vocabulary) <= 4000


@pytest.mark.parametrize("kind", KINDS)
def test_the_printed_text_has_the_same_words_as_the_tokens(reviews, documents, kind):
    if kind == "reviews":
        pairs = [(review.text, review.tokens) for review in reviews]
    else:
        pairs = [(d.text, [*itertools.chain(*d.sentences)]) for d in documents]
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts([text for text, _ in pairs])
    printed = tokenizer.sequences_to_texts(
        tokenizer.texts_to_sequences([text for text, _ in pairs])
    )
    assert printed == [" ".join(w for w in tokens if w not in SIGNS) for _, tokens in pairs]
    assert not [
        text for text, _ in pairs if re.search(r"  | [.,;:!?]|[.,;:!?]\w|[.!?] [a-z]", text)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_probabilities_of_the_next_word_sum_to_one(some, kind):
    for tokens in some[kind][:20]:
        np.testing.assert_allclose(grammar.oracle(kind).next_tokens(tokens).sum(axis=1), 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_is_as_probable_as_its_words_one_after_another(some, kind):
    oracle = grammar.oracle(kind)
    ids = {word: i for i, word in enumerate(oracle.vocabulary)}
    for tokens in some[kind]:
        steps = oracle.next_tokens(tokens)[range(len(tokens) + 1), [ids[w] for w in [*tokens, END]]]
        assert oracle.log_prob(tokens) == pytest.approx(np.log(steps).sum())


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_words_are_as_probable_as_the_texts_that_they_complete(some, kind):
    oracle, chance = grammar.oracle(kind), random.Random(3)
    for tokens in some[kind][:20]:
        i = chance.randrange(len(tokens))
        chances = oracle.masked(tokens, i)
        best = np.argsort(chances)[-3:]
        whole = [[*tokens[:i], oracle.vocabulary[id], *tokens[i + 1 :]] for id in best]
        with np.errstate(divide="ignore"):
            expected = np.log(chances[best]) - np.log(chances[best[-1]])
        found = [oracle.log_prob(text) - oracle.log_prob(whole[-1]) for text in whole]
        np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize(("kind", "least"), [("reviews", 1.6), ("documents", 1.1)])
def test_the_best_possible_loss_is_not_small(kind, least):
    assert least - 2 * grammar.oracle(kind).entropy.error <= grammar.oracle(kind).entropy <= 2.5


def test_the_perfect_reader_is_right_as_often_as_it_says(reviews):
    oracle = grammar.oracle(label_noise=0.1)
    right = []
    for review in grammar.reviews(500, seed=13, label_noise=0.1):
        right.append(oracle.posterior(review.tokens)["label"].argmax() == review.label)
    error = math.hypot(oracle.bayes_accuracy.error, np.std(right) / math.sqrt(len(right)))
    assert np.mean(right) == pytest.approx(oracle.bayes_accuracy, abs=3 * error)


def test_one_can_tell_the_topic_of_a_document():
    assert grammar.oracle("documents").bayes_accuracy >= 0.95


def test_one_can_tell_whether_a_sentence_belongs_to_a_document():
    assert grammar.oracle("documents").next_sentence_accuracy >= 0.9


def test_a_bag_of_words_misses_five_points():
    train, test = grammar.reviews(6000, seed=21), grammar.reviews(2000, seed=22)
    count = CountVectorizer(analyzer=lambda review: review.tokens, binary=True)
    model = LogisticRegression(C=0.1, max_iter=500)
    model.fit(count.fit_transform(train), [review.label for review in train])
    accuracy = model.score(count.transform(test), [review.label for review in test])
    assert 0.7 < accuracy < grammar.oracle().bayes_accuracy - 0.05


def verdict(oracle, opening, sentence):
    """P(praise) after a neutral opening and one sentence, None if it cannot stand there."""
    try:
        return oracle.posterior([*opening, *sentence])["label"][1]
    except ValueError:
        return None


def test_a_concession_that_changes_sides_changes_the_opinion(reviews):
    good, bad, oracle = opinions("good"), opinions("bad"), grammar.oracle()
    flips = []
    for review in reviews:
        opening, *rest = split(review.tokens)[:-2]
        for sentence in rest:
            carrying = [i for i, word in enumerate(sentence) if word in good | bad]
            if "although" in sentence and len({sentence[i] in good for i in carrying}) == 2 == len(
                carrying
            ):
                i, j = carrying
                other = list(sentence)
                other[i], other[j] = other[j], other[i]
                if (q := verdict(oracle, opening, other)) is not None:
                    flips.append((verdict(oracle, opening, sentence) > 0.5) != (q > 0.5))
    assert len(flips) > 5
    assert all(flips)


def test_a_negation_that_is_left_out_changes_the_opinion(reviews):
    carriers, oracle = opinions("good", "bad"), grammar.oracle()
    flips = []
    for review in reviews:
        opening, *rest = split(review.tokens)[:-2]
        for sentence in rest:
            if sentence.count("not") == 1 == sum(word in carriers for word in sentence):
                other = [word for word in sentence if word != "not"]
                if (q := verdict(oracle, opening, other)) is not None:
                    flips.append((verdict(oracle, opening, sentence) > 0.5) != (q > 0.5))
    assert len(flips) > 5
    assert all(flips)


@pytest.mark.parametrize("distance", [0, 8, 40])
def test_a_verb_agrees_with_its_subject_at_the_distance_that_is_asked_for(distance):
    oracle, found = grammar.oracle(distance=distance), 0
    groups = grammar.groups()
    aspects = itertools.product(("told", "seen", "heard"), ("singular", "plural"))
    subjects = set().union(*(groups[" ".join(aspect)] for aspect in aspects))
    for review in grammar.reviews(200, distance=distance):
        tokens = review.tokens
        for i, verb in enumerate(tokens[distance + 1 :], start=distance + 1):
            between = tokens[i - distance : i]
            if verb in TWINS and tokens[i - distance - 1] in subjects and not {*between} & {*SIGNS}:
                found += 1
                assert oracle.log_prob([*tokens[:i], TWINS[verb], *tokens[i + 1 :]]) == -math.inf
    assert found > 20


# The answer keys


def test_every_word_of_the_answer_keys_is_in_the_vocabulary():
    keys = [*grammar.groups().values(), *grammar.opposites(), *grammar.analogies()]
    assert set(itertools.chain(*keys)) < set(grammar.oracle().vocabulary)


def test_groups_have_four_words_or_more_and_none_in_common():
    groups = grammar.groups()
    assert min(map(len, groups.values())) >= 4
    assert max(Counter(itertools.chain(*groups.values())).values()) == 1


def exchanged(name, word, other):
    """Which forms become which if a word of a group becomes another."""
    parts = name.split()
    *variant, kind = [part for part in parts if part not in (*grammar.NUMBER, *grammar.TENSE)]
    words = grammar._words()[kind]["".join(variant)]
    one, two = (next(w for w in words if each in w.forms) for each in (word, other))
    return dict(zip(one.forms, two.forms, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_the_words_of_a_group_share_all_their_places(some, kind):
    groups, chance, tried = grammar.groups(), random.Random(4), set()
    group_of = {word: name for name, words in groups.items() for word in words}
    for tokens in some[kind]:
        for word in dict.fromkeys(tokens):
            if (name := group_of.get(word)) and name not in tried:
                forms = exchanged(name, word, chance.choice(groups[name]))
                changed = [forms.get(w, w) for w in tokens]
                assert grammar.oracle(kind).log_prob(changed) > -math.inf, forms
                tried.add(name)
    assert len(tried) > len(groups) / 4


def test_opposites_share_places(reviews):
    opposites, found = dict(grammar.opposites()), set()
    carriers = opinions("good", "bad") | {*opposites, *opposites.values()}
    for tokens in (review.tokens for review in reviews[:600]):
        for at, word in enumerate(tokens):
            start = max([i for i in range(at) if tokens[i] in STOPS], default=-1)
            end = next(i for i in range(at, len(tokens)) if tokens[i] in STOPS)
            alone = [w for w in tokens[start + 1 : end] if w in carriers] == [word]
            if alone and word in opposites:
                changed = [*tokens[:at], opposites[word], *tokens[at + 1 :]]
                if grammar.oracle().log_prob(changed) > -math.inf:
                    found.add(word)
    assert len(found) > 12


def test_the_words_of_an_analogy_are_four_and_stand_in_matching_groups():
    group_of = {word: name for name, words in grammar.groups().items() for word in words}
    for words in grammar.analogies():
        assert len(set(words)) == 4, words
        a, b, c, d = (group_of.get(word, "").split()[-1:] for word in words)
        assert not (a and c) or a == c, words
        assert not (b and d) or b == d, words


# How it reads


def test_articles_fit_the_words_after_them(said):
    vowel = re.compile(r"(?!uni[^nm]|us[ae]|eu|one|once)[aeiou]|hour|honest|honour|heir")
    sentences = said["reviews"] + said["documents"]
    pairs = Counter(pair for sentence in sentences for pair in itertools.pairwise(sentence))
    assert len(sentences) > 20_000
    for article, word in pairs:
        if article in ("a", "an"):
            assert (article == "an") == bool(vowel.match(word)), (article, word)


@pytest.mark.parametrize("kind", KINDS)
def test_no_sentence_skeleton_makes_up_more_than_two_percent(said, kind):
    often = {w for w, _ in Counter(itertools.chain(*said[kind])).most_common(150)}
    skeletons = Counter(tuple(w if w in often else "_" for w in s) for s in said[kind])
    skeleton, count = skeletons.most_common(1)[0]
    assert count <= 0.02 * len(said[kind]), " ".join(skeleton)


# What is refused


@pytest.mark.parametrize(
    "ask",
    [
        lambda: grammar.reviews(-1),
        lambda: grammar.documents(-1),
        lambda: grammar.reviews(1, seed=-1),
        lambda: grammar.documents(1, seed=-1),
        lambda: grammar.reviews(1, label_noise=0.6),
        lambda: grammar.reviews(1, label_noise=-0.1),
        lambda: grammar.reviews(1, label_noise=math.nan),
        lambda: grammar.oracle(label_noise=0.6),
        lambda: grammar.documents(1, bias=1.0),
        lambda: grammar.reviews(1, bias=-0.1),
        lambda: grammar.reviews(1, distance=3),
        lambda: grammar.documents(1, distance=44),
        lambda: grammar.oracle(distance=-4),
        lambda: grammar.oracle("poems"),
    ],
)
def test_a_number_or_a_kind_out_of_range_is_refused(ask):
    with pytest.raises(ValueError, match=r"must be .*, got"):
        ask()


@pytest.mark.parametrize(
    "ask",
    [
        lambda: grammar.reviews(1.0),
        lambda: grammar.documents("1"),
        lambda: grammar.reviews(1, seed=0.5),
        lambda: grammar.documents(1, seed=None),
        lambda: grammar.reviews(1, label_noise="0.1"),
        lambda: grammar.reviews(1, distance=2.5),
        lambda: grammar.documents(1, distance=[4]),
        lambda: grammar.oracle(distance="4"),
        lambda: grammar.oracle(label_noise=None),
    ],
)
def test_what_is_no_number_is_refused(ask):
    with pytest.raises(TypeError, match=r"must be a .*number.*, got"):
        ask()


def test_numbers_may_be_those_of_numpy():
    ours = grammar.reviews(
        np.int64(2), seed=np.int64(3), label_noise=np.float32(0.25), distance=np.int32(4)
    )
    assert ours == grammar.reviews(2, seed=3, label_noise=0.25, distance=4)
    assert grammar.documents(np.uint8(1), seed=np.uint8(3)) == grammar.documents(1, seed=3)


def test_a_kind_that_is_no_word_is_refused():
    with pytest.raises(ValueError, match=r"kind must be one of .*, got \['reviews'\]"):
        grammar.oracle(["reviews"])
