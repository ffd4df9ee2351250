"""Answers to the exercises on recurrent networks: right ones, and some one small slip away."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy, linear, one_hot

from book import weave
from companion import checks, recurrent
from companion.checks import _recurrent as asked
from companion.recurrent.language_model import KneserNey, batches
from tests.checks._both_ways import Answers

answers = Answers("recurrent")
right, wrong, equal = answers.right, answers.wrong, answers.equal

FREE = "nothing is trained here: the text asks for numbers"


# 1

for what in ("the result is detached", "all is done under no_grad"):
    equal("neuron", what, FREE + ", and the weights are numbers too")


@right("neuron")
def word_by_word(x, w_x, w_h, b, w_y):
    h, predictions = 0.0, []
    for x_t in x:
        h = torch.tanh(w_x * x_t + w_h * h + b)
        predictions.append(w_y * h)
    return predictions


@right("neuron")
def in_numbers(x, w_x, w_h, b, w_y):
    h, predictions = 0.0, np.zeros(len(x))
    for t, x_t in enumerate(x.tolist()):
        h = math.tanh(w_x * x_t + w_h * h + b)
        predictions[t] = w_y * h
    return predictions


@right("neuron")
def by_a_layer_of_torch(x, w_x, w_h, b, w_y):
    rnn = torch.nn.RNN(1, 1, dtype=torch.float64)
    for weight, size in zip(rnn.parameters(), (w_x, w_h, b, 0.0), strict=True):
        torch.nn.init.constant_(weight, size)
    return w_y * rnn(x.double()[:, None])[0][:, 0]


def remembered(x, w_x, w_h, b, w_y, *, keep=lambda x, h, y: h, h=0.0, bend=math.tanh):
    past, predictions = h, []
    for x_t in x.tolist():
        h = bend(w_x * x_t + w_h * past + b)
        predictions.append(w_y * h)
        past = keep(x_t, h, w_y * h)
    return predictions


@wrong("neuron", "feed the prediction back")
def prediction_fed_back(x, *weights):
    return remembered(x, *weights, keep=lambda x, h, y: y)


@wrong("neuron", "feed the last input back")
def input_fed_back(x, *weights):
    return remembered(x, *weights, keep=lambda x, h, y: x)


@wrong("neuron", "inside the tanh")
def tanh_for_the_prediction_only(x, w_x, w_h, b, w_y):
    h, predictions = 0.0, []
    for x_t in x:
        h = w_x * x_t + w_h * h + b
        predictions.append(w_y * torch.tanh(h))
    return predictions


@wrong("neuron", "starts anew")
def state_not_kept(x, *weights):
    return remembered(x, *weights, keep=lambda x, h, y: 0.0)


@wrong("neuron", "tanh is missing")
def tanh_forgotten(x, *weights):
    return remembered(x, *weights, bend=float)


@wrong("neuron", "sigmoid")
def sigmoid_for_tanh(x, *weights):
    return remembered(x, *weights, bend=lambda z: 1 / (1 + math.exp(-z)))


@wrong("neuron", "begins empty")
def begun_with_the_first_input(x, *weights):
    return remembered(x, *weights, h=float(x[0]))


@wrong("neuron", "bias")
def bias_forgotten(x, w_x, w_h, b, w_y):
    return remembered(x, w_x, w_h, 0, w_y)


@wrong("neuron", "changed places")
def weights_swapped(x, w_x, w_h, b, w_y):
    return remembered(x, w_h, w_x, b, w_y)


@wrong("neuron", "These are the states")
def states_for_predictions(x, w_x, w_h, b, w_y):
    return remembered(x, w_x, w_h, b, 1)


@wrong("neuron", "tanh too many")
def tanh_of_the_prediction(x, *weights):
    return np.tanh(remembered(x, *weights))


KEPT: dict[str, float] = {}


@wrong("neuron", "wrong in")
def memory_kept_from_call_to_call(x, *weights):
    new = remembered(x, *weights, h=KEPT.get("h", 0.0))
    KEPT["h"] = new[-1]
    return new


@wrong("neuron", "one number")
def the_last_alone(x, *weights):
    return remembered(x, *weights)[-1]


@wrong("neuron", "too many: before")
def the_empty_memory_too(x, *weights):
    return [0.0, *remembered(x, *weights)]


# 2


@right("lstm_step")
def gate_by_gate(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    sums = x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh
    i, f, g, o = sums.chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@right("lstm_step")
def with_loops_in_numpy(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    x, h, c, W, U = (np.asarray(each, dtype=float) for each in (x, h, c, weight_ih, weight_hh))
    b, H = np.asarray(bias_ih + bias_hh, dtype=float), h.shape[1]
    new_h, new_c = np.zeros_like(h), np.zeros_like(c)
    for row in range(len(x)):
        for k in range(H):
            i, f, g, o = (W[n] @ x[row] + U[n] @ h[row] + b[n] for n in range(k, 4 * H, H))
            kept, written = c[row, k] / (1 + np.exp(-f)), np.tanh(g) / (1 + np.exp(-i))
            new_c[row, k] = kept + written
            new_h[row, k] = np.tanh(new_c[row, k]) / (1 + np.exp(-o))
    return [new_h, new_c]


def weighing(cell, weights):
    names = [name for name, _ in cell.named_parameters()]
    return lambda *given: functional_call(cell, dict(zip(names, weights, strict=True)), given)


@right("lstm_step")
def by_the_cell_of_torch(x, h, c, *weights):
    return weighing(nn.LSTMCell(x.shape[1], h.shape[1]), weights)(x, (h, c))


@right("lstm_step")
def by_the_cell_of_the_course_in_float64(x, h, c, *weights):
    x, h, c, *weights = (each.double() for each in (x, h, c, *weights))
    return weighing(recurrent.LSTMCell(x.shape[1], h.shape[1]), weights)(x, (h, c))


@right("lstm_step")
def by_einsum(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    both, W = torch.hstack([x, h]), torch.hstack([weight_ih, weight_hh])
    sums = torch.einsum("bd,kd->bk", both, W) + (bias_ih + bias_hh)
    i, f, g, o = sums.view(len(x), 4, -1).unbind(dim=1)
    new = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return [torch.sigmoid(o) * torch.tanh(new), new]


turned = "def lstm_step(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):"
swapped = "def lstm_step(x, h, c, weight_ih, weight_hh, bias_hh, bias_ih):"
equal("lstm_step", f"{turned} -> {swapped}", "the two biases are added")


@wrong("lstm_step", "No gradient reaches `weight_ih`")
def weights_copied_into_a_cell(x, h, c, *weights):
    cell = nn.LSTMCell(x.shape[1], h.shape[1])
    for own, given in zip(cell.parameters(), weights, strict=True):
        own.data = given
    return cell(x, (h, c))


@wrong("lstm_step", "`c` is cut off from its graph")
def memory_detached(x, h, c, *weights):
    h, c = gate_by_gate(x, h, c, *weights)
    return h, c.detach()


@wrong("lstm_step", "`h` is cut off from its graph")
def no_gradients(x, h, c, *weights):
    with torch.no_grad():
        return gate_by_gate(x, h, c, *weights)


@wrong("lstm_step", "gradient at x is wrong")
def gates_without_a_gradient(x, h, c, *weights):
    i, f, g, o = blocks(x, h, *weights)
    return shown(memory(c, i.detach(), f, g), o)


@wrong("lstm_step", "No gradient reaches `c`")
def old_memory_as_data(x, h, c, *weights):
    return gate_by_gate(x, h, c.data, *weights)


@wrong("lstm_step", "`c` should have shape (1, 6), yours has (6,)")
def one_text_as_a_vector(x, h, c, *weights):
    return [each.squeeze(0) for each in gate_by_gate(x, h, c, *weights)]


def blocks(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    return (linear(x, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)).chunk(4, dim=1)


def memory(c, i, f, g):
    return f.sigmoid() * c + i.sigmoid() * g.tanh()


def shown(c, o):
    return o.sigmoid() * c.tanh(), c


@wrong("lstm_step", "blocks for f, i, g, o")
def i_and_f_swapped(x, h, c, *weights):
    f, i, g, o = blocks(x, h, *weights)
    return shown(memory(c, i, f, g), o)


@wrong("lstm_step", "blocks for i, f, o, g")
def candidate_last(x, h, c, *weights):
    i, f, o, g = blocks(x, h, *weights)
    return shown(memory(c, i, f, g), o)


@wrong("lstm_step", "made of h alone")
def candidate_from_h_alone(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    i, f, _, o = blocks(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    g = linear(h, weight_hh, bias_hh).chunk(4, dim=1)[2]
    return shown(memory(c, i, f, g), o)


@wrong("lstm_step", "h and the biases, but not x")
def candidate_from_h_and_biases(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    i, f, _, o = blocks(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    g = linear(h, weight_hh, bias_hh + bias_ih).chunk(4, dim=1)[2]
    return shown(memory(c, i, f, g), o)


@wrong("lstm_step", "candidate does not see h")
def candidate_from_x_alone(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    i, f, _, o = blocks(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    g = linear(x, weight_ih, bias_ih).chunk(4, dim=1)[2]
    return shown(memory(c, i, f, g), o)


@wrong("lstm_step", "candidate has no tanh")
def candidate_without_tanh(x, h, c, *weights):
    i, f, g, o = blocks(x, h, *weights)
    return shown(f.sigmoid() * c + i.sigmoid() * g, o)


@wrong("lstm_step", "no gate")
def sigmoid_for_all_four(x, h, c, *weights):
    i, f, g, o = (block.sigmoid() for block in blocks(x, h, *weights))
    c = f * c + i * g
    return o * c.tanh(), c


@wrong("lstm_step", "i and f have a tanh")
def tanh_for_all_four(x, h, c, *weights):
    i, f, g, o = (block.tanh() for block in blocks(x, h, *weights))
    c = f * c + i * g
    return o * c.tanh(), c


@wrong("lstm_step", "gate f is missing")
def nothing_forgotten(x, h, c, *weights):
    i, _, g, o = blocks(x, h, *weights)
    return shown(c + i.sigmoid() * g.tanh(), o)


@wrong("lstm_step", "gate i is missing")
def all_written(x, h, c, *weights):
    _, f, g, o = blocks(x, h, *weights)
    return shown(f.sigmoid() * c + g.tanh(), o)


@wrong("lstm_step", "1 - f of the candidate")
def gates_coupled(x, h, c, *weights):
    _, f, g, o = blocks(x, h, *weights)
    return shown(memory(c, -f, f, g), o)


@wrong("lstm_step", "`bias_hh` is missing")
def first_bias_alone(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    i, f, g, o = blocks(x, h, weight_ih, weight_hh, bias_ih, None)
    return shown(memory(c, i, f, g), o)


@wrong("lstm_step", "`bias_ih` is missing")
def second_bias_alone(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    i, f, g, o = blocks(x, h, weight_ih, weight_hh, None, bias_hh)
    return shown(memory(c, i, f, g), o)


@wrong("lstm_step", "Both biases")
def no_bias(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    i, f, g, o = blocks(x, h, weight_ih, weight_hh, None, None)
    return shown(memory(c, i, f, g), o)


@wrong("lstm_step", "tanh around the memory")
def state_without_tanh(x, h, c, *weights):
    i, f, g, o = blocks(x, h, *weights)
    c = memory(c, i, f, g)
    return o.sigmoid() * c, c


@wrong("lstm_step", "h lacks the gate o")
def all_shown(x, h, c, *weights):
    _, c = gate_by_gate(x, h, c, *weights)
    return c.tanh(), c


@wrong("lstm_step", "old c, not the new")
def old_memory_shown(x, h, c, *weights):
    i, f, g, o = blocks(x, h, *weights)
    return o.sigmoid() * c.tanh(), memory(c, i, f, g)


@wrong("lstm_step", "o has a tanh")
def tanh_for_the_output_gate(x, h, c, *weights):
    i, f, g, o = blocks(x, h, *weights)
    c = memory(c, i, f, g)
    return o.tanh() * c.tanh(), c


@wrong("lstm_step", "Yours is (c, h)")
def memory_first(x, h, c, *weights):
    return gate_by_gate(x, h, c, *weights)[::-1]


@wrong("lstm_step", "has 2 results (h, c)")
def state_alone(x, h, c, *weights):
    return gate_by_gate(x, h, c, *weights)[0]


@wrong("lstm_step", "changed its argument `c`")
def memory_overwritten(x, h, c, *weights):
    i, f, g, o = blocks(x, h, *weights)
    c *= f.sigmoid()
    c += i.sigmoid() * g.tanh()
    return shown(c, o)


# 3


@right("gru_step")
def in_three_parts(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    p_r, p_z, p_n = (x @ weight_ih.T + bias_ih).chunk(3, dim=1)
    q_r, q_z, q_n = (h @ weight_hh.T + bias_hh).chunk(3, dim=1)
    r, z = torch.sigmoid(p_r + q_r), torch.sigmoid(p_z + q_z)
    n = torch.tanh(p_n + r * q_n)
    return n + z * (h - n)


@right("gru_step")
def by_the_gru_of_torch(x, h, *weights):
    return weighing(nn.GRUCell(x.shape[1], h.shape[1]), weights)(x, h)


@wrong("gru_step", "No gradient reaches `weight_ih`")
def weights_copied_into_a_gru(x, h, *weights):
    cell = nn.GRUCell(x.shape[1], h.shape[1])
    for own, given in zip(cell.parameters(), weights, strict=True):
        own.data = given
    return cell(x, h)


@wrong("gru_step", "gradient at h is wrong")
def old_state_as_data(x, h, *weights):
    r, z, p, q = thirds(x, h, *weights)
    return mixed(h.data, r, z, p, q)


@wrong("gru_step", "`h` is cut off from its graph")
def gru_without_gradients(x, h, *weights):
    return in_three_parts(x, h, *weights).detach()


@right("gru_step")
def in_numpy(x, h, *weights):
    x, h, W, U, b, d = (np.asarray(each, dtype=float) for each in (x, h, *weights))
    H = h.shape[1]
    gates = 1 / (1 + np.exp(-(x @ W[: 2 * H].T + b[: 2 * H] + h @ U[: 2 * H].T + d[: 2 * H])))
    r, z = gates[:, :H], gates[:, H:]
    n = np.tanh(x @ W[2 * H :].T + b[2 * H :] + r * (h @ U[2 * H :].T + d[2 * H :]))
    return (1 - z) * n + z * h


def thirds(x, h, weight_ih, weight_hh, bias_ih, bias_hh, order="rzn"):
    p = dict(zip(order, linear(x, weight_ih, bias_ih).chunk(3, 1), strict=True))
    q = dict(zip(order, linear(h, weight_hh, bias_hh).chunk(3, 1), strict=True))
    return (p["r"] + q["r"]).sigmoid(), (p["z"] + q["z"]).sigmoid(), p["n"], q["n"]


def mixed(h, r, z, p, q):
    return (1 - z) * (p + r * q).tanh() + z * h


@wrong("gru_step", "z the other way round")
def z_swapped(x, h, *weights):
    r, z, p, q = thirds(x, h, *weights)
    return mixed(h, r, 1 - z, p, q)


@wrong("gru_step", "r acts on h, before the product")
def reset_before_the_product(x, h, *weights):
    r, z, p, _ = thirds(x, h, *weights)
    return mixed(h, 1, z, p, linear(r * h, weights[1], weights[3]).chunk(3, 1)[2])


@wrong("gru_step", "r multiplies `bias_hh` too")
def bias_outside_the_reset(x, h, *weights):
    r, z, p, q = thirds(x, h, *weights)
    b_hn = weights[3].chunk(3)[2]
    return mixed(h, r, z, p + b_hn, q - b_hn)


@wrong("gru_step", "`bias_ih` stays outside")
def bias_inside_the_reset(x, h, *weights):
    r, z, p, q = thirds(x, h, *weights)
    b_in = weights[2].chunk(3)[2]
    return mixed(h, r, z, p - b_in, q + b_in)


@wrong("gru_step", "comes from x too")
def reset_of_both(x, h, *weights):
    r, z, p, q = thirds(x, h, *weights)
    return mixed(h, r, z, r * p, q)


@wrong("gru_step", "gate r is missing")
def no_reset(x, h, *weights):
    _, z, p, q = thirds(x, h, *weights)
    return mixed(h, 1, z, p, q)


@wrong("gru_step", "blocks for z, r, n")
def gates_in_the_order_of_keras(x, h, *weights):
    return mixed(h, *thirds(x, h, *weights, order="zrn"))


@wrong("gru_step", "candidate has no tanh")
def new_without_tanh(x, h, *weights):
    r, z, p, q = thirds(x, h, *weights)
    return (1 - z) * (p + r * q) + z * h


@wrong("gru_step", "This is the candidate")
def candidate_alone(x, h, *weights):
    r, z, p, q = thirds(x, h, *weights)
    return mixed(h, r, 0 * z, p, q)


@wrong("gru_step", "takes no part")
def old_state_left_out(x, h, *weights):
    r, z, p, q = thirds(x, h, *weights)
    return (1 - z) * (p + r * q).tanh()


@wrong("gru_step", "`bias_hh` is missing")
def bias_of_x_alone(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    return mixed(h, *thirds(x, h, weight_ih, weight_hh, bias_ih, None))


@wrong("gru_step", "`bias_ih` is missing")
def bias_of_h_alone(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    return mixed(h, *thirds(x, h, weight_ih, weight_hh, None, bias_hh))


@wrong("gru_step", "Both biases")
def neither_bias(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    return mixed(h, *thirds(x, h, weight_ih, weight_hh, None, None))


@wrong("gru_step", "changed its argument `h`")
def state_overwritten(x, h, *weights):
    r, z, p, q = thirds(x, h, *weights)
    return h.mul_(z).add_((1 - z) * (p + r * q).tanh())


# 4


@right("streams")
def table_of_rows(ids, batch_size, length):
    n = len(ids) // batch_size
    rows = ids[: n * batch_size].reshape(batch_size, n)
    starts = range(0, n - length, length)
    return [(rows[:, s : s + length], rows[:, s + 1 : s + length + 1]) for s in starts]


@right("streams")
def inputs_and_targets_apart(ids, batch_size, length):
    n = (len(ids) - 1) // batch_size
    x = ids[: n * batch_size].view(batch_size, n).split(length, dim=1)
    y = ids[1 : n * batch_size + 1].view(batch_size, n).split(length, dim=1)
    return [pair for pair in zip(x, y, strict=True) if pair[0].shape[1] == length]


@right("streams")
def entry_by_entry(ids, batch_size, length):
    ids, n = ids.tolist(), len(ids) // batch_size
    batches = []
    for s in range(0, n - length, length):
        places = [range(b * n + s, b * n + s + length) for b in range(batch_size)]
        x, y = ([[ids[t + k] for t in row] for row in places] for k in (0, 1))
        batches.append((np.array(x), np.array(y)))
    return tuple(batches)


@right("streams")
def rows_as_short_as_possible(ids, batch_size, length):
    count = (len(ids) - 1) // (batch_size * length)
    return table_of_rows(ids[: batch_size * (count * length + 1)], batch_size, length)


@right("streams")
def column_by_column(ids, batch_size, length):
    n = len(ids) // batch_size
    starts, batches = torch.arange(batch_size)[:, None] * n, []
    while (len(batches) + 1) * length < n:
        at = starts + len(batches) * length + torch.arange(length)
        batches.append([ids[at].numpy(), ids[at + 1].numpy()])
    return batches


def pieces(rows, length, starts, shift=1):
    return [(rows[:, s : s + length], rows[:, s + shift : s + shift + length]) for s in starts]


def rows_of(ids, batch_size):
    n = len(ids) // batch_size
    return ids[: n * batch_size].reshape(batch_size, n), n


@wrong("streams", "are the inputs themselves")
def targets_not_shifted(ids, batch_size, length):
    rows, n = rows_of(ids, batch_size)
    return pieces(rows, length, range(0, n - length, length), shift=0)


@wrong("streams", "look back")
def targets_shifted_backwards(ids, batch_size, length):
    rows, n = rows_of(ids, batch_size)
    starts = range(1, n - length + 1, length)
    return pieces(rows, length, starts, shift=-1)


@wrong("streams", "last target of a row")
def targets_rolled(ids, batch_size, length):
    return [(x, x.roll(-1, dims=1)) for x, _ in table_of_rows(ids, batch_size, length)]


@wrong("streams", "Nothing follows the last of the ids")
def text_rolled(ids, batch_size, length):
    n = len(ids) // batch_size
    x, y = (each[: n * batch_size].view(batch_size, n) for each in (ids, ids.roll(-1)))
    starts = range(0, n - length + 1, length)
    return [(x[:, s : s + length], y[:, s : s + length]) for s in starts]


@wrong("streams", "not one batch is full")
def one_batch_at_least(ids, batch_size, length):
    return table_of_rows(ids, batch_size, length) or [(ids[:-1], ids[1:])]


@wrong("streams", "x should have shape (1, 2), yours has (2,)")
def one_row_squeezed(ids, batch_size, length):
    return [(x.squeeze(0), y.squeeze(0)) for x, y in table_of_rows(ids, batch_size, length)]


@wrong("streams", "not all are")
def targets_one_batch_ahead(ids, batch_size, length):
    rows, n = rows_of(ids, batch_size)
    return pieces(rows, length, range(0, n - 2 * length + 1, length), shift=length)


@wrong("streams", "along a row")
def laid_down_by_columns(ids, batch_size, length):
    n = len(ids) // batch_size
    rows = ids[: n * batch_size].reshape(n, batch_size).T
    ahead = ids[1 : n * batch_size + 1].reshape(n, batch_size).T
    starts = range(0, n - length, length)
    return [(rows[:, s : s + length], ahead[:, s : s + length]) for s in starts]


@wrong("streams", "in the next batch, in row b again")
def windows_below_each_other(ids, batch_size, length):
    count = (len(ids) - 1) // (batch_size * length)
    x = ids[: count * batch_size * length].reshape(count, batch_size, length)
    y = ids[1 : count * batch_size * length + 1].reshape(count, batch_size, length)
    return list(zip(x, y, strict=True))


@wrong("streams", "id is skipped")
def last_target_never_read(ids, batch_size, length):
    rows, n = rows_of(ids, batch_size)
    return pieces(rows, length, range(0, n - length, length + 1))


@wrong("streams", "overlap")
def windows_one_further(ids, batch_size, length):
    rows, n = rows_of(ids, batch_size)
    return pieces(rows, length, range(n - length))


@wrong("streams", "batch before ended")
def batches_in_reverse(ids, batch_size, length):
    return table_of_rows(ids, batch_size, length)[::-1]


@wrong("streams", "does not begin with the first id")
def first_id_lost(ids, batch_size, length):
    return table_of_rows(ids[1:], batch_size, length)


@wrong("streams", "equally long")
def rows_of_unequal_length(ids, batch_size, length):
    parts = [rows[: len(ids) // batch_size] for rows in ids.tensor_split(batch_size)]
    return table_of_rows(torch.cat(parts), batch_size, length)


@wrong("streams", "one more batch")
def first_batch_only(ids, batch_size, length):
    return table_of_rows(ids, batch_size, length)[:1]


@wrong("streams", "every input needs a target")
def last_target_missing(ids, batch_size, length):
    rows, n = rows_of(ids, batch_size)
    return pieces(rows, length, range(0, n - length + 1, length))


@wrong("streams", "drop what does not fill one")
def left_over_kept(ids, batch_size, length):
    rows, n = rows_of(ids, batch_size)
    return pieces(rows, length, range(0, n - 1, length))


@wrong("streams", "`ids` does not hold")
def left_over_filled_with_zeros(ids, batch_size, length):
    rows, _ = rows_of(ids, batch_size)
    rows = torch.nn.functional.pad(rows, (0, length))
    return pieces(rows, length, range(0, rows.shape[1] - length, length))


@wrong("streams", "invalid for input of size 26")
def a_target_beyond_the_end(ids, batch_size, length):
    x, n = rows_of(ids, batch_size)
    y = ids[1 : n * batch_size + 1].reshape(batch_size, n)
    starts = range(0, n - length, length)
    return [(x[:, s : s + length], y[:, s : s + length]) for s in starts]


@wrong("streams", "x should have shape (3, 4), yours has (4, 3)")
def time_first(ids, batch_size, length):
    return [(x.T, y.T) for x, y in table_of_rows(ids, batch_size, length)]


@wrong("streams", "no batch in your list")
def empty_list(ids, batch_size, length):
    return []


@wrong("streams", "Yours is a generator")
def batches_that_are_yet_to_come(ids, batch_size, length):
    yield from table_of_rows(ids, batch_size, length)


@wrong("streams", "is a pair (x, y)")
def inputs_alone(ids, batch_size, length):
    return [x for x, _ in table_of_rows(ids, batch_size, length)]


# 5


@right("hand_on")
def by_detach(state):
    if isinstance(state, tuple):
        return tuple(part.detach() for part in state)
    return state.detach()


@right("hand_on")
def copied_without_a_graph(state):
    with torch.no_grad():
        return [part + 0 for part in state] if isinstance(state, tuple) else state.clone()


@right("hand_on")
def a_new_beginning(state):
    if isinstance(state, torch.Tensor):
        return state.data.requires_grad_()
    return tuple(map(a_new_beginning, state))


@right("hand_on")
def copied_number_by_number(state):
    if isinstance(state, tuple):
        return [copied_number_by_number(part) for part in state]
    return torch.tensor(state.tolist(), dtype=state.dtype)


for what in ("the result is detached", "all is done under no_grad"):
    equal("hand_on", what, "to be cut from its past is what the state is asked for")


def each(state, change):
    return tuple(map(change, state)) if isinstance(state, tuple) else change(state)


@wrong("hand_on", "all zeros")
def forgotten(state):
    return each(state, torch.zeros_like)


@wrong("hand_on", "`h` still hangs")
def cloned(state):
    return each(state, torch.clone)


@wrong("hand_on", "`c` still hangs")
def memory_not_cut(state):
    return (state[0].detach(), state[1]) if isinstance(state, tuple) else state.detach()


@wrong("hand_on", "change the old `h` itself")
def cut_in_place(state):
    return each(state, lambda part: part.detach_())


@wrong("hand_on", "'tuple' object has no attribute 'detach'")
def pair_not_expected(state):
    return state.detach()


@wrong("hand_on", "One tensor comes in here, and several")
def two_layers_taken_for_a_pair(state):
    return tuple(part.detach() for part in state) if len(state) == 2 else state.detach()


@wrong("hand_on", "should have shape (2, 2, 3), yours has (2, 3)")
def last_layer_only(state):
    return each(state, lambda part: part[-1].detach())


@wrong("hand_on", "comes in as torch.float64 and goes out as torch.float32")
def always_in_float32(state):
    return each(state, lambda part: part.detach().float())


@wrong("hand_on", "has 2 results (h, c); yours gave 1")
def memory_dropped(state):
    return (state[0].detach(),) if isinstance(state, tuple) else state.detach()


@wrong("hand_on", "has 2 results (h, c); yours gave one Tensor")
def pair_stacked(state):
    return torch.stack(state).detach() if isinstance(state, tuple) else state.detach()


@wrong("hand_on", "h and c have changed places")
def pair_turned_round(state):
    return by_detach(state)[::-1] if isinstance(state, tuple) else state.detach()


@wrong("hand_on", "no tensor any more")
def made_an_array(state):
    return each(state, lambda part: part.detach().numpy())


# 6


@right("pool")
def by_two_picks(output, lengths):
    B, H = len(output), output.shape[2] // 2
    return torch.cat([output[torch.arange(B), lengths - 1, :H], output[:, 0, H:]], dim=1)


@right("pool")
def one_text_at_a_time(output, lengths):
    forward, backward = output.double().requires_grad_().chunk(2, dim=2)
    ends = [text[n - 1] for text, n in zip(forward, lengths, strict=True)]
    return torch.hstack([torch.stack(ends), backward[:, 0]])


@right("pool")
def by_gather(output, lengths):
    forward, backward = output.tensor_split(2, dim=2)
    at = (lengths - 1)[:, None, None].expand(-1, 1, forward.shape[2])
    return torch.cat([forward.gather(1, at).squeeze(1), backward.select(1, 0)], dim=1)


@right("pool")
def by_numpy(output, lengths):
    y, H = output.numpy(), output.shape[2] // 2
    ends = np.take_along_axis(y[:, :, :H], lengths.numpy()[:, None, None] - 1, axis=1)
    return np.concatenate([ends[:, 0], y[:, 0, H:]], axis=1)


def at(output, steps):
    return output[torch.arange(len(output)), steps]


def halves(forward, backward):
    H = forward.shape[1] // 2
    return torch.cat([forward[:, :H], backward[:, H:]], dim=1)


@wrong("pool", "`output[:, -1]`")
def last_step(output, lengths):
    return output[:, -1]


@wrong("pool", "run on into padding")
def forward_half_at_padding(output, lengths):
    return halves(output[:, -1], output[:, 0])


@wrong("pool", "The backward half")
def both_at_the_last_word(output, lengths):
    return at(output, lengths - 1)


@wrong("pool", "The forward half has read one word")
def both_at_the_first_word(output, lengths):
    return output[:, 0]


@wrong("pool", "Each half")
def both_where_they_start(output, lengths):
    return halves(output[:, 0], at(output, lengths - 1))


@wrong("pool", "has not read the last word")
def one_word_early(output, lengths):
    return halves(at(output, lengths - 2), output[:, 0])


@wrong("pool", "out of bounds")
def one_word_late(output, lengths):
    return halves(at(output, lengths), output[:, 0])


@wrong("pool", "padding too")
def mean_over_all_steps(output, lengths):
    return output.mean(dim=1)


@wrong("pool", "mean over the words")
def mean_over_the_words(output, lengths):
    means = [text[:n].mean(dim=0) for text, n in zip(output, lengths, strict=True)]
    return torch.stack(means)


@wrong("pool", "forwards comes first")
def backwards_first(output, lengths):
    return torch.cat(by_two_picks(output, lengths).chunk(2, dim=1)[::-1], dim=1)


@wrong("pool", "Your result is cut off")
def pooled_without_gradients(output, lengths):
    return by_two_picks(output.detach(), lengths)


@wrong("pool", "gradient at output is wrong")
def backward_half_detached(output, lengths):
    return halves(at(output, lengths - 1), output[:, 0].detach())


@wrong("pool", "should have shape (1, 2), yours has (2,)")
def one_text_squeezed(output, lengths):
    return by_two_picks(output, lengths).squeeze(0)


@wrong("pool", "should have shape (4, 6), yours has (4, 3)")
def halves_added(output, lengths):
    return sum(by_two_picks(output, lengths).chunk(2, dim=1))


# 7


@right("nucleus")
def back_by_the_ids(p, top_p):
    likely, ids = p.sort(descending=True)
    keep = likely.cumsum(0) - likely < top_p
    new = torch.zeros_like(p)
    new[ids[keep]] = likely[keep]
    return new / new.sum()


@right("nucleus")
def one_after_the_other(p, top_p):
    new, total = [0.0] * len(p), 0.0
    while total < top_p and not all(new):
        best = max((v for v in range(len(p)) if not new[v]), key=lambda v: p[v])
        new[best] = float(p[best])
        total += new[best]
    return [each / total for each in new]


@right("nucleus")
def by_search_in_numpy(p, top_p):
    p = p.numpy().astype(float)
    ids = np.argsort(-p)
    count = np.searchsorted(p[ids].cumsum(), top_p - 1e-9) + 1
    return np.where(np.isin(np.arange(len(p)), ids[:count]), p, 0) / p[ids[:count]].sum()


for what in ("the result is detached", "all is done under no_grad"):
    equal("nucleus", what, FREE + ", to draw from")
equal("nucleus", "0 -> -1", "p has one axis, the first and the last")


def ranked(p, top_p):
    likely, ids = p.sort(descending=True)
    return likely, ids, likely.cumsum(0) - likely < top_p


def normal(p):
    return p / p.sum()


@wrong("nucleus", "crosses `top_p` is left out")
def the_crossing_token_dropped(p, top_p):
    likely, ids, _ = ranked(p, top_p)
    return normal(p * torch.isin(torch.arange(len(p)), ids[likely.cumsum(0) <= top_p]))


@wrong("nucleus", "those before it reach")
def one_token_too_many(p, top_p):
    likely, ids, _ = ranked(p, top_p)
    count = int((likely.cumsum(0) < top_p).sum()) + 2
    return normal(p * torch.isin(torch.arange(len(p)), ids[:count]))


@wrong("nucleus", "does not sum to 1")
def shares_not_renewed(p, top_p):
    _, ids, keep = ranked(p, top_p)
    return p * torch.isin(torch.arange(len(p)), ids[keep])


@wrong("nucleus", "is sorted")
def order_kept_sorted(p, top_p):
    likely, _, keep = ranked(p, top_p)
    return normal(likely * keep)


@wrong("nucleus", "3 numbers for 6 tokens")
def the_kept_alone(p, top_p):
    likely, _, keep = ranked(p, top_p)
    return normal(likely[keep])


@wrong("nucleus", "no token is left")
def only_tokens_above_top_p(p, top_p):
    return normal(torch.where(p >= top_p, p, 0.0))


@wrong("nucleus", "top_p = 0.3 no token is left")
def even_the_likeliest_goes(p, top_p):
    likely, ids, _ = ranked(p, top_p)
    short = likely.cumsum(0) < top_p
    short[1:] = short[:-1].clone()
    return normal(p * torch.isin(torch.arange(len(p)), ids[short]))


@wrong("nucleus", "No token goes")
def the_unlikely_first(p, top_p):
    rare, ids = p.sort()
    return normal(p * torch.isin(torch.arange(len(p)), ids[rare.cumsum(0) - rare < top_p]))


@wrong("nucleus", "order of the ids")
def not_sorted(p, top_p):
    return normal(p * (p.cumsum(0) - p < top_p))


@wrong("nucleus", "by rank which tokens stay")
def mask_by_rank(p, top_p):
    return normal(p * ranked(p, top_p)[2])


@wrong("nucleus", "the wrong way round")
def gathered_for_scattered(p, top_p):
    likely, ids, keep = ranked(p, top_p)
    return normal(likely * keep)[ids]


@wrong("nucleus", "no softmax")
def softmax_of_shares(p, top_p):
    _, ids, keep = ranked(p, top_p)
    scores = torch.full_like(p, -np.inf)
    scores[ids[keep]] = p[ids[keep]]
    return scores.softmax(0)


@wrong("nucleus", "keep the unlikely")
def the_tail_kept(p, top_p):
    _, ids, keep = ranked(p, top_p)
    return normal(p * torch.isin(torch.arange(len(p)), ids[~keep]))


@wrong("nucleus", "where rounding leaves a sum of 0.99998")
def the_place_where_top_p_is_reached(p, top_p):
    likely, ids = p.sort(descending=True)
    last = int((likely.cumsum(0) >= top_p - 1e-6).int().argmax())
    return normal(p * torch.isin(torch.arange(len(p)), ids[: last + 1]))


@wrong("nucleus", "four tokens alike, sorted")
def ties_without_a_share(p, top_p):
    new = back_by_the_ids(p, top_p)
    return new if len(set(p.tolist())) > 1 else torch.tensor([0.25, 0.25, 0.0, 0.0])


@wrong("nucleus", "two reach top_p = 0.5. You keep 4")
def all_that_are_alike(p, top_p):
    likely, _, keep = ranked(p, top_p)
    return normal(torch.where(p >= likely[keep].min(), p, 0.0))


@wrong("nucleus", "changed its argument `p`")
def cut_out_of_p(p, top_p):
    _, ids, keep = ranked(p, top_p)
    p[ids[~keep]] = 0
    return normal(p)


# 8


@right("write")
def unread_word_by_word(step, state, prompt, limit, end):
    text, unread = list(prompt), list(prompt)
    for _ in range(limit):
        scores, state = step(unread, state)
        unread = [int(scores.argmax())]
        if unread == [end]:
            break
        text += unread
    return text


@right("write")
def read_one_id_at_a_time(step, state, prompt, limit, end):
    text = torch.tensor(prompt)
    for word in text[:, None]:
        scores, state = step(word, state)
    for left in range(limit, 0, -1):
        if scores.argmax() == end:
            break
        text = torch.cat([text, scores.argmax()[None]])
        if left > 1:
            scores, state = step(text[-1:], state)
    return text


@wrong("write", "reads the last word too, though the limit has ended the text")
def last_word_read(step, state, prompt, limit, end):
    text = list(prompt)
    scores, state = step(text, state)
    while len(text) - len(prompt) < limit and scores.argmax() != end:
        text.append(int(scores.argmax()))
        scores, state = step(text[-1:], state)
    return text


@wrong("write", "With a prompt of 6 and limit = 3: your loop has called `step` 60 times")
def stopped_at_a_length_long_passed(step, state, prompt, limit, end):
    text, unread, most = list(prompt), list(prompt), limit if len(prompt) > limit else None
    while len(text) != (most or len(prompt) + limit):
        scores, state = step(unread, state)
        unread = [int(scores.argmax())]
        if unread == [end]:
            break
        text += unread
    return text


@wrong("write", "With a prompt of 1 and limit = 9: 0 words are new, not 4")
def end_known_by_its_number(step, state, prompt, limit, end):
    return unread_word_by_word(step, state, prompt, limit, 8)


@right("write")
def by_recursion_in_numpy(step, state, prompt, limit, end):
    def on(unread, state, left):
        if not left:
            return []
        scores, state = step(unread, state)
        word = int(np.argmax(scores.numpy()))
        return [] if word == end else [word, *on((word,), state, left - 1)]

    return np.array([*prompt, *on(tuple(prompt), state, limit)], dtype=float)


def loop(step, state, prompt, limit, end, *, feed=None, choose=torch.argmax, keep=True):
    text, unread = list(prompt), list(prompt)
    begin = state
    for _ in range(limit):
        scores, state = step(unread, state if keep else begin)
        word = int(choose(scores))
        if word == end:
            break
        text.append(word)
        unread = feed(text) if feed else [word]
    return text


@wrong("write", "end token is in your text")
def end_given_back(step, state, prompt, limit, end):
    text, unread = list(prompt), list(prompt)
    for _ in range(limit):
        scores, state = step(unread, state)
        unread = [int(scores.argmax())]
        text += unread
        if unread == [end]:
            break
    return text


@wrong("write", "limit = 15: your loop has called `step` 60 times")
def never_stopped(step, state, prompt, limit, end):
    text, unread = list(prompt), list(prompt)
    while True:
        scores, state = step(unread, state)
        unread = [int(scores.argmax())]
        text += unread


@wrong("write", "limit = 4: 7 words are new, not 4")
def limit_ignored(step, state, prompt, limit, end):
    return unread_word_by_word(step, state, prompt, 1000, end)


@wrong("write", "behind the end token")
def end_ignored(step, state, prompt, limit, end):
    return unread_word_by_word(step, state, prompt, limit, None)


@wrong("write", "limit counts the prompt")
def limit_for_the_whole_text(step, state, prompt, limit, end):
    return unread_word_by_word(step, state, prompt, limit - len(prompt), end)


@wrong("write", "limit = 4: 5 words are new, not 4")
def one_word_beyond_the_limit(step, state, prompt, limit, end):
    return unread_word_by_word(step, state, prompt, limit + 1, end)


@wrong("write", "With limit = 0 you add a word")
def limit_asked_too_late(step, state, prompt, limit, end):
    return unread_word_by_word(step, state, prompt, max(limit, 1), end)


@wrong("write", "is read twice")
def whole_text_and_state(step, *given):
    return loop(step, *given, feed=list)


@wrong("write", "read anew for each word")
def whole_text_each_time(step, *given):
    return loop(step, *given, feed=list, keep=False)


@wrong("write", "gets an old state")
def state_not_handed_on(step, *given):
    return loop(step, *given, keep=False)


@wrong("write", "then alone")
def last_word_of_the_prompt_twice(step, state, prompt, limit, end):
    text = list(prompt)
    _, state = step(prompt, state)
    for _ in range(limit):
        scores, state = step(text[-1:], state)
        if scores.argmax() == end:
            break
        text.append(int(scores.argmax()))
    return text


@wrong("write", "from its first word")
def last_word_of_the_prompt_alone(step, state, prompt, limit, end):
    new = unread_word_by_word(step, state, prompt[-1:], limit, end)
    return list(prompt[:-1]) + new


@wrong("write", "prompt is not in your text")
def prompt_dropped(step, state, prompt, limit, end):
    return unread_word_by_word(step, state, prompt, limit, end)[len(prompt) :]


@wrong("write", "changed its argument `prompt` in place")
def prompt_written_on(step, state, prompt, limit, end):
    prompt += unread_word_by_word(step, state, prompt, limit, end)[len(prompt) :]
    return prompt


@wrong("write", "of the text before")
def stopped_by_the_prompt(step, state, prompt, limit, end):
    text, unread = list(prompt), list(prompt)
    while text[-1] != end and len(text) - len(prompt) < limit:
        scores, state = step(unread, state)
        unread = [int(scores.argmax())]
        text += unread
    return text[:-1] if text[-1] == end and len(text) > len(prompt) else text


@wrong("write", "not the one with the highest score")
def the_unlikeliest(step, *given):
    return loop(step, *given, choose=torch.argmin)


@wrong("write", "wrong in 1 of 9 entries")
def another_word_written_than_read(step, *given):
    return [*unread_word_by_word(step, *given)[:-1], 3]


@wrong("write", "step(ids, state) wants ids")
def step_called_the_other_way_round(step, state, prompt, limit, end):
    return unread_word_by_word(lambda ids, state: step(state, ids), state, prompt, limit, end)


# 9


class Reader(nn.Module):
    def __init__(self, V, kind=nn.LSTM, **options):
        super().__init__()
        self.vectors, self.head = nn.Embedding(V, 16), nn.Linear(32, V)
        self.layer = kind(16, 32 // (1 + ("bidirectional" in options)), **options)

    def forward(self, ids):
        return self.head(self.layer(self.vectors(ids))[0])


TRAINED: dict[Any, nn.Module] = {}


def trained(ids, V, kind=nn.LSTM, ahead=1):
    """Train a reader, once for all answers."""
    if (kind, ahead) not in TRAINED:
        model = TRAINED[kind, ahead] = Reader(V, kind, batch_first=True)
        adam = torch.optim.AdamW(model.parameters(), lr=0.01)
        for _ in range(10):
            for x, _ in batches(ids, batch_size=16, length=32):
                loss = loss_of(model, x, ahead)
                adam.zero_grad()
                loss.backward()
                adam.step()
    return TRAINED[kind, ahead]


def loss_of(model, rows, ahead=1, **options):
    logits = torch.as_tensor(model(rows))[:, : rows.shape[1] - ahead]
    return cross_entropy(logits.flatten(0, 1), rows[:, ahead:].flatten(), **options)


PACE = "another pace of the training, which the text leaves open"
for what in ("10 -> 9", "10 -> 11", "0.01 -> 0.02", "16 -> 15", "16 -> 17"):
    equal("train_model", what, PACE)
for what in ("32 -> 31 (place 3)", "32 -> 33 (place 3)"):
    equal("train_model", what, PACE)
equal("train_model", "0 -> -1", "in a batch of one row the first is the last")


@right("train_model")
def an_lstm(ids, held_back, vocabulary_size):
    model = trained(ids, vocabulary_size)
    return model, loss_of(model, held_back[None]).exp()


@right("train_model")
def a_gru_that_gives_log_probabilities(ids, held_back, vocabulary_size):
    gru = trained(ids, vocabulary_size, nn.GRU)

    def model(ids):
        return gru(ids).double().log_softmax(2).numpy(force=True)

    return [model, math.exp(loss_of(model, held_back[None]))]


class Perfect:
    """Who knows the language, and may forget the animal."""

    def __init__(self, remembers=True):
        self.remembers = remembers

    def __call__(self, ids):
        p = np.zeros((*ids.shape, asked.FARM))
        for b, row in enumerate(ids.tolist()):
            animal, count = 0, 0
            for t, word in enumerate(row):
                animal, count = (word, 0) if word < 4 else (animal, count + (word >= 8))
                if 4 <= word < 8:
                    p[b, t, :4] = 1 / 4
                    continue
                end = [0, 0, 1 / 3, 1 / 2, 1][min(count, 4)]
                p[b, t, 8:] = (1 - end) * asked.USUAL
                p[b, t, 4 + animal if self.remembers else slice(4, 8)] = end
                p[b, t, 4:8] /= 1 if self.remembers else 4
        with np.errstate(divide="ignore"):
            return np.log(p)


@right("train_model")
def one_who_knows_the_language(ids, held_back, vocabulary_size):
    return Perfect(), math.exp(loss_of(Perfect(), held_back[None]))


def with_claim(claim):
    """Make an answer whose model is right, and whose claim is made of it and both texts."""

    def train_model(ids, held_back, vocabulary_size):
        model = trained(ids, vocabulary_size)
        return model, claim(model, held_back[None], ids[None])

    return train_model


def with_model(make):
    """Make an answer with another model, whose perplexity nobody will ask for."""
    return lambda ids, held_back, vocabulary_size: (make(ids, vocabulary_size), 6.0)


def by_counting(table):
    """Make a model of the logits of each next word after each word."""
    return lambda ids: table.log()[ids]


def pairs_counted(ids, V):
    table = torch.ones(V, V)
    table.index_put_((ids[:-1], ids[1:]), torch.tensor(1.0), accumulate=True)
    return by_counting(table / table.sum(1, keepdim=True))


def words_counted(ids, V):
    return by_counting((torch.bincount(ids, minlength=V) + 1.0).expand(V, V))


def in_pieces(model, held_back, ids, length=32):
    x, y = held_back[:, :-1].split(length, 1), held_back[:, 1:].split(length, 1)
    losses = [cross_entropy(model(a)[0], b[0]).item() for a, b in zip(x, y, strict=True)]
    return math.exp(sum(losses) / len(losses))


def named_answer(word, function, name):
    function.__name__ = name
    wrong("train_model", word)(function)


for name, word, claim in (
    ("the_loss", "This is the loss", lambda model, held, ids: loss_of(model, held)),
    ("base_two", "2 to the power of the loss", lambda model, held, ids: 2 ** loss_of(model, held)),
    (
        "bits",
        "in bits: take nats",
        lambda model, held, ids: (loss_of(model, held) / math.log(2)).exp(),
    ),
    ("of_ids", "perplexity on `ids`", lambda model, held, ids: loss_of(model, ids).exp()),
    (
        "mean_of_all",
        "the other way round",
        lambda model, held, ids: loss_of(model, held, reduction="none").exp().mean(),
    ),
    ("mean_of_unequal_batches", "Does every word count once", in_pieces),
    ("a_number_for_each", "one number", lambda *given: [5.0, 6.0]),
):
    named_answer(word, with_claim(claim), name)


class Softmax(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids):
        return self.model(ids).softmax(-1)


for name, word, make in (
    ("untrained", "no better than a guess", lambda ids, V: Reader(V, batch_first=True)),
    ("words_alone", "who counts words, and not their order", words_counted),
    ("pairs_alone", "who counts pairs", pairs_counted),
    ("forgetful", "not learned how to end a sentence", lambda ids, V: Perfect(remembers=False)),
    (
        "both_ways",
        "sees what is to come",
        lambda ids, V: Reader(V, batch_first=True, bidirectional=True),
    ),
    ("across_the_batch", "take the batch first", lambda ids, V: Reader(V)),
    ("echo", "word that it has just read", lambda ids, V: lambda ids: 9.0 * one_hot(ids, V)),
    ("two_ahead", "the next word but one", lambda ids, V: trained(ids, V, ahead=2)),
    ("shares", "These are probabilities", lambda ids, V: Softmax(trained(ids, V))),
    (
        "with_state",
        "logits alone",
        lambda ids, V: lambda ids: (trained(None, V)(ids), None),
    ),
    (
        "dropout_on",
        "says two things",
        lambda ids, V: nn.Sequential(trained(ids, V), nn.Dropout(0.1)),
    ),
    ("last_place", "yours have (64, 16)", lambda ids, V: lambda ids: trained(None, V)(ids)[:, -1]),
    ("nan", "is NaN", lambda ids, V: lambda ids: 0 * trained(None, V)(ids) / 0),
):
    named_answer(word, with_model(make), name)


@wrong("train_model", "Return two things")
def model_alone(ids, held_back, vocabulary_size):
    return trained(ids, vocabulary_size)


@wrong("train_model", "return the class")
def the_class(ids, held_back, vocabulary_size):
    return Reader, 6.0


@wrong("train_model", "First the model")
def perplexity_first(ids, held_back, vocabulary_size):
    return an_lstm(ids, held_back, vocabulary_size)[::-1]


# The tests

TestAnswers = answers.tests()
SEEN = (8, 6400), (1, 20_000)  # seed and size of the text that the learner gets, and of another
TASK = weave.manuscript("08_recurrent").read_text(encoding="utf-8").partition("### 9 ")[2]


def test_a_sum_that_just_meets_top_p_has_reached_it() -> None:
    def goes_on_at_top_p(p, top_p):
        likely, ids, _ = ranked(p, top_p)
        keep = ids[likely.cumsum(0) - likely <= top_p]
        return normal(p * torch.isin(torch.arange(len(p)), keep))

    assert "One token too many" in checks.recurrent.nucleus(goes_on_at_top_p).message


def test_a_perfect_reader_reaches_the_ceiling_and_no_less() -> None:
    text = torch.from_numpy(asked.farm(np.random.default_rng(1), 20_000))
    reached = math.exp(loss_of(Perfect(), text[None]))
    assert abs(reached / asked.CEILING - 1) < 0.02


def test_who_forgets_the_animal_misses_the_mark() -> None:
    text = torch.from_numpy(asked.farm(np.random.default_rng(1), 20_000))
    assert math.exp(loss_of(Perfect(remembers=False), text[None])) > 1.03 * asked.MARK


@pytest.mark.parametrize(("n", "said"), [(2, "a perplexity above 8"), (4, "never: above 9")])
def test_the_task_says_truly_how_far_counting_comes(n, said) -> None:
    ids, text = (asked.farm(np.random.default_rng(seed), size) for seed, size in SEEN)
    counting = KneserNey(n, vocabulary_size=asked.FARM).fit(ids)
    assert said in TASK
    assert math.exp(-counting.log_prob(text).mean()) > int(said[-1])


def test_the_task_says_truly_how_far_reading_comes() -> None:
    text = torch.from_numpy(asked.farm(np.random.default_rng(1), 20_000))
    forgetful = math.exp(loss_of(Perfect(remembers=False), text[None]))
    assert f"has {asked.CEILING:.2f}: the best possible" in TASK
    assert f"nothing but the animal has {forgetful:.1f}." in TASK


def test_the_check_of_a_training_leaves_the_number_of_threads_as_it_was() -> None:
    before = torch.get_num_threads()
    checks.recurrent.train_model(model_alone)
    assert torch.get_num_threads() == before
