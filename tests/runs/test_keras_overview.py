"""Keras reads sixty reviews in the place of IMDB: every number of the long run can be checked."""

from __future__ import annotations

import numpy as np
import pytest

from companion.keras_overview import READERS, classifier
from companion.runtime import seeded
from runs import keras_overview
from tests._reviews import small_imdb

# Keras hands torch tensors to numpy in a way that numpy 2 means to drop.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_training_stops_when_held_back_reviews_disagree_and_keeps_the_best_epoch():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 64)
    ids = rng.integers(4, 20, (64, 5))
    ids[:, 2] = 3 - labels  # 2 praises, 3 complains
    easy, contrary = (ids, labels), (ids, 1 - labels)
    with seeded(0):
        model = classifier("bag of words", vocabulary_size=20, width=4)
    keras_overview._train(model, 0.02, easy, contrary)
    losses = model.history.history["val_loss"]
    assert len(losses) == 2
    assert model.evaluate(*contrary, verbose=0)[0] == pytest.approx(losses[0], rel=1e-5)


@pytest.fixture(scope="module")
def reviews():
    """What a run on 60 reviews found, and what the tokenizer saw."""
    with small_imdb() as seen:
        return keras_overview.on_imdb(
            vocabulary_size=30, length=3, held_back=20, seeds=[5, 5]
        ), seen


LINEAR = ["words", "pairs", "words, all", "pairs, all"]


@pytest.mark.parametrize("name", [*READERS, *LINEAR])
def test_imdb_tells_accuracy_time_and_size(name, reviews):
    found, _ = reviews
    repeats = 1 if name in LINEAR else 2
    lengths = [len(found[f"{name} {what}"]) for what in ("accuracy", "time", "parameters")]
    assert lengths == [repeats, repeats, 1]


def test_imdb_measures_time_in_multiples_of_the_shortest(reviews):
    found, _ = reviews
    assert min(min(times) for key, times in found.items() if key.endswith("time")) == 1


@pytest.mark.parametrize("name", ["bag of words", *LINEAR])
def test_imdb_scores_the_test_reviews(name, reviews):
    found, _ = reviews
    assert max(found[f"{name} accuracy"]) == 0


def test_one_seed_makes_imdb_repeat_itself(reviews):
    found, _ = reviews
    pairs = [found[f"{name} accuracy"] for name in READERS]
    assert [first for first, _ in pairs] == [second for _, second in pairs]


def test_imdb_takes_its_words_from_clean_training_reviews_that_are_not_held_back(reviews):
    _, seen = reviews
    assert len(seen) == 40
    assert all(text.endswith("train") and "<" not in text for text in seen)


def test_imdb_trains_on_both_labels(reviews):
    _, seen = reviews
    assert 10 < sum("great" in text for text in seen) < 30
