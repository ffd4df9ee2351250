"""Answers to the exercises on backpropagation: right ones, and some one small slip away."""

from __future__ import annotations

import math

import numpy as np
import torch

from companion.backprop import Tensor
from tests.checks._both_ways import Answers

answers = Answers("backprop")
right, wrong, equal = answers.right, answers.wrong, answers.equal


# 1


@right("softplus_backward")
def sigmoid_without_overflow(x, upstream):
    small = np.exp(-np.abs(x))
    return upstream * np.where(x >= 0, 1, small) / (1 + small)


@right("softplus_backward")
def half_a_tanh(x, upstream):
    return upstream * (1 + np.tanh(x / 2)) / 2


@right("softplus_backward")
def softplus_by_torch_in_float32(x, upstream):
    x = torch.tensor(x, dtype=torch.float32, requires_grad=True)
    y = torch.nn.functional.softplus(x)
    return torch.autograd.grad(y, x, torch.tensor(upstream, dtype=torch.float32))[0]


equal("softplus_backward", "x >= 0 -> x > 0", "at 0 both formulas give a half")


@wrong("softplus_backward", "Do you clip x?")
def clipped_at_ten(x, upstream):
    return upstream / (1 + np.exp(-np.clip(x, -10, 10)))


@wrong("softplus_backward", "at x = 12 the slope is within")
def clipped_above_ten(x, upstream):
    return sigmoid_without_overflow(np.minimum(x, 10), upstream)


@wrong("softplus_backward", "slope alone")
def slope_alone(x, upstream):
    return 1 / (1 + np.exp(-x))


@wrong("softplus_backward", "you add them")
def upstream_added(x, upstream):
    return upstream + 1 / (1 + np.exp(-x))


@wrong("softplus_backward", "for another y")
def rule_of_tanh_on_softplus(x, upstream):
    return upstream * (1 - np.log1p(np.exp(x)) ** 2)


@wrong("softplus_backward", "slope of tanh")
def slope_of_tanh(x, upstream):
    return upstream * (1 - np.tanh(x) ** 2)


@wrong("softplus_backward", "slope of the slope")
def slope_of_the_sigmoid(x, upstream):
    s = 1 / (1 + np.exp(-x))
    return upstream * s * (1 - s)


@wrong("softplus_backward", "softplus itself")
def softplus_itself(x, upstream):
    return upstream * np.log1p(np.exp(x))


@wrong("softplus_backward", "1000 holds NaN")
def slope_that_overflows(x, upstream):
    return upstream * np.exp(x) / (1 + np.exp(x))


# 2


@right("used_twice")
def two_paths(w, x1, x2):
    h = math.tanh(w * x1)
    y = math.tanh(w * h + x2)
    return (1 - y**2) * (h + w * (1 - h**2) * x1)


@right("used_twice")
def two_paths_by_autograd(w, x1, x2):
    w = Tensor(w, requires_grad=True)
    (w * (w * x1).tanh() + x2).tanh().backward()
    return w.grad


def weight_paths(w, x1, x2):
    h = math.tanh(w * x1)
    y = math.tanh(w * h + x2)
    return (1 - y**2) * h, (1 - y**2) * w * (1 - h**2) * x1


@wrong("used_twice", "last use of w only")
def last_path_only(w, x1, x2):
    return weight_paths(w, x1, x2)[0]


@wrong("used_twice", "through h only")
def first_path_only(w, x1, x2):
    return weight_paths(w, x1, x2)[1]


@wrong("used_twice", "multiply the two paths")
def paths_multiplied(w, x1, x2):
    last, first = weight_paths(w, x1, x2)
    return last * first


@wrong("used_twice", "outer tanh")
def outer_slope_missing(w, x1, x2):
    h = math.tanh(w * x1)
    return h + w * (1 - h**2) * x1


@wrong("used_twice", "which is 0.644 if you nudge w, is too")
def something_else(w, x1, x2):
    return math.tanh(w) * x1


@wrong("used_twice", "x2 is added, and does not move")
def the_other_input_for_h(w, x1, x2):
    h = math.tanh(w * x1)
    return (1 - math.tanh(w * h + x2) ** 2) * (x2 + w * (1 - h**2) * x1)


@wrong("used_twice", "slope of the sigmoid")
def slopes_of_sigmoids(w, x1, x2):
    h = math.tanh(w * x1)
    y = math.tanh(w * h + x2)
    return y * (1 - y) * (h + w * h * (1 - h) * x1)


