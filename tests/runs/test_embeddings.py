"""The long runs on word vectors, in small: every number of theirs can be checked."""

from __future__ import annotations

import numpy as np
import pytest

from companion.data import grammar, real
from companion.embeddings import WordVectors
from runs import embeddings

PAIRS = "word 1\tword 2\tmean\nTiger\tcat\t7.5\nsun\tmoon\t9\nsun\tcat\t1.25\n"
QUESTIONS = ": capitals\nAthens Greece Rome Italy\n: plurals\ncat cats sun suns\n"
PLANE = WordVectors(["tiger", "cat", "sun", "moon"], [[1, 0], [0.8, 0.6], [0, 1], [0.1, 1]])


@pytest.fixture
def judges(tmp_path, monkeypatch):
    (tmp_path / "wordsim353.tsv").write_text(PAIRS, encoding="utf-8")
    (tmp_path / "questions-words.txt").write_text(QUESTIONS, encoding="utf-8")
    monkeypatch.setenv("COMPANION_WORDS", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def grown():
    return embeddings.sizes(seeds=(0, 0), base=60)


def test_every_setting_is_trained_once_for_each_seed(grown):
    assert {len(values) for values in grown.values()} == {2}
    assert all(0 <= value <= 1 for values in grown.values() for value in values)


def test_one_seed_makes_every_setting_repeat_itself(grown):
    assert all(first == second for first, second in grown.values())


def test_all_settings_are_asked_the_words_of_the_smallest_corpus(monkeypatch):
    asked = []
    monkeypatch.setattr(embeddings, "precision_at", lambda v, key: asked.append(key) or 0.0)
    embeddings.sizes(seeds=(1,), base=40)
    smallest = {w for r in grammar.reviews(10, seed=301) for w in r.tokens}
    assert all(key == asked[0] for key in asked)
    assert {word for words in asked[0].values() for word in words} <= smallest


def test_pairs_are_read_in_lower_case_and_without_the_head_of_the_table(judges):
    assert embeddings._pairs() == [("tiger", "cat", 7.5), ("sun", "moon", 9), ("sun", "cat", 1.25)]


def test_questions_are_read_without_the_names_of_their_sections(judges):
    assert embeddings._questions() == [
        ["athens", "greece", "rome", "italy"],
        ["cat", "cats", "sun", "suns"],
    ]


def test_agreement_is_the_correlation_of_ranks_over_the_pairs_that_have_vectors(judges):
    pairs = embeddings._pairs()  # cosines .80, .995 and .60: in the order of the ratings
    assert embeddings._agreement(PLANE, pairs) == pytest.approx(1)
    unknown = [*pairs, ("sun", "unheard", 0.0)]
    assert embeddings._agreement(PLANE, unknown) == pytest.approx(1)


def test_missing_lists_are_named_with_the_way_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_WORDS", str(tmp_path))
    with pytest.raises(real.NotThere, match=r"wordsim353\.tsv.*gensim.*COMPANION_WORDS"):
        embeddings._pairs()


def test_texts_are_cut_into_words_of_letters_in_lower_case():
    assert embeddings._words("It isn't <unk> 12 Films!") == ["it", "isn't", "unk", "films"]


def test_every_method_is_judged_on_every_text(judges, monkeypatch):
    texts = [r.tokens for r in grammar.reviews(60, seed=0)]
    lists = [("the", "a", 1.0), ("and", "is", 2.0), ("the", "is", 3.0)]
    monkeypatch.setattr(embeddings, "_pairs", lambda: lists)
    monkeypatch.setattr(embeddings, "_questions", lambda: [["the", "a", "and", "is"]])
    monkeypatch.setattr(embeddings, "_wikitext", lambda: texts)
    monkeypatch.setattr(embeddings, "_imdb", lambda size: texts[:40])
    found = embeddings.judged(seeds=(0, 1))
    for text in ("WikiText-2", "IMDB"):
        for method, count in (("skip-gram", 2), ("cbow", 1), ("glove", 1)):
            for what in ("WordSim-353", "analogies", "minutes"):
                assert len(found[f"{text}, {method}, {what}"]) == count
        assert found[f"{text}, share of pairs with vectors"] == [1.0]
    assert np.isclose(found["IMDB, million words"][0], sum(map(len, texts[:40])) / 1e6)
