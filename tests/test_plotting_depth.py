"""Heat maps on a logarithmic scale: equal factors are equal steps, and nothing is left blank."""

from __future__ import annotations

import numpy as np
import pytest

from companion import plotting
from companion.plotting.paper import svg

TABLE = [[1.0, 1e-3, 1e-6], [1.0, 1.0, 1.0]]
RANGE = {"low": 1e-6, "high": 1.0}


def shades(ax):
    """The places of the cells on the scale of colours, from 0 to 1."""
    image = ax.images[0]
    return np.asarray(image.norm(image.get_array()))


def test_equal_factors_are_equal_steps_of_colour():
    ax = plotting.plot_heat(TABLE, rows=["a", "b"], **RANGE)
    np.testing.assert_allclose(shades(ax)[0], [1.0, 0.5, 0.0])


def test_a_zero_and_a_number_beyond_the_range_have_the_colours_of_its_ends():
    ax = plotting.plot_heat([[0.0, np.inf]], rows=["a"], **RANGE)
    np.testing.assert_allclose(shades(ax)[0], [0.0, 1.0])


def test_the_first_row_stands_on_top_beside_its_name():
    ax = plotting.plot_heat(TABLE, rows=["a", "b"], **RANGE)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_columns_are_counted_from_one():
    assert plotting.plot_heat(TABLE, rows=["a", "b"], **RANGE).get_xlim() == (0.5, 3.5)


def test_the_bar_of_colours_says_what_is_measured():
    ax = plotting.plot_heat(TABLE, rows=["a", "b"], scale="norm", **RANGE)
    assert ax.figure.axes[1].get_ylabel() == "norm"


@pytest.mark.parametrize(
    ("table", "rows", "ends", "words"),
    [
        (TABLE, ["a"], RANGE, r"shape \(1, C\)"),
        ([1.0], ["a"], RANGE, r"shape \(1, C\)"),
        ([[-1.0]], ["a"], RANGE, "0 or more"),
        ([[np.nan]], ["a"], RANGE, "0 or more"),
        ([[1.0]], ["a"], {"low": 0.0, "high": 1.0}, "0 < low < high"),
    ],
)
def test_what_cannot_be_drawn_is_refused(table, rows, ends, words):
    with pytest.raises(ValueError, match=words):
        plotting.plot_heat(table, rows=rows, **ends)


def test_the_same_heat_map_is_the_same_bytes():
    alt = "Two rows of cells, the first of which fades."
    first, second = (
        svg(plotting.plot_heat(TABLE, rows=["a", "b"], **RANGE), alt=alt) for _ in "12"
    )
    assert first == second