@wrong("used_twice", "inner path lacks both")
def inner_slope_alone(w, x1, x2):
    h = math.tanh(w * x1)
    return (1 - math.tanh(w * h + x2) ** 2) * (h + 1 - h**2)


@wrong("used_twice", "inner tanh")
def inner_slope_missing(w, x1, x2):
    h = math.tanh(w * x1)
    y = math.tanh(w * h + x2)
    return (1 - y**2) * (h + w * x1)


# 3


@right("sum_to_shape")
def axis_by_axis(gradient, shape):
    while gradient.ndim > len(shape):
        gradient = gradient.sum(axis=0)
    for axis, size in enumerate(shape):
        if size == 1:
            gradient = gradient.sum(axis=axis, keepdims=True)
    return gradient


@right("sum_to_shape")
def all_axes_at_once(gradient, shape):
    padded = (1,) * (gradient.ndim - len(shape)) + tuple(shape)
    axes = tuple(i for i, size in enumerate(padded) if size == 1)
    return gradient.sum(axis=axes).reshape(shape)


@wrong("sum_to_shape", "leading axis only")
def leading_axes_only(gradient, shape):
    return gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))


@wrong("sum_to_shape", "got lost")
def axis_of_size_one_dropped(gradient, shape):
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    return gradient.sum(axis=tuple(i for i, size in enumerate(shape) if size == 1))


@wrong("sum_to_shape", "average over the copies")
def copies_averaged(gradient, shape):
    gradient = gradient.mean(axis=tuple(range(gradient.ndim - len(shape))))
    axes = tuple(i for i, size in enumerate(shape) if size == 1)
    return gradient.mean(axis=axes, keepdims=True)


@wrong("sum_to_shape", "but average over the axis of size 1")
def last_axis_averaged(gradient, shape):
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    axes = tuple(i for i, size in enumerate(shape) if size == 1)
    return gradient.mean(axis=axes, keepdims=True)


# 4


@right("numerical_gradient")
def nudge_a_copy(f, x, *, step=1e-5):
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += step
        down[i] -= step
        gradient[i] = (f(up) - f(down)) / (2 * step)
    return gradient


@right("numerical_gradient")
def nudge_and_put_the_old_value_back(f, x, *, step=1e-5):
    slopes = []
    for i in np.ndindex(x.shape):
        old = x[i]
        x[i] = old + step
        up = f(x)
        x[i] = old - step
        slopes.append((up - f(x)) / (2 * step))
        x[i] = old
    return np.reshape(slopes, x.shape)


@right("numerical_gradient")
def nudges_of_a_flat_table(f, x, *, step=1e-5):
    nudges = step * np.eye(x.size).reshape(x.size, *x.shape)
    return torch.tensor([(f(x + n) - f(x - n)) / (2 * step) for n in nudges]).reshape(x.shape)


@wrong("numerical_gradient", "a trace of rounding")
def nudge_and_take_away(f, x, *, step=1e-5):
    slopes = []
    for i in np.ndindex(x.shape):
        x[i] += step
        up = f(x)
        x[i] -= 2 * step
        slopes.append((up - f(x)) / (2 * step))
        x[i] += step
    return np.reshape(slopes, x.shape)


@wrong("numerical_gradient", "If no `step` is given")
def another_step(f, x, *, step=1e-4):
    return nudge_a_copy(f, x, step=step)


@wrong("numerical_gradient", "for an x of shape (2, 1, 3)")
def two_axes_at_most(f, x, *, step=1e-5):
    return nudge_a_copy(f, x, step=step) if x.ndim < 3 else np.zeros(x.shape)


def differences(f, x, up, down, apart):
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        nudge = np.zeros_like(x)
        nudge[i] = 1
        gradient[i] = (f(x + up * nudge) - f(x - down * nudge)) / apart
    return gradient


@wrong("numerical_gradient", "both sides")
def upper_side_only(f, x, *, step=1e-5):
    return differences(f, x, step, 0, step)


@wrong("numerical_gradient", "the lower one")
def lower_side_only(f, x, *, step=1e-5):
    return differences(f, x, 0, step, step)


@wrong("numerical_gradient", "further apart")
def divided_by_one_step(f, x, *, step=1e-5):
    return differences(f, x, step, step, step)


@wrong("numerical_gradient", "wrong sign")
def points_swapped(f, x, *, step=1e-5):
    return differences(f, x, -step, -step, 2 * step)


