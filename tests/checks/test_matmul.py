"""Answers to the exercises on matrix products: right ones, and some one small slip away."""

from __future__ import annotations

import itertools
import sys
from collections import Counter

import numpy as np
import pytest
import torch

from companion import checks, matmul
from tests.checks._both_ways import Answers

answers = Answers("matmul")
right, wrong, equal = answers.right, answers.wrong, answers.equal


# 1


@right("three_loops")
def with_a_sum(X, W, b):
    sizes = range(len(X)), range(len(b)), range(len(W))
    return [[sum(X[n][d] * W[d][h] for d in sizes[2]) + b[h] for h in sizes[1]] for n in sizes[0]]


@right("three_loops")
def appended(X, W, b):
    Z = []
    for row in X:
        Z.append([])
        for h, z in enumerate(b):
            for x, weights in zip(row, W, strict=True):
                z += x * weights[h]
            Z[-1].append(z)
    return Z


@right("three_loops")
def in_a_tensor(X, W, b):
    Z = torch.zeros(len(X), len(b))
    for n, h, d in itertools.product(range(len(X)), range(len(b)), range(len(W))):
        Z[n, h] += X[n][d] * W[d][h]
    return Z + torch.tensor(b)


@right("three_loops")
def by_the_room_without_loops(X, W, b):
    return matmul.forward(X, [matmul.Layer(np.array(W), np.array(b))])


@wrong("three_loops", "Walk down a column")
def weights_transposed(X, W, b):
    return with_a_sum(X, np.transpose(W), b)


@wrong("three_loops", "Walk along a row")
def inputs_transposed(X, W, b):
    return with_a_sum(np.transpose(X), W, b)


@wrong("three_loops", "Here W comes first")
def turned_round(X, W, b):
    return np.array(W) @ X + b


@wrong("three_loops", "belong to the rows")
def bias_on_the_wrong_axis(X, W, b):
    return np.array(X) @ W + np.array(b)[:, None]


@wrong("three_loops", "number by number")
def elementwise(X, W, b):
    return np.array(X) * W + b


@wrong("three_loops", "changed places")
def result_on_its_side(X, W, b):
    return np.transpose(with_a_sum(X, W, b))


@wrong("three_loops", "bias is missing")
def no_bias(X, W, b):
    return np.array(X) @ W


@wrong("three_loops", "once for each term")
def bias_in_the_inner_loop(X, W, b):
    places = range(len(W))
    return [[sum(row[d] * W[d][h] + b[h] for d in places) for h in range(len(b))] for row in X]


@wrong("three_loops", "where you want +=")
def overwritten(X, W, b):
    Z = np.zeros((len(X), len(b)))
    for n, h, d in itertools.product(range(len(X)), range(len(b)), range(len(W))):
        Z[n, h] = X[n][d] * W[d][h] + b[h]
    return Z


@wrong("three_loops", "first term")
def left_too_early(X, W, b):
    return [[row[0] * W[0][h] + b[h] for h in range(len(b))] for row in X]


@wrong("three_loops", "runs on from place to place")
def sum_runs_on(X, W, b):
    Z = []
    for row in X:
        total, Z = 0, [*Z, []]
        for h in range(len(b)):
            total += b[h] + sum(x * weights[h] for x, weights in zip(row, W, strict=True))
            Z[-1].append(total)
    return Z


@wrong("three_loops", "All your rows are the same list")
def one_list_for_all_rows(X, W, b):
    Z = [[0.0] * len(b)] * len(X)
    for n, row in enumerate(with_a_sum(X, W, b)):
        for h, z in enumerate(row):
            Z[n][h] = z
    return Z


@wrong("three_loops", "one list, to which every row adds")
def one_list_to_which_all_rows_add(X, W, b):
    Z = [[0.0] * len(b)] * len(X)
    for n, row in enumerate(with_a_sum(X, W, b)):
        for h, z in enumerate(row):
            Z[n][h] += z
    return Z


@wrong("three_loops", "changed its argument `b`")
def biases_for_every_row(X, W, b):
    Z = [b for _ in X]
    for n, row in enumerate(with_a_sum(X, W, [0] * len(b))):
        for h, z in enumerate(row):
            Z[n][h] += z
    return Z


