"""What the articles teach of vanishing and exploding gradients, and what the book corrects."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from companion.gradients import (
    BatchNorm,
    LayerNorm,
    Reader,
    Residual,
    by_layer,
    clip_norm,
    deep,
    he_,
    normal_,
    norms,
    open_forget_gate,
    orthogonal_,
    recall,
    saturation,
    through_time,
    xavier_,
)
from companion.runtime import seeded
from companion.training import Diverged, fit

SEEDS = range(5)


def random(*shape, seed=0):
    with seeded(seed):
        return torch.randn(shape).double()


def arrives(layers=nn.Linear, *, depth=30, seed=0, scale=1.0, **options):
    """What of the gradient at the last layer arrives at the first one, before training."""
    with seeded(seed):
        model = deep(depth, 64, 10, **options).double()
    for weight in model[:-1].parameters():
        if weight.dim() == 2:
            weight.data *= scale
    y = torch.arange(128) % 10
    x = random(128, 64, seed=seed)
    found = by_layer(model, x, loss=lambda out: cross_entropy(out, y), layers=layers)
    slopes = list(found.values())[:depth]
    return slopes[0] / slopes[-1]


def median(**options):
    return float(np.median([arrives(seed=seed, **options) for seed in SEEDS]))


def small_(weight):
    return normal_(weight, std=0.01)


# A product of many factors


@pytest.mark.parametrize("size", [0.5, 1.5])
def test_l24_f56_the_size_of_a_factor_decides_and_its_sign_does_not(size):
    assert (-size) ** 20 == size**20
    assert (size**20 < 1e-5) == (size < 1)


def test_l24_f56_products_of_negative_numbers_can_grow():
    assert (-1.5) ** 20 > 3000


def test_g5_a_gradient_is_the_product_of_what_each_layer_multiplies_by():
    model = nn.Sequential(*(nn.Linear(1, 1) for _ in range(10)))
    factors = torch.linspace(0.5, 1.6, 10)
    for layer, factor in zip(model, factors, strict=True):
        layer.weight.data.fill_(factor)
    found = list(by_layer(model, torch.ones(1, 1), loss=torch.sum).values())
    assert found[0] == pytest.approx(factors[1:].prod().item())


def test_g5_factors_that_are_right_on_average_are_not_enough():
    with seeded(0) as rng:
        factors = rng.uniform(0, 2, (2000, 60))
    assert factors.mean() == pytest.approx(1, abs=0.02)
    assert np.median(factors.prod(axis=1)) < 1e-6


# Vanishing and exploding


def test_g3_through_thirty_sigmoids_next_to_nothing_of_a_gradient_arrives():
    assert max(arrives(bend=nn.Sigmoid, initialise=xavier_, seed=s) for s in SEEDS) < 1e-15


def test_g3_the_deeper_a_network_of_sigmoids_the_less_arrives():
    found = [arrives(depth=d, bend=nn.Sigmoid, initialise=xavier_) for d in (2, 5, 10, 20)]
    assert found == sorted(found, reverse=True)


def test_g3_the_first_layers_do_not_move_by_a_bit_while_the_last_ones_learn():
    with seeded(0):
        model = deep(30, 16, 4, bend=nn.Sigmoid, initialise=xavier_)
    before = [block[0].weight.clone() for block in model[:-1]]
    data = [(random(32, 16, seed=s).float(), torch.arange(32) % 4) for s in SEEDS]
    fit(model, data, cross_entropy, torch.optim.SGD(model.parameters(), 0.1))
    moved = [not torch.equal(block[0].weight, w) for block, w in zip(model, before, strict=False)]
    assert not any(moved[:5])
    assert moved[-1]


class Copies(nn.Module):
    """Sixty copies, one from the other, each made by the same weight, which begins too large."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.2))

    def forward(self, x):
        return x * self.weight**60


HALF = torch.ones(4, 1), torch.full((4, 1), 0.5)  # what comes in, what shall come out


def trained(model, *, penalty=0.0, **options):
    sgd = torch.optim.SGD(model.parameters(), 1e-3, weight_decay=penalty)
    return fit(model, [HALF] * 300, mse_loss, sgd, **options).steps


def test_g4_with_exploding_gradients_the_loss_runs_out_of_numbers():
    with pytest.raises(Diverged):
        trained(Copies())


def test_g4_one_step_along_an_exploding_gradient_leaves_all_weights_that_make_sense():
    model = Copies()
    mse_loss(model(HALF[0]), HALF[1]).backward()
    assert 1e-3 * norms(model)["weight"] > 1e6


# The bend


def slope(bend, *at):
    x = torch.tensor(at, requires_grad=True)
    bend(x).sum().backward()
    return x.grad.tolist()


