"""Numbers of three kinds: the runs tell them apart, and hold prose and fresh runs to them."""

from __future__ import annotations

import pytest

from runs.kinds import Runs, item, written
from runs.notebook import Records, quoted

SEEDS = [0, 0, 0, 0, 1, 1, 2, 2]  # four processors at seed 0, two at each other


def runs(*numbers, claim=()):
    claims = {"more helps": list(claim)} if claim else {}
    return Runs(SEEDS, {"loss": list(numbers)} if numbers else {}, claims, {})


STEADY = runs(0.5, 0.5, 0.50001, 0.5, 0.7, 0.7, 0.6, 0.6)
WILD = runs(0.50, 0.53, 0.49, 0.55, 0.6, 0.52, 0.58, 0.57)
DECADES = runs(1e3, 1e5, 1e4, 2e4, 1e6, 3e3, 5e4, 1e5)


def fresh(loss=None, claim=None):
    found = Records()
    if loss is not None:
        found.numbers["loss"] = loss
    if claim is not None:
        found.claims["more helps"] = claim
    return found


def test_a_number_is_stable_if_the_processors_agree_at_each_seed():
    assert STEADY.stable("loss")
    assert not WILD.stable("loss")


def test_a_number_is_chaotic_if_the_processors_part_at_any_seed():
    assert not runs(0.5, 0.5, 0.5, 0.5, 0.7, 0.7, 0.6, 0.601).stable("loss")


def test_zero_everywhere_is_stable():
    assert runs(*[0.0] * 8).stable("loss")


@pytest.mark.parametrize("loss", [0.5, 0.5004, 0.4996])
def test_a_stable_number_may_differ_by_a_thousandth_of_its_size(loss):
    assert STEADY.strays(fresh(loss)) == []


@pytest.mark.parametrize("loss", [0.51, 0.49, 0.6, float("nan")])
def test_a_stable_number_that_moved_is_named(loss):
    assert STEADY.strays(fresh(loss)) == [f"loss is {loss:g}, recorded 0.5"]


def test_a_share_may_differ_by_one_item():
    shares = runs(*[0.48] * 4, 0.505, 0.505, 0.6, 0.6)  # of 200
    assert shares.strays(fresh(0.485)) == []
    assert shares.strays(fresh(0.49))


@pytest.mark.parametrize("loss", [0.32, 0.49, 0.9])
def test_a_chaotic_number_has_three_widths_on_either_side(loss):
    assert WILD.strays(fresh(loss)) == []


@pytest.mark.parametrize("loss", [0.1, 1.0, float("nan"), float("inf")])
def test_a_broken_run_is_noticed(loss):
    assert WILD.strays(fresh(loss)) == [f"loss is {loss:g}, in the recorded runs 0.49 to 0.6"]


def test_what_spans_decades_has_its_widths_in_decades():
    assert DECADES.strays(fresh(1e-5)) == []
    assert DECADES.strays(fresh(1e-7))
    assert DECADES.strays(fresh(-1.0))


@pytest.mark.parametrize(
    "numbers", [[0, 1, 0, 0, 2, 5, 3, 1], [0.2, 0.7, 0.2, 0.2, 0.7, 0.2, 0.2, 0.7]]
)
def test_counts_of_a_few_and_coins_are_not_tested_as_numbers(numbers):
    assert runs(*numbers).strays(fresh(4)) == []


def test_a_number_without_a_record_is_named():
    assert runs().strays(fresh(1.0)) == ["loss is not recorded"]


CLEAR = runs(claim=[(1.0, 2.0), (1.1, 2.2), (1.0, 2.1), (1.1, 2.1)] * 2)
FAINT = runs(claim=[(1.0, 1.1), (1.0, 1.4), (1.0, 0.9), (1.0, 1.2)] * 2)
WIDE = runs(claim=[(1.0, 1e9), (1.0, 1e12), (1.0, 1e10), (1.0, 1e11)] * 2)


