"""A map of six hundred made-up reviews in the place of IMDB: what the long run says of it."""

from __future__ import annotations

import numpy as np
import pytest

from runs import som

SIZE = 600
SYLLABLES = ("bra", "cli", "dro", "flu", "gre", "pla", "sto", "tru", "vli", "zan", "kri", "mol")


def texts_of(labels, seed):
    """Sixteen words each, of 144: eight of the half that blames or praises, eight of all."""
    rng = np.random.default_rng(seed)
    words = np.array([a + b for a in SYLLABLES for b in SYLLABLES])
    return [
        " ".join([*rng.choice(words[72 * y : 72 * y + 72], 8), *rng.choice(words, 8)])
        for y in labels
    ]


def run_on(train, test, **settings):
    """The run, on reviews of these labels, as they are told to it."""
    truth = np.arange(SIZE) % 2
    parts = {"train": (texts_of(truth, 0), train), "test": (texts_of(truth, 1), test)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(som.imdb, "reviews", parts.__getitem__)
        patch.setenv("COMPANION_QUIET", "1")
        return som.reviews(side=3, **settings)


@pytest.fixture(scope="module")
def found():
    truth = np.arange(SIZE) % 2
    return run_on(truth, 1 - truth, seeds=(4, 4))


def units(found):
    """Place, words, and what a unit holds."""
    return [(*name.split(), *values) for name, values in found.items() if name[0].isdigit()]


def test_a_unit_is_told_by_its_place_three_words_its_reviews_and_how_many_praise(found):
    places = {place for place, *_ in units(found)}
    assert places <= {f"{r},{c}" for r in range(3) for c in range(3)}
    assert all(len(unit) == 6 for unit in units(found))
    assert sum(count for *_, count, _ in units(found)) == SIZE
    assert sum(count * share for *_, count, share in units(found)) == pytest.approx(SIZE / 2)


def test_the_words_of_a_unit_are_those_of_its_reviews(found):
    praises = {a + b for a in SYLLABLES[6:] for b in SYLLABLES}
    for _, *words, _, share in units(found):
        if not 0.2 < share < 0.8:
            assert sum(word in praises for word in words) == (3 if share > 0.5 else 0)


@pytest.mark.parametrize("name", ["accuracy, test", "k-means: accuracy, test"])
def test_accuracy_is_counted_on_the_test_reviews(name, found):
    assert max(found[name]) < 0.1  # their labels are turned round


@pytest.mark.parametrize(
    "name", ["quantization error", "accuracy, test", "k-means: accuracy, test"]
)
def test_one_seed_makes_the_run_repeat_itself(name, found):
    first, second = found[name]
    assert first == second


def test_a_map_is_made_without_the_labels(found):
    other = run_on(np.zeros(SIZE, int), np.zeros(SIZE, int), seeds=(4,))
    for name in ("quantization error", "quantization error, test", "topographic error, test"):
        assert other[name] == found[name][:1]


def test_fewer_reviews_may_be_asked_for():
    truth = np.arange(SIZE) % 2
    few = run_on(truth, truth, seeds=(0,), size=550)
    assert sum(count for *_, count, _ in units(few)) == 550