@wrong("three_loops", "should have shape (2, 3), yours has (3, 3)")
def three_of_all(X, W, b):
    return [
        [sum(X[n % len(X)][d] * W[d][h] for d in range(3)) + b[h] for h in range(3)]
        for n in range(3)
    ]


# 2


def broadcast(a, b, side=1):
    """The shape of a sum, laid side by side from the right (1) or from the left (-1)."""
    pairs = list(itertools.zip_longest(a[::-side], b[::-side], fillvalue=1))
    if any(p != q and 1 not in (p, q) for p, q in pairs):
        return "refused"
    return tuple(max(pair) for pair in pairs)[::-side]


def meets(a, b):
    """The shape of a product."""
    return a[:-1] + b[1:] if a[-1] == b[0] else "refused"


@right("shape_of")
def by_rules(a, sign, b):
    return meets(a, b) if sign == "@" else broadcast(a, b)


@right("shape_of")
def by_numpy(a, sign, b):
    try:
        return list((np.empty(a) @ np.empty(b) if sign == "@" else np.empty(a) + np.empty(b)).shape)
    except ValueError:
        return "Refused"


@right("shape_of")
def by_torch(a, sign, b):
    a, b = torch.ones(a), torch.ones(b)
    try:
        return (a @ b if sign == "@" else a + b).shape
    except RuntimeError:
        return "refused"


same = "which of two sizes comes first does not matter to their being equal, or 1, or the larger"
equal("shape_of", "zip(a, b) -> zip(b, a)", same)
equal("shape_of", "zip(a, b) -> zip(b, a) (place 2)", same)
equal("shape_of", "max(p, q) -> max(q, p)", same)


@wrong("shape_of", "Rows come from the first")
def product_turned(a, sign, b):
    shape = by_rules(a, sign, b)
    return shape[::-1] if sign == "@" and shape != "refused" else shape


@wrong("shape_of", "only one is summed away")
def one_for_an_n(a, sign, b):
    """Takes a vector for a row or a column, and leaves it one."""
    if sign == "@":
        row, column = ((1, *a) if len(a) == 1 else a), ((*b, 1) if len(b) == 1 else b)
        return meets(row, column)
    return broadcast(a, b)


@wrong("shape_of", "The inner size vanishes")
def inner_size_kept(a, sign, b):
    shape = by_rules(a, sign, b)
    return (a[0], a[-1]) if sign == "@" and len(shape) == 2 else shape


@wrong("shape_of", "not even a 1")
def product_repeats_a_one(a, sign, b):
    fits = a[-1] == b[0] or 1 in (a[-1], b[0])
    return a[:-1] + b[1:] if sign == "@" and fits else by_rules(a, sign, b)


@wrong("shape_of", "But side by side inside stand 2 and 3.")
def product_of_anything(a, sign, b):
    return a[:-1] + b[1:] if sign == "@" else broadcast(a, b)


@wrong("shape_of", "That is all it takes")
def vectors_refused(a, sign, b):
    return meets(a, b) if sign == "+" or (len(a), len(b)) == (2, 2) else "refused"


@wrong("shape_of", "true of the product")
def sum_as_a_product(a, sign, b):
    return meets(a, b)


@wrong("shape_of", "2 meets 3, and neither is 1")
def laid_from_the_left(a, sign, b):
    return broadcast(a, b, side=-1) if sign == "+" else meets(a, b)


@wrong("shape_of", "one of them is 1. It is repeated")
def no_repeating(a, sign, b):
    same = a if a == b else "refused"
    return same if sign == "+" and len(a) == len(b) else by_rules(a, sign, b)


@wrong("shape_of", "missing is made, and repeated")
def axes_must_be_as_many(a, sign, b):
    return "refused" if sign == "+" and len(a) != len(b) else by_rules(a, sign, b)


@wrong("shape_of", "as many axes as the one that has more")
def vector_made_a_row(a, sign, b):
    shape = by_rules(a, sign, b)
    return (1, *shape) if sign == "+" and len(shape) == 1 else shape


@wrong("shape_of", "the other is that of the result")
def only_the_second_is_repeated(a, sign, b):
    shape = by_rules(a, sign, b)
    return a if sign == "+" and shape != "refused" and len(a) == len(shape) else shape