def test_a_claim_is_clear_if_its_least_margin_is_three_times_their_spread():
    assert CLEAR.clear("more helps")
    assert not FAINT.clear("more helps")


def test_margins_that_span_decades_are_taken_as_ratios():
    assert WIDE.clear("more helps")


def test_a_clear_claim_has_to_hold_anew_whatever_else_differs():
    assert CLEAR.strays(fresh(claim=(1.0, 1.01)), comparable=False) == []
    assert CLEAR.strays(fresh(claim=(1.0, 1.0)), comparable=False) == [
        "does not hold any more: more helps (1, 1)"
    ]
    assert CLEAR.strays(fresh(claim=(1.0, float("nan"))))


def test_a_faint_claim_may_fail():
    assert FAINT.strays(fresh(claim=(1.0, 0.5))) == []


def test_numbers_are_not_compared_where_the_run_was_made_otherwise():
    assert STEADY.strays(fresh(9.0), comparable=False) == []


def test_the_prose_quotes_stable_numbers_from_the_first_run():
    assert written("It is {num}`loss:.2f`.", STEADY) == ("It is 0.50.", set())


def test_the_prose_quotes_chaotic_numbers_as_range_or_mark():
    text = "{runs}`loss:.0%`, {runs}`middle of loss:.2f`, {runs}`highest of loss:.1f`"
    assert written(text, WILD)[0] == "49% to 60%, 0.54, 0.6"


def test_a_range_that_rounds_to_one_number_is_one_number():
    assert written("{runs}`loss:.0f`", WILD)[0] == "0 to 1"
    assert written("{runs}`loss:.0f`", runs(*[1.2, 1.3] * 4))[0] == "1"


def test_a_minus_sign_is_one():
    assert written("{num}`loss:.0f`", runs(*[-3.0] * 8))[0] == "\N{MINUS SIGN}3"


def test_the_prose_says_how_often_a_claim_held():
    assert written("in {runs}`more helps` runs", FAINT)[0] == "in 6 of 8 runs"


@pytest.mark.parametrize(
    ("text", "record", "fault"),
    [
        ("{num}`loss`", WILD, "'loss' is chaotic: write {runs}, not {num}"),
        ("{runs}`loss`", STEADY, "'loss' is stable: write {num}, not {runs}"),
        ("{num}`lost`", STEADY, "'lost' is neither recorded nor computed"),
    ],
)
def test_the_wrong_role_is_an_error(text, record, fault):
    with pytest.raises(ValueError, match=fault):
        written(text, record)


def test_an_expression_that_fails_says_why():
    run = Records()
    run.faults["lost"] = "NameError: name 'lost' is not defined"
    with pytest.raises(ValueError, match="NameError: name 'lost'"):
        written("{num}`lost`", runs(), run)


@pytest.mark.parametrize(
    ("inside", "name", "form"),
    [
        ("loss:.2f", "loss", ".2f"),
        ("x[1:2].sum()", "x[1:2].sum()", ""),
        ("table['a']:,.0f", "table['a']", ",.0f"),
        ("arrives with skip, batch norm:.0f", "arrives with skip, batch norm", ".0f"),
    ],
)
def test_a_colon_inside_an_expression_is_no_format(inside, name, form):
    assert quoted(f"{{num}}`{inside}`") == [("num", "", name, form)]


@pytest.mark.parametrize(
    ("values", "whole"), [([0.25, 0.5], 4), ([0.614, 0.727, 0.6], 1000), ([1 / 3, 2 / 3], 3)]
)
def test_the_size_of_an_item_is_found_from_shares(values, whole):
    assert item(values) == pytest.approx(1 / whole)


@pytest.mark.parametrize(
    "values", [[0.0, 1.0], [2.0, 3.0], [-0.5, 0.5], [0.123456789, 0.2718281828]]
)
def test_what_is_no_share_has_no_items(values):
    assert item(values) == 0
