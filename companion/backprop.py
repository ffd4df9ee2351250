"""Numbers that know where they came from: reverse-mode automatic differentiation on arrays."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion._numbers import wide

__all__ = ["Tensor"]

Array = NDArray[Any]
Rule = Callable[[Array], Any]  # dL/d output -> dL/d input, before broadcasting is undone
Axis = int | tuple[int, ...] | None

_clock = itertools.count()  # a larger number means: computed later


def _reflected(operation: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Turn ``tensor - 2`` into ``2 - tensor``."""
    return lambda self, other: operation(_lift(other, self), self)


class Tensor:
    """An array that remembers how it was computed, and can ask its past for gradients.

    Every operation makes a new tensor, tied to each of its inputs by the chain rule of the
    operation for that input. ``backward`` walks these ties, latest tensor first, and adds up what
    arrives at each tensor: the sum over all paths.

    Parameters
    ----------
    data
        Numbers of any shape, copied. The dtype is kept; one Python number becomes float64.
    requires_grad
        Whether ``backward`` shall leave a gradient here. Needs floating-point data.

    Attributes
    ----------
    data : ndarray
        The values. A weight changes by new ones: ``w.data = w.data - rate * w.grad``. Writing
        into the array between the forward pass and ``backward`` is not noticed.
    grad : ndarray or None
        dL/d this, same shape and dtype as ``data``. A leaf adds up over calls of ``backward``
        until you set it to None. Tensors on the way keep theirs too, to be looked at.
    op, inputs : str, tuple of Tensor
        The operation that made it, and what it was computed from; empty for a leaf.

    Raises
    ------
    TypeError
        If the data are not real numbers, or integers are asked for a gradient.

    References
    ----------
    Rumelhart, Hinton and Williams (1986). The chapter on backpropagation.

    Examples
    --------
    >>> x = Tensor([[1.0, 2.0]])  # (1, 2)
    >>> w = Tensor([[3.0], [4.0]], requires_grad=True)  # (2, 1)
    >>> (x @ w).sum().backward()
    >>> w.grad  # (2, 1)
    array([[1.],
           [2.]])
    """

    __slots__ = ("_data", "_order", "_rules", "_version", "grad", "inputs", "op", "requires_grad")
    __array_ufunc__ = None  # so that array * tensor asks the tensor

    def __init__(self, data: ArrayLike, *, requires_grad: bool = False) -> None:
        data = data.numpy() if isinstance(data, Tensor) else data
        values = _real(np.array(data, dtype=float if type(data) is int else None))
        if requires_grad and values.dtype.kind != "f":
            raise TypeError(
                f"a gradient needs floating-point data, got dtype {values.dtype}: "
                "write 3.0 for 3, or use .astype(float)"
            )
        self._data, self._version, self._order = values, 0, next(_clock)
        self.op = ""
        self.inputs: tuple[Tensor, ...] = ()
        self._rules: tuple[tuple[int, Rule], ...] | None = ()
        self.grad: Array | None = None
        self.requires_grad = requires_grad

    @property
    def data(self) -> Array:
        """The values, an array."""
        return self._data

    @data.setter
    def data(self, values: ArrayLike) -> None:
        values = _real(np.asarray(values))
        if values.shape != self._data.shape:
            raise ValueError(f"data must keep shape {self._data.shape}, got {values.shape}")
        self._data = values.astype(self._data.dtype)
        self._version += 1

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the values."""
        return self._data.shape

    def numpy(self) -> Array:
        """Return the values as an array, not a copy."""
        return self._data

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise TypeError("numpy cannot read a Tensor: use its methods, or take its .data")

    def __bool__(self) -> bool:
        raise TypeError("a Tensor is neither true nor false: compare its .data")

    def __float__(self) -> float:
        return self.item()

    def item(self) -> float:
        """Return the value of a tensor of size 1 as a Python number."""
        return float(self._data.item())

    def __repr__(self) -> str:
        values = np.array2string(self._data, separator=", ", prefix="Tensor(")
        return f"Tensor({values}{', requires_grad=True' if self.requires_grad else ''})"

    # Arithmetic. Each operation holds its own chain rule, one for each operand.

    def __add__(self, other: Operand) -> Tensor:
        return _combine("+", np.add, self, _lift(other, self), lambda g: g, lambda g: g)

    def __sub__(self, other: Operand) -> Tensor:
        return _combine("-", np.subtract, self, _lift(other, self), lambda g: g, lambda g: -g)

    def __mul__(self, other: Operand) -> Tensor:
        other = _lift(other, self)
        a, b = self._data, other._data
        rules = (lambda g: g * b), (lambda g: g * a)
        return _combine("*", np.multiply, self, other, *rules)

    def __truediv__(self, other: Operand) -> Tensor:
        other = _lift(other, self)
        a, b = self._data, other._data
        return _combine("/", np.divide, self, other, lambda g: g / b, lambda g: -g * (a / b) / b)

    def __pow__(self, other: Operand) -> Tensor:
        x = wide(self._data)
        if isinstance(other, int | float):  # a number as exponent: x², √x
            n = float(other) if x.dtype.kind == "f" else other
            return _record("**", x**n, (self, lambda g: g * (n * x ** (n - 1) if n else 0 * x)))
        other = _lift(other, self)
        p = wide(other._data)

        def base(g: Array) -> Any:
            return g * np.where(p == 0, 0, p * x ** np.where(p == 0, 1, p - 1))

        def exponent(g: Array) -> Any:
            flat = (x == 0) & (p >= 0)  # 0**p does not move with p
            return g * np.where(flat, 0, x**p * np.log(np.where(flat, 1, x)))

        return _combine("**", np.power, self, other, base, exponent)

    def __matmul__(self, other: Operand) -> Tensor:
        other = _lift(other, self)
        a, b = self._data, other._data
        if a.ndim == 1 and b.ndim:  # a lone row; its axis goes again afterwards
            return (self.reshape(1, -1) @ other).sum(axis=-2 if b.ndim > 1 else 0)
        if b.ndim == 1 and a.ndim:  # a lone column
            return (self @ other.reshape(-1, 1)).sum(axis=-1)

        def left(g: Array) -> Any:
            return g @ b.swapaxes(-1, -2)

        def right(g: Array) -> Any:
            return a.swapaxes(-1, -2) @ g

        return _combine("@", np.matmul, self, other, left, right)

    def __neg__(self) -> Tensor:
        return _record("neg", -wide(self._data), (self, lambda g: -g))

    __radd__, __rsub__, __rmul__ = _reflected(__add__), _reflected(__sub__), _reflected(__mul__)
    __rtruediv__, __rpow__ = _reflected(__truediv__), _reflected(__pow__)
    __rmatmul__ = _reflected(__matmul__)

    def _refuse(self, _: object) -> Tensor:
        raise TypeError(
            "a tensor cannot be changed in place, the chain rule may still need its values: "
            "write a = a + b, and for a weight w.data = w.data - rate * w.grad"
        )

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = __imatmul__ = _refuse

    # Functions of each value.

    def exp(self) -> Tensor:
        """Return e to the power of each value."""
        y = np.exp(self._data)
        return _record("exp", y, (self, lambda g: g * y))

    def log(self) -> Tensor:
        """Return the natural logarithm of each value."""
        x = self._data
        return _record("log", np.log(x), (self, lambda g: g / x))

    def relu(self) -> Tensor:
        """Return max(0, x) of each value; the slope at 0 is taken as 0."""
        x = self._data
        return _record("relu", np.maximum(x, 0), (self, lambda g: g * (x > 0)))

    def tanh(self) -> Tensor:
        """Return the hyperbolic tangent of each value."""
        y = np.tanh(self._data)
        return _record("tanh", y, (self, lambda g: g * (1 - y * y)))

    def sigmoid(self) -> Tensor:
        """Return 1 / (1 + exp(-x)) of each value, without overflow at either end."""
        x = self._data if self._data.dtype.kind == "f" else self._data.astype(float)
        z = np.exp(-np.abs(x))
        y = np.where(x >= 0, 1, z) / (1 + z)
        return _record("sigmoid", y, (self, lambda g: g * y * (1 - y)))

    # Many values to fewer.

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Return the sum over one axis, several, or all."""
        x = self._data
        return _record("sum", x.sum(axis, keepdims=keepdims), (self, _spread(x, axis, keepdims)))

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Return the mean over one axis, several, or all."""
        x = self._data
        y = x.mean(axis, keepdims=keepdims)
        share, spread = np.size(y) / max(x.size, 1), _spread(x, axis, keepdims)
        return _record("mean", y, (self, lambda g: spread(g * share)))

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Return the largest value over one axis, several, or all; ties share its gradient."""
        x = self._data
        y, spread = x.max(axis, keepdims=keepdims), _spread(x, axis, keepdims)

        def share(g: Array) -> Any:
            winners = x == spread(y)
            return spread(g) * winners / winners.sum(axis, keepdims=True)

        return _record("max", y, (self, share))

    # The same values, arranged anew.

    def reshape(self, *shape: Any) -> Tensor:
        """Return the values in another shape; one of the sizes may be -1."""
        x = self._data
        return _record("reshape", x.reshape(*shape), (self, lambda g: g.reshape(x.shape)))

    def transpose(self, *axes: int) -> Tensor:
        """Return the values with their axes in this order, reversed if none is given."""
        x = self._data
        y = x.transpose(axes or None)
        back = np.argsort([axis % x.ndim for axis in axes or range(x.ndim)[::-1]])
        return _record("transpose", y, (self, lambda g: g.transpose(back)))

    @property
    def T(self) -> Tensor:
        """The values with their axes reversed."""
        return self.transpose()

    def __getitem__(self, index: Any) -> Tensor:
        x = self._data
        index = index._data if isinstance(index, Tensor) else copy.deepcopy(index)

        def scatter(g: Array) -> Any:
            out = np.zeros_like(x)
            np.add.at(out, index, g)  # a row taken twice gets both gradients
            return out

        return _record("index", x[index], (self, scatter))

    # The walk back.

    def backward(self, grad: ArrayLike | None = None) -> None:
        """Leave in ``.grad`` of every tensor behind this one how this one answers to it.

        Parameters
        ----------
        grad
            dL/d this, same shape as this. A single value can do without: then it is 1.

        Raises
        ------
        ValueError
            If nothing behind this requires a gradient, or ``grad`` is missing or misshapen.
        RuntimeError
            If ``backward`` went through this graph before, or data in it were replaced since.
        """
        if not self.requires_grad:
            raise ValueError("backward() needs a tensor computed from one with requires_grad=True")
        if grad is None and self._data.size != 1:
            raise ValueError(f"backward() from shape {self.shape} needs grad of the same shape")
        grad = np.ones_like(self._data) if grad is None else Tensor(grad)._data
        if grad.shape != self.shape:
            raise ValueError(f"grad must have shape {self.shape}, got {grad.shape}")
        walk = _latest_first(self)
        self._receive(grad)
        for tensor in walk:
            if tensor._rules and tensor.grad is not None:
                for parent, (_, rule) in zip(tensor.inputs, tensor._rules, strict=True):
                    if parent.requires_grad:
                        parent._receive(rule(tensor.grad))
                tensor._rules = None  # used up: the arrays they hold can go

    def _receive(self, g: Array) -> None:
        """Add what one path brings, summed where broadcasting had repeated this tensor."""
        x = self._data
        if x.dtype.kind != "f":
            raise TypeError(f"a gradient needs floating-point data, got dtype {x.dtype}")
        if g.shape != x.shape:
            g = g.sum(axis=tuple(range(g.ndim - x.ndim)))
            g = g.sum(axis=tuple(i for i, size in enumerate(x.shape) if size == 1), keepdims=True)
        if self.grad is not None:
            g = self.grad + g
        if not self.inputs or g.dtype != x.dtype or not isinstance(g, np.ndarray):
            g = np.array(g, dtype=x.dtype)  # a leaf owns its gradient, others may share it
        self.grad = g