@wrong("numerical_gradient", "all entries of x at once")
def everything_nudged(f, x, *, step=1e-5):
    return (f(x + step) - f(x - step)) / (2 * step)


# 5


@right("descend")
def one_tensor_reset(start, loss, *, rate, steps):
    w = Tensor(start, requires_grad=True)
    for _ in range(steps):
        w.grad = None
        loss(w).backward()
        w.data = w.data - rate * w.grad
    return w.numpy()


@right("descend")
def new_tensor_each_step(start, loss, *, rate, steps):
    for _ in range(steps):
        w = Tensor(start, requires_grad=True)
        loss(w).backward()
        start = start - rate * w.grad
    return Tensor(start)


@wrong("descend", "uphill")
def uphill(start, loss, *, rate, steps):
    return one_tensor_reset(start, loss, rate=-rate, steps=steps)


@wrong("descend", "add up until they are reset")
def never_reset(start, loss, *, rate, steps):
    w = Tensor(start, requires_grad=True)
    for _ in range(steps):
        loss(w).backward()
        w.data = w.data - rate * w.grad
    return w.data


@wrong("descend", "too few")
def one_step_too_few(start, loss, *, rate, steps):
    return one_tensor_reset(start, loss, rate=rate, steps=steps - 1)


@wrong("descend", "too many")
def one_step_too_many(start, loss, *, rate, steps):
    return one_tensor_reset(start, loss, rate=rate, steps=steps + 1)


@wrong("descend", "never move")
def tensor_never_updated(start, loss, *, rate, steps):
    w = Tensor(start, requires_grad=True)
    for _ in range(steps):
        loss(w).backward()
        _ = w.data - rate * w.grad
    return w.data


@wrong("descend", "requires_grad=True")
def gradient_not_asked_for(start, loss, *, rate, steps):
    w = Tensor(start)
    for _ in range(steps):
        loss(w).backward()
        w.data = w.data - rate * w.grad
    return w.data


@wrong("descend", "where the slope is small")
def stops_on_flat_ground(start, loss, *, rate, steps):
    w = Tensor(start, requires_grad=True)
    for _ in range(steps):
        w.grad = None
        loss(w).backward()
        if np.abs(w.grad).max() < 1e-6:
            break
        w.data = w.data - rate * w.grad
    return w.data


@wrong("descend", "where the loss hardly falls")
def stops_when_the_loss_stays(start, loss, *, rate, steps):
    w, before = Tensor(start, requires_grad=True), np.inf
    for _ in range(steps):
        w.grad = None
        now = loss(w)
        if abs(before - now.item()) < 1e-10:
            break
        now.backward()
        before, w.data = now.item(), w.data - rate * w.grad
    return w.data


@wrong("descend", "where the loss grows")
def stops_when_the_loss_grows(start, loss, *, rate, steps):
    w, before = Tensor(start, requires_grad=True), np.inf
    for _ in range(steps):
        w.grad = None
        now = loss(w)
        if now.item() > before:
            break
        now.backward()
        before, w.data = now.item(), w.data - rate * w.grad
    return w.data


@wrong("descend", "with no step")
def one_step_at_least(start, loss, *, rate, steps):
    return one_tensor_reset(start, loss, rate=rate, steps=max(steps, 1))


# 6


@right("softmax_cross_entropy_gradient")
def softmax_minus_one_hot(logits, labels):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    p[np.arange(len(labels)), labels] -= 1
    return p / len(labels)


@right("softmax_cross_entropy_gradient")
def cross_entropy_by_torch(logits, labels):
    logits = torch.tensor(logits, requires_grad=True)
    torch.nn.functional.cross_entropy(logits, torch.tensor(labels)).backward()
    return logits.grad


def probabilities(logits, axis=1):
    p = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return p / p.sum(axis=axis, keepdims=True)


def one_hot(logits, labels):
    return np.eye(logits.shape[1])[labels]


@wrong("softmax_cross_entropy_gradient", "summed loss")
def mean_missing(logits, labels):
    return probabilities(logits) - one_hot(logits, labels)


@wrong("softmax_cross_entropy_gradient", "divide by all entries")
def mean_over_entries(logits, labels):
    return (probabilities(logits) - one_hot(logits, labels)) / logits.size


@wrong("softmax_cross_entropy_gradient", "1000 holds NaN")
def softmax_that_overflows(logits, labels):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return (p - one_hot(logits, labels)) / len(labels)


