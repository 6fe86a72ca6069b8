"""Finding ops: by name, as MODULE:ATTR, or in a FILE.py."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from gradspec.errors import GradspecError, TargetError
from gradspec.spec import Op

DEFAULT_MODULE = "ops"
DEFAULT_ATTRIBUTE = "OPS"


def find(target: str, module: str = DEFAULT_MODULE) -> tuple[tuple[Op, ...], str]:
    """The ops that *target* names, and where they were found (what a replay needs to find them again).

    Args:
        target: An op's name, MODULE:ATTR, or FILE.py (FILE.py:ATTR for one attribute).
        module: Where names are looked up, as MODULE or MODULE:ATTR.

    Raises:
        TargetError: There is no such thing; the message says what there is.
        DeclarationError: The file or module declares an op wrongly.
    """
    if target.endswith(".py") or ":" in target:
        return collection(target), target
    return (by_name(target, collection(module), module),), module


def by_name(name: str, ops: Iterable[Op], where: str) -> Op:
    """The op called *name*.

    Raises:
        TargetError: There is none.
    """
    known = {op.name: op for op in ops}
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else f"it has: {', '.join(known)}"
    raise TargetError(f"no op named {name!r} in {where}; {hint}")


def collection(where: str) -> tuple[Op, ...]:
    """The ops in MODULE (its OPS), MODULE:ATTR, FILE.py (every op in it) or FILE.py:ATTR.

    Raises:
        TargetError: The module, file or attribute does not exist or holds no op.
    """
    path, _, attribute = where.partition(":")
    if not path.endswith(".py"):
        module = _import(path)
        return as_ops(_attribute(module, attribute or DEFAULT_ATTRIBUTE, where), where)
    module = _load(Path(path))
    if attribute:
        return as_ops(_attribute(module, attribute, where), where)
    found: list[Op] = []
    for value in vars(module).values():
        if isinstance(value, Op):
            found.append(value)
        elif isinstance(value, (tuple, list)) and value and all(isinstance(item, Op) for item in value):
            found += value
    if not found:
        raise TargetError(f"{where}: holds no op; allowed: a file that makes at least one gradspec.Op at its top level")
    return as_ops(dict.fromkeys(found), where)


def as_ops(value: Any, where: str) -> tuple[Op, ...]:
    """*value* as a tuple of ops with different names.

    Raises:
        TargetError: It is neither an Op nor a collection of Ops, or two ops share a name.
    """
    ops = (value,) if isinstance(value, Op) else tuple(value) if isinstance(value, Iterable) else ()
    for op in ops or (value,):
        if not isinstance(op, Op):
            raise TargetError(f"{where}: got {op!r}; allowed: an Op or a list of Ops")
    seen: set[str] = set()
    for op in ops:
        if op.name in seen:
            raise TargetError(
                f"{where}: two ops are named {op.name!r}; allowed: names that differ, or one of them as "
                f"{where.partition(':')[0]}:ATTRIBUTE"
            )
        seen.add(op.name)
    return ops


def _attribute(module: ModuleType, name: str, where: str) -> Any:
    try:
        return getattr(module, name)
    except AttributeError:
        ops = [key for key, value in vars(module).items() if isinstance(value, Op)]
        hint = f"; it holds the ops: {', '.join(ops)}" if ops else ""
        raise TargetError(f"{where}: module {module.__name__!r} has no attribute {name!r}{hint}") from None


def _import(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise TargetError(f"no module named {name!r} here ({here}) or installed") from None
        raise TargetError(f"{name}: cannot be imported: {error}") from error
    except GradspecError:
        raise
    except Exception as error:
        raise TargetError(f"{name}: raised {type(error).__name__} while being imported: {error}") from error


def _load(path: Path) -> ModuleType:
    if not path.is_file():
        raise TargetError(f"{path}: no such file")
    name = f"gradspec_target_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise TargetError(f"{path}: cannot be loaded as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look modules up there
    for folder in (str(path.resolve().parent), str(Path.cwd())):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except GradspecError:
        raise
    except Exception as error:
        raise TargetError(f"{path}: raised {type(error).__name__} while being loaded: {error}") from error
    return module