@wrong("shape_of", "a tuple with one entry has a comma")
def comma_forgotten(a, sign, b):
    shape = by_rules(a, sign, b)
    return shape[0] if len(shape) == 1 else shape


@wrong("shape_of", "say 'refused'. You say 'no'")
def another_word(a, sign, b):
    shape = by_rules(a, sign, b)
    return "no" if shape == "refused" else shape


@wrong("shape_of", "one tuple of whole numbers")
def a_list_of_shapes(a, sign, b):
    return [a, a]


@wrong("shape_of", "None")
def nothing_for_refused(a, sign, b):
    shape = by_rules(a, sign, b)
    return None if shape == "refused" else shape


# 3


@right("leaky_layer")
def by_where(X, W, b, leak):
    Z = X @ W + b
    return np.where(Z > 0, Z, leak * Z)


@right("leaky_layer")
def as_the_larger_of_two(X, W, b, leak):
    print("I am given", X, f"of which {X!r} is told")
    Z = np.einsum("...d,dh->...h", X, W) + b
    return np.maximum(Z, leak * Z).tolist()


@right("leaky_layer")
def by_a_mask(X, W, b, leak):
    Z = np.dot(X, W)
    Z += b
    Z[Z < 0] *= leak
    return Z


@right("leaky_layer")
def in_torch(X, W, b, leak):
    X, W, b = (torch.tensor(each, dtype=torch.float32) for each in (X, W, b))
    return torch.nn.functional.leaky_relu(X @ W + b, leak)


equal("leaky_layer", "Z > 0 -> Z >= 0", "0 is 0, leaked or not")


def leaky(Z, leak):
    return np.maximum(Z, leak * Z)


@wrong("leaky_layer", "becomes 0 in yours")
def relu(X, W, b, leak):
    return np.maximum(X @ W + b, 0)


@wrong("leaky_layer", "does not bend")
def straight(X, W, b, leak):
    return X @ W + b


@wrong("leaky_layer", "before the bias is added")
def bent_before_the_bias(X, W, b, leak):
    return leaky(X @ W, leak) + b


@wrong("leaky_layer", "You bend X")
def inputs_bent(X, W, b, leak):
    return leaky(X, leak) @ W + b


@wrong("leaky_layer", "bias is missing")
def layer_without_bias(X, W, b, leak):
    return leaky(X @ W, leak)


@wrong("leaky_layer", "wrong side leaks")
def other_side(X, W, b, leak):
    Z = X @ W + b
    return np.minimum(Z, leak * Z)


@wrong("leaky_layer", "lost its sign")
def minus_leak(X, W, b, leak):
    Z = X @ W + b
    return np.where(Z < 0, -leak * Z, Z)


@wrong("leaky_layer", "becomes `leak` in yours")
def constant_leak(X, W, b, leak):
    Z = X @ W + b
    Z[Z < 0] = leak
    return Z


@wrong("leaky_layer", "The bend is at 0")
def cut_at_leak(X, W, b, leak):
    return np.maximum(X @ W + b, leak)


@wrong("leaky_layer", "`leak` is added")
def leak_added(X, W, b, leak):
    return np.maximum(X @ W + b, 0) + leak


@wrong("leaky_layer", "Only the leak is left")
def leak_for_all(X, W, b, leak):
    return leak * (X @ W + b)


@wrong("leaky_layer", "one column for each neuron")
def weights_on_their_side(X, W, b, leak):
    return leaky(X @ W.T + b, leak)


@wrong("leaky_layer", "belong to the rows")
def biases_in_a_column(X, W, b, leak):
    return leaky(X @ W + b[:, None], leak)


@wrong("leaky_layer", "Right, but row by row")
def row_by_row(X, W, b, leak):
    return [leaky(x @ W + b, leak) for x in X]


@wrong("leaky_layer", "The result for X of shape (4, 2, 5) is wrong")
def a_half_always(X, W, b, leak):
    return leaky(X @ W + b, 0.5)


@wrong("leaky_layer", "The result for X of shape (3, 3) is wrong")
def bent_by_whole_rows(X, W, b, leak):
    Z = X @ W + b
    return np.where((Z > 0).all(axis=-1, keepdims=True), Z, leak * Z)


