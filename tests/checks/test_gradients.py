"""Answers to the exercises on gradients: right ones, and some one small slip away."""

from __future__ import annotations

import copy
import math
from decimal import Decimal

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from companion import gradients as room
from tests.checks._both_ways import Answers

answers = Answers("gradients")
right, wrong, equal = answers.right, answers.wrong, answers.equal


# 1


@right("scales")
def by_formula(shape):
    K, D = shape
    return (2 / (D + K)) ** 0.5, (2 / D) ** 0.5, (6 / D) ** 0.5


@right("scales")
def by_the_gain_of_torch(shape):
    D, gain = shape[1], nn.init.calculate_gain("relu")
    return torch.tensor([gain / sum(shape) ** 0.5, gain / D**0.5, gain * (3 / D) ** 0.5]).tolist()


def scaled(xavier=None, he=None, bound=None):
    """An answer that says this of K and D, and is right in the rest."""

    def scales(shape):
        said, (K, D) = by_formula(shape), shape
        changes = [change and change(K, D) for change in (xavier, he, bound)]
        return [change or true for change, true in zip(changes, said, strict=True)]

    return scales


@wrong("scales", "`xavier` is the variance")
def xavier_squared(shape):
    return scaled(xavier=lambda K, D: 2 / (D + K))(shape)


@wrong("scales", "a 2 above the line")
def xavier_without_the_two(shape):
    return scaled(xavier=lambda K, D: 1 / math.sqrt(D + K))(shape)


@wrong("scales", "`xavier` asks D alone")
def xavier_forwards(shape):
    return scaled(xavier=lambda K, D: 1 / math.sqrt(D))(shape)


@wrong("scales", "`xavier` asks K alone")
def xavier_backwards(shape):
    return scaled(xavier=lambda K, D: 1 / math.sqrt(K))(shape)


@wrong("scales", "product of D and K")
def xavier_of_the_size(shape):
    return scaled(xavier=lambda K, D: math.sqrt(2 / math.prod((K, D))))(shape)


@wrong("scales", "`xavier` is the bound")
def xavier_evenly(shape):
    return scaled(xavier=lambda K, D: math.sqrt(6 / (D + K)))(shape)


@wrong("scales", "`xavier` is He's")
def names_swapped(shape):
    xavier, he, bound = by_formula(shape)
    return he, xavier, bound


@wrong("scales", "`he` is the variance")
def he_squared(shape):
    return scaled(he=lambda K, D: 2 / D)(shape)


@wrong("scales", "`he` divides by K")
def fans_swapped(shape):
    return by_formula(shape[::-1])


@wrong("scales", "`he` lacks the factor 2")
def he_without_the_two(shape):
    return scaled(he=lambda K, D: 1 / math.sqrt(D))(shape)


@wrong("scales", "`he` is Xavier's")
def he_of_both_sides(shape):
    return scaled(he=lambda K, D: math.sqrt(2 / (D + K)))(shape)


@wrong("scales", "`he` is the bound")
def he_evenly(shape):
    return scaled(he=lambda K, D: math.sqrt(6 / D))(shape)


@wrong("scales", "`bound` is the deviation")
def bound_without_the_root_of_three(shape):
    return scaled(bound=lambda K, D: math.sqrt(2 / D))(shape)


@wrong("scales", "`bound` is 3 deviations")
def bound_by_three(shape):
    return scaled(bound=lambda K, D: 3 * math.sqrt(2 / D))(shape)


@wrong("scales", "`bound` is below the deviation")
def bound_divided(shape):
    return scaled(bound=lambda K, D: math.sqrt(2 / D / 3))(shape)


@wrong("scales", "the width of the range")
def bound_to_bound(shape):
    return scaled(bound=lambda K, D: 2 * math.sqrt(6 / D))(shape)


@wrong("scales", "`bound` is squared")
def bound_squared(shape):
    return scaled(bound=lambda K, D: 6 / D)(shape)


@wrong("scales", "`bound` has the fans swapped")
def bound_of_what_comes_out(shape):
    return scaled(bound=lambda K, D: math.sqrt(6 / K))(shape)


@wrong("scales", "`bound` is for Xavier's")
def bound_of_xavier(shape):
    return scaled(bound=lambda K, D: math.sqrt(6 / (D + K)))(shape)


@wrong("scales", "`xavier for the shape (50, 180)` is too large")
def ones(shape):
    return 1, 1, 1


@wrong("scales", "has 3 results")
def without_the_bound(shape):
    return by_formula(shape)[:2]


@wrong("scales", "`he` goes by the larger of K and D")
def fan_by_the_larger_side(shape):
    return scaled(he=lambda K, D: math.sqrt(2 / max(K, D)))(shape)


@wrong("scales", "for a variance of 1 / D")
def bound_without_the_two(shape):
    return scaled(bound=lambda K, D: math.sqrt(3 / D))(shape)


@wrong("scales", "`xavier for the shape (300, 12)` is too large")
def sizes_of_the_first_layer(shape):
    return by_formula((50, 180))


# 2


@right("powers_of_ten")
def slope_by_slope(slopes):
    return sum(math.log10(abs(slope)) for slope in slopes)


@right("powers_of_ten")
def by_natural_logarithms(slopes):
    return slopes.abs().log().sum() / math.log(10)


@right("powers_of_ten")
def by_numpy_in_double_precision(slopes):
    return np.log10(np.abs(slopes.double().numpy())).sum()


@wrong("powers_of_ten", "6 slopes the result is NaN")
def sign_kept_in_the_product(slopes):
    return slopes.prod().log10()


