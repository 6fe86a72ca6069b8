"""Layers of networks: convolutions, pools, norms, attention and what resamples an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gradspec import Op, nonnegative, real

F = "torch.nn.functional."
FEW = {"n": (1, 2), "c": (1, 2)}
IMAGE = {**FEW, "h": (3, 5), "w": (3, 5)}
SMALL_IMAGE = {**FEW, "h": (3, 4), "w": (3, 4)}
EPS = (1e-5, 1e-2)


def declared(made: Callable[..., Op]) -> Iterator[Op]:
    """The ops of this file, by a *made* that knows the device."""
    yield from _convolutions(made)
    yield from _pools(made)
    yield from _norms(made)
    attention = {"q": real("b l e", typical=(-2, 2)), "k": real("b s e", typical=(-2, 2)), "v": real("b s f")}
    sizes = {"b": (1, 2), "l": (1, 3), "s": (1, 3), "e": (1, 2), "f": (1, 2)}
    causal = {"is_causal": (False, True)}
    yield made(f"{F}scaled_dot_product_attention", inputs=attention, params=causal, sizes=sizes)
    modes: dict[str, Any] = {"scale_factor": (2.0, 0.5, 1.5), "mode": ("nearest", "bilinear", "bicubic", "area")}
    yield made(f"{F}interpolate", inputs={"x": real("n c h w")}, params=modes, sizes={**FEW, "h": (2, 4), "w": (2, 4)})
    modes = {
        "mode": ("bilinear", "nearest", "bicubic"),
        "padding_mode": ("zeros", "border", "reflection"),
        "align_corners": (False, True),
    }
    sizes = {**FEW, "h": (2, 3), "w": (2, 3), "p": (1, 2), "q": (1, 2)}
    sampled = {"x": real("n c h w"), "grid": real("n p q 2", typical=(-1.2, 1.2))}
    yield made(f"{F}grid_sample", inputs=sampled, params=modes, sizes=sizes)
    yield made(f"{F}pixel_shuffle", inputs={"x": real("n 4 h w")}, params={"upscale_factor": (2, 1)})


def _convolutions(made: Callable[..., Op]) -> Iterator[Op]:
    params: dict[str, Any] = {"stride": (1, 2), "padding": (0, 1), "dilation": (1, 2)}
    batch = {"n": (0, 2), "c": (1, 2), "o": (1, 2)}
    inputs = {"x": real("n c l"), "weight": real("o c k"), "bias": real("o")}
    yield made(f"{F}conv1d", inputs=inputs, params=params, sizes={**batch, "l": (5, 6), "k": (1, 2)})
    inputs = {"x": real("n c l"), "weight": real("c o k"), "bias": real("o")}
    sizes = {**FEW, "o": (1, 2), "l": (3, 4), "k": (2, 3)}
    yield made(f"{F}conv_transpose1d", inputs=inputs, params=params, sizes=sizes)
    params = {"stride": (1, 2, (2, 1)), "padding": (0, 1)}
    inputs = {"x": real("n c h w"), "weight": real("o c k k"), "bias": real("o")}
    yield made(f"{F}conv2d", inputs=inputs, params=params, sizes={**batch, "h": (3, 4), "w": (3, 4), "k": (1, 2)})
    params = {"kernel_size": (2, 1), "stride": (1, 2), "padding": (0, 1)}
    yield made(f"{F}unfold", inputs={"x": real("n c h w")}, params=params, sizes=SMALL_IMAGE)


def _pools(made: Callable[..., Op]) -> Iterator[Op]:
    image = {"x": real("n c h w")}
    windows: dict[str, Any] = {"kernel_size": (2, 1, 3), "stride": (2, 1), "ceil_mode": (False, True)}
    yield made(f"{F}max_pool2d", inputs=image, params=windows, sizes=IMAGE)
    yield made(f"{F}avg_pool2d", inputs=image, params={**windows, "count_include_pad": (True, False)}, sizes=IMAGE)
    yield made(f"{F}adaptive_avg_pool2d", inputs=image, params={"output_size": (2, 1, (2, 3))}, sizes=IMAGE)
    line, sizes = {"x": real("n c l")}, {**FEW, "l": (3, 5)}
    yield made(f"{F}adaptive_max_pool1d", inputs=line, params={"output_size": (2, 1)}, sizes=sizes)
    lengths = {"x": nonnegative("n c l")}  # of a negative sum it takes a root
    yield made(f"{F}lp_pool1d", inputs=lengths, params={"norm_type": (2.0, 3.0), "kernel_size": (2,)}, sizes=sizes)


def _norms(made: Callable[..., Op]) -> Iterator[Op]:
    last: dict[str, Any] = {"normalized_shape": [lambda sizes: (sizes["d"],)], "eps": EPS}
    for name in ("layer_norm", "rms_norm"):
        yield made(f"{F}{name}", inputs={"x": real("n d")}, params=last, sizes={"n": (1, 4), "d": (1, 4)})
    line = {"x": real("n c l")}
    groups = {"num_groups": (1, 2), "eps": EPS}
    yield made(f"{F}group_norm", inputs=line, params=groups, sizes={"n": (1, 2), "c": (4, 4), "l": (1, 3)})
    yield made(f"{F}instance_norm", inputs=line, params={"eps": EPS}, sizes={**FEW, "l": (2, 3)})
    params = {"size": (2, 3), "k": (1.0, 2.0)}
    yield made(f"{F}local_response_norm", inputs=line, params=params, sizes={"n": (1, 2), "c": (1, 4), "l": (1, 3)})