@wrong("softmax_cross_entropy_gradient", "subtracted at the labels.")
def one_hot_missing(logits, labels):
    return probabilities(logits) / len(labels)


@wrong("softmax_cross_entropy_gradient", "labels, and the mean")
def one_hot_and_mean_missing(logits, labels):
    return probabilities(logits)


@wrong("softmax_cross_entropy_gradient", "logits themselves")
def logits_minus_one_hot(logits, labels):
    return (logits - one_hot(logits, labels)) / len(labels)


@wrong("softmax_cross_entropy_gradient", "down the columns")
def softmax_over_columns(logits, labels):
    return (probabilities(logits, axis=0) - one_hot(logits, labels)) / len(labels)


@wrong("softmax_cross_entropy_gradient", "wrong sign")
def one_hot_minus_softmax(logits, labels):
    return -softmax_minus_one_hot(logits, labels)


# 7


@right("largest_rate")
def by_eigenvalues(hessian, *, momentum=0.0):
    return 2 * (1 + momentum) / np.linalg.eigvalsh(hessian)[-1]


@right("largest_rate")
def by_power_iteration(hessian, *, momentum=0.0):
    v = np.ones(len(hessian))
    for _ in range(200):
        v = hessian @ v
        v = v / np.linalg.norm(v)
    return [(2 + 2 * momentum) / (v @ hessian @ v)]


@right("largest_rate")
def by_trying(hessian, **settings):
    """The largest rate at which the two numbers of each direction do not grow in a step."""
    m, lowest, highest = settings.get("momentum", 0.0), 0.0, 99.0
    for _ in range(60):
        rate = (lowest + highest) / 2
        steps = [[[1 - rate * k, -rate * m], [k, m]] for k in np.linalg.eigvalsh(hessian)]
        if np.abs(np.linalg.eigvals(steps)).max() < 1:
            lowest = rate
        else:
            highest = rate
    return lowest


@right("largest_rate")
def from_before_momentum(hessian):
    return 2 / np.linalg.eigvalsh(hessian)[-1]


@wrong("largest_rate", "yours takes 2 (hessian, *, beta=0.0)")
def momentum_by_another_name(hessian, *, beta=0.0):
    return 2 * (1 + beta) / np.linalg.eigvalsh(hessian)[-1]


@wrong("largest_rate", "Momentum is not in your rate")
def momentum_ignored(hessian, *, momentum=0.0):
    return 2 / np.linalg.eigvalsh(hessian)[-1]


@wrong("largest_rate", "the other way")
def momentum_as_a_brake(hessian, *, momentum=0.0):
    return 2 * (1 - momentum) / np.linalg.eigvalsh(hessian)[-1]


@wrong("largest_rate", "divide by 1 - momentum")
def as_far_as_a_steady_slope(hessian, *, momentum=0.0):
    return 2 / (1 - momentum) / np.linalg.eigvalsh(hessian)[-1]


@wrong("largest_rate", "divide by 1 + momentum")
def momentum_below(hessian, *, momentum=0.0):
    return 2 / (1 + momentum) / np.linalg.eigvalsh(hessian)[-1]


@wrong("largest_rate", "with momentum 0.8 is too")
def square_root_of_momentum(hessian, *, momentum=0.0):
    return 2 * (1 + momentum**0.5) ** 2 / np.linalg.eigvalsh(hessian)[-1]


@wrong("largest_rate", "How far beyond")
def one_over_curvature(hessian):
    return 1 / np.linalg.eigvalsh(hessian)[-1]


@wrong("largest_rate", "flattest")
def smallest_eigenvalue(hessian):
    return 2 / np.linalg.eigvalsh(hessian)[0]


@wrong("largest_rate", "trace")
def trace_for_curvature(hessian):
    return 2 / np.trace(hessian)


@wrong("largest_rate", "largest entry")
def diagonal_for_curvature(hessian):
    return 2 / np.diag(hessian).max()


@wrong("largest_rate", "should be one number")
def a_rate_for_each_direction(hessian):
    return 2 / np.linalg.eigvalsh(hessian)


# 8


def latest_first(last):
    """Depth first, each number after all its origins, turned round; without recursion."""
    order, met, stack = [], {last}, [(last, iter(last.ties))]
    while stack:
        number, ties = stack[-1]
        for origin, _ in ties:
            if origin not in met:
                met.add(origin)
                stack.append((origin, iter(origin.ties)))
                break
        else:
            order.append(number)
            stack.pop()
    return order[::-1]


