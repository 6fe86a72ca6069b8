"""The formula itself was wrong: sign, transpose, factor, term, or the place where it is evaluated."""

from __future__ import annotations

import numpy as np

from gradspec import Op, positive, real
from tests.known_bugs.bug import KnownBug
from tests.known_bugs.right import conv1d, conv1d_w_bar, conv1d_x_bar, elu, fmod, log_softmax, softmax


def _cosh(x):
    return np.cosh(x), x


def _cosh_vjp(saved, y_bar):
    return (y_bar * np.sinh(saved),)


def _casadi_cosh_vjp(saved, y_bar):
    return (y_bar * -np.sinh(saved),)


cosh = Op(name="cosh", forward=_cosh, vjp=_cosh_vjp, inputs={"x": real("...")}, torch="torch.cosh")


def _mxnet_softmax_vjp(saved, y_bar):
    y, scale = saved
    return (scale * y_bar * y * (1 - y),)


def _mlpack_log_softmax_vjp(saved, y_bar):
    s, _ = saved
    return (s + y_bar,)


def _atan2(y, x):
    return np.arctan2(y, x), (y, x)


def _atan2_slopes(saved):
    y, x = saved
    r = np.hypot(y, x)
    return x / r / r, -(y / r) / r


def _atan2_vjp(saved, z_bar):
    for_y, for_x = _atan2_slopes(saved)
    return z_bar * for_y, z_bar * for_x


def _keops_atan2_vjp(saved, z_bar):
    for_y, for_x = _atan2_slopes(saved)
    return z_bar * for_x, z_bar * for_y


atan2 = Op(
    name="atan2",
    forward=_atan2,
    vjp=_atan2_vjp,
    inputs={"y": real("..."), "x": positive("...")},
    torch="torch.atan2",
)


def _cross(a, b):
    return np.cross(a, b), (a, b)


def _cross_vjp(saved, y_bar):
    a, b = saved
    return np.cross(b, y_bar), np.cross(y_bar, a)


def _burn_cross_vjp(saved, y_bar):
    a, b = saved
    return np.cross(b, y_bar), np.cross(a, y_bar)


def _torch_cross(a, b):
    import torch

    return torch.linalg.cross(a, b)


cross = Op(
    name="cross",
    forward=_cross,
    vjp=_cross_vjp,
    inputs={"a": real("n 3"), "b": real("n 3")},
    torch=_torch_cross,
    linear_in=frozenset({"a", "b"}),
)


def _subtract(x, z):
    return x - z, None


def _subtract_vjp(saved, y_bar):
    return y_bar, -y_bar


def _micrograd_c_subtract_vjp(saved, y_bar):
    return y_bar, y_bar.copy()


subtract = Op(
    name="subtract",
    forward=_subtract,
    vjp=_subtract_vjp,
    inputs={"x": real("..."), "z": real("...")},
    torch=lambda x, z: x - z,
    linear_in=frozenset({"x", "z"}),
)


def _row_times_matrix(x, a):
    return x @ a, (x, a)


def _row_times_matrix_vjp(saved, y_bar):
    x, a = saved
    return a @ y_bar, np.outer(x, y_bar)


def _reversediff_row_times_matrix_vjp(saved, y_bar):
    x, a = saved
    return a.T @ y_bar, np.outer(x, y_bar)


row_times_matrix = Op(
    name="row_times_matrix",
    forward=_row_times_matrix,
    vjp=_row_times_matrix_vjp,
    inputs={"x": real("n"), "a": real("n n")},
    torch=lambda x, a: x @ a,
    linear_in=frozenset({"x", "a"}),
)


def _ctensor_conv1d_vjp(saved, y_bar):
    return conv1d_x_bar(saved, y_bar), conv1d_w_bar(saved, y_bar) / (y_bar.shape[0] * y_bar.shape[2])


def _prenorm(residual, x, eps=1e-6):
    r = residual + x
    scale = np.max(np.abs(r), axis=-1, keepdims=True)
    safe = np.where(scale > 0, scale, 1)
    rms = scale * np.sqrt(((r / safe) ** 2).mean(axis=-1, keepdims=True))
    s = np.hypot(rms, eps**0.5)
    return (r, r / s), (r / s, s)


def _through_norm(saved, out_bar):
    out, s = saved
    return (out_bar - out * (out_bar * out).mean(axis=-1, keepdims=True)) / s


def _prenorm_vjp(saved, y_bar):
    r_bar = y_bar[0] + _through_norm(saved, y_bar[1])
    return r_bar, r_bar.copy()


def _quack_prenorm_vjp(saved, y_bar):
    r_bar = _through_norm(saved, y_bar[0] + y_bar[1])
    return r_bar, r_bar.copy()


def _torch_prenorm(residual, x, eps):
    r = residual + x
    return r, r / ((r * r).mean(-1, keepdim=True) + eps).sqrt()


prenorm = Op(
    name="prenorm",
    forward=_prenorm,
    vjp=_prenorm_vjp,
    inputs={"residual": real("n d"), "x": real("n d")},
    params={"eps": (1e-6, 1e-2)},
    sizes={"d": (1, 4)},
    torch=_torch_prenorm,
)


