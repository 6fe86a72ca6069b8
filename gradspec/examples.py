"""The cases of ``Op(examples=...)``: arrays of the author's own, held to the declaration."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradspec.domains import Case
from gradspec.errors import DeclarationError
from gradspec.intervals import interval
from gradspec.spec import Op

DECLARED = "examples["  # begins the label of each of these cases


def declared_examples(op: Op, dtype: str = "float64") -> Iterator[Case]:
    """The cases of ``Op(examples=...)``.

    Raises:
        DeclarationError: An example does not fit the declared shapes or dtypes.
    """
    for position, example in enumerate(op.examples):
        arrays = []
        for name, domain in op.inputs.items():
            try:
                x = np.array(example[name], dtype=np.int64 if domain.integer else np.float64)
            except (TypeError, ValueError) as error:
                field = f"examples[{position}][{name!r}]"
                raise DeclarationError(op.name, field, f"got {example[name]!r} ({error}); allowed: an array") from None
            arrays.append(x)
        params = {param: value for param, value in example.items() if param in op.params}
        for param, values in op.params.items():
            if param not in params and not callable(values) and not callable(values[0]):
                params[param] = values[0]
        sizes = _sizes_of(op, arrays, f"examples[{position}]")
        yield Case(
            sizes=sizes,
            lead=(),
            params=params,
            keys={},
            drawn=tuple(_inside(op, arrays, sizes, f"examples[{position}]", dtype)),
            dtype=dtype,
            seed=position,
            label=f"{DECLARED}{position}]",
        )


def _inside(op: Op, arrays: list[np.ndarray], sizes: dict[str, int], field: str, dtype: str) -> Iterator[np.ndarray]:
    """The arrays in the dtype that they are tried in, every entry inside the declared domain."""
    for (name, domain), x in zip(op.inputs.items(), arrays, strict=True):
        allowed = interval(op, name, sizes)
        for value in x.reshape(-1).tolist():
            if not allowed.holds(value):
                holes = f" without {', '.join(map(repr, allowed.exclude))}" if allowed.exclude else ""
                raise DeclarationError(
                    op.name, f"{field}[{name!r}]", f"holds {value!r}; allowed: [{allowed.lo}, {allowed.hi}]{holes}"
                )
        yield x if domain.integer else allowed.repaired(x.astype(dtype))


def _sizes_of(op: Op, arrays: list[np.ndarray], field: str) -> dict[str, int]:
    """Read the size symbols off given arrays, as far as plain symbols tell."""
    sizes: dict[str, int] = {}
    for (name, domain), x in zip(op.inputs.items(), arrays, strict=True):
        axes = domain.dims.axes
        fits = x.ndim >= len(axes) if domain.dims.leading else x.ndim == len(axes)
        if not fits and not domain.broadcastable:
            raise DeclarationError(
                op.name, f"{field}[{name!r}]", f"got shape {x.shape}; allowed: the declared {domain.shape!r}"
            )
        for axis, size in zip(reversed(axes), reversed(x.shape), strict=False):
            if axis.factor != 1 or len(axis.symbols) != 1 or (domain.broadcastable and size == 1):
                continue
            symbol = axis.symbols[0]
            known = sizes.setdefault(symbol, size)
            if known != size:
                raise DeclarationError(
                    op.name,
                    f"{field}[{name!r}]",
                    f"got shape {x.shape}; allowed: {domain.shape!r} with {symbol} = {known} as elsewhere",
                )
    return {symbol: sizes.get(symbol, lo) for symbol, (lo, _) in op.sizes.items()}
