"""Figures: the same bytes twice, the page's ink, words for those who cannot see them."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from companion import plotting
from companion.backprop import Tensor
from companion.plotting.paper import svg

ALT = "Two lines that cross at the second step."


def lines():
    return plotting.plot_curves(
        {"up": [1, 2, 3], "down": ([0, 1, 2], [3, 2, 1])}, title="a < b", marks={"here": 1}
    )


def graph():
    w, x = Tensor(2.0, requires_grad=True), Tensor(3.0)
    loss = (w * x + w).tanh()
    loss.backward()
    return plotting.plot_graph(loss, {"w": w, "x": x})


def landscape():
    x = np.linspace(-1, 1, 20)
    return plotting.plot_landscape(
        x, x, x[:, None] ** 2 - x**2, paths={"walk": np.zeros((3, 2))}, points={"pass": (0, 0)}
    )


FIGURES = {
    "curves": lines,
    "graph": graph,
    "landscape": landscape,
    "images": lambda: plotting.plot_images(np.zeros((3, 8, 8)), ["a", "b", "c"], columns=2),
    "reading": lambda: plotting.plot_reading(["not", "dull"], {"a": [0.4, 0.9], "b": [0.5, 0.1]}),
    "timeline": lambda: plotting.plot_timeline({"late": (1997, "nets"), "early": (1954, "rules")}),
    "matrix": lambda: plotting.plot_matrix([[5, 1], [0, 4]], rows=["a", "b"], columns=["c", "d"]),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_the_same_figure_is_the_same_bytes(draw):
    assert svg(draw(), alt=ALT) == svg(draw(), alt=ALT)


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_a_figure_is_one_svg_element_with_its_words(draw):
    root = ET.fromstring(svg(draw(), alt=ALT))
    assert root.tag.endswith("svg")
    assert root.get("role") == "img"
    assert root.get("aria-label") == ALT


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_ink_is_the_colour_of_the_pages_text(draw):
    text = svg(draw(), alt=ALT)
    assert "#010203" not in text
    assert draw is FIGURES["images"] or "currentColor" in text


def test_the_paper_is_white_only_where_the_svg_stands_alone():
    assert "svg:root{background:#fff" in svg(lines(), alt=ALT)


def test_colours_can_be_named_anew_by_the_page():
    assert "var(--figure-1, #0072B2)" in svg(lines(), alt=ALT)


def test_no_date_and_no_machine_stand_in_a_figure():
    text = svg(lines(), alt=ALT)
    assert "dc:date" not in text
    assert "metadata" not in text


def test_quotes_and_angles_in_the_words_do_no_harm():
    alt = 'a < b & "c" > d, in a sentence'
    assert ET.fromstring(svg(lines(), alt=alt)).get("aria-label") == alt


@pytest.mark.parametrize("alt", ["", "figure", "   "])
def test_a_figure_without_real_words_is_refused(alt):
    with pytest.raises(ValueError, match="say what the figure shows"):
        plotting.show(lines(), alt=alt)


def test_alt_cannot_be_left_out():
    with pytest.raises(TypeError, match="alt"):
        plotting.show(lines())


def test_curves_draw_on_the_axes_that_they_are_given():
    ax = plotting.figure()
    assert plotting.plot_curves({"a": [1, 2]}, ax=ax) is ax
    assert len(ax.lines) == 1


def test_curves_differ_in_dash_as_well_as_in_colour():
    first, second = lines().lines[:2]
    assert first.get_linestyle() != second.get_linestyle()
    assert first.get_color() != second.get_color()


@pytest.mark.parametrize(("last", "whole"), [([0, 1, 2], True), ([0.0, 0.5, 1.0], False)])
def test_ticks_are_whole_numbers_only_where_every_curve_counts(last, whole):
    curves = {"a": ([0, 1, 2], [1, 2, 3]), "b": (last, [1, 2, 3]), "c": ([0, 1, 2], [3, 2, 1])}
    ticks = plotting.plot_curves(curves).get_xticks()
    assert bool((ticks == ticks.round()).all()) is whole


def test_the_graph_shows_each_value_and_each_gradient():
    texts = {t.get_text() for t in graph().texts}
    assert {"w", "x", "2", "3", "6", "8", "tanh"} <= texts


def test_a_tensor_used_twice_has_two_arrows():
    arrows = [p for p in graph().patches if type(p).__name__ == "FancyArrowPatch"]
    assert len(arrows) == 5


def test_boxes_of_a_graph_do_not_overlap():
    tensors = [Tensor(float(i), requires_grad=True) for i in range(6)]
    total = tensors[0] * tensors[1]
    for tensor in tensors[2:]:
        total = (total + tensor.tanh()) * tensors[0]
    ax = plotting.plot_graph(total, {})
    boxes = [p for p in ax.patches if type(p).__name__ == "FancyBboxPatch"]
    corners = np.array([(b.get_x(), b.get_y()) for b in boxes])
    apart = np.abs(corners[:, None] - corners[None])
    np.fill_diagonal(apart[..., 0], 9)
    assert ((apart[..., 0] >= 0.9) | (apart[..., 1] >= 0.66)).all()


def test_a_second_look_at_the_same_axes_is_the_same_bytes():
    ax = lines()
    assert svg(ax, alt=ALT) == svg(ax, alt=ALT)


def test_dollars_and_underscores_in_names_are_no_formulas():
    ax = plotting.plot_curves({"_a $5": [1, 2], "b_c $\\frac$": [2, 1]}, title="$5 to $6")
    text = svg(ax, alt=ALT)
    assert "$5 to $6" in text
    assert len(ax.get_legend().get_texts()) == 2


def test_curves_may_be_tensors():
    import torch

    ax = plotting.plot_curves({"a": torch.tensor([1.0, 2.0]), "b": Tensor([2.0, 1.0])})
    assert [len(line.get_ydata()) for line in ax.lines] == [2, 2]


@pytest.mark.parametrize("height", [np.full((2, 2), np.nan), np.ones((2, 2))])
def test_a_landscape_without_any_height_is_refused(height):
    with pytest.raises(ValueError, match="two different finite numbers"):
        plotting.plot_landscape([0, 1], [0, 1], height)


def test_a_graph_of_vectors_is_refused():
    with pytest.raises(ValueError, match=r"one value, got shape \(2,\)"):
        plotting.plot_graph(Tensor([1.0, 2.0]), {})


def test_images_need_one_caption_each():
    with pytest.raises(ValueError, match="2 captions, got"):
        plotting.plot_images(np.zeros((3, 8, 8)), ["a", "b"])


def test_the_reader_keeps_a_matplotlib_as_it_was():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    svg(lines(), alt=ALT)
    assert dict(mpl.rcParams) == before


def test_a_reader_has_one_probability_for_each_word():
    with pytest.raises(ValueError, match=r"shape \(2,\), got \(3,\)"):
        plotting.plot_reading(["not", "dull"], {"reader": [0.1, 0.2, 0.3]})


def test_a_table_has_a_name_for_each_row_and_column():
    with pytest.raises(ValueError, match=r"shape \(1, 2\), got \(2, 2\)"):
        plotting.plot_matrix([[5, 1], [0, 4]], rows=["a"], columns=["c", "d"])


def test_a_timeline_begins_with_the_earliest_year():
    ax = FIGURES["timeline"]()
    assert [text.get_text() for text in ax.texts][:2] == ["1954", "early"]


def test_a_level_is_drawn_and_named_at_its_height():
    ax = plotting.plot_curves({"a": [0, 1]}, levels={"best": 0.9})
    assert list(ax.lines[-1].get_ydata()) == [0.9, 0.9]
    assert ax.texts[-1].get_text() == "best"
