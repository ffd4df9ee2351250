"""Long runs on real text, on reviews, plays and rows so small that every number can be checked."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
import torch

from companion.data import real
from companion.runtime import seeded
from runs import recurrent as reading
from tests._reviews import small_imdb

POOLINGS = list(reading.POOLINGS)


def reader(pooling):
    with seeded(0):
        return reading._Reader(pooling, vocabulary_size=9, width=4).eval()


@pytest.mark.parametrize("pooling", POOLINGS[:-1])
def test_padding_does_not_change_what_a_reader_says(pooling):
    model, ids = reader(pooling), torch.tensor([[3, 1, 4]])
    padded = torch.tensor([[3, 1, 4, 0, 0]])
    lengths = torch.tensor([3])
    torch.testing.assert_close(model(padded, lengths), model(ids, lengths))


def test_a_mean_counts_all_words_alike_and_last_states_have_read_all():
    ids, lengths = torch.tensor([[3, 1, 4], [5, 1, 4], [3, 1, 5]]), torch.tensor([3, 3, 3])
    for pooling in ("mean over time", "last states"):
        assert len(set(reader(pooling)(ids, lengths).tolist())) == 3


@pytest.mark.parametrize(("pooling", "read"), [("last states", 3), ("output at the last word", 1)])
def test_so_many_words_has_the_backward_reader_read(pooling, read):
    model, ids = reader(pooling), torch.tensor([[3, 1, 4]])
    x = model.embedding(ids)
    y, (h, _) = model.lstm(x)
    _, (alone, _) = model.lstm(x[:, -read:])
    torch.testing.assert_close(model.pool(y, h, torch.tensor([3]))[:, 4:], alone[1])


def test_the_last_output_is_the_same_for_all_short_reviews():
    ids = torch.tensor([[3, 1, 4, 0], [5, 8, 0, 0]])
    first, second = reader("output[:, -1]")(ids, torch.tensor([3, 2]))
    assert first == second


@pytest.fixture(scope="module")
def reviews():
    """What a run on 60 reviews found, and what the tokenizer saw."""
    with small_imdb() as seen:
        settings = {"vocabulary_size": 30, "length": 7, "width": 8, "epochs": 30}
        return reading.imdb_bilstm(**settings, held_back=20, seeds=[5, 5]), seen


@pytest.mark.parametrize("pooling", POOLINGS)
def test_each_pooling_gets_two_accuracies_and_a_time_for_each_seed(pooling, reviews):
    found, _ = reviews
    lengths = [len(found[f"{pooling}, {what}"]) for what in ("test", "held back", "seconds")]
    assert lengths == [2, 2, 2]


@pytest.mark.parametrize(("part", "accuracy"), [("held back", 1), ("test", 0)])
def test_a_reader_learns_the_training_reviews_and_is_scored_on_others(part, accuracy, reviews):
    found, _ = reviews
    assert found[f"mean over time, {part}"] == [accuracy, accuracy]


@pytest.mark.parametrize("pooling", POOLINGS)
def test_one_seed_makes_a_run_on_reviews_repeat_itself(pooling, reviews):
    first, second = reviews[0][f"{pooling}, test"]
    assert first == second


def test_the_words_come_from_clean_training_reviews_that_are_not_held_back(reviews):
    _, seen = reviews
    assert len(seen) == 40
    assert all(text.endswith("train") and "<" not in text for text in seen)


def test_the_training_reviews_have_both_labels(reviews):
    _, seen = reviews
    assert 10 < sum("great" in text for text in seen) < 30


def test_the_share_of_short_reviews_is_that_of_the_test_reviews(reviews):
    found, _ = reviews
    assert found["shorter"] == [0.5]


def read(monkeypatch, play, *, seeds=(3,), shape=(16, 16)):
    """Run on a play, with LSTMs that are small."""
    monkeypatch.setattr(real, "text", {"tiny_shakespeare": play}.get)
    monkeypatch.setattr(reading, "LETTERS", reading.LETTERS._replace(width=16, shape=shape))
    monkeypatch.setattr(reading, "WORDS", reading.WORDS._replace(width=16, shape=(4, 16)))
    return reading.shakespeare(seeds=seeds)


@pytest.fixture(scope="module")
def babble():
    """A play of four letters by lot, and what a run on it found."""
    play = "".join(random.Random(0).choices("aB \n", k=4_000))
    with pytest.MonkeyPatch.context() as patch:
        return play, read(patch, play, seeds=[3, 3])


@pytest.mark.parametrize("reader", ["1-grams", "2-grams", "LSTM"])
def test_four_letters_by_lot_cost_two_bits_each(reader, babble):
    _, found = babble
    assert found[f"letters, {reader}"][0] == pytest.approx(2, abs=0.03)


def test_words_are_lowered_counted_and_priced_in_nats(babble):
    play, found = babble
    known = Counter(play[:3_600].lower().split())
    known = {word: n for word, n in known.items() if n > 1}
    assert found["words, different"] == [len(known) + 2]  # and the two specials
    lines = [line.split() for line in play.lower().split("\n\n")]
    ends, words = sum(map(bool, lines)) + 1, sum(map(len, lines))
    frequent = max([ends / (ends + words), *(n / (ends + words) for n in known.values())])
    assert -math.log(frequent) < found["words, 1-grams"][0] < math.log(len(known) + 2)


def test_the_unknown_words_are_those_that_the_training_part_has_not_twice(babble):
    play, found = babble
    known = Counter(play[:3_600].lower().split())
    speeches = [speech.split() for speech in play[3_600:].lower().split("\n\n")]
    held = [word for words in speeches if words for word in [*words, "<eos>"]]
    unknown = sum(word != "<eos>" and known[word] < 2 for word in held)
    assert found["unknown"] == [pytest.approx(unknown / (len(held) + 1))]


def test_the_sample_is_200_letters_of_the_play(babble):
    _, found = babble
    text = "".join(map(chr, map(int, found["sample"])))
    assert len(text) == 200
    assert set(text) == set("aB \n")


def test_one_seed_makes_a_run_on_plays_repeat_itself(babble):
    _, found = babble
    for text in ("letters", "words"):
        first, second = found[f"{text}, LSTM"]
        assert first == second


def test_what_an_lstm_learns_in_one_part_serves_it_in_the_other(monkeypatch):
    found = read(monkeypatch, "to be or\nnot\n\n" * 200, shape=(2, 16))
    assert found["letters, LSTM"][0] < found["letters, 1-grams"][0] / 3


def test_the_last_tenth_is_foretold_by_those_who_have_not_seen_it(monkeypatch):
    found = read(monkeypatch, "aaaaaaab\n\n" * 180 + "b" * 200)
    assert found["letters, 1-grams"][0] == pytest.approx(math.log2(10), abs=0.05)
    assert found["letters, LSTM"][0] > 3


def test_an_apostrophe_belongs_to_its_word_and_a_sign_is_one():
    assert reading._speeches("ROMEO:\nIs't so?\n\nAy.") == [
        ["romeo", ":", "is't", "so", "?"],
        ["ay", "."],
    ]


def test_the_rows_of_an_encyclopedia_are_counted_by_kind(monkeypatch):
    rows = ["", " = Film = \n", " \n", " A <unk> film . \n", " = = Plot = = \n"]

    def load(name, split, *, config):
        assert (name, config) == ("Salesforce/wikitext", "wikitext-2-v1")
        return {"text": rows if split == "test" else rows[3:4]}

    monkeypatch.setattr(real, "load", load)
    kinds = {"rows": (1, 5), "empty": (0, 2), "headings": (0, 2), "words": (4, 12), "<unk>": (1, 1)}
    assert reading.wikitext_rows() == {
        f"{part}, {kind}": [counts[i]]
        for kind, counts in kinds.items()
        for i, part in enumerate(("validation", "test"))
    }
