"""Pictures of maps: units in their places, words that can be read, nets, points in groups."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex, to_rgb

from companion import plotting
from companion.plotting.maps import TEN
from companion.plotting.paper import svg

ALT = "A map of nine units, three in a row."
NINE = np.arange(9.0).reshape(3, 3)
LETTERS = np.array(list("abcdefghi")).reshape(3, 3)
NET = np.stack(np.indices((3, 4)), axis=2)
CLOUD = np.random.default_rng(0).random((1800, 2))
FIGURES = {
    "squares": lambda: plotting.plot_units(NINE, labels=LETTERS, title="Nine", scale="number"),
    "hexagons": lambda: plotting.plot_units(NINE, grid="hexagonal", labels=LETTERS),
    "mosaic": lambda: plotting.plot_mosaic(np.random.default_rng(0).random((2, 3, 8, 8))),
    "lattice": lambda: plotting.plot_lattice(NET, points=CLOUD, xlabel="red", ylabel="green"),
    "digits": lambda: plotting.plot_points(CLOUD, np.arange(1800) % 10),
    "names": lambda: plotting.plot_points(CLOUD, np.where(CLOUD[:, 0] < 0.5, "west", "east")),
    "words": lambda: plotting.plot_words(CLOUD[:9], list("abcdefghi"), groups=["one"] * 9),
}


def middles(ax):
    """Where the units lie, seen by the eye: x to the right, y upwards."""
    corners = np.array([path.vertices[:-1] for path in ax.collections[0].get_paths()])
    return np.array([ax.transData.transform(unit).mean(axis=0) for unit in corners])


def contrast(first, second):
    """How far one colour stands out from another, from 1 to 21, as web pages count it."""
    colors = np.array([to_rgb(first), to_rgb(second)])
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    low, high = np.sort(linear @ [0.2126, 0.7152, 0.0722])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_the_same_picture_is_the_same_bytes(draw):
    assert svg(draw(), alt=ALT) == svg(draw(), alt=ALT)


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_a_picture_is_one_svg_element_and_leaves_no_ink_of_its_own(draw):
    text = svg(draw(), alt=ALT)
    assert ET.fromstring(text).get("aria-label") == ALT
    assert "#010203" not in text


@pytest.mark.parametrize("name", ["plot_units", "plot_mosaic", "plot_lattice"])
def test_a_picture_is_drawn_on_the_axes_that_it_is_given(name):
    ax = plotting.figure()
    arrays = {"plot_units": NINE, "plot_mosaic": np.zeros((2, 2, 3, 3)), "plot_lattice": NET}
    assert getattr(plotting, name)(arrays[name], ax=ax) is ax


def test_points_are_drawn_on_the_axes_that_they_are_given():
    ax = plotting.figure()
    assert plotting.plot_points([[0, 1]], ["one"], ax=ax) is ax


def test_row_0_is_on_top_and_column_0_on_the_left():
    ax = plotting.plot_units(NINE)
    svg(ax, alt=ALT)
    places = middles(ax).reshape(3, 3, 2)
    assert (np.diff(places[..., 1], axis=0) < 0).all()
    assert (np.diff(places[..., 0], axis=1) > 0).all()


def test_odd_rows_of_hexagons_stand_half_a_step_to_the_right():
    ax = plotting.plot_units(NINE, grid="hexagonal")
    x = middles(ax)[:, 0].reshape(3, 3)
    step = x[0, 1] - x[0, 0]
    np.testing.assert_allclose((x - x[0]) / step, [[0] * 3, [0.5] * 3, [0] * 3], atol=1e-9)


def test_a_hexagon_is_as_far_from_the_row_below_as_from_its_neighbour_in_the_row():
    ax = plotting.plot_units(NINE, grid="hexagonal")
    svg(ax, alt=ALT)
    first, right, *_, below = middles(ax)[:4]
    assert np.linalg.norm(below - first) == pytest.approx(np.linalg.norm(right - first))


@pytest.mark.parametrize("grid", ["rectangular", "hexagonal"])
def test_units_share_their_edges_with_their_neighbours(grid):
    ax = plotting.plot_units(NINE, grid=grid)
    first, second = (path.vertices[:-1] for path in ax.collections[0].get_paths()[:2])
    apart = np.linalg.norm(first[:, None] - second, axis=2)
    assert (apart < 1e-9).sum() == 2


def test_a_larger_number_is_brighter():
    colors = plotting.plot_units(NINE).collections[0].get_facecolor()
    assert (np.diff(colors[:, :3].sum(axis=1)) > 0).all()


def test_a_unit_may_bring_its_own_colour():
    colors = torch.from_numpy(CLOUD[:9]).reshape(2, 3, 3)
    drawn = plotting.plot_units(colors).collections[0].get_facecolor()
    np.testing.assert_allclose(drawn[:, :3], colors.reshape(6, 3))


def test_colours_beyond_0_and_1_are_cut_off():
    drawn = plotting.plot_units([[[-0.5, 0.5, 1.5]]]).collections[0].get_facecolor()
    np.testing.assert_array_equal(drawn[0, :3], [0, 0.5, 1])


@pytest.mark.parametrize("values", [NINE, np.repeat(NINE[..., None] / 8, 3, axis=2)])
def test_a_unit_with_nan_is_an_empty_outline(values):
    values = values.copy()
    values[1, 1] = np.nan
    units = plotting.plot_units(values).collections[0]
    np.testing.assert_array_equal(units.get_facecolor()[:, 3] == 0, np.arange(9) == 4)
    assert (units.get_edgecolor()[:, 3] > 0).all()


@pytest.mark.parametrize("values", [NINE, np.random.default_rng(0).random((3, 3, 3))])
def test_a_word_stands_out_from_its_unit(values):
    ax = plotting.plot_units(values, labels=LETTERS)
    fills = ax.collections[0].get_facecolor()[:, :3]
    drawn = zip(ax.texts, fills, strict=True)
    assert min(contrast(text.get_color(), fill) for text, fill in drawn) >= 4.5


def test_a_word_in_an_empty_unit_is_written_in_the_ink_of_the_page():
    text = plotting.plot_units([[np.nan, 1]], labels=[["a", ""]]).texts[0]
    assert text.get_color() == "#010203"


@pytest.mark.parametrize("panels", [1, 3])
def test_words_fit_into_their_units(panels):
    ax = np.atleast_1d(plotting.figure(1, panels))[0]
    plotting.plot_units(NINE, labels=np.full((3, 3), "photographs"), ax=ax)
    svg(ax, alt=ALT)
    wide = middles(ax)[1, 0] - middles(ax)[0, 0]
    assert ax.texts[0].get_window_extent().width < wide


def test_a_unit_without_a_word_stays_without():
    ax = plotting.plot_units(NINE, labels=np.where(NINE < 2, LETTERS, ""))
    assert [text.get_text() for text in ax.texts] == ["a", "b"]


def test_counts_may_be_labels():
    ax = plotting.plot_units(NINE, labels=NINE.astype(int))
    assert [text.get_text() for text in ax.texts[:3]] == ["0", "1", "2"]


def test_a_scale_with_a_name_gets_a_bar_of_colours():
    bar = plotting.plot_units(NINE, scale="distance").figure.axes[1]
    assert bar.get_ylabel() == "distance"
    assert bar.get_ylim() == (0, 8)


@pytest.mark.parametrize(("values", "scale"), [(NINE, ""), (np.ones((3, 3, 3)), "colour")])
def test_without_a_name_or_without_numbers_there_is_no_bar(values, scale):
    assert len(plotting.plot_units(values, scale=scale).figure.axes) == 1


@pytest.mark.parametrize("shape", [(9,), (3, 3, 4), (3, 3, 3, 1)])
def test_values_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"\(R, C\) or \(R, C, 3\), got \("):
        plotting.plot_units(np.zeros(shape))


def test_labels_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"labels must have shape \(3, 3\), got \(9,\)"):
        plotting.plot_units(NINE, labels=LETTERS.ravel())


def test_an_unknown_grid_is_refused():
    with pytest.raises(ValueError, match="rectangular or hexagonal, got 'round'"):
        plotting.plot_units(NINE, grid="round")


def test_each_image_of_a_mosaic_lies_in_its_units_place():
    images = np.random.default_rng(0).random((2, 3, 4, 5))
    whole = plotting.plot_mosaic(images).images[0].get_array()
    np.testing.assert_array_equal(whole[5:9, 12:17], images[1, 2])


def test_a_clear_line_keeps_the_images_of_a_mosaic_apart():
    whole = plotting.plot_mosaic(np.zeros((2, 3, 4, 5), dtype=int)).images[0].get_array()
    lines = np.zeros((9, 17), dtype=bool)
    lines[4], lines[:, [5, 11]] = True, True
    np.testing.assert_array_equal(whole.mask, lines)


def test_images_that_are_not_on_a_map_are_refused():
    with pytest.raises(ValueError, match=r"\(R, C, H, W\), got \(9, 8, 8\)"):
        plotting.plot_mosaic(np.zeros((9, 8, 8)))


def test_a_net_has_a_line_for_each_row_and_each_column():
    lines = plotting.plot_lattice(NET).collections[0].get_segments()
    wanted = [*NET, *NET.swapaxes(0, 1)]
    assert [line.tolist() for line in lines] == [line.tolist() for line in wanted]


def test_each_unit_of_a_net_is_a_knot():
    knots = plotting.plot_lattice(NET).lines[0].get_xydata()
    np.testing.assert_array_equal(knots, NET.reshape(-1, 2))


def test_the_data_lie_under_the_net():
    ax = plotting.plot_lattice(NET, points=torch.from_numpy(CLOUD))
    np.testing.assert_array_equal(ax.patches[0].get_path().vertices[::2], CLOUD)
    assert ax.patches[0].zorder < min(ax.collections[0].zorder, ax.lines[0].zorder)


def test_a_net_is_seen_whole():
    ax = plotting.plot_lattice(100 * NET, points=-100 * CLOUD)
    assert ax.viewLim.min.max() <= -99
    assert (ax.viewLim.max >= [200, 300]).all()


def test_one_step_is_as_long_upwards_as_to_the_right():
    assert plotting.plot_lattice(NET).get_aspect() == 1


@pytest.mark.parametrize(("xlabel", "shown"), [("", False), ("red", True)])
def test_axes_are_there_only_if_they_have_a_name(xlabel, shown):
    assert plotting.plot_lattice(NET, xlabel=xlabel).axison is shown


@pytest.mark.parametrize("shape", [(9, 2), (3, 3, 3)])
def test_a_net_in_more_or_less_than_a_plane_is_refused(shape):
    with pytest.raises(ValueError, match=r"weights must have shape \(R, C, 2\), got"):
        plotting.plot_lattice(np.zeros(shape))


def test_data_outside_the_plane_are_refused():
    with pytest.raises(ValueError, match=r"points must have shape \(N, 2\), got \(9, 3\)"):
        plotting.plot_lattice(NET, points=np.zeros((9, 3)))


def test_points_of_a_digit_are_drawn_as_that_digit():
    ax = plotting.plot_points(CLOUD, np.arange(1800) % 10)
    assert [line.get_marker() for line in ax.lines] == [
        rf"$\mathdefault{{{digit}}}$" for digit in range(10)
    ]
    np.testing.assert_array_equal(ax.lines[3].get_xydata(), CLOUD[3::10])


def test_a_longer_name_stands_in_the_middle_of_its_group():
    ax = plotting.plot_points([[0, 0], [1, 5], [9, 1]], ["film"] * 3)
    assert (ax.texts[0].get_text(), ax.texts[0].get_position()) == ("film", (1, 1))


def test_each_point_of_a_named_group_is_a_dot():
    ax = plotting.plot_points(CLOUD[:4], ["film", "wine", "film", "wine"])
    np.testing.assert_array_equal(ax.patches[1].get_path().vertices[::2], CLOUD[[1, 3]])


def test_every_dot_is_written_into_the_picture():
    text = svg(plotting.plot_points(CLOUD, ["film"] * 1800), alt=ALT)
    dots = next(part for part in text.split("<path") if "stroke-linecap: round" in part)
    assert dots.count("M ") == dots.count("L ") == 1800


def test_points_with_long_names_are_seen_whole():
    ax = plotting.plot_points([[-50, 0], [70, 90]], ["film", "wine"])
    assert (ax.viewLim.min <= [-50, 0]).all()
    assert (ax.viewLim.max >= [70, 90]).all()


@pytest.mark.parametrize("name", ["$x^2$", "$"])
def test_a_name_with_dollars_is_no_formula(name):
    ax = plotting.plot_points([[0, 0], [1, 1]], ["film", name])
    assert f">{name}</text>" in svg(ax, alt=ALT)


@pytest.mark.parametrize(
    "words", [{"labels": [["$x^2$"]]}, {"scale": "$x^2$"}, {"title": "$x^2$"}], ids="-".join
)
def test_words_with_dollars_are_no_formulas(words):
    assert ">$x^2$</text>" in svg(plotting.plot_units([[1]], **words), alt=ALT)


def test_ten_groups_have_ten_colours():
    ax = plotting.plot_points(CLOUD, np.arange(1800) % 10)
    assert len({line.get_color() for line in ax.lines}) == 10


@pytest.mark.parametrize("color", TEN[6:8] + TEN[9:])
@pytest.mark.parametrize("page", ["#fffefb", "#15181c"])
def test_colours_that_a_page_does_not_name_are_seen_on_light_and_dark_pages(color, page):
    assert contrast(color, page) >= 3


def test_more_groups_than_colours_are_refused():
    with pytest.raises(ValueError, match="at most 10 names, got 11"):
        plotting.plot_points(CLOUD[:11], np.arange(11))


def test_each_point_needs_a_group():
    with pytest.raises(ValueError, match=r"groups must have shape \(1800,\), got \(2,\)"):
        plotting.plot_points(CLOUD, ["a", "b"])


def test_points_outside_the_plane_are_refused():
    with pytest.raises(ValueError, match=r"points must have shape \(N, 2\), got \(2,\)"):
        plotting.plot_points([1, 2], ["a", "b"])


LARGE = {
    "units": lambda: plotting.plot_units(
        CLOUD[:400, 0].reshape(20, 20), grid="hexagonal", labels=np.full((20, 20), "7"), scale="n"
    ),
    "mosaic": lambda: plotting.plot_mosaic(np.random.default_rng(0).random((20, 20, 8, 8))),
    "lattice": lambda: plotting.plot_lattice(CLOUD[:400].reshape(20, 20, 2), points=CLOUD),
    "digits": FIGURES["digits"],
}


@pytest.mark.parametrize("draw", LARGE.values(), ids=LARGE)
def test_a_large_picture_is_light_enough_for_a_page(draw):
    assert len(svg(draw(), alt=ALT)) < 250_000


# What a picture says


def test_a_picture_of_a_map_says_its_title_and_the_names_of_its_axes():
    titled = [
        plotting.plot_units(NINE, title="$1"),
        plotting.plot_mosaic(np.zeros((2, 2, 3, 3)), title="$1"),
        plotting.plot_points(CLOUD, ["film"] * 1800, title="$1"),
        plotting.plot_lattice(NET, title="$1", xlabel="$2", ylabel="$3"),
    ]
    assert [ax.get_title(loc="left") for ax in titled] == ["\\$1"] * 4
    assert (titled[3].get_xlabel(), titled[3].get_ylabel()) == ("\\$2", "\\$3")


@pytest.mark.parametrize("grid", ["rectangular", "hexagonal"])
def test_a_word_stands_in_the_middle_of_its_unit(grid):
    ax = plotting.plot_units(NINE, grid=grid, labels=LETTERS)
    units = [path.vertices[:-1].mean(axis=0) for path in ax.collections[0].get_paths()]
    np.testing.assert_allclose([text.get_position() for text in ax.texts], units, atol=1e-9)
    assert [text.get_text() for text in ax.texts] == list("abcdefghi")
    assert {(text.get_ha(), text.get_va()) for text in ax.texts} == {("center", "center")}


@pytest.mark.parametrize("grid", ["rectangular", "hexagonal"])
def test_every_unit_lies_within_the_axes(grid):
    ax = plotting.plot_units(NINE, grid=grid)
    corners = np.concatenate([path.vertices for path in ax.collections[0].get_paths()])
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    np.testing.assert_allclose(corners.min(axis=0), [left, high])
    np.testing.assert_allclose(corners.max(axis=0), [right, low])


def test_a_square_is_one_step_wide_and_one_high():
    corners = plotting.plot_units(NINE).collections[0].get_paths()[4].vertices
    np.testing.assert_allclose(np.ptp(corners, axis=0), [1, 1])


def test_the_bar_of_colours_has_the_colours_of_the_units():
    ax = plotting.plot_units(NINE, scale="number")
    bar = ax.figure.axes[1].collections[-1]
    ends = bar.cmap([0.0, 1.0])
    np.testing.assert_allclose(ax.collections[0].get_facecolor()[[0, 8]], ends)


def test_a_larger_number_of_a_mosaic_is_darker_and_its_first_image_on_top():
    image = plotting.plot_mosaic(np.arange(2.0).reshape(2, 1, 1, 1)).images[0]
    light, dark = image.cmap(image.norm([0.0, 1.0]))[:, :3].sum(axis=1)
    assert light > dark
    assert image.origin == "upper"
    assert image.get_array()[:, 0].tolist() == [0.0, None, 1.0]


def test_knots_and_lines_of_a_net_have_one_colour_and_the_data_another():
    ax = plotting.plot_lattice(NET, points=CLOUD)
    (line,) = {to_hex(color) for color in ax.collections[0].get_color()}
    assert to_hex(ax.lines[0].get_color()) == line
    assert to_hex(ax.patches[0].get_edgecolor()) != line


def test_a_net_without_data_has_no_dots():
    assert len(plotting.plot_lattice(NET).patches) == 0


@pytest.mark.parametrize(("xlabel", "ylabel"), [("red", ""), ("", "green")])
def test_one_name_is_enough_for_axes_to_be_there(xlabel, ylabel):
    assert plotting.plot_lattice(NET, xlabel=xlabel, ylabel=ylabel).axison


def test_the_dots_of_each_group_have_a_colour_of_their_own():
    ax = plotting.plot_points(CLOUD[:4], ["film", "wine", "film", "wine"])
    assert len({to_hex(patch.get_edgecolor()) for patch in ax.patches}) == 2


@pytest.mark.parametrize("name", ["ab", "12", "-", "é!"])
def test_a_name_that_is_no_single_letter_is_written_once(name):
    ax = plotting.plot_points([[0, 1], [2, 3]], [name, name])
    assert [text.get_text() for text in ax.texts] == [name]
    assert ax.texts[0].get_position() == (1, 2)
    assert not ax.lines


def test_points_and_units_have_no_axes_around_them():
    drawn = [
        plotting.plot_units(NINE),
        plotting.plot_mosaic(np.zeros((2, 2, 3, 3))),
        plotting.plot_points(CLOUD, ["film"] * 1800),
    ]
    assert not any(ax.axison for ax in drawn)


def drawn_boxes(ax):
    """Where the words of a picture lie, in points of the page."""
    page = ax.figure
    page.draw_without_rendering()
    return [text.get_window_extent() for text in ax.texts]


def test_words_are_drawn_on_the_axes_that_they_are_given():
    ax = plotting.figure()
    assert plotting.plot_words([[0, 1]], ["dull"], groups=["bad"], ax=ax) is ax


def test_no_word_of_a_map_lies_over_another():
    words = [f"word{i}" for i in range(60)]
    ax = plotting.plot_words(CLOUD[:60], words, groups=["one"] * 60)
    boxes = drawn_boxes(ax)
    assert 10 < len(boxes) < 60
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_where_room_is_short_the_words_named_first_are_written():
    crowd = np.zeros((9, 2))
    ax = plotting.plot_words(crowd, list("abcdefghi"), groups=["one"] * 9, named=["h", "b", "x"])
    assert [text.get_text() for text in ax.texts] == ["h", "b"]


def test_a_word_has_the_colour_of_its_group():
    ax = plotting.plot_words([[0, 0], [5, 5]], ["dull", "film"], groups=["bad", "thing"])
    assert [text.get_color() for text in ax.texts] == list(TEN[:2])


@pytest.mark.parametrize(("words", "groups"), [(["a"], ["x", "y"]), (["a", "b"], ["x"])])
def test_words_and_groups_must_be_as_many_as_the_points(words, groups):
    with pytest.raises(ValueError, match="must be 2 each"):
        plotting.plot_words([[0, 1], [1, 0]], words, groups=groups)


def test_words_of_more_groups_than_colours_are_refused():
    with pytest.raises(ValueError, match="at most 10 names, got 11"):
        plotting.plot_words(CLOUD[:11], list("abcdefghijk"), groups=range(11))
