"""Pictures of time series: forecasts stand where they begin, inside their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

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


def test_the_series_is_drawn_as_it_was_seen_and_a_forecast_as_it_is_expected():
    ax = plotting.plot_forecast([3, 1, 4, 1], {"line": ([5, 9], [4, 8], [6, 11])}, start=4)
    assert [line.get_xydata().tolist() for line in ax.lines] == [
        [[0, 3], [1, 1], [2, 4], [3, 1]],
        [[4, 5], [5, 9]],
    ]


def test_a_forecast_picture_says_its_title_and_the_names_of_its_axes():
    ax = plotting.plot_forecast(SEEN, ONE, start=8, title="$1", xlabel="$2", ylabel="$3")
    texts = ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()
    assert [text.replace("\\$", "$") for text in texts] == ["$1", "$2", "$3"]


def test_an_interval_has_the_colour_of_its_forecast_and_each_forecast_its_own():
    two = {**ONE, "other": ([1, 2, 3], [0, 1, 2], [2, 3, 4])}
    ax = plotting.plot_forecast(SEEN, two, start=8)
    lines = [to_hex(line.get_color()) for line in ax.lines[1:]]
    assert [to_hex(fill.get_facecolor()[0]) for fill in ax.collections] == lines
    assert len({*lines, to_hex(ax.lines[0].get_color())}) == 3


def test_each_interval_lets_the_series_show_through():
    assert plotting.plot_forecast(SEEN, ONE, start=8).collections[0].get_alpha() < 0.5


def test_a_forecast_is_drawn_on_the_axes_that_it_is_given():
    ax = plotting.figure()
    assert plotting.plot_forecast(SEEN, ONE, start=8, ax=ax) is ax


def test_a_forecast_of_a_table_is_refused():
    with pytest.raises(ValueError, match=r"line must be three arrays of shape \(H,\), got \(1, 2"):
        plotting.plot_forecast(SEEN, {"line": ([[1, 2]], [[0, 1]], [[2, 3]])}, start=8)
