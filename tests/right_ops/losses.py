"""Right losses of deep learning."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, real


def _log_softmax(z, axis):
    z = z - z.max(axis=axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))


def _tversky(p, t, alpha=0.3, beta=0.7):
    hit = (p * t).sum()
    size = hit + alpha * (p * (1 - t)).sum() + beta * ((1 - p) * t).sum() + 1
    return np.asarray(1 - (hit + 1) / size, dtype=p.dtype), (t, (hit + 1) / size, size, alpha, beta)


def _tversky_vjp(saved, y_bar):
    t, ratio, size, alpha, beta = saved
    slope = np.where(t == 1, 1 - ratio * (1 - beta), -ratio * alpha)
    return (-y_bar * slope / size).astype(y_bar.dtype), None


tversky = Op(
    name="tversky",
    forward=_tversky,
    vjp=_tversky_vjp,
    inputs={"p": array("n c", lo=0, hi=1, typical=(0, 1)), "t": array("n c", integer=True, lo=0, hi=1)},
    params={"alpha": (0.3, 0.5), "beta": (0.7, 0.5)},
)


def _lovasz_hinge(z, label):
    sign = (2 * label - 1).astype(z.dtype)
    error = 1 - z * sign
    order = np.argsort(-error, kind="stable")
    truth = label[order]
    both = truth.sum() - np.cumsum(truth)
    either = truth.sum() + np.cumsum(1 - truth)
    jaccard = 1 - both / either
    weight = np.diff(jaccard, prepend=0).astype(z.dtype)
    loss = (np.maximum(error[order], 0) * weight).sum()
    return np.asarray(loss, dtype=z.dtype), (order, weight, error, sign)


def _lovasz_hinge_vjp(saved, y_bar):
    order, weight, error, sign = saved
    z_bar = np.zeros_like(error)
    z_bar[order] = weight
    return -y_bar * z_bar * sign * (error > 0), None


lovasz_hinge = Op(
    name="lovasz_hinge",
    forward=_lovasz_hinge,
    vjp=_lovasz_hinge_vjp,
    inputs={"z": real("n"), "label": array("n", integer=True, lo=0, hi=1)},
    sizes={"n": (1, 5)},
    kinks="errors that are equal, or 0",
)


def _poly_loss(z, label, eps=1.0):
    rows = np.arange(len(z))
    log_p = _log_softmax(z, 1)
    p = np.exp(log_p)
    hot = np.zeros_like(z)
    hot[rows, label] = 1
    rest = (p * (1 - hot)).sum(axis=1)
    return eps * rest - log_p[rows, label], (p, hot, rest, eps)


def _poly_loss_vjp(saved, y_bar):
    p, hot, rest, eps = saved
    factor = y_bar * (1 + eps * (p * hot).sum(axis=1))
    return factor[:, None] * np.where(hot == 1, -rest[:, None], p), None


poly_loss = Op(
    name="poly_loss",
    forward=_poly_loss,
    vjp=_poly_loss_vjp,
    inputs={"z": real("n c"), "label": array("n", integer=True, lo=0, hi=lambda sizes: sizes["c"] - 1)},
    params={"eps": (1.0, 2.0, 0.0)},
    sizes={"c": (1, 5)},
    torch=lambda z, label, eps: (
        -z.log_softmax(1).gather(1, label[:, None]) + eps * (1 - z.softmax(1).gather(1, label[:, None]))
    )[:, 0],
)


def _clip_loss(a, b, scale=1.0):
    logits = scale * (a @ b.T)
    rows, columns = _log_softmax(logits, 1), _log_softmax(logits, 0)
    n = len(a)
    return np.asarray(-(np.trace(rows) + np.trace(columns)) / (2 * n), dtype=a.dtype), (a, b, rows, columns, scale)


def _clip_loss_vjp(saved, y_bar):
    a, b, rows, columns, scale = saved
    n = len(a)
    logits_bar = (y_bar * scale / (2 * n)) * (np.exp(rows) + np.exp(columns) - 2 * np.eye(n, dtype=a.dtype))
    return logits_bar @ b, logits_bar.T @ a


def _torch_clip_loss(a, b, scale):
    import torch

    logits, label = scale * (a @ b.T), torch.arange(len(a))
    cross_entropy = torch.nn.functional.cross_entropy
    return (cross_entropy(logits, label) + cross_entropy(logits.T, label)) / 2


clip_loss = Op(
    name="clip_loss",
    forward=_clip_loss,
    vjp=_clip_loss_vjp,
    inputs={"a": real("n d"), "b": real("n d")},
    params={"scale": (1.0, 2.5)},
    sizes={"n": (1, 4)},
    torch=_torch_clip_loss,
)


def _quantile_huber(q, target, kappa=1.0):
    taus = ((np.arange(q.shape[1]) + 0.5) / q.shape[1]).astype(q.dtype)
    u = target[:, None] - q
    size = np.abs(u)
    huber = np.where(size <= kappa, u * u / 2, kappa * (size - kappa / 2))
    weight = np.where(u < 0, 1 - taus, taus)
    return (weight * huber).sum(axis=1), (u, weight, kappa)


def _quantile_huber_vjp(saved, y_bar):
    u, weight, kappa = saved
    u_bar = y_bar[:, None] * weight * np.clip(u, -kappa, kappa)
    return -u_bar, u_bar.sum(axis=1)


def _torch_quantile_huber(q, target, kappa):
    import torch

    taus = (torch.arange(q.shape[1], dtype=q.dtype) + 0.5) / q.shape[1]
    u = target[:, None] - q
    huber = torch.nn.functional.huber_loss(q, target[:, None].expand_as(q), reduction="none", delta=kappa)
    return ((taus - (u.detach() < 0).to(q.dtype)).abs() * huber).sum(1)


quantile_huber = Op(
    name="quantile_huber",
    forward=_quantile_huber,
    vjp=_quantile_huber_vjp,
    inputs={"q": real("n k"), "target": real("n")},
    params={"kappa": (1.0, 0.5)},
    sizes={"k": (1, 4)},
    torch=_torch_quantile_huber,
)


def _list_net(score, relevance):
    log_q, p = _log_softmax(score, 1), np.exp(_log_softmax(relevance, 1))
    y = -(p * log_q).sum(axis=1)
    return y, (log_q, p, y)


def _list_net_vjp(saved, y_bar):
    log_q, p, y = saved
    g = y_bar[:, None]
    return g * (np.exp(log_q) - p), -g * p * (log_q + y[:, None])


list_net = Op(
    name="list_net",
    forward=_list_net,
    vjp=_list_net_vjp,
    inputs={"score": real("n d"), "relevance": real("n d")},
    sizes={"d": (1, 4)},
    torch=lambda score, relevance: -(relevance.softmax(1) * score.log_softmax(1)).sum(1),
)


def _ctc_paths(label):
    states = np.zeros(2 * len(label) + 1, dtype=int)
    states[1::2] = label
    skip = [s >= 2 and states[s] != 0 and states[s] != states[s - 2] for s in range(len(states))]
    return states, skip


def _ctc_sweep(emit, skip, ahead):
    """Log sums of the paths that reach each state, the largest of each step 0, and what was taken off in all."""
    steps, count = emit.shape
    a = np.full((steps, count), -np.inf, dtype=emit.dtype)
    off = emit[0, :2].max()
    a[0, :2] = emit[0, :2] - off
    for t in range(1, steps):
        for s in range(count):
            best = a[t - 1, s]
            if s >= 1:
                best = np.logaddexp(best, a[t - 1, s - 1])
            if s >= 2 and (skip[count + 1 - s] if ahead else skip[s]):
                best = np.logaddexp(best, a[t - 1, s - 2])
            a[t, s] = best + emit[t, s]
        off = off + a[t].max()
        a[t] -= a[t].max()
    return a, off


def _ctc(z, label):
    log_p = _log_softmax(z, 1)
    states, skip = _ctc_paths(label)
    emit = log_p[:, states]
    alpha, off = _ctc_sweep(emit, skip, False)
    return np.asarray(-np.logaddexp.reduce(alpha[-1, -2:]) - off, dtype=z.dtype), (log_p, states, skip, alpha)


def _ctc_vjp(saved, y_bar):
    log_p, states, skip, alpha = saved
    emit = log_p[:, states]
    beta = _ctc_sweep(emit[::-1, ::-1], skip, True)[0][::-1, ::-1]
    share = np.exp(_log_softmax(alpha + (beta - emit), 1))
    z_bar = np.exp(log_p)
    for s, state in enumerate(states):
        z_bar[:, state] -= share[:, s]
    return y_bar * z_bar, None


def _torch_ctc(z, label):
    import torch

    return torch.nn.functional.ctc_loss(z.log_softmax(1), label, (len(z),), (len(label),), reduction="sum")


ctc = Op(
    name="ctc",
    forward=_ctc,
    vjp=_ctc_vjp,
    inputs={
        "z": real("t c", typical=(-3, 3)),
        "label": array("s", integer=True, lo=1, hi=lambda sizes: sizes["c"] - 1),
    },
    sizes={"t": (1, 6), "c": (2, 4), "s": (0, 2)},
    where=lambda sizes, params: sizes["t"] >= 2 * sizes["s"],
    torch=_torch_ctc,
)


def _kl_gaussians(m1, s1, m2, s2):
    d, g = s1 - s2, (m1 - m2) / np.exp(s2)
    y = (np.expm1(2 * d) / 2 - d + g * g / 2).sum(axis=-1)
    return y, (d, g, s2)


def _kl_gaussians_vjp(saved, y_bar):
    d, g, s2 = saved
    y_bar = y_bar[..., None]
    m_bar = y_bar * g / np.exp(s2)
    s_bar = y_bar * np.expm1(2 * d)
    return m_bar, s_bar, -m_bar, -s_bar - y_bar * g * g


kl_gaussians = Op(
    name="kl_gaussians",
    forward=_kl_gaussians,
    vjp=_kl_gaussians_vjp,
    inputs={
        "m1": array("n d", lo=-1e4, hi=1e4),
        "s1": array("n d", lo=-4, hi=4),
        "m2": array("n d", lo=-1e4, hi=1e4),
        "s2": array("n d", lo=-4, hi=4),
    },
    torch=lambda m1, s1, m2, s2: (s2 - s1 + (s1.exp() ** 2 + (m1 - m2) ** 2) / (2 * s2.exp() ** 2) - 0.5).sum(-1),
)

OPS = (tversky, lovasz_hinge, poly_loss, clip_loss, quantile_huber, list_net, ctc, kl_gaussians)
