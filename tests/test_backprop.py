"""The autograd engine against torch, against finite differences, and against hard use."""

from __future__ import annotations

import gc
import operator
import random
import sys
import weakref

import numpy as np
import pytest
import torch

from companion.backprop import Tensor

BINARY = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a / (b * b + 1.0),
    "**": lambda a, b: (a * a + 0.5) ** b.tanh(),
}
UNARY = {
    "neg": operator.neg,
    "exp": lambda a: (a * 0.3).exp(),
    "log": lambda a: (a * a + 1.0).log(),
    "relu": lambda a: a.relu(),
    "tanh": lambda a: a.tanh(),
    "sigmoid": lambda a: a.sigmoid(),
    "square": lambda a: (a * 0.5) ** 2,
    "reflected": lambda a: 2.0 - 1.5 * a + 1.0 / (a * a + 2.0) + 1.3 ** a.tanh(),
}
REDUCE = ("sum", "mean", "max")


def reduced(tensor, how, axis, keepdims):
    """One reduction, in the words of our engine and of torch."""
    if isinstance(tensor, Tensor):
        return getattr(tensor, how)(axis, keepdims=keepdims)
    name = {"sum": "sum", "mean": "mean", "max": "amax"}[how]
    return getattr(tensor, name)(dim=() if axis is None else axis, keepdim=keepdims)


def transposed(tensor, axes):
    return tensor.transpose(*axes) if isinstance(tensor, Tensor) else tensor.permute(*axes)


def random_shape(rng, like=None):
    """A shape of up to three axes; with ``like``, one that broadcasts against it."""
    if like is None:
        return tuple(rng.randint(1, 4) for _ in range(rng.randint(0, 3)))
    shape = [rng.choice((n, n, 1)) for n in like]
    return tuple(shape[rng.randint(0, len(shape)) :])


class Expression:
    """A random program; running it on tensors of either library gives the same mathematics."""

    def __init__(self, seed):
        rng = random.Random(seed)
        self.leaves, self.program, self.used = [random_shape(rng)], [], set()
        shapes = list(self.leaves)
        for _ in range(rng.randint(3, 9)):
            step, shape, leaf = self._step(rng, shapes)
            if leaf is not None:
                self.leaves.append(leaf)
            self.program.append(step)
            self.used.add(step[0] if step[0] in ("reduce", "@") else step[1])
            if step[0] == "reduce":
                self.used.add(step[2])
            shapes.append(shape)

    def _step(self, rng, shapes):
        at = rng.randrange(max(0, len(shapes) - 3), len(shapes))
        shape = shapes[at]
        kind = rng.choice(["unary", "binary", "binary", "reduce", "arrange", "@", "again"])
        if kind == "binary":
            leaf = random_shape(rng, shape)
            return ("binary", rng.choice(list(BINARY)), at, rng.random() < 0.5), shape, leaf
        if kind == "@" and shape:
            leaf = rng.choice([(shape[-1], rng.randint(1, 4)), (shape[-1],)])
            out = shape[:-1] + leaf[1:]
            return ("@", None, at), out, leaf
        if kind == "reduce" and shape:
            keepdims, axis = rng.random() < 0.5, rng.choice([None, *range(-len(shape), len(shape))])
            out = np.empty(shape).sum(axis, keepdims=keepdims).shape
            return ("reduce", at, rng.choice(REDUCE), axis, keepdims), out, None
        if kind == "arrange" and shape:
            how = rng.choice(["reshape", "transpose", "slice", "take"])
            if how == "reshape":
                return ("arrange", how, at, (-1,)), (int(np.prod(shape)),), None
            if how == "transpose":
                axes = tuple(rng.sample(range(len(shape)), len(shape)))
                return ("arrange", how, at, axes), tuple(shape[a] for a in axes), None
            if how == "slice":
                return ("arrange", how, at, None), (len(range(0, shape[0], 2)), *shape[1:]), None
            rows = [rng.randrange(shape[0]) for _ in range(3)]
            return ("arrange", how, at, rows), (3, *shape[1:]), None
        if kind == "again":  # a value used twice
            return ("again", "again", at), shape, None
        return ("unary", rng.choice(list(UNARY)), at), shape, None

    def run(self, leaves):
        leaves = iter(leaves)
        values = [next(leaves)]
        for step in self.program:
            values.append(self._apply(step, values, leaves))
        return values[-1]

    def _apply(self, step, values, leaves):
        kind = step[0]
        if kind == "binary":
            a, b = values[step[2]], next(leaves)
            return BINARY[step[1]](*((a, b) if step[3] else (b, a)))
        if kind == "@":
            return values[step[2]] @ next(leaves)
        if kind == "reduce":
            return reduced(values[step[1]], *step[2:])
        if kind == "again":
            return values[step[2]] * values[step[2]].tanh() + values[step[2]]
        if kind == "unary":
            return UNARY[step[1]](values[step[2]])
        value, how, detail = values[step[2]], step[1], step[3]
        if how == "reshape":
            return value.reshape(*detail)
        if how == "transpose":
            return transposed(value, detail)
        return value[::2] if how == "slice" else value[detail]