@wrong("leaky_layer", "neuron by neuron")
def neuron_by_neuron(X, W, b, leak):
    return np.stack([leaky(X @ w + c, leak) for w, c in zip(W.T, b, strict=True)], axis=-1)


@wrong("leaky_layer", "input by input")
def input_by_input(X, W, b, leak):
    Z = b
    for d, weights in enumerate(W):
        Z = Z + X[..., d, None] * weights
    return leaky(Z, leak)


@wrong("leaky_layer", "text by text")
def text_by_text(X, W, b, leak):
    return (
        np.array([text_by_text(x, W, b, leak) for x in X])
        if X.ndim > 2
        else by_where(X, W, b, leak)
    )


@pytest.mark.parametrize(
    "rows",
    [
        lambda X: [X[n] for n in range(len(X))],
        lambda X: [X[n, :] for n in np.arange(len(X))],
        lambda X: [x for x, _ in zip(X, range(99), strict=False)],
        lambda X: [x.numpy() for x in torch.tensor(X)],
        lambda X: [np.array(x) for x in X.tolist()],
    ],
    ids=["by number", "by a number of numpy", "beside something else", "of torch", "of a list"],
)
def test_rows_that_are_taken_one_by_one_are_noticed(rows):
    verdict = checks.matmul.leaky_layer(
        lambda X, W, b, leak: np.stack([leaky(x @ W + b, leak) for x in rows(X)])
    )
    assert "row by row" in verdict.message


@pytest.mark.parametrize(
    "apply",
    [
        lambda f, X: np.apply_along_axis(f, -1, X),
        lambda f, X: np.vectorize(f, signature="(d)->(h)")(X),
        lambda f, X: np.array([*map(f, X.reshape(-1, X.shape[-1]))]).reshape(*X.shape[:-1], -1),
    ],
    ids=["along an axis", "vectorize", "map"],
)
def test_a_loop_that_a_library_runs_over_ones_own_function_is_noticed(apply):
    verdict = checks.matmul.leaky_layer(
        lambda X, W, b, leak: apply(lambda x: leaky(x @ W + b, leak), X)
    )
    assert "row by row" in verdict.message


def test_looking_for_loops_leaves_a_tracer_where_it_was():
    def tracer(*_):
        return None

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        checks.matmul.leaky_layer(by_where)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)


# 4


@right("fold_two")
def multiplied_out(V, a, W, b):
    return V @ W, a @ W + b


@right("fold_two")
def by_the_room(V, a, W, b):
    return matmul.fold([matmul.Layer(V, a), matmul.Layer(W, b)])


@right("fold_two")
def by_asking_the_two_layers(V, a, W, b):
    """What comes out for nothing is the bias, and for each input alone a row more."""
    V, a, W, b = map(torch.tensor, (V, a, W, b))
    zero = a @ W + b
    return [(torch.eye(len(V)).double() @ V + a) @ W + b - zero, zero]


@wrong("fold_two", "X meets V first")
def wrong_order(V, a, W, b):
    return (W @ V, a @ W + b) if W.shape[1] == V.shape[0] else multiplied_out(V, a, W, b)


@wrong("fold_two", "number by number: that is `*`")
def elementwise_matrices(V, a, W, b):
    return V * W, a @ W + b


@wrong("fold_two", "add the two matrices")
def matrices_added(V, a, W, b):
    return V + W, a @ W + b


@wrong("fold_two", "matrix lies on its side")
def matrix_on_its_side(V, a, W, b):
    return W.T @ V.T, a @ W + b


@wrong("fold_two", "first layer alone")
def first_alone(V, a, W, b):
    return V, a @ W + b


@wrong("fold_two", "second layer alone")
def second_alone(V, a, W, b):
    return W, a @ W + b


@wrong("fold_two", "But a goes through W first")
def biases_added(V, a, W, b):
    return V @ W, a + b


@wrong("fold_two", "bias of the first layer is lost")
def second_bias_alone(V, a, W, b):
    return V @ W, b


@wrong("fold_two", "bias of the second layer is lost")
def first_bias_alone(V, a, W, b):
    return V @ W, a @ W


