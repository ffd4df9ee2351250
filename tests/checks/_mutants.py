"""Mutants of an official solution: each has one small fault, which a check should notice."""

from __future__ import annotations

import ast
import copy
import functools
import itertools
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

Function = Callable[..., Any]
Edit = tuple[str, ast.AST, ast.AST]  # kind, what stands there, what takes its place


@dataclass(frozen=True)
class Mutant:
    """A solution with one fault.

    Attributes
    ----------
    kind
        ``operator``, ``comparison``, ``constant``, ``argument``, ``statement``, ``branch``,
        ``slice``, ``gradient`` or ``in place``.
    what
        The fault, in words that name it among the mutants of its exercise.
    source
        The cell with the fault.
    wrapped
        What is done to the function that the cell makes.
    """

    kind: str
    what: str
    source: str
    wrapped: Callable[[Function], Function] | None = None


OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mod,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}


def mutants(source: str, name: str) -> list[Mutant]:
    """Return all mutants of a cell that makes the function or class ``name``."""
    tree = ast.parse(source)
    found, seen = [], {ast.unparse(tree)}
    for kind, node, other in _edits(tree):
        new = ast.unparse(_replaced(tree, node, other))
        if new in seen:
            continue
        seen.add(new)
        what = f"{_short(node)} -> {_short(other)}"
        same = 1 + sum(mutant.what.split(" (place")[0] == what for mutant in found)
        found.append(Mutant(kind, what + f" (place {same})" * (same > 1), new))
    return found + [Mutant(kind, what, source, wrap) for kind, what, wrap in _WRAPPED]


def spread(found: list[Mutant], size: int) -> list[Mutant]:
    """Choose so many mutants, of every kind in turn, from the whole of the solution."""
    kinds = {mutant.kind: [m for m in found if m.kind == mutant.kind] for mutant in found}
    fair = [[each[i] for i in _van_der_corput(len(each))] for each in kinds.values()]
    turns = itertools.chain.from_iterable(itertools.zip_longest(*fair))
    return [mutant for mutant in turns if mutant is not None][:size]


def _van_der_corput(size: int) -> list[int]:
    """Order 0 to size - 1 so that each beginning is spread over all."""
    bits = max(size - 1, 1).bit_length()
    order = [int(f"{i:0{bits}b}"[::-1], 2) for i in range(2**bits)]
    return [i for i in order if i < size]


def _edits(tree: ast.Module) -> Iterator[Edit]:
    """Name every place where something small can go wrong."""
    skipped = {id(part) for node in ast.walk(tree) for part in _untouched(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        match node:
            case ast.BinOp() | ast.AugAssign():
                if type(node.op) in OPERATORS:
                    yield "operator", node, _with(node, op=OPERATORS[type(node.op)]())
            case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert()):
                yield "operator", node, node.operand
            case ast.BoolOp():
                other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
                yield "operator", node, _with(node, op=other)
            case ast.Compare(ops=[operator]):
                for kind in COMPARISONS.get(type(operator), ()):
                    yield "comparison", node, _with(node, ops=[kind()])
            case ast.Constant(value=bool(value)):
                yield "constant", node, ast.Constant(not value)
            case ast.Constant(value=int(value)):
                yield "constant", node, ast.Constant(value + 1)
                yield "constant", node, ast.Constant(value - 1)
            case ast.Constant(value=float(value)):
                yield "constant", node, ast.Constant(2 * value if value else 1.0)
            case ast.Call():
                yield from _calls(node)
            case ast.Slice():
                yield from _slices(node)
            case ast.If() | ast.IfExp() | ast.While():
                yield "branch", node.test, ast.Constant(False)
                if not isinstance(node, ast.While):
                    yield "branch", node.test, ast.Constant(True)
            case ast.For():
                yield "branch", node, _with(node, body=[*node.body, ast.Break()])
            case ast.FunctionDef():
                yield from _parameters(node)
        if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.Delete | ast.Raise):
            yield "statement", node, ast.Pass()


def _calls(node: ast.Call) -> Iterator[Edit]:
    """Arguments that are swapped, or not given."""
    if len(node.args) > 1 and not isinstance(node.args[0], ast.Starred):
        first, second, *rest = node.args
        yield "argument", node, _with(node, args=[second, first, *rest])
    for i, keyword in enumerate(node.keywords):
        if keyword.arg:
            left = node.keywords[:i] + node.keywords[i + 1 :]
            yield "argument", node, _with(node, keywords=left)
    if node.args and isinstance(node.func, ast.Attribute) and len(node.args) == 1:
        yield "argument", node, _with(node, args=[])


