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
