"""What the page about the language tells its readers: each number, example and word of it."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest

from companion.data import grammar
from companion.data._notation import Grammar
from companion.data.oracle import Oracle

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "book" / "language.md").read_text(encoding="utf-8")
TEXT = re.sub(r"\s+", " ", re.sub(r"(?m)^> ", "", PAGE))
NOTATION = re.search(r"(?s)```text\n(.*?)```", PAGE)[1]
EXAMPLES = re.findall(
    r"`(reviews|documents)\((\d+), seed=(\d+)\)\[(\d+)\]`:\n\n((?:> .*\n)+)", PAGE
)
ROWS = {
    "entropy: the best possible loss": "entropy",
    "Bayes accuracy: how often": "bayes_accuracy",
    "how often one can tell the next sentence": "next_sentence_accuracy",
}
EUROPE = {"denmark", "finland", "france", "greece", "hungary", "norway", "poland", "portugal"}
EUROPE |= {"scotland", "sweden"}
NAMES = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
SPELLED = {**dict(enumerate(NAMES)), 0.1: "a tenth", 40: "forty"}


def of(kind):
    """The settings, words and rules of a kind of text."""
    return grammar._grammar(*grammar.TEXTS[kind])


def topics():
    *most, last = grammar.oracle().topics
    return f"one of {SPELLED[len(most) + 1]} topics: {', '.join(most)} or {last}"


def lengths():
    cells = []
    for kind in grammar.TEXTS:
        stages = (stage.split("=")[1].split(",") for stage in of(kind).settings["more"])
        cells.append(f"{2 + sum(float(p) / (1 - float(more)) for p, more in stages):.1f}")
    return f"| sentences in a text, on average | {' | '.join(cells)} |"


def distances():
    sizes = [grammar.ASIDE * len(parts) for _, parts in of("reviews").rules["gap"]]
    few = ", ".join(SPELLED[n] for n in sizes[:-1])
    with pytest.raises(ValueError, match="to 40"):
        grammar.reviews(0, distance=44)
    return f"{few} or {SPELLED[sizes[-1]]} words between them, or over forty with `distance=40`"


def noise():
    turned = np.mean([r.label != r.truth for r in grammar.reviews(2000, label_noise=0.1)])
    return f"With `label_noise=0.1` {SPELLED[round(turned, 1)]} of the labels is turned over"


def stories():
    kinds = of("reviews").words["kind"]
    (count,) = {sum(kind.startswith(topic) for kind in kinds) for topic in grammar.oracle().topics}
    return f"A topic has {SPELLED[count]} stories"


def countries():
    return set(of("reviews").words["country"])


FACTS = {
    "topics": topics,
    "stories": stories,
    "focus": lambda: (
        f"a film tells one of its topic with probability {of('reviews').settings['focus'][0]}"
    ),
    "candour": lambda: (
        f"takes the side of its text with probability {of('reviews').settings['candour'][0]}"
    ),
    "vocabulary": lambda: f"vocabulary of {len(grammar.oracle().vocabulary):,} tokens",
    "sentences": lengths,
    "distances": distances,
    "noise": noise,
    "groups": lambda: f"{len(grammar.groups())} groups of words that share all their places",
    "opposites": lambda: f"{len(grammar.opposites())} pairs of opposites",
    "analogies": lambda: f"{len(grammar.analogies()):,} analogies",
    "countries": lambda: f"The {len(countries())} countries",
    "Europe": lambda: f"{SPELLED[len(countries() & EUROPE)].capitalize()} of the countries",
    "Africa": lambda: f"in Europe and {SPELLED[len(countries() & {'kenya'})]} in Africa",
    "sexes": lambda: f"There are {SPELLED[len(of('reviews').words['first'])]} sexes",
    "files": lambda: f"language is {SPELLED[len(list(english()))]} text files",
    "bias": lambda: "With `bias=0.6` a nurse",
    "fairness": lambda: "are women four times in five",
    "no bias": lambda: "With `bias=0`",
    "slips": lambda: "one sentence in ten is of the other opinion",
    "drawn": lambda: "the first eight reviews and the first two articles of `seed=2026`",
}


def english():
    return (ROOT / "companion" / "data" / "english").glob("*.txt")


def pattern(fact):
    """A fact as it stands in a text, where its last number does not go on."""
    return re.compile(rf"{re.escape(fact)}(?!\w|[.,]?\d)")


def row(start):
    """The two cells of a row of the table, by how it begins."""
    return re.search(rf"\| {re.escape(start)}[^|]*\| ([^|]+) \| ([^|]+) \|", TEXT).groups()


def split(tokens):
    """The sentences of a text."""
    ends = [i + 1 for i, word in enumerate(tokens) if word in (".", "!", "?")]
    return [tokens[a:b] for a, b in itertools.pairwise([0, *ends])]


# Numbers


@pytest.mark.parametrize("name", FACTS)
def test_the_page_says_what_the_language_has(name):
    assert pattern(FACTS[name]()).search(TEXT)


@pytest.mark.parametrize("column", [0, 1], ids=grammar.TEXTS)
@pytest.mark.parametrize("start", ROWS)
def test_averages_stand_on_the_page_within_their_standard_errors(start, column):
    cell = row(start)[column]
    numbers = re.findall(r"([\d.]+)(%?)", cell)
    value, *errors = (float(number) / (100 if percent else 1) for number, percent in numbers)
    found = getattr(grammar.oracle(list(grammar.TEXTS)[column]), ROWS[start])
    if cell.startswith("over "):
        assert found > value + found.error
    else:
        assert value == pytest.approx(found, abs=found.error)
        assert errors == pytest.approx([found.error], rel=0.25)


def test_texts_are_about_as_long_as_the_page_says():
    written = (
        [len(review.tokens) for review in grammar.reviews(2000)],
        [sum(map(len, document.sentences)) for document in grammar.documents(1500)],
    )
    said = map(float, row("words and signs in a text"))
    assert [np.mean(each) for each in written] == pytest.approx([*said], rel=0.05)


def test_no_number_of_the_page_goes_without_a_test():
    rest = TEXT
    for fact in FACTS.values():
        rest = pattern(fact()).sub("", rest)
    for start in [*ROWS, "words and signs in a text"]:
        rest = re.sub(rf"\| {re.escape(start)}[^|]*\|[^|]+\|[^|]+\|", "", rest)
    for kind, n, seed, i, quoted in EXAMPLES:
        rest = rest.replace(f"`{kind}({n}, seed={seed})[{i}]`", "").replace(plain(quoted), "")
    rest = rest.replace(" ".join(NOTATION.split()), "")
    rest = re.sub(r"\]\([^)]*\)", "]", rest)  # where links lead
    names = "|".join([*NAMES[2:], "forty", "half", "third", "tenth"])
    assert not re.findall(rf"(?i)\d+|\b(?:{names})\b", rest)


# Examples and claims


def plain(quoted):
    return " ".join(re.sub(r"(?m)^> ", "", quoted).split())


@pytest.mark.parametrize(("kind", "n", "seed", "i", "quoted"), EXAMPLES)
def test_an_example_is_what_the_language_writes(kind, n, seed, i, quoted):
    assert plain(quoted) == getattr(grammar, kind)(int(n), seed=int(seed))[int(i)].text


def test_ten_examples_are_drawn_by_one_seed_and_none_is_left_out():
    drawn = [(kind, int(n), int(i)) for kind, n, _, i, _ in EXAMPLES]
    assert drawn == [("reviews", 8, i) for i in range(8)] + [("documents", 2, i) for i in range(2)]
    assert len({seed for _, _, seed, _, _ in EXAMPLES}) == 1


def test_sentences_of_one_stage_can_be_exchanged_and_stages_cannot():
    oracle, changes = grammar.oracle(), []
    for review in grammar.reviews(30):
        said = split(review.tokens)
        for i in range(1, len(said) - 2):
            other = [*said[:i], said[i + 1], said[i], *said[i + 2 :]]
            p = oracle.log_prob([*itertools.chain(*other)])
            changes.append(p - oracle.log_prob(review.tokens))
    assert any(abs(change) < 1e-9 for change in changes)
    assert sum(change == -math.inf for change in changes) > len(changes) / 4


def test_the_first_sentence_never_tells_the_opinion():
    for review in grammar.reviews(100):
        first = split(review.tokens)[0]
        np.testing.assert_allclose(grammar.oracle().posterior(first)["label"], 0.5)


def test_words_in_italics_are_words_of_the_language():
    said = re.findall(r"(?<!\*)\*([A-Za-z ]+)\*(?!\*)", TEXT)
    assert said
    assert {w for words in said for w in words.lower().split()} < set(grammar.oracle().vocabulary)


def test_the_perfect_reader_answers_what_the_page_asks():
    asked = re.findall(r"`reader\.(\w+)", PAGE)
    assert asked
    assert not [name for name in asked if not hasattr(Oracle, name)]


# How to change it


def test_the_page_names_the_files_of_the_language():
    named = set(re.findall(r"`(\w+\.txt)`", PAGE))
    assert named == {path.name for path in english()}


def test_the_notation_on_the_page_is_read_as_the_page_says():
    read = Grammar.read(NOTATION)
    assert [*read.settings] == ["more"]
    assert [word.weight for word in read.words["hero"]["sea_voyage"]] == [1000, 500]
    assert [word.weight for word in read.words["mood"]["sea"]] == [1, 2, 1]
    assert [weight for weight, _ in read.rules["view"]] == [2, 1]


@pytest.mark.parametrize(("name", "file"), [("bias", "words"), ("candour", "opinions")])
def test_a_setting_stands_in_the_file_that_the_page_names(name, file):
    assert f"`@{name}` in `{file}.txt`" in TEXT
    text = (ROOT / "companion" / "data" / "english" / f"{file}.txt").read_text(encoding="utf-8")
    assert name in Grammar.read(text).settings
