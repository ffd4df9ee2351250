"""Cells and layers against torch.nn, numpy and finite differences; the writer against its model."""

from __future__ import annotations

import copy
import math
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from companion import recurrent
from companion.recurrent import GRU, LSTM, RNN, generate
from companion.runtime import seeded
from tests._close import assert_close

CELLS = ("RNNCell", "LSTMCell", "GRUCell")
VARIANTS = ("PeepholeLSTMCell", "CoupledLSTMCell")
LAYERS = ("RNN", "LSTM", "GRU")
STACKS = ((1, False), (1, True), (2, False), (3, True))  # layers, bidirectional
SHAPES = ((3, 5, 2, 4), (1, 4, 3, 2), (4, 1, 1, 5), (1, 1, 2, 1), (20, 30, 3, 4))  # B, T, D, H
DTYPES = {torch.float32: 1e-5, torch.float64: 1e-10}


def parts(state):
    """The tensors of a state, whichever kind it is."""
    return [] if state is None else [state] if isinstance(state, torch.Tensor) else list(state)


def random_state(name, shape, dtype):
    state = tuple(torch.randn(shape, dtype=dtype) for _ in range(2 if "LSTM" in name else 1))
    return state if "LSTM" in name else state[0]


def twins(name, *sizes, dtype, **options):
    """One of our modules and torch's with the same weights."""
    theirs = getattr(nn, name)(*sizes, **options).to(dtype)
    options.pop("batch_first", None)
    ours = getattr(recurrent, name)(*sizes, **options).to(dtype)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def answers(run, module, x, state):
    """What a module gives, then the gradients of x, the state and the weights, of a random loss."""
    x = x.clone().requires_grad_()
    leaves = [part.clone().requires_grad_() for part in parts(state)]
    begin = None if state is None else tuple(leaves) if len(leaves) > 1 else leaves[0]
    given = run(module, x, begin)
    values = [value for item in given for value in parts(item)]
    weigh = torch.Generator().manual_seed(1)
    loss = sum(
        (value * torch.randn(value.shape, generator=weigh, dtype=value.dtype)).sum()
        for value in values
    )
    return values + list(torch.autograd.grad(loss, [x, *leaves, *module.parameters()]))


def assert_same(ours, theirs, tolerance):
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == other.dtype
        assert_close(mine, other, share=tolerance)


def step(module, x, state):
    return (module(x, state),)


def walk(module, x, state):
    return module(x, state)


def through_packing(lengths):
    """How torch.nn reads sequences of different lengths."""

    def run(module, x, state):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        output, state = module(packed, state)
        padded, _ = pad_packed_sequence(output, batch_first=True, total_length=x.shape[1])
        return padded, state

    return run


def with_lengths(lengths):
    return lambda module, x, state: module(x, state, lengths=lengths)


