"""What the articles on PyTorch teach, and what the book corrects in them."""

from __future__ import annotations

import importlib.util
import itertools
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pybtex.database import parse_file
from sklearn.metrics import f1_score
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from companion import recurrent
from companion import torch_pipeline as pipeline
from companion.data import grammar
from companion.runtime import seeded
from companion.text import Vocabulary
from companion.torch_pipeline import Buckets, Classifier, Judge, Reviews, collate

BOOK = Path(__file__).parents[2] / "book"
FOUR = pd.DataFrame(
    {"text": ["A joy to watch", "Long and dull", "None", "N/A"], "label": [1, 0, 1, 0]}
)


@pytest.fixture(scope="module")
def reviews():
    return grammar.reviews(400, seed=8)


@pytest.fixture(scope="module")
def vocabulary(reviews):
    words = (word for review in reviews[:300] for word in review.tokens)
    return Vocabulary(words, max_size=10_000, min_freq=2)


@pytest.fixture(scope="module")
def rows(reviews, vocabulary):
    return Reviews([r.text for r in reviews], [r.label for r in reviews], vocabulary)


@pytest.mark.parametrize(
    ("task", "chapter", "sign"),
    [
        ("classification and sentiment", "05_torch_pipeline", r"class Classifier"),
        ("translation", "04_keras_overview", r"turn it round"),
        ("writing", "08_recurrent", r"## Let it write"),
    ],
)
def test_n1_each_task_that_is_named_is_done_somewhere(task, chapter, sign):
    text = (BOOK / "chapters" / f"{chapter}.md").read_text(encoding="utf-8")
    assert re.search(sign, text), task


def test_n7_pad_sequence_brings_rows_to_one_length_with_zeros_behind():
    padded = pad_sequence([torch.tensor([1, 2, 3]), torch.tensor([4, 5])], batch_first=True)
    assert padded.tolist() == [[1, 2, 3], [4, 5, 0]]


