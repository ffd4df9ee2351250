"""What the article teaches of word embeddings, and what the book corrects in it."""

from __future__ import annotations

import itertools
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from companion.data import grammar
from companion.embeddings import (
    WordVectors,
    cbow,
    cooccurrence,
    glove,
    precision_at,
    skip_gram,
)
from companion.results import recorded
from companion.runtime import seeded

KEY = grammar.groups()


@cache
def texts():
    return [review.tokens for review in grammar.reviews(3_000, seed=500)]


@cache
def learned(method):
    return method(texts(), epochs=15 if method is glove else 5)


@cache
def at_random():
    words = learned(skip_gram).words
    return WordVectors(words, np.random.default_rng(0).normal(size=(len(words), 100)))


def units(v):
    return v.vectors / np.linalg.norm(v.vectors, axis=1, keepdims=True)


def test_e2_f25_one_hot_vectors_are_all_equally_far_apart():
    far = torch.cdist(torch.eye(5), torch.eye(5))
    assert torch.allclose(far[~torch.eye(5, dtype=bool)], torch.tensor(math.sqrt(2)))


def test_e1_f25_an_embedding_puts_related_words_nearer_than_others():
    v = learned(skip_gram)
    drinks = [w for w in KEY["drink"] if w in v]
    others = [w for w in KEY["month"] if w in v]
    within = np.mean([v.similarity(a, b) for a in drinks for b in drinks if a != b])
    across = np.mean([v.similarity(a, b) for a in drinks for b in others])
    assert within > across + 0.1


def test_f26_a_vector_has_far_fewer_numbers_than_there_are_words():
    V, D = learned(skip_gram).vectors.shape
    assert 20 * D < V


def test_e7_f27_a_look_up_is_a_product_with_one_hot_and_learns_where_it_was_asked():
    table = nn.Embedding(6, 3)
    ids = torch.tensor([4, 1, 4])
    assert torch.equal(table(ids), nn.functional.one_hot(ids, 6).float() @ table.weight)
    table(ids).sum().backward()
    assert table.weight.grad[:, 0].tolist() == [0, 1, 0, 0, 2, 0]


@pytest.mark.parametrize("method", [skip_gram, cbow, glove])
def test_b5_e3_e4_e5_e6_all_three_ways_find_groups_that_chance_does_not(method):
    assert precision_at(learned(method), KEY) > 10 * precision_at(at_random(), KEY)


def test_e6_f28_most_counts_are_zero_and_glove_fits_the_others_only():
    words, counts = cooccurrence(texts())
    assert counts.nnz < 0.1 * len(words) ** 2


class Article(nn.Module):
    def __init__(self, V, D):
        super().__init__()
        self.embedding = nn.Embedding(V, D)
        self.fc = nn.Linear(D, V)

    def forward(self, x):
        return self.fc(self.embedding(x))


def test_e11_e12_f29_the_model_of_the_article_learns_to_count_pairs():
    rng = np.random.default_rng(0)
    table = rng.dirichlet(np.ones(6), size=6)
    ids = [0]
    for _ in range(4_000):
        ids.append(int(rng.choice(6, p=table[ids[-1]])))
    x, y = torch.tensor(ids[:-1]), torch.tensor(ids[1:])
    counts = torch.zeros(6, 6).index_put_((x, y), torch.ones(len(x)), True)
    shares = counts / counts.sum(1, keepdim=True)
    with seeded(0):
        model = Article(6, 6)
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(400):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    assert torch.allclose(model(torch.arange(6)).softmax(1), shares, atol=0.02)
    assert loss >= -shares[x, y].log().mean() - 1e-4


def test_f29_the_model_of_the_article_cannot_see_what_stands_before_a_word():
    model = Article(5, 4)
    one, other = (model(torch.tensor(row))[-1] for row in ([1, 2, 3], [4, 0, 3]))
    assert torch.equal(one, other)


def test_e9_the_parts_share_no_text():
    parts = [texts()[:1000], texts()[1000:2000], texts()[2000:]]
    assert len({tuple(t) for part in parts for t in part}) == sum(map(len, parts))


def test_e13_pairs_are_all_equally_long_so_that_there_is_nothing_to_bucket():
    pairs = [(a, b) for text in texts()[:50] for a, b in itertools.pairwise(text)]
    assert {len(pair) for pair in pairs} == {2}
    assert len({len(text) for text in texts()[:50]}) > 10


def test_e14_f30_the_dot_product_favours_the_long_vector():
    asked, others = np.array([1.0, 0.0]), np.array([[0.9, 0.1], [5.0, 5.0]])
    products = others @ asked
    assert products.argmax() == 1
    assert (products / np.linalg.norm(others, axis=1)).argmax() == 0


def test_e14_f30_the_articles_list_holds_the_word_itself_and_ends_with_the_best():
    v = learned(skip_gram)
    u = units(v)
    i = v.words.index("dull")
    theirs = [v.words[j] for j in np.argsort(u @ u[i])[-4:]]
    assert theirs[-1] == "dull"
    assert theirs[-2::-1] == [word for word, _ in v.nearest("dull", count=3)]


def test_f30_the_cosine_finds_more_of_a_group_than_the_dot_product():
    v = learned(skip_gram)
    group_of = {w: g for g, ws in KEY.items() for w in ws if w in v}
    asked = [v.words.index(w) for w in group_of]

    def hits(x):
        scores = x[asked] @ x.T
        scores[np.arange(len(asked)), asked] = -np.inf
        best = scores.argmax(1)
        return np.mean(
            [group_of.get(v.words[j]) == g for j, g in zip(best, group_of.values(), strict=True)]
        )

    assert hits(units(v)) > 1.1 * hits(v.vectors)


def test_e15_f31_two_directions_part_groups_that_are_alike_in_nothing():
    v = learned(skip_gram)
    rows = {g: [v.words.index(w) for w in KEY[g] if w in v] for g in ("month", "bad ear")}
    points = PCA(2).fit_transform(units(v)[[*rows["month"], *rows["bad ear"]]])
    a, b = points[: len(rows["month"])], points[len(rows["month"]) :]
    gap = np.linalg.norm(a.mean(0) - b.mean(0))
    assert gap > 2 * max(a.std(0).max(), b.std(0).max())


def test_f42_no_claim_of_the_book_rests_on_the_paper_that_was_not_found():
    root = Path(__file__).parents[2]
    bib = (root / "book" / "references.bib").read_text(encoding="utf-8")
    assert "D15-1170" not in bib


def test_in_the_record_more_text_helps_more_than_more_numbers():
    grid = recorded("embeddings_sizes")["values"]
    usual = np.array(grid["the usual"])
    text = np.array(grid["four times the text"]) - usual
    numbers = np.array(grid["300 numbers"]) - usual
    assert (text > numbers).all()


def test_in_the_record_a_very_wide_window_finds_fewer_words_of_a_kind():
    grid = recorded("embeddings_sizes")["values"]
    assert np.max(grid["window 20"]) < np.min(grid["the usual"])