def walked(order, add=lambda old, new: old + new, first=1.0):
    gradients = dict.fromkeys(order, 0.0)
    gradients[order[0]] = first
    for number in order:
        for origin, slope in number.ties:
            gradients[origin] = add(gradients[origin], slope(gradients[number]))
    return gradients


@right("walk_without_tape")
def in_an_order_found_first(last):
    return walked(latest_first(last))


@right("walk_without_tape")
def by_asking_for_the_gradient(last):
    """Each number collects from those made of it, in numpy's numbers, kept on the numbers."""
    order = latest_first(last)
    for number in order:
        number.grad = np.float32(number is last)
    for number in order:
        for origin, slope in number.ties:
            origin.grad = origin.grad + slope(number.grad)
    return {number: number.grad for number in order}


@right("walk_without_tape")
def by_the_length_of_the_longest_road(last):
    depth = {}
    for number in reversed(latest_first(last)):
        depth[number] = 1 + max((depth[origin] for origin, _ in number.ties), default=0)
    return walked(sorted(depth, key=depth.get, reverse=True))


def as_they_come(last, *, take=-1):
    """All numbers, each when it is first met: in depth (-1) or in breadth (0)."""
    order, to_visit = [], [last]
    while to_visit:
        number = to_visit.pop(take)
        if number not in order:
            order.append(number)
            to_visit += [origin for origin, _ in number.ties]
    return order


@wrong("walk_without_tape", "you hand on 0.7 of -5.3")
def depth_first_as_they_come(last):
    return walked(as_they_come(last))


@wrong("walk_without_tape", "For a short road before a long one, at `x`: you hand on")
def breadth_first_as_they_come(last):
    return walked(as_they_come(last, take=0))


@wrong("walk_without_tape", "keep what arrives last")
def overwritten_on_the_way(last):
    return walked(latest_first(last), add=lambda old, new: new)


@wrong("walk_without_tape", "keep what arrives first")
def the_first_road_only(last):
    return walked(latest_first(last), add=lambda old, new: old or new)


@wrong("walk_without_tape", "Yours has 0.0 there")
def seed_forgotten(last):
    return walked(latest_first(last), first=0.0)


@wrong("walk_without_tape", "Yours has 1.5 there")
def value_for_the_seed(last):
    return walked(latest_first(last), first=last.value)


@wrong("walk_without_tape", "is used 2 times")
def down_every_road(last):
    gradients = {}

    def bring(number, g):
        gradients[number] = gradients.get(number, 0.0) + g
        for origin, slope in number.ties:
            bring(origin, slope(g))

    bring(last, 1.0)
    return gradients


@wrong("walk_without_tape", "you go along every road")
def every_road_looked_at(last):
    order = []

    def visit(number):
        for origin, _ in number.ties:
            visit(origin)
        if number not in order:
            order.append(number)

    visit(last)
    return walked(order[::-1])


@wrong("walk_without_tape", "RecursionError")
def by_recursion(last):
    order, met = [], set()

    def visit(number):
        met.add(number)
        for origin, _ in number.ties:
            if origin not in met:
                visit(origin)
        order.append(number)

    visit(last)
    return walked(order[::-1])


@wrong("walk_without_tape", "Those without ties need one most")
def leaves_left_out(last):
    return {number: g for number, g in in_an_order_found_first(last).items() if number.ties}


@wrong("walk_without_tape", "the number `h` has no gradient")
def leaves_alone(last):
    gradients = in_an_order_found_first(last)
    return {n: g for n, g in gradients.items() if n is last or not n.ties}


@wrong("walk_without_tape", "`off` has no gradient")
def zeros_dropped(last):
    gradients = in_an_order_found_first(last)
    return {number: g for number, g in gradients.items() if g or number.ties}


@wrong("walk_without_tape", "What is left?")
def added_to_what_is_left(last):
    order = latest_first(last)
    last.grad = 1.0
    for number in order:
        for origin, slope in number.ties:
            origin.grad = getattr(origin, "grad", 0.0) + slope(number.grad)
    return {number: number.grad for number in order}


WALKED = {}


@wrong("walk_without_tape", "Is an old walk in it?")
def one_dictionary_for_all_walks(last):
    WALKED.update(in_an_order_found_first(last))
    return dict(WALKED)


@wrong("walk_without_tape", "at `h`: you hand on 1 of -3")
def asked_with_one(last):
    """Takes each slope for a factor."""
    gradients = dict.fromkeys(latest_first(last), 0.0)
    gradients[last] = 1.0
    for number in gradients:
        for origin, slope in number.ties:
            gradients[origin] += gradients[number] * slope(1.0)
    return gradients


