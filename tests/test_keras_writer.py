"""The writer in Keras: its windows, its shapes, and what one pass teaches it."""

from __future__ import annotations

import numpy as np
import pytest

from companion.results.keras_writer import next_word, word_windows, writer
from companion.runtime import seeded

# Keras hands torch tensors to numpy in a way that numpy 2 means to drop.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_a_window_is_followed_by_the_word_after_it():
    x, y = word_windows([[1, 2, 3, 4], [5, 6], [7, 8, 9]], 2)
    assert x.tolist() == [[1, 2], [2, 3], [7, 8]]
    assert y.tolist() == [3, 4, 9]


@pytest.mark.parametrize(("rows", "length"), [([[1, 2]], 2), ([], 1), ([[1, 2]], 0)])
def test_rows_without_a_window_are_refused(rows, length):
    with pytest.raises(ValueError, match="rows must have more words than length"):
        word_windows(rows, length)


def test_the_writer_gives_a_probability_to_each_word():
    with seeded(0):
        p = writer(7).predict(np.array([[1, 2, 3], [4, 5, 6]]), verbose=0)
    assert p.shape == (2, 7)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)


def test_the_recorded_run_reports_each_seed_beside_the_frequencies():
    found = next_word(seeds=[0, 1], train=30, test=5, words=50)
    assert len(found["writer"]) == len(found["seconds"]) == 2
    assert found["writer"][0] != found["writer"][1]
    assert 0 < found["frequencies"][0] < np.log(50)
