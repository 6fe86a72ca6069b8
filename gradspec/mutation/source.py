"""Mistakes in the text of a rule: another operator, a constant that is off, a term that is dropped.

The rule's function, and those of its own module that it calls or closes over, are read back from their files, changed
in one place and compiled again. Nothing is written, and the module itself stays as it is.
"""

from __future__ import annotations
import __future__

import ast
import copy
import inspect
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gradspec.mutation.mutant import Mutant, mutated
from gradspec.mutation.operators import others
from gradspec.spec import Op

Function = types.FunctionType
FUTURE = __future__.annotations.compiler_flag


def source_mutants(op: Op) -> Iterator[Mutant]:
    """The op with one change in the text of its rule; none where Python does not know the text."""
    rule = inspect.unwrap(op.vjp)
    if not isinstance(rule, Function):
        return
    taken: dict[str, int] = {}
    for function in _used(rule):
        tree = _tree(function)
        if tree is None:
            continue
        for line, words, changed in _changes(tree):
            wrong = _compiled(function, changed)
            if wrong is None:
                continue
            title = f"{function.__name__}: {words}"
            taken[title] = taken.get(title, 0) + 1
            name = title if taken[title] == 1 else f"{title} ({taken[title]})"
            where = f"{function.__code__.co_filename}:{line}"
            yield mutated(op, _rebuilt(rule, {function: wrong}), name, where=where)


def _used(rule: Function) -> list[Function]:
    """The rule, and the functions of its own file that it closes over or names, and theirs; each once."""
    found = [rule]
    for function in found:
        for other in _mentioned(function).values():
            if other not in found:
                found.append(other)
    return found


def _mentioned(function: Function) -> dict[str, Function]:
    """Functions by the names that *function* has for them, if they are of the same package."""
    code = function.__code__
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
    known: dict[str, Any] = {name: function.__globals__.get(name) for name in code.co_names}
    for name, cell in cells.items():
        try:
            known[name] = cell.cell_contents
        except ValueError:  # still empty
            continue
    home = (function.__module__ or "").partition(".")[0]  # what exec made has no module
    return {
        name: value
        for name, value in known.items()
        if isinstance(value, Function) and value is not function and (value.__module__ or "").partition(".")[0] == home
    }


def _tree(function: Function) -> ast.FunctionDef | ast.Lambda | None:
    """The function in the syntax tree of its file."""
    code = function.__code__
    try:
        tree = ast.parse(Path(code.co_filename).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            if code.co_firstlineno in (node.lineno, *(d.lineno for d in node.decorator_list)):
                return node
        elif isinstance(node, ast.Lambda) and code.co_name == "<lambda>" and node.lineno == code.co_firstlineno:
            again = _compiled(function, node)
            if again is not None and again.__code__.co_code == code.co_code:
                return node
    return None


def _changes(tree: ast.FunctionDef | ast.Lambda) -> Iterator[tuple[int, str, ast.FunctionDef | ast.Lambda]]:
    """Every change of one node: (line, "before → after", the whole changed function)."""
    body = tree.body if isinstance(tree, ast.FunctionDef) else [tree.body]
    paths = [(node, path) for statement, path in _statements(tree, body) for node, path in _walk(statement, path)]
    for node, path in paths:
        for other in others(node):
            changed = copy.deepcopy(tree)
            _put(changed, path, other)
            ast.fix_missing_locations(changed)
            yield getattr(node, "lineno", 0), f"{_text(node)} → {_text(other)}", changed


def _statements(tree: ast.AST, body: list[Any]) -> Iterator[tuple[ast.AST, tuple[Any, ...]]]:
    if isinstance(tree, ast.Lambda):
        yield body[0], ("body",)
        return
    for position, statement in enumerate(body):
        yield statement, ("body", position)


def _walk(node: ast.AST, path: tuple[Any, ...]) -> Iterator[tuple[ast.AST, tuple[Any, ...]]]:
    if isinstance(node, (ast.Raise, ast.JoinedStr, ast.Assert, ast.FunctionDef, ast.Lambda)):
        return  # texts of errors are no formulas; inner functions are functions of their own
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    yield node, path
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "ctx", "type_comment"):
            continue
        if isinstance(value, ast.AST):
            yield from _walk(value, (*path, name))
        elif isinstance(value, list):
            for position, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield from _walk(item, (*path, name, position))


def _put(tree: ast.AST, path: tuple[Any, ...], other: ast.AST) -> None:
    place: Any = tree
    for step in path[:-1]:
        place = place[step] if isinstance(step, int) else getattr(place, step)
    if isinstance(path[-1], int):
        place[path[-1]] = other
    else:
        setattr(place, path[-1], other)


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).split())
    return text if len(text) <= 60 else text[:57] + "..."


def _compiled(function: Function, tree: ast.FunctionDef | ast.Lambda) -> Function | None:
    """*function* with the code of *tree*, its globals, defaults and cells being the same."""
    code = function.__code__
    if isinstance(tree, ast.FunctionDef):
        inner: ast.stmt = copy.deepcopy(tree)
        inner.decorator_list = []  # type: ignore[attr-defined]
    else:
        inner = ast.Expr(copy.deepcopy(tree))
    around = ast.parse(f"def around({', '.join(code.co_freevars)}): pass")
    outer = around.body[0]
    outer.body = [inner]  # type: ignore[attr-defined]
    ast.fix_missing_locations(around)
    try:
        module = compile(around, code.co_filename, "exec", flags=FUTURE, dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    found = next((c for c in _codes(module) if c.co_name == code.co_name), None)
    if found is None or set(found.co_freevars) - set(code.co_freevars):
        return None
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
    closure = tuple(cells[name] for name in found.co_freevars)
    again = Function(found, function.__globals__, function.__name__, function.__defaults__, closure)
    again.__kwdefaults__ = function.__kwdefaults__
    again.__module__ = function.__module__
    return again


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _codes(constant)


def _rebuilt(function: Function, changed: dict[Function, Function]) -> Callable[..., Any]:
    """*function*, calling the changed functions wherever it called the others."""
    if function in changed:
        return changed[function]
    changed[function] = function  # until it is known better: functions may call each other in a circle
    new = {name: _rebuilt(other, changed) for name, other in _mentioned(function).items()}
    if all(new[name] is other for name, other in _mentioned(function).items()):
        return function
    code, cells = function.__code__, function.__closure__ or ()
    closure = tuple(
        types.CellType(new[name]) if name in new else cell for name, cell in zip(code.co_freevars, cells, strict=True)
    )
    again = Function(code, {**function.__globals__, **new}, function.__name__, function.__defaults__, closure)
    again.__kwdefaults__ = function.__kwdefaults__
    again.__module__ = function.__module__
    changed[function] = again
    return again
