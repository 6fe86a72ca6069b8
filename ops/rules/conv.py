"""Convolutions as deep learning has them (correlations), and the transposed one. See batch_last.py for the memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from operator import index
from typing import Any

from gradspec.spec import Op, real
from ops.errors import ParamError, ShapeMismatchError
from ops.rules.batch_last import batch_first, batch_last
from ops.rules.broadcast import as_dtype
from ops.rules.correlation import correlate, image_cotangent, kernel_cotangent
from ops.rules.guards import require_floats, require_rank
from ops.rules.reference import functional
from ops.rules.window import Window, has_windows, pair, sizes_of
from ops.threads import THREADS


class BiasedOp(Op):
    """An op whose last input, the bias, may be left out; tests/ops/rules/test_conv.py verifies it without."""

    def __call__(self, *arrays: Any, **params: Any) -> Any:
        """Apply the op to x, w and, if there is one, b.

        Raises:
            TypeError: The number of arrays or a keyword does not fit the declaration.
        """
        if len(arrays) == len(self.inputs) - 1:
            return without_bias(self)(*arrays, **params)
        return super().__call__(*arrays, **params)


@lru_cache(maxsize=8)
def without_bias(op: BiasedOp) -> Op:
    """The same op, declared without its last input."""
    inputs = dict(list(op.inputs.items())[:-1])
    declared = {field.name: getattr(op, field.name) for field in fields(op)}
    return Op(**{**declared, "inputs": inputs, "linear_in": op.linear_in & set(inputs)})


def _conv2d(
    x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> tuple[Any, Any]:
    """Correlate each image of *x* (n, c, h, w) with each kernel of *w* (o, c / groups, k, l); add *b* (o,) if given."""
    _require_images("conv2d", x, w, "(n, c, h, w)", "(o, c / groups, k, l)", 4)
    return _convolve("conv2d", x, w, b, _window("conv2d", w, stride, padding, dilation), groups)


def _conv1d(
    x: Any, w: Any, b: Any = None, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1
) -> tuple[Any, Any]:
    """Correlate each signal of *x* (n, c, t) with each kernel of *w* (o, c / groups, k); add *b* (o,) if given."""
    _require_images("conv1d", x, w, "(n, c, t)", "(o, c / groups, k)", 3)
    whole = [_whole("conv1d", *given) for given in _numbers(stride, padding, dilation)]
    window = Window((1, w.shape[2]), (1, whole[0]), (0, whole[1]), (1, whole[2]))
    y, saved = _convolve("conv1d", x[:, :, None], w[:, :, None], b, window, groups)
    return y[:, :, 0], saved


def _convolve(op: str, x: Any, w: Any, b: Any, window: Window, groups: int) -> tuple[Any, Any]:
    _require_groups(op, x, w, groups)
    _require_bias(op, b, len(w))
    counts = window.count(op, "x", x.shape[2], x.shape[3])
    image = batch_last(x, window.padding)
    y = correlate(image, w, window, groups, counts)
    if b is not None:
        y += b[:, None, None]
    return batch_first(y), (image, w, None if b is None else b.dtype, x.dtype, window, groups)


def _conv2d_vjp(saved: Any, y_bar: Any, needs: tuple[bool, ...] = (True, True, True)) -> tuple[Any, ...]:
    image, w, b_dtype, x_dtype, window, groups = saved
    y_bar = batch_last(y_bar)  # (rows, o, columns, n)
    x_bar = w_bar = b_bar = None

    def image_part() -> None:
        nonlocal x_bar
        spread = image_cotangent(y_bar, w, window, groups, image.shape)
        x_bar = as_dtype(batch_first(spread, window.padding), x_dtype)

    def kernel_part() -> None:
        nonlocal w_bar
        w_bar = as_dtype(kernel_cotangent(image, y_bar, window, groups, w.shape), w.dtype)

    if needs[0] and needs[1]:
        THREADS.both(image_part, kernel_part, y_bar.size * w[0].size)
    elif needs[0]:
        image_part()
    elif needs[1]:
        kernel_part()
    if b_dtype is None:
        return x_bar, w_bar
    if needs[2]:
        b_bar = as_dtype(y_bar.sum(axis=(0, 2, 3)), b_dtype)
    return x_bar, w_bar, b_bar


def _conv1d_vjp(saved: Any, y_bar: Any, needs: tuple[bool, ...] = (True, True, True)) -> tuple[Any, ...]:
    x_bar, w_bar, *b_bar = _conv2d_vjp(saved, y_bar[:, :, None], needs)
    return x_bar if x_bar is None else x_bar[:, :, 0], w_bar if w_bar is None else w_bar[:, :, 0], *b_bar


def _conv_transpose2d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    output_padding: Any = 0,
) -> tuple[Any, Any]:
    """Apply the adjoint of conv2d: *x* (n, c, h, w), *w* (c, o / groups, k, l), *b* (o,) if given.

    It is what conv2d's vjp gives for x, of an image with *output_padding* more rows and columns than the least.
    """
    _require_images("conv_transpose2d", x, w, "(n, c, h, w)", "(c, o / groups, k, l)", 4)
    window = _window("conv_transpose2d", w, stride, padding, dilation)
    more = pair("conv_transpose2d", "output_padding", output_padding, 0)
    if more[0] >= max(window.stride[0], window.dilation[0]) or more[1] >= max(window.stride[1], window.dilation[1]):
        raise ParamError("conv_transpose2d", "output_padding", f"is {output_padding!r}", "less than stride or dilation")
    if _whole("conv_transpose2d", "groups", groups, 1) and len(w) % groups:
        raise ParamError("conv_transpose2d", "groups", f"is {groups}", f"a divisor of the {len(w)} channels")
    if x.shape[1] != len(w):
        raise ShapeMismatchError(
            "conv_transpose2d", "x", f"has shape {x.shape}", f"(n, {len(w)}, h, w), to fit w {w.shape}"
        )
    _require_bias("conv_transpose2d", b, w.shape[1] * groups)
    h, wide = (
        (size - 1) * step + reach + extra
        for size, step, reach, extra in zip(x.shape[2:], window.stride, window.reach, more, strict=True)
    )
    if min(h - 2 * window.padding[0], wide - 2 * window.padding[1]) < 1 or 0 in x.shape[2:]:
        got = f"has shape {x.shape}"
        raise ShapeMismatchError("conv_transpose2d", "x", got, "more pixels: with this padding nothing is left")
    image = batch_last(x)
    y = image_cotangent(image, w, window, groups, (h, w.shape[1] * groups, wide, len(x)))
    if b is not None:
        y += b[:, None, None]
    return batch_first(y, window.padding), (image, w, None if b is None else b.dtype, x.dtype, window, groups)


def _conv_transpose2d_vjp(saved: Any, y_bar: Any, needs: tuple[bool, ...] = (True, True, True)) -> tuple[Any, ...]:
    image, w, b_dtype, x_dtype, window, groups = saved
    padded = batch_last(y_bar, window.padding)
    x_bar = w_bar = None
    if needs[0]:
        counts = (image.shape[0], image.shape[2])
        x_bar = as_dtype(batch_first(correlate(padded, w, window, groups, counts)), x_dtype)
    if needs[1]:
        w_bar = as_dtype(kernel_cotangent(padded, image, window, groups, w.shape), w.dtype)
    if b_dtype is None:
        return x_bar, w_bar
    return x_bar, w_bar, as_dtype(padded.sum(axis=(0, 2, 3)), b_dtype) if needs[2] else None


def _require_images(op: str, x: Any, w: Any, x_shape: str, w_shape: str, rank: int) -> None:
    require_floats(op, "x", x)
    require_floats(op, "w", w)
    require_rank(op, "x", x, x_shape, rank)
    require_rank(op, "w", w, w_shape, rank)
    if 0 in w.shape[1:]:
        raise ShapeMismatchError(op, "w", f"has shape {w.shape}", f"{w_shape} with at least one entry per kernel")


def _require_groups(op: str, x: Any, w: Any, groups: Any) -> None:
    if len(w) % _whole(op, "groups", groups, 1):
        raise ParamError(op, "groups", f"is {groups}", f"a divisor of the {len(w)} kernels")
    if x.shape[1] != w.shape[1] * groups:
        allowed = f"{w.shape[1] * groups} channels, to fit w {w.shape} with groups={groups}"
        raise ShapeMismatchError(op, "x", f"has shape {x.shape}", allowed)


def _require_bias(op: str, b: Any, outputs: int) -> None:
    if b is None:
        return
    require_floats(op, "b", b)
    if b.shape != (outputs,):
        raise ShapeMismatchError(op, "b", f"has shape {b.shape}", f"({outputs},), one number per output channel")


def _whole(op: str, param: str, value: Any, least: int) -> int:
    try:
        whole = index(value)
    except TypeError:
        whole = least - 1
    if whole < least:
        raise ParamError(op, param, f"is {value!r}", f"a whole number from {least} on")
    return whole


def _numbers(stride: Any, padding: Any, dilation: Any) -> tuple[tuple[str, Any, int], ...]:
    return ("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1)


def _window(op: str, w: Any, stride: Any, padding: Any, dilation: Any) -> Window:
    return Window(w.shape[2:], *[pair(op, *given) for given in _numbers(stride, padding, dilation)])


def _fits(sizes: Mapping[str, int], params: Mapping[str, Any]) -> bool:
    rows, columns, k, l = sizes_of(sizes, "h", "w", "k", "l")
    if "h" in sizes:
        return has_windows(rows, columns, _window_of("conv2d", (k, l), params))
    flat = {name: (least, params[name]) for name, least in (("stride", 1), ("padding", 0), ("dilation", 1))}
    return has_windows(1, columns, _window_of("conv1d", (1, l), flat))


def _window_of(op: str, size: tuple[int, int], params: Mapping[str, Any]) -> Window:
    given = _numbers(params["stride"], params["padding"], params["dilation"])
    return Window(size, *[pair(op, *one) for one in given])


def _leaves_some(sizes: Mapping[str, int], params: Mapping[str, Any]) -> bool:
    window = _window_of("conv_transpose2d", (sizes["k"], sizes["l"]), params)
    more = pair("conv_transpose2d", "output_padding", params["output_padding"], 0)
    for axis, size in enumerate((sizes["h"], sizes["w"])):
        if more[axis] >= max(window.stride[axis], window.dilation[axis]):
            return False
        if (size - 1) * window.stride[axis] + window.reach[axis] + more[axis] <= 2 * window.padding[axis]:
            return False
    return True


def _groups(sizes: Mapping[str, int]) -> int:
    return sizes["g"]


_PARAMS: dict[str, Any] = {
    "stride": (1, 2, (2, 1)),
    "padding": (0, 1, (0, 2)),
    "dilation": (1, 2, (1, 2)),
    "groups": (_groups,),
}
_SIZES = {"n": (0, 3), "g": (1, 2), "i": (1, 2), "o": (1, 2), "h": (1, 5), "w": (1, 5), "k": (1, 3), "l": (1, 3)}
_SOURCE = "Dumoulin, Visin: A guide to convolution arithmetic for deep learning (2016), chapters 2 and 4"

conv2d = BiasedOp(
    name="conv2d",
    forward=_conv2d,
    vjp=_conv2d_vjp,
    inputs={"x": real("n g*i h w"), "w": real("g*o i k l"), "b": real("g*o")},
    params=_PARAMS,
    sizes=_SIZES,
    where=_fits,
    torch=functional("conv2d"),
    formula=r"y_{nopq} = b_o + \sum_{ckl} w_{ockl} x_{n, c, s p + d k - m, s q + d l - m}, "
    r"\quad s \text{ stride}, d \text{ dilation}, m \text{ padding}",
    vjp_formula=r"\bar x_{n, c, s p + d k - m, s q + d l - m} = \sum_{okl} w_{ockl} \bar y_{nopq}, \quad "
    r"\bar w_{ockl} = \sum_{npq} \bar y_{nopq} x_{n, c, s p + d k - m, s q + d l - m}, \quad "
    r"\bar b_o = \sum_{npq} \bar y_{nopq}",
    source=_SOURCE,
    linear_in=frozenset({"x", "w", "b"}),
)

conv1d = BiasedOp(
    name="conv1d",
    forward=_conv1d,
    vjp=_conv1d_vjp,
    inputs={"x": real("n g*i w"), "w": real("g*o i l"), "b": real("g*o")},
    params={"stride": (1, 2, 3), "padding": (0, 1, 2), "dilation": (1, 2), "groups": (_groups,)},
    sizes={name: _SIZES[name] for name in ("n", "g", "i", "o", "w", "l")},
    where=_fits,
    torch=functional("conv1d"),
    formula=r"y_{nop} = b_o + \sum_{cl} w_{ocl} x_{n, c, s p + d l - m}, "
    r"\quad s \text{ stride}, d \text{ dilation}, m \text{ padding}",
    vjp_formula=r"\bar x_{n, c, s p + d l - m} = \sum_{ol} w_{ocl} \bar y_{nop}, \quad "
    r"\bar w_{ocl} = \sum_{np} \bar y_{nop} x_{n, c, s p + d l - m}, \quad \bar b_o = \sum_{np} \bar y_{nop}",
    source=_SOURCE,
    linear_in=frozenset({"x", "w", "b"}),
)

conv_transpose2d = BiasedOp(
    name="conv_transpose2d",
    forward=_conv_transpose2d,
    vjp=_conv_transpose2d_vjp,
    inputs={"x": real("n g*i h w"), "w": real("g*i o k l"), "b": real("g*o")},
    params={**_PARAMS, "output_padding": (0, 1)},
    sizes={**_SIZES, "h": (1, 3), "w": (1, 3)},
    where=_leaves_some,
    torch=functional("conv_transpose2d"),
    formula=r"y_{n, o, s p + d k - m, s q + d l - m} = b_o + \sum_{ckl} w_{cokl} x_{ncpq}, "
    r"\quad s \text{ stride}, d \text{ dilation}, m \text{ padding}",
    vjp_formula=r"\bar x_{ncpq} = \sum_{okl} w_{cokl} \bar y_{n, o, s p + d k - m, s q + d l - m}, \quad "
    r"\bar w_{cokl} = \sum_{npq} x_{ncpq} \bar y_{n, o, s p + d k - m, s q + d l - m}, \quad "
    r"\bar b_o = \sum_{npq} \bar y_{nopq}",
    source=_SOURCE,
    linear_in=frozenset({"x", "w", "b"}),
)
