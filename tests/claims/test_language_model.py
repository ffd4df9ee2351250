"""What the articles teach of language models and writers, and what the book corrects in it."""

from __future__ import annotations

import os
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from torch import nn
from torch.nn.functional import cross_entropy

from companion.data import grammar, real
from companion.recurrent import generate
from companion.recurrent.language_model import LanguageModel, batches, one_row
from companion.results import recorded
from companion.runtime import seeded
from companion.text import Vocabulary
from companion.training import fit

MIRROR = Path(os.environ.get("COMPANION_MIRROR") or "none")


# One long text


def test_l12_an_unknown_word_gets_the_number_of_its_token():
    vocabulary = Vocabulary(["the", "film", "is", "the", "film"])
    assert vocabulary["plesiosaur"] == vocabulary["<unk>"]


def test_f68_a_tag_that_is_read_as_markup_is_gone():
    written = "add an <unk> token, and stop at <eos>"
    assert BeautifulSoup(written, "html.parser").get_text() == "add an  token, and stop at "


def test_l17_empty_rows_leave_no_trace_in_the_text():
    vocabulary = Vocabulary(["a", "film"], specials=["<eos>"])
    with_empty, without = [["a"], [], ["film"], []], [["a"], ["film"]]
    assert torch.equal(one_row(with_empty, vocabulary), one_row(without, vocabulary))


@pytest.mark.skipif(not (MIRROR / "Salesforce").is_dir(), reason="wikitext is not there")
@pytest.mark.parametrize("split", ["validation", "test"])
def test_l17_wikitext_has_one_column_of_text_and_rows_without_any(split):
    rows = real.load("Salesforce/wikitext", split, config="wikitext-2-v1")
    assert rows.column_names == ["text"]
    assert 0.2 < np.mean([not row.strip() for row in rows["text"]]) < 0.5


def test_l17_the_library_loads_one_data_set_at_a_time():
    assert hasattr(datasets, "load_dataset")
    assert not hasattr(datasets, "load_datasets")


def test_l28_each_row_of_a_batch_goes_on_where_it_stopped_in_the_batch_before():
    pieces = batches(torch.arange(21), batch_size=2, length=4)
    for row, start in ((0, 0), (1, 10)):
        assert torch.cat([x[row] for x, _ in pieces]).tolist() == list(range(start, start + 10))
    assert all(torch.equal(y, x + 1) for x, y in pieces)


# A model of the language


def test_the_sentence_on_the_first_page_is_one_of_the_language_and_has_to_say_are():
    before = (
        "it took antti bertrand nine years to release telegram , a vampire film set in a crypt "
        "with dalia jokinen as the doctor . the montages with the feverish doctor in the ruined "
        "village with the wooden coffin in the bloodstained crypt"
    )
    reader = grammar.oracle(distance=16)
    p = reader.next_token(before.split())
    can = {word: p[reader.vocabulary.index(word)] > 0 for word in ("are", "is")}
    assert can == {"are": True, "is": False}
    assert reader.next_token([*before.split(), "are"])[reader.vocabulary.index("hideous")] > 0


def learned(rows, steps, rate):
    """A small language model that has seen these rows of tokens so many times."""
    with seeded(0):
        model = LanguageModel(torch.bincount(rows.flatten()), dim=8, width=16)
        adam = torch.optim.Adam(model.parameters(), lr=rate)
        batch = rows[:, :-1], rows[:, 1:]
        fit(
            model,
            [batch] * steps,
            lambda out, y: cross_entropy(out[0].flatten(0, 1), y.flatten()),
            adam,
        )
    return model.requires_grad_(False)


def test_b6_a_recurrent_network_predicts_the_next_word_from_one_that_it_remembers():
    she_or_he = torch.tensor([[0, 2, 3, 4, 0], [1, 2, 3, 4, 1]])  # the same three words between
    logits, _ = learned(she_or_he, steps=150, rate=0.05)(she_or_he[:, :-1])
    assert logits[:, -1].argmax(1).tolist() == [0, 1]


