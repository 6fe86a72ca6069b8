"""Functions that work element by element."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gradspec import Op, array, nonnegative, nonzero, positive, real

F = "torch.nn.functional."
UNIT = {"lo": -1.0, "hi": 1.0, "exclude": (-1.0, 1.0), "typical": (-0.9, 0.9)}
PROBABILITY = {"lo": 0.0, "hi": 1.0, "exclude": (0.0, 1.0), "typical": (0.1, 0.9)}

OF_TORCH = "sin cos tanh atan asinh exp expm1 sigmoid abs square erf erfc sinc sinh cosh exp2 relu neg frac rad2deg"
OF_SPECIAL = "i0 i0e i1 i1e erfcx log_ndtr"
OF_FUNCTIONAL = "silu mish softsign hardswish hardsigmoid relu6 selu logsigmoid tanhshrink"
ONE = {  # of one array
    real("..."): [
        *(f"torch.{name}" for name in OF_TORCH.split()),
        *(f"torch.special.{name}" for name in OF_SPECIAL.split()),
        *(f"{F}{name}" for name in OF_FUNCTIONAL.split()),
    ],
    positive("..."): [
        *(f"torch.{name}" for name in ["log", "log2", "log10", "rsqrt", "lgamma", "digamma", "reciprocal"]),
        "torch.special.entr",
    ],
    nonnegative("..."): ["torch.sqrt", "torch.log1p"],
    array("...", **UNIT): ["torch.asin", "torch.acos", "torch.atanh", "torch.erfinv"],
    array("...", **PROBABILITY): ["torch.logit", "torch.special.ndtri"],
}
WITH_PARAMS: list[tuple[str, dict[str, Any]]] = [
    (f"{F}elu", {"alpha": (1.0, 0.5, 2.0)}),
    (f"{F}celu", {"alpha": (1.0, 0.5)}),
    (f"{F}leaky_relu", {"negative_slope": (0.01, 0.0, 0.5)}),
    (f"{F}gelu", {"approximate": ("none", "tanh")}),
    (f"{F}softplus", {"beta": (1.0, 2.0), "threshold": (20.0, 5.0)}),
    (f"{F}hardtanh", {"min_val": (-1.0, -3.0), "max_val": (1.0, 0.5)}),
    (f"{F}softshrink", {"lambd": (0.5, 2.0)}),
    (f"{F}hardshrink", {"lambd": (0.5, 2.0)}),
    (f"{F}threshold", {"threshold": (0.1, -1.0), "value": (0.0, 20.0)}),
    ("torch.clamp", {"min": (-0.5, -3.0), "max": (0.5, 3.0)}),
    ("torch.pow", {"exponent": (2, 3, 1, 0)}),
]
TWO = ["torch.add", "torch.sub", "torch.mul", "torch.maximum", "torch.minimum", "torch.logaddexp", "torch.hypot"]


def declared(made: Callable[..., Op]) -> Iterator[Op]:
    """The ops of this file, by a *made* that knows the device."""
    for domain, targets in ONE.items():
        for target in targets:
            yield made(target, inputs={"x": domain})
    for target, params in WITH_PARAMS:
        yield made(target, inputs={"x": real("...")}, params=params)
    above = array("n", lo=2.0, typical=(2.5, 9.0))
    yield made("torch.special.multigammaln", inputs={"x": above}, params={"p": (1, 2, 3)})
    for target in TWO:
        yield made(target, inputs={name: real("... n", broadcastable=True) for name in "ab"})
    yield made("torch.div", inputs={"a": real("... n", broadcastable=True), "b": nonzero("... n", broadcastable=True)})
    yield made("torch.atan2", inputs={"a": nonzero("n"), "b": nonzero("n")})
    yield made("torch.copysign", inputs={"a": real("n"), "b": real("n")})
    for target in ("torch.xlogy", "torch.special.xlog1py", "torch.remainder", "torch.fmod"):
        yield made(target, inputs={"a": real("n"), "b": positive("n")})
    yield made("torch.lerp", inputs={"a": real("n"), "b": real("n"), "weight": real("n")})
    yield made("torch.addcdiv", inputs={"a": real("n"), "b": real("n"), "c": positive("n")})
    yield made(f"{F}prelu", inputs={"x": real("n c l"), "weight": real("c")}, sizes={"n": (1, 2), "c": (1, 2)})
