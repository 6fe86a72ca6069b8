"""Right ops of finance, control, chemistry and epidemics."""

from __future__ import annotations

import math

import numpy as np

from gradspec import Op, array, real

_MONEY = array("n", lo=10, hi=200, typical=(50, 150))
_erfc = np.vectorize(math.erfc, otypes=[float])


def _cdf(z):
    return (0.5 * _erfc(-z / math.sqrt(2))).astype(z.dtype)


def _black_scholes(spot, strike, vol, rate=0.02, maturity=1.0):
    root = vol * math.sqrt(maturity)
    d1 = (np.log(spot / strike) + rate * maturity) / root + root / 2
    n1, n2 = _cdf(d1), math.exp(-rate * maturity) * _cdf(d1 - root)
    return spot * n1 - strike * n2, {"spot": spot, "d1": d1, "n1": n1, "n2": n2, "maturity": maturity, "rate": rate}


def _black_scholes_vjp(saved, y_bar):
    vega = saved["spot"] * np.exp(-(saved["d1"] ** 2) / 2) * math.sqrt(saved["maturity"] / (2 * math.pi))
    return y_bar * saved["n1"], -y_bar * saved["n2"], y_bar * vega


def _torch_black_scholes(spot, strike, vol, rate, maturity):
    import torch

    root = vol * maturity**0.5
    d1 = ((spot / strike).log() + (rate + vol**2 / 2) * maturity) / root
    return spot * torch.special.ndtr(d1) - strike * math.exp(-rate * maturity) * torch.special.ndtr(d1 - root)


black_scholes = Op(
    name="black_scholes",
    forward=_black_scholes,
    vjp=_black_scholes_vjp,
    inputs={"spot": _MONEY, "strike": _MONEY, "vol": array("n", lo=0.1, hi=1, typical=(0.1, 0.6))},
    params={"rate": (0.02, 0.0), "maturity": (1.0, 0.25)},
    torch=_torch_black_scholes,
)


def _npv(cash, rates):
    factor = np.cumprod(1 / (1 + rates))
    return (cash * factor).sum(), (cash, rates, factor)


def _npv_vjp(saved, g):
    cash, rates, factor = saved
    tail = np.cumsum((cash * factor)[::-1])[::-1]
    return g * factor, -g * tail / (1 + rates)


npv = Op(
    name="npv",
    forward=_npv,
    vjp=_npv_vjp,
    inputs={"cash": real("t"), "rates": array("t", lo=-0.5, hi=1, typical=(-0.05, 0.2))},
    linear_in=("cash",),
    torch=lambda cash, rates: (cash / (1 + rates).cumprod(0)).sum(),
)


def _sharpe(x, eps=1e-2):
    mean = x.mean(axis=-1, keepdims=True)
    dev = x - mean
    std = np.sqrt((dev * dev).mean(axis=-1, keepdims=True) + eps)
    return (mean / std)[..., 0], (dev, mean, std)


def _sharpe_vjp(saved, y_bar):
    dev, mean, std = saved
    return (y_bar[..., None] / (dev.shape[-1] * std) * (1 - (mean / std) * (dev / std)),)


sharpe = Op(
    name="sharpe",
    forward=_sharpe,
    vjp=_sharpe_vjp,
    inputs={"x": array("n t", lo=-100, hi=100, typical=(-2, 2))},
    params={"eps": (1e-2, 1.0)},
    sizes={"t": (1, 5)},
    torch=lambda x, eps: x.mean(-1) / (x.var(-1, unbiased=False) + eps).sqrt(),
)


def _drawdown(x):
    best, top, result = 0.0, 0, (0, 0)
    for t in range(len(x)):
        if x[t] > x[top]:
            top = t
        if x[top] - x[t] > best:
            best, result = x[top] - x[t], (top, t)
    return np.asarray(best, dtype=x.dtype), (result, x.shape)


def _drawdown_vjp(saved, g):
    (peak, trough), shape = saved
    x_bar = np.zeros(shape, dtype=g.dtype)
    x_bar[peak] += g
    x_bar[trough] -= g
    return (x_bar,)


drawdown = Op(
    name="drawdown",
    forward=_drawdown,
    vjp=_drawdown_vjp,
    inputs={"x": array("t", lo=-1e3, hi=1e3)},
    sizes={"t": (1, 5)},
    kinks="equal peaks, equal drawdowns, and no drawdown at all",
    torch=lambda x: (x.cummax(0).values - x).max(),
)


def _cvar(loss, worst=2):
    order = np.argsort(-loss)[..., :worst]
    return np.take_along_axis(loss, order, -1).mean(-1), (order, loss.shape)


def _cvar_vjp(saved, y_bar):
    order, shape = saved
    x_bar = np.zeros(shape, dtype=y_bar.dtype)
    np.put_along_axis(x_bar, order, y_bar[..., None] / order.shape[-1], -1)
    return (x_bar,)


cvar = Op(
    name="cvar",
    forward=_cvar,
    vjp=_cvar_vjp,
    inputs={"loss": real("n t")},
    params={"worst": (2, 1, 3)},
    sizes={"t": (3, 6)},
    kinks="ties at the limit",
    torch=lambda loss, worst: loss.topk(worst, dim=-1).values.mean(-1),
)