@wrong("powers_of_ten", "stopped with ValueError")
def sign_kept_in_the_logarithm(slopes):
    return sum(math.log10(slope) for slope in slopes)


@wrong("powers_of_ten", "With 3000 slopes the result is infinite")
def multiplied_first(slopes):
    return slopes.abs().prod().log10()


@wrong("powers_of_ten", "This is the product")
def product(slopes):
    return slopes.prod()


@wrong("powers_of_ten", "size of the product")
def size_of_the_product(slopes):
    return slopes.prod().abs()


@wrong("powers_of_ten", "powers of e")
def natural_logarithm(slopes):
    return slopes.abs().log().sum()


@wrong("powers_of_ten", "powers of two")
def binary_logarithm(slopes):
    return slopes.abs().log2().sum()


@wrong("powers_of_ten", "mean power of one slope")
def averaged(slopes):
    return slopes.abs().log10().mean()


@wrong("powers_of_ten", "mean slope for all")
def mean_slope_to_the_power(slopes):
    return len(slopes) * slopes.abs().mean().log10()


@wrong("powers_of_ten", "logarithm of a sum")
def summed_first(slopes):
    return slopes.abs().sum().log10()


@wrong("powers_of_ten", "leave out the slopes below 0")
def negative_slopes_dropped(slopes):
    return slopes.log10().nansum()


@wrong("powers_of_ten", "give the sign of a slope")
def signed_powers(slopes):
    return (slopes.sign() * slopes.abs().log10()).sum()


@wrong("powers_of_ten", "slopes above 1 as 1")
def large_slopes_cut(slopes):
    return slopes.abs().clamp(max=1).log10().sum()


@wrong("powers_of_ten", "the wrong sign")
def noughts_counted(slopes):
    return -slopes.abs().log10().sum()


@wrong("powers_of_ten", "the first six slopes")
def six_slopes_at_most(slopes):
    return slopes[:6].abs().log10().sum()


@wrong("powers_of_ten", "a number for each slope")
def one_by_one(slopes):
    return slopes.abs().log10()


@wrong("powers_of_ten", "changed its argument `slopes`")
def made_positive_in_place(slopes):
    return slopes.abs_().log10().sum()


@right("powers_of_ten")
def hundred_by_hundred(slopes):
    return sum(float(part.prod().abs().log10()) for part in slopes.double().chunk(60))


@right("powers_of_ten")
def in_decimal_numbers(slopes):
    return math.prod(map(Decimal, slopes.tolist())).copy_abs().log10()


@wrong("powers_of_ten", "You round to a whole power")
def noughts_alone(slopes):
    return math.floor(slopes.abs().log10().sum())


@wrong("powers_of_ten", "The result with 6 slopes holds NaN or infinity")
def negative_slopes_cut(slopes):
    return slopes.relu().log10().sum()


@wrong("powers_of_ten", "The result with 3000 slopes is too large.")
def kept_away_from_nought(slopes):
    return (slopes.abs() + 1e-8).log10().sum()


@wrong("powers_of_ten", "leaves out the first slope")
def counted_from_one(slopes):
    return sum(math.log10(abs(slopes[t])) for t in range(1, len(slopes)))


a_reading = "nothing is trained through this number: it is read"
equal("powers_of_ten", "the result is detached", a_reading)
equal("powers_of_ten", "all is done under no_grad", a_reading)


# 3


def norm_of(gradients):
    return torch.cat([g.flatten() for g in gradients]).norm()


@right("clip_all")
def by_one_long_tensor(gradients, max_norm):
    total = norm_of(gradients)
    return [g * max_norm / total if total > max_norm else 1 * g for g in gradients]


@right("clip_all")
def by_torch_on_copies(gradients, max_norm):
    parameters = [nn.Parameter(g) for g in gradients]
    for parameter, g in zip(parameters, gradients, strict=True):
        parameter.grad = g.clone()
    nn.utils.clip_grad_norm_(parameters, max_norm)
    return tuple(parameter.grad for parameter in parameters)


@right("clip_all")
def by_a_factor_at_most_one(gradients, max_norm):
    factor = (max_norm / norm_of(gradients)).clamp(max=1)
    return [g.numpy() * factor.item() for g in gradients]


def cut(gradients, max_norm, norm):
    """Gradients clipped by what is wrongly taken for their norm."""
    return [g * min(1, max_norm / max(float(norm), 1e-9)) for g in gradients]


@wrong("clip_all", "You cut each entry. ")
def each_entry_clamped(gradients, max_norm):
    return [g.clamp(-max_norm, max_norm) for g in gradients]


@wrong("clip_all", "cut each entry from above")
def large_entries_clamped(gradients, max_norm):
    return [g.clamp(max=max_norm) for g in gradients]


@wrong("clip_all", "by its own norm")
def each_tensor_by_itself(gradients, max_norm):
    return [cut([g], max_norm, g.norm())[0] for g in gradients]


@wrong("clip_all", "each tensor the norm `max_norm`")
def each_tensor_scaled(gradients, max_norm):
    return [g * max_norm / g.norm() for g in gradients]


@wrong("clip_all", "too long by themselves")
def short_tensors_spared(gradients, max_norm):
    clipped = by_one_long_tensor(gradients, max_norm)
    pairs = zip(gradients, clipped, strict=True)
    return [new if old.norm() > max_norm else old for old, new in pairs]


