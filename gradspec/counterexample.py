"""A failing case that can be kept: printed, saved as .npz, and run again."""

from __future__ import annotations

import ast
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gradspec.checks.outcome import show
from gradspec.domains import Case
from gradspec.errors import TargetError
from gradspec.spec import Op

FORMAT = 1
MEANT = {"op", "check", "target", "dtype", "sizes", "lead", "params", "keys", "seed", "label", "outputs"}


@dataclass(frozen=True)
class Counterexample:
    """The smallest failing case that was found.

    Attributes:
        op: The op's name.
        check: The check that fails.
        case: The case, its cotangent fixed.
        inputs: Names of the inputs.
        target: Where the op was found, such as ``ops:normalize``; "" if it was given as an object.
        path: The file it was saved to; "" if it was not.
        transformed: Those of the inputs that are shown, and kept, as they are before their transform.
    """

    op: str
    check: str
    case: Case
    inputs: tuple[str, ...]
    target: str = ""
    path: str = ""
    transformed: frozenset[str] = frozenset()

    def __str__(self) -> str:
        sizes = {**self.case.sizes, **({"...": self.case.lead} if self.case.lead else {})}
        parts = [" ".join(f"{symbol}={size}" for symbol, size in sizes.items())]
        if self.case.params:
            parts.append(" ".join(f"{name}={value!r}" for name, value in self.case.params.items()))
        for name, u in zip(self.inputs, self.case.drawn, strict=True):
            parts.append(f"{name} = {show(u)}{' before its transform' if name in self.transformed else ''}")
        bars = ["None" if bar is None else show(bar) for bar in self.case.y_bar or ()]
        if bars:
            name = "y_bar of the output" if "y" in self.inputs else "y_bar"
            parts.append(f"{name} = {bars[0] if len(bars) == 1 else '(' + ', '.join(bars) + ')'}")
        if self.case.dtype != "float64":
            parts.append(self.case.dtype)
        return "   ".join(part for part in parts if part)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; arrays as nested lists."""
        return {
            "op": self.op,
            "check": self.check,
            "target": self.target,
            "path": self.path,
            "dtype": self.case.dtype,
            "sizes": dict(self.case.sizes),
            "params": {name: repr(value) for name, value in self.case.params.items()},
            "inputs": {name: u.tolist() for name, u in zip(self.inputs, self.case.drawn, strict=True)},
            "y_bar": [None if bar is None else bar.tolist() for bar in self.case.y_bar or ()],
        }

    def save(self, folder: Path) -> Counterexample:
        """Write ``<op>-<check>.npz`` into *folder*, made if missing; return a copy that knows its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.op}-{self.check}.npz"
        path.write_bytes(self.to_bytes())
        return replace(self, path=path.as_posix())

    def to_bytes(self) -> bytes:
        """The .npz file."""
        case = self.case
        meta = {
            "format": FORMAT,
            "op": self.op,
            "check": self.check,
            "target": self.target,
            "dtype": case.dtype,
            "sizes": dict(case.sizes),
            "lead": list(case.lead),
            "params": {name: repr(value) for name, value in case.params.items()},
            "keys": dict(case.keys),
            "seed": case.seed,
            "label": case.label,
            "outputs": [bar is not None for bar in case.y_bar or ()],
        }
        arrays = {f"input_{position}": u for position, u in enumerate(case.drawn)}
        arrays |= {f"y_bar_{position}": b for position, b in enumerate(case.y_bar or ()) if b is not None}
        buffer = io.BytesIO()
        np.savez(buffer, meta=np.array(json.dumps(meta)), **arrays)  # type: ignore[arg-type]
        return buffer.getvalue()


def load_meta(path: Path) -> dict[str, Any]:
    """What a saved counterexample says of itself.

    Raises:
        TargetError: The file is missing, damaged or no counterexample.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The description and the arrays; everything is read before the file is closed again."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise TargetError(f"{path}: no such file; allowed: a .npz that a failure text names") from None
    except OSError as error:
        raise TargetError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = dict(json.loads(str(arrays.pop("meta"))))
        written = meta["format"]
        bars = [f"y_bar_{position}" for position, present in enumerate(meta.get("outputs", ())) if present]
    except Exception as error:  # whatever NumPy, zipfile or json make of a damaged file
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise TargetError(f"{path}: damaged, or not a counterexample of gradspec ({text})") from None
    if written != FORMAT:
        raise TargetError(f"{path}: got format {written!r}; this version reads format {FORMAT}")
    missing = [*sorted(MEANT - {*meta}), *(bar for bar in bars if bar not in arrays)]
    if missing:
        raise TargetError(f"{path}: damaged, or not a counterexample of gradspec (lacks {', '.join(missing)})")
    return meta, arrays


def load(path: Path, op: Op) -> Counterexample:
    """Read a saved counterexample of *op*.

    Raises:
        TargetError: The file is no counterexample, or the op has changed its inputs or params since.
    """
    meta, arrays = _read(path)
    drawn = [array for name, array in arrays.items() if name.startswith("input_")]
    if len(drawn) != len(op.inputs):
        raise TargetError(f"{path}: holds {len(drawn)} inputs; {op.name} now has {len(op.inputs)}")
    y_bar = tuple(arrays[f"y_bar_{i}"] if present else None for i, present in enumerate(meta["outputs"]))
    case = Case(
        sizes=meta["sizes"],
        lead=tuple(meta["lead"]),
        params=_params(path, op, meta),
        keys=meta["keys"],
        drawn=tuple(arrays[f"input_{position}"] for position in range(len(drawn))),
        dtype=meta["dtype"],
        seed=meta["seed"],
        label=meta["label"],
        y_bar=y_bar or None,
    )
    return counterexample_of(op, meta["check"], case, target=meta["target"], path=str(path))


def counterexample_of(op: Op, check: str, case: Case, *, target: str = "", path: str = "") -> Counterexample:
    """A case of *op* on which *check* fails."""
    transformed = frozenset(name for name, domain in op.inputs.items() if domain.transform is not None)
    return Counterexample(op.name, check, case, tuple(op.inputs), target, path, transformed)


def _params(path: Path, op: Op, meta: Mapping[str, Any]) -> dict[str, Any]:
    params = {}
    for name, text in meta["params"].items():
        if name not in op.params:
            raise TargetError(f"{path}: holds the param {name!r}, which {op.name} no longer has")
        try:
            params[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):  # not a literal: look it up by its place in the declaration
            listed = op.params[name]
            key = meta["keys"].get(name, "")
            if callable(listed) or not key.isdecimal() or int(key) >= len(listed):
                raise TargetError(f"{path}: cannot restore the param {name} = {text}") from None
            params[name] = listed[int(key)]
    return params