# Cells.


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CELLS)
def test_a_cell_and_all_its_gradients_equal_torch(name, dtype, bias):
    for seed, (B, _, D, H) in enumerate(SHAPES):
        with seeded(seed):
            ours, theirs = twins(name, D, H, bias=bias, dtype=dtype)
            x = torch.randn(B, D, dtype=dtype)
            for state in (None, random_state(name, (B, H), dtype)):
                mine, other = (answers(step, cell, x, state) for cell in (ours, theirs))
                assert_same(mine, other, DTYPES[dtype])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def unit_by_unit(name, cell, x, h, c):
    """Peephole and coupled cells as the papers write them, one example and one unit at a time."""
    w = {key: value.detach().numpy() for key, value in cell.named_parameters()}
    H = len(h)
    new_h, new_c = np.empty(H), np.empty(H)
    for j in range(H):
        sums = [
            w["weight_ih"][k] @ x + w["bias_ih"][k] + w["weight_hh"][k] @ h + w["bias_hh"][k]
            for k in range(j, len(w["weight_ih"]), H)
        ]
        if name == "PeepholeLSTMCell":
            i, f, g, o = sums
            p_i, p_f, p_o = w["weight_ch"][:, j]
            new_c[j] = sigmoid(f + p_f * c[j]) * c[j] + sigmoid(i + p_i * c[j]) * np.tanh(g)
            o = o + p_o * new_c[j]
        else:
            f, g, o = sums
            new_c[j] = sigmoid(f) * c[j] + (1 - sigmoid(f)) * np.tanh(g)
        new_h[j] = sigmoid(o) * np.tanh(new_c[j])
    return new_h, new_c


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_equals_its_formula_unit_by_unit(name):
    with seeded(0):
        cell = getattr(recurrent, name)(3, 4).double()
        x, (h, c) = torch.randn(5, 3).double(), random_state(name, (5, 4), torch.float64)
    given = [part.detach().numpy() for part in cell(x, (h, c))]
    rows = [unit_by_unit(name, cell, *(t[b].numpy() for t in (x, h, c))) for b in range(5)]
    for got, want in zip(given, zip(*rows, strict=True), strict=True):
        np.testing.assert_allclose(got, np.stack(want), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_without_biases_has_none(name):
    cell = getattr(recurrent, name)(3, 4, bias=False)
    assert not [key for key in cell.state_dict() if "bias" in key]
    assert len(cell(torch.ones(2, 3))) == 2


@pytest.mark.parametrize("name", [*CELLS, *VARIANTS])
def test_finite_differences_confirm_a_cell(name):
    with seeded(0):
        cell = getattr(recurrent, name)(2, 3).double()
        x, state = torch.randn(2, 2).double(), random_state(name, (2, 3), torch.float64)
    inputs = [x, *parts(state), *cell.parameters()]
    for t in inputs:
        t.requires_grad_()
    n = len(parts(state))

    def run(x, *rest):
        return cell(x, rest[:n] if n > 1 else rest[0])

    assert torch.autograd.gradcheck(run, inputs)


# Layers.


@pytest.mark.parametrize(("num_layers", "bidirectional"), STACKS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LAYERS)
def test_layers_and_all_their_gradients_equal_torch(name, dtype, num_layers, bidirectional):
    for seed, (B, T, D, H) in enumerate(SHAPES):
        with seeded(seed):
            ours, theirs = twins(
                name, D, H, num_layers, bidirectional=bidirectional, batch_first=True, dtype=dtype
            )
            x = torch.randn(B, T, D, dtype=dtype)
            scans = num_layers * (1 + bidirectional)
            for state in (None, random_state(name, (scans, B, H), dtype)):
                mine, other = (answers(walk, layers, x, state) for layers in (ours, theirs))
                assert_same(mine, other, DTYPES[dtype])


@pytest.mark.parametrize(("num_layers", "bidirectional"), STACKS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LAYERS)
def test_layers_with_lengths_equal_torch_on_packed_sequences(
    name, dtype, num_layers, bidirectional
):
    for seed, (B, T, D, H) in enumerate(SHAPES):
        with seeded(seed) as rng:
            ours, theirs = twins(
                name, D, H, num_layers, bidirectional=bidirectional, batch_first=True, dtype=dtype
            )
            x = torch.randn(B, T, D, dtype=dtype)
            lengths = rng.integers(1, T + 1, B).tolist()
            state = random_state(name, (num_layers * (1 + bidirectional), B, H), dtype)
        mine = answers(with_lengths(lengths), ours, x, state)
        other = answers(through_packing(lengths), theirs, x, state)
        assert_same(mine, other, DTYPES[dtype])


def reading(name, num_layers, lengths):
    """Return a function that lets layers read both ways, and all that it can be derived by."""
    with seeded(0):
        layers = getattr(recurrent, name)(2, 2, num_layers, bidirectional=True).double()
        x = torch.randn(3, 3, 2).double()
        state = random_state(name, (2 * num_layers, 3, 2), torch.float64)
    inputs = [x, *parts(state), *layers.parameters()]
    for t in inputs:
        t.requires_grad_()
    n = len(parts(state))

    def run(x, *rest):
        output, last = layers(x, rest[:n] if n > 1 else rest[0], lengths=lengths)
        return (output, *parts(last))

    return run, inputs


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("lengths", [None, [3, 1, 2], [2, 2, 2]])
def test_finite_differences_confirm_layers(name, lengths):
    assert torch.autograd.gradcheck(*reading(name, 2, lengths), fast_mode=True)


@pytest.mark.parametrize(("cell", "layer"), list(zip(CELLS, LAYERS, strict=True)))
def test_a_layer_is_its_cell_step_by_step(cell, layer):
    with seeded(0):
        layer = getattr(recurrent, layer)(3, 4)
        x = torch.randn(2, 6, 3)
    cell = getattr(recurrent, cell)(3, 4)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    state, outputs = None, []
    for x_t in x.unbind(1):
        state = cell(x_t, state)
        outputs.append(parts(state)[0])
    output, last = layer(x)
    torch.testing.assert_close(output, torch.stack(outputs, 1))
    torch.testing.assert_close(parts(last)[-1][0], parts(state)[-1])


@pytest.mark.parametrize("name", [*CELLS, *LAYERS])
def test_weights_go_to_torch_and_come_back(name):
    ours, theirs = twins(name, 3, 4, dtype=torch.float32)
    theirs.load_state_dict(getattr(recurrent, name)(3, 4).state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())


@pytest.mark.parametrize("name", [*CELLS, *LAYERS])
def test_first_weights_are_drawn_as_torch_draws_them(name):
    with seeded(3):
        ours = getattr(recurrent, name)(3, 4)
    with seeded(3):
        theirs = getattr(nn, name)(3, 4)
    assert_same(list(ours.parameters()), list(theirs.parameters()), 0)


@pytest.mark.parametrize("name", LAYERS)
def test_two_halves_with_the_state_handed_on_are_the_whole(name):
    with seeded(0):
        layers, x = getattr(recurrent, name)(3, 4, 2), torch.randn(2, 7, 3)
    whole, last = layers(x)
    first, state = layers(x[:, :3])
    second, end = layers(x[:, 3:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    assert_same(parts(end), parts(last), 1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_a_sequence_gives_the_same_alone_as_in_a_batch(name):
    with seeded(0):
        layers = getattr(recurrent, name)(3, 4, 2, bidirectional=True)
        x, lengths = torch.randn(3, 6, 3), [2, 6, 4]
    output, last = layers(x, lengths=lengths)
    for b, n in enumerate(lengths):
        alone, end = layers(x[b : b + 1, :n])
        torch.testing.assert_close(output[b, :n], alone[0])
        assert_same([part[:, b] for part in parts(last)], [part[:, 0] for part in parts(end)], 1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_what_stands_in_the_padding_reaches_nothing(name):
    with seeded(0):
        layers = getattr(recurrent, name)(3, 4, 2, bidirectional=True)
        x, lengths = torch.randn(3, 6, 3), torch.tensor([2, 5, 4])
    padding = torch.arange(6) >= lengths[:, None]
    spoilt = x.masked_fill(padding[:, :, None], torch.nan)
    clean, dirty = (answers(with_lengths(lengths), layers, t, None) for t in (x, spoilt))
    assert_same(dirty, clean, 0)
    assert not dirty[0][padding].any()  # the output there is zero


@pytest.mark.parametrize("name", LAYERS)
def test_full_lengths_are_no_lengths(name):
    with seeded(0):
        layers, x = getattr(recurrent, name)(3, 4), torch.randn(2, 5, 3)
    assert_same(answers(with_lengths([5, 5]), layers, x, None), answers(walk, layers, x, None), 0)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_without_training_have_no_dropout(name):
    with seeded(0):
        ours, theirs = twins(name, 3, 4, 2, dropout=0.5, batch_first=True, dtype=torch.float32)
        x = torch.randn(2, 5, 3)
    mine, other = (answers(walk, layers.eval(), x, None) for layers in (ours, theirs))
    assert_same(mine, other, 1e-5)


def test_dropout_sets_the_stated_share_to_zero_and_scales_the_rest():
    tiny = 1e-3  # so small that tanh is the identity
    layers = RNN(1, 200, 2, dropout=0.3)
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.zero_()
        layers.bias_ih_l0.fill_(1.0)
        layers.weight_ih_l1.copy_(tiny * torch.eye(200))
    with seeded(0):
        output, _ = layers(torch.zeros(10, 10, 1))
    share = (output == 0).float().mean().item()
    assert share == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / 20_000) ** 0.5)
    kept = output[output != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, tiny * np.tanh(1) / 0.7))


def test_dropout_acts_between_layers_only():
    with seeded(0):
        layers, x = LSTM(3, 4, dropout=0.9), torch.randn(2, 5, 3)
    assert_same(answers(walk, layers.train(), x, None), answers(walk, layers.eval(), x, None), 0)


@pytest.mark.parametrize("name", LAYERS)
def test_a_second_backward_gives_the_same_gradients(name):
    with seeded(0):
        layers, x = getattr(recurrent, name)(3, 4), torch.randn(2, 5, 3)
    output, _ = layers(x)
    loss = output.square().sum()
    first = torch.autograd.grad(loss, list(layers.parameters()), retain_graph=True)
    second = torch.autograd.grad(loss, list(layers.parameters()))
    assert_same(second, first, 0)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("of", ["x", "weights"])
def test_second_derivatives_equal_torch(name, of):
    found = []
    for layers in twins(name, 2, 3, 2, bidirectional=True, batch_first=True, dtype=torch.float64):
        with seeded(0):
            x = torch.randn(2, 4, 2).double().requires_grad_()
        asked = [x] if of == "x" else list(layers.parameters())
        slopes = torch.autograd.grad(layers(x)[0].sum(), asked, create_graph=True)
        penalty = sum(slope.square().sum() for slope in slopes)
        found.append(torch.autograd.grad(penalty, [x, *layers.parameters()]))
    assert_same(*found, 1e-9)
    assert found[1][0].abs().max() > 0


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("lengths", [None, [3, 1, 2]])
def test_finite_differences_confirm_second_derivatives(name, lengths):
    assert torch.autograd.gradgradcheck(*reading(name, 1, lengths), fast_mode=True)


@pytest.mark.parametrize("name", LAYERS)
def test_a_gradient_that_can_be_derived_again_is_the_same_where_a_state_is_handed_on(name):
    with seeded(0):
        layers, x = getattr(recurrent, name)(2, 3).double(), torch.randn(2, 6, 2).double()
    first, state = layers(x[:, :3])
    output, _ = layers(first[..., :2], state)
    asked = list(layers.parameters())
    once = torch.autograd.grad(output.sum(), asked, retain_graph=True)
    again = torch.autograd.grad(output.sum(), asked, create_graph=True)
    assert_same([slope.detach() for slope in again], once, 1e-9)


@pytest.mark.parametrize("name", LAYERS)
def test_torchs_own_hessian_of_a_layer_is_that_of_torch_nn(name):
    ours, theirs = twins(name, 1, 2, batch_first=True, dtype=torch.float64)
    x = torch.ones(1, 3, 1).double()
    mine, other = (
        torch.autograd.functional.hessian(lambda x, f=f: f(x)[0].sum(), x) for f in (ours, theirs)
    )
    assert_same([mine], [other], 1e-9)
    assert other.abs().max() > 0


@pytest.mark.parametrize("name", LAYERS)
def test_without_gradients_nothing_is_kept(name):
    layers, x, kept = getattr(recurrent, name)(3, 4), torch.ones(2, 5, 3), []

    def keep(tensor):
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        layers(x)
        with_gradients, kept = kept, []
        with torch.no_grad():
            layers(x)
    assert with_gradients
    assert not kept


@pytest.mark.parametrize("name", LAYERS)
def test_dtype_and_device_follow_the_input(name):
    layers = getattr(recurrent, name)(3, 4, 2, bidirectional=True)
    for home in (torch.float64, torch.device("meta")):
        moved = copy.deepcopy(layers).to(home)
        x = torch.ones(2, 5, 3).to(home)
        output, state = moved(x, lengths=[5, 2])
        for tensor in (output, *parts(state)):
            assert (tensor.dtype, tensor.device) == (x.dtype, x.device)


@pytest.mark.parametrize("name", [*CELLS, *VARIANTS, *LAYERS])
@pytest.mark.parametrize("sizes", [(0, 4), (3, 0), (-1, 4)])
def test_sizes_below_one_are_refused(name, sizes):
    with pytest.raises(ValueError, match="must be a whole number, 1 or more, got"):
        getattr(recurrent, name)(*sizes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_layers": 0}, "num_layers must be .* 1 or more, got 0"),
        ({"dropout": -0.1}, "dropout must be a rate from 0 to 1, got -0.1"),
        ({"dropout": float("nan")}, "dropout must be a rate from 0 to 1, got nan"),
    ],
)
def test_layers_refuse_what_they_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        GRU(3, 4, **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GRU("3", 4), "input_size must be a whole number"),
        (lambda: recurrent.LSTMCell(3, 4.0), "hidden_size must be a whole number"),
        (lambda: GRU(3, 4, num_layers=None), "num_layers must be a whole number"),
        (lambda: GRU(3, 4, dropout="0.5"), "dropout must be a number .*got '0.5'"),
    ],
)
def test_a_size_or_rate_that_is_no_number_is_named(make, message):
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize(
    ("x", "fault", "message"),
    [
        (torch.ones(5, 3), ValueError, r"shape \(B, T, D\) with D = 3.*got \(5, 3\)"),
        (torch.ones(2, 5, 4), ValueError, r"with D = 3.*got \(2, 5, 4\)"),
        (torch.ones(2, 0, 3), ValueError, r"none of them 0, got \(2, 0, 3\)"),
        (torch.ones(2, 5, dtype=torch.int64), TypeError, "float32, got torch.int64"),
        (np.ones((2, 5, 3)), TypeError, "float32, got float64"),
    ],
)
def test_layers_say_which_input_they_want(x, fault, message):
    with pytest.raises(fault, match=message):
        LSTM(3, 4)(x)