@wrong("clip_all", "add the norms of the tensors")
def norms_added(gradients, max_norm):
    return cut(gradients, max_norm, sum(g.norm() for g in gradients))


@wrong("clip_all", "forgot the root")
def norm_squared(gradients, max_norm):
    return cut(gradients, max_norm, sum((g**2).sum() for g in gradients))


@wrong("clip_all", "add absolute values")
def absolute_values_added(gradients, max_norm):
    return cut(gradients, max_norm, sum(g.abs().sum() for g in gradients))


@wrong("clip_all", "largest entry")
def by_the_largest_entry(gradients, max_norm):
    return cut(gradients, max_norm, max(g.abs().max() for g in gradients))


@wrong("clip_all", "longest tensor")
def by_the_longest_tensor(gradients, max_norm):
    return cut(gradients, max_norm, max(g.norm() for g in gradients))


@wrong("clip_all", "mean of squares")
def by_the_root_of_a_mean(gradients, max_norm):
    size = sum(g.numel() for g in gradients)
    return cut(gradients, max_norm, norm_of(gradients) / size**0.5)


@wrong("clip_all", "The norm is 1 now")
def brought_to_one(gradients, max_norm):
    total = norm_of(gradients)
    return [g / total if total > max_norm else g for g in gradients]


@wrong("clip_all", "You made it longer")
def always_scaled(gradients, max_norm):
    total = norm_of(gradients)
    return [g * max_norm / total for g in gradients]


@wrong("clip_all", "as long as before")
def never_clipped(gradients, max_norm):
    return gradients


@wrong("clip_all", "and max_norm=2.5 has the right proportions")
def clipped_to_half(gradients, max_norm):
    return by_one_long_tensor(gradients, max_norm / 2)


@wrong("clip_all", "The result for a norm of 0 and max_norm=1 holds NaN")
def zero_by_zero(gradients, max_norm):
    total = norm_of(gradients)
    return [g / total * min(max_norm, total.item()) for g in gradients]


@wrong("clip_all", "changed its argument `gradients`")
def clipped_in_place(gradients, max_norm):
    for g, new in zip(gradients, by_one_long_tensor(gradients, max_norm), strict=True):
        g.copy_(new)
    return gradients


@wrong("clip_all", "has 3 results")
def left_as_one_long_tensor(gradients, max_norm):
    return torch.cat([g.flatten() for g in by_one_long_tensor(gradients, max_norm)])


@wrong("clip_all", "Gradient 0 had shape (3, 2), yours has (6,)")
def left_flat(gradients, max_norm):
    return [g.flatten() for g in by_one_long_tensor(gradients, max_norm)]


@wrong("clip_all", "also where nothing is shortened")
def old_list_where_nothing_is_too_long(gradients, max_norm):
    return by_one_long_tensor(gradients, max_norm) if norm_of(gradients) > max_norm else gradients


@wrong("clip_all", "yours gave 3")
def three_tensors_at_most(gradients, max_norm):
    return by_one_long_tensor(gradients[:3], max_norm)


@wrong("clip_all", "by the first tensor")
def by_the_first_tensor(gradients, max_norm):
    return cut(gradients, max_norm, gradients[0].norm())


@wrong("clip_all", "every gradient to the norm 1")
def always_brought_to_one(gradients, max_norm):
    return [g / norm_of(gradients) for g in gradients]


@wrong("clip_all", "every entry is 0.4 times")
def max_norm_ignored(gradients, max_norm):
    return cut(gradients, 1.0, norm_of(gradients))


@wrong("clip_all", "every entry is 3.8 times")
def square_of_the_norm_compared(gradients, max_norm):
    total = norm_of(gradients)
    return [g * max_norm / total if total**2 > max_norm else 1 * g for g in gradients]


equal("clip_all", "total > max_norm -> total >= max_norm", "the factor of equal lengths is 1")
the_end = "gradients are the end of the way back: nothing is trained through them"
equal("clip_all", "the result is detached", the_end)
equal("clip_all", "all is done under no_grad", the_end)


# 4


@right("batch_norm")
def by_torch(x, gamma, beta, mean, variance, momentum, training):
    mean, variance = mean.clone(), variance.clone()
    y = functional.batch_norm(x, mean, variance, gamma, beta, training, momentum)
    return y, mean, variance


@wrong("batch_norm", "No gradient comes back to `gamma`, `beta`. A copy")
def by_the_layer_of_the_chapter(x, gamma, beta, mean, variance, momentum, training):
    layer = room.BatchNorm(x.shape[1], momentum=momentum).train(training)
    state = {"weight": gamma, "bias": beta, "running_mean": mean, "running_var": variance}
    layer.load_state_dict(state, strict=False)
    return layer(x), layer.running_mean, layer.running_var


@right("batch_norm")
def by_the_layer_with_these_weights(x, gamma, beta, mean, variance, momentum, training):
    layer = nn.BatchNorm1d(len(gamma), momentum=momentum).train(training)
    state = {"weight": gamma, "bias": beta, "running_mean": mean, "running_var": variance}
    state |= {"running_mean": mean.clone(), "running_var": variance.clone()}
    y = torch.func.functional_call(layer, state, (x,))
    return y, state["running_mean"], state["running_var"]