@wrong("walk_without_tape", "keys are the numbers themselves")
def by_value(last):
    return {number.value: g for number, g in in_an_order_found_first(last).items()}


@wrong("walk_without_tape", "Yours is a list")
def a_list_of_gradients(last):
    return list(in_an_order_found_first(last).values())


@wrong("walk_without_tape", "no attribute 'grad'")
def as_with_the_tape(last):
    last.grad = 1.0
    for number in latest_first(last):
        for origin, slope in number.ties:
            origin.grad += slope(number.grad)
    return {number: number.grad for number in latest_first(last)}


@wrong("walk_without_tape", "a slope is never used")
def waiting_for_one_tie_too_many(last):
    order = latest_first(last)
    gradients, ready = dict.fromkeys(order, 0.0), [last]
    waiting = {n: 1 + sum(o is n for each in order for o, _ in each.ties) for n in order}
    gradients[last] = 1.0
    while ready:
        number = ready.pop()
        for origin, slope in number.ties:
            gradients[origin] += slope(gradients[number])
            waiting[origin] -= 1
            if waiting[origin] == 0:
                ready.append(origin)
    return gradients


nobody = "no tie leads to the last number, so that its count is never read"
equal("walk_without_tape", "0 -> -1", nobody)
equal("walk_without_tape", "0 -> 1", nobody)


# 9


def gradients(x, y, W1, b1, W2, b2, *, flat=False):
    h = np.tanh(x @ W1 + b1)
    dyhat = 2 * (h @ W2 + b2 - y) / y.size
    dz = dyhat @ W2.T * (1 if flat else 1 - h**2)
    return [x.T @ dz, dz.sum(0), h.T @ dyhat, dyhat.sum(0)], dz, dyhat


@right("backward_by_hand")
def in_numpy(x, y, W1, b1, W2, b2):
    return tuple(gradients(x, y, W1, b1, W2, b2)[0])


@right("backward_by_hand")
def by_autograd(x, y, W1, b1, W2, b2):
    weights = [Tensor(w, requires_grad=True) for w in (W1, b1, W2, b2)]
    W1, b1, W2, b2 = weights
    (((x @ W1 + b1).tanh() @ W2 + b2 - y) ** 2).mean().backward()
    return [w.grad for w in weights]


@right("backward_by_hand")
def by_torch_in_float32(*arrays):
    x, y, *weights = (torch.tensor(each, dtype=torch.float32) for each in arrays)
    W1, b1, W2, b2 = (w.requires_grad_() for w in weights)
    loss = torch.nn.functional.mse_loss(torch.tanh(x @ W1 + b1) @ W2 + b2, y)
    return torch.autograd.grad(loss, [W1, b1, W2, b2])


@wrong("backward_by_hand", "lacks the slope of tanh")
def slope_missing(x, y, W1, b1, W2, b2):
    return gradients(x, y, W1, b1, W2, b2, flat=True)[0]


@wrong("backward_by_hand", "after the tanh")
def slope_before_tanh(x, y, W1, b1, W2, b2):
    grads, dz, _ = gradients(x, y, W1, b1, W2, b2)
    z = x @ W1 + b1
    dz = dz / (1 - np.tanh(z) ** 2) * (1 - z**2)
    return x.T @ dz, dz.sum(0), *grads[2:]


@wrong("backward_by_hand", "`db1` is not summed")
def first_bias_not_summed(x, y, W1, b1, W2, b2):
    (dW1, _, dW2, db2), dz, _ = gradients(x, y, W1, b1, W2, b2)
    return dW1, dz, dW2, db2


@wrong("backward_by_hand", "`db2` is not summed")
def second_bias_not_summed(x, y, W1, b1, W2, b2):
    (dW1, db1, dW2, _), _, dyhat = gradients(x, y, W1, b1, W2, b2)
    return dW1, db1, dW2, dyhat


@wrong("backward_by_hand", "`db2` is averaged")
def bias_averaged(x, y, W1, b1, W2, b2):
    (dW1, db1, dW2, _), _, dyhat = gradients(x, y, W1, b1, W2, b2)
    return dW1, db1, dW2, dyhat.mean(0)


@wrong("backward_by_hand", "divide by the rows only. The mean")
def divided_by_rows(x, y, W1, b1, W2, b2):
    return [g * y.shape[1] for g in in_numpy(x, y, W1, b1, W2, b2)]