def test_r10_the_pronoun_of_the_language_follows_a_subject_of_the_sentence_before():
    reader = grammar.oracle()
    she = list(reader.vocabulary).index("she")
    opening = "mira novak made crimson in 1951 , and {} baum is the pianist ."
    p = {
        first: reader.next_token(
            f"{opening.format(first)} baum was dull at first , but in the end".split()
        )[she]
        for first in ("ana", "david")
    }
    assert p["ana"] > 0.4
    assert p["david"] == 0


def test_l32_the_sentence_before_decides_what_the_next_one_may_say():
    reader = grammar.oracle()
    crimson = list(reader.vocabulary).index("crimson")
    text = (
        "mira novak made {} in 1951 , and ana baum is the pianist . the script is dull . in short ,"
    )
    p = [reader.next_token(text.format(title).split())[crimson] for title in ("crimson", "ember")]
    assert p == pytest.approx([1, 0])


# Let it write


class Alphabet(nn.Module):
    """Knows which letter comes next, and nothing else."""

    def forward(self, ids, state):
        return 9 * nn.functional.one_hot((ids + 1) % 10, 10).float(), state


def test_l13_writing_stops_at_the_end_token():
    written = generate(Alphabet(), torch.tensor([3]), max_new_tokens=50, top_k=1, eos=6)
    assert written.tolist() == [3, 4, 5]


def test_l13_or_after_so_many_tokens():
    written = generate(Alphabet(), torch.tensor([3]), max_new_tokens=4, top_k=1)
    assert written.tolist() == [3, 4, 5, 6, 7]


def test_r17_an_lstm_that_has_read_a_line_writes_it_word_by_word():
    line = ["to", "be", "or", "not", "to", "be", ",", "that", "is", "the", "question"]
    vocabulary = Vocabulary(line, specials=[])
    row = torch.tensor([vocabulary[word] for word in line])
    model = learned(row.unsqueeze(0), steps=60, rate=0.05)
    written = generate(model, row[:1], max_new_tokens=len(line) - 1, top_k=1)
    assert [vocabulary.token(int(i)) for i in written] == line


# What the records say, once for each seed. The runs are longer than a test; tests/runs repeats
# them in small.


def runs(record, name):
    return np.array(recorded(record)["values"][name])


@pytest.mark.parametrize("part", ["validation", "test"])
def test_l17_in_the_record_about_a_third_of_the_rows_of_wikitext_are_empty(part):
    rows, empty = (runs("recurrent_wikitext", f"{part}, {kind}")[0] for kind in ("rows", "empty"))
    assert 0.25 < empty / rows < 0.4


def test_b6_k3_in_the_record_each_gated_network_holds_its_subject_better_than_any_rnn():
    rnn, gru, lstm = (
        runs("recurrent_cells", f"{cell}, 4 words") for cell in ("RNN", "GRU", "LSTM")
    )
    assert rnn.max() < min(gru.min(), lstm.min())
    assert lstm.mean() > 0.8
    assert gru.min() > 0.9


def test_f72_in_the_record_neither_of_lstm_and_gru_predicts_the_next_word_much_better():
    gru, lstm = (runs("recurrent_cells", f"{cell}, loss") for cell in ("GRU", "LSTM"))
    assert abs(gru.mean() - lstm.mean()) < 0.05


def test_l21_in_the_record_a_bilstm_trained_from_scratch_judges_film_reviews():
    assert runs("recurrent_imdb", "mean over time, test").min() > 0.8


def test_f65_l21_in_the_record_it_judges_worst_by_its_last_column():
    best, worst = (
        runs("recurrent_imdb", f"{place}, test") for place in ("mean over time", "output[:, -1]")
    )
    assert worst.max() < best.min() - 0.1