@right("batch_norm")
def column_by_column(x, gamma, beta, mean, variance, momentum, training):
    outputs, means, variances = [], [], []
    for d, column in enumerate(x.T):
        N, centre, spread = len(column), mean[d], variance[d]
        if training:
            centre = sum(column) / N
            spread = sum((each - centre) ** 2 for each in column) / N
        outputs.append(gamma[d] * (column - centre) / torch.sqrt(spread + 0.00001) + beta[d])
        means.append(mean[d] + momentum * (centre - mean[d]) if training else mean[d])
        wide = spread * N / (N - 1) if training else variance[d]
        variances.append(variance[d] + momentum * (wide - variance[d]))
    return torch.stack(outputs, 1), torch.stack(means).tolist(), [float(v) for v in variances]


@wrong("batch_norm", "Yours is of the type ndarray")
def by_numpy(x, gamma, beta, mean, variance, momentum, training):
    x, mean, variance = (each.double().numpy() for each in (x, mean, variance))
    centre, spread = (x.mean(0), x.var(0)) if training else (mean, variance)
    if training:
        mean = mean + momentum * (x.mean(0) - mean)
        variance = variance + momentum * (x.var(0, ddof=1) - variance)
    return gamma.numpy() * (x - centre) / np.sqrt(spread + 1e-5) + beta.numpy(), mean, variance


def normalised(x, gamma, beta, mean, variance, eps=1e-5):
    return gamma * (x - mean) / (variance + eps).sqrt() + beta


def by_batch(x, gamma, beta, mean, variance, training, *, correction=0, eps=1e-5):
    """The output, if this is added to the variance, or this is subtracted from N."""
    if training:
        mean, variance = x.mean(0), x.var(0, correction=correction)
    return normalised(x, gamma, beta, mean, variance, eps)


@wrong("batch_norm", "In training you use the running numbers")
def running_numbers_in_training(x, gamma, beta, mean, variance, momentum, training):
    _, *new = by_torch(x, gamma, beta, mean, variance, momentum, training)
    return normalised(x, gamma, beta, mean, variance), *new


@wrong("batch_norm", "after their step")
def new_running_numbers_in_training(x, gamma, beta, mean, variance, momentum, training):
    _, *new = by_torch(x, gamma, beta, mean, variance, momentum, training)
    return normalised(x, gamma, beta, *new), *new


@wrong("batch_norm", "In evaluation you use the batch")
def batch_in_evaluation(x, gamma, beta, mean, variance, momentum, training):
    _, *new = by_torch(x, gamma, beta, mean, variance, momentum, training)
    return normalised(x, gamma, beta, x.mean(0), x.var(0, correction=0)), *new


@wrong("batch_norm", "In evaluation your `mean` moves")
def learning_in_evaluation(x, gamma, beta, mean, variance, momentum, training):
    y, *_ = by_torch(x, gamma, beta, mean, variance, momentum, training)
    return y, *by_torch(x, gamma, beta, mean, variance, momentum, True)[1:]


@wrong("batch_norm", "In evaluation your `variance` moves")
def variance_learning_in_evaluation(x, gamma, beta, mean, variance, momentum, training):
    y, new, _ = by_torch(x, gamma, beta, mean, variance, momentum, training)
    return y, new, by_torch(x, gamma, beta, mean, variance, momentum, True)[2]


@wrong("batch_norm", "variance that normalises. It divides by N.")
def unbiased_in_the_output(x, gamma, beta, mean, variance, momentum, training):
    y = by_batch(x, gamma, beta, mean, variance, training, correction=1)
    return y, *by_torch(x, gamma, beta, mean, variance, momentum, training)[1:]


@wrong("batch_norm", "This one, by N - 1")
def biased_in_the_running_variance(x, gamma, beta, mean, variance, momentum, training):
    y, new, _ = by_torch(x, gamma, beta, mean, variance, momentum, training)
    step = momentum * training
    return y, new, (1 - step) * variance + step * x.var(0, correction=0)


@wrong("batch_norm", "towards a deviation")
def running_deviation(x, gamma, beta, mean, variance, momentum, training):
    y, new, _ = by_torch(x, gamma, beta, mean, variance, momentum, training)
    step = momentum * training
    return y, new, (1 - step) * variance + step * x.std(0)


@wrong("batch_norm", "`mean` has its momentum the wrong way round")
def momentum_turned_round(x, gamma, beta, mean, variance, momentum, training):
    return by_torch(x, gamma, beta, mean, variance, 1 - momentum, training)


@wrong("batch_norm", "`variance` has its momentum the wrong way round")
def momentum_of_the_variance_turned_round(x, gamma, beta, mean, variance, momentum, training):
    y, new, _ = by_torch(x, gamma, beta, mean, variance, momentum, training)
    return y, new, by_torch(x, gamma, beta, mean, variance, 1 - momentum, training)[2]


@wrong("batch_norm", "`mean` stays as it was")
def nothing_remembered(x, gamma, beta, mean, variance, momentum, training):
    return by_batch(x, gamma, beta, mean, variance, training), mean, variance


@wrong("batch_norm", "`mean` is the batch's own")
def last_batch_remembered(x, gamma, beta, mean, variance, momentum, training):
    return by_torch(x, gamma, beta, mean, variance, 1.0, training)


@wrong("batch_norm", "lets go of nothing")
def running_mean_that_grows(x, gamma, beta, mean, variance, momentum, training):
    y, _, new = by_torch(x, gamma, beta, mean, variance, momentum, training)
    return y, mean + momentum * training * x.mean(0), new


@wrong("batch_norm", "You normalise each row")
def rows_for_columns(x, gamma, beta, mean, variance, momentum, training):
    y, *new = by_torch(x, gamma, beta, mean, variance, momentum, training)
    return functional.layer_norm(x, x.shape[1:], gamma, beta) if training else y, *new