@wrong("fold_two", "b goes through W")
def bracket_too_late(V, a, W, b):
    return V @ W, (a + b) @ W


@wrong("fold_two", "a goes through V")
def bias_through_the_wrong_layer(V, a, W, b):
    return V @ W, a @ V + b


@wrong("fold_two", "a meets the rows of W")
def bias_from_the_wrong_side(V, a, W, b):
    return V @ W, W @ a + b


@wrong("fold_two", "a table of one row")
def bias_as_a_table(V, a, W, b):
    return V @ W, a[None] @ W + b


@wrong("fold_two", "has 2 results (matrix, bias)")
def matrix_alone(V, a, W, b):
    return V @ W


# 5


@right("rosenblatt")
def by_the_rule(X, y, rounds):
    w, b = np.zeros(X.shape[1]), 0
    for _ in range(rounds):
        for x, label in zip(X, y, strict=True):
            score = x @ w + b
            if label == 1 and score <= 0:
                w, b = w + x, b + 1
            if label == 0 and score >= 0:
                w, b = w - x, b - 1
    scores = X @ w + b
    return w, b, all((scores > 0) & (y == 1) | (scores < 0) & (y == 0))


@right("rosenblatt")
def by_the_perceptron_of_the_room(X, y, rounds):
    neuron = matmul.Perceptron(epochs=rounds).fit(X, y)
    return neuron.weights_, neuron.bias_, min((2 * y - 1) * neuron.score(X)) > 0


@right("rosenblatt")
def with_a_column_of_ones_in_torch(X, y, rounds):
    rows = torch.tensor(np.c_[X, np.ones(len(X))], dtype=torch.float32)
    signs, w = 2 * torch.tensor(y) - 1, torch.zeros(rows.shape[1])
    for _ in range(rounds):
        for x, sign in zip(rows, signs, strict=True):
            if sign * (x @ w) <= 0:
                w = w + sign * x
    return w[:-1], w[-1:], (signs * (rows @ w) > 0).all()


def taught(X, y, rounds, *, mistake=lambda sign, score: sign * score <= 0, learn=None, start=0.0):
    """Weights, bias and claim of a neuron with this idea of a mistake and of what to do then."""
    learn = learn or (lambda w, b, x, sign: (w + sign * x, b + sign))
    w, b, signs = np.full(X.shape[1], start), start, 2 * y - 1
    for _ in range(rounds):
        for x, sign in zip(X, signs, strict=True):
            if mistake(sign, x @ w + b):
                w, b = learn(w, b, x, sign)
    return w, b, bool((signs * (X @ w + b) > 0).all())


@wrong("rosenblatt", "learns from every example")
def learns_always(X, y, rounds):
    return taught(X, y, rounds, mistake=lambda sign, score: True)


@wrong("rosenblatt", "only where it was right")
def learns_when_right(X, y, rounds):
    return taught(X, y, rounds, mistake=lambda sign, score: sign * score >= 0)


@wrong("rosenblatt", "0 is no answer")
def zero_is_a_no(X, y, rounds):
    return taught(X, y, rounds, mistake=lambda sign, score: (score > 0) != (sign > 0))


@wrong("rosenblatt", "The bias does not learn")
def bias_forgotten(X, y, rounds):
    return taught(X, y, rounds, learn=lambda w, b, x, sign: (w + sign * x, b))


@wrong("rosenblatt", "The bias moves the wrong way")
def bias_as_a_threshold(X, y, rounds):
    return taught(X, y, rounds, learn=lambda w, b, x, sign: (w + sign * x, b - sign))


@wrong("rosenblatt", "Wrong sign")
def wrong_sign(X, y, rounds):
    return taught(X, y, rounds, learn=lambda w, b, x, sign: (w - sign * x, b - sign))


@wrong("rosenblatt", "You add examples only")
def label_instead_of_sign(X, y, rounds):
    return taught(X, y, rounds, learn=lambda w, b, x, s: (w + (s > 0) * x, b + (s > 0)))


@wrong("rosenblatt", "whichever way it went")
def always_added(X, y, rounds):
    return taught(X, y, rounds, learn=lambda w, b, x, sign: (w + x, b + 1))