@pytest.mark.parametrize("name", [*CELLS, *VARIANTS])
def test_a_cell_says_which_input_it_wants(name):
    with pytest.raises(ValueError, match=r"shape \(B, D\) with D = 3.*got \(2, 5, 3\)"):
        getattr(recurrent, name)(3, 4)(torch.ones(2, 5, 3))


GOOD = torch.zeros(2, 2, 4)  # a part of the state of two layers and two sequences


@pytest.mark.parametrize(
    ("name", "state", "fault", "message"),
    [
        ("LSTM", GOOD, TypeError, r"a pair of tensors \(h, c\), got Tensor"),
        ("LSTM", (GOOD,), TypeError, r"a pair of tensors \(h, c\), got tuple"),
        ("LSTM", (GOOD, None), TypeError, r"a pair of tensors \(h, c\), got tuple"),
        ("GRU", (GOOD, GOOD), TypeError, "a tensor h, got tuple"),
        ("RNN", [0.0], TypeError, "a tensor h, got list"),
        ("LSTM", (GOOD, GOOD[:1]), ValueError, r"c .* shape \(2, 2, 4\).* got \(1, 2, 4\)"),
        ("GRU", GOOD[:, :1], ValueError, r"h .* shape \(2, 2, 4\).* got \(2, 1, 4\)"),
        ("RNN", GOOD.double(), ValueError, r"torch.float32, got .* torch.float64"),
    ],
)
def test_layers_say_which_state_they_want(name, state, fault, message):
    with pytest.raises(fault, match=message):
        getattr(recurrent, name)(3, 4, num_layers=2)(torch.ones(2, 5, 3), state)