def _kalman(x, p, f, q=0.1):
    return (f @ x, f @ p @ f.T + q * np.eye(len(x), dtype=x.dtype)), (x, p, f)


def _kalman_vjp(saved, bars):
    x, p, f = saved
    m_bar, p_bar = bars
    f_bar = np.outer(m_bar, x) + p_bar @ f @ p.T + p_bar.T @ f @ p
    return f.T @ m_bar, f.T @ p_bar @ f, f_bar


kalman = Op(
    name="kalman",
    forward=_kalman,
    vjp=_kalman_vjp,
    inputs={"x": array("n", lo=-1e3, hi=1e3), **{k: array("n n", lo=-1e3, hi=1e3) for k in "pf"}},
    params={"q": (0.1, 0.0)},
    torch=lambda x, p, f, q: (f @ x, f @ p @ f.T + q * __import__("torch").eye(len(x), dtype=x.dtype)),
)


def _pid(e, gain):
    terms = np.stack([e, np.cumsum(e), np.diff(e, prepend=e.dtype.type(0))])
    u = gain @ terms
    return 0.5 * (u * u).sum(), (terms, gain, u)


def _pid_vjp(saved, g):
    terms, gain, u = saved
    u = g * u
    e_bar = gain[0] * u + gain[1] * np.cumsum(u[::-1])[::-1] + gain[2] * u
    e_bar[:-1] -= gain[2] * u[1:]
    return e_bar, terms @ u


pid = Op(
    name="pid",
    forward=_pid,
    vjp=_pid_vjp,
    inputs={"e": array("t", lo=-1e3, hi=1e3), "gain": array("3", lo=-1e3, hi=1e3)},
)


def _riccati(x, b, root, r=1.0):
    v, w = x @ root, b @ root
    share = (v @ w) / (r + w @ w)
    left = v - share * w
    return left @ left + r * share * share, (x, b, root, left, share)


def _riccati_vjp(saved, g):
    x, b, root, left, share = saved
    v_bar, w_bar = 2 * g * left, -2 * g * share * left
    return root @ v_bar, root @ w_bar, np.outer(x, v_bar) + np.outer(b, w_bar)


def _cost(v, w, r):
    return v @ v - (v @ w) ** 2 / (r + w @ w)


riccati = Op(
    name="riccati",
    forward=_riccati,
    vjp=_riccati_vjp,
    inputs={"x": array("n", lo=-10, hi=10), "b": array("n", lo=-1, hi=1), "root": array("n k", lo=-1, hi=1)},
    params={"r": (1.0, 10.0)},
    torch=lambda x, b, root, r: _cost(x @ root, b @ root, r),
)


def _logistic_growth(x, rate, steps=3):
    path = [x]
    for _ in range(steps):
        path.append(path[-1] + rate * path[-1] * (1 - path[-1]))
    return path[-1].copy(), (path, rate)


def _logistic_growth_vjp(saved, y_bar):
    path, rate = saved
    rate_bar = np.zeros_like(rate)
    for x in path[-2::-1]:
        rate_bar += y_bar * x * (1 - x)
        y_bar = y_bar * (1 + rate * (1 - 2 * x))
    return y_bar, rate_bar


logistic_growth = Op(
    name="logistic_growth",
    forward=_logistic_growth,
    vjp=_logistic_growth_vjp,
    inputs={"x": array("...", lo=0, hi=1.5, typical=(0, 1)), "rate": array("...", lo=0, hi=1, typical=(0, 1))},
    params={"steps": (3, 0, 1, 8)},
)


def _rk4(theta, omega, pull, dt=0.1):
    stages, kt, ko, y, z = [], np.zeros_like(theta), np.zeros_like(theta), theta.copy(), omega.copy()
    for a, weight in ((0.0, 1 / 6), (0.5, 1 / 3), (0.5, 1 / 3), (1.0, 1 / 6)):
        t, o = theta + a * dt * kt, omega + a * dt * ko
        stages.append((a, weight, t))
        kt, ko = o, -pull * np.sin(t)
        y += weight * dt * kt
        z += weight * dt * ko
    return (y, z), (stages, pull, dt)


def _rk4_vjp(saved, bars):
    stages, pull, dt = saved
    y_bar, z_bar = bars
    theta_bar, omega_bar, pull_bar = y_bar.copy(), z_bar.copy(), np.zeros_like(y_bar)
    kt_bar, ko_bar = np.zeros_like(y_bar), np.zeros_like(y_bar)
    for a, weight, t in reversed(stages):
        kt_bar, ko_bar = kt_bar + weight * dt * y_bar, ko_bar + weight * dt * z_bar
        pull_bar -= ko_bar * np.sin(t)
        t_bar, o_bar = -ko_bar * pull * np.cos(t), kt_bar
        theta_bar += t_bar
        omega_bar += o_bar
        kt_bar, ko_bar = a * dt * t_bar, a * dt * o_bar
    return theta_bar, omega_bar, pull_bar


rk4 = Op(
    name="rk4",
    forward=_rk4,
    vjp=_rk4_vjp,
    inputs={k: array("n", lo=-20, hi=20, typical=(-3, 3)) for k in ("theta", "omega", "pull")},
    params={"dt": (0.1, 0.5)},
)

OPS = (black_scholes, npv, sharpe, drawdown, cvar, kalman, pid, riccati, logistic_growth, rk4)
