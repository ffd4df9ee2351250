"""Words, numbers and rows, equal to both libraries that still know the class of Keras 2."""

from __future__ import annotations

import json
import random
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from companion.text import FILTERS, Tokenizer, Vocabulary, pad_sequences

ODD = "ignore:.* (letters of words|lost their signs):UserWarning"  # tested where it matters
pytestmark = pytest.mark.filterwarnings(ODD)
HOSTILE = {
    "nothing": "",
    "spaces": "   ",
    "one word": "word",
    "punctuation only": '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~',
    "punctuation inside": "state-of-the-art e.g. a,b;c",
    "apostrophes": "it's 'quoted' rock'n'roll ' '' o’clock",
    "numbers": "3.14 1,000 007 1e-9 x2",
    "tabs and newlines": "a\tb\nc\r\nd\re\x0bf\x0cg",
    "other spaces": "a\u00a0b\u2003c\u3000d\u200be\u2028f\x85g\x1fh",
    "control characters": "a\x00b \x07 \x1b[0m \ufeffbom \x7f",
    "emoji": "good 👍🏽 👩‍👩‍👧‍👦 ❤️ ☺",
    "Chinese": "深度学习 很 好。 标点，也 在",
    "accents": "Café CAFÉ café naïve Ångström",
    "combining marks": "cafe\u0301 e\u0301 \u0301 a\u0327\u0301 y\u0306",
    "ß and İ": "STRASSE Straße ẞ İstanbul ISTANBUL ıI i\u0307",
    "final sigma": "ΟΔΟΣ ΟΔΟΣ. ΣΑΣ Σ ΑΣ'Α",
    "title case and ligatures": "ǅ ǆ Ǆ ﬁne ﬁNE K Å",
    "right to left": "שלום, עולם! مرحبا بالعالم؟",
    "lone surrogate": "a \ud800 b",
    "very long words": "x" * 10_000 + " " + "Y" * 10_000 + "-" + "Y" * 9_999,
    "the unknown word itself": "unk UNK <unk> unk",
}
ALPHABET = [*"aAbBßİΣς'’0.,!-_<>\t\n\r\x0b\x00\u00a0\u0301深👍", *[" "] * 8]
TOKENIZERS = ("keras", "keras_preprocessing")
SETTINGS = [
    {},
    {"lower": False},
    {"num_words": 1},
    {"num_words": 5},
    {"num_words": 5, "oov_token": "<OOV>"},
    {"num_words": 1, "oov_token": "unk"},
    {"num_words": 4, "oov_token": "unk", "lower": False},
    {"oov_token": "unk"},
    {"oov_token": ""},
    {"filters": ""},
    {"filters": "ab\r\ufeff<", "oov_token": "<OOV>"},
    {"filters": "é。\u200b\n", "lower": False},
]