@pytest.mark.parametrize(
    ("lengths", "fault"),
    [
        ([5, 0], ValueError),
        ([-1, 5], ValueError),
        ([6, 5], ValueError),
        ([5], ValueError),
        ([[5], [5]], ValueError),
        (torch.tensor([5.0, 4.0]), TypeError),
        ([True, True], TypeError),
    ],
)
def test_lengths_that_cannot_be_are_refused(lengths, fault):
    with pytest.raises(fault, match="lengths must be"):
        GRU(3, 4)(torch.ones(2, 5, 3), lengths=lengths)


# The writer.


class Scripted(nn.Module):
    """A language model that always gives the same logits, and notes what it is asked."""

    def __init__(self, logits, script=()):
        super().__init__()
        self.inner = nn.Dropout()
        self.logits, self.script, self.asked = torch.as_tensor(logits), list(script), []

    def forward(self, ids, state):
        self.asked.append((ids, state, self.training, torch.is_grad_enabled()))
        logits = self.logits.clone()
        if self.script:
            logits[self.script[min(len(self.asked), len(self.script)) - 1]] = 1e9
        return logits.expand(*ids.shape, -1), len(self.asked)


PROMPT = torch.tensor([4, 4], dtype=torch.int32)


def drawn(logits, count=2000, **choice):
    """How often each token comes when the logits stay the same."""
    ids = generate(
        Scripted(logits),
        PROMPT,
        max_new_tokens=count,
        generator=torch.Generator().manual_seed(0),
        **choice,
    )
    return torch.bincount(ids[2:], minlength=len(logits)) / count