@wrong("backward_by_hand", "factor 2 of the square is missing")
def factor_two_missing(x, y, W1, b1, W2, b2):
    return [g / 2 for g in in_numpy(x, y, W1, b1, W2, b2)]


@wrong("backward_by_hand", "factor 2 is missing, and")
def factor_two_and_columns_missing(x, y, W1, b1, W2, b2):
    return [g * y.shape[1] / 2 for g in in_numpy(x, y, W1, b1, W2, b2)]


@wrong("backward_by_hand", "divide by nothing")
def sum_of_squares(x, y, W1, b1, W2, b2):
    return [g * y.size for g in in_numpy(x, y, W1, b1, W2, b2)]


@wrong("backward_by_hand", "transposed")
def weights_transposed(x, y, W1, b1, W2, b2):
    return [g.T for g in in_numpy(x, y, W1, b1, W2, b2)]


@wrong("backward_by_hand", "stopped with ValueError")
def second_weights_not_turned(x, y, W1, b1, W2, b2):
    h = np.tanh(x @ W1 + b1)
    dyhat = 2 * (h @ W2 + b2 - y) / y.size
    dz = dyhat @ W2 * (1 - h**2)
    return x.T @ dz, dz.sum(0), h.T @ dyhat, dyhat.sum(0)


@wrong("backward_by_hand", "for a batch of one")
def twelve_entries_always(x, y, W1, b1, W2, b2):
    return [g * y.size / 12 for g in in_numpy(x, y, W1, b1, W2, b2)]


@wrong("backward_by_hand", "The dW1 for a batch of one and as many")
def turned_only_where_it_must_be(x, y, W1, b1, W2, b2):
    h = np.tanh(x @ W1 + b1)
    dyhat = 2 * (h @ W2 + b2 - y) / y.size
    dh = dyhat @ (W2 if len(W2) == len(b2) else W2.T)
    dz = dh * (1 - h**2)
    return x.T @ dz, dz.sum(0), h.T @ dyhat, dyhat.sum(0)


@wrong("backward_by_hand", "changed its argument `W2`")
def updates_on_the_way(x, y, W1, b1, W2, b2):
    result = in_numpy(x, y, W1, b1, W2, b2)
    W2 -= 0.1 * result[2]
    return result


# Slips that came up when the exercises were tried with many wrong answers.


@wrong("softplus_backward", "slope of the logarithm alone")
def sign_of_the_exponent(x, upstream):
    return upstream / (1 + np.exp(x))


@wrong("softplus_backward", "slope of e^x alone")
def outer_slope_forgotten(x, upstream):
    return upstream * np.exp(x)


@wrong("softplus_backward", "the value")
def value_for_gradient(x, upstream):
    return np.log1p(np.exp(x))


@wrong("used_twice", "both tanh")
def no_slope_at_all(w, x1, x2):
    return np.tanh(w * x1) + w * x1


@wrong("used_twice", "lacks x1")
def without_x1(w, x1, x2):
    h = np.tanh(w * x1)
    return (1 - np.tanh(w * h + x2) ** 2) * (h + w * (1 - h**2))


@wrong("used_twice", "lacks w")
def without_w(w, x1, x2):
    h = np.tanh(w * x1)
    return (1 - np.tanh(w * h + x2) ** 2) * (h + (1 - h**2) * x1)


@wrong("used_twice", "belongs to both paths")
def outer_slope_on_one_path(w, x1, x2):
    h = np.tanh(w * x1)
    return (1 - np.tanh(w * h + x2) ** 2) * h + w * (1 - h**2) * x1


@wrong("used_twice", "w itself")
def the_weight_for_its_gradient(w, x1, x2):
    return Tensor(w, requires_grad=True)


@wrong("used_twice", "methods")
def numpy_function_on_a_tensor(w, x1, x2):
    return np.tanh(Tensor(w, requires_grad=True) * x1)


@wrong("numerical_gradient", "one array")
def up_and_down_are_one_array(f, x, *, step=1e-5):
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up = x.copy()
        up[i] += step
        gradient[i] = (f(up) - f(x)) / (2 * step)
    return gradient


@wrong("numerical_gradient", "not by `step`")
def a_step_of_its_own(f, x, *, step=1e-5):
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        nudge = np.zeros_like(x)
        nudge[i] = 1e-5
        gradient[i] = (f(x + nudge) - f(x - nudge)) / 2e-5
    return gradient