@wrong("batch_norm", "whole table at once")
def one_mean_for_all(x, gamma, beta, mean, variance, momentum, training):
    y, *new = by_torch(x, gamma, beta, mean, variance, momentum, training)
    whole = normalised(x, gamma, beta, x.mean(), x.var(correction=0))
    return whole if training else y, *new


@wrong("batch_norm", "eps stands outside the root")
def eps_outside(x, gamma, beta, mean, variance, momentum, training):
    _, *new = by_torch(x, gamma, beta, mean, variance, momentum, training)
    return gamma * (x - x.mean(0)) / (x.std(0, correction=0) + 1e-5) + beta, *new


@wrong("batch_norm", "eps is missing")
def eps_forgotten(x, gamma, beta, mean, variance, momentum, training):
    _, *new = by_torch(x, gamma, beta, mean, variance, momentum, training)
    return by_batch(x, gamma, beta, mean, variance, training, eps=0), *new


@wrong("batch_norm", "divide by the variance")
def root_forgotten(x, gamma, beta, mean, variance, momentum, training):
    _, *new = by_torch(x, gamma, beta, mean, variance, momentum, training)
    return gamma * (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5) + beta, *new


@wrong("batch_norm", "`gamma` is missing")
def not_scaled(x, gamma, beta, mean, variance, momentum, training):
    return by_torch(x, torch.ones_like(gamma), beta, mean, variance, momentum, training)


@wrong("batch_norm", "`beta` is missing")
def not_shifted(x, gamma, beta, mean, variance, momentum, training):
    return by_torch(x, gamma, torch.zeros_like(beta), mean, variance, momentum, training)


@wrong("batch_norm", "`gamma` and `beta` have changed places")
def ends_swapped(x, gamma, beta, mean, variance, momentum, training):
    return by_torch(x, beta, gamma, mean, variance, momentum, training)


@wrong("batch_norm", "`y with training=False` is wrong")
def bent(x, gamma, beta, mean, variance, momentum, training):
    y, *new = by_torch(x, gamma, beta, mean, variance, momentum, training)
    return y if training else y.tanh(), *new


@wrong("batch_norm", "`variance with training=True` has the right proportions")
def running_variance_halved(x, gamma, beta, mean, variance, momentum, training):
    y, mean, variance = by_torch(x, gamma, beta, mean, variance, momentum, training)
    return y, mean, variance / 2


@wrong("batch_norm", "changed its argument `mean`")
def running_numbers_moved_in_place(x, gamma, beta, mean, variance, momentum, training):
    y = functional.batch_norm(x, mean, variance, gamma, beta, training, momentum)
    return y, mean, variance


@wrong("batch_norm", "has 3 results")
def output_alone(x, gamma, beta, mean, variance, momentum, training):
    return by_batch(x, gamma, beta, mean, variance, training)


@wrong("batch_norm", "Your mean and variance let no gradient through")
def statistics_held_fast(x, gamma, beta, mean, variance, momentum, training):
    y = by_batch(x.detach(), gamma, beta, mean, variance, training)
    slope = gamma / ((x.var(0, correction=0) if training else variance) + 1e-5).sqrt()
    y = y + (x - x.detach()) * slope.detach()
    return y, *by_torch(x, gamma, beta, mean, variance, momentum, training)[1:]


@wrong("batch_norm", "Your mean lets no gradient through")
def mean_held_fast(x, gamma, beta, mean, variance, momentum, training):
    centre, spread = (x.mean(0).detach(), x.var(0, correction=0)) if training else (mean, variance)
    y = normalised(x, gamma, beta, centre, spread)
    return y, *by_torch(x, gamma, beta, mean, variance, momentum, training)[1:]


@wrong("batch_norm", "does not know how it was made")
def all_without_gradient(x, gamma, beta, mean, variance, momentum, training):
    with torch.no_grad():
        return by_torch(x, gamma, beta, mean, variance, momentum, training)


@wrong("batch_norm", "`mean with training=True` is wrong in 4 of 4 entries")
def momentum_of_the_first_call(x, gamma, beta, mean, variance, momentum, training):
    y, _, new = by_torch(x, gamma, beta, mean, variance, momentum, training)
    return y, by_torch(x, gamma, beta, mean, variance, 0.3, training)[1], new


@wrong("batch_norm", "`variance of a single row in evaluation` holds NaN")
def a_step_of_nought_in_evaluation(x, gamma, beta, mean, variance, momentum, training):
    y, *_ = by_torch(x, gamma, beta, mean, variance, momentum, training)
    step = momentum * training
    return y, mean + step * (x.mean(0) - mean), variance + step * (x.var(0) - variance)


@wrong("batch_norm", "The root is drawn twice")
def deviation_for_variance(x, gamma, beta, mean, variance, momentum, training):
    y, *new = by_torch(x, gamma, beta, mean, variance, momentum, training)
    twice = normalised(x, gamma, beta, x.mean(0), x.std(0, correction=0))
    return twice if training else y, *new


# 5


@right("layer_norm")
def layer_by_torch(x, gamma, beta):
    return functional.layer_norm(x, x.shape[-1:], gamma, beta)


@wrong("layer_norm", "No gradient comes back to `gamma`, `beta`.")
def by_the_other_layer_of_the_chapter(x, gamma, beta):
    layer = room.LayerNorm(x.shape[-1])
    layer.load_state_dict({"weight": gamma, "bias": beta})
    return layer(x)