class Reader(nn.Module):
    """A small language model with random weights."""

    def __init__(self):
        super().__init__()
        self.embed, self.gru, self.out = nn.Embedding(9, 6), GRU(6, 8, 2), nn.Linear(8, 9)

    def forward(self, ids, state):
        output, state = self.gru(self.embed(ids), state)
        return self.out(output), state


def test_greedy_writing_is_the_argmax_of_the_whole_prefix_each_time():
    with seeded(0):
        model = Reader()
    ids = torch.tensor([1, 2, 3])
    for _ in range(12):
        logits, _ = model(ids[None], None)
        ids = torch.cat([ids, logits[0, -1].argmax()[None]])
    assert torch.equal(generate(model, ids[:3], max_new_tokens=12, top_k=1), ids)


def test_the_model_reads_each_token_once_and_gets_its_state_back():
    model = Scripted([0.0] * 9, script=[5, 6, 7])
    generate(model, PROMPT, max_new_tokens=3)
    assert [ids.tolist() for ids, *_ in model.asked] == [[[4, 4]], [[5]], [[6]]]
    assert [state for _, state, *_ in model.asked] == [None, 1, 2]


def test_the_result_is_the_prompt_and_what_follows():
    ids = generate(Scripted([0.0] * 9, script=[5, 6]), PROMPT, max_new_tokens=2)
    assert ids.tolist() == [4, 4, 5, 6]


