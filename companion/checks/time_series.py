"""Checks on time series: seasons, windows, honest splits, a verdict, and many steps ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from companion.checks._compare import close, compare, numbers, refuse_if
from companion.checks._time_series import (
    MISREADINGS,
    MOVES,
    SIGNS,
    SUNSPOTS,
    Array,
    patients,
    refuse_looking_ahead,
    refuse_other_rows,
    refuse_other_treatment,
    refuse_ragged,
    refuse_shifted,
    refuse_whole,
    refuse_windows,
    refuse_wrong_count,
    roll,
    same_values,
    treated,
)
from companion.checks.pact import Answer, exercise
from companion.runtime import as_array


@exercise(
    difficulty=1,
    minutes=5,
    hints=[
        "Cut the last season that is known out of the series first. Where does it end?",
        "`series[origin - season : origin]` is that season. Its first entry is the forecast of the "
        "first month.",
        "After the last entry comes the first again: `i % season` counts 0, 1, ..., season - 1, 0.",
    ],
)
def repeat_season(answer: Answer) -> None:
    """The same month, a year ago."""
    year = np.array([21, 24, 38, 55, 80, 112, 140, 133, 90, 52, 30, 26])
    tubs = np.round(np.concatenate([2 * year, 2.2 * year, 2.6 * year, 2.4 * year])) / 2
    origin, season, horizon = 27, 12, 18
    other = tubs.copy()
    other[origin:] += 7
    got, ahead = answer(tubs, origin, season=season, horizon=horizon), np.arange(horizon)
    future = "Your forecast looks into the future: it uses what comes after `origin`."
    refuse_looking_ahead(got, answer(other, origin, season=season, horizon=horizon), future)
    got, last = numbers(got), tubs[origin - season : origin]
    ends = "Your forecast ends after one season. The months of that season come again."
    refuse_if(got.size == season or bool(np.isnan(got).any()), ends)
    slips = {
        "You repeat the last value. That is the naive forecast without a season.": last[-1:],
        "Off by one: each month gets what the month before it had.": np.roll(last, 1),
        "Off by one: each month gets what the month after it had.": np.roll(last, -1),
        "Your season begins a month too early.": tubs[origin - season - 1 : origin - 1],
        "You begin with January, as the series does. What comes next is April.": year,
        "The months are right, but of the first year. Take the last.": np.roll(year, -3),
        "You average a month over the years. Take the last alone.": (tubs[3:15] + last) / 2,
        "You repeat as many months as you forecast, not a season.": tubs[origin - horizon : origin],
    }
    wrapped = {text: slip[ahead % len(slip)] for text, slip in slips.items()}
    refuse_whole(got, last[ahead % season], "You turn the tubs into whole ones. Half tubs count.")
    compare(got, last[ahead % season], slips=wrapped)
    got = answer(tubs[:9], 7, season=7, horizon=3)
    compare(got, tubs[:3], what="the result for 3 days of a week, after the first week")
    got = answer(tubs, origin, season=season, horizon=29)
    compare(got, last[np.arange(29) % season], what="the result for 29 months")


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "Write down the first window and the last one for ten values, with length 4 and horizon "
        "3. How many are there?",
        "Window i is `series[i : i + length]`. Its target begins where the window ends.",
        "The last target ends with the series, so i runs up to len(series) - length - horizon, "
        "and includes it.",
    ],
)
def cut_windows(answer: Answer) -> None:
    """Windows, and what comes after them."""
    for length, horizon in ((4, 3), (5, 1)):
        result = answer(SUNSPOTS.copy(), length=length, horizon=horizon)
        refuse_ragged(result)
        inputs, targets = answer.parts(result, "inputs", "targets")
        pairs = sliding_window_view(SUNSPOTS, length + horizon)
        want, after = pairs[:, :length], pairs[:, length:]
        swapped = "Inputs and targets are swapped: asked is (inputs, targets)."
        refuse_if(same_values(inputs, after), swapped)
        refuse_shifted(inputs, targets, length, horizon)
        refuse_wrong_count(inputs, want, length, horizon)
        turned = {"Your windows run backwards in time.": want[:, ::-1]}
        compare(inputs, want, what="inputs", slips=turned)
        flat = "With horizon 1 the targets have shape (N, 1). Yours lost the axis."
        refuse_if(horizon == 1 and targets.shape == (len(want),), flat)
        one = "A target holds `horizon` values. Yours hold one."
        refuse_if(targets.size == len(want) < after.size, one)
        slips = {
            "Your target is the end of the window itself.": pairs[:, length - horizon : length],
            "Your targets run backwards in time.": after[:, ::-1],
        }
        compare(targets, after, what="targets", slips=slips)
    thirds = SUNSPOTS / 3
    for series in (thirds, thirds[:7]):  # many pairs, and a single one
        inputs, targets = answer.parts(answer(series, length=4, horizon=3), "inputs", "targets")
        pairs = sliding_window_view(series, 7)
        for name, got, want in (
            ("inputs", inputs, pairs[:, :4]),
            ("targets", targets, pairs[:, 4:]),
        ):
            refuse_whole(got, want, f"You turn the {name} into whole numbers. Keep the values.")
            compare(
                got, want, what=f"the part `{name}` for {len(series)} values that are not whole"
            )


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "Split before you measure anything: the last `n_test` rows are out of sight until then.",
        "`mean(axis=0)` gives one mean for each column. Whose rows may it see?",
        "A column that does not vary has spread 0. By what can you divide it and change nothing?",
    ],
)
def split_and_scale(answer: Answer) -> None:
    """Split, then scale."""
    sales = [31.0, 35, 28, 44, 52, 47, 39, 55, 71, 83, 78, 90]
    degrees = [18.0, 20, 17, 23, 26, 22, 21, 25, 30, 33, 31, 34]
    x = np.stack([sales, degrees, [2.5] * 9 + [3.25] * 3], axis=1)  # days, columns
    for n_test in (4, 3, 1):
        _compare_scaled(answer, x[:, :2], n_test, f" with n_test={n_test}")
    train, test = answer.parts(answer(x, n_test=4), "train", "test")
    never = "In the training part the price never varies: its spread is 0, and you divide by it."
    refuse_if(not np.isfinite(train).all() or not np.isfinite(test).all(), never)
    price = test[:, -1]
    tiny = "You add something tiny to the spread: the price, 0 in training, is {:,.0f} once raised."
    refuse_if(price.max() > 1e3, tiny.format(price.max()))
    lost = "Your price column is 0 in the test part too: there the price was raised."
    refuse_if(not price.any(), lost)
    _compare_scaled(answer, x, 4, " where one column does not vary")
    _refuse_rounding(answer, np.array(sales))
    whole = x[:, :2].astype(int)
    wants = [(part - whole[:-4].mean(0)) / whole[:-4].std(0) for part in (whole[:-4], whole[-4:])]
    for got, want in zip(
        answer.parts(answer(whole, n_test=4), "train", "test"), wants, strict=True
    ):
        refuse_whole(got, want, "A table of whole numbers has whole results in yours.")
        compare(got, want, what="the result for a table of whole numbers")


def _refuse_rounding(answer: Answer, sales: Array) -> None:
    """Refuse constants that are found by a spread of 0, and columns that vary too little."""
    for days in (12, 7, 10):
        cost = np.array(
            [2.7, 0.1, 1.1, 8.4, 1234567.8]
        )  # whose std over these days is often not quite 0
        x = np.concatenate([np.tile(cost, (days, 1)), np.tile(cost + 0.3, (2, 1))])
        train, test = answer.parts(answer(x, n_test=2), "train", "test")
        dust = x[:-2].std(axis=0)
        refuse_if(
            test.shape != (2, 5), f"Two days of five prices have shape {test.shape} in yours."
        )
        k = int(np.abs(test).max(axis=0).argmax())
        refuse_if(
            np.abs(test[:, k]).max() > 1e3 and dust[k] > 0,
            f"The `std` of {days} prices of {cost[k]:.2f} is {dust[k]:.1e}, by rounding, and not "
            "0: you divide by it. By what else do you know a column that does not vary?",
        )
        what = f"the {{}} part where {days} prices are all the same"
        compare(train, np.zeros((days, 5)), what=what.format("training"))
        compare(test, np.full((2, 5), 0.3), what=what.format("test"))
    x = np.stack([sales, 1e-10 * sales], axis=1)
    mean, spread = sales[:-4].mean(), sales[:-4].std()
    parts = answer.parts(answer(x, n_test=4), "train", "test")
    for got, part in zip(parts, (sales[:-4], sales[-4:]), strict=True):
        want = np.stack([(part - mean) / spread] * 2, axis=1)
        little = "A column that varies by 1e-9 does vary: scale it like the others."
        refuse_if(got.shape == want.shape and not close(got[:, 1], want[:, 1]), little)
        compare(got, want, what="the result with a column that varies little")


def _compare_scaled(answer: Answer, x: Array, n_test: int, where: str) -> None:
    """Compare both parts with what the mean and the spread of the training part make of them."""
    past, last = x[:-n_test], x[-n_test:]
    train, test = answer.parts(answer(x, n_test=n_test), "train", "test")
    if train.shape == past.shape:
        refuse_other_rows(train, x, len(past))
    low, high = past.min(axis=0), past.max(axis=0)
    mean, spread = past.mean(0), np.where(high > low, past.std(0), 1)
    scalings: dict[str, tuple[Array | float, Array | float]] = {
        "Mean and spread are those of all days, those of the test too.": (x.mean(0), x.std(0)),
        "All columns share one mean and one spread. Each has its own.": (past.mean(), past.std()),
        "Your spread divides by n - 1. Numpy's `std` divides by n.": (mean, past.std(0, ddof=1)),
        "You divide by the variance, not by its root.": (mean, spread**2),
        "The mean is not taken away.": (0, spread),
        "You take the mean away, and divide by nothing.": (mean, 1),
        "You scale from 0 to 1. Asked is mean 0 and spread 1.": (low, high - low),
        "You use the mean and the spread of the test part. On the day of the forecast nobody knows "
        "them.": (last.mean(0), last.std(0)),
        "This part is not scaled.": (0, 1),
    }
    for name, part, got in (("training", past, train), ("test", last, test)):
        slips = {
            text: (part - middle) / np.where(np.equal(width, 0), 1, width)
            for text, (middle, width) in scalings.items()
        }
        compare(got, (part - mean) / spread, what=f"the {name} part{where}", slips=slips)


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "Write down what each test supposes. A small p speaks against that; a large p speaks for "
        "nothing.",
        "ADF supposes a unit root, KPSS that the series is stationary. Make two truth values: "
        "which of them is rejected?",
        "Two truth values make four cases. If neither is rejected, both descriptions are still "
        "possible. And if both are?",
    ],
)
def verdict(answer: Answer) -> None:
    """Two tests, one verdict."""
    cases = ((0.003, 0.1), (0.62, 0.01), (0.19, 0.1), (0.02, 0.03))
    said = [_word(answer(*case, level=0.05)) for case in cases]
    misread = MISREADINGS.get("".join(SIGNS[word] for word in said), "")
    refuse_if(bool(misread), misread)
    for (adf_p, kpss_p), word, right in zip(cases, said, SIGNS, strict=True):
        case = f"With adf_p = {adf_p} and kpss_p = {kpss_p} you say {word!r}. "
        refuse_if(word != right, case + "Which of the two hypotheses is rejected there?")
    for test, p, level, right in (
        ("ADF", (0.03, 0.1), 0.01, "cannot tell"),
        ("KPSS", (0.19, 0.07), 0.1, "unit root"),
    ):
        word, at_five = _word(answer(*p, level=level)), _word(answer(*p, level=0.05))
        case = f"With adf_p = {p[0]}, kpss_p = {p[1]} and level = {level} you say {word!r}."
        fixed = f"Your level for {test} is fixed at 0.05. Use the one that is given."
        refuse_if(word != right, fixed if word == at_five else case)
    for p, right in (((0.07, 0.1), "cannot tell"), ((0.03, 0.07), "stationary")):
        default = "Where no level is given it is 0.05: keep the first line as the exercise has it."
        refuse_if(_word(answer(*p)) != right, default)
    for test, p, right in (
        ("ADF", (0.05, 0.1), "cannot tell"),
        ("KPSS", (0.003, 0.05), "stationary"),
    ):
        edge = f"Where the p of {test} equals the level you reject. Asked is a p below it."
        refuse_if(_word(answer(*p, level=0.05)) != right, edge)


def _word(said: Any) -> str:
    """Read a verdict, or say which four there are."""
    word = str(said).strip().lower()
    asked = ", ".join(repr(each) for each in SIGNS)
    refuse_if(word not in SIGNS, f"The verdict is one of {asked}. Yours is {said!r:.40}.")
    return word


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "Take the difference demand - made. Its sign says which of the two prices a day pays.",
        "Where it is positive the day costs tau times the difference. Where it is negative, the "
        "difference has the wrong sign for a cost.",
        "`np.where(condition, this, that)` chooses for each day.",
    ],
)
def pinball(answer: Answer) -> None:
    """What a wrong forecast costs."""
    demand = np.array([31.0, 35, 28, 44, 52, 47, 39, 55, 41])
    made = np.array([36.0, 33, 28, 50, 45, 48.5, 30, 55.5, 40.25])
    for tau in (0.9, 0.25):
        short = demand - made  # positive where too few were made
        over, cost = np.maximum(-short, 0), np.maximum(tau * short, (tau - 1) * short)
        got = numbers(answer(demand, made, tau=tau))
        refuse_if(got.size == 1, "You give one number. Asked is the cost of each day.")
        left = (1 - tau) * over
        slips = {
            "The two prices are swapped: tau is for a tub too few.": np.maximum(
                (1 - tau) * short, -tau * short
            ),
            "Both sides cost the same in yours. One of them costs 1 - tau.": tau * np.abs(short),
            "This is half the absolute error: both sides cost the same.": np.abs(short) / 2,
            "Your cost is negative where tubs are left over.": cost - 2 * left,
            "Too many tubs earn in yours, and tau is their price.": tau * short,
            "Tubs that are left over cost nothing in yours.": cost - left,
            "Tubs too few cost nothing in yours.": left,
            "You square. Twice as many tubs cost twice as much.": cost * np.abs(short),
            "Your tau stays at 0.9.": np.maximum(0.9 * short, -0.1 * short),
        }
        compare(got, cost, slips=slips, what=f"the result with tau={tau}")
    tubs, more = demand[:5].astype(int), made[:5].astype(int)
    got, cost = numbers(answer(tubs, more, tau=0.5)), np.abs(tubs - more) / 2
    refuse_whole(got, cost, "Whole tubs have whole costs in yours. Half of 5 is 2.5.")
    compare(got, cost, what="the result for whole tubs with tau=0.5")


@exercise(
    difficulty=3,
    minutes=15,
    hints=[
        "Begin with the last `length` values before `origin`. The model makes one value of them.",
        "Then the window moves on by one: the oldest value leaves it in front, the new forecast "
        "comes in at the end.",
        "A list makes that easy: `window = [*window[1:], value]`. Keep the values as they come.",
    ],
)
def feed_back(answer: Answer) -> None:
    """Forecasts from forecasts."""
    length, horizon, origin = 3, 6, 10
    windows: list[Array] = []

    def model(window: Any) -> float:
        """Forecast one value from the last three, and note what was asked."""
        windows.append(np.array(as_array(window), dtype=float))
        latest = zip((1.5, -0.9, 0.3), windows[-1].ravel()[::-1], strict=False)
        return float(sum(weight * value for weight, value in latest)) + 0.5

    got = answer(model, SUNSPOTS.copy(), origin, length=length, horizon=horizon)
    asked, other = list(windows), np.append(SUNSPOTS[:origin], SUNSPOTS[origin:] + 9)
    refuse_looking_ahead(
        got,
        answer(model, other, origin, length=length, horizon=horizon),
        "Your forecast uses values after `origin`. They have not happened yet: feed back your own.",
    )
    refuse_windows(asked, length, origin)
    longer = numbers(got).size == origin + horizon
    refuse_if(longer, "You give the past back too. Asked are the forecasts alone.")
    known, want = SUNSPOTS[:origin], roll(model, SUNSPOTS[origin - length : origin], horizon)
    start, moves = known[-length:], MOVES.items()
    slips = {text: roll(model, start, horizon, move) for text, move in moves} | {
        "Your first window ends before the last value.": roll(model, known[-4:-1], horizon),
        "Your windows run backwards: the newest value stands at the end.": roll(
            model, start[::-1], horizon, lambda w, y: [y, *w[:-1]]
        ),
        "You begin with the last known value. Begin after it.": np.append(known[-1], want[:-1]),
    }
    compare(got, want, slips=slips)
    whole = "With whole numbers in the series your forecasts are cut to whole numbers on the way."
    got, start = numbers(answer(model, known.astype(int), 9, length=2, horizon=4)), known[7:9]
    want, cut = roll(model, start, 4), roll(model, start, 4, lambda w, y: [*w[1:], int(y)])
    refuse_if(any(same_values(got, each) for each in (cut, np.trunc(cut), np.trunc(want))), whole)
    compare(got, want, what="the result with length=2, horizon=4 and whole numbers")


@exercise(
    difficulty=4,
    minutes=30,
    hints=[
        "Write the three treatments first, one function each, and look at the spread that each of "
        "them leaves of a random walk.",
        "The difference over a season is `x[season:] - x[:-season]`. For the line: `np.polyfit` "
        "finds it and `np.polyval` draws it.",
        "One round: make the three candidates of the series as it is now, and take "
        "`best = min(candidates, key=np.std)`. If that is not below 0.8 times the spread you have, "
        "return; else the best takes the series' place, and the next round begins.",
    ],
)
def make_stationary(answer: Answer) -> None:
    """Just enough treatment."""
    for name, series, season, wanted in patients():
        got, want = numbers(answer(series, season=season)), treated(series, season, wanted)
        front = len(series) - len(want)
        kept = f"For {name} you keep the length. Where there is no past there is no difference."
        refuse_if(front > 0 and got.shape == series.shape and close(got[front:], want), kept)
        if not same_values(got, want):
            refuse_other_treatment(got, name, series, season, wanted)
        slips = {"You take the mean away as well. None of the three does.": want - want.mean()}
        compare(got, want, slips=slips, what=f"the result for {name}")
