"""What the article on overfitting teaches, and what the book corrects in it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from pybtex.database import parse_file

from companion.data import grammar
from companion.overfitting import (
    Adam,
    Batches,
    EarlyStopping,
    ProximalL1,
    Reader,
    encode,
    k_fold,
    learn,
    log_uniform,
    measure,
    nested,
    random_deletion,
    random_swap,
    thesaurus,
)
from companion.results import recorded
from companion.runtime import seeded
from companion.text import Vocabulary

BOOK = Path(__file__).parents[2] / "book"
ENDINGS = ("", ", right labels", ", dropout")
OPENING = "ana baum stars in crimson , a musical film by mira novak about ambition and genius ."


def runs(record, name):
    return np.array(recorded(f"overfitting_{record}")["values"][name])


@cache
def drawn(n=300, test=600, noise=0.1):
    train, exam = grammar.reviews(n, seed=3, label_noise=noise), grammar.reviews(test, seed=4)
    return train, exam, Vocabulary(w for r in train for w in r.tokens)


def part(reviews, vocabulary, truth=False):
    labels = [r.truth if truth else r.label for r in reviews]
    return encode([r.tokens for r in reviews], vocabulary), torch.tensor(labels)


def trained(labels=None, epochs=12, seed=0, **reader):
    train, _, vocabulary = drawn()
    labels = [r.label for r in train] if labels is None else labels
    with seeded(seed) as rng:
        model = Reader(len(vocabulary), **reader)
        batches = Batches([r.tokens for r in train], labels, vocabulary, size=25, generator=rng)
        history = learn(model, batches, epochs=epochs)
    return model, history


def test_o1_a_network_knows_what_it_has_seen_and_errs_on_what_is_new():
    train, exam, vocabulary = drawn()
    model, _ = trained()
    assert measure(model, *part(train, vocabulary))["accuracy"] > 0.99
    assert measure(model, *part(exam, vocabulary, truth=True))["accuracy"] < 0.75


def test_o2_in_the_record_more_units_learn_more_by_heart_and_do_no_worse():
    small, large = (runs("causes", f"{w} units") for w in (2, 64))
    assert runs("causes", "64 units, training").min() > 0.99
    assert large.mean() > small.mean()


def test_o3_in_the_record_more_reviews_help_every_time():
    few, more = (runs("causes", f"{n} reviews, dropout") for n in (375, 3000))
    assert more.min() > few.max() + 0.05


def test_o3_in_the_record_wrong_labels_are_why_more_reviews_do_not_help_alone():
    plain, right, dropout = (runs("causes", f"6000 reviews{e}").mean() for e in ENDINGS)
    assert min(right, dropout) > plain + 0.03


def test_o4_longer_training_makes_the_loss_worse():
    _, exam, vocabulary = drawn()
    asked = part(exam, vocabulary, truth=True)
    short, long = (measure(trained(epochs=n)[0], *asked)["loss"] for n in (4, 25))
    assert long > 1.3 * short


def priced(make, l1):
    rng = np.random.default_rng(0)
    X = torch.tensor(rng.normal(size=(200, 50)), dtype=torch.float32)
    y = X[:, :5].sum(1) + torch.tensor(rng.normal(size=200), dtype=torch.float32)
    w = torch.tensor(rng.normal(size=50), dtype=torch.float32, requires_grad=True)
    optimizer = make([w])
    for _ in range(500):
        optimizer.zero_grad()
        (((X @ w - y) ** 2).mean() / 2 + l1 * w.abs().sum()).backward()
        optimizer.step()
    return w.detach()


@pytest.mark.parametrize(
    ("make", "l1", "least", "most"),
    [
        (lambda w: torch.optim.SGD(w, 0.1), 0.2, 0, 0),
        (lambda w: torch.optim.Adam(w, 0.01), 0.2, 0, 0),
        (lambda w: ProximalL1(w, 0.1, l1=0.2), 0, 40, 45),
    ],
    ids=["descent", "Adam", "proximal"],
)
def test_o5_f18_exact_zeros_come_from_the_proximal_step(make, l1, least, most):
    assert least <= int((priced(make, l1) == 0).sum()) <= most


def shrunk(**price):
    w = torch.ones(2, requires_grad=True)
    optimizer = Adam([w], 1e-3, **price)
    with seeded(0):
        for _ in range(1000):
            w.grad = torch.tensor([10, 0.01]) * torch.randn(2)
            optimizer.step()
    return w.detach()


def test_o6_f19_under_adam_a_price_in_the_loss_is_no_decay():
    in_loss, beside = shrunk(l2=0.5), shrunk(decay=0.5)
    assert in_loss[0] > 0.75 > 0.5 > in_loss[1]
    assert abs(beside - np.exp(-0.5)).max() < 0.15


def test_o6_under_plain_descent_the_two_are_one():
    w = torch.tensor([1.0, -2.0], requires_grad=True)
    (0.3 / 2 * (w**2).sum()).backward()
    torch.optim.SGD([w], lr=0.1).step()
    torch.testing.assert_close(w.detach(), torch.tensor([1.0, -2.0]) * (1 - 0.1 * 0.3))


def test_o7_in_the_record_dropout_is_ahead_of_nothing_every_time():
    assert (runs("ranking", "dropout") > runs("ranking", "nothing")).all()


def test_o8_f23_training_loss_falls_to_the_end_and_never_says_stop():
    _, history = trained(epochs=12)
    losses = [epoch["loss"] for epoch in history.epochs]
    stop = EarlyStopping(3)
    assert not any(stop.step(loss) for loss in losses)


def test_o8_f23_without_restoring_the_epoch_that_made_it_stop_is_kept():
    model = torch.nn.Linear(1, 1)
    stop = EarlyStopping(2, model=model)
    for loss in (0.5, 0.4, 0.6, 0.7):
        torch.nn.init.constant_(model.bias, loss)
        stop.step(loss)
    assert stop.stopped
    assert model.bias.item() == pytest.approx(0.7)
    stop.restore()
    assert model.bias.item() == pytest.approx(0.4)


def test_o8_in_the_record_what_is_watched_decides_what_is_kept():
    by_loss, plain = (runs("ranking", f"{name}, loss") for name in ("stop by loss", "nothing"))
    assert (by_loss < plain).all()
    accuracy = {name: runs("ranking", name).mean() for name in ("stop by loss", "stop by accuracy")}
    assert accuracy["stop by loss"] < accuracy["stop by accuracy"] + 0.01


def praise(sentence):
    return grammar.oracle().posterior(f"{OPENING} {sentence}".split())["label"][1]


def test_o9_a_synonym_from_the_answer_key_keeps_the_verdict():
    for word in ("rousing", *thesaurus()["rousing"]):
        assert praise(f"the melodies were {word} .") > 0.5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "the beginning is gripping , although the ending is dreary .",
            "the beginning is dreary , although the ending is gripping .",
        ),
    ],
)
def test_o10_f22_two_words_that_change_places_turn_the_verdict_round(one, other):
    assert sorted(one.split()) == sorted(other.split())
    assert (praise(one) > 0.5) != (praise(other) > 0.5)


def test_o10_f22_dog_bites_man():
    seen = set()
    rng = np.random.default_rng(0)
    for _ in range(20):
        seen.add(" ".join(random_swap(["dog", "bites", "man"], rate=0.3, generator=rng)))
    assert "man bites dog" in seen


def test_o11_a_shorter_sentence_may_have_lost_its_not():
    rng, seen = np.random.default_rng(0), set()
    for _ in range(200):
        seen.add(
            " ".join(
                random_deletion(["the", "melodies", "were", "not", "haunting", "."], generator=rng)
            )
        )
    assert "the melodies were haunting ." in seen
    assert praise("the melodies were not haunting .") < 0.5 < praise("the melodies were haunting .")


def test_o12_o14_strengths_are_drawn_on_a_logarithmic_scale():
    rng = np.random.default_rng(0)
    even, logs = rng.uniform(1e-4, 1, 1000), log_uniform(1e-4, 1, generator=rng, size=1000)
    assert np.mean(even < 0.01) < 0.03 < 0.45 < np.mean(logs < 0.01)


def test_o13_o14_nine_draws_try_nine_strengths_and_a_grid_three():
    grid = [(c, other) for c in (0.01, 1, 100) for other in (1, 2, 3)]
    draws = log_uniform(1e-4, 1e4, generator=np.random.default_rng(0), size=9)
    assert (len({c for c, _ in grid}), len(set(draws))) == (3, 9)


def test_o15_f20_cross_validation_measures_and_changes_no_model():
    trained_on = []
    pairs = k_fold(12, k=3, seed=0)
    for train, held in pairs:
        trained_on.append(len(train))
        assert not set(train) & set(held)
    assert trained_on == [8, 8, 8]


def test_o15_f20_the_best_of_many_guessers_looks_good_where_it_was_chosen():
    rng = np.random.default_rng(0)
    held, later = rng.integers(0, 2, (200, 250)), rng.integers(0, 2, (200, 5000))
    winner = held.mean(1).argmax()
    assert held[winner].mean() > 0.57
    assert abs(later[winner].mean() - 0.5) < 0.03
    chosen, honest = nested(
        lambda i, train, fold: held[i, fold].mean(), range(200), 250, outer=5, inner=5, seed=0
    )
    assert chosen > 0.55 > honest


@pytest.mark.parametrize("reader", [{}, {"norm": True}, {"attention": True}], ids=str)
def test_o16_o18_f21_random_labels_are_learned_by_heart(reader):
    train, _, vocabulary = drawn()
    coins = np.random.default_rng(0).integers(0, 2, len(train)).tolist()
    model, _ = trained(coins, epochs=15, **reader)
    ids, _ = part(train, vocabulary)
    assert measure(model, ids, torch.tensor(coins))["accuracy"] > 0.97


@pytest.mark.parametrize("name", ["batch norm", "attention"])
def test_o16_o18_f21_in_the_record_neither_closes_any_of_the_gap(name):
    assert runs("ranking", name).mean() < runs("ranking", "nothing").mean()
    assert (runs("ranking", f"{name}, loss") > runs("ranking", "nothing, loss")).all()


def test_o18_attention_adds_weights():
    plain, focused = (
        sum(w.numel() for w in Reader(9, 8, attention=a).parameters()) for a in (0, 1)
    )
    assert focused == plain + 8 + 1


def test_o20_in_the_record_a_combination_is_ahead_of_most_of_its_parts():
    both = runs("ranking", "dropout, synonyms").mean()
    assert both > runs("ranking", "synonyms").mean()


@pytest.mark.parametrize(
    ("key", "year", "words"),
    [("goodfellow2016", "2016", "Deep Learning"), ("vaswani2017", "2017", "Attention")],
)
def test_o21_the_references_are_as_the_article_says(key, year, words):
    entry = parse_file(str(BOOK / "references.bib")).entries[key].fields
    assert entry["year"] == year
    assert words in entry["title"]


def test_o21_f24_ruders_work_is_a_thesis_of_2019():
    entry = parse_file(str(BOOK / "references.bib")).entries["ruder2019"]
    assert (entry.type, entry.fields["year"]) == ("phdthesis", "2019")