def test_g6_f10_a_sigmoid_is_steepest_at_zero_where_its_slope_is_a_quarter():
    left, middle, right = slope(torch.sigmoid, -1.0, 0.0, 1.0)
    assert middle == 0.25
    assert middle > left == pytest.approx(right)


def test_g6_f10_far_out_on_either_side_a_sigmoid_is_flat():
    assert max(slope(torch.sigmoid, -20.0, 20.0)) < 1e-8


def test_f10_a_small_input_saturates_no_sigmoid():
    small = torch.tensor([-0.01, 0.001, 0.01])
    assert saturation(nn.Sequential(nn.Sigmoid()), small) == {"0": 0.0}
    assert saturation(nn.Sequential(nn.Sigmoid()), 2000 * small[[0, 2]]) == {"0": 1.0}


def test_l23_the_slope_of_tanh_is_one_at_zero_and_nowhere_more():
    assert slope(torch.tanh, 0.0) == [1.0]
    assert max(slope(torch.tanh, -1.0, -0.1, 0.1, 1.0)) < 1


def test_l23_f57_in_digits_enough_tanh_stays_below_one_and_its_slope_above_zero():
    x = torch.tensor(15.0).double().requires_grad_()
    y = torch.tanh(x)
    y.backward()
    assert y < 1
    assert x.grad > 0


def test_f57_in_32_bits_tanh_reaches_one_and_its_slope_zero():
    assert torch.tanh(torch.tensor(20.0)) == 1
    assert slope(torch.tanh, 20.0) == [0.0]


# Pairs of a bend and first weights


def test_g7_g8_relu_with_the_weights_of_he_hands_a_gradient_down():
    assert 0.05 < median(bend=nn.ReLU, initialise=he_) < 20


def test_g7_relu_alone_does_not_help():
    assert median(bend=nn.ReLU, initialise=small_) < 1e-12


def test_g8_tanh_with_the_weights_of_xavier_hands_a_gradient_down():
    assert 0.02 < median(bend=nn.Tanh, initialise=xavier_) < 5


def test_g8_relu_with_the_weights_of_xavier_loses_half_of_the_square_at_each_layer():
    lost = median(bend=nn.ReLU, initialise=xavier_) / median(bend=nn.ReLU, initialise=he_)
    assert lost == pytest.approx(0.5 ** (29 / 2), rel=0.3)


@pytest.mark.parametrize("fill", [small_, xavier_, he_, orthogonal_])
def test_g8_no_first_weights_save_thirty_sigmoids(fill):
    assert median(bend=nn.Sigmoid, initialise=fill) < 1e-6


# Norms


def test_f14_in_training_batch_norm_takes_the_current_batch_whatever_came_before():
    fresh, used = BatchNorm(4).double(), BatchNorm(4).double()
    for seed in (1, 2, 3):
        used(5 + random(8, 4, seed=seed))
    batch = random(8, 4)
    torch.testing.assert_close(used(batch), fresh(batch))


def test_f14_what_previous_batches_leave_is_used_in_evaluation():
    norm = BatchNorm(4).double()
    batch = random(8, 4)
    in_training = norm(batch)
    assert (norm.eval()(batch) - in_training).abs().max() > 0.1


def test_g10_batch_norm_gives_each_feature_of_a_batch_mean_zero_and_variance_one():
    out = BatchNorm(4).double()(3 + 2 * random(64, 4))
    torch.testing.assert_close(out.mean(0), torch.zeros(4).double(), atol=1e-9, rtol=0)
    torch.testing.assert_close(out.var(0, correction=0), torch.ones(4).double(), atol=1e-4, rtol=0)


def test_g10_f13_without_skips_batch_norm_makes_a_deep_gradient_explode():
    assert min(arrives(depth=60, norm=BatchNorm, seed=s) for s in SEEDS) > 1e3


def test_f13_the_gradient_grows_at_each_layer_as_fast_as_the_theory_of_wide_layers_says():
    factor = median(depth=60, norm=BatchNorm) ** (1 / 59)
    assert factor == pytest.approx(math.sqrt(math.pi / (math.pi - 1)), rel=0.04)


def test_f13_without_batch_norm_the_same_network_is_in_good_health():
    assert 0.05 < median(depth=60) < 20


def test_f13_no_scale_of_the_weights_helps_for_batch_norm_undoes_it():
    one, ten = (median(depth=60, norm=BatchNorm, scale=scale) for scale in (1, 10))
    assert one / 4 < ten < 4 * one  # ten to the power of 59 without the norm


def test_f13_together_with_skips_batch_norm_does_what_the_article_says():
    assert median(layers=Residual, depth=60, norm=BatchNorm, residual=True) < 300


def beside_padding(norm):
    """The answers to one example, beside its neighbours and beside padding."""
    batch = random(8, 4)
    padded = batch.clone()
    padded[1:] = 0
    return norm.double()(batch)[0], norm(padded)[0]


