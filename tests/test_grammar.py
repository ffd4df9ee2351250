"""The generated language: its oracle beside brute force, its texts beside what is said of them."""

from __future__ import annotations

import itertools
import math
import pickle
import random
from collections import Counter, defaultdict

import numpy as np
import pytest
from scipy.stats import chisquare

from companion.data._automaton import Language
from companion.data._notation import Grammar
from companion.data.oracle import Estimate, Oracle

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
she/female: she
she/male: he
it/west: horse/horses
it/space: rocket/rockets
  moon/moons*2

good/good: fine great*3
good/bad: dull
opening = (2: $who | <she@who>) saw (a <it> | <it.1>) .
middle = 3: {thing 0} | {thing 1} | <she@who> was [not] <good+> , $who .
  # these two can say the same
  | 2: (<she@who> | $who) sang . | he sang . | 2: not <good-> !
thing = the <it#> is/are (2: red | <good+> | fine) .
closing = bye [bye] $who . | bye <she@who> ? | not <good+> !
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
PRAISE = {"fine": 1 / 4, "great": 3 / 4}


def words_of(opinion):
    """The words that an opinion chooses where it says what it thinks."""
    own, other = (0.8, 0.2) if opinion == "good" else (0.2, 0.8)
    return {"fine": own * PRAISE["fine"], "great": own * PRAISE["great"], "dull": other}


def sentences(opinion, topic, name):
    """P(sentence) of each kind of sentence, once everything hidden is known."""
    kinds = {kind: defaultdict(float) for kind in ("opening", "middle", "closing")}

    def add(kind, p, text):
        kinds[kind][tuple(text.split())] += p

    she, says = NAMES[name], words_of(opinion)
    turned = words_of("bad" if opinion == "good" else "good")
    for noun, p in SEEN[topic].items():
        nouns = NOUNS[noun]
        for start, q in ((name, 2 / 3), (she, 1 / 3)):
            add("opening", p * q / 2, f"{start} saw a {noun} .")
            add("opening", p * q / 2, f"{start} saw {nouns} .")
        for subject, q in ((f"the {noun} is", 3 / 10), (f"the {nouns} are", 1 / 10)):
            add("middle", p * q / 2, f"{subject} red .")
            add("middle", p * q / 4, f"{subject} fine .")
            for word, r in says.items():
                add("middle", p * q / 4 * r, f"{subject} {word} .")
    for word, p in says.items():
        add("middle", p / 20, f"{she} was {word} , {name} .")
        add("middle", p / 20, f"{she} was not {word} , {name} .")
        add("closing", p / 3, f"not {word} !")
    for word, p in turned.items():
        add("middle", p / 5, f"not {word} !")
    for start, p in ((she, 1 / 10), (name, 1 / 10), ("he", 1 / 10)):
        add("middle", p, f"{start} sang .")
    add("closing", 1 / 6, f"bye {name} .")
    add("closing", 1 / 6, f"bye bye {name} .")
    add("closing", 1 / 3, f"bye {she} ?")
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
        "he saw a moon . he sang . the moon is fine . the moons are dull . bye he ?",
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


def all_pairs(more=0.4):
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


def test_one_sentence_follows_another_as_often_as_among_all_pairs(oracle):
    joint, apart = all_pairs()
    assert sum(joint.values()) == pytest.approx(1)
    assert sum(apart.values()) == pytest.approx(1)
    for a, b in apart:
        expected = joint[a, b] / (joint[a, b] + apart[a, b])
        assert oracle.next_sentence(a, b) == pytest.approx(expected, abs=1e-12), (a, b)


def test_the_accuracy_on_pairs_is_that_of_all_pairs(language):
    joint, apart = all_pairs()
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


def test_texts_are_written_as_often_as_they_should_be(language):
    n, chance, counts = 30_000, random.Random(1), Counter()
    for _ in range(n):
        latent, written, _ = language.write(chance)
        counts[divmod(latent, 2), tuple(itertools.chain(*written))] += 1
    expected = {
        (place, text): 0.6 * n * joint[place]
        for text, joint in short_texts().items()
        for place in np.ndindex(2, 2)
    }
    cells = [cell for cell, count in expected.items() if count >= 8]
    assert len(cells) > 100
    seen = [counts[cell] for cell in cells]
    wanted = [expected[cell] for cell in cells]
    found = chisquare([*seen, n - sum(seen)], [*wanted, n - sum(wanted)])
    assert found.pvalue > 0.01


def test_a_text_is_printed_with_capitals_and_without_spaces_before_its_signs(language):
    written = {language.write(random.Random(seed))[2] for seed in range(200)}
    assert "Ana saw a horse. She was great, Ana. Not dull!" in written


def test_a_language_without_opinions_has_topics_but_no_labels():
    plain = [line for line in TOY.split("\n") if not line.startswith("good/")]
    grammar = Grammar.read("\n".join(plain).replace("<good+>", "fine").replace("<good->", "dull"))
    oracle = Oracle(Language(grammar))
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
    found = dict(zip(oracle.vocabulary, oracle.masked(text, 1003), strict=True))
    assert text[1003] == "red"
    assert found["red"] == pytest.approx(1 / 2)
    assert found["dull"] == pytest.approx(1 / 4 * 1 / 2)
    assert found["great"] == pytest.approx(1 / 4 * 1 / 2 * 3 / 4)


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


@pytest.mark.parametrize("position", [-1, 13, 10**9])
def test_a_position_outside_the_text_is_refused(oracle, position):
    with pytest.raises(ValueError, match=f"position must be from 0 to 12, got {position}"):
        oracle.masked([*PLAIN.split(), "."], position)


@pytest.mark.parametrize("position", [True, 1.0, "1", None, [1]])
def test_a_position_that_is_no_whole_number_is_refused(oracle, position):
    with pytest.raises(TypeError, match="position must be a whole number, got"):
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
        ("@lean female:east=3", "must name what the grammar has, got 'female:east'"),
        ("@lean woman:west=3", "must name what the grammar has, got 'woman:west'"),
        ("@lean female:west=0", "@lean female:west must be a number from 0.001 to 1000"),
        ("@proper nobody", "must name what the grammar has, got 'nobody'"),
    ],
)
def test_a_grammar_with_a_slip_is_refused_with_the_place(lines, message):
    with pytest.raises(ValueError, match=message):
        Language(Grammar.read(TOY, lines))


@pytest.mark.parametrize("setting", ["topics", "more", "candour", "focus"])
def test_a_grammar_without_a_setting_that_it_needs_is_refused(setting):
    with pytest.raises(ValueError, match=f"the grammar must say @{setting}"):
        Language(Grammar.read(TOY.replace(f"@{setting}", "# ")))