Operand = Tensor | ArrayLike


def _real(values: Array) -> Array:
    """Pass real numbers on, and refuse anything else."""
    if values.dtype.kind not in "fiub":
        raise TypeError(f"data must be real numbers, got dtype {values.dtype}")
    return values


def _lift(value: Operand, like: Tensor) -> Tensor:
    """Make an operand a tensor; a Python number takes the dtype of a floating partner."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, int | float) and like._data.dtype.kind == "f":
        return Tensor(like._data.dtype.type(value))
    return Tensor(value)


def _record(op: str, values: Any, *ties: tuple[Tensor, Rule]) -> Tensor:
    """Make the tensor that an operation gives, tied to its inputs by their chain rules."""
    out = Tensor.__new__(Tensor)
    own = isinstance(values, np.ndarray) and values.base is None
    out._data = values if own else np.array(values)  # never a view of an input
    out._version, out._order = 0, next(_clock)
    out.grad, out.op, out.inputs, out._rules = None, op, (), ()
    out.requires_grad = any(tensor.requires_grad for tensor, _ in ties)
    if out.requires_grad:  # otherwise nobody will walk back from here
        out.inputs = tuple([tensor for tensor, _ in ties])
        out._rules = tuple([(tensor._version, rule) for tensor, rule in ties])
    return out


def _combine(op: str, function: Any, a: Tensor, b: Tensor, left: Rule, right: Rule) -> Tensor:
    """Record an operation on two tensors, or say why their shapes do not fit."""
    try:
        values = function(wide(a._data), wide(b._data))  # in 8 bits 1 - 2 would be 255
    except ValueError as fault:
        need = "a's last size equal to b's last but one" if op == "@" else "equal sizes, or 1"
        raise ValueError(f"a {op} b needs {need}, got shapes {a.shape} and {b.shape}") from fault
    return _record(op, values, (a, left), (b, right))


def _spread(x: Array, axis: Axis, keepdims: bool) -> Rule:
    """Return what undoes a reduction: every value repeated to where it came from."""

    def spread(g: Array) -> Any:
        if axis is not None and not keepdims:
            g = np.expand_dims(g, axis)
        return np.broadcast_to(g, x.shape)

    return spread


def _latest_first(root: Tensor) -> list[Tensor]:
    """Return all tensors that the root rests on, each before those it was computed from."""
    found, to_visit = {root}, [root]
    while to_visit:
        tensor = to_visit.pop()
        if tensor._rules is None:
            raise RuntimeError(
                "backward() went through this graph before: "
                "compute the tensor anew, then call backward() once"
            )
        for parent, (version, _) in zip(tensor.inputs, tensor._rules, strict=True):
            if parent._version != version:
                raise RuntimeError(
                    f"an input of '{tensor.op}' got new data after it was used: "
                    "compute the tensor anew before backward()"
                )
            if parent not in found:
                found.add(parent)
                to_visit.append(parent)
    return sorted(found, key=lambda tensor: tensor._order, reverse=True)
