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


def test_a_heat_map_says_its_title_its_axis_and_its_rows():
    ax = plotting.plot_heat(TABLE, rows=["$a", "b"], title="$1", xlabel="$2", scale="$3", **RANGE)
    bar = ax.figure.axes[1]
    texts = ax.get_title(loc="left"), ax.get_xlabel(), bar.get_ylabel()
    assert [text.replace("\\$", "$") for text in texts] == ["$1", "$2", "$3"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["\\$a", "b"]


def test_a_row_of_cells_stands_at_the_height_of_its_name():
    ax = plotting.plot_heat(TABLE, rows=["a", "b"], **RANGE)
    left, right, low, high = ax.images[0].get_extent()
    assert list(ax.get_yticks()) == [0, 1]
    assert (low, high) == (1.5, -0.5)  # each row is 1 high, with its name in its middle
    assert (left, right) == ax.get_xlim()
    assert ax.images[0].origin == "upper"


def test_a_larger_number_of_a_heat_map_is_brighter():
    ax = plotting.plot_heat(TABLE, rows=["a", "b"], **RANGE)
    brightness = ax.images[0].cmap(shades(ax)[0])[:, :3].sum(axis=1)
    assert (np.diff(brightness) < 0).all()


def test_the_bar_of_colours_goes_from_the_lower_to_the_upper_end_and_beyond():
    ax = plotting.plot_heat(TABLE, rows=["a", "b"], low=1e-4, high=10)
    bar = ax.images[0].colorbar
    assert (bar.vmin, bar.vmax) == pytest.approx((1e-4, 10))
    assert bar.extend == "both"


def test_a_heat_map_is_drawn_on_the_axes_that_it_is_given():
    ax = plotting.figure()
    assert plotting.plot_heat(TABLE, rows=["a", "b"], ax=ax, **RANGE) is ax


@pytest.mark.parametrize(
    "ends", [{"low": 1, "high": 1}, {"low": 2, "high": 1}, {"low": -1, "high": 1}]
)
def test_an_empty_range_of_colours_is_refused(ends):
    with pytest.raises(ValueError, match="0 < low < high"):
        plotting.plot_heat(TABLE, rows=["a", "b"], **ends)


def test_a_heat_map_grows_with_its_rows():
    heights = [
        plotting.plot_heat(np.ones((n, 2)), rows=["r"] * n, **RANGE).figure.get_figheight()
        for n in (2, 12)
    ]
    assert heights[1] > heights[0] + 10 * 0.2  # room for a line of text each
