"""Answers to the exercises on time series: right ones, and some one small slip away."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from tests.checks._both_ways import Answers

answers = Answers("time_series")
right, wrong, equal = answers.right, answers.wrong, answers.equal


# 1


@right("repeat_season")
def month_by_month(series, origin, *, season, horizon):
    return [series[origin - season + i % season] for i in range(horizon)]


@right("repeat_season")
def season_resized(series, origin, *, season, horizon):
    return np.resize(series[:origin][-season:], horizon).astype(np.float32)


@right("repeat_season")
def own_forecasts_repeated(series, origin, *, season, horizon):
    known = torch.tensor(series[:origin])
    for _ in range(horizon):
        known = torch.cat([known, known[-season].reshape(1)])
    return known[origin:]


equal(
    "repeat_season",
    "origin - season:origin -> origin - season:origin + 1",
    "of the season only the first `season` entries are read, so that one more changes nothing",
)


@wrong("repeat_season", "Half tubs count")
def whole_tubs(series, origin, *, season, horizon):
    forecasts = np.zeros(horizon, dtype=int)
    forecasts[:] = month_by_month(series, origin, season=season, horizon=horizon)
    return forecasts


@wrong("repeat_season", "looks into the future")
def never_wrapped(series, origin, *, season, horizon):
    return series[origin - season : origin - season + horizon]


@wrong("repeat_season", "IndexError")
def wrapped_nowhere(series, origin, *, season, horizon):
    last = series[origin - season : origin]
    return [last[i] for i in range(horizon)]


@wrong("repeat_season", "repeat the last value")
def naive(series, origin, *, season, horizon):
    return np.full(horizon, series[origin - 1])


@wrong("repeat_season", "the month before it had")
def rolled_forward(series, origin, *, season, horizon):
    return [series[origin - season + (i - 1) % season] for i in range(horizon)]


@wrong("repeat_season", "the month after it had")
def counted_from_one(series, origin, *, season, horizon):
    return [series[origin - season + i % season] for i in range(1, horizon + 1)]


@wrong("repeat_season", "begins a month too early")
def season_cut_too_early(series, origin, *, season, horizon):
    return month_by_month(series, origin - 1, season=season, horizon=horizon)


@wrong("repeat_season", "begin with January")
def from_the_start_of_the_series(series, origin, *, season, horizon):
    return [series[i % season] for i in range(horizon)]


@wrong("repeat_season", "of the first year")
def first_year(series, origin, *, season, horizon):
    return [series[(origin + i) % season] for i in range(horizon)]


@wrong("repeat_season", "as many months as you forecast")
def last_months_as_many_as_asked(series, origin, *, season, horizon):
    return series[origin - horizon : origin]


@wrong("repeat_season", "ends after one season")
def one_season(series, origin, *, season, horizon):
    return series[origin - season : origin][:horizon]


@wrong("repeat_season", "average a month over the years")
def mean_of_the_years(series, origin, *, season, horizon):
    return [series[origin % season + i % season : origin : season].mean() for i in range(horizon)]


@wrong("repeat_season", "3 days of a week")
def season_of_twelve(series, origin, *, season, horizon):
    return month_by_month(series, origin, season=12, horizon=horizon)


@wrong("repeat_season", "29 months")
def wrapped_once(series, origin, *, season, horizon):
    last = series[origin - season : origin]
    return np.concatenate([last, last])[:horizon]


# 2


@right("cut_windows")
def appended(series, *, length, horizon):
    inputs, targets = [], []
    for end in range(length, len(series) - horizon + 1):
        inputs.append(series[end - length : end])
        targets.append(series[end : end + horizon])
    return inputs, targets


@right("cut_windows")
def by_strides(series, *, length, horizon):
    pairs = np.lib.stride_tricks.sliding_window_view(series, length + horizon)
    return np.split(pairs.astype(np.float32), [length], axis=1)


@right("cut_windows")
def by_torch(series, *, length, horizon):
    pairs = torch.tensor(series).unfold(0, length + horizon, 1)
    return pairs[:, :length], pairs[:, length:]


def cut(series, starts, length, horizon, shift=0):
    inputs = [series[i : i + length] for i in starts]
    after = [series[i + length + shift : i + length + shift + horizon] for i in starts]
    return inputs, after


@wrong("cut_windows", "You turn the inputs into whole numbers")
def whole_numbers(series, *, length, horizon):
    return appended(series.astype(int), length=length, horizon=horizon)


@wrong("cut_windows", "You turn the targets into whole numbers")
def targets_in_a_table_of_whole_numbers(series, *, length, horizon):
    inputs, targets = appended(series, length=length, horizon=horizon)
    table = np.zeros((len(targets), horizon), dtype=int)
    table[:] = np.round(targets)
    return inputs, table


@wrong("cut_windows", "The part `inputs` for 7 values that are not whole")
def a_single_pair_without_axis(series, *, length, horizon):
    inputs, targets = appended(series, length=length, horizon=horizon)
    return np.squeeze(inputs), targets


@wrong("cut_windows", "The target leaks")
def target_begins_too_early(series, *, length, horizon):
    starts = range(len(series) - length - horizon + 1)
    return cut(series, starts, length, horizon, shift=-1)


@wrong("cut_windows", "The inputs leak")
def window_with_its_target(series, *, length, horizon):
    _, targets = appended(series, length=length, horizon=horizon)
    return np.lib.stride_tricks.sliding_window_view(series, length + horizon), targets


@wrong("cut_windows", "leave out the last window")
def last_window_dropped(series, *, length, horizon):
    return cut(series, range(len(series) - length - horizon), length, horizon)


@wrong("cut_windows", "leave out the first window")
def first_window_dropped(series, *, length, horizon):
    return cut(series, range(1, len(series) - length - horizon + 1), length, horizon)


@wrong("cut_windows", "run out of the series")
def horizon_not_left_room_for(series, *, length, horizon):
    return cut(series, range(len(series) - length), length, horizon)


@wrong("cut_windows", "There is a gap")
def a_value_skipped(series, *, length, horizon):
    return cut(series, range(len(series) - length - horizon), length, horizon, shift=1)


@wrong("cut_windows", "step by `length`")
def stepped_by_length(series, *, length, horizon):
    return cut(series, range(0, len(series) - length - horizon + 1, length), length, horizon)


@wrong("cut_windows", "step by `horizon`")
def stepped_by_horizon(series, *, length, horizon):
    return cut(series, range(0, len(series) - length - horizon + 1, horizon), length, horizon)


@wrong("cut_windows", "step by `length + horizon`")
def stepped_by_both(series, *, length, horizon):
    starts = range(0, len(series) - length - horizon + 1, length + horizon)
    return cut(series, starts, length, horizon)


@wrong("cut_windows", "Yours hold one")
def one_value_for_a_target(series, *, length, horizon):
    inputs, targets = appended(series, length=length, horizon=horizon)
    return inputs, [target[-1] for target in targets]


@wrong("cut_windows", "You make 13 windows")
def horizon_ignored(series, *, length, horizon):
    return cut(series, range(len(series) - length), length, 1)


@wrong("cut_windows", "lost the axis")
def single_targets_without_axis(series, *, length, horizon):
    inputs, targets = appended(series, length=length, horizon=horizon)
    return np.array(inputs), np.array(targets).squeeze()


@wrong("cut_windows", "end of the window itself")
def target_inside_the_window(series, *, length, horizon):
    inputs, _ = appended(series, length=length, horizon=horizon)
    return inputs, [window[-horizon:] for window in inputs]


@wrong("cut_windows", "windows run backwards")
def windows_turned_round(series, *, length, horizon):
    inputs, targets = appended(series, length=length, horizon=horizon)
    return [window[::-1] for window in inputs], targets


@wrong("cut_windows", "targets run backwards")
def targets_turned_round(series, *, length, horizon):
    inputs, targets = appended(series, length=length, horizon=horizon)
    return inputs, [target[::-1] for target in targets]


@wrong("cut_windows", "swapped")
def targets_first(series, *, length, horizon):
    return appended(series, length=length, horizon=horizon)[::-1]


@wrong("cut_windows", "has 2 results (inputs, targets); yours gave 11")
def a_list_of_pairs(series, *, length, horizon):
    return list(zip(*appended(series, length=length, horizon=horizon), strict=True))


# 3


@right("split_and_scale")
def column_by_column(x, *, n_test):
    scaled = []
    for column in x.T:
        past = column[: len(x) - n_test]
        spread = np.std(past) if len(set(past)) > 1 else 1
        scaled.append((column - np.mean(past)) / spread)
    both = np.stack(scaled, axis=1).astype(np.float32)
    return both[:-n_test], both[-n_test:]


@right("split_and_scale")
def by_scikit_learn(x, *, n_test):
    scaler = StandardScaler().fit(x[:-n_test])
    return scaler.transform(x[:-n_test]).tolist(), scaler.transform(x[-n_test:]).tolist()


@right("split_and_scale")
def by_torch_without_correction(x, *, n_test):
    train, test = torch.tensor(x, dtype=torch.float64).split([len(x) - n_test, n_test])
    std, mean = torch.std_mean(train, dim=0, correction=0)
    std[train.amax(0) == train.amin(0)] = 1
    return (train - mean) / std, (test - mean) / std


@right("split_and_scale")
def by_differences_from_the_first_day(x, *, n_test):
    x = x - x[0]  # of a constant nothing is left, to the last bit
    mean, std = x[:-n_test].mean(axis=0), x[:-n_test].std(axis=0)
    return np.split((x - mean) / np.where(std == 0, 1, std), [len(x) - n_test])


def scaled_with(x, n_test, mean, std):
    std = np.where(np.equal(std, 0), 1, std)
    return (x[:-n_test] - mean) / std, (x[-n_test:] - mean) / std


@wrong("split_and_scale", "those of all days")
def statistics_of_all(x, *, n_test):
    return scaled_with(x, n_test, x.mean(axis=0), x.std(axis=0))


@wrong("split_and_scale", "of the test part")
def part_by_part(x, *, n_test):
    train, _ = by_scikit_learn(x, n_test=n_test)
    return train, StandardScaler().fit_transform(x[-n_test:])


@wrong("split_and_scale", "not scaled")
def one_part_only(x, *, n_test):
    train, _ = by_scikit_learn(x, n_test=n_test)
    return train, x[-n_test:]


@wrong("split_and_scale", "share one mean")
def one_scale_for_all_columns(x, *, n_test):
    return scaled_with(x, n_test, x[:-n_test].mean(), x[:-n_test].std())


@wrong("split_and_scale", "divides by n - 1")
def std_as_in_torch(x, *, n_test):
    return scaled_with(x, n_test, x[:-n_test].mean(axis=0), x[:-n_test].std(axis=0, ddof=1))


@wrong("split_and_scale", "variance")
def variance_for_std(x, *, n_test):
    return scaled_with(x, n_test, x[:-n_test].mean(axis=0), x[:-n_test].var(axis=0))


@wrong("split_and_scale", "mean is not taken away")
def never_centred(x, *, n_test):
    return scaled_with(x, n_test, 0, x[:-n_test].std(axis=0))


@wrong("split_and_scale", "divide by nothing")
def centred_only(x, *, n_test):
    return scaled_with(x, n_test, x[:-n_test].mean(axis=0), 1)


@wrong("split_and_scale", "from 0 to 1")
def from_zero_to_one(x, *, n_test):
    scaler = MinMaxScaler().fit(x[:-n_test])
    return scaler.transform(x[:-n_test]), scaler.transform(x[-n_test:])


@wrong("split_and_scale", "Is it shuffled?")
def shuffled(x, *, n_test):
    return by_scikit_learn(np.random.default_rng(0).permutation(x), n_test=n_test)


@wrong("split_and_scale", "train on the last days")
def trained_on_the_future(x, *, n_test):
    return by_scikit_learn(np.concatenate([x[n_test:], x[:n_test]]), n_test=n_test)


@wrong(
    "split_and_scale", "The training part with n_test=4 should have shape (8, 2), yours has (4, 2)"
)
def cut_at_the_wrong_end(x, *, n_test):
    return by_scikit_learn(x, n_test=len(x) - n_test)


@wrong("split_and_scale", "the price never varies")
def nothing_by_nothing(x, *, n_test):
    mean, std = x[:-n_test].mean(axis=0), x[:-n_test].std(axis=0)
    return (x[:-n_test] - mean) / std, (x[-n_test:] - mean) / std


@wrong("split_and_scale", "the price, 0 in training, is 75,000,000")
def something_tiny_added(x, *, n_test):
    std = x[:-n_test].std(axis=0) + 1e-8
    return scaled_with(x, n_test, x[:-n_test].mean(axis=0), std)


@wrong("split_and_scale", "there the price was raised")
def constant_column_set_to_zero(x, *, n_test):
    std = x[:-n_test].std(axis=0)
    train, test = scaled_with(x, n_test, x[:-n_test].mean(axis=0), std)
    return train * (std > 0), test * (std > 0)


@wrong("split_and_scale", "The test part where one column does not vary")
def price_not_centred(x, *, n_test):
    mean, std = x[:-n_test].mean(axis=0), x[:-n_test].std(axis=0)
    train, test = scaled_with(x, n_test, mean, std)
    return train, test + mean * (std == 0)


@wrong("split_and_scale", "of 12 prices of 0.10 is")
def constants_by_a_spread_of_zero(x, *, n_test):
    mean, std = x[:-n_test].mean(axis=0), x[:-n_test].std(axis=0)
    return scaled_with(x, n_test, mean, std)


@wrong("split_and_scale", "of 12 prices of 8.40 is")
def constants_by_a_spread_below_the_rounding_of_one(x, *, n_test):
    mean, std = x[:-n_test].mean(axis=0), x[:-n_test].std(axis=0)
    return scaled_with(x, n_test, mean, np.where(std < 5e-16, 0, std))


@wrong("split_and_scale", "of 12 prices of 1234567.80 is")
def constants_by_a_spread_below_a_billionth_of_a_thousandth(x, *, n_test):
    mean, std = x[:-n_test].mean(axis=0), x[:-n_test].std(axis=0)
    return scaled_with(x, n_test, mean, np.where(std < 1e-12, 0, std))


@wrong("split_and_scale", "varies by 1e-9 does vary")
def constants_by_a_small_spread(x, *, n_test):
    mean, std = x[:-n_test].mean(axis=0), x[:-n_test].std(axis=0)
    return scaled_with(x, n_test, mean, np.where(np.isclose(std, 0), 0, std))


@wrong("split_and_scale", "table of whole numbers has whole results")
def in_a_table_of_the_same_kind(x, *, n_test):
    out = np.empty_like(x)
    out[:-n_test], out[-n_test:] = by_scikit_learn(x, n_test=n_test)
    return out[:-n_test], out[-n_test:]


@wrong("split_and_scale", "The training part with n_test=4 is wrong in")
def bent_after_scaling(x, *, n_test):
    return [np.tanh(part) for part in by_scikit_learn(x, n_test=n_test)]


@wrong("split_and_scale", "n_test=3")
def four_days_for_the_test(x, *, n_test):
    return by_scikit_learn(x, n_test=4)


@wrong("split_and_scale", "changed its argument `x`")
def scaled_in_place(x, *, n_test):
    x -= x[:-n_test].mean(axis=0)
    return x[:-n_test], x[-n_test:]


# 4


@right("verdict")
def case_by_case(adf_p, kpss_p, *, level=0.05):
    if adf_p < level and kpss_p < level:
        return "contradiction"
    if adf_p < level:
        return "stationary"
    if kpss_p < level:
        return "unit root"
    return "cannot tell"


@right("verdict")
def looked_up(adf_p, kpss_p, *, level=0.05):
    words = np.array([["cannot tell", "unit root"], ["stationary", "contradiction"]])
    return words[int(adf_p < level), int(kpss_p < level)]


@right("verdict")
def with_a_capital(adf_p, kpss_p, *, level=0.05):
    return case_by_case(adf_p, kpss_p, level=level).capitalize()


@wrong("verdict", "KPSS takes no part")
def adf_alone(adf_p, kpss_p, *, level=0.05):
    return "stationary" if adf_p < level else "unit root"


@wrong("verdict", "ADF takes no part")
def kpss_alone(adf_p, kpss_p, *, level=0.05):
    return "unit root" if kpss_p < level else "stationary"


def with_rejections(adf, kpss):
    """The right verdict for these rejections, whatever the tests said."""
    return looked_up(0.0 if adf else 1.0, 0.0 if kpss else 1.0)


@wrong("verdict", "turn KPSS round")
def kpss_turned_round(adf_p, kpss_p, *, level=0.05):
    return with_rejections(adf_p < level, kpss_p >= level)


@wrong("verdict", "turn ADF round")
def adf_turned_round(adf_p, kpss_p, *, level=0.05):
    return with_rejections(adf_p >= level, kpss_p < level)


@wrong("verdict", "large p for a rejection")
def a_large_p_rejects(adf_p, kpss_p, *, level=0.05):
    return with_rejections(adf_p >= level, kpss_p >= level)


@wrong("verdict", "turn both tests round")
def both_turned_round(adf_p, kpss_p, *, level=0.05):
    return with_rejections(kpss_p < level, adf_p < level)


@wrong("verdict", "two that reject do tell")
def silence_is_contradiction(adf_p, kpss_p, *, level=0.05):
    other = {"cannot tell": "contradiction", "contradiction": "cannot tell"}
    word = case_by_case(adf_p, kpss_p, level=level)
    return other.get(word, word)


@wrong("verdict", "proof that ADF does not reject")
def adf_proves(adf_p, kpss_p, *, level=0.05):
    return "unit root" if adf_p >= level else case_by_case(adf_p, kpss_p, level=level)


@wrong("verdict", "proof that KPSS does not reject")
def kpss_proves(adf_p, kpss_p, *, level=0.05):
    return "stationary" if kpss_p >= level else case_by_case(adf_p, kpss_p, level=level)


@wrong("verdict", "believe ADF")
def adf_asked_first(adf_p, kpss_p, *, level=0.05):
    return "stationary" if adf_p < level else case_by_case(adf_p, kpss_p, level=level)


@wrong("verdict", "believe KPSS")
def kpss_asked_first(adf_p, kpss_p, *, level=0.05):
    return "unit root" if kpss_p < level else case_by_case(adf_p, kpss_p, level=level)


@wrong("verdict", "With adf_p = 0.02 and kpss_p = 0.03 you say 'cannot tell'")
def never_a_contradiction(adf_p, kpss_p, *, level=0.05):
    word = case_by_case(adf_p, kpss_p, level=level)
    return "cannot tell" if word == "contradiction" else word


@wrong("verdict", "level for ADF is fixed")
def level_fixed(adf_p, kpss_p, *, level=0.05):
    return case_by_case(adf_p, kpss_p)


@wrong("verdict", "level for KPSS is fixed")
def level_for_one_test_only(adf_p, kpss_p, *, level=0.05):
    return with_rejections(adf_p < level, kpss_p < 0.05)


@wrong("verdict", "no level is given")
def another_default(adf_p, kpss_p, *, level=0.1):
    return case_by_case(adf_p, kpss_p, level=level)


@wrong("verdict", "With adf_p = 0.19, kpss_p = 0.07 and level = 0.1 you say 'contradiction'")
def level_doubled_above_five_percent(adf_p, kpss_p, *, level=0.05):
    return case_by_case(adf_p, kpss_p, level=2 * level if level > 0.05 else level)


@wrong("verdict", "the p of ADF equals the level")
def rejects_at_the_level(adf_p, kpss_p, *, level=0.05):
    return with_rejections(adf_p <= level, kpss_p <= level)


@wrong("verdict", "the p of KPSS equals the level")
def stationary_only_above_the_level(adf_p, kpss_p, *, level=0.05):
    return with_rejections(adf_p < level, not kpss_p > level)


@wrong("verdict", "one of 'stationary', 'unit root', 'cannot tell', 'contradiction'")
def in_other_words(adf_p, kpss_p, *, level=0.05):
    return "proves a unit root" if adf_p >= level else "proves stationarity"


# 5


@right("pinball")
def larger_of_two(demand, made, *, tau):
    return np.maximum(tau * (demand - made), (1 - tau) * (made - demand))


@right("pinball")
def day_by_day(demand, made, *, tau):
    pairs = zip(demand, made, strict=True)
    return [tau * (d - m) if d > m else (1 - tau) * (m - d) for d, m in pairs]


@right("pinball")
def by_torch_in_float32(demand, made, *, tau):
    missing = torch.tensor(demand - made, dtype=torch.float32, requires_grad=True)
    return torch.where(missing > 0, tau * missing, (tau - 1) * missing)


equal(
    "pinball",
    "missing > 0 -> missing >= 0",
    "a day on which nothing is missing and nothing left costs 0 by either price",
)


@right("pinball")
def by_two_parts(demand, made, *, tau):
    missing = np.subtract(demand, made)
    return tau * missing.clip(min=0) - (1 - tau) * missing.clip(max=0)


@wrong("pinball", "Whole tubs have whole costs")
def in_an_array_of_the_same_kind(demand, made, *, tau):
    cost = np.zeros_like(demand)
    cost[:] = larger_of_two(demand, made, tau=tau)
    return cost


@wrong("pinball", "The result with tau=0.9 is wrong in 1 of 9 entries, most at [8]")
def from_one_tub_on(demand, made, *, tau):
    missing = demand - made
    return np.where(missing >= 1, tau * missing, (1 - tau) * np.abs(missing))


@wrong("pinball", "prices are swapped")
def sides_swapped(demand, made, *, tau):
    return larger_of_two(made, demand, tau=tau)


@wrong("pinball", "Both sides cost the same in yours")
def both_sides_cost_tau(demand, made, *, tau):
    return tau * np.abs(demand - made)


@wrong("pinball", "half the absolute error")
def tau_ignored(demand, made, *, tau):
    return np.abs(demand - made) / 2


@wrong("pinball", "negative where tubs are left over")
def sign_forgotten(demand, made, *, tau):
    missing = demand - made
    return np.where(missing > 0, tau * missing, (1 - tau) * missing)


@wrong("pinball", "Too many tubs earn")
def never_bent(demand, made, *, tau):
    return tau * (demand - made)


@wrong("pinball", "left over cost nothing")
def one_side_only(demand, made, *, tau):
    return tau * np.maximum(demand - made, 0)


@wrong("pinball", "too few cost nothing")
def other_side_only(demand, made, *, tau):
    return (1 - tau) * np.maximum(made - demand, 0)


@wrong("pinball", "You square")
def squared(demand, made, *, tau):
    return larger_of_two(demand, made, tau=tau) * np.abs(demand - made)


@wrong("pinball", "stays at 0.9")
def tau_fixed(demand, made, *, tau):
    return larger_of_two(demand, made, tau=0.9)


@wrong("pinball", "cost of each day")
def averaged(demand, made, *, tau):
    return larger_of_two(demand, made, tau=tau).mean()


@wrong("pinball", "the wrong sign")
def smaller_of_two(demand, made, *, tau):
    return -larger_of_two(demand, made, tau=tau)


# 6


@right("feed_back")
def in_a_list(model, series, origin, *, length, horizon):
    known = list(series[:origin])
    for _ in range(horizon):
        known.append(model(known[-length:]))
    return known[origin:]


@right("feed_back")
def in_an_array(model, series, origin, *, length, horizon):
    known = np.zeros(length + horizon, dtype=np.float32)
    known[:length] = series[origin - length : origin]
    for i in range(horizon):
        known[length + i] = model(known[i : length + i])
    return known[length:]


@right("feed_back")
def in_a_tensor(model, series, origin, *, length, horizon):
    window, forecasts = torch.tensor(series[origin - length : origin]).double(), []
    for _ in range(horizon):
        forecasts.append(torch.tensor([model(window)]).double())
        window = torch.cat([window[1:], forecasts[-1]])
    return torch.cat(forecasts)


def fed(model, window, horizon, move):
    """Forecasts of a window, which moves on in this way."""
    forecasts = []
    for _ in range(horizon):
        forecasts.append(model(window))
        window = move(window, forecasts[-1])
    return forecasts


@wrong("feed_back", "values after `origin`")
def truth_fed_back(model, series, origin, *, length, horizon):
    return [model(series[i - length : i]) for i in range(origin, origin + horizon)]


@wrong("feed_back", "feed nothing back")
def window_stands_still(model, series, origin, *, length, horizon):
    return fed(model, series[origin - length : origin], horizon, lambda w, y: w)


@wrong("feed_back", "Your window grows")
def window_grows(model, series, origin, *, length, horizon):
    return fed(model, series[origin - length : origin], horizon, lambda w, y: [*w, y])


@wrong("feed_back", "You show it one of shape (2,)")
def window_shrinks(model, series, origin, *, length, horizon):
    return fed(model, series[origin - length : origin], 2, lambda w, y: w[1:])


@wrong("feed_back", "You show it one of shape (1, 3)")
def window_in_a_batch(model, series, origin, *, length, horizon):
    window = series[origin - length : origin]
    return fed(lambda w: model(np.reshape(w, (1, -1))), window, horizon, lambda w, y: [*w[1:], y])


@wrong("feed_back", "all that is known")
def never_cut(model, series, origin, *, length, horizon):
    return fed(model, series[:origin], horizon, lambda w, y: [*w, y])


@wrong("feed_back", "overwrite the newest")
def newest_overwritten(model, series, origin, *, length, horizon):
    return fed(model, series[origin - length : origin], horizon, lambda w, y: [*w[:-1], y])


@wrong("feed_back", "in front")
def fed_in_front(model, series, origin, *, length, horizon):
    return fed(model, series[origin - length : origin], horizon, lambda w, y: [y, *w[:-1]])


@wrong("feed_back", "the others must move")
def oldest_overwritten(model, series, origin, *, length, horizon):
    return fed(model, series[origin - length : origin], horizon, lambda w, y: [y, *w[1:]])


@wrong("feed_back", "ends before the last value")
def begun_too_early(model, series, origin, *, length, horizon):
    return in_a_list(model, series, origin - 1, length=length, horizon=horizon)


@wrong("feed_back", "windows run backwards")
def turned_round(model, series, origin, *, length, horizon):
    window = series[origin - length : origin][::-1]
    return fed(model, window, horizon, lambda w, y: [y, *w[:-1]])


@wrong("feed_back", "begin with the last known")
def last_known_first(model, series, origin, *, length, horizon):
    forecasts = in_a_list(model, series, origin, length=length, horizon=horizon)
    return [series[origin - 1], *forecasts[:-1]]


@wrong("feed_back", "give the past back")
def past_included(model, series, origin, *, length, horizon):
    known = list(series[:origin])
    return known + in_a_list(model, series, origin, length=length, horizon=horizon)


@wrong("feed_back", "never asks the model")
def without_the_model(model, series, origin, *, length, horizon):
    return np.full(horizon, series[origin - 1])


@wrong("feed_back", "cut to whole numbers")
def kept_in_an_array_of_its_kind(model, series, origin, *, length, horizon):
    window, forecasts = series[origin - length : origin].copy(), []
    for _ in range(horizon):
        forecasts.append(model(window))
        window = np.roll(window, -1)
        window[-1] = forecasts[-1]
    return forecasts


@wrong("feed_back", "changed its argument `series`")
def written_into_the_series(model, series, origin, *, length, horizon):
    for i in range(origin, origin + horizon):
        series[i] = model(series[i - length : i])
    return series[origin : origin + horizon]


@wrong("feed_back", "should have shape (6,), yours has (5,)")
def one_step_too_few(model, series, origin, *, length, horizon):
    return in_a_list(model, series, origin, length=length, horizon=horizon - 1)


@wrong("feed_back", "whole numbers should have shape (4,), yours has (6,)")
def six_steps_whatever_is_asked(model, series, origin, *, length, horizon):
    return in_a_list(model, series, origin, length=length, horizon=6)


@wrong("feed_back", "with length=2, horizon=4 and whole numbers is wrong")
def three_values_whatever_is_asked(model, series, origin, *, length, horizon):
    return in_a_list(model, series, origin, length=3, horizon=horizon)


# 7


def line(x, season):
    t = np.arange(len(x))
    slope, height = np.polyfit(t, x, 1)
    return x - height - slope * t


def difference(x, season):
    return np.diff(x)


def over_a_season(x, season):
    return x[season:] - x[:-season]


TREATMENTS = (line, difference, over_a_season)


def treated(x, season, treatments=TREATMENTS, gain=0.8, most=9, dust=False):
    for _ in range(most):
        if np.ptp(x) == 0 and not dust:
            break
        best = min((treatment(x, season) for treatment in treatments), key=np.std)
        if best.std() >= gain * x.std():
            break
        x = best
    return x


@right("make_stationary")
def by_recursion(series, *, season):
    def treat(x):
        results = [treatment(x, season) for treatment in TREATMENTS]
        spreads = [np.std(result, ddof=1) for result in results]
        if np.ptp(x) == 0 or min(spreads) >= 0.8 * np.std(x, ddof=1):
            return x.tolist()
        return treat(results[np.argmin(spreads)])

    return treat(series)


@right("make_stationary")
def by_the_variance(series, *, season):
    best, x = series, None
    while x is None or best.var() < 0.64 * x.var():
        x = best
        if (x == x[0]).all():
            return x
        best = sorted((treatment(x, season) for treatment in TREATMENTS), key=np.var)[0]
    return x


equal(
    "make_stationary",
    "best.std() >= 0.8 * series.std() -> best.std() > 0.8 * series.std()",
    "numpy's and torch's deviation are both right, and say different things at an exact 0.8",
)


@right("make_stationary")
def by_torch_in_single_precision(series, *, season):
    x = torch.tensor(series, dtype=torch.float32)
    while x.max() > x.min():
        t = torch.stack([torch.ones(len(x)), torch.linspace(-1, 1, len(x))], dim=1)
        fit = t @ torch.linalg.lstsq(t, x[:, None]).solution
        results = [x - fit[:, 0], x.diff(), x[season:] - x[:-season]]
        best = min(results, key=torch.std)
        if best.std() >= 0.8 * x.std():
            break
        x = best
    return x


@wrong("make_stationary", "a random walk with a difference, then a difference")
def differences_twice(series, *, season):
    return np.diff(series, n=2)


@wrong("make_stationary", "a line with noise with a difference. That")
def differences_whatever_comes(series, *, season):
    return np.diff(series)


@wrong("make_stationary", "a random walk with a line")
def lines_whatever_comes(series, *, season):
    return line(series, season)


@wrong("make_stationary", "a random walk with nothing")
def left_alone(series, *, season):
    return series


@wrong("make_stationary", "noise that needs no treatment with a line")
def any_gain_will_do(series, *, season):
    return treated(series, season, gain=1.0, most=1)


@wrong("make_stationary", "a walk with a season that drifts with a difference. That")
def one_treatment_at_most(series, *, season):
    return treated(series, season, most=1)


@wrong(
    "make_stationary", "a walk of walks with a season that drifts with a difference, then a diff"
)
def two_treatments_at_most(series, *, season):
    return treated(series, season, most=2)


@wrong("make_stationary", "a memory of 0.68 with nothing")
def variance_for_spread(series, *, season):
    return treated(series, season, gain=0.64)


@wrong("make_stationary", "a memory of 0.66 with a difference. That")
def a_gain_of_a_tenth(series, *, season):
    return treated(series, season, gain=0.9)


@wrong("make_stationary", "a price that never changes with a difference. That")
def rounding_treated(series, *, season):
    return treated(series, season, dust=True)


@wrong("make_stationary", "go back by `season`?")
def season_off_by_one(series, *, season):
    return treated(series, season - 1)


@wrong("make_stationary", "a random walk with a line, then a difference")
def first_that_helps(series, *, season):
    for treatment in TREATMENTS:
        result = treatment(series, season)
        if result.std() < 0.8 * series.std():
            return first_that_helps(result, season=season)
    return series


@wrong("make_stationary", "keep the length")
def length_kept(series, *, season):
    result = treated(series, season)
    return np.concatenate([np.zeros(len(series) - len(result)), result])


@wrong("make_stationary", "mean away as well")
def centred(series, *, season):
    result = treated(series, season)
    return result - result.mean()


@wrong("make_stationary", "the wrong sign")
def past_minus_present(series, *, season):
    return -treated(series, season)


# The tests

TestAnswers = answers.tests()