@wrong("rosenblatt", "You take away only")
def always_less(X, y, rounds):
    return taught(X, y, rounds, learn=lambda w, b, x, s: (w - (s < 0) * x, b - (s < 0)))


@wrong("rosenblatt", "They change at once")
def once_a_round(X, y, rounds):
    w, b, signs = np.zeros(X.shape[1]), 0, 2 * y - 1
    for _ in range(rounds):
        missed = signs * (signs * (X @ w + b) <= 0)
        w, b = w + missed @ X, b + missed.sum()
    return w, b, False


@wrong("rosenblatt", "You stay with an example")
def until_it_is_right(X, y, rounds):
    w, b, signs = np.zeros(X.shape[1]), 0, 2 * y - 1
    for _ in range(rounds):
        for x, sign in zip(X, signs, strict=True):
            while sign * (x @ w + b) <= 0:
                w, b = w + sign * x, b + sign
    return w, b, False


@wrong("rosenblatt", "the weights of one round")
def one_round(X, y, rounds):
    return taught(X, y, 1)


@wrong("rosenblatt", "One round is missing")
def a_round_less(X, y, rounds):
    return taught(X, y, rounds - 1)


@wrong("rosenblatt", "One round too many")
def a_round_more(X, y, rounds):
    return taught(X, y, rounds + 1)


@wrong("rosenblatt", "from the last to the first")
def backwards(X, y, rounds):
    return taught(X[::-1], y[::-1], rounds)


@wrong("rosenblatt", "Yours begin at 1")
def begun_at_one(X, y, rounds):
    return taught(X, y, rounds, start=1.0)


@wrong("rosenblatt", "Nothing has been learned")
def weights_lost(X, y, rounds):
    return taught(X, y, 0)


@wrong("rosenblatt", "The b for nine random points after 4 rounds is too large")
def bias_one_too_large(X, y, rounds):
    w, b, learned = by_the_rule(X, y, rounds)
    return w, b + 1, learned


@wrong("rosenblatt", "No single neuron can")
def claims_xor(X, y, rounds):
    w, b, _ = by_the_rule(X, y, rounds)
    return w, b, len(X) == 4


@wrong("rosenblatt", "after 4 rounds. Not all are.")
def claims_everything(X, y, rounds):
    return *by_the_rule(X, y, rounds)[:2], True


@wrong("rosenblatt", "right after 20 rounds, and you say they have not learned")
def claims_nothing(X, y, rounds):
    return *by_the_rule(X, y, rounds)[:2], False


@wrong("rosenblatt", "Yours is 0.77")
def learned_as_a_share(X, y, rounds):
    w, b, _ = by_the_rule(X, y, rounds)
    return w, b, np.mean((2 * y - 1) * (X @ w + b) > 0)


@wrong("rosenblatt", "all is right for AND after 5 rounds")
def learned_because_it_is_and(X, y, rounds):
    w, b, _ = by_the_rule(X, y, rounds)
    return w, b, np.array_equal(y, [0, 0, 0, 1])


@wrong("rosenblatt", "ask the final ones")
def learned_from_the_last_rounds_mistakes(X, y, rounds):
    neuron = matmul.Perceptron(epochs=rounds).fit(X, y)
    return neuron.weights_, neuron.bias_, neuron.mistakes_[-1] == 0


@wrong("rosenblatt", "for two points after 1 round. One score is 0")
def learned_from_what_it_predicts(X, y, rounds):
    w, b, _ = by_the_rule(X, y, rounds)
    return w, b, np.array_equal(X @ w + b > 0, y)


def test_a_score_of_zero_is_no_answer_to_a_one():
    def answer(X, y, rounds):
        w, b, _ = by_the_rule(X, y, rounds)
        return w, b, np.array_equal(X @ w + b >= 0, y)

    assert "One score is 0" in checks.matmul.rosenblatt(answer).message


@wrong("rosenblatt", "`b` is one number")
def bias_for_each_weight(X, y, rounds):
    w, _, learned = by_the_rule(X, y, rounds)
    return w, w, learned


@wrong("rosenblatt", "`learned` is True or False")
def learned_one_by_one(X, y, rounds):
    w, b, _ = by_the_rule(X, y, rounds)
    return w, b, X @ w + b > 0


