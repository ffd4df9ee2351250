"""The long run on real sentences in small: every number that it gives can be checked."""

from __future__ import annotations

import numpy as np
import pytest

from companion.data import grammar
from runs import torch_pipeline as long_runs


class Rows(dict):
    """A data set of generated reviews, sorted by label as the real one."""

    def __len__(self):
        return len(self["text"])


@pytest.fixture
def sentences(monkeypatch):
    asked = []

    def load(name, part):
        asked.append((name, part))
        made = sorted(
            grammar.reviews(120, seed=len(part)), key=lambda review: review.label, reverse=True
        )
        return Rows(text=[r.text for r in made], label=[r.label for r in made])

    monkeypatch.setattr(long_runs.real, "load", load)
    return asked


def test_every_reader_is_judged_on_both_parts_once_for_each_seed(sentences):
    found = long_runs.rotten_tomatoes(sentences=40, readers=("LSTM both ways",), seeds=(0, 1))
    name = "LSTM both ways"
    assert {key: len(values) for key, values in found.items()} == {
        "unknown words": 1,
        f"{name}, validation": 2,
        f"{name}, test": 2,
        f"{name}, together, test": 1,
        f"{name}, all words, validation": 2,
        f"{name}, all words, test": 2,
        "words, validation": 1,
        "words, test": 1,
        "words and pairs, validation": 1,
        "words and pairs, test": 1,
    }
    assert all(0 <= value <= 1 for values in found.values() for value in values)
    assert sentences == [
        ("cornell-movie-review-data/rotten_tomatoes", part) for part in long_runs.PARTS
    ]


def test_linear_models_are_chosen_on_the_validation_part(sentences, monkeypatch):
    parts = {part: long_runs._shuffled(part, "[:60]") for part in long_runs.PARTS}
    turned = parts | {"test": (parts["test"][0], [1 - label for label in parts["test"][1]])}
    one, other = (long_runs._linear("words", found, 1) for found in (parts, turned))
    assert one["words, validation"] == other["words, validation"]
    assert one["words, test"][0] == pytest.approx(1 - other["words, test"][0])


def test_a_part_is_drawn_by_chance_from_all_of_it(sentences):
    texts, labels = long_runs._shuffled("train", "[:60]")
    assert len(texts) == len(set(texts)) == len(labels) == 60
    assert 0.2 < np.mean(labels) < 0.8
