"""Intervals: where they lie, what colours them, what stands beside them."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

from companion.plotting import plot_intervals
from companion.plotting.paper import COLORS, INK

ROWS = {"helps": (0.1, 0.2, 0.3), "nobody knows": (-0.1, 0.0, 0.2), "_harms": (-0.3, -0.2, -0.1)}


@pytest.fixture
def drawn():
    return plot_intervals(ROWS, notes={"helps": "2 x"}, zero="plain", title="All", xlabel="gain")


def test_each_result_is_a_dot_on_its_line(drawn):
    for line, dot, (low, middle, high) in zip(
        drawn.collections, drawn.lines, ROWS.values(), strict=False
    ):
        assert line.get_segments()[0][:, 0].tolist() == [low, high]
        assert dot.get_xdata()[0] == middle


def test_the_first_stands_on_top(drawn):
    assert [text.get_text().strip("\u200b") for text in drawn.get_yticklabels()] == list(ROWS)
    assert drawn.get_ylim()[0] > drawn.get_ylim()[1]


def test_a_colour_tells_the_side_and_ink_that_none_is_sure(drawn):
    colors = [mpl.colors.to_hex(line.get_color()[0]).upper() for line in drawn.collections]
    assert colors == [COLORS[0].upper(), INK.upper(), COLORS[1].upper()]


def test_notes_and_the_meaning_of_zero_are_written(drawn):
    assert {"2 x", "plain"} <= {text.get_text() for text in drawn.texts}


def test_axes_that_are_given_are_drawn_on(drawn):
    assert plot_intervals(ROWS, ax=drawn) is drawn
    assert np.isfinite(drawn.get_xlim()).all()