def _sign(x):
    return np.sign(x), np.sign(x)


def _sign_vjp(saved, y_bar):
    return (np.zeros_like(y_bar),)


def _warp_sign_vjp(saved, y_bar):
    return (y_bar * saved,)


sign = Op(
    name="sign", forward=_sign, vjp=_sign_vjp, inputs={"x": real("...")}, torch="torch.sign", kinks="x = 0: it jumps"
)


def _mxnet_elu_vjp(saved, y_bar):
    x, y, alpha = saved
    return (np.where(x > 0, y_bar, y_bar * (alpha * np.exp(np.minimum(y, 0)))),)


def _log(x):
    return np.log(x), x


def _log_vjp(saved, y_bar):
    return (y_bar / saved,)


def _scirs_log_vjp(saved, y_bar):
    return (np.ones((), y_bar.dtype),)


log = Op(name="log", forward=_log, vjp=_log_vjp, inputs={"x": positive("...")}, torch="torch.log")


def _fmod_floor(x, y):
    z = np.fmod(x, y)
    whole = np.rint((x - z) / y)
    return z, np.where((z != 0) & ((z < 0) != (y < 0)), whole - 1, whole)


def _jax_fmod_vjp(saved, z_bar):
    return z_bar, -z_bar * saved


BUGS = (
    KnownBug(
        "casadi-2585",
        "formula",
        "https://github.com/casadi/casadi/issues/2585",
        "The derivative of cosh had the sign of that of cos, for nine years.",
        cosh,
        cosh.replace(vjp=_casadi_cosh_vjp),
    ),
    KnownBug(
        "mxnet-2028",
        "formula",
        "https://github.com/apache/mxnet/issues/2028",
        "Softmax multiplied by y (1 - y): the diagonal of the Jacobian only.",
        softmax,
        softmax.replace(vjp=_mxnet_softmax_vjp),
    ),
    KnownBug(
        "mlpack-2360",
        "formula",
        "https://github.com/mlpack/mlpack/issues/2360",
        "Log-softmax added the softmax to the upstream gradient instead of subtracting it, scaled by the sum.",
        log_softmax,
        log_softmax.replace(vjp=_mlpack_log_softmax_vjp),
    ),
    KnownBug(
        "keops-155",
        "formula",
        "https://github.com/getkeops/keops/pull/155",
        "The two partial derivatives of atan2 were swapped.",
        atan2,
        atan2.replace(vjp=_keops_atan2_vjp),
    ),
    KnownBug(
        "burn-4069",
        "formula",
        "https://github.com/tracel-ai/burn/pull/4069",
        "The cotangent of the cross product's second factor had the wrong sign.",
        cross,
        cross.replace(vjp=_burn_cross_vjp),
    ),
    KnownBug(
        "micrograd_c-1",
        "formula",
        "https://github.com/KhawajaAbaid/micrograd_c/issues/1",
        "Subtraction gave the subtrahend the cotangent without the minus.",
        subtract,
        subtract.replace(vjp=_micrograd_c_subtract_vjp),
    ),
    KnownBug(
        "reversediff-235",
        "formula",
        "https://github.com/JuliaDiff/ReverseDiff.jl/issues/235",
        "A row vector times a matrix was pulled back with the transposed matrix.",
        row_times_matrix,
        row_times_matrix.replace(vjp=_reversediff_row_times_matrix_vjp),
    ),
    KnownBug(
        "ctensor-3",
        "formula",
        "https://github.com/sebgao/cTensor/issues/3",
        "The convolution's weight gradient was divided by batch size times positions.",
        conv1d,
        conv1d.replace(vjp=_ctensor_conv1d_vjp),
    ),
    KnownBug(
        "quack-53",
        "formula",
        "https://github.com/Dao-AILab/quack/pull/53",
        "RMS pre-norm sent the residual's own cotangent through the norm as well.",
        prenorm,
        prenorm.replace(vjp=_quack_prenorm_vjp),
    ),
    KnownBug(
        "warp-1466",
        "formula",
        "https://github.com/NVIDIA/warp/issues/1466",
        "The adjoint of sign was that of abs.",
        sign,
        sign.replace(vjp=_warp_sign_vjp),
    ),
    KnownBug(
        "mxnet-1265",
        "formula",
        "https://github.com/apache/mxnet/pull/1265",
        "ELU's derivative in terms of x was evaluated at the output.",
        elu,
        elu.replace(vjp=_mxnet_elu_vjp),
    ),
    KnownBug(
        "scirs-103",
        "formula",
        "https://github.com/cool-japan/scirs/issues/103",
        "Every op without a rule by name, the logarithm among them, had the scalar 1 as its gradient.",
        log,
        log.replace(vjp=_scirs_log_vjp),
    ),
    KnownBug(
        "jax-11466",
        "formula",
        "https://github.com/jax-ml/jax/issues/11466",
        "The remainder's derivative in the divisor rounded the quotient down instead of towards zero.",
        fmod,
        fmod.replace(forward=_fmod_floor, vjp=_jax_fmod_vjp),
    ),
)
