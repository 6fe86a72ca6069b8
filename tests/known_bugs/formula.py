"""The formula itself was wrong: sign, transpose, factor, term, or the place where it is evaluated."""

from __future__ import annotations

import numpy as np

from gradspec import Op, positive, real
from tests.known_bugs.bug import KnownBug
from tests.known_bugs.right import elu, fmod, log_softmax, softmax


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
        "micrograd_c-1",
        "formula",
        "https://github.com/KhawajaAbaid/micrograd_c/issues/1",
        "Subtraction gave the subtrahend the cotangent without the minus.",
        subtract,
        subtract.replace(vjp=_micrograd_c_subtract_vjp),
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