@pytest.mark.parametrize("count", [0, 2])
def test_token_ids_are_int64_for_the_model_and_in_the_result(count):
    model = Scripted([0.0] * 9)
    ids = generate(model, PROMPT, max_new_tokens=count)
    assert {ids.dtype, *(asked[0].dtype for asked in model.asked)} == {torch.int64}


def test_writing_stops_at_the_end_token_and_leaves_it_out():
    model = Scripted([0.0] * 9, script=[5, 0, 7])
    assert generate(model, PROMPT, max_new_tokens=9, eos=0).tolist() == [4, 4, 5]


def test_an_end_token_in_the_prompt_does_not_stop():
    model = Scripted([0.0] * 9, script=[5])
    assert generate(model, PROMPT, max_new_tokens=2, eos=4).tolist() == [4, 4, 5, 5]


def test_no_new_tokens_give_the_prompt():
    assert generate(Scripted([0.0] * 9), PROMPT, max_new_tokens=0).tolist() == [4, 4]


def test_the_model_runs_in_evaluation_mode_without_gradients():
    model = Scripted([0.0] * 9)
    generate(model, PROMPT, max_new_tokens=2)
    assert [asked[2:] for asked in model.asked] == [(False, False)] * 2


@pytest.mark.parametrize("fails", [False, True])
def test_each_part_of_the_model_gets_its_mode_back(fails):
    model = Scripted([float("nan") if fails else 0.0] * 9).train()
    model.inner.eval()
    with pytest.raises(ValueError, match="got nan") if fails else nullcontext():
        generate(model, PROMPT, max_new_tokens=1)
    assert model.training
    assert not model.inner.training


