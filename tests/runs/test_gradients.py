"""Who still knows the first word, in seconds."""

from __future__ import annotations

from runs.gradients import distances


def test_the_recorded_run_has_a_share_of_right_answers_for_each_cell_distance_and_seed():
    found = distances(["RNN", "LSTM, bias 3"], distances=(0, 2), seeds=(0, 1), steps=2)
    assert list(found) == [f"{cell}, {d} words" for cell in ("RNN", "LSTM, bias 3") for d in (0, 2)]
    assert all(
        len(shares) == 2 and 0 <= min(shares) <= max(shares) <= 1 for shares in found.values()
    )


def test_the_recorded_run_learns_what_stands_near():
    assert distances(["RNN"], distances=(1,), seeds=(0,), steps=200)["RNN, 1 words"] == [1.0]
