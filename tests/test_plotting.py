"""Figures: the same bytes twice, the page's ink, words for those who cannot see them."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from companion import plotting
from companion.backprop import Tensor
from companion.plotting.paper import look, svg

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


# What a figure says

TEXTS = {"title": "A $5 title", "xlabel": "a $5 x", "ylabel": "a $5 y"}
TITLED = {
    "curves": lambda **texts: plotting.plot_curves({"a": [1, 2]}, **texts),
    "landscape": lambda **texts: plotting.plot_landscape([0, 1], [0, 1], [[0, 1], [2, 3]], **texts),
    "matrix": lambda **texts: plotting.plot_matrix([[1]], rows=["r"], columns=["c"], **texts),
    "reading": lambda **texts: plotting.plot_reading(["a"], {"b": [0.5]}, **texts),
    "graph": lambda **texts: plotting.plot_graph(Tensor(1.0), {}, **texts),
    "timeline": lambda **texts: plotting.plot_timeline({"a": (1954, "b")}, **texts),
}
ASKED = [
    (name, text)
    for name in TITLED
    for text in TEXTS
    if text == "title"
    or name in ("curves", "landscape", "matrix")
    or (name == "reading" and text == "ylabel")
]


def words(ax):
    """The title and the names of the axes, as they are read."""
    found = {
        "title": ax.get_title(loc="left"), "xlabel": ax.get_xlabel(), "ylabel": ax.get_ylabel()
    }  # fmt: skip
    return {place: text.replace("\\$", "$") for place, text in found.items()}


def legend(ax):
    """The names in a legend, each with the colour of its sign."""
    handles, names = ax.get_legend_handles_labels()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == names
    return {name: handle.get_color() for name, handle in zip(names, handles, strict=True)}


def texts_at(ax):
    """Every text that stands in a figure, with the place it stands for."""
    return {
        text.get_text(): tuple(float(x) for x in getattr(text, "xy", text.get_position()))
        for text in ax.texts
    }


@pytest.mark.parametrize(("name", "place"), ASKED)
def test_a_figure_says_its_title_and_the_names_of_its_axes_where_they_belong(name, place):
    ax = TITLED[name](**{place: TEXTS[place]})
    assert words(ax) == {**dict.fromkeys(TEXTS, ""), place: TEXTS[place]}


@pytest.mark.parametrize("name", TITLED)
def test_a_title_with_dollars_is_no_formula(name):
    assert "$5" in svg(TITLED[name](title="$5 to $6"), alt=ALT)


def test_rows_of_images_say_their_title_above_all_of_them():
    axes = plotting.plot_images(np.zeros((2, 8, 8)), ["a", "b"], title="$5 to $6")
    assert "$5 to $6" in svg(axes, alt=ALT)


def test_a_curve_is_drawn_at_its_own_places_or_counted_from_0():
    ax = plotting.plot_curves({"counted": [5, 4, 6], "placed": ([1, 3], [2, 8])})
    drawn = [line.get_xydata().tolist() for line in ax.lines]
    assert drawn == [[[0, 5], [1, 4], [2, 6]], [[1, 2], [3, 8]]]


def test_the_legend_names_every_curve_beside_its_colour():
    ax = lines()
    assert legend(ax) == dict(zip(["up", "down"], [x.get_color() for x in ax.lines], strict=False))


def test_a_curve_alone_needs_no_legend():
    assert plotting.plot_curves({"a": [1, 2]}).get_legend() is None


def test_a_mark_is_a_line_upwards_with_its_name_above_it():
    ax = plotting.plot_curves({"a": [0, 1, 4]}, marks={"here": 1.5})
    assert list(ax.lines[-1].get_xdata()) == [1.5, 1.5]
    x, y = texts_at(ax)["here"]
    assert x == 1.5
    assert y > 1


def test_the_name_of_a_level_stands_at_its_height_within_the_axes():
    x, y = texts_at(plotting.plot_curves({"a": [0, 1]}, levels={"best": 0.9}))["best"]
    assert y == 0.9
    assert 0 <= x < 0.1


@pytest.mark.parametrize("scale", ["xscale", "yscale"])
def test_a_scale_of_a_chart_may_be_logarithmic(scale):
    ax = plotting.plot_curves({"a": ([1, 10, 100], [1, 10, 100])}, **{scale: "log"})
    assert {"xscale": ax.get_xscale(), "yscale": ax.get_yscale()} == {
        "xscale": "linear", "yscale": "linear", scale: "log"
    }  # fmt: skip


def test_ticks_on_a_logarithmic_axis_are_powers():
    ax = plotting.plot_curves({"a": ([1, 10, 10_000], [1, 2, 3])}, xscale="log")
    assert {1.0, 10.0, 100.0, 1000.0} <= set(ax.get_xticks())


def test_a_path_across_a_landscape_is_drawn_with_a_dot_where_it_begins():
    x, walk = np.linspace(-1, 1, 9), np.array([[0.5, -0.5], [0.2, 0.1], [0, 0]])
    ax = plotting.plot_landscape(x, x, x[:, None] ** 2 - x**2, paths={"walk": walk})
    path, dot = ax.lines
    np.testing.assert_array_equal(path.get_xydata(), walk)
    assert dot.get_xydata().tolist() == [[0.5, -0.5]]
    assert dot.get_marker() == "o"
    assert dot.get_color() == path.get_color() == legend(ax)["walk"]


def test_a_point_of_a_landscape_is_a_star_with_its_name():
    x = np.linspace(-1, 1, 9)
    ax = plotting.plot_landscape(x, x, x[:, None] ** 2 - x**2, points={"pass": (0.25, -0.5)})
    assert ax.lines[0].get_xydata().tolist() == [[0.25, -0.5]]
    assert ax.lines[0].get_marker() == "*"
    assert texts_at(ax)["pass"] == (0.25, -0.5)


def test_a_landscape_reaches_as_far_as_its_grid():
    ax = plotting.plot_landscape([-3, 0, 4], [1, 2, 5], np.arange(9).reshape(3, 3))
    assert (ax.get_xlim(), ax.get_ylim()) == ((-3, 4), (1, 5))


def test_a_landscape_without_paths_has_no_legend():
    assert plotting.plot_landscape([0, 1], [0, 1], [[0, 1], [2, 3]]).get_legend() is None


def test_contour_lines_run_where_the_surface_has_their_height():
    x, y = np.linspace(0, 1, 41), np.linspace(0, 2, 21)
    ax = plotting.plot_landscape(x, y, x + 2 * y[:, None], levels=7)
    drawn = ax.collections[0]
    assert len(drawn.levels) == 7
    for path, level in zip(drawn.get_paths(), drawn.levels, strict=True):
        np.testing.assert_allclose(path.vertices @ [1, 2], level, atol=1e-6)


def test_contour_lines_share_out_the_surface_evenly_but_for_its_peaks():
    x = np.linspace(0, 1, 101)
    height = np.exp(9 * x[None] + 0 * x[:, None])
    levels = plotting.plot_landscape(x, x, height, levels=5).collections[0].levels
    below = [(height < level).mean() for level in levels]
    np.testing.assert_allclose(below, np.linspace(0.005, 0.97, 5), atol=0.011)


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_a_place_without_a_height_leaves_the_contour_lines_of_the_others(hole):
    x = np.linspace(-1, 1, 30)
    height = x[:, None] + np.pi * x
    height[0, 29] = hole
    levels = plotting.plot_landscape(x, x, height).collections[0].levels
    assert len(levels) == 14
    assert np.isfinite(levels).all()


def test_an_image_has_its_caption_and_its_place_in_a_row():
    images = np.random.default_rng(0).random((5, 4, 4))
    axes = plotting.plot_images(images, [7, "b$", "c", "d", "e"], columns=2)
    assert len(axes) == 6
    for i, ax in enumerate(axes[:5]):
        np.testing.assert_array_equal(ax.images[0].get_array(), images[i])
        place = ax.get_subplotspec()
        assert (place.rowspan.start, place.colspan.start) == divmod(i, 2)
    assert [ax.get_title(loc="center") for ax in axes] == ["7", "b\\$", "c", "d", "e", ""]
    assert not any(ax.axison for ax in axes)


def test_a_larger_number_of_an_image_is_darker():
    image = plotting.plot_images([[[0.0, 1.0]]], ["a"])[0].images[0]
    light, dark = image.cmap(image.norm([0.0, 1.0]))[:, :3].sum(axis=1)
    assert light > dark


def test_images_must_be_flat():
    with pytest.raises(ValueError, match=r"\(N, H, W\) with N = 2 captions, got \(2, 64\)"):
        plotting.plot_images(np.zeros((2, 64)), ["a", "b"])


def test_a_box_of_a_graph_holds_name_operation_value_and_gradient():
    w, x = Tensor(2.0, requires_grad=True), Tensor(-3.0)
    loss = (w * x - 0.5) ** 2
    loss.backward()
    texts = [text.get_text() for text in plotting.plot_graph(loss, {"w": w, "loss": loss}).texts]
    assert texts == [
        "w", "2", "+39",
        "constant", "\N{MINUS SIGN}3",
        "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}6", "\N{MINUS SIGN}13",
        "constant", "0.5",
        "\N{MINUS SIGN}", "\N{MINUS SIGN}6.5", "\N{MINUS SIGN}13",
        "loss = power", "42.2", "+1",
    ]  # fmt: skip


def boxes(ax):
    """The middles of the boxes of a graph, in the order in which they were drawn."""
    found = [p for p in ax.patches if type(p).__name__ == "FancyBboxPatch"]
    return np.array(
        [(b.get_x() + b.get_width() / 2, b.get_y() + b.get_height() / 2) for b in found]
    )


def test_the_texts_of_a_tensor_stand_in_its_box_below_each_other():
    ax = graph()  # five boxes: w, x, product, sum, tanh; x has no gradient
    counts = [3, 2, 3, 3, 3]
    texts = iter(ax.texts)
    for (x, y), count in zip(boxes(ax), counts, strict=True):
        places = np.array([next(texts).get_position() for _ in range(count)])
        np.testing.assert_allclose(places[:, 0], x)
        assert (np.diff(places[:, 1]) > 0).all()
        assert places[:, 1].mean() == pytest.approx(y)
        assert np.abs(places[:, 1] - y).max() < 0.33


def test_what_is_computed_stands_below_what_it_is_computed_from():
    height = boxes(graph())[:, 1]
    w, x, product, total, tanh = height
    assert w == x < product < total < tanh
    axes = graph()
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # y grows downwards
    assert axes.get_ylim()[0] >= tanh + 0.33
    assert axes.get_ylim()[1] <= w - 0.33


def test_an_input_that_is_used_late_stands_just_above_its_use():
    a, b, late = (Tensor(x, requires_grad=True) for x in (1.0, 2.0, 3.0))
    ax = plotting.plot_graph((a * b).tanh() + late, {"late": late})
    (x, y) = texts_at(ax)["late"]
    below = texts_at(ax)["+"]
    assert round(below[1] - y) == 1
    assert abs(below[0] - x) <= 1


def test_an_arrow_runs_from_each_input_to_what_is_made_of_it():
    ax = graph()
    svg(ax, alt=ALT)
    w, x, product, total, tanh = boxes(ax)
    pairs = [(w, product), (x, product), (product, total), (w, total), (total, tanh)]
    arrows = [p for p in ax.patches if type(p).__name__ == "FancyArrowPatch"]
    for arrow, (start, end) in zip(arrows, pairs, strict=True):
        tips = arrow.get_path().vertices
        np.testing.assert_allclose(tips[0], np.add(start, [0, 0.33]), atol=0.02)
        passes = end[1] - start[1] > 1  # it comes round what lies between, and ends on its side
        side = 0.3 * np.sign(start[0] - end[0]) if passes else 0
        tip = np.add(end, [side, -0.33])
        assert np.abs(tips - tip).sum(axis=1).min() < 0.1


def test_a_graph_lies_within_its_axes_and_a_narrow_one_leaves_room_for_its_title():
    ax = graph()
    (left, right), middles = ax.get_xlim(), boxes(ax)[:, 0]
    assert left <= middles.min() - 0.45
    assert right >= middles.max() + 0.45
    assert right - left >= 4


def test_a_figure_is_as_large_as_it_is_asked_for():
    axes = plotting.figure(2, 3, height=4, width=7, sharex=True)
    assert axes.shape == (2, 3)
    assert tuple(axes[0, 0].figure.get_size_inches()) == (7, 4)
    assert axes[0, 0].get_shared_x_axes().joined(axes[0, 0], axes[1, 2])


def test_a_figure_fills_the_width_of_a_page():
    assert tuple(plotting.figure().figure.get_size_inches()) == (5.4, 3.0)


def test_a_figure_is_shown_as_a_picture_and_as_its_words(monkeypatch):
    shown = []
    monkeypatch.setattr(
        "companion.plotting.paper.display", lambda bundle, **given: shown.append((bundle, given))
    )
    ax = lines()
    plotting.show(ax, alt=ALT)
    assert shown == [({"image/svg+xml": svg(ax, alt=ALT), "text/plain": ALT}, {"raw": True})]


def test_twenty_letters_are_words_enough_for_a_figure():
    assert 'aria-label="Twenty letters, fine"' in svg(lines(), alt="Twenty letters, fine")
    with pytest.raises(ValueError, match="in a sentence, got '  Nineteen letters it  '"):
        svg(lines(), alt="  Nineteen letters it  ")


@pytest.mark.parametrize("choose", [lambda ax: ax, lambda ax: ax.figure, lambda ax: np.array([ax])])
def test_axes_a_figure_and_an_array_of_axes_are_the_same_picture(choose):
    ax = lines()
    assert svg(choose(ax), alt=ALT) == svg(ax, alt=ALT)


def test_every_colour_can_be_named_anew_by_the_page():
    text = svg(plotting.plot_curves({str(i): [0, i] for i in range(6)}), alt=ALT)
    assert all(f"var(--figure-{i}, #" in text for i in range(1, 7))


def test_six_curves_differ_in_colour_and_in_dash_and_a_seventh_looks_like_the_first():
    looks = [look(i) for i in range(7)]
    assert len({each["color"] for each in looks[:6]}) == 6
    assert len({str(each["linestyle"]) for each in looks[:6]}) == 6
    assert looks[6] == looks[0]


def test_what_a_reader_thinks_is_drawn_after_each_word():
    ax = FIGURES["reading"]()
    assert [line.get_ydata().tolist() for line in ax.lines[:2]] == [[0.4, 0.9], [0.5, 0.1]]
    assert list(ax.get_xticks()) == [0, 1]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["not", "dull"]
    assert legend(ax) == dict(zip("ab", [line.get_color() for line in ax.lines], strict=False))


def test_a_step_of_a_reader_stands_over_its_word():
    assert FIGURES["reading"]().lines[0].get_drawstyle() == "steps-mid"


def test_a_reading_goes_from_0_to_1_with_a_line_at_a_half():
    ax = plotting.plot_reading(["not", "dull"], {"a": [0.4, 0.6]})
    assert ax.get_ylim() == pytest.approx((0, 1), abs=0.05)
    assert ax.get_ylim()[0] < 0
    assert ax.get_ylim()[1] > 1
    assert list(ax.lines[1].get_ydata()) == [0.5, 0.5]
    assert ax.get_legend() is None


def test_an_event_has_its_year_to_the_left_and_a_dot_in_the_colour_of_its_group():
    ax = plotting.plot_timeline(
        {"c": (1997, "nets"), "a": (1954, "rules"), "b": (1986, "nets"), "d": (2017, "nets")}
    )
    at, years = texts_at(ax), ("1954", "1986", "1997", "2017")
    order = [(at[year], at[event]) for year, event in zip(years, "abcd", strict=True)]
    for row, (year, event) in enumerate(order):
        assert year[1] == event[1] == -row
        assert year[0] < 0 < event[0]
    dots = [line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert [dot.get_xydata().tolist() for dot in dots] == [[[0, -row]] for row in range(4)]
    rules, nets = legend(ax)["rules"], legend(ax)["nets"]
    assert [dot.get_color() for dot in dots] == [rules, nets, nets, nets]
    assert rules != nets


def test_a_timeline_shows_its_first_and_its_last_event():
    ax = FIGURES["timeline"]()
    low, high = ax.get_ylim()
    assert low < -1
    assert high > 0


def test_a_number_of_a_table_stands_in_its_row_and_its_column():
    ax = plotting.plot_matrix([[5, 1.25], [0, 4]], rows=["a", "b"], columns=["c", "d"])
    assert texts_at(ax) == {"5": (0, 0), "1.25": (1, 0), "0": (0, 1), "4": (1, 1)}
    assert [label.get_text() for label in ax.get_xticklabels()] == ["c", "d"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert list(ax.get_xticks()) == list(ax.get_yticks()) == [0, 1]
    assert (ax.get_xlim(), ax.get_ylim()) == ((-0.5, 1.5), (1.5, -0.5))


def test_a_cell_of_a_table_is_as_dark_as_its_share_of_the_largest_number():
    ax = plotting.plot_matrix([[5, 1], [0, 4]], rows=["a", "b"], columns=["c", "d"])
    cells = [(p.get_x() + 0.5, p.get_y() + 0.5, p.get_alpha()) for p in ax.patches]
    assert [cell[:2] for cell in cells] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    shades = np.array([cell[2] for cell in cells])
    np.testing.assert_allclose(shades / shades[0], [1, 0.2, 0, 0.8])
    assert {(p.get_width(), p.get_height()) for p in ax.patches} == {(1, 1)}


def test_a_table_of_zeros_has_no_shade():
    ax = plotting.plot_matrix([[0, 0]], rows=["a"], columns=["c", "d"])
    assert [patch.get_alpha() for patch in ax.patches] == [0, 0]


@pytest.mark.parametrize("name", ["landscape", "matrix", "reading", "graph"])
def test_a_figure_is_drawn_on_the_axes_that_it_is_given(name):
    ax = plotting.figure()
    assert TITLED[name](ax=ax) is ax
