"""What could stand in the place of a node of a syntax tree by mistake."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

SWAPPED: dict[type[ast.AST], type[Any]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
OTHER_NAME = {"sum": "mean", "mean": "sum", "max": "min", "min": "max", "maximum": "minimum", "minimum": "maximum"}
OTHER_NAME |= {"sin": "cos", "cos": "sin", "exp": "expm1", "sqrt": "square", "tanh": "sin", "log": "log1p"}
OFF = 1.01  # what a constant is multiplied by


def others(node: ast.AST) -> Iterator[ast.AST]:
    """Each node that could stand there instead; none for most nodes."""
    return MISTAKES.get(type(node), _none)(node)


def _none(_: Any) -> Iterator[ast.AST]:
    return iter(())


def _two_operands(node: ast.BinOp) -> Iterator[ast.AST]:
    """Another operator, and one operand dropped."""
    if type(node.op) in SWAPPED:
        yield ast.BinOp(node.left, SWAPPED[type(node.op)](), node.right)
    if isinstance(node.op, ast.MatMult):
        yield ast.BinOp(node.right, ast.MatMult(), node.left)
    if isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div)):
        yield node.left
    if isinstance(node.op, (ast.Add, ast.Mult)):
        yield node.right


def _one_operand(node: ast.UnaryOp) -> Iterator[ast.AST]:
    if isinstance(node.op, (ast.USub, ast.Not)) and not isinstance(node.operand, ast.Constant):
        yield node.operand


def _comparison(node: ast.Compare) -> Iterator[ast.AST]:
    if len(node.ops) == 1 and type(node.ops[0]) in SWAPPED:
        yield ast.Compare(node.left, [SWAPPED[type(node.ops[0])]()], node.comparators)


def _constant(node: ast.Constant) -> Iterator[ast.AST]:
    """Keepdims and other flags turned, axes moved by one, factors off by one in a hundred."""
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
    elif isinstance(value, float):
        yield ast.Constant(value * OFF if value else OFF - 1)


def _attribute(node: ast.Attribute) -> Iterator[ast.AST]:
    if node.attr == "T":
        yield node.value
    elif node.attr in OTHER_NAME:
        yield ast.Attribute(node.value, OTHER_NAME[node.attr], node.ctx)


def _call(node: ast.Call) -> Iterator[ast.AST]:
    if isinstance(node.func, ast.Attribute) and node.func.attr == "where" and len(node.args) == 3:
        yield ast.Call(node.func, [node.args[0], node.args[2], node.args[1]], node.keywords)


def _update(_: ast.AugAssign) -> Iterator[ast.AST]:
    yield ast.Pass()


def _choice(node: ast.IfExp) -> Iterator[ast.AST]:
    if not (isinstance(node.orelse, ast.Constant) and node.orelse.value is None):  # allowed: what nobody asked for
        yield node.body
    yield node.orelse


MISTAKES: dict[type[ast.AST], Callable[[Any], Iterator[ast.AST]]] = {
    ast.BinOp: _two_operands,
    ast.UnaryOp: _one_operand,
    ast.Compare: _comparison,
    ast.Constant: _constant,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.AugAssign: _update,
    ast.IfExp: _choice,
}