def test_chance_comes_from_the_generator_alone():
    before = torch.get_rng_state()
    first, second = (
        generate(
            Scripted([0.0] * 9),
            PROMPT,
            max_new_tokens=20,
            generator=torch.Generator().manual_seed(5),
        )
        for _ in range(2)
    )
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)


def test_without_a_generator_chance_is_torchs():
    written = []
    for _ in range(2):
        with seeded(1):
            written.append(generate(Scripted([0.0] * 9), PROMPT, max_new_tokens=20))
    assert torch.equal(*written)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_come_as_often_as_the_softmax_says(temperature):
    logits = torch.tensor([1.0, 0.0, 2.0, -1.0])
    p = (logits / temperature).softmax(0)
    off = (drawn(logits, temperature=temperature) - p).abs()
    assert (off < 4 * (p * (1 - p) / 2000).sqrt()).all()


def test_top_k_keeps_the_likeliest_and_their_proportions():
    share = drawn([1.0, 0.0, 2.0, -1.0], top_k=2)
    odds = np.exp(2.0) / (np.exp(2.0) + np.exp(1.0))
    assert share[[1, 3]].sum() == 0
    assert share[2].item() == pytest.approx(odds, abs=4 * (odds * (1 - odds) / 2000) ** 0.5)


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [(0.3, [1]), (0.45, [1]), (0.55, [1, 3]), (0.75, [1, 3]), (0.9, [0, 1, 3]), (1, [0, 1, 2, 3])],
)
def test_top_p_keeps_as_few_as_together_have_that_probability(top_p, kept):
    share = drawn(np.log([0.15, 0.5, 0.05, 0.3]), top_p=top_p, count=1000)
    assert share.nonzero().flatten().tolist() == kept


def test_top_p_measures_what_top_k_has_left():
    # Of 0.5 and 0.3 alone, the first has 0.625, enough for 0.6; of all four it would not be.
    share = drawn(np.log([0.15, 0.5, 0.05, 0.3]), top_k=2, top_p=0.6, count=500)
    assert share.tolist() == [0, 1, 0, 0]


def test_a_top_k_above_the_vocabulary_keeps_all():
    assert (drawn([0.0, 0.0, 0.0], top_k=10, count=200) > 0).all()


def test_greedy_takes_the_first_of_equals():
    assert drawn([0.0, 3.0, 3.0], top_k=1, count=50).tolist() == [0, 1, 0]


def test_a_tiny_temperature_is_greedy_and_does_not_overflow():
    assert drawn([0.0, 300.0, -5.0], temperature=1e-40, count=20).tolist() == [0, 1, 0]