@right("layer_norm")
def example_by_example(x, gamma, beta):
    rows = x.reshape(-1, x.shape[-1])
    done = [(row - row.mean()) / (row.var(correction=0) + 1e-5) ** 0.5 for row in rows]
    return (gamma * torch.stack(done) + beta).reshape(x.shape)


def over(*axes, x, gamma, beta, correction=0, eps=1e-5):
    mean = x.mean(axes, keepdim=True)
    return normalised(x, gamma, beta, mean, x.var(axes, keepdim=True, correction=correction), eps)


@wrong("layer_norm", "over the batch")
def by_the_batch(x, gamma, beta):
    return over(0, x=x, gamma=gamma, beta=beta)


@wrong("layer_norm", "over time: a word would see the words after it")
def by_the_axis_of_the_first_call(x, gamma, beta):
    return over(1, x=x, gamma=gamma, beta=beta)


@wrong("layer_norm", "normalise all at once")
def all_at_once(x, gamma, beta):
    return normalised(x, gamma, beta, x.mean(), x.var(correction=0))


@wrong("layer_norm", "each text as a whole")
def all_but_the_first_axis(x, gamma, beta):
    return over(*range(1, x.dim()), x=x, gamma=gamma, beta=beta)


@wrong("layer_norm", "over all but the last axis")
def all_but_the_last_axis_of_texts(x, gamma, beta):
    axes = range(x.dim() - 1)
    return over(*axes, x=x, gamma=gamma, beta=beta)


@wrong("layer_norm", "You divide by D - 1 for the variance that normalises. It divides by D.")
def unbiased(x, gamma, beta):
    return over(-1, x=x, gamma=gamma, beta=beta, correction=1)


@wrong("layer_norm", "outside the root")
def eps_on_the_deviation(x, gamma, beta):
    deviation = x.std(-1, keepdim=True, correction=0)
    return gamma * (x - x.mean(-1, keepdim=True)) / (deviation + 1e-5) + beta


@wrong("layer_norm", "eps is missing")
def without_eps(x, gamma, beta):
    return over(-1, x=x, gamma=gamma, beta=beta, eps=0)


@wrong("layer_norm", "mean is not subtracted")
def not_centred(x, gamma, beta):
    return normalised(x, gamma, beta, 0, x.var(-1, keepdim=True, correction=0))


@wrong("layer_norm", "Nothing is divided by")
def only_centred(x, gamma, beta):
    return gamma * (x - x.mean(-1, keepdim=True)) + beta


@wrong("layer_norm", "`gamma` and `beta` are missing")
def ends_forgotten(x, gamma, beta):
    return functional.layer_norm(x, x.shape[-1:])


@wrong("layer_norm", "`gamma` multiplies `beta` too")
def shifted_before_it_is_scaled(x, gamma, beta):
    return gamma * (functional.layer_norm(x, x.shape[-1:]) + beta)


@wrong("layer_norm", "The result for shape (2, 3, 6) is wrong")
def texts_bent(x, gamma, beta):
    y = layer_by_torch(x, gamma, beta)
    return y.tanh() if x.dim() == 3 else y


@wrong("layer_norm", "stopped with RuntimeError")
def axis_lost(x, gamma, beta):
    return normalised(x, gamma, beta, x.mean(-1), x.var(-1, correction=0))


@wrong("layer_norm", "changed its argument `x`")
def centred_in_place(x, gamma, beta):
    x -= x.mean(-1, keepdim=True)
    return layer_by_torch(x, gamma, beta)


@right("layer_norm")
def by_sums_of_products(x, gamma, beta):
    centred = x - x.mean(-1, keepdim=True)
    variance = torch.einsum("...d,...d->...", centred, centred) / x.shape[-1]
    return torch.addcmul(beta, gamma, centred * torch.rsqrt(variance + 1e-5)[..., None])


@wrong("layer_norm", "in the variance neither")
def by_the_root_of_mean_squares(x, gamma, beta):
    return normalised(x, gamma, beta, 0, (x**2).mean(-1, keepdim=True))


@wrong("layer_norm", "in its line 3")
def features_of_the_first_call(x, gamma, beta):
    return functional.layer_norm(x, (4,), gamma, beta)


@wrong("layer_norm", "over the last axis but one")
def by_the_axis_before_the_last(x, gamma, beta):
    return over(-2, x=x, gamma=gamma, beta=beta)


@wrong("layer_norm", "Your variance lets no gradient through")
def variance_held_fast(x, gamma, beta):
    variance = x.var(-1, keepdim=True, correction=0).detach()
    return normalised(x, gamma, beta, x.mean(-1, keepdim=True), variance)


@wrong("layer_norm", "No gradient comes back to `gamma`. A copy")
def gamma_from_its_data(x, gamma, beta):
    return layer_by_torch(x, gamma.data, beta)


@wrong("layer_norm", "does not know how it was made")
def normalised_and_detached(x, gamma, beta):
    return layer_by_torch(x, gamma, beta).detach()


# 6


@right("residual_block")
def by_torch_functions(x, W1, b1, W2, b2):
    return x + functional.linear(functional.linear(x, W1, b1).relu(), W2, b2)


@right("residual_block")
def by_the_module_with_these_weights(x, W1, b1, W2, b2):
    first, second = nn.Linear(*W1.T.shape), nn.Linear(*W2.T.shape)
    block = room.Residual(nn.Sequential(first, nn.ReLU(), second))
    names = (name for name, _ in block.named_parameters())
    weights = dict(zip(names, (W1, b1, W2, b2), strict=True))
    return torch.func.functional_call(block, weights, (x,))