def test_g10_f15_with_batch_norm_the_answer_to_a_text_depends_on_the_padding_beside_it():
    beside, alone = beside_padding(BatchNorm(4))
    assert (beside - alone).abs().max() > 0.1


def test_f15_with_layer_norm_no_example_sees_another():
    torch.testing.assert_close(*beside_padding(LayerNorm(4)))


def test_f15_batch_norm_cannot_train_on_a_batch_of_one_and_layer_norm_can():
    with pytest.raises(ValueError, match="one example"):
        BatchNorm(4)(torch.ones(1, 4))
    assert LayerNorm(4)(torch.ones(1, 4)).shape == (1, 4)


# Skips


def test_g11_a_skip_is_an_open_road_for_a_gradient_where_the_branch_is_dead():
    x = torch.ones(3, requires_grad=True)
    Residual(nn.Threshold(9.0, 0.0))(x).sum().backward()
    torch.testing.assert_close(x.grad, torch.ones(3))


def alike(**options):
    """The mean cosine of two examples at the end of sixty layers: at 1 all look the same."""
    with seeded(0):
        h = deep(60, 64, 10, **options).double()[:-1](random(64, 64))
    h = h / h.norm(dim=1, keepdim=True)
    return (h @ h.T).mean().item()


def test_f16_a_gradient_in_good_health_arrives_where_all_examples_look_the_same():
    assert 0.05 < median(depth=60) < 20
    assert alike() > 0.99


def test_f16_past_small_branches_a_skip_carries_each_example():
    assert alike(residual=True, initialise=small_) < alike() - 0.05


def training_error(**options):
    """The share that sixty layers get wrong of the examples they were trained on."""
    x, y = random(256, 32).float(), torch.arange(256) % 4
    x[torch.arange(256), y] += 4
    with seeded(0):
        model = deep(60, 32, 4, **options)
    data = list(zip(x.split(64), y.split(64), strict=True))
    fit(model, data, cross_entropy, torch.optim.Adam(model.parameters()), epochs=8)
    with torch.no_grad():
        return (model(x).argmax(1) != y).double().mean().item()


def test_g11_f16_with_a_healthy_gradient_the_plain_network_learns_worse_than_the_residual_one():
    assert training_error(residual=True, initialise=small_) < 0.1 < training_error() - 0.1


def test_g13_f17_that_gradients_are_healthy_does_not_tell_which_technique_made_them_so():
    plain = {"layers": Residual, "depth": 60, "residual": True}
    found = [
        median(depth=60),
        median(depth=60, norm=LayerNorm),
        median(**plain, norm=BatchNorm),
        median(**plain, initialise=small_),
    ]
    assert all(0.05 < ratio < 300 for ratio in found)


# Clipping, and what L2 is


def with_gradient(penalty=0.0):
    """A network with the gradient of a large loss, and perhaps of a penalty on its weights."""
    with seeded(0):
        model = deep(3, 8, 2)
    loss = 1000 * model(random(16, 8).float()).square().mean()
    squares = sum(p.square().sum() for p in model.parameters())
    (loss + penalty / 2 * squares).backward()
    return model


def test_g9_f11_a_penalty_adds_a_multiple_of_the_weights_to_the_gradient():
    free, held = with_gradient(), with_gradient(penalty=0.5)
    for p, q in zip(free.parameters(), held.parameters(), strict=True):
        torch.testing.assert_close(q.grad, p.grad + 0.5 * p.detach(), rtol=1e-4, atol=1e-2)


def test_f11_a_penalty_does_not_shorten_a_gradient_that_explodes():
    free, held = (math.hypot(*norms(with_gradient(p)).values()) for p in (0.0, 1.0))
    assert held > 0.99 * free


@pytest.mark.parametrize("penalty", [0.01, 1.0])
def test_g9_f11_a_penalty_comes_too_late_for_a_run_that_explodes(penalty):
    with pytest.raises(Diverged):
        trained(Copies(), penalty=penalty)


def test_f12_clipping_bounds_the_length_and_keeps_the_direction():
    free, clipped = with_gradient(), with_gradient()
    before = clip_norm(clipped, 1.0)
    assert math.hypot(*norms(clipped).values()) == pytest.approx(1, rel=1e-4)
    for p, q in zip(free.parameters(), clipped.parameters(), strict=True):
        torch.testing.assert_close(q.grad * before, p.grad, rtol=1e-4, atol=1e-4)


def test_f12_with_clipping_the_run_that_explodes_learns():
    losses = trained(Copies(), max_norm=1.0)
    assert losses[0] > 1e9
    assert losses[-1] < 0.01


# Time