EXPRESSIONS = [Expression(seed) for seed in range(400)]


def both(expression, dtype=np.float64):
    """Run an expression and its gradients in our engine and in torch."""
    rng = np.random.default_rng(len(expression.program))
    data = [rng.normal(size=shape).astype(dtype) for shape in expression.leaves]
    ours = [Tensor(values, requires_grad=True) for values in data]
    theirs = [torch.tensor(values, requires_grad=True) for values in data]
    a, b = expression.run(ours), expression.run(theirs)
    seed = rng.normal(size=a.shape).astype(dtype)
    a.backward(seed)
    b.backward(torch.tensor(seed))
    return ours, theirs, a, b


ALONE = {
    **{name: (lambda t, f=f: f(t)) for name, f in UNARY.items()},
    **{name: (lambda t, f=f: f(t, t[:1])) for name, f in BINARY.items()},
    **{how: (lambda t, how=how: reduced(t, how, -1, False)) for how in REDUCE},
    "@": lambda t: t @ transposed(t, (1, 0)),
    "reshape": lambda t: t.reshape(2, -1),
    "transpose": lambda t: transposed(t, (1, 0)),
    "index": lambda t: t[[0, 2, 2]],
}


@pytest.mark.parametrize("operation", ALONE.values(), ids=ALONE)
def test_the_operation_alone_equals_torch(operation):
    data = np.random.default_rng(1).normal(size=(4, 3))
    x, u = Tensor(data, requires_grad=True), torch.tensor(data, requires_grad=True)
    ours, theirs = operation(x), operation(u)
    (ours * ours).sum().backward()
    (theirs * theirs).sum().backward()
    np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(x.grad, u.grad.numpy(), atol=1e-12)


@pytest.mark.parametrize("block", range(8))
def test_values_and_gradients_of_random_expressions_equal_torch(block):
    for expression in EXPRESSIONS[block::8]:
        ours, theirs, a, b = both(expression)
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-9)
        for mine, yours in zip(ours, theirs, strict=True):
            want = np.zeros(mine.shape) if yours.grad is None else yours.grad.numpy()
            got = np.zeros(mine.shape) if mine.grad is None else mine.grad
            np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-9)


def test_the_random_expressions_use_every_operation_and_broadcasting():
    used = set().union(*(expression.used for expression in EXPRESSIONS))
    assert used >= {*BINARY, *UNARY, *REDUCE, "@", "reshape", "transpose", "slice", "take"}
    shapes = [shape for expression in EXPRESSIONS for shape in expression.leaves]
    assert any(1 in shape for shape in shapes)
    assert any(shape == () for shape in shapes)