def _slices(node: ast.Slice) -> Iterator[Edit]:
    """Ends that are off by one."""
    for end in ("lower", "upper"):
        value = getattr(node, end)
        if value is None:
            if end == "lower":
                yield "slice", node, _with(node, lower=ast.Constant(1))
            else:
                yield "slice", node, _with(node, upper=ast.Constant(-1))
        elif not isinstance(value, ast.Constant):
            more = ast.BinOp(value, ast.Add(), ast.Constant(1))
            yield "slice", node, _with(node, **{end: more})


def _parameters(node: ast.FunctionDef) -> Iterator[Edit]:
    """Two neighbouring parameters that have changed places."""
    plain = node.args.args
    for i in range(len(plain) - 1):
        if plain[i].arg != "self":
            turned = [*plain[:i], plain[i + 1], plain[i], *plain[i + 2 :]]
            yield "argument", node, _with(node, args=_with(node.args, args=turned))


def _untouched(node: ast.AST) -> Iterator[ast.AST]:
    """Docstrings, annotations and what only words an error."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
        yield from ast.walk(node.body[0])
    if isinstance(node, ast.Raise):
        yield from (part for part in ast.walk(node) if part is not node)


def _with(node: Any, **fields: Any) -> Any:
    """Copy a node, with some other fields."""
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _replaced(tree: ast.Module, node: ast.AST, other: ast.AST) -> ast.Module:
    """Copy a tree with one node replaced."""

    class Replace(ast.NodeTransformer):
        def visit(self, part: ast.AST) -> ast.AST:
            return other if part is node else self.generic_visit(_with(part))

        def generic_visit(self, part: ast.AST) -> ast.AST:
            for name, value in ast.iter_fields(part):
                if isinstance(value, list):
                    kept = [self.visit(v) if isinstance(v, ast.AST) else v for v in value]
                    setattr(part, name, kept)
                elif isinstance(value, ast.AST):
                    setattr(part, name, self.visit(value))
            return part

    new = Replace().visit(tree)
    assert isinstance(new, ast.Module)
    return ast.fix_missing_locations(copy.deepcopy(new))


def _short(node: ast.AST) -> str:
    """Write a piece of code on one line, not too long."""
    text = ast.unparse(node)
    if isinstance(node, ast.FunctionDef):
        text = text.split("\n")[0]
    if isinstance(node, ast.For):
        end = " ... break" if isinstance(node.body[-1], ast.Break) else " ..."
        text = text.split("\n")[0] + end
    return textwrap.shorten(text, 70, placeholder=" ...")


# Faults of the whole function


class Seen:
    """A solution that notes what it was given and gave: which faults of the whole can it have?"""

    def __init__(self, function: Function) -> None:
        self.function, self.kinds = function, set[str]()
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        if any(_changeable(value) for value in (*args, *kwargs.values())):
            self.kinds.add("in place")
        result = self.function(*args, **kwargs)
        _each(result, lambda tensor: self.kinds.update(["gradient"] * tensor.is_floating_point()))
        return result


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change every tensor in a result."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if type(value) in (list, tuple):
        return type(value)(_each(part, change) for part in value)
    return value


def _detached(function: Function) -> Function:
    @functools.wraps(function)
    def answer(*args: Any, **kwargs: Any) -> Any:
        return _each(function(*args, **kwargs), lambda tensor: tensor.detach())

    return answer


def _without_grad(function: Function) -> Function:
    @functools.wraps(function)
    def answer(*args: Any, **kwargs: Any) -> Any:
        with torch.no_grad():
            return function(*args, **kwargs)

    return answer


def _spoiling(function: Function) -> Function:
    """Change the first argument that can be changed, after the work is done."""

    @functools.wraps(function)
    def answer(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        result = copy.deepcopy(result) if isinstance(result, list | np.ndarray) else result
        value = next((v for v in (*args, *kwargs.values()) if _changeable(v)), [])
        if isinstance(value, np.ndarray):
            value.flat[-1] = value.flat[-1] + 1
        elif isinstance(value, torch.Tensor):
            value.data.copy_(value.data.logical_not())
        else:
            value.clear()
        return result

    return answer


def _changeable(value: Any) -> bool:
    """Whether an argument is one that an answer could spoil."""
    if isinstance(value, np.ndarray):
        return value.size > 0 and value.flags.writeable
    if isinstance(value, torch.Tensor):
        return value.numel() > 0
    return isinstance(value, list | dict | set) and bool(value)


_WRAPPED = [
    ("gradient", "the result is detached", _detached),
    ("gradient", "all is done under no_grad", _without_grad),
    ("in place", "an argument is changed", _spoiling),
]
