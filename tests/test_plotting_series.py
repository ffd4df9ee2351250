"""Pictures of time series: forecasts stand where they begin, inside their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from companion import plotting
from companion.plotting.paper import svg

SEEN = np.arange(10.0)
ONE = {"line": ([8, 9, 10], [7, 7, 7], [9, 11, 13])}


def test_a_forecast_begins_at_its_start():
    ax = plotting.plot_forecast(SEEN, ONE, start=8)
    np.testing.assert_array_equal(ax.lines[1].get_xdata(), [8, 9, 10])


def test_an_interval_reaches_from_its_lower_to_its_upper_end():
    ax = plotting.plot_forecast(SEEN, ONE, start=8)
    edges = ax.collections[0].get_paths()[0].vertices
    assert {tuple(point) for point in edges} >= {(8, 7), (10, 7), (8, 9), (9, 11), (10, 13)}


def test_the_legend_of_two_forecasts_names_the_series_too():
    two = {**ONE, "other": ONE["line"]}
    legend = plotting.plot_forecast(SEEN, two, start=8).get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["the series", "line", "other"]


def test_one_forecast_needs_no_legend():
    assert plotting.plot_forecast(SEEN, ONE, start=8).get_legend() is None


def test_the_same_forecast_is_the_same_bytes():
    alt = "A line that goes on in an interval that widens."
    first, second = (svg(plotting.plot_forecast(SEEN, ONE, start=8), alt=alt) for _ in range(2))
    assert first == second


def test_the_series_is_drawn_in_the_ink_of_the_page():
    text = svg(plotting.plot_forecast(SEEN, ONE, start=8), alt="A line that goes on for a while.")
    assert "#010203" not in text
    assert "currentColor" in text


def test_an_interval_of_another_length_is_named():
    with pytest.raises(ValueError, match=r"line must be .* got \(3,\), \(2,\) and \(3,\)"):
        plotting.plot_forecast(SEEN, {"line": ([1, 2, 3], [0, 1], [2, 3, 4])}, start=8)