@wrong("residual_block", "No gradient comes back to `W2`, `b2`. A copy")
def copied_into_a_layer(x, W1, b1, W2, b2):
    second = nn.Linear(*W2.T.shape)
    second.load_state_dict({"weight": W2, "bias": b2})
    return x + second(torch.relu(x @ W1.T + b1))


@right("residual_block")
def row_by_row(x, W1, b1, W2, b2):
    return torch.stack([row + W2 @ (W1 @ row + b1).clamp(min=0) + b2 for row in x])


def noted(x, W1, b1, W2, b2, *, early=lambda x: x, bend=torch.relu, late=lambda z: z):
    """A branch, with a bend before, between and after its layers."""
    return late(bend(early(x) @ W1.T + b1) @ W2.T + b2)


def straight(z):
    return z


@wrong("residual_block", "after the sum, and only there")
def bent_after_the_sum_only(x, *weights):
    return torch.relu(x + noted(x, *weights, bend=straight))


@wrong("residual_block", "after the sum: nothing below 0")
def bent_after_the_sum_too(x, *weights):
    return torch.relu(x + noted(x, *weights))


@wrong("residual_block", "could only ever add")
def bent_at_the_end_too(x, *weights):
    return x + noted(x, *weights, late=torch.relu)


@wrong("residual_block", "stands at the end of the branch")
def bent_at_the_end_only(x, *weights):
    return x + noted(x, *weights, bend=straight, late=torch.relu)


@wrong("residual_block", "stands before the first layer")
def bent_before(x, *weights):
    return x + noted(x, *weights, early=torch.relu, bend=straight)


@wrong("residual_block", "two linear layers are one")
def never_bent(x, *weights):
    return x + noted(x, *weights, bend=straight)


@wrong("residual_block", "no skip")
def branch_alone(x, *weights):
    return noted(x, *weights)


@wrong("residual_block", "multiply by x")
def multiplied(x, *weights):
    return x * noted(x, *weights)


@wrong("residual_block", "subtract the branch")
def branch_subtracted(x, *weights):
    return x - noted(x, *weights)


@wrong("residual_block", "subtract x")
def skip_subtracted(x, *weights):
    return noted(x, *weights) - x


@wrong("residual_block", "takes the ReLU of x")
def skip_bent(x, *weights):
    return torch.relu(x) + noted(x, *weights)


@wrong("residual_block", "`b1` is missing")
def first_bias_forgotten(x, W1, b1, W2, b2):
    return by_torch_functions(x, W1, 0 * b1, W2, b2)


@wrong("residual_block", "`b2` is missing")
def second_bias_forgotten(x, W1, b1, W2, b2):
    return by_torch_functions(x, W1, b1, W2, 0 * b2)


@wrong("residual_block", "Both biases are missing")
def biases_forgotten(x, W1, b1, W2, b2):
    return by_torch_functions(x, W1, 0 * b1, W2, 0 * b2)


@wrong("residual_block", "In yours nothing does")
def skip_cut_off(x, *weights):
    return x.detach() + noted(x, *weights)


@wrong("residual_block", "no gradient goes back")
def cut_off(x, *weights):
    return by_torch_functions(x, *weights).detach()


@wrong("residual_block", "In yours a part does")
def one_column_cut_off(x, *weights):
    kept = torch.cat([x[:, :1].detach(), x[:, 1:]], dim=1)
    return kept + noted(x, *weights)


@wrong("residual_block", "with all weights 0")
def floor_under_the_weights(x, W1, b1, W2, b2):
    return by_torch_functions(x, W1, b1, W2, b2 + (not b2.any()))


@wrong("residual_block", "stopped with RuntimeError")
def not_turned(x, W1, b1, W2, b2):
    return x + torch.relu(x @ W1 + b1) @ W2 + b2


@wrong("residual_block", "changed its argument `x`")
def added_in_place(x, *weights):
    x += noted(x, *weights)
    return x


@wrong("residual_block", "No gradient comes back to `W1`, `b1`. A copy")
def note_detached_half_way(x, *weights):
    return x + noted(x, *weights, bend=lambda z: torch.relu(z).detach())


@wrong("residual_block", "by the skip alone")
def note_on_a_copy_of_x(x, *weights):
    return x + noted(x.detach(), *weights)


@wrong("residual_block", "`W1`, `b1`, `W2`, `b2`. A copy, `detach` or `no_grad` cuts it off.")
def branch_without_gradient(x, *weights):
    with torch.no_grad():
        note = noted(x, *weights)
    return x + note


@wrong("residual_block", "You add x twice")
def skip_inside_the_branch_too(x, *weights):
    return x + by_torch_functions(x, *weights)


@wrong("residual_block", "No gradient goes back through your result: ")
def bent_by_hand_in_place(x, W1, b1, W2, b2):
    h = torch.relu(x @ W1.T + b1)
    h *= h > 0
    return x + h @ W2.T + b2


# 7


@right("open_gate")
def by_the_function_of_the_chapter(lstm, bias):
    room.open_forget_gate(lstm, bias)
    return lstm


@right("open_gate")
def half_in_each_bias(lstm, bias):
    for name, p in lstm.named_parameters():
        if "bias" in name:
            nn.init.constant_(p.data.chunk(4)[1], bias / 2)
    return lstm


@right("open_gate")
def by_what_is_missing(lstm, bias):
    for name, p in lstm.named_parameters():
        if "bias_hh" in name:
            f = slice(lstm.hidden_size, 2 * lstm.hidden_size)
            p.data[f] = bias - lstm.get_parameter(name.replace("hh", "ih")).data[f]
    return lstm


