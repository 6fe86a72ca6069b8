"""Losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.torch_ops.pointwise import PROBABILITY
from gradspec import Op, array, index, nonnegative, positive, real

F = "torch.nn.functional."
SIZES = {"n": (1, 4), "d": (1, 4)}
LENGTH = {"n": (1, 4)}
REDUCTIONS = {"reduction": ("mean", "sum", "none")}
OF_TWO = ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "soft_margin_loss"]
SIGN = {"lo": -1.0, "hi": 1.0, "exclude": (0.0,), "differentiable": False}


def declared(made: Callable[..., Op]) -> Iterator[Op]:
    """The ops of this file, by a *made* that knows the device."""
    for name in OF_TWO:
        inputs = {"x": real("n d"), "y": real("n d", differentiable=name != "soft_margin_loss")}
        yield made(f"{F}{name}", inputs=inputs, params=REDUCTIONS, sizes=SIZES)
    for name in ("cross_entropy", "nll_loss", "multi_margin_loss"):
        inputs = {"x": real("n c"), "k": index("n", "c")}
        yield made(f"{F}{name}", inputs=inputs, params={"reduction": ("mean", "sum")}, sizes={"n": (1, 4), "c": (1, 4)})
    yield from _of_probabilities(made)
    yield from _with_margins(made)


def _of_probabilities(made: Callable[..., Op]) -> Iterator[Op]:
    share = array("n", **PROBABILITY)
    yield made(f"{F}binary_cross_entropy", inputs={"x": share, "y": share}, params=REDUCTIONS, sizes=LENGTH)
    inputs = {"x": real("n"), "y": share}
    yield made(f"{F}binary_cross_entropy_with_logits", inputs=inputs, params=REDUCTIONS, sizes=LENGTH)
    inputs = {"x": real("n d"), "y": array("n d", **PROBABILITY)}
    yield made(f"{F}kl_div", inputs=inputs, params={"reduction": ("mean", "sum", "none", "batchmean")}, sizes=SIZES)
    inputs = {"x": real("n d"), "y": array("n d", **PROBABILITY, differentiable=False)}
    yield made(f"{F}multilabel_soft_margin_loss", inputs=inputs, sizes=SIZES)
    inputs = {"x": real("n", typical=(-2, 2)), "y": nonnegative("n", differentiable=False)}
    yield made(f"{F}poisson_nll_loss", inputs=inputs, params=REDUCTIONS, sizes=LENGTH)
    inputs = {"x": real("n"), "y": real("n"), "var": positive("n")}
    yield made(f"{F}gaussian_nll_loss", inputs=inputs, params={**REDUCTIONS, "full": (False, True)}, sizes=LENGTH)


def _with_margins(made: Callable[..., Op]) -> Iterator[Op]:
    inputs = {"a": real("n d"), "b": real("n d"), "c": real("n d")}
    params = {"margin": (1.0, 0.5), "swap": (False, True)}
    yield made(f"{F}triplet_margin_loss", inputs=inputs, params=params, sizes=SIZES)
    inputs = {"a": real("n d"), "b": real("n d"), "sign": array("n", **SIGN)}
    yield made(f"{F}cosine_embedding_loss", inputs=inputs, params={"margin": (0.0, 0.5)}, sizes=SIZES)
    inputs = {"a": real("n"), "b": real("n"), "sign": array("n", **SIGN)}
    yield made(f"{F}margin_ranking_loss", inputs=inputs, params={"margin": (0.0, 0.5)}, sizes=LENGTH)
    inputs = {"x": real("n"), "sign": array("n", **SIGN)}
    yield made(f"{F}hinge_embedding_loss", inputs=inputs, params={"margin": (1.0, 0.5)}, sizes=LENGTH)
