"""What the articles on recurrent networks teach of them, and what the book corrects in it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from companion.recurrent import (
    GRU,
    LSTM,
    RNN,
    CoupledLSTMCell,
    GRUCell,
    LSTMCell,
    PeepholeLSTMCell,
    RNNCell,
)
from companion.runtime import seeded
from companion.training import fit

OPEN, SHUT = 30.0, -30.0  # what a gate has to hear to be 1 or 0 in any digit that is tested
LAYERS = [RNN, GRU, LSTM]


def made(kind, *sizes, **options):
    """Layers or a cell with the same first weights each time."""
    with seeded(0):
        return kind(*sizes, **options)


def random(*shape):
    return torch.from_numpy(np.random.default_rng(sum(shape)).normal(size=shape)).float()


def hidden(state):
    """The part of a state that is handed upwards."""
    return state[0] if isinstance(state, tuple) else state


def fixed(kind, *heard):
    """A cell of one unit whose gates hear these numbers, whatever comes in."""
    cell = kind(1, 1).double()
    with torch.no_grad():
        for weight in cell.parameters():
            weight.zero_()
        cell.bias_ih += torch.tensor(heard)
    return cell


def one(*numbers):
    """Each number as a batch of one unit."""
    parts = tuple(torch.tensor([[float(number)]]).double() for number in numbers)
    return parts if len(parts) > 1 else parts[0]


NOTHING = one(0)


# A neuron with a memory


def neuron(inputs, w, u):
    """The last state of one recurrent neuron."""
    h = 0.0
    for x in inputs:
        h = np.tanh(w * x + u * h)
    return h


def test_r6_a_neuron_that_hears_itself_holds_a_word_for_fifty_steps():
    plural = [1.0] + [0.0] * 50
    assert neuron(plural, w=2, u=2) > 0.9
    assert abs(neuron(plural, w=2, u=0.9)) < 0.1
    assert neuron(plural, w=2, u=0) == 0


@pytest.mark.parametrize("silenced", ["weight_ih", "weight_hh"])
def test_r6_a_cell_has_two_sets_of_inputs_and_needs_both(silenced):
    cell = made(RNNCell, 3, 4)
    x, h = random(2, 3), random(2, 4)
    before = cell(x, h)
    with torch.no_grad():
        getattr(cell, silenced).zero_()
    assert not torch.allclose(cell(x, h), before, atol=0.1)


def test_r5_unrolled_a_layer_is_one_cell_used_at_every_step():
    layer, cell = made(RNN, 3, 4), RNNCell(3, 4)
    cell.load_state_dict({name[:-3]: weight for name, weight in layer.state_dict().items()})
    x, h, states = random(2, 5, 3), torch.zeros(2, 4), []
    for t in range(5):
        h = cell(x[:, t], h)
        states.append(h)
    torch.testing.assert_close(layer(x)[0], torch.stack(states, 1))


def test_r5_the_gradient_of_a_weight_is_the_sum_over_all_its_steps():
    def last(weights):
        h = torch.tanh(torch.tensor(2.0))
        for u in weights:
            h = torch.tanh(u * h)
        return h

    shared = torch.tensor(0.9, requires_grad=True)
    last([shared] * 4).backward()
    apart = [torch.tensor(0.9, requires_grad=True) for _ in range(4)]
    last(apart).backward()
    torch.testing.assert_close(shared.grad, sum(u.grad for u in apart))


@pytest.mark.parametrize("kind", LAYERS)
def test_f60_the_last_state_moves_with_the_first_input(kind):
    layer, x = made(kind, 3, 8), random(1, 6, 3)
    changed = x.clone()
    changed[:, 0] += 1
    assert (hidden(layer(changed)[1]) - hidden(layer(x)[1])).abs().max() > 1e-3


def test_r7_a_sequence_gives_a_sequence_or_a_vector():
    output, state = made(RNN, 3, 4)(random(2, 5, 3))
    assert (output.shape, state[-1].shape) == ((2, 5, 4), (2, 4))


def test_r7_a_vector_gives_a_sequence():
    layer, vector = made(RNN, 3, 4), random(1, 2, 4)
    output, _ = layer(torch.zeros(2, 5, 3), vector)
    assert output.shape == (2, 5, 4)
    assert not torch.allclose(output, layer(torch.zeros(2, 5, 3), -vector)[0], atol=0.01)


@pytest.mark.parametrize("kind", LAYERS)
def test_f75_the_last_output_is_the_state_that_is_fed_back(kind):
    output, state = made(kind, 3, 4)(random(2, 5, 3))
    assert torch.equal(output[:, -1], hidden(state)[0])


@pytest.mark.parametrize("kind", LAYERS)
def test_f75_a_step_needs_the_last_state_and_no_output_besides(kind):
    layer, x = made(kind, 3, 4), random(2, 6, 3)
    _, state = layer(x[:, :4])
    torch.testing.assert_close(layer(x[:, 4:], state)[0], layer(x)[0][:, 4:])


def test_l25_one_state_gives_as_many_predictions_as_there_are_heads():
    output, _ = made(LSTM, 3, 4)(random(2, 5, 3))
    verdict, word = made(nn.Linear, 4, 2)(output), made(nn.Linear, 4, 9)(output)
    assert (verdict.shape, word.shape) == ((2, 5, 2), (2, 5, 9))


def fires(weights, bias, pairs):
    return [int(np.dot(weights, pair) + bias > 0) for pair in pairs]


@pytest.mark.parametrize(
    ("job", "wanted", "can"), [("and", [0, 0, 0, 1], True), ("xor", [0, 1, 1, 0], False)]
)
def test_f73_a_perceptron_weighs_and_adds_and_that_is_all_it_can(job, wanted, can):
    pairs = [(0, 0), (0, 1), (1, 0), (1, 1)]
    weights, bias = np.zeros(2), 0.0
    for _ in range(50):
        for pair, want in zip(pairs, wanted, strict=True):
            error = want - fires(weights, bias, [pair])[0]
            weights, bias = weights + error * np.array(pair), bias + error
    assert (fires(weights, bias, pairs) == wanted) is can


class Shift(nn.Module):
    """Numbers in, at each step a guess of the next one out."""

    def __init__(self):
        super().__init__()
        self.rnn, self.head = RNN(1, 16), nn.Linear(16, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0])


def runs(*starts):
    """Six numbers in a row from each start, in sixtieths, (B, 6, 1)."""
    return (torch.tensor(starts)[:, None, None] + torch.arange(6.0)[:, None]) / 60


@pytest.fixture(scope="module")
def shift():
    """A network that has learned to count on from numbers between 1 and 60."""
    x = runs(*range(1, 55))
    with seeded(0):
        model = Shift()
        adam = torch.optim.Adam(model.parameters(), lr=0.02)
        fit(model, [(x, x + 1 / 60)] * 200, mse_loss, adam)
    return model.requires_grad_(False)


def test_r3_a_recurrent_network_learns_the_shift_by_one(shift):
    guess, truth = 60 * shift(runs(20)), 60 * runs(21)
    assert (guess - truth).abs().max() < 1


def test_f74_it_learns_the_shift_only_where_it_was_taught(shift):
    guess, truth = 60 * shift(runs(1001)), 60 * runs(1002)
    assert (guess - truth).abs().min() > 500  # half of what is right


def test_f74_no_answer_can_exceed_the_weights_that_read_the_state(shift):
    limit = shift.head.weight.abs().sum() + shift.head.bias.abs()
    assert shift(runs(10**6)).abs().max() <= limit


# A cell with doors


@pytest.mark.parametrize("part", [0, 1], ids=["h", "c"])
def test_r9_an_lstm_takes_two_states_and_gives_two_and_needs_both(part):
    cell, x, state = made(LSTMCell, 3, 4), random(2, 3), [random(2, 4), random(4, 2).reshape(2, 4)]
    before = cell(x, tuple(state))
    state[part] = state[part] + 1
    after = cell(x, tuple(state))
    assert len(before) == 2
    assert all((a - b).abs().max() > 1e-3 for a, b in zip(after, before, strict=True))


def reads(words, forget):
    """The cell state after each word; a subject lets itself in, and may empty the cell before."""
    cell = LSTMCell(2, 1).double()  # hears: is it a subject, and of which sex
    with torch.no_grad():
        for weight in cell.parameters():
            weight.zero_()
        cell.bias_ih[:3] = torch.tensor([SHUT, OPEN, 0])  # i, f, g
        cell.weight_ih[0, 0] = 2 * OPEN
        cell.weight_ih[1, 0] = -2 * OPEN if forget else 0
        cell.weight_ih[2, 1] = OPEN
    heard = {"actress": [1.0, 1.0], "actor": [1.0, -1.0]}
    state, held = None, []
    for word in words.split():
        state = cell(torch.tensor([heard.get(word, [0.0, 0.0])]).double(), state)
        held.append(state[1].item())
    return held


def test_r10_a_forget_gate_keeps_a_subject_until_a_new_one_comes():
    held = reads(
        "the actress of the last film sang and the actor who came late was dull", forget=True
    )
    assert held[1:9] == pytest.approx([1] * 8)
    assert held[9:] == pytest.approx([-1] * 6)


def test_r10_without_forgetting_the_old_subject_stays_beside_the_new_one():
    held = reads("the actress sang and the actor who came late was dull", forget=False)
    assert held[-1] == pytest.approx(0)


def test_r11_the_input_gate_decides_how_much_of_the_candidate_is_written():
    for sum_, gate in ((SHUT, 0), (0, 0.5), (OPEN, 1)):
        _, c = fixed(LSTMCell, sum_, OPEN, 0.5, OPEN)(NOTHING, one(0, 0.25))
        assert c.item() == pytest.approx(0.25 + gate * np.tanh(0.5))


def test_l11_what_is_added_to_the_memory_is_the_candidate_times_its_worth():
    added = [
        fixed(LSTMCell, worth, OPEN, 2, OPEN)(NOTHING, one(0, 5))[1].item() - 5
        for worth in (-1, 0, 1)
    ]
    assert added == pytest.approx([np.tanh(2) / (1 + np.exp(-worth)) for worth in (-1, 0, 1)])


@pytest.mark.parametrize(("f", "i"), [(OPEN, SHUT), (SHUT, OPEN), (OPEN, OPEN), (0, 0)])
def test_r12_the_memory_is_what_is_kept_and_what_is_written(f, i):
    _, c = fixed(LSTMCell, i, f, 1, OPEN)(NOTHING, one(0, -3))
    sigmoid = [1 / (1 + np.exp(-gate)) for gate in (f, i)]
    assert c.item() == pytest.approx(sigmoid[0] * -3 + sigmoid[1] * np.tanh(1))


@pytest.mark.parametrize(("o", "shown"), [(SHUT, 0), (0, 0.5), (OPEN, 1)])
def test_r13_the_output_is_the_squeezed_memory_as_far_as_its_gate_shows_it(o, shown):
    h, c = fixed(LSTMCell, SHUT, OPEN, 0, o)(NOTHING, one(0, 1.5))
    assert h.item() == pytest.approx(shown * np.tanh(c.item()))


@pytest.mark.parametrize("units", [1, 4, 7])
def test_l10_each_gate_has_as_many_numbers_as_there_are_units(units):
    cell = LSTMCell(3, units)
    assert cell.weight_ih.shape == (4 * units, 3)
    assert cell.weight_hh.shape == (4 * units, units)


def test_l15_the_cell_state_counts_and_the_hidden_state_stays_within_one():
    counter, state = fixed(LSTMCell, OPEN, OPEN, OPEN, OPEN), None
    for _ in range(10):
        state = counter(NOTHING, state)
    h, c = state
    assert c.item() == pytest.approx(10)
    assert h.item() <= 1


def trace(gate, steps=200):
    """How far a nudge of the memory still moves it after so many steps with this forget gate."""
    cell = fixed(LSTMCell, SHUT, gate, 0, OPEN)
    c = one(1).requires_grad_()
    state = (NOTHING, c)
    for _ in range(steps):
        state = cell(NOTHING, state)
    state[1].backward()
    return c.grad.item()


def test_l16_an_open_forget_gate_keeps_a_word_for_two_hundred_steps():
    assert trace(OPEN) == pytest.approx(1)


def test_l16_a_shut_forget_gate_drops_what_is_not_needed_in_one_step():
    assert trace(SHUT, steps=1) == pytest.approx(0)


def test_f69_a_candidate_that_does_not_see_the_input_is_another_cell():
    ours, theirs = LSTMCell(3, 4), made(nn.LSTMCell, 3, 4)
    x, state = random(2, 3), (random(2, 4), random(4, 2).reshape(2, 4))
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours(x, state)[1], theirs(x, state)[1])
    with torch.no_grad():
        ours.weight_ih[8:12] = 0  # the rows of g
    assert (ours(x, state)[1] - theirs(x, state)[1]).abs().max() > 0.1


def test_f70_the_state_grows_beyond_any_candidate():
    _, c = fixed(LSTMCell, OPEN, OPEN, OPEN, OPEN)(NOTHING, one(0, 5))
    assert c.item() == pytest.approx(6)  # while tanh keeps a candidate within 1


def test_r14_the_gates_of_a_peephole_cell_see_the_memory():
    cell = fixed(PeepholeLSTMCell, SHUT, 0, 0, 0)
    with torch.no_grad():
        cell.weight_ch += 1
    h, c = cell(NOTHING, one(0, 2))
    kept = 2 / (1 + np.exp(-2))
    assert c.item() == pytest.approx(kept)
    assert h.item() == pytest.approx(np.tanh(kept) / (1 + np.exp(-kept)))


@pytest.mark.parametrize("f", [-2.0, 0.0, 1.0])
def test_r14_a_coupled_cell_writes_as_much_as_it_forgets(f):
    _, c = fixed(CoupledLSTMCell, f, OPEN, OPEN)(NOTHING, one(0, -1))
    kept = 1 / (1 + np.exp(-f))
    assert c.item() == pytest.approx(-kept + (1 - kept))


@pytest.mark.parametrize(
    ("z", "after"), [(OPEN, 0.7), (SHUT, np.tanh(1)), (0, 0.35 + np.tanh(1) / 2)]
)
def test_r15_one_update_gate_of_a_gru_both_forgets_and_writes(z, after):
    assert fixed(GRUCell, OPEN, z, 1)(NOTHING, one(0.7)).item() == pytest.approx(after)


def test_r15_a_gru_has_no_state_besides_what_it_shows():
    output, state = made(GRU, 3, 4)(random(2, 5, 3))
    assert torch.equal(output[:, -1], state[0])


def test_f71_a_gru_has_a_reset_gate_too_and_shut_it_hides_the_past_from_the_candidate():
    candidates = {}
    for r in (OPEN, SHUT):
        cell = fixed(GRUCell, r, SHUT, 0)
        with torch.no_grad():
            cell.weight_hh[2] = 1
        candidates[r] = [cell(NOTHING, one(h)).item() for h in (-1, 1)]
    assert candidates[OPEN] == pytest.approx([np.tanh(-1), np.tanh(1)])
    assert candidates[SHUT] == pytest.approx([0, 0])


def test_f71_weights_read_with_the_other_convention_for_the_update_gate_are_another_cell():
    ours, theirs = GRUCell(3, 4), made(nn.GRUCell, 3, 4)
    ours.load_state_dict(theirs.state_dict())
    x, h = random(2, 3), random(2, 4)
    torch.testing.assert_close(ours(x, h), theirs(x, h))
    with torch.no_grad():
        for weight in ours.parameters():
            weight[4:8] *= -1  # 1 - z in the place of z
    assert (ours(x, h) - theirs(x, h)).abs().max() > 0.1


@pytest.mark.parametrize(("D", "H"), [(3, 4), (100, 100)])
def test_f72_a_gru_has_three_quarters_of_the_weights_of_an_lstm(D, H):
    lstm, gru = (sum(w.numel() for w in kind(D, H).parameters()) for kind in (LSTMCell, GRUCell))
    assert 4 * gru == 3 * lstm


# A state handed on


def test_f61_without_detaching_the_second_piece_of_a_text_cannot_be_learned_from():
    layer, x = made(LSTM, 3, 4), random(2, 6, 3)
    output, state = layer(x[:, :3])
    output.sum().backward()
    output, _ = layer(x[:, 3:], state)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        output.sum().backward()


def test_l26_f61_detaching_keeps_the_values_and_cuts_the_graph():
    layer, x = made(LSTM, 3, 4), random(2, 6, 3).requires_grad_()
    _, state = layer(x[:, :3])
    cut = tuple(part.detach() for part in state)
    given, kept = (layer(x[:, 3:], begin)[0] for begin in (state, cut))
    assert torch.equal(given, kept)
    (gradient,) = torch.autograd.grad(kept.sum(), x)
    assert not gradient[:, :3].any()
    assert gradient[:, 3:].any()


def test_f61_a_detached_state_still_depends_on_the_text_before_it():
    layer, x = made(LSTM, 3, 4), random(2, 6, 3)
    cut = tuple(part.detach() for part in layer(x[:, :3])[1])
    assert not torch.allclose(layer(x[:, 3:], cut)[0], layer(x[:, 3:])[0], atol=0.01)


# From both ends


def turned(weights):
    """The weights of the reader from the end, as those of a reader from the start."""
    return {k.removesuffix("_reverse"): w for k, w in weights.items() if k.endswith("_reverse")}


@pytest.mark.parametrize("kind", LAYERS)
def test_l22_a_bidirectional_layer_is_two_readers_side_by_side(kind):
    both = made(kind, 3, 4, bidirectional=True)
    there, back = kind(3, 4), kind(3, 4)
    there.load_state_dict({k: w for k, w in both.state_dict().items() if "reverse" not in k})
    back.load_state_dict(turned(both.state_dict()))
    x = random(2, 6, 3)
    want = torch.cat([there(x)[0], back(x.flip(1))[0].flip(1)], dim=2)
    torch.testing.assert_close(both(x)[0], want)


def test_f65_at_the_last_word_the_backward_reader_has_not_seen_the_first():
    both, x = made(LSTM, 3, 4, bidirectional=True), random(1, 9, 3)
    changed = x.clone()
    changed[:, 0] += 1
    (output, (h, _)), (other, (other_h, _)) = both(x), both(changed)
    assert torch.equal(output[:, -1, 4:], other[:, -1, 4:])
    assert (h[1] - other_h[1]).abs().max() > 0.05


class BothEnds(nn.Module):
    """Words in, a verdict out, from the states in which both readers have finished."""

    def __init__(self):
        super().__init__()
        self.embedding, self.head = nn.Embedding(9, 8), nn.Linear(16, 2)
        self.lstm = LSTM(8, 8, bidirectional=True)

    def forward(self, ids):
        _, (h, _) = self.lstm(self.embedding(ids))
        return self.head(torch.cat([h[0], h[1]], dim=1))


def test_l21_a_bilstm_judges_by_a_word_at_either_end():
    rng = np.random.default_rng(0)
    ids, labels = torch.from_numpy(rng.integers(2, 9, (200, 12))), torch.arange(200) % 2
    ids[range(200), [0, 0, -1, -1] * 50] = labels
    with seeded(0):
        model = BothEnds()
        adam = torch.optim.Adam(model.parameters(), lr=0.03)
        fit(model, [(ids[:100], labels[:100])] * 40, cross_entropy, adam)
    new, ends = model(ids[100:]).argmax(1) == labels[100:], torch.arange(100) % 4 < 2
    assert new[ends].float().mean() > 0.9
    assert new[~ends].float().mean() > 0.9