# 6


def zigzag(turns=(1.0, -2.0, 2.0), last=-0.5, biases=(0.0, -1.0, -2.0)):
    """A network that counts what is up, and turns where the count passes its biases."""
    W = np.array(turns)[:, None]
    return np.ones((3, len(turns))), np.array(biases), W, np.array([last])


@right("three_switches")
def counted():
    return zigzag()


@right("three_switches")
def in_lists_without_a_bias_at_the_end():
    return [[1, 1, 1]] * 3, [0, -1, -2], [[1], [-2], [2]], 0


@right("three_switches")
def a_neuron_for_each_setting():
    """Eight hidden neurons, each of which knows one setting."""
    corners = torch.tensor(list(itertools.product((0.0, 1.0), repeat=3)))  # (8, 3)
    lit = corners.sum(dim=1, keepdim=True) % 2
    return (2 * corners - 1).T, 1 - corners.sum(dim=1), lit, torch.tensor(-0.5)


equal("three_switches", "2.0 -> 4.0 (place 2)", "with three up the score is larger still")


@wrong("three_switches", "None of your hidden neurons bends")
def straight_layers():
    return zigzag(biases=(0.0, 1.0, 2.0))


@wrong("three_switches", "On and off have changed places")
def turned_off():
    return zigzag(turns=(-1.0, 2.0, -2.0), last=0.5)


@wrong("three_switches", "if a hidden neuron gave 0 or 1")
def thought_in_steps():
    return zigzag(turns=(1.0, -1.0, 1.0), biases=(-0.5, -1.5, -2.5), last=-0.5)


@wrong("three_switches", "always on")
def always_on():
    return zigzag(last=9.0)


@wrong("three_switches", "always off")
def always_off():
    return zigzag(last=-9.0)


@wrong("three_switches", "on again")
def exactly_one():
    return zigzag(turns=(1.0, -2.0, 0.0))


@wrong("three_switches", "Of eight settings")
def second_turn_too_small():
    return zigzag(turns=(3.0, -1.0, 1.0))


@wrong("three_switches", "lies on its side")
def weights_of_neurons_in_rows():
    V, a, W, b = zigzag(turns=(1.0, -2.0, 2.0, 0.0), biases=(0.0, -1.0, -2.0, 0.0))
    return V.T, a, W, b


@wrong("three_switches", "so a has shape (3,)")
def bias_as_a_row():
    V, a, W, b = zigzag()
    return V, a[None], W, b


@wrong("three_switches", "so W is (3, 1)")
def weights_as_a_row():
    V, a, W, b = zigzag()
    return V, a, W.T, b


@wrong("three_switches", "b is one number")
def three_last_biases():
    V, a, W, _ = zigzag()
    return V, a, W, a


@wrong("three_switches", "NaN or infinity")
def infinite_weights():
    return zigzag(last=np.inf)


@wrong("three_switches", "has 4 results (V, a, W, b)")
def two_layers_in_pairs():
    V, a, W, b = zigzag()
    return (V, a), (W, b)


# 7


@right("count_and_score")
def place_by_place(texts, words, W):
    column = {word: i for i, word in enumerate(words)}
    counts = np.zeros((len(texts), len(words) + 1))
    for n, text in enumerate(texts):
        for word in text.lower().split():
            counts[n, column.get(word, len(words))] += 1
    return counts, counts @ W


@right("count_and_score")
def with_the_chapters_counter(texts, words, W):
    bags = [text.lower().split() for text in texts]
    known = matmul.count_words(bags, words)
    unknown = [len(bag) for bag in bags] - known.sum(axis=1)
    counts = np.column_stack([known, unknown])
    return torch.tensor(counts), (counts @ W).tolist()


@right("count_and_score")
def in_lists(texts, words, W):
    counts = []
    for text in texts:
        bag = [word if word in words else None for word in text.lower().split()]
        counts.append([bag.count(word) for word in [*words, None]])
    return counts, np.array(counts) @ W


def scored(counts, W):
    return counts, counts @ W


@wrong("count_and_score", "words inside of words")
def found_inside(texts, words, W):
    counts = place_by_place(texts, words, W)[0]
    counts[:, :-1] = [[text.lower().count(word) for word in words] for text in texts]
    return scored(counts, W)