def felt(kind, *, seed=0, bias=None, times=1.0):
    """How strongly the last state answers to the first of sixty words, the last word for 1."""
    with seeded(seed):
        layer = getattr(nn, kind)(16, 32, batch_first=True).double()
        if times != 1:
            for block in layer.weight_hh_l0.data.split(32):
                block.copy_(times * orthogonal_(torch.empty_like(block)))
    if bias is not None:
        open_forget_gate(layer, bias)
    answer = through_time(layer, random(16, 60, 16, seed=seed))
    return (answer[0] / answer[-1]).item()


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_g12_f55_as_they_are_made_none_of_the_three_hears_the_first_of_sixty_words(kind):
    assert max(felt(kind, seed=s) for s in SEEDS) < 1e-8


def test_g12_l3_f55_an_lstm_whose_forget_gate_begins_open_hears_it():
    assert np.median([felt("LSTM", seed=s, bias=3) for s in SEEDS]) > 0.05


def test_f55_the_more_open_the_gate_the_more_arrives():
    found = [felt("LSTM", bias=b) for b in (0, 1, 3, 5)]
    assert found == sorted(found)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_l3_f54_with_recurrent_weights_too_large_all_three_explode(kind):
    assert np.median([felt(kind, seed=s, times=8) for s in SEEDS]) > 1e4


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_l3_f54_with_gates_they_explode_less_than_an_rnn(kind):
    rnn, gated = (np.median([felt(k, seed=s, times=8) for s in SEEDS]) for k in ("RNN", kind))
    assert gated < 1e-2 * rnn


def test_l3_the_road_of_the_memory_alone_cannot_explode():
    with seeded(0):
        lstm = nn.LSTM(16, 32, batch_first=True).double()
    lstm.weight_hh_l0.data.zero_()
    open_forget_gate(lstm, 20)
    answer = through_time(lstm, random(16, 60, 16))
    assert answer[0] < 10 * answer[-1]


def linear(factor, steps):
    """How strongly a recurrent layer without a bend, a rotation times a factor, hears each step."""
    with seeded(0):
        layer = nn.RNN(8, 8, batch_first=True, nonlinearity="relu", bias=False).double()
        turn = orthogonal_(torch.empty(8, 8).double()).abs()  # all positive: ReLU stays open
    layer.weight_ih_l0.data.copy_(torch.eye(8))
    layer.weight_hh_l0.data.copy_(factor * turn / torch.linalg.eigvals(turn).abs().max())
    return through_time(layer, torch.ones(1, steps, 8).double())


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_r8_whether_a_recurrent_network_forgets_is_up_to_its_weights(factor):
    answer = linear(factor, 40)
    assert (answer[0] > answer[-1]) == (factor > 1)


def test_r8_as_it_is_made_it_hears_the_first_input_least():
    with seeded(0):
        layer = nn.RNN(16, 32, batch_first=True).double()
    answer = through_time(layer, random(16, 60, 16))
    assert answer.argmin() < 3


def test_f58_the_same_matrix_is_used_at_every_step():
    answer = linear(0.8, 60)
    steps = answer[1:] / answer[:-1]
    torch.testing.assert_close(steps[:40], torch.full((40,), 1 / 0.8).double(), rtol=1e-3, atol=0)


def test_f58_a_longer_sequence_needs_no_more_weights():
    layer = nn.RNN(16, 32, batch_first=True)
    weights = sum(p.numel() for p in layer.parameters())
    layer(torch.zeros(1, 500, 16))
    assert sum(p.numel() for p in layer.parameters()) == weights


def test_l24_f59_the_recent_words_are_heard_where_the_first_are_not():
    with seeded(0):
        answer = through_time(nn.RNN(16, 32, batch_first=True).double(), random(16, 60, 16))
    assert answer[-10:].sum() > 0.95 * answer.sum()


def learned(words, answers, *, steps=120):
    """The share of right answers of an RNN that was trained on texts and their answers."""
    with seeded(0):
        model = Reader(nn.RNN(8, 32, batch_first=True), 4)
    data = list(zip(words.split(32), answers.split(32), strict=True))[:steps]
    adam = torch.optim.Adam(model.parameters(), 3e-3)
    fit(model, data, cross_entropy, adam, max_norm=1.0)
    with torch.no_grad():
        return (model(words[-500:]).argmax(1) == answers[-500:]).double().mean().item()


def test_l24_f59_training_goes_on_for_what_stands_near_the_end():
    with seeded(0):
        words, first = recall(120 * 32 + 500, 60)
    assert learned(words, first) < 0.5
    assert learned(words.flip(1), first) > 0.95  # the first word has become the last


def test_g1_an_answer_can_hang_on_a_word_far_back():
    with seeded(0):
        words, first = recall(50, 60)
    torch.testing.assert_close(words[:, 0].argmax(1), first)
    assert words[:, 1:, :4].sum() == 0  # none of the others tells it
