"""Pictures of products: results stand where rows meet columns, regions where scores change sign."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from companion import plotting
from companion.plotting.paper import svg

A, B = np.array([[1, 2], [3, 4]]), np.array([[0.5, -1, 0], [0.3, 0.8, 0]])
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def written(ax):
    return [text.get_text() for text in ax.texts]


def place(ax, word):
    (found,) = (text.get_position() for text in ax.texts if text.get_text() == word)
    return found


def test_a_result_stands_in_its_row_and_under_its_column():
    ax = plotting.plot_product(A, B, at=(1, 2), rows=["r0", "r1"], columns=["c0", "c1", "c2"])
    assert place(ax, "2.7") == pytest.approx((place(ax, "c0")[0], place(ax, "r1")[1]))
    assert place(ax, "0.2") == pytest.approx((place(ax, "c1")[0], place(ax, "r1")[1]))


def test_the_terms_below_a_product_are_those_of_the_place_asked_for():
    ax = plotting.plot_product(A, B, at=(0, 1))
    assert written(ax)[-1] == "1 × (−1) + 2 × 0.8 = 0.6"


def test_a_product_without_a_place_keeps_its_results_to_itself():
    texts = written(plotting.plot_product(A, B))
    assert texts.count("?") == 6
    assert "1.1" not in texts


def test_the_row_and_the_column_of_a_place_are_lit():
    ax = plotting.plot_product(A, B, at=(1, 0))
    lit = [patch.get_facecolor() for patch in ax.patches if patch.get_alpha() == 0.25]
    colors = [to_hex(color).lower() for color in lit]
    assert [colors.count(color.lower()) for color in dict.fromkeys(colors)] == [2, 2, 1]


def test_the_inner_names_stand_beside_the_rows_of_one_and_above_the_columns_of_the_other():
    ax = plotting.plot_product(A, B, inner=["funny", "slow"])
    x, y = zip(*(t.get_position() for t in ax.texts if t.get_text() == "slow"), strict=True)
    one = place(ax, "0.8")[1], place(ax, "4")[0]  # the row of 0.8, the column of 4
    assert (y[0], x[1]) == pytest.approx(one)


@pytest.mark.parametrize(("a", "b"), [(A, B.T), (A[0], B), (A, B[0])])
def test_matrices_without_a_product_are_named(a, b):
    with pytest.raises(ValueError, match=r"\(N, D\) and \(D, H\), got .*\d"):
        plotting.plot_product(a, b)


@pytest.mark.parametrize("at", [(2, 0), (0, 3), (-1, 0)])
def test_a_place_outside_the_product_is_named(at):
    with pytest.raises(ValueError, match=r"shape \(2, 3\), got \("):
        plotting.plot_product(A, B, at=at)


def test_equal_sizes_have_equal_colours_and_others_another():
    ax = plotting.plot_shapes([("X", ("N", "D"), (2, 1)), "@", ("W", ("D", "H"), (1, 2))])
    color = {}
    for text in ax.texts:
        color.setdefault(text.get_text(), set()).add(text.get_color())
    assert len(color["D"]) == 1
    assert len(color["N"] | color["D"] | color["H"]) == 3


def test_boxes_stand_in_order_and_do_not_overlap():
    ax = plotting.plot_shapes([("X", ("N", "D"), (2, 1)), "@", ("W", ("D", "H"), (1, 2))])
    spans = sorted({(p.get_x(), p.get_x() + p.get_width()) for p in ax.patches})
    assert len(spans) == 2
    assert spans[0][1] < spans[1][0]


@pytest.mark.parametrize("side", [0, 1])
def test_a_region_reaches_to_where_the_score_changes_its_sign(side):
    ax = plotting.plot_regions(lambda X: X[:, 0] - 0.5, CORNERS, [0, 0, 1, 1])
    edges = ax.collections[0].get_paths()[side].vertices[:, 0]
    np.testing.assert_allclose(
        [edges.min(), edges.max()], [[-0.5, 0.5], [0.5, 1.5]][side], atol=0.02
    )


def test_a_score_of_one_sign_fills_the_plane():
    ax = plotting.plot_regions(lambda X: np.ones(len(X)), CORNERS, [1, 1, 1, 1])
    no, yes = (path.vertices for path in ax.collections[0].get_paths())
    assert len(no) == 0
    assert np.ptp(yes, axis=0) == pytest.approx([2, 2])


def test_points_are_circles_and_squares_by_their_labels():
    ax = plotting.plot_regions(lambda X: X[:, 0], CORNERS, [0, 1, 1, 0])
    shapes = {line.get_marker(): line.get_xydata().tolist() for line in ax.lines}
    assert shapes == {"o": [[0, 0], [1, 1]], "s": [[0, 1], [1, 0]]}


@pytest.mark.parametrize(
    ("points", "labels"), [(CORNERS, [0, 1]), (np.ones((4, 3)), [0, 1, 1, 0]), ([0, 1], [0, 1])]
)
def test_points_outside_the_plane_or_without_labels_are_named(points, labels):
    with pytest.raises(ValueError, match=r"\(N, 2\) and \(N,\), got \("):
        plotting.plot_regions(lambda X: X[:, 0], points, labels)


def test_bars_stand_in_order_from_the_top_and_differ_by_sign():
    ax = plotting.plot_bars({"love": np.float32(-1), "hate": 2.0})
    assert [bar.get_width() for bar in ax.patches] == [-1, 2]
    assert ax.yaxis_inverted()
    assert len({bar.get_facecolor() for bar in ax.patches}) == 2


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plotting.plot_product(A, B, at=(0, 0)),
        lambda: plotting.plot_shapes([("X", ("N", "D"), (2, 1))]),
        lambda: plotting.plot_regions(lambda X: X[:, 0] - 0.5, CORNERS, [0, 0, 1, 1]),
        lambda: plotting.plot_bars({"love": -1.0, "hate": 2.0}),
    ],
    ids=["product", "shapes", "regions", "bars"],
)
def test_the_same_picture_is_the_same_bytes_in_the_ink_of_the_page(draw):
    alt = "A picture that comes out the same each time."
    text = svg(draw(), alt=alt)
    assert text == svg(draw(), alt=alt)
    assert "#010203" not in text


# What a picture says


def shown(ax):
    """The title and the names of the axes, as they are read."""
    texts = ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()
    return tuple(text.replace("\\$", "$") for text in texts)


def test_a_picture_says_its_title_and_the_names_of_its_axes():
    product = plotting.plot_product(A, B, title="$5 each")
    shapes = plotting.plot_shapes(["@"], title="$6 each")
    regions = plotting.plot_regions(
        lambda X: X[:, 0], CORNERS, [0, 1, 1, 0], title="$7", xlabel="$8", ylabel="$9"
    )
    bars = plotting.plot_bars({"love": 1}, title="$7", xlabel="$8")
    assert shown(product) == ("$5 each", "", "")
    assert shown(shapes) == ("$6 each", "", "")
    assert shown(regions) == ("$7", "$8", "$9")
    assert shown(bars) == ("$7", "$8", "")


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: plotting.plot_product(A, B, ax=ax),
        lambda ax: plotting.plot_shapes([("X", ("N", "D"), (2, 1))], ax=ax),
        lambda ax: plotting.plot_regions(lambda X: X[:, 0] - 0.5, CORNERS, [0, 0, 1, 1], ax=ax),
        lambda ax: plotting.plot_bars({"love": -1.0}, ax=ax),
    ],
    ids=["product", "shapes", "regions", "bars"],
)
def test_a_picture_is_drawn_on_the_axes_that_it_is_given(draw):
    ax = plotting.figure()
    assert draw(ax) is ax


def cell_of(ax, word):
    """The lower left corner of the cell in whose middle a word stands."""
    x, y = place(ax, word)
    assert [round(v % 1 * 10) for v in (x, y)].count(5) >= 1
    return x - 0.5, y - 0.5


def test_every_number_of_a_product_stands_in_a_cell_of_its_own_matrix():
    ax = plotting.plot_product(A, B, at=(0, 0))
    corners = {(round(p.get_x(), 6), round(p.get_y(), 6)) for p in ax.patches}
    assert len(corners) == 4 + 6 + 6
    for word in ("1", "2", "3", "4", "0.5", "0.3", "0.8", "1.1", "0.6", "2.7", "0.2"):
        assert tuple(round(v, 6) for v in cell_of(ax, word)) in corners
    assert place(ax, "2")[0] - place(ax, "1")[0] == pytest.approx(1)  # D to the right in A
    assert place(ax, "3")[1] - place(ax, "1")[1] == pytest.approx(1)
    assert place(ax, "0.3")[1] - place(ax, "0.5")[1] == pytest.approx(1)  # D downwards in B


def test_the_three_matrices_of_a_product_do_not_touch():
    ax = plotting.plot_product(A, B, at=(0, 0))
    first, second, result = place(ax, "2"), place(ax, "0.3"), place(ax, "1.1")
    assert first[0] + 0.5 < result[0] - 0.5  # A ends to the left of the product
    assert second[1] + 0.5 < result[1] - 0.5  # B ends above it; y grows downwards
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_the_names_of_a_product_stand_outside_of_its_matrices():
    ax = plotting.plot_product(
        A, B, at=(0, 0), rows=["r0", "r1"], inner=["d0", "d1"], columns=["c0", "c1", "c2"]
    )
    assert place(ax, "r0")[0] < place(ax, "1")[0] - 0.5
    assert place(ax, "c0")[1] < place(ax, "0.5")[1] - 0.5
    assert place(ax, "r1")[1] == pytest.approx(place(ax, "3")[1])
    assert place(ax, "c1")[0] == pytest.approx(place(ax, "0.8")[0])
    beside, above = [t.get_position() for t in ax.texts if t.get_text() == "d0"]
    assert beside[0] < place(ax, "0.5")[0] - 0.5
    assert above[1] < place(ax, "1")[1] - 0.5


def test_all_of_a_product_lies_within_its_axes():
    ax = plotting.plot_product(A, B, at=(0, 0), rows=["r0", "r1"], columns=["c0", "c1", "c2"])
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    for text in ax.texts:
        x, y = text.get_position()
        assert left < x < right
        assert high < y < low


def test_the_lit_row_column_and_result_are_those_of_the_place():
    ax = plotting.plot_product(A, B, at=(1, 0))
    lit = [(p.get_x() + 0.5, p.get_y() + 0.5) for p in ax.patches if p.get_alpha() == 0.25]
    wanted = [place(ax, word) for word in ("3", "4", "0.5", "0.3", "2.7")]
    np.testing.assert_allclose(lit, wanted)


def test_a_number_of_a_product_has_three_digits_and_a_minus_sign():
    texts = written(plotting.plot_product([[1.23456]], [[-20.0]], at=(0, 0)))
    minus = "\N{MINUS SIGN}"
    assert texts[:3] == ["1.23", f"{minus}20", f"{minus}24.7"]
    assert texts[3] == f"1.23 \N{MULTIPLICATION SIGN} ({minus}20) = {minus}24.7"


def test_a_factor_of_zero_stands_without_brackets():
    assert written(plotting.plot_product([[3]], [[0]], at=(0, 0)))[-1] == "3 × 0 = 0"


SHAPES = [("X", ("N", "D"), (2, 1)), "@", ("W", ("D", "H"), (1, 3))]


def test_a_box_is_as_high_and_as_wide_as_it_is_drawn_with_its_name_in_its_middle():
    ax = plotting.plot_shapes(SHAPES)
    boxes = [p for p in ax.patches if p.get_linewidth()]
    assert [(p.get_height(), p.get_width()) for p in boxes] == [(2, 1), (1, 3)]
    for box, name in zip(boxes, "XW", strict=True):
        middle = box.get_x() + box.get_width() / 2, box.get_y() + box.get_height() / 2
        assert place(ax, name) == pytest.approx(middle)
        assert middle[1] == 0
    (filled, _), (faint, _) = ax.patches[::2], ax.patches[1::2]
    assert filled.get_bbox().bounds == faint.get_bbox().bounds


def test_the_sign_stands_between_its_boxes_and_the_sizes_beside_and_above_them():
    ax = plotting.plot_shapes(SHAPES)
    first, second = [p for p in ax.patches if p.get_linewidth()]
    assert first.get_x() + first.get_width() < place(ax, "@")[0] < second.get_x()
    assert place(ax, "N")[0] < first.get_x()
    assert place(ax, "N")[1] == 0
    across = place(ax, "H")
    assert across[0] == pytest.approx(second.get_x() + 1.5)
    assert across[1] < second.get_y()  # above: y grows downwards
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_all_boxes_lie_within_their_axes():
    ax = plotting.plot_shapes(SHAPES)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    for patch in ax.patches:
        assert left < patch.get_x() < patch.get_x() + patch.get_width() <= right
        assert high < patch.get_y() < patch.get_y() + patch.get_height() < low


def test_a_region_has_the_colour_of_the_points_that_belong_there():
    ax = plotting.plot_regions(lambda X: X[:, 0] - 0.5, CORNERS, [0, 0, 1, 1])
    fills = [to_hex(color) for color in ax.collections[0].get_facecolor()]
    dots = [to_hex(line.get_markerfacecolor()) for line in ax.lines]
    assert fills == dots
    assert len(set(fills)) == 2


def test_a_score_of_exactly_0_is_no_yes():
    ax = plotting.plot_regions(lambda X: np.zeros(len(X)), CORNERS, [0, 0, 0, 0])
    no, yes = (path.vertices for path in ax.collections[0].get_paths())
    assert np.ptp(no, axis=0) == pytest.approx([2, 2])
    assert len(yes) == 0


def test_a_score_is_asked_of_points_that_fill_the_plane():
    asked = []
    points = np.array([[0, 10], [4, 30]])
    ax = plotting.plot_regions(
        lambda X: asked.append(X) or X[:, 1] - 20, points, [0, 1], margin=1.5
    )
    assert asked[0].min(axis=0).tolist() == [-1.5, 8.5]
    assert asked[0].max(axis=0).tolist() == [5.5, 31.5]
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1.5, 5.5), (8.5, 31.5))
    below = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (below.min(), below.max()) == pytest.approx((8.5, 20), abs=0.3)


def test_a_bar_stands_beside_its_name_and_starts_at_0():
    ax = plotting.plot_bars({"love": -1.0, "hate": 2.0, "like": 0.0})
    middles = [bar.get_y() + bar.get_height() / 2 for bar in ax.patches]
    assert middles == pytest.approx([0, 1, 2])
    assert list(ax.get_yticks()) == [0, 1, 2]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["love", "hate", "like"]
    assert [bar.get_x() for bar in ax.patches] == [0, 0, 0]
    assert list(ax.lines[0].get_xdata()) == [0, 0]


def test_bars_above_0_have_the_colour_of_yes():
    colors = [to_hex(bar.get_facecolor()) for bar in plotting.plot_bars({"a": -1, "b": 2}).patches]
    regions = plotting.plot_regions(lambda X: X[:, 0] - 0.5, CORNERS, [0, 0, 1, 1])
    assert colors == [to_hex(line.get_markerfacecolor()) for line in regions.lines]