@pytest.mark.parametrize("layers", [1, 2])
def test_n8_the_last_step_of_a_padded_row_is_not_its_last_word(layers, rows):
    with seeded(0):
        lstm = nn.LSTM(10, 20, layers, batch_first=True)
    x = torch.randn(3, 9, 10, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([9, 4, 1])
    x = x * (torch.arange(9) < lengths[:, None])[:, :, None]
    h, _ = lstm(x)
    alone = torch.cat([lstm(x[i : i + 1, :n])[0][:, -1] for i, n in enumerate(lengths)])
    torch.testing.assert_close(pipeline.last_valid(h, lengths), alone)
    assert (h[1:, -1] - alone[1:]).abs().max() > 0.01
    ours = recurrent.LSTM(10, 20, layers)
    ours.load_state_dict(lstm.state_dict())
    _, (state, _) = ours(x, lengths=lengths)
    torch.testing.assert_close(state[-1], alone)


def test_n9_on_random_labels_the_loss_falls_and_nothing_is_learned():
    with seeded(0):
        lstm, head = nn.LSTM(10, 20, 2, batch_first=True), nn.Linear(20, 5)
        x, y = torch.randn(64, 5, 10), torch.randint(0, 5, (64,))
        adam = torch.optim.Adam([*lstm.parameters(), *head.parameters()], 0.01)
        losses = []
        for _ in range(300):
            adam.zero_grad()
            loss = nn.functional.cross_entropy(head(lstm(x[:32])[0][:, -1]), y[:32])
            loss.backward()
            adam.step()
            losses.append(loss.item())
        guess = head(lstm(x)[0][:, -1]).argmax(1)
    assert losses[-1] < 0.2 * losses[0]
    assert (guess[:32] == y[:32]).float().mean() > 0.9
    assert (guess[32:] == y[32:]).float().mean() < 0.5


def test_n10_an_accuracy_is_counted_over_examples_in_evaluation_mode(rows, vocabulary):
    with seeded(0):
        model = Classifier(len(vocabulary), dropout=0.5)
    sizes = [pipeline.evaluate(model, DataLoader(rows, n, collate_fn=collate)) for n in (399, 64)]
    assert sizes[0] == pytest.approx(sizes[1], rel=1e-4)
    assert model.training


def test_n11_f39_accuracy_praises_who_says_one_thing_and_f1_does_not():
    truth = np.array([1] * 19 + [0])
    always = np.ones(20, dtype=int)
    marks = pipeline.report(pipeline.confusion(truth, always))
    assert marks["accuracy"] == 0.95
    assert marks["f1"][0] == 0
    assert marks["macro f1"] == pytest.approx(f1_score(truth, always, average="macro"))
    assert marks["macro f1"] < 0.5
    assert marks["micro f1"] == marks["accuracy"]


def test_n12_a_prediction_takes_text_and_gives_a_probability(vocabulary):
    with seeded(0):
        judge = Judge(Classifier(len(vocabulary)), vocabulary)
    p = judge.probability(["The script is dull.", ""])
    assert p.shape == (2,)
    assert ((p > 0) & (p < 1)).all()


def test_n13_the_real_sentences_come_by_a_name_of_the_hub():
    text = (Path(__file__).parents[2] / "runs" / "torch_pipeline.py").read_text(encoding="utf-8")
    assert 'real.load("cornell-movie-review-data/rotten_tomatoes"' in text


@pytest.mark.parametrize(
    "word", ["tokenizer", "vocabulary", "vectorization", "embedding", "recurrent", "Transformer"]
)
def test_p1_the_glossary_has_the_six_words(word):
    glossary = (BOOK / "glossary.md").read_text(encoding="utf-8")
    assert re.search(rf"(?m)^{word}.*\n  \w", glossary)


def test_p4_two_of_four_reviews_get_lost_on_the_way_unless_one_asks_for_them(tmp_path):
    FOUR.to_csv(tmp_path / "four.csv", index=False)
    assert len(pd.read_csv(tmp_path / "four.csv").dropna()) == 2
    assert pipeline.read_table(tmp_path / "four.csv").equals(FOUR)


def test_p5_files_of_training_and_validation_become_datasets(tmp_path, vocabulary):
    for name in ("train", "valid"):
        FOUR.to_csv(tmp_path / f"{name}.csv", index=False)
    parts = [pipeline.read_table(tmp_path / f"{name}.csv") for name in ("train", "valid")]
    found = [Reviews(part.text, part.label, vocabulary) for part in parts]
    assert [len(part) for part in found] == [4, 4]


def test_p5_torchtext_is_not_needed():
    assert importlib.util.find_spec("torchtext") is None


def test_p6_e10_a_cap_and_a_least_count_decide_who_gets_a_number():
    words = list("aaabbcdd")
    assert list(Vocabulary(words, max_size=2, min_freq=2)) == ["<pad>", "<unk>", "a", "b"]
    assert list(Vocabulary(words, max_size=10_000, min_freq=2))[2:] == ["a", "b", "d"]


def test_e10_without_a_least_count_the_unknown_word_is_never_trained(reviews, vocabulary):
    words = [word for review in reviews[:300] for word in review.tokens]
    assert not any(word not in Vocabulary(words) for word in words)
    assert any(word not in vocabulary for word in words)


def test_e10_two_tables_lead_from_words_to_numbers_and_back(vocabulary):
    stoi = {word: i for i, word in enumerate(vocabulary)}
    assert all(vocabulary[word] == i and vocabulary.token(i) == word for word, i in stoi.items())


def test_e8_a_pattern_cuts_the_reviews_as_their_grammar_does(reviews):
    assert all(pipeline.tokenize(review.text) == review.tokens for review in reviews)


@pytest.mark.parametrize("kind", ["RNN", "LSTM"])
def test_p7_a_classifier_learns_to_tell_two_words_apart(kind):
    vocabulary = Vocabulary(["dull", "superb", "film"])
    texts = ["a dull film", "a superb film", "film, dull", "superb"] * 4
    rows = Reviews(texts, [0, 1] * 8, vocabulary)
    batches = DataLoader(rows, 8, collate_fn=collate)
    with seeded(0):
        model = Classifier(len(vocabulary), kind=kind, width=8, hidden=8)
        adam = torch.optim.Adam(model.parameters(), 0.05)
        pipeline.train(model, batches, adam, validation=batches, epochs=10)
    assert pipeline.evaluate(model, batches)["accuracy"] == 1


def test_p8_squeeze_fails_on_a_last_batch_of_one_and_squeeze_1_does_not():
    logits, labels = torch.zeros(1, 1), torch.ones(1)
    with pytest.raises(ValueError, match="must be the same as input size"):
        bce(logits.squeeze(), labels)
    assert bce(logits.squeeze(1), labels) == pytest.approx(np.log(2))


def test_p8_batches_of_like_length_hold_less_padding(rows):
    with seeded(0):
        shares = [
            pipeline.padding_share(rows.lengths, Buckets(rows.lengths, 20, pool=pool))
            for pool in (1, 20)
        ]
    assert shares[1] < 0.5 * shares[0]


def test_p9_f41_the_book_is_by_rao_and_mcmahan():
    entry = parse_file(str(BOOK / "references.bib")).entries["rao2019"]
    assert [" ".join(p.last_names) for p in entry.persons["author"]] == ["Rao", "McMahan"]


def test_l27_f62_a_data_loader_is_an_object_that_can_be_gone_through_again(rows):
    loader = DataLoader(rows, 50, collate_fn=collate)
    assert isinstance(DataLoader, type)
    assert not callable(loader)
    assert len(list(loader)) == len(list(loader)) == len(loader) == 8


def test_f26_a_word_vector_is_short_beside_the_vocabulary(vocabulary):
    assert Classifier(len(vocabulary)).embedding.embedding_dim < len(vocabulary) / 10


@pytest.mark.parametrize(("way", "before"), [("rules", 1970), ("statistics", 2000)])
def test_f32_language_was_processed_before_deep_learning(way, before):
    text = (BOOK / "chapters" / "04_keras_overview.md").read_text(encoding="utf-8")
    years = re.findall(rf'": \((\d{{4}}), "{way}"\)', text)
    assert years
    assert min(map(int, years)) < before


def join(pieces, pair):
    joined, i = [], 0
    while i < len(pieces):
        two = pieces[i : i + 2] == pair
        joined.append("".join(pair) if two else pieces[i])
        i += 1 + two
    return tuple(joined)


def test_f33_pieces_from_letters_leave_hardly_a_word_unknown(reviews):
    words = Counter(word for review in reviews[:300] for word in review.tokens)
    corpus, merges = {tuple(word): n for word, n in words.items()}, []
    for _ in range(60):
        pairs = Counter()
        for pieces, n in corpus.items():
            for pair in itertools.pairwise(pieces):
                pairs[pair] += n
        merges.append(max(pairs, key=lambda p: (pairs[p], p)))
        corpus = {join(pieces, merges[-1]): n for pieces, n in corpus.items()}
    letters = {sign for word in words for sign in word}
    known = letters | {"".join(pair) for pair in merges}
    new = {word for review in reviews[300:] for word in review.tokens} - words.keys()
    assert new
    for word in new:
        pieces = tuple(word)
        for pair in merges:
            pieces = join(pieces, pair)
        assert set(pieces) <= known
        assert "".join(pieces) == word
