"""The long runs on overfitting, in small: every number of theirs can be checked."""

from __future__ import annotations

import numpy as np
import pytest

from companion.data import real
from companion.overfitting import thesaurus
from runs import overfitting

REMEDIES = {
    "nothing": [{}],
    "dropout": [{"dropout": 0.3}, {"dropout": 0.5}],
    "stop by loss": [{"patience": 1, "monitor": "loss"}],
}
SMALL = {"train": 40, "held_back": 20, "test": 30, "more": (60,), "remedies": REMEDIES}


@pytest.fixture(scope="module")
def ranked():
    return overfitting.ranking(**SMALL, seeds=[3, 3])


@pytest.mark.parametrize("name", REMEDIES)
def test_a_ranking_tells_accuracy_loss_choice_and_time(name, ranked):
    for part in ("", ", loss", ", held back", ", training", ", time"):
        assert len(ranked[name + part]) == 2
    assert 0 <= min(ranked[name]) <= max(ranked[name]) <= 1


def test_one_seed_makes_a_ranking_repeat_itself(ranked):
    for name in (*REMEDIES, "60 reviews"):
        assert ranked[name][0] == ranked[name][1]


def test_time_is_counted_in_trainings_without_a_remedy(ranked):
    assert ranked["nothing, time"] == [1.0, 1.0]


def test_the_strength_is_chosen_on_what_is_held_back_and_never_on_the_test():
    part = overfitting._drawn(40, seed=1, noise=0.1), overfitting._drawn(20, seed=2, noise=0.1)
    tests = [overfitting._drawn(30, seed=seed) for seed in (3, 4)]
    found = []
    for test in tests:
        values: dict[str, list[float]] = {}
        overfitting._compared(REMEDIES, (*part, test), 0, values)
        found.append(values["dropout, held back"])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("name", "strengths"), [(n, s) for n, s in overfitting.REMEDIES.items()], ids=str
)
def test_every_remedy_has_at_most_three_strengths_and_each_can_be_trained(name, strengths):
    assert 1 <= len(strengths) <= 3
    part = overfitting._drawn(20, seed=1)
    model, vocabulary = overfitting.trained(strengths[-1], part, part, seed=0, epochs=1)
    assert 0 <= overfitting._score((model, vocabulary), part)["accuracy"] <= 1


@pytest.mark.parametrize(("setting", "grows"), [({"synonyms": 0.5}, True), ({"swaps": 0.5}, False)])
def test_words_that_an_augmentation_brings_are_in_the_vocabulary(setting, grows):
    part = overfitting._drawn(20, seed=1)
    _, vocabulary = overfitting.trained(setting, part, part, seed=0, epochs=1)
    assert all(word in vocabulary for word in thesaurus()) == grows


def test_causes_vary_one_thing_at_a_time():
    found = overfitting.causes(sizes=(30, 60), widths=(2, 4), test=20, seeds=[0])
    names = {name for name in found if not name.endswith("training")}
    assert names == {
        "30 reviews", "60 reviews", "30 reviews, dropout", "60 reviews, dropout",
        "30 reviews, right labels", "60 reviews, right labels", "2 units", "4 units",
    }  # fmt: skip
    assert all(len(found[name + ", training"]) == 1 for name in names)


def test_sentences_of_critics_are_drawn_anew_for_each_seed(monkeypatch):
    def load(name, part):
        good = ["a good film ."] * 60
        return {"text": [*good, *["a bad film ."] * 60], "label": [1] * 60 + [0] * 60}

    monkeypatch.setattr(real, "load", load)
    found = overfitting.rotten_tomatoes(train=60, held_back=20, seeds=[0])
    assert np.mean(found["nothing"]) > 0.9
    assert {"dropout", "attention, loss", "8530 reviews"} <= set(found)