@torch.no_grad()
def filled(lstm, *, ih=None, hh=None, gates="f", names="bias", add=False):
    """An LSTM whose biases of these gates are set to ih and hh, or these are added to them."""
    for name, p in lstm.named_parameters():
        for gate, block in zip("ifgo", p.chunk(4), strict=True):
            value = ih if "ih" in name else hh
            if value is not None and name.startswith("bias") and names in name and gate in gates:
                block.copy_(value + add * block)
    return lstm


@wrong("open_gate", "All layers and directions count")
def first_layer_only(lstm, bias):
    return filled(lstm, ih=bias, hh=0, names="l0")


@wrong("open_gate", "`bias_ih_l0_reverse + bias_hh_l0_reverse` the gate is as it was")
def backward_direction_forgotten(lstm, bias):
    for k in range(lstm.num_layers):
        for kind, value in (("ih", bias), ("hh", 0.0)):
            lstm.get_parameter(f"bias_{kind}_l{k}").data.chunk(4)[1].fill_(value)
    return lstm


@wrong("open_gate", "`bias_ih_l0 + bias_hh_l0` the gate is as it was")
def gate_left_alone(lstm, bias):
    return lstm


@wrong("open_gate", "all four gates")
def all_gates(lstm, bias):
    return filled(lstm, ih=bias, hh=0, gates="ifgo")


@wrong("open_gate", "You set i.")
def first_block(lstm, bias):
    return filled(lstm, ih=bias, hh=0, gates="i")


@wrong("open_gate", "You set g.")
def third_block(lstm, bias):
    return filled(lstm, ih=bias, hh=0, gates="g")


@wrong("open_gate", "You set f and g.")
def inner_half(lstm, bias):
    return filled(lstm, ih=bias, hh=0, gates="fg")


@wrong("open_gate", "`bias` twice, in sum")
def both_biases(lstm, bias):
    return filled(lstm, ih=bias, hh=bias)


@wrong("open_gate", "What chance left in `bias_hh`")
def first_bias_only(lstm, bias):
    return filled(lstm, ih=bias)


@wrong("open_gate", "What chance left in `bias_ih`")
def second_bias_only(lstm, bias):
    return filled(lstm, hh=bias)


@wrong("open_gate", "add to the old bias")
def added_to_one(lstm, bias):
    return filled(lstm, ih=bias, add=True)


@wrong("open_gate", "add to both old biases")
def added_to_both(lstm, bias):
    return filled(lstm, ih=bias, hh=bias, add=True)


@wrong("open_gate", "before the sigmoid")
def gate_for_bias(lstm, bias):
    return filled(lstm, ih=1 / (1 + math.exp(-bias)), hh=0)


@wrong("open_gate", "shut in yours")
def turned_round(lstm, bias):
    return filled(lstm, ih=-bias, hh=0)


@wrong("open_gate", "half open")
def set_to_nought(lstm, bias):
    return filled(lstm, ih=0, hh=0)


@wrong("open_gate", "The block f of bias_ih_l0 + bias_hh_l0 has the right proportions")
def bias_fixed(lstm, bias):
    return filled(lstm, ih=1.0, hh=0)


@wrong("open_gate", "You emptied biases")
def second_bias_emptied(lstm, bias):
    return filled(filled(lstm, hh=0, gates="ifgo"), ih=bias)


@wrong("open_gate", "You changed `weight_ih_l0`")
def weights_too(lstm, bias):
    for p in lstm.parameters():
        p.data.chunk(4)[1].fill_(bias)
    return lstm


@wrong("open_gate", "yours is another")
def a_copy(lstm, bias):
    return filled(copy.deepcopy(lstm), ih=bias, hh=0)


@wrong("open_gate", "There is a new `bias_ih_l0`")
def new_parameters(lstm, bias):
    for name, p in list(lstm.named_parameters())[2:]:
        setattr(lstm, name, nn.Parameter(p.detach().clone()))
    return filled(lstm, ih=bias, hh=0)


@wrong("open_gate", "returned None")
def not_returned(lstm, bias):
    room.open_forget_gate(lstm, bias)


@wrong("open_gate", "in-place operation")
def with_the_tape_running(lstm, bias):
    lstm.bias_ih_l0[4:8] = bias
    return lstm


@wrong("open_gate", "`weight_ih_l0` asks for no gradient any more")
def frozen(lstm, bias):
    return filled(lstm.requires_grad_(False), ih=bias, hh=0)


@wrong("open_gate", "leaves gradients switched off")
def gradients_switched_off(lstm, bias):
    torch.set_grad_enabled(False)
    return filled(lstm, ih=bias, hh=0)


@wrong("open_gate", "In `bias_ih_l0` other numbers than those of f have changed")
def pairs_put_together(lstm, bias):
    for name in [name for name in lstm.state_dict() if "bias_ih" in name]:
        ih, hh = (lstm.get_parameter(each).data for each in (name, name.replace("ih", "hh")))
        ih += hh
        hh.zero_()
    return filled(lstm, ih=bias)


@wrong("open_gate", "You set i and f. f alone is to open, the second")
def size_of_the_first_lstm(lstm, bias):
    for name, p in lstm.named_parameters():
        if "bias" in name:
            p.data[4:8] = bias / 2
    return lstm


equal("open_gate", "'ih' in name -> 'ih' not in name", "the sum is the same")


# The tests

TestAnswers = answers.tests()
