"""What the article on backpropagation teaches, and what the book corrects in it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from companion.backprop import Tensor


def sent_back(loss, score):
    """Return dL/ds at a score, and the sigmoid's prediction there."""
    s = Tensor(score, requires_grad=True)
    loss(s).backward()
    return float(s.grad), s.sigmoid().item()


def squared(s):
    return 0.5 * (s.sigmoid() - 1) ** 2


def crossed(s):
    return -s.sigmoid().log()


def softmax_loss(scores, labels):
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - shifted.exp().sum(axis=1, keepdims=True).log()
    return -log_p[np.arange(len(labels)), labels].mean()


@pytest.mark.parametrize("choices", [2, 3, 5])
def test_b1_every_job_that_ends_in_a_choice_hears_probability_minus_truth(choices):
    scores = np.random.default_rng(choices).normal(size=(1, choices))
    s = Tensor(scores, requires_grad=True)
    softmax_loss(s, [1]).backward()
    p = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(s.grad, p - np.eye(choices)[[1]])


@pytest.mark.parametrize(
    ("name", "formula", "slope"),
    [
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), 0.25),
        ("tanh", lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)), 1),
        ("relu", lambda x: np.where(x > 0, x, 0), 1),
    ],
)
def test_b4_the_activation_functions_have_their_formulas_and_their_steepest_slopes(
    name, formula, slope
):
    x = np.linspace(-6, 6, 241)
    t = Tensor(x, requires_grad=True)
    y = getattr(t, name)()
    y.backward(np.ones_like(x))
    np.testing.assert_allclose(y.data, formula(x))
    assert t.grad.max() == pytest.approx(slope)


def two_neurons(w_not, w_bad, b, v, c):
    """Return the probability that "not bad" is praise, on numbers or on tensors."""
    s = v * (w_not + w_bad + b).tanh() + c
    return s.sigmoid()


def test_b8_b9_b12_b17_the_walk_by_hand_gives_the_gradient_of_all_weights_and_biases():
    start = [0.5, -1.0, 0.1, 2.0, 0.2]
    weights = [Tensor(w, requires_grad=True) for w in start]
    p = two_neurons(*weights)
    (-p.log()).backward()
    h, to_s = np.tanh(-0.4), p.item() - 1
    to_z = to_s * 2.0 * (1 - h**2)
    by_hand = [to_z, to_z, to_z, to_s * h, to_s]
    np.testing.assert_allclose([float(w.grad) for w in weights], by_hand)


def test_b10_the_mean_squared_error_and_its_gradient_have_their_formulas():
    y, guess = np.array([1.0, -2.0, 0.5]), np.array([0.0, 1.0, 2.0])
    t = Tensor(guess, requires_grad=True)
    loss = ((t - y) ** 2).mean()
    loss.backward()
    assert loss.item() == pytest.approx(np.mean((y - guess) ** 2))
    np.testing.assert_allclose(t.grad, 2 * (guess - y) / 3)


@pytest.mark.parametrize(("rate", "arrives"), [(0.49, True), (0.51, False)])
def test_b13_the_learning_rate_has_its_limit_at_two_over_the_curvature(rate, arrives):
    w = Tensor(1.0, requires_grad=True)
    for _ in range(400):
        (2.0 * w * w).backward()
        w.data, w.grad = w.data - rate * w.grad, None
    assert (abs(w.item()) < 1e-3) is arrives


def test_b14_one_walk_back_visits_each_station_once_however_many_roads_there_are():
    visits, start = [], Tensor(1.0, requires_grad=True)
    rung = start
    for _ in range(20):
        rung = rung * 0.5 + rung * 0.5
    seen, to_visit = set(), [rung]
    while to_visit:
        tensor = to_visit.pop()
        if tensor not in seen:
            seen.add(tensor)
            to_visit += tensor.inputs
            if tensor.inputs:
                version, rule = tensor._rules[0]
                counted = (version, lambda g, rule=rule: visits.append(1) or rule(g))
                tensor._rules = (counted, *tensor._rules[1:])
    rung.backward()
    assert len(visits) == 60
    assert start.grad == pytest.approx(1.0)


def test_f4_g2_backward_moves_no_weight():
    w = Tensor([1.0, -2.0], requires_grad=True)
    before = w.data.tobytes()
    (w * w).sum().backward()
    assert w.data.tobytes() == before
    assert w.grad.any()


def test_f5_b11_the_difference_is_sent_back_only_by_a_matching_pair():
    g, p = sent_back(crossed, -4.0)
    assert g == pytest.approx(p - 1)
    g, p = sent_back(squared, -4.0)
    assert g == pytest.approx((p - 1) * p * (1 - p))


def test_f6_a_weight_used_twice_needs_both_roads():
    w = Tensor(1.5, requires_grad=True)
    ((w * (w * 0.8) - 3.0) ** 2).backward()
    one_road = 2 * (1.5 * 1.5 * 0.8 - 3) * 1.5 * 0.8
    assert float(w.grad) == pytest.approx(2 * one_road)


def test_f7_one_gradient_moves_differently_under_different_optimizers():
    ours = Tensor([-4.0, 1.0], requires_grad=True)
    (ours * ours * [0.5, 12.5]).sum().backward()
    steps = []
    for make in (torch.optim.SGD, torch.optim.Adam):
        w = torch.tensor(ours.data.copy(), requires_grad=True)
        w.grad = torch.tensor(ours.grad)
        make([w], lr=0.1).step()
        moved = w.detach().numpy() - ours.data
        steps.append(moved / np.linalg.norm(moved))
    assert steps[0] @ steps[1] < 0.9


@pytest.mark.parametrize(("start", "valley"), [(-0.5, -1.0467), (0.5, 0.9457)])
def test_f8_b15_exact_gradients_end_in_either_valley_by_the_start_alone(start, valley):
    w = Tensor(start, requires_grad=True)
    for _ in range(100):
        (0.25 * w**4 - 0.5 * w**2 + 0.1 * w).backward()
        w.data, w.grad = w.data - 0.2 * w.grad, None
    assert w.item() == pytest.approx(valley, abs=1e-3)


def gap_after_training(x, y, new_x, new_y, steps=200):
    """Return how much better a network of 16 neurons reads its images than new ones."""
    rng = np.random.default_rng(0)
    sizes = [(64, 16), (16,), (16, 10), (10,)]
    weights = [Tensor(rng.normal(0, 0.2, size), requires_grad=True) for size in sizes]

    def scores(images):
        w1, b1, w2, b2 = weights
        return (Tensor(images) @ w1 + b1).tanh() @ w2 + b2

    for _ in range(steps):
        softmax_loss(scores(x), y).backward()
        for w in weights:
            w.data, w.grad = w.data - 0.5 * w.grad, None
    seen, new = (
        (scores(images).data.argmax(axis=1) == labels).mean()
        for images, labels in ((x, y), (new_x, new_y))
    )
    return seen - new


def test_f8_b16_the_gap_belongs_to_the_data_fewer_images_more_of_it():
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    x, y = digits.data[order] / 16, digits.target[order]
    few, many = (gap_after_training(x[:n], y[:n], x[1297:], y[1297:]) for n in (50, 1297))
    assert few > many + 0.05


def test_f9_squared_error_falls_silent_where_it_is_most_wrong():
    loud, quiet = (abs(sent_back(loss, -10.0)[0]) for loss in (crossed, squared))
    assert loud / quiet > 20_000