@wrong("numerical_gradient", "stopped with")
def two_by_two_only(f, x, *, step=1e-5):
    gradient = np.zeros_like(x)
    for i in range(2):
        for j in range(2):
            nudge = np.zeros_like(x)
            nudge[i, j] = step
            gradient[i, j] = (f(x + nudge) - f(x - nudge)) / (2 * step)
    return gradient


@wrong("descend", "inside the loop")
def return_inside_the_loop(start, loss, *, rate, steps):
    w = Tensor(start, requires_grad=True)
    for _ in range(steps):
        loss(w).backward()
        w.data = w.data - rate * w.grad
        return w.data


@wrong("descend", "learning rate is not in")
def rate_forgotten(start, loss, *, rate, steps):
    w = Tensor(start, requires_grad=True)
    for _ in range(steps):
        w.grad = None
        loss(w).backward()
        w.data = w.data - w.grad
    return w.data


@wrong("descend", "taken once")
def gradient_taken_once(start, loss, *, rate, steps):
    w = Tensor(start, requires_grad=True)
    loss(w).backward()
    for _ in range(steps):
        w.data = w.data - rate * w.grad
    return w.data


@wrong("softmax_cross_entropy_gradient", "over all entries")
def softmax_of_everything(logits, labels):
    p = np.exp(logits) / np.exp(logits).sum()
    p[np.arange(len(labels)), labels] -= 1
    return p / len(labels)


@wrong("softmax_cross_entropy_gradient", "whole columns")
def one_taken_from_columns(logits, labels):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    p[:, labels] -= 1
    return p / len(labels)


@wrong("softmax_cross_entropy_gradient", "logits of 1000")
def overflow_clipped_away(logits, labels):
    p = np.exp(np.clip(logits, -30, 30))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(labels)), labels] -= 1
    return p / len(labels)


@wrong("used_twice", "double one path. The two")
def the_last_path_doubled(w, x1, x2):
    h = np.tanh(w * x1)
    return 2 * (1 - np.tanh(w * h + x2) ** 2) * h


@wrong("sum_to_shape", "from (3, 3) to (3,)")
def axes_found_by_their_sizes(gradient, shape):
    """Keeps the first axis of each size that is wanted."""
    axes, wanted = [], list(shape)
    for axis, size in enumerate(gradient.shape):
        if size in wanted:
            wanted.remove(size)
        else:
            axes.append(axis)
    return gradient.sum(axis=tuple(axes)).reshape(shape)


@wrong("sum_to_shape", "from (2, 3, 4) to (4,)")
def one_axis_in_front_at_most(gradient, shape):
    if gradient.shape[1:] == (3, 4) and shape == (4,):
        return gradient.sum(axis=0)[0]
    return all_axes_at_once(gradient, shape)


@wrong("sum_to_shape", "one copy")
def one_copy_kept(gradient, shape):
    return gradient[0]


@wrong("softmax_cross_entropy_gradient", "not the label's number")
def label_for_truth(logits, labels):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return (p - labels[:, None]) / len(labels)


@wrong("descend", "wrap the start")
def start_is_no_tensor(start, loss, *, rate, steps):
    for _ in range(steps):
        loss(start).backward()
    return start


@wrong("largest_rate", "Upside down")
def upside_down(hessian):
    return np.linalg.eigvalsh(hessian)[-1] / 2


@wrong("largest_rate", "fastest rate")
def the_fastest_rate(hessian):
    curvature = np.linalg.eigvalsh(hessian)
    return 2 / (curvature[0] + curvature[-1])


@wrong("largest_rate", "any order")
def an_eigenvalue_in_no_order(hessian):
    return 2 / np.linalg.eigvalsh(hessian)[1]


@wrong("backward_by_hand", "slope of the sigmoid")
def slope_of_the_sigmoid_in_a_network(x, y, W1, b1, W2, b2):
    h = np.tanh(x @ W1 + b1)
    dyhat = 2 * (h @ W2 + b2 - y) / y.size
    dz = (dyhat @ W2.T) * h * (1 - h)
    return x.T @ dz, dz.sum(axis=0), h.T @ dyhat, dyhat.sum(axis=0)


@wrong("backward_by_hand", "`dW1` is None")
def backward_never_called(x, y, W1, b1, W2, b2):
    return [Tensor(w, requires_grad=True).grad for w in (W1, b1, W2, b2)]


# The tests


TestAnswers = answers.tests()