@wrong("count_and_score", "make letters small")
def capitals_kept(texts, words, W):
    bags = [Counter(text.split()) for text in texts]
    known = np.array([[bag[word] for word in words] for bag in bags])
    return scored(np.c_[known, [bag.total() for bag in bags] - known.sum(axis=1)], W)


@wrong("count_and_score", "How often is it there?")
def said_once(texts, words, W):
    return scored(np.minimum(place_by_place(texts, words, W)[0], 1), W)


@wrong("count_and_score", "order of the alphabet")
def alphabetical(texts, words, W):
    return place_by_place(texts, sorted(words), W)


@wrong("count_and_score", "These are shares")
def shares(texts, words, W):
    counts = place_by_place(texts, words, W)[0]
    return scored(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), W)


@wrong("count_and_score", "where the last one ended")
def never_emptied(texts, words, W):
    return scored(place_by_place(texts, words, W)[0].cumsum(axis=0), W)


@wrong("count_and_score", "All your rows are the same")
def one_row_for_all(texts, words, W):
    row = [0] * (len(words) + 1)
    for text in texts:
        for word in text.lower().split():
            row[words.index(word) if word in words else -1] += 1
    return scored(np.array([row] * len(texts)), W)


@wrong("count_and_score", "no column for the words that are not")
def unknown_without_a_column(texts, words, W):
    counts = place_by_place(texts, words, W)[0][:, :-1]
    return counts, counts @ W[:-1]


@wrong("count_and_score", "Each adds 1 to the last column")
def unknown_not_counted(texts, words, W):
    counts = place_by_place(texts, words, W)[0]
    counts[:, -1] = 0
    return scored(counts, W)


@wrong("count_and_score", "also if it comes again")
def unknown_counted_once_each(texts, words, W):
    counts = place_by_place(texts, words, W)[0]
    counts[:, -1] = [len(set(text.lower().split()) - set(words)) for text in texts]
    return scored(counts, W)


@wrong("count_and_score", "You count nothing as a word")
def cut_at_each_space(texts, words, W):
    bags = [text.lower().split(" ") for text in texts]
    known = matmul.count_words(bags, words)
    return scored(np.c_[known, [len(bag) for bag in bags] - known.sum(axis=1)], W)


@wrong("count_and_score", "known ones too")
def all_counted_as_unknown(texts, words, W):
    counts = place_by_place(texts, words, W)[0]
    counts[:, -1] = [len(text.split()) for text in texts]
    return scored(counts, W)


@wrong("count_and_score", "first column counts the unknown")
def unknown_first(texts, words, W):
    return scored(np.roll(place_by_place(texts, words, W)[0], 1, axis=1), W)


@wrong("count_and_score", "It looks transposed")
def a_text_to_a_column(texts, words, W):
    counts, scores = place_by_place(texts, words, W)
    return counts.T, scores


@wrong("count_and_score", "last row of W does not count")
def unknown_not_scored(texts, words, W):
    counts = place_by_place(texts, words, W)[0]
    return counts, counts[:, :-1] @ W[:-1]


@wrong("count_and_score", "means over the words")
def mean_score(texts, words, W):
    counts, scores = place_by_place(texts, words, W)
    return counts, scores / np.maximum(counts.sum(axis=1, keepdims=True), 1)


@wrong("count_and_score", "score each word once")
def scored_once(texts, words, W):
    counts = place_by_place(texts, words, W)[0]
    return counts, (counts > 0) @ W


@wrong("count_and_score", "should have shape (1, 3), yours has (1, 5)")
def four_words_always(texts, words, W):
    counts = np.zeros((len(texts), 5))
    for n, text in enumerate(texts):
        for word in text.lower().split():
            counts[n, words.index(word) if word in words else 4] += 1
    return counts, counts[:, : len(W)] @ W


@wrong("count_and_score", "changed its argument `texts`")
def texts_used_up(texts, words, W):
    counts = []
    while texts:
        bag = texts.pop(0).lower().split()
        counts.append([*map(bag.count, words), sum(word not in words for word in bag)])
    return counts, np.array(counts) @ W


# The tests

TestAnswers = answers.tests()