@pytest.mark.parametrize("temperature", [1e-10, 1e-40, 1e-300, 5e-324])
def test_however_small_the_temperature_equals_share_and_the_rest_is_out(temperature):
    shares = drawn([1.0, 3.0, 3.0, -math.inf], temperature=temperature, count=200)
    assert shares[[0, 3]].tolist() == [0, 0]
    assert shares[1].item() == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("logits", [[0.0, math.nan], [0.0, math.inf], [-math.inf] * 2])
@pytest.mark.parametrize("choice", [{}, {"top_k": 1}, {"top_p": 0.5}])
def test_logits_that_nobody_can_draw_from_are_named(logits, choice):
    with pytest.raises(ValueError, match="logits must be finite, or minus infinity, got"):
        generate(Scripted(logits), torch.tensor([0]), max_new_tokens=1, **choice)


@pytest.mark.parametrize(
    "choice",
    [
        {"max_new_tokens": 2.0},
        {"max_new_tokens": None},
        {"temperature": "hot"},
        {"temperature": None},
        {"top_k": "3"},
        {"top_p": "0.5"},
        {"eos": "<eos>"},
    ],
)
def test_a_choice_that_is_no_number_is_named(choice):
    ((name, value),) = choice.items()
    with pytest.raises(TypeError, match=f"{name} must be a .*got {value!r}"):
        generate(Scripted([0.0] * 9), PROMPT, **{"max_new_tokens": 3, **choice})


def test_choices_may_be_numbers_of_numpy():
    text = generate(
        Scripted([0.0, 3.0]),
        torch.tensor([0]),
        max_new_tokens=np.int64(2),
        temperature=np.float32(1),
        top_k=np.int64(1),
        eos=np.int64(0),
    )
    assert text.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"max_new_tokens": -1}, "max_new_tokens must be .* 0 or more, got -1"),
        ({"temperature": 0.0}, "temperature must be above 0 and finite, got 0.0"),
        ({"temperature": -1.0}, "temperature must be above 0 and finite, got -1.0"),
        ({"temperature": float("nan")}, "temperature must be above 0 and finite, got nan"),
        ({"top_k": 0}, "top_k must be .* 1 or more, got 0"),
        ({"top_p": 0.0}, "top_p must be above 0 and up to 1, got 0.0"),
        ({"top_p": 1.1}, "top_p must be above 0 and up to 1, got 1.1"),
        ({"top_p": float("nan")}, "top_p must be above 0 and up to 1, got nan"),
    ],
)
def test_a_choice_out_of_range_is_refused(choice, message):
    with pytest.raises(ValueError, match=message):
        generate(Scripted([0.0] * 9), PROMPT, **{"max_new_tokens": 3, **choice})


@pytest.mark.parametrize(
    ("prompt", "fault", "message"),
    [
        (torch.tensor([], dtype=torch.int64), ValueError, r"T at least 1, got \(0,\)"),
        (torch.tensor([[1]]), ValueError, r"shape \(T,\).* got \(1, 1\)"),
        (torch.tensor([1, -1]), ValueError, "token ids from 0, got -1"),
        (torch.tensor([1.0]), TypeError, "whole numbers, got torch.float32"),
        (torch.tensor([True]), TypeError, "whole numbers, got torch.bool"),
        ([1, 2], TypeError, "whole numbers, got list"),
    ],
)
def test_a_prompt_must_be_a_row_of_token_ids(prompt, fault, message):
    with pytest.raises(fault, match=message):
        generate(Scripted([0.0] * 9), prompt, max_new_tokens=3)


def test_a_model_without_a_time_axis_is_named():
    class Flat(nn.Module):
        def forward(self, ids, state):
            return torch.zeros(1, 9), state

    with pytest.raises(ValueError, match=r"logits must have shape \(1, T, V\), got \(1, 9\)"):
        generate(Flat(), PROMPT, max_new_tokens=1)