def test_float32_stays_float32_and_equals_torch():
    for expression in EXPRESSIONS[:60]:
        ours, theirs, a, b = both(expression, np.float32)
        assert a.data.dtype == np.float32
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=2e-3, atol=2e-3)
        for mine, yours in zip(ours, theirs, strict=True):
            if yours.grad is not None:
                assert mine.grad.dtype == np.float32
                np.testing.assert_allclose(mine.grad, yours.grad.numpy(), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3,), (3,)),
        ((3,), (3, 4)),
        ((2, 3), (3,)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 1, 2, 3), (4, 3, 2)),
        ((3,), (5, 3, 4)),
        ((5, 2, 3), (3,)),
    ],
)
def test_matrix_products_of_any_number_of_axes_equal_torch(left, right):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=left), rng.normal(size=right)
    x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    u, v = torch.tensor(a, requires_grad=True), torch.tensor(b, requires_grad=True)
    ours, theirs = x @ y, u @ v
    assert ours.shape == tuple(theirs.shape)
    (ours * ours).sum().backward()
    (theirs * theirs).sum().backward()
    np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy())
    np.testing.assert_allclose(x.grad, u.grad.numpy())
    np.testing.assert_allclose(y.grad, v.grad.numpy())


def test_tied_maxima_share_the_gradient_equally():
    x = Tensor([1.0, 3.0, 3.0, 3.0], requires_grad=True)
    x.max().backward()
    np.testing.assert_allclose(x.grad, [0, 1 / 3, 1 / 3, 1 / 3])


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 0.5, -1, -2.5])
def test_powers_with_a_number_as_exponent_equal_torch(exponent):
    data = np.array([0.3, 1.0, 2.5])
    x, u = Tensor(data, requires_grad=True), torch.tensor(data, requires_grad=True)
    (x**exponent).sum().backward()
    (u**exponent).sum().backward()
    np.testing.assert_allclose(x.grad, u.grad.numpy())


def test_powers_at_zero_equal_torch():
    data, powers = np.array([0.0, 0.0, 0.0]), np.array([0.0, 1.0, 2.0])
    x, p = Tensor(data, requires_grad=True), Tensor(powers, requires_grad=True)
    u, q = torch.tensor(data, requires_grad=True), torch.tensor(powers, requires_grad=True)
    (x**p).sum().backward()
    (u**q).sum().backward()
    np.testing.assert_allclose(x.grad, u.grad.numpy())
    np.testing.assert_allclose(p.grad, q.grad.numpy())


def test_sigmoid_neither_overflows_nor_loses_its_small_end():
    values = Tensor([-1000.0, -30.0, 0.0, 30.0, 1000.0]).sigmoid().numpy()
    np.testing.assert_allclose(values, [0, np.exp(-30), 0.5, 1, 1], rtol=1e-12)


def test_a_chain_of_ten_thousand_operations_works():
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(10_000):
        y = y * 1.0001
    y.backward()
    assert x.grad == pytest.approx(1.0001**10_000)


def test_a_chain_longer_than_the_recursion_limit_is_freed_without_a_crash():
    y = Tensor(1.0, requires_grad=True)
    for _ in range(200 * sys.getrecursionlimit()):
        y = y + 1.0
    del y


def test_a_hundred_diamonds_cost_a_hundred_steps_not_two_to_the_hundred():
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(100):
        y = y * 0.5 + y * 0.5
    y.backward()
    assert x.grad == pytest.approx(1.0)


def test_gradients_add_up_until_they_are_reset():
    w = Tensor([2.0], requires_grad=True)
    (w * 3.0).backward()
    (w * 3.0).backward()
    assert w.grad == 6.0
    w.grad = None
    (w * 3.0).backward()
    assert w.grad == 3.0


def test_a_leaf_owns_its_gradient():
    a, b = Tensor([1.0], requires_grad=True), Tensor([2.0], requires_grad=True)
    (a + b).backward()
    a.grad *= 10
    assert b.grad == 1.0


def test_tensors_on_the_way_keep_their_gradient():
    w = Tensor(2.0, requires_grad=True)
    h = w * 3.0
    (h * h).backward()
    assert h.grad == 12.0


def test_a_tensor_without_requires_grad_gets_no_gradient():
    w, x = Tensor(2.0, requires_grad=True), Tensor(3.0)
    (w * x).backward()
    assert x.grad is None


def test_a_computation_without_weights_remembers_nothing():
    y = Tensor([1.0]) * 2.0 + 1.0
    assert y.inputs == ()


def test_a_graph_goes_with_its_last_tensor_without_waiting_for_the_garbage_collector():
    gc.disable()
    try:
        loss = (Tensor(np.ones(3), requires_grad=True) * 2.0).exp().sum()
        held = weakref.ref(loss.inputs[0].data)
        loss.backward()
        assert held() is not None
        del loss
        assert held() is None
    finally:
        gc.enable()