@pytest.fixture(scope="module")
def oracles(tmp_path_factory):
    """The class as Keras 3 hides it, the class as it was published, and Keras' own padding."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "torch")
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        import keras.src.legacy.preprocessing.text
        import keras_preprocessing.text
    return SimpleNamespace(
        keras=keras.src.legacy.preprocessing.text.Tokenizer,
        keras_preprocessing=keras_preprocessing.text.Tokenizer,
        pad=keras.utils.pad_sequences,
    )


def lines(seed, count=40):
    """Random texts, most of them short, of letters that make trouble."""
    rng = random.Random(seed)
    return ["".join(rng.choices(ALPHABET, k=rng.choice([0, 1, 3, 30]))) for _ in range(count)]


def assert_equal_state(ours, theirs):
    assert list(ours.word_index.items()) == list(theirs.word_index.items())
    assert list(ours.index_word.items()) == list(theirs.index_word.items())
    assert list(ours.word_counts.items()) == list(theirs.word_counts.items())
    assert ours.document_count == theirs.document_count


def assert_equal_behaviour(ours, theirs, texts):
    assert_equal_state(ours, theirs)
    sequences = theirs.texts_to_sequences(texts)
    assert ours.texts_to_sequences(texts) == sequences
    outside = [[0, -1, 10**6, *range(12)]]
    for some in (sequences, outside):
        assert ours.sequences_to_texts(some) == theirs.sequences_to_texts(some)


# The tokenizer, beside those who know


@pytest.mark.parametrize("oracle", TOKENIZERS)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_gives_the_same_words(oracles, oracle, text):
    ours, theirs = Tokenizer(), getattr(oracles, oracle)()
    for tokenizer in (ours, theirs):
        tokenizer.fit_on_texts([text])
    assert_equal_behaviour(ours, theirs, [text])


@pytest.mark.parametrize("oracle", TOKENIZERS)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_all_hostile_texts_together_give_the_same_numbers(oracles, oracle, settings):
    ours, theirs = Tokenizer(**settings), getattr(oracles, oracle)(**settings)
    for tokenizer in (ours, theirs):
        tokenizer.fit_on_texts(HOSTILE.values())
    assert_equal_behaviour(ours, theirs, [*HOSTILE.values(), "never seen words"])


@pytest.mark.parametrize("oracle", TOKENIZERS)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("seed", range(8))
def test_random_texts_fitted_bit_by_bit_give_the_same_numbers(oracles, oracle, settings, seed):
    ours, theirs = Tokenizer(**settings), getattr(oracles, oracle)(**settings)
    for part in range(3):
        for tokenizer in (ours, theirs):
            tokenizer.fit_on_texts(lines(10 * seed + part))
        assert_equal_behaviour(ours, theirs, lines(10 * seed + 9))


@pytest.mark.parametrize("oracle", TOKENIZERS)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_texts_that_are_lists_of_words_stay_cut_as_they_are(oracles, oracle, settings):
    texts = [["New York", "unk", "", "unk"], [], "New York, unk", ["", "new york"]]
    ours, theirs = Tokenizer(**settings), getattr(oracles, oracle)(**settings)
    for tokenizer in (ours, theirs):
        tokenizer.fit_on_texts(texts)
    assert_equal_behaviour(ours, theirs, texts)


@pytest.mark.parametrize("oracle", TOKENIZERS)
def test_num_words_may_change_after_fitting(oracles, oracle):
    ours, theirs = Tokenizer(), getattr(oracles, oracle)()
    for tokenizer in (ours, theirs):
        tokenizer.fit_on_texts(["a a a b b c"])
        tokenizer.num_words = 3
    assert_equal_behaviour(ours, theirs, ["a b c d"])


# The tokenizer, by hand


def test_every_character_alone_is_a_word_or_is_not_as_in_keras(oracles):
    theirs = oracles.keras(lower=False)
    ours = Tokenizer(lower=False)
    texts = [f"x{chr(code)}y" for code in range(0x3000)]
    for tokenizer in (ours, theirs):
        tokenizer.fit_on_texts(texts)
    assert ours.word_index == theirs.word_index


def test_the_most_frequent_word_is_number_one():
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(["b a a", "c a b"])
    assert tokenizer.word_index == {"a": 1, "b": 2, "c": 3}


def test_ties_stand_in_the_order_of_first_appearance():
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(["zebra ant", "ant zebra mole"])
    assert list(tokenizer.word_index) == ["zebra", "ant", "mole"]


def test_a_second_fit_adds_to_the_first():
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(["a b"])
    tokenizer.fit_on_texts(["b c", "c c"])
    assert tokenizer.word_index == {"c": 1, "b": 2, "a": 3}


def test_a_generator_of_texts_will_do():
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(text for text in ["a", "b a"])
    assert tokenizer.texts_to_sequences(text for text in ["b", "a"]) == [[2], [1]]


def test_plain_texts_survive_the_way_to_numbers_and_back():
    texts = ["the film was good", "", "good film the"]
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(texts)
    assert tokenizer.sequences_to_texts(tokenizer.texts_to_sequences(texts)) == texts


@pytest.mark.parametrize("kind", [np.array, torch.tensor, tuple], ids=["numpy", "torch", "tuple"])
def test_rows_of_any_kind_turn_back_into_words(kind):
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(["b a a"])
    assert tokenizer.sequences_to_texts([kind([0, 2, 1])]) == ["b a"]


def test_padded_rows_turn_back_into_their_texts():
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(["a b c", "a"])
    padded = pad_sequences(tokenizer.texts_to_sequences(["c", "a b"]), 4)
    assert tokenizer.sequences_to_texts(padded) == ["c", "a b"]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_json_brings_the_same_tokenizer_back(settings):
    before = Tokenizer(**settings)
    before.fit_on_texts([*HOSTILE.values(), *lines(0)])
    after = Tokenizer.from_json(before.to_json())
    assert_equal_state(after, before)
    assert after.texts_to_sequences(lines(1)) == before.texts_to_sequences(lines(1))


def test_a_tokenizer_from_json_can_be_fitted_further():
    once, twice = Tokenizer(), Tokenizer()
    once.fit_on_texts(["b a", "c"])
    twice.fit_on_texts(["b a"])
    twice = Tokenizer.from_json(twice.to_json())
    twice.fit_on_texts(["c"])
    assert_equal_state(twice, once)


def test_an_unfitted_tokenizer_comes_back_from_json_unfitted():
    after = Tokenizer.from_json(Tokenizer(7, oov_token="?").to_json())
    assert (after.num_words, after.oov_token, after.word_index) == (7, "?", {})


def test_a_refused_text_leaves_the_tokenizer_as_it_was():
    tokenizer, same = Tokenizer(), Tokenizer()
    for each in (tokenizer, same):
        each.fit_on_texts(["a b"])
    with pytest.raises(TypeError):
        tokenizer.fit_on_texts(["c c c", None])
    assert_equal_state(tokenizer, same)


@pytest.mark.parametrize("texts", ["one text", b"one text", ""])
@pytest.mark.parametrize("method", ["fit_on_texts", "texts_to_sequences"])
def test_one_text_in_place_of_a_list_is_refused(method, texts):
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(["a"])
    with pytest.raises(TypeError, match=r"texts must be a list, got one (str|bytes)"):
        getattr(tokenizer, method)(texts)


@pytest.mark.parametrize("text", [b"bytes", None, 3, ["a", 3], ["a", b"b"], ("a", "b")], ids=repr)
@pytest.mark.parametrize("method", ["fit_on_texts", "texts_to_sequences"])
def test_a_text_that_is_none_is_refused(method, text):
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(["a"])
    with pytest.raises(TypeError, match="each text must be a str or a list of words, got"):
        getattr(tokenizer, method)([text])


@pytest.mark.parametrize("method", ["texts_to_sequences", "sequences_to_texts"])
def test_a_tokenizer_that_saw_no_text_says_so(method):
    tokenizer = Tokenizer(oov_token="?")
    tokenizer.fit_on_texts([])
    with pytest.raises(ValueError, match="call fit_on_texts first"):
        getattr(tokenizer, method)([])


@pytest.mark.parametrize("row", [5, "ab", [1.5], [None], ["1"], [[1]], [[1], [2, 3]], [1, 2**31]])
def test_a_row_that_holds_no_whole_numbers_does_not_become_a_text(row):
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(["a"])
    with pytest.raises(ValueError, match="ids must be rows of whole numbers"):
        tokenizer.sequences_to_texts([row])


@pytest.mark.parametrize("number", [0, -1])
def test_num_words_below_one_is_refused(number):
    with pytest.raises(
        ValueError, match=f"num_words must be a whole number, 1 or more, got {number}"
    ):
        Tokenizer(number)


@pytest.mark.parametrize("number", [1.5, "5"])
def test_num_words_that_is_no_whole_number_is_refused(number):
    with pytest.raises(TypeError, match="num_words must be a whole number, 1 or more, got"):
        Tokenizer(number)


def test_an_oov_token_that_is_no_word_is_refused():
    with pytest.raises(TypeError, match="oov_token must be a word or None, got 1"):
        Tokenizer(oov_token=1)


SAVED = {"num_words": None, "lower": True, "oov_token": None, "document_count": 1}


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "7",
        '{"class_name": "Tokenizer"}',
        "no JSON",
        "",
        None,
        json.dumps(SAVED),
        *(json.dumps({**SAVED, "word_counts": counts}) for counts in ([["a", "2"]], [["a"]], 3)),
        json.dumps({**SAVED, "word_counts": [[1, 2]]}),
        json.dumps({**SAVED, "word_counts": [], "document_count": None}),
        json.dumps({**SAVED, "word_counts": [], "lower": "yes"}),
        json.dumps({**SAVED, "word_counts": [], "num_words": "9"}),
    ],
)
def test_json_from_elsewhere_is_refused(text):
    with pytest.raises(ValueError, match=r"must come from Tokenizer.to_json, got"):
        Tokenizer.from_json(text)


def test_json_of_a_time_without_filters_has_those_of_keras():
    after = Tokenizer.from_json(json.dumps({**SAVED, "word_counts": [["a", 2]]}))
    assert after.filters == FILTERS
    assert after.word_index == {"a": 1}


def test_filters_are_those_of_keras(oracles):
    assert sorted(FILTERS) == sorted(oracles.keras().filters)


def test_filters_that_are_no_text_are_refused():
    with pytest.raises(TypeError, match="filters must be a str of signs, got 3"):
        Tokenizer(filters=3)


@pytest.mark.parametrize(
    ("text", "sign"),
    [("good film\r\nbad film\r\n", r"\\r"), ("\ufefffirst", "ufeff"), ("good\u00a0film", "xa0")],
)
@pytest.mark.parametrize("method", ["fit_on_texts", "texts_to_sequences"])
def test_a_sign_that_nobody_sees_and_that_becomes_a_letter_is_named(method, text, sign):
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(["good film"])
    with pytest.warns(UserWarning, match=rf"{sign}.*letters of words.*utf-8-sig.*filters"):
        getattr(tokenizer, method)([text])


@pytest.mark.filterwarnings("error")
def test_a_file_of_windows_is_read_well_where_its_signs_are_filtered():
    tokenizer = Tokenizer(filters=FILTERS + "\r\ufeff")
    tokenizer.fit_on_texts(["\ufeffgood film\r\n\r\nbad film\r\n"])
    assert list(tokenizer.word_index) == ["film", "good", "bad"]


@pytest.mark.parametrize("settings", [{}, {"oov_token": "[X]"}], ids=str)
def test_a_mark_that_loses_its_signs_is_named(settings):
    text, mark = "a <unk> [X] film", settings.get("oov_token", "<unk>")
    lower = {"lower": False} if settings else {}
    with pytest.warns(UserWarning, match=rf"{re.escape(mark)}.*lost their signs"):
        Tokenizer(**settings, **lower).fit_on_texts([text])


@pytest.mark.filterwarnings("error")
def test_a_mark_keeps_its_signs_where_they_are_not_filtered():
    signs = "".join(sign for sign in FILTERS if sign not in "<>")
    tokenizer = Tokenizer(oov_token="<unk>", filters=signs)
    tokenizer.fit_on_texts(["a <unk> film."])
    ((_, mark, unknown),) = tokenizer.texts_to_sequences(["a <unk> yak"])
    assert mark == unknown == tokenizer.word_index["<unk>"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("text", ["می‌خواهم कर्म", "👩‍👩‍👧 film", "cafe\u0301 café", "深度学习"])
def test_other_scripts_are_cut_without_a_warning(text):
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts([text])
    assert set(tokenizer.word_index) == set(text.split(" "))


def test_json_holds_plain_text_and_numbers():
    tokenizer = Tokenizer(10)
    tokenizer.fit_on_texts(["b a b"])
    assert json.loads(tokenizer.to_json()) == {
        "num_words": 10,
        "lower": True,
        "oov_token": None,
        "filters": FILTERS,
        "document_count": 1,
        "word_counts": [["b", 2], ["a", 1]],
    }


# Padding

ROWS = {
    "lists": [[1], [2, 3], [], [4, 5, 6]],
    "one row": [[7, 8]],
    "rows of one length": [[1, 2], [3, 4]],
    "only empty rows": [[], []],
    "tuples": [(1, 2, 3), ()],
    "numpy rows": [np.array([1, 2]), np.array([], dtype=int), np.array([2**31 - 1, -(2**31)])],
    "a numpy array": np.arange(6).reshape(2, 3),
    "whole numbers as floats": [[1.0, 2.0], [3]],
    "true and false": [[True, False], [True]],
}


@pytest.mark.parametrize("value", [0, -1, 9])
@pytest.mark.parametrize("truncating", ["pre", "post"])
@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("maxlen", [None, 1, 2, 5])
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_padding_equals_that_of_keras(oracles, rows, maxlen, padding, truncating, value):
    settings = {"maxlen": maxlen, "padding": padding, "truncating": truncating, "value": value}
    ours, theirs = pad_sequences(rows, **settings), oracles.pad(rows, **settings)
    np.testing.assert_array_equal(ours, theirs, strict=True)
    assert ours.dtype == np.int32


@pytest.mark.parametrize("seed", range(20))
def test_padding_of_random_rows_equals_that_of_keras(oracles, seed):
    rng = random.Random(seed)
    rows = [[rng.randrange(-9, 99) for _ in range(rng.randrange(7))] for _ in range(9)]
    settings = {
        "maxlen": rng.choice([None, 1, 3, 6, 8]),
        "padding": rng.choice(["pre", "post"]),
        "truncating": rng.choice(["pre", "post"]),
        "value": rng.randrange(-3, 3),
    }
    ours, theirs = pad_sequences(rows, **settings), oracles.pad(rows, **settings)
    np.testing.assert_array_equal(ours, theirs, strict=True)


def test_no_rows_of_a_given_length_are_an_empty_array(oracles):
    np.testing.assert_array_equal(pad_sequences([], 3), oracles.pad([], 3), strict=True)


def test_rows_may_be_torch_tensors():
    rows = [torch.tensor([1, 2]), torch.tensor([3])]
    assert pad_sequences(rows).tolist() == [[1, 2], [0, 3]]


def test_padding_leaves_the_rows_alone():
    rows = [[1, 2, 3], [4]]
    pad_sequences(rows, 2)
    assert rows == [[1, 2, 3], [4]]


def test_no_rows_and_no_length_are_refused():
    with pytest.raises(ValueError, match="no row to take the length from: pass maxlen"):
        pad_sequences([])


@pytest.mark.parametrize("maxlen", [0, -1])
def test_a_length_below_one_is_refused(maxlen):
    with pytest.raises(ValueError, match=f"maxlen must be a whole number, 1 or more, got {maxlen}"):
        pad_sequences([[1]], maxlen)


def test_a_length_that_is_no_whole_number_is_refused():
    with pytest.raises(TypeError, match=r"maxlen must be a whole number, 1 or more, got 2\.5"):
        pad_sequences([[1]], 2.5)


@pytest.mark.parametrize("name", ["padding", "truncating"])
def test_a_side_that_does_not_exist_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be 'pre' or 'post', got 'middle'"):
        pad_sequences([[1]], **{name: "middle"})


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([[1], [2, 2.5]], "2.5"),
        ([[float("nan")]], "nan"),
        ([[float("inf")]], "inf"),
        ([[2**31]], "2147483648"),
        ([[-(2**31) - 1]], "-2147483649"),
        ([[2**63]], "9223372036854775808"),
        ([[2**70]], "1180591620717411303424"),
        ([["the", "film"]], "'film'"),
        ([[1, None]], "None"),
        ([[1j]], "1j"),
        ([[[1, 2]]], r"\[1, 2\]"),
        ([[[1], [2, 3]]], r"\[2, 3\]"),
    ],
    ids=str,
)
def test_ids_that_are_no_whole_numbers_are_named(rows, named):
    with pytest.raises(ValueError, match=rf"whole numbers below 2\*\*31, got .*{named}"):
        pad_sequences(rows)


@pytest.mark.parametrize("value", [0.5, "<pad>", None, 2**31])
def test_a_value_that_is_no_whole_number_is_refused(value):
    with pytest.raises(ValueError, match=r"whole numbers below 2\*\*31"):
        pad_sequences([[1]], value=value)


@pytest.mark.parametrize("rows", ["text", ["text"], [b"12"], [1, 2], [[1], None]], ids=repr)
def test_what_is_no_row_is_refused(rows):
    with pytest.raises(TypeError, match="sequences must be rows of whole numbers, got"):
        pad_sequences(rows)


# The vocabulary

TOKENS = ["the", "film", "the", "end", "a", "film", "the"]


def test_specials_come_first_and_then_words_by_frequency():
    vocabulary = Vocabulary(TOKENS)
    assert list(vocabulary) == ["<pad>", "<unk>", "the", "film", "a", "end"]


def test_the_order_of_the_corpus_does_not_matter():
    assert list(Vocabulary(TOKENS)) == list(Vocabulary(sorted(TOKENS)))


def test_words_and_ids_belong_to_each_other():
    vocabulary = Vocabulary(TOKENS)
    assert [vocabulary[vocabulary.token(i)] for i in range(len(vocabulary))] == [*range(6)]


def test_an_unknown_word_gets_the_id_of_unk():
    vocabulary = Vocabulary(TOKENS, specials=("<bos>", "<pad>", "<unk>"))
    assert vocabulary["never"] == vocabulary["<unk>"] == 2


def test_the_size_leaves_specials_out():
    vocabulary = Vocabulary(TOKENS, max_size=2)
    assert list(vocabulary) == ["<pad>", "<unk>", "the", "film"]


def test_rare_words_are_left_out():
    assert list(Vocabulary(TOKENS, min_freq=2, specials=())) == ["the", "film"]


def test_a_special_that_occurs_as_a_word_stands_once_and_takes_no_room():
    vocabulary = Vocabulary(["<pad>", "<pad>", "a", "b"], max_size=2)
    assert list(vocabulary) == ["<pad>", "<unk>", "a", "b"]


def test_membership_does_not_count_unknown_words():
    vocabulary = Vocabulary(TOKENS)
    assert ("film" in vocabulary, "<unk>" in vocabulary, "never" in vocabulary) == (1, 1, 0)


def test_an_empty_corpus_leaves_the_specials():
    assert list(Vocabulary([])) == ["<pad>", "<unk>"]


def test_a_generator_of_words_will_do():
    assert len(Vocabulary(word for word in TOKENS)) == 6


@pytest.mark.parametrize("tokens", [[], ["<unk>"]])
def test_without_unk_among_the_specials_an_unknown_word_is_refused(tokens):
    vocabulary = Vocabulary(tokens, specials=("<pad>",))
    with pytest.raises(ValueError, match="'never' is not in the vocabulary, and it has no '<unk>'"):
        vocabulary["never"]


@pytest.mark.parametrize("word", [3, None, b"the"])
def test_only_a_word_has_an_id(word):
    with pytest.raises(TypeError, match=r"asked for a word, or \.token\(id\), got"):
        Vocabulary(TOKENS)[word]


@pytest.mark.parametrize("id", [-1, 6])
def test_an_id_outside_the_vocabulary_is_refused(id):
    with pytest.raises(ValueError, match=f"id must be .*, got {id}"):
        Vocabulary(TOKENS).token(id)


def test_an_id_that_is_no_whole_number_is_refused():
    with pytest.raises(TypeError, match=r"id must be a whole number, 0 or more, got 1\.5"):
        Vocabulary(TOKENS).token(1.5)


@pytest.mark.parametrize("name", ["tokens", "specials"])
@pytest.mark.parametrize("words", ["a text", b"a text"])
def test_one_text_in_place_of_words_is_refused(name, words):
    with pytest.raises(TypeError, match=f"{name} must be a list, got one (str|bytes)"):
        Vocabulary(**{"tokens": TOKENS, name: words})


@pytest.mark.parametrize("name", ["tokens", "specials"])
@pytest.mark.parametrize("word", [["a", "b"], None, 1, b"a"], ids=repr)
def test_a_token_that_is_no_word_is_refused(name, word):
    with pytest.raises(TypeError, match=f"{name} must be words, each a str, got"):
        Vocabulary(**{"tokens": TOKENS, name: ["a", word]})


@pytest.mark.parametrize("name", ["max_size", "min_freq"])
def test_a_size_or_frequency_below_one_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be a whole number, 1 or more, got 0"):
        Vocabulary(TOKENS, **{name: 0})


def test_the_same_special_twice_is_refused():
    with pytest.raises(ValueError, match="specials must differ from each other"):
        Vocabulary(TOKENS, specials=("<unk>", "<unk>"))
