"""Functions along the axes of an array: they reduce, accumulate, pick or rearrange."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gradspec import Op, index, real

F = "torch.nn.functional."
ROWS = (-1, 0)
SIZES = {"n": (1, 4), "d": (1, 4)}

ALONG: list[tuple[str, dict[str, Any]]] = [
    ("torch.softmax", {"dim": ROWS}),
    ("torch.log_softmax", {"dim": ROWS}),
    (f"{F}softmin", {"dim": ROWS}),
    ("torch.logsumexp", {"dim": ROWS}),
    ("torch.sum", {"dim": ROWS, "keepdim": (False, True)}),
    ("torch.mean", {"dim": ROWS, "keepdim": (False, True)}),
    ("torch.nanmean", {"dim": ROWS}),
    ("torch.prod", {"dim": ROWS, "keepdim": (False, True)}),
    ("torch.var", {"dim": ROWS, "correction": (1, 0)}),
    ("torch.std", {"dim": ROWS, "correction": (1, 0)}),
    ("torch.amax", {"dim": ROWS}),
    ("torch.amin", {"dim": ROWS}),
    ("torch.cumsum", {"dim": ROWS}),
    ("torch.cumprod", {"dim": ROWS}),
    ("torch.logcumsumexp", {"dim": ROWS}),
    ("torch.linalg.vector_norm", {"ord": (2, 1, 3), "dim": ROWS}),
    (f"{F}normalize", {"p": (2.0, 1.0), "dim": ROWS}),
    ("torch.renorm", {"p": (2.0, 1.0), "dim": (0, 1), "maxnorm": (5.0, 1.0)}),
    ("torch.flip", {"dims": ((0,), (1,), (0, 1))}),
    ("torch.tril", {"diagonal": (0, 1, -1)}),
    ("torch.roll", {"shifts": (1, -2), "dims": ROWS}),
    ("torch.msort", {}),
]


def declared(made: Callable[..., Op]) -> Iterator[Op]:
    """The ops of this file, by a *made* that knows the device."""
    for target, params in ALONG:
        where = {"where": _enough_numbers} if "correction" in params else {}
        yield made(target, inputs={"x": real("n d")}, params=params, sizes=SIZES, **where)
    yield made("torch.diagonal", inputs={"x": real("n d")}, params={"offset": (0, 1, -1)})
    yield made("torch.diff", inputs={"x": real("n d")}, params={"n": (1, 2)}, sizes={"d": (3, 4)})
    yield made("torch.trapezoid", inputs={"y": real("n d"), "x": real("n d")}, sizes={"n": (1, 3), "d": (2, 4)})
    yield made("torch.cov", inputs={"x": real("n d")}, params={"correction": (1, 0)}, sizes={"n": (1, 3), "d": (2, 4)})
    yield made("torch.median", inputs={"x": real("n")}, sizes={"n": (1, 4)})
    yield made("torch.quantile", inputs={"x": real("n")}, params={"q": (0.5, 0.3)}, sizes={"n": (1, 4)})
    yield made("torch.take", inputs={"x": real("n"), "k": index("m", "n")}, sizes={"n": (1, 4)})
    positions = {"x": real("n d"), "k": index("n m", "d")}
    yield made("torch.take_along_dim", inputs=positions, params={"dim": (1,)}, sizes=SIZES)
    yield made(f"{F}embedding", inputs={"k": index("n", "v"), "weight": real("v d")}, sizes={"v": (1, 4)})
    modes = {"pad": ((1, 1), (0, 2)), "mode": ("constant", "reflect", "replicate", "circular")}
    yield made(f"{F}pad", inputs={"x": real("n c l")}, params=modes, sizes={"n": (1, 2), "c": (1, 2), "l": (3, 4)})
    yield made(f"{F}glu", inputs={"x": real("n 2*d")})


def _enough_numbers(sizes: Any, params: Any) -> bool:
    return bool(sizes["d" if params["dim"] == -1 else "n"] - params["correction"] > 0)