def test_the_data_are_copied_so_that_a_reused_buffer_does_no_harm():
    buffer = np.array([1.0, 2.0])
    x, w = Tensor(buffer), Tensor([1.0, 1.0], requires_grad=True)
    loss = (x * w).sum()
    buffer[:] = 100.0
    loss.backward()
    np.testing.assert_array_equal(w.grad, [1.0, 2.0])


def test_python_numbers_are_float64_and_do_not_widen_float32():
    assert Tensor(3).data.dtype == np.float64
    x = Tensor(np.float32([1, 2]), requires_grad=True)
    assert ((2 * x + 1.5) ** 2 / 3).data.dtype == np.float32


def test_whole_numbers_do_not_round_the_number_that_they_meet():
    ours = (Tensor([1, 2]) * 2.5).numpy()
    np.testing.assert_array_equal(ours, [2.5, 5.0])


@pytest.mark.parametrize("kind", [np.uint8, np.uint64, np.int8, np.bool_])
@pytest.mark.parametrize(
    "use",
    [
        lambda a, b: a - b,
        lambda a, b: -a,
        lambda a, b: a * a,
        lambda a, b: a**2,
        lambda a, b: a + b,
        lambda a, b: a @ a,
    ],
)
def test_small_whole_numbers_are_computed_with_as_their_values(use, kind):
    a, b = np.array([[100, 1], [1, 100]]).astype(kind), np.array([[1, 120]]).astype(kind)
    ours, want = use(Tensor(a), Tensor(b)), use(a.astype(float), b.astype(float))
    np.testing.assert_array_equal(ours.numpy(), want)


def test_an_array_on_the_left_asks_the_tensor():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = np.array([3.0, 4.0]) * x
    assert isinstance(y, Tensor)
    assert isinstance(np.eye(2) @ x, Tensor)


def test_indexing_with_a_tensor_of_integers_picks_rows():
    table = Tensor(np.eye(3), requires_grad=True)
    table[Tensor(np.array([2, 2, 0]))].sum().backward()
    np.testing.assert_array_equal(table.grad, [[1, 1, 1], [0, 0, 0], [2, 2, 2]])


def test_an_index_that_changes_later_does_no_harm():
    x, rows = Tensor(np.eye(3), requires_grad=True), np.array([0, 1])
    picked = x[rows].sum()
    rows[:] = 2
    picked.backward()
    np.testing.assert_array_equal(x.grad.sum(axis=1), [3, 3, 0])


def test_a_view_of_a_tensor_does_not_share_its_numbers():
    x = Tensor([1.0, 2.0], requires_grad=True)
    for view in (x[:1], x.reshape(2, 1), x.T):
        view.data -= 100
    np.testing.assert_array_equal(x.data, [1.0, 2.0])


def test_new_data_are_copied():
    w, values = Tensor([1.0, 2.0]), np.array([3.0, 4.0])
    w.data = values
    values[:] = 0
    np.testing.assert_array_equal(w.data, [3.0, 4.0])


@pytest.mark.parametrize(("dtype", "size"), [(np.float16, 300.0), (np.float32, 1e25)])
def test_the_gradient_of_a_quotient_neither_overflows_nor_vanishes(dtype, size):
    a, b = dtype([1.5 * size]), dtype([size])
    y = Tensor(b, requires_grad=True)
    (Tensor(a) / y).sum().backward()
    assert y.grad[0] == pytest.approx(-1.5 / size, rel=0.01)


def test_a_gradient_is_an_array_for_a_single_number_too():
    w = Tensor(0.5, requires_grad=True)
    (w * 2.0).backward()
    assert isinstance(w.grad, np.ndarray)


def test_sigmoid_of_integers_is_that_of_the_numbers():
    values = Tensor(np.array([1, 2, 255], dtype=np.uint8)).sigmoid().numpy()
    np.testing.assert_allclose(values, 1 / (1 + np.exp([-1.0, -2.0, -255.0])))


