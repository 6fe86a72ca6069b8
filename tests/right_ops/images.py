"""Right ops of pictures and signals: resampling, filters, transforms and penalties."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, real


def _pixel_shuffle(x, r=2):
    c, h, w = x.shape
    return x.reshape(c // r**2, r, r, h, w).transpose(0, 3, 1, 4, 2).reshape(c // r**2, h * r, w * r), (x.shape, r)


def _pixel_shuffle_vjp(saved, y_bar):
    (c, h, w), r = saved
    return (y_bar.reshape(c // r**2, h, r, w, r).transpose(0, 2, 4, 1, 3).reshape(c, h, w),)


pixel_shuffle = Op(
    name="pixel_shuffle",
    forward=lambda x: _pixel_shuffle(x.copy()),
    vjp=_pixel_shuffle_vjp,
    inputs={"x": real("4*c h w")},
    linear_in=("x",),
    torch=lambda x: __import__("torch").nn.functional.pixel_shuffle(x, 2),
    sizes={"c": (1, 2), "h": (1, 3), "w": (1, 3)},
)


def _upsample(x, factor=2):
    return x.repeat(factor, axis=-1).repeat(factor, axis=-2), (x.shape, factor)


def _upsample_vjp(saved, y_bar):
    shape, f = saved
    *lead, h, w = shape
    return (y_bar.reshape(*lead, h, f, w, f).sum(axis=(-3, -1)),)


upsample_nearest = Op(
    name="upsample_nearest",
    forward=_upsample,
    vjp=_upsample_vjp,
    inputs={"x": real("c h w")},
    params={"factor": (2, 1, 3)},
    linear_in=("x",),
)


def _resample(x, length=5):
    n = len(x)
    place = np.linspace(0, n - 1, length)
    left = np.minimum(place.astype(int), max(n - 2, 0))
    weight = (place - left).astype(x.dtype)
    right = np.minimum(left + 1, n - 1)
    return x[left] * (1 - weight) + x[right] * weight, (left, right, weight, n)


def _resample_vjp(saved, y_bar):
    left, right, weight, n = saved
    x_bar = np.zeros(n, dtype=y_bar.dtype)
    np.add.at(x_bar, left, y_bar * (1 - weight))
    np.add.at(x_bar, right, y_bar * weight)
    return (x_bar,)


resample_linear = Op(
    name="resample_linear",
    forward=_resample,
    vjp=_resample_vjp,
    inputs={"x": real("n")},
    params={"length": (5, 1, 8)},
    sizes={"n": (1, 6)},
    linear_in=("x",),
)


def _haar(x):
    a, b = x[..., ::2], x[..., 1::2]
    half = x.dtype.type(0.5**0.5)
    return ((a + b) * half, (a - b) * half), half


def _haar_vjp(half, y_bar):
    low, high = y_bar
    x_bar = np.empty((*low.shape[:-1], 2 * low.shape[-1]), dtype=low.dtype)
    x_bar[..., ::2], x_bar[..., 1::2] = (low + high) * half, (low - high) * half
    return (x_bar,)


haar = Op(name="haar", forward=_haar, vjp=_haar_vjp, inputs={"x": real("n 2*m")}, linear_in=("x",))


def _total_variation(x, eps=1e-2):
    dx, dy = x[1:, :-1] - x[:-1, :-1], x[:-1, 1:] - x[:-1, :-1]
    r = np.sqrt(dx * dx + dy * dy + x.dtype.type(eps) ** 2)
    return np.asarray(r.sum(), dtype=x.dtype), (dx / r, dy / r, x.shape)


def _total_variation_vjp(saved, y_bar):
    gx, gy, shape = saved
    x_bar = np.zeros(shape, dtype=y_bar.dtype)
    x_bar[1:, :-1] += gx
    x_bar[:-1, 1:] += gy
    x_bar[:-1, :-1] -= gx + gy
    return (x_bar * y_bar,)


total_variation = Op(
    name="total_variation",
    forward=_total_variation,
    vjp=_total_variation_vjp,
    inputs={"x": real("h w")},
    params={"eps": (1e-2, 1.0)},
    sizes={"h": (1, 4), "w": (1, 4)},
)


def _power_spectrum(x):
    f = np.fft.rfft(x, axis=-1)
    return (f.real**2 + f.imag**2).astype(x.dtype), (f, x.shape[-1])


def _power_spectrum_vjp(saved, y_bar):
    f, n = saved
    angle = 2 * np.pi * np.outer(np.arange(f.shape[-1]), np.arange(n)) / n
    x_bar = 2 * ((y_bar * f.real) @ np.cos(angle) - (y_bar * f.imag) @ np.sin(angle))
    return (x_bar.astype(y_bar.dtype),)


power_spectrum = Op(
    name="power_spectrum",
    forward=_power_spectrum,
    vjp=_power_spectrum_vjp,
    inputs={"x": real("n t")},
    sizes={"t": (1, 6)},
)


def _dct(x):
    n = x.shape[-1]
    basis = np.cos(np.pi / n * (np.arange(n)[:, None] + 0.5) * np.arange(n)).astype(x.dtype)
    return x @ basis, basis


dct = Op(
    name="dct",
    forward=_dct,
    vjp=lambda basis, y_bar: (y_bar @ basis.T,),
    inputs={"x": real("n t")},
    sizes={"t": (1, 5)},
    linear_in=("x",),
)


def _frame_energy(x, frame=3, hop=2, floor=1e-3):
    starts = range(0, len(x) - frame + 1, hop)
    frames = np.stack([x[s : s + frame] for s in starts])
    y = np.sqrt((frames * frames).mean(axis=1) + x.dtype.type(floor))
    return y.copy(), (frames, y, hop, len(x))


def _frame_energy_vjp(saved, y_bar):
    frames, y, hop, n = saved
    x_bar = np.zeros(n, dtype=y_bar.dtype)
    for k, row in enumerate(frames):
        x_bar[k * hop : k * hop + len(row)] += y_bar[k] * row / (y[k] * y.dtype.type(len(row)))
    return (x_bar,)


frame_energy = Op(
    name="frame_energy",
    forward=_frame_energy,
    vjp=_frame_energy_vjp,
    inputs={"x": real("t")},
    params={"frame": (3, 1), "hop": (2, 1, 4)},
    sizes={"t": (3, 9)},
)


def _depthwise(x, w, dilation=1):
    taps, t = w.shape[1], x.shape[1]
    reach = (taps - 1) * dilation
    padded = np.pad(x, ((0, 0), (reach, 0)))
    y = sum(w[:, k, None] * padded[:, k * dilation : k * dilation + t] for k in range(taps))
    return y, (padded, w, dilation, t)


def _depthwise_vjp(saved, y_bar):
    padded, w, dilation, t = saved
    taps = w.shape[1]
    padded_bar, w_bar = np.zeros_like(padded), np.zeros_like(w)
    for k in range(taps):
        where = slice(k * dilation, k * dilation + t)
        padded_bar[:, where] += w[:, k, None] * y_bar
        w_bar[:, k] = (y_bar * padded[:, where]).sum(axis=1)
    return padded_bar[:, (taps - 1) * dilation :], w_bar


depthwise_causal = Op(
    name="depthwise_causal",
    forward=_depthwise,
    vjp=_depthwise_vjp,
    inputs={"x": real("c t"), "w": real("c k")},
    params={"dilation": (1, 2, 3)},
    sizes={"k": (1, 3)},
    linear_in=("x", "w"),
)


def _bilinear(image, u, v):
    a, b = image[0, 0] * (1 - u) + image[0, 1] * u, image[1, 0] * (1 - u) + image[1, 1] * u
    return a * (1 - v) + b * v, (image, u, v, a, b)


def _bilinear_vjp(saved, y_bar):
    image, u, v, a, b = saved
    weights = np.array([[((1 - v) * (1 - u) * y_bar).sum(), ((1 - v) * u * y_bar).sum()], [0, 0]], dtype=image.dtype)
    weights[1] = (v * (1 - u) * y_bar).sum(), (v * u * y_bar).sum()
    du = (image[0, 1] - image[0, 0]) * (1 - v) + (image[1, 1] - image[1, 0]) * v
    return weights, y_bar * du, y_bar * (b - a)


bilinear_cell = Op(
    name="bilinear_cell",
    forward=_bilinear,
    vjp=_bilinear_vjp,
    inputs={"image": real("2 2"), "u": array("n", lo=0, hi=1), "v": array("n", lo=0, hi=1)},
)

OPS = (
    *(pixel_shuffle, upsample_nearest, resample_linear, haar, total_variation, power_spectrum, dct, frame_energy),
    *(depthwise_causal, bilinear_cell),
)
