"""Probes against slopes worked by hand; norms, first weights and clipping against torch's own."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from companion import gradients, recurrent
from companion.gradients import BatchNorm, LayerNorm, Reader, Residual
from companion.runtime import seeded
from tests import _close

BATCHES = [(5, 3), (2, 3), (64, 3)]


@pytest.fixture
def trained():
    """A small model after a backward pass, with gradients of some size."""
    with seeded(0):
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
        (model(torch.randn(6, 4)) * 50).square().sum().backward()
    return model


# Probes.


def test_the_norm_of_a_parameter_is_the_root_of_the_sum_of_its_squares(trained):
    found = gradients.norms(trained)
    assert list(found) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    entries = trained[0].weight.grad.flatten().tolist()
    assert found["0.weight"] == pytest.approx(math.sqrt(sum(g * g for g in entries)), rel=1e-6)


def test_a_large_gradient_is_measured_where_its_square_would_overflow():
    model = nn.Linear(4, 1, bias=False)
    model.weight.grad = torch.full((1, 4), 1e30)
    assert gradients.norms(model)["weight"] == pytest.approx(2e30, rel=1e-6)


@pytest.mark.parametrize(("value", "word"), [(math.nan, "NaN"), (math.inf, "infinite")])
def test_a_gradient_that_is_no_number_is_named(trained, value, word):
    trained[2].weight.grad[0, 0] = value
    with pytest.raises(FloatingPointError, match=rf"numbers: 2\.weight \({word}\)$"):
        gradients.norms(trained)


def test_norms_before_a_backward_pass_are_refused():
    with pytest.raises(ValueError, match="backward"):
        gradients.norms(nn.Linear(2, 2))


def test_parameters_without_a_gradient_are_left_out(trained):
    trained[0].weight.grad = None
    assert "0.weight" not in gradients.norms(trained)


def test_gradients_by_layer_are_products_of_weights_in_a_line():
    model = nn.Sequential(*(nn.Linear(1, 1, bias=False) for _ in range(3)))
    for layer, weight in zip(model, (7.0, -2.0, 5.0), strict=True):
        layer.weight.data.fill_(weight)
    found = gradients.by_layer(model, torch.ones(1, 1), loss=torch.sum)
    assert found == {"0": 10.0, "1": 5.0, "2": 1.0}


def test_gradients_by_layer_can_be_asked_of_blocks():
    model = gradients.deep(3, 4, 2, residual=True)
    found = gradients.by_layer(model, torch.ones(1, 4), loss=torch.sum, layers=Residual)
    assert list(found) == ["0", "1", "2"]


def test_gradients_by_layer_leave_those_of_the_parameters_alone(trained):
    before = [p.grad.clone() for p in trained.parameters()]
    gradients.by_layer(trained, torch.ones(1, 4), loss=torch.sum)
    assert_close([p.grad for p in trained.parameters()], before)


def test_no_layer_goes_on_listening_after_a_probe(trained):
    gradients.by_layer(trained, torch.ones(1, 4), loss=torch.sum)
    gradients.saturation(trained, torch.ones(1, 4))
    assert not any(module._forward_hooks for module in trained.modules())


def test_a_layer_with_a_gradient_that_is_no_number_is_named():
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    model[1].weight.data.fill_(math.inf)
    with pytest.raises(FloatingPointError, match=r"at: 0$"):
        gradients.by_layer(model, torch.ones(1, 1), loss=torch.sum)


def test_a_large_gradient_at_a_layer_is_measured_where_its_square_would_overflow():
    found = gradients.by_layer(
        nn.Sequential(nn.Linear(1, 4)), torch.ones(1, 1), loss=lambda out: 1e30 * out.sum()
    )
    assert found["0"] == pytest.approx(2e30, rel=1e-6)


def test_a_model_without_such_a_layer_is_refused():
    with pytest.raises(ValueError, match="has no Linear or Residual"):
        gradients.by_layer(nn.ReLU(), torch.ones(1), loss=torch.sum, layers=(nn.Linear, Residual))


def test_saturation_counts_the_entries_with_little_slope():
    model = nn.Sequential(nn.Identity(), nn.Sigmoid(), nn.Tanh())
    x = torch.tensor([0.0, 2.5, -5.0, 50.0])  # the slope of the sigmoid: 0.25, 0.07, 0.007, 0
    found = gradients.saturation(model, x)
    assert found == {"1": 0.5, "2": 0.0}


def test_saturation_reads_any_bend_that_works_on_single_entries():
    found = gradients.saturation(nn.Hardtanh(), torch.tensor([0.0, 3.0]), layers=nn.Hardtanh)
    assert found == {"": 0.5}


INPLACE = [
    nn.ReLU(inplace=True),
    nn.LeakyReLU(inplace=True),
    nn.ELU(inplace=True),
    nn.SiLU(inplace=True),
    nn.Hardtanh(inplace=True),
    nn.Dropout(0.5, inplace=True),
]


def one_block(bend):
    """A layer, a bend and a head, and an input, the same each time."""
    with seeded(0):
        return nn.Sequential(nn.Linear(4, 8), bend, nn.Linear(8, 2)), torch.randn(6, 4)


def apart(bend):
    """The same bend, which writes its result into a new place."""
    twin = copy.deepcopy(bend)
    twin.inplace = False
    return twin


@pytest.mark.parametrize("bend", INPLACE, ids=lambda bend: type(bend).__name__)
def test_gradients_by_layer_are_taken_before_a_bend_that_works_in_place(bend):
    found = []
    for one in (bend, apart(bend)):
        model, x = one_block(one)
        with seeded(1):
            found.append(gradients.by_layer(model, x, loss=torch.sum))
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_gradients_by_layer_are_taken_before_a_block_adds_in_place():
    class Adds(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(1, 1)

        def forward(self, x):
            y = self.linear(x)
            y *= 5
            return y

    assert gradients.by_layer(Adds(), torch.ones(1, 1), loss=torch.sum) == {"linear": 5.0}


def test_a_layer_that_runs_twice_has_a_gradient_for_each_run():
    double = nn.Linear(1, 1, bias=False)
    double.weight.data.fill_(2)
    model = nn.Sequential(double, nn.Sequential(double))
    found = gradients.by_layer(model, torch.ones(1, 1), loss=torch.sum)
    assert found == {"0": 2.0, "1.0": 1.0}


def test_a_layer_that_gives_no_tensor_is_named():
    with pytest.raises(TypeError, match="must give a tensor, got tuple"):
        gradients.by_layer(nn.GRU(1, 1), torch.ones(1, 1), loss=lambda out: out[1], layers=nn.GRU)


@pytest.mark.parametrize("bend", INPLACE[:-1], ids=lambda bend: type(bend).__name__)
def test_saturation_of_a_bend_that_works_in_place_is_that_of_its_twin(bend):
    found = [gradients.saturation(*one_block(one)) for one in (bend, apart(bend))]
    assert found[0] == found[1]
    assert list(found[0]) == ["1"]


def test_a_bend_that_is_used_twice_is_measured_twice():
    bend = nn.ReLU(inplace=True)
    turn = nn.Linear(1, 1, bias=False)
    turn.weight.data.fill_(-1)
    x = torch.tensor([[-1.0], [1.0], [2.0], [3.0]])
    assert gradients.saturation(nn.Sequential(bend, turn, bend), x) == {"0": 0.25, "2": 1.0}


def test_a_bend_under_one_name_is_measured_in_each_run():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.bend = nn.ReLU()

        def forward(self, x):
            return self.bend(input=-self.bend(x))

    found = gradients.saturation(Twice(), torch.tensor([-1.0, 1.0]))
    assert found == {"bend": 0.5, "bend (run 2)": 1.0}


def test_time_gradients_of_a_linear_memory_are_powers_of_its_weight():
    layer = nn.RNN(1, 1, bias=False, batch_first=True, nonlinearity="relu")
    layer.weight_ih_l0.data.fill_(1)
    layer.weight_hh_l0.data.fill_(0.5)
    assert_close(
        gradients.through_time(layer, torch.ones(1, 4, 1)), torch.tensor([0.125, 0.25, 0.5, 1.0])
    )


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_time_gradients_of_our_layers_are_those_of_torch(kind):
    with seeded(0):
        theirs = getattr(nn, kind)(3, 5, batch_first=True)
        x = torch.randn(2, 7, 3)
    ours = getattr(recurrent, kind)(3, 5)
    ours.load_state_dict(theirs.state_dict())
    _close.assert_close(gradients.through_time(ours, x), gradients.through_time(theirs, x))


def test_a_layer_that_wants_time_first_is_refused():
    with pytest.raises(ValueError, match="batch_first"):
        gradients.through_time(nn.RNN(1, 1), torch.ones(1, 4, 1))


@pytest.mark.parametrize("layer", [nn.GRU(1, 1, batch_first=True, bidirectional=True)])
def test_a_layer_that_also_reads_from_the_end_has_no_last_state(layer):
    with pytest.raises(ValueError, match="one direction"):
        gradients.through_time(layer, torch.ones(1, 4, 1))
    with pytest.raises(ValueError, match="one direction"):
        Reader(layer, 2)
    with pytest.raises(ValueError, match="one direction"):
        Reader(recurrent.GRU(1, 1, bidirectional=True), 2)


def test_a_reader_refuses_a_layer_that_wants_time_first():
    with pytest.raises(ValueError, match="batch_first"):
        Reader(nn.LSTM(1, 1), 2)


def test_a_reader_refuses_what_is_no_recurrent_layer():
    with pytest.raises(TypeError, match="recurrent layer, got Linear"):
        Reader(nn.Linear(1, 1), 2)


def test_a_reader_refuses_a_sequence_that_is_no_batch():
    with pytest.raises(ValueError, match=r"\(B, T, D\), got \(4, 4\)"):
        Reader(nn.RNN(4, 4, batch_first=True), 2)(torch.ones(4, 4))


@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
def test_a_reader_of_a_projected_state_answers_from_the_projection():
    layer = nn.LSTM(3, 5, batch_first=True, proj_size=2)
    assert Reader(layer, 4)(torch.ones(1, 7, 3)).shape == (1, 4)


@pytest.mark.parametrize(
    ("call", "fault", "message"),
    [
        (lambda: gradients.recall("5", 3), TypeError, "count must be a whole number"),
        (lambda: gradients.recall(5, 3, kinds=0), ValueError, "kinds must be .* 1 or more"),
        (lambda: gradients.deep(0, 3, 1), ValueError, "depth must be .* 1 or more"),
        (lambda: gradients.normal_(torch.ones(2), std=None), TypeError, "std must be a number"),
        (lambda: gradients.normal_(torch.ones(2), std=-1), ValueError, "std must be 0 or more"),
        (
            lambda: gradients.saturation(nn.ReLU(), torch.ones(2), below="a"),
            TypeError,
            "below must be a number 0 or more, got 'a'",
        ),
    ],
)
def test_numbers_out_of_range_are_named(call, fault, message):
    with pytest.raises(fault, match=message):
        call()


def test_time_gradients_of_anything_but_a_batch_of_sequences_are_refused():
    with pytest.raises(ValueError, match=r"\(B, T, D\)"):
        gradients.through_time(nn.RNN(1, 1, batch_first=True), torch.ones(4, 1))


# First weights.


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7)])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (gradients.xavier_, nn.init.xavier_normal_),
        (gradients.he_, lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu")),
        (gradients.orthogonal_, nn.init.orthogonal_),
    ],
    ids=["xavier", "he", "orthogonal"],
)
def test_first_weights_are_those_of_torch_from_the_same_seed(ours, theirs, shape):
    with seeded(0):
        a = ours(torch.empty(shape))
    with seeded(0):
        b = theirs(torch.empty(shape))
    assert_close(a, b)


def test_first_weights_are_written_into_the_parameter_itself():
    layer = nn.Linear(6, 6)
    with seeded(0):
        gradients.orthogonal_(layer.weight)
    assert_close(layer.weight @ layer.weight.T, torch.eye(6), atol=1e-5, rtol=0)


@pytest.mark.parametrize("fill", [gradients.xavier_, gradients.he_, gradients.orthogonal_])
def test_weights_that_are_no_matrix_are_refused(fill):
    with pytest.raises(ValueError, match=r"\(K, D\), got \(3,\)"):
        fill(torch.empty(3))


@pytest.mark.parametrize("kind", [nn.LSTM, recurrent.LSTM])
def test_an_open_forget_gate_has_the_bias_and_no_other_gate_changes(kind):
    with seeded(0):
        lstm = kind(2, 3)
    before = copy.deepcopy(lstm)
    gradients.open_forget_gate(lstm, 3.0)
    gate = lstm.bias_ih_l0 + lstm.bias_hh_l0
    assert_close(gate[3:6], torch.full((3,), 3.0))
    for name in ("bias_ih_l0", "bias_hh_l0"):
        now, then = getattr(lstm, name), getattr(before, name)
        assert_close(now[[0, 1, 2, 6, 7, 8, 9, 10, 11]], then[[0, 1, 2, 6, 7, 8, 9, 10, 11]])


@pytest.mark.parametrize("layer", [nn.GRU(2, 3), nn.LSTM(2, 3, bias=False)])
def test_a_layer_without_a_forget_gate_or_its_bias_is_refused(layer):
    with pytest.raises(TypeError, match="LSTM with biases"):
        gradients.open_forget_gate(layer, 1.0)


# Normalisation.


@pytest.mark.parametrize("shape", BATCHES)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(BatchNorm(3), nn.BatchNorm1d(3)), (LayerNorm(3), nn.LayerNorm(3))],
    ids=["batch", "layer"],
)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_norms_give_the_values_and_gradients_of_torch(ours, theirs, shape, training):
    ours, theirs = copy.deepcopy(ours).double(), copy.deepcopy(theirs).double()
    with seeded(0):
        state = {
            name: torch.rand_like(value) + 0.5 if value.is_floating_point() else value
            for name, value in theirs.state_dict().items()
        }
        x, upstream = 3 * torch.randn(shape).double() + 2, torch.randn(shape).double()
    grads = []
    for module in (ours, theirs):
        module.load_state_dict(state)
        module.train(training)
        inputs = x.clone().requires_grad_()
        out = module(inputs)
        out.backward(upstream)
        grads.append((out, inputs.grad, module.weight.grad, module.bias.grad))
    for mine, true in zip(*grads, strict=True):
        _close.assert_close(mine, true)


def test_running_averages_are_those_of_torch_after_some_batches():
    ours, theirs = BatchNorm(3), nn.BatchNorm1d(3)
    with seeded(0):
        for _ in range(4):
            x = 3 * torch.randn(6, 3) + 2
            ours(x), theirs(x)
    for name, true in theirs.state_dict().items():
        _close.assert_close(ours.state_dict()[name], true)


def test_running_averages_do_not_move_in_evaluation():
    norm = BatchNorm(3).eval()
    norm(torch.randn(6, 3))
    assert_close(norm.state_dict(), BatchNorm(3).state_dict())


def test_a_batch_of_one_cannot_be_normalised_in_training():
    with pytest.raises(ValueError, match="one example"):
        BatchNorm(3)(torch.ones(1, 3))


def test_a_batch_of_one_can_be_normalised_in_evaluation():
    assert_close(BatchNorm(3, eps=0).eval()(torch.ones(1, 3)), torch.ones(1, 3))


@pytest.mark.parametrize(("module", "shape"), [(BatchNorm(3), (2, 5, 3)), (LayerNorm(3), (2, 4))])
def test_a_shape_that_cannot_be_normalised_is_refused(module, shape):
    with pytest.raises(ValueError, match=r"x must have shape .*3\), got"):
        module(torch.ones(shape))


# Blocks.


def test_a_residual_block_is_the_identity_where_its_branch_is_zero():
    block = Residual(nn.Linear(3, 3))
    for p in block.parameters():
        nn.init.zeros_(p)
    x = torch.tensor([[-1.0, 0.0, 2.0]])
    assert_close(block(x), x)


def test_a_residual_block_adds_what_its_branch_gives():
    branch = nn.Linear(3, 3)
    x = torch.tensor([[-1.0, 0.0, 2.0]])
    assert_close(Residual(branch)(x), x + branch(x))


def test_a_residual_block_lets_the_gradient_pass_beside_a_dead_branch():
    model = nn.Sequential(nn.Linear(1, 1), Residual(nn.ReLU()))
    model[0].weight.data.fill_(-1)
    model[0].bias.data.fill_(0)
    found = gradients.by_layer(model, torch.ones(1, 1), loss=torch.sum)
    assert found == {"0": 1.0}


def test_a_deep_network_has_a_linear_a_norm_and_a_bend_in_each_block():
    model = gradients.deep(2, 4, 3, bend=nn.Tanh, norm=BatchNorm)
    assert [[type(part) for part in block] for block in model[:2]] == [
        [nn.Linear, BatchNorm, nn.Tanh]
    ] * 2


def test_a_deep_network_is_initialised_as_asked_with_biases_of_zero():
    model = gradients.deep(2, 4, 3, initialise=nn.init.ones_)
    assert_close(model[1][0].weight, torch.ones(4, 4))
    assert_close(model[1][0].bias, torch.zeros(4))


# Clipping.


@pytest.mark.parametrize("max_norm", [0.5, 1e6], ids=["too long", "short enough"])
def test_clipping_is_that_of_torch(trained, max_norm):
    other = copy.deepcopy(trained)
    for theirs, ours in zip(other.parameters(), trained.parameters(), strict=True):
        theirs.grad = ours.grad.clone()
    before = gradients.clip_norm(trained, max_norm)
    theirs = nn.utils.clip_grad_norm_(other.parameters(), max_norm)
    assert before == pytest.approx(theirs.item(), rel=1e-5)
    for mine, true in zip(trained.parameters(), other.parameters(), strict=True):
        _close.assert_close(mine.grad, true.grad)


def test_clipping_does_not_touch_a_short_gradient(trained):
    before = [p.grad.clone() for p in trained.parameters()]
    gradients.clip_norm(trained, 1e6)
    assert all(map(torch.equal, before, (p.grad for p in trained.parameters())))


def test_clipping_keeps_the_direction(trained):
    before = torch.cat([p.grad.flatten() for p in trained.parameters()])
    gradients.clip_norm(trained, 1.0)
    after = torch.cat([p.grad.flatten() for p in trained.parameters()])
    assert torch.cosine_similarity(before, after, dim=0).item() == pytest.approx(1, abs=1e-6)
    assert after.norm().item() == pytest.approx(1, rel=1e-5)


def test_a_gradient_that_is_no_number_is_not_clipped(trained):
    trained[0].bias.grad[0] = math.nan
    with pytest.raises(FloatingPointError, match=r"0\.bias"):
        gradients.clip_norm(trained, 1.0)


@pytest.mark.parametrize("max_norm", [0, -1.0, math.nan])
def test_a_norm_that_is_not_above_zero_is_refused(trained, max_norm):
    with pytest.raises(ValueError, match="above 0"):
        gradients.clip_norm(trained, max_norm)


# The task of distance.


def test_the_first_word_of_a_text_is_its_answer_and_no_other_word_tells_it():
    with seeded(0):
        words, first = gradients.recall(50, 6, kinds=3)
    assert_close(words[:, 0].argmax(1), first)
    assert words.shape == (50, 7, 6)
    assert words[:, 1:, :3].sum() == 0


def test_each_place_of_a_text_holds_one_word():
    assert_close(gradients.recall(5, 6)[0].sum(2), torch.ones(5, 7))


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_a_reader_answers_from_the_last_state(kind):
    with seeded(0):
        reader = Reader(kind(8, 5, batch_first=True), 4)
        x, _ = gradients.recall(2, 6)
    _, state = reader.layer(x)
    state = state[0] if isinstance(state, tuple) else state
    assert_close(reader(x), reader.head(state[-1]))