@pytest.mark.parametrize("function", [np.argmax, np.sum, np.array, np.exp])
def test_numpys_functions_refuse_a_tensor_instead_of_guessing(function):
    with pytest.raises(TypeError):
        function(Tensor([1.0, 2.0]))


def test_a_tensor_is_neither_true_nor_false():
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(Tensor(0.0))


@pytest.mark.parametrize("axes", [(2, 1), (0,), (0, 0)])
def test_axes_that_are_not_there_are_refused(axes):
    with pytest.raises(ValueError, match="ax"):
        Tensor(np.ones((2, 3))).transpose(*axes)


def test_nan_comes_out_as_nan_not_as_an_error():
    x = Tensor([np.nan, 1.0], requires_grad=True)
    (x * x).sum().backward()
    assert np.isnan(x.grad[0])
    assert x.grad[1] == 2.0


def test_an_empty_batch_has_a_zero_gradient():
    w = Tensor(np.ones((3, 2)), requires_grad=True)
    (Tensor(np.empty((0, 3))) @ w).sum().backward()
    np.testing.assert_array_equal(w.grad, np.zeros((3, 2)))


@pytest.mark.parametrize(
    ("operation", "symbol"),
    [(operator.add, r"\+"), (operator.mul, r"\*"), (operator.matmul, "@")],
)
def test_shapes_that_do_not_fit_are_named(operation, symbol):
    a, b = Tensor(np.ones((2, 3))), Tensor(np.ones((4, 5)))
    with pytest.raises(ValueError, match=rf"a {symbol} b .* got shapes \(2, 3\) and \(4, 5\)"):
        operation(a, b)


def test_a_gradient_of_many_values_needs_a_seed():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match=r"shape \(2,\) needs grad"):
        (x * x).backward()


def test_a_seed_of_the_wrong_shape_is_named():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match=r"grad must have shape \(2,\), got \(3,\)"):
        (x * x).backward([1.0, 1.0, 1.0])


@pytest.mark.parametrize("data", [[1, 2], np.array([1, 2]), True])
def test_integers_cannot_ask_for_a_gradient(data):
    with pytest.raises(TypeError, match="needs floating-point data, got dtype"):
        Tensor(data, requires_grad=True)


def test_integers_made_to_ask_for_a_gradient_later_are_refused():
    t = Tensor(np.array([1, 2]))
    t.requires_grad = True
    with pytest.raises(TypeError, match="needs floating-point data"):
        (t * 0.5).sum().backward()


@pytest.mark.parametrize("data", ["word", None, [1j], [[1.0], [2.0, 3.0]]])
def test_data_that_are_no_numbers_are_refused(data):
    with pytest.raises((TypeError, ValueError)):
        Tensor(data)


@pytest.mark.parametrize("name", ["iadd", "isub", "imul", "itruediv", "ipow", "imatmul"])
def test_in_place_operators_are_refused_with_the_way_out(name):
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match="write a = a \\+ b"):
        getattr(operator, name)(x, 1.0)


def test_a_second_backward_through_the_same_graph_is_refused():
    x = Tensor(2.0, requires_grad=True)
    loss = x * x
    loss.backward()
    with pytest.raises(RuntimeError, match="went through this graph before"):
        loss.backward()
    assert x.grad == 4.0


def test_a_second_backward_through_a_shared_part_is_refused():
    x = Tensor(2.0, requires_grad=True)
    shared = x * x
    (shared * 2.0).backward()
    with pytest.raises(RuntimeError, match="went through this graph before"):
        (shared * 3.0).backward()


def test_a_weight_changed_between_forward_and_backward_is_refused():
    x, w = Tensor(2.0), Tensor(3.0, requires_grad=True)
    loss = (w * x) ** 2
    w.data -= 1.0
    with pytest.raises(RuntimeError, match="got new data after it was used"):
        loss.backward()
    assert w.grad is None


def test_new_data_must_keep_the_shape():
    w = Tensor([1.0, 2.0])
    with pytest.raises(ValueError, match=r"must keep shape \(2,\), got \(3,\)"):
        w.data = np.ones(3)


def test_backward_without_any_weight_says_so():
    with pytest.raises(ValueError, match="requires_grad=True"):
        Tensor(1.0).exp().backward()
