"""Right ops of geometry: distances, coordinates, projections, interpolation, splines, alignments."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from gradspec import Op, array, nonzero, real
from tests.known_bugs.right import length


def _capsule(p, a, b):
    size = np.abs(b - a).max()
    v = (b - a) / np.where(size > 0, size, 1)
    t = np.clip((p - a) @ v / np.where(size > 0, v @ v, 1) / np.where(size > 0, size, 1), 0, 1)[:, None]
    gap = p - a - t * (b - a)
    r = length(gap, 1)
    return r[:, 0] - 0.5, (t, gap / np.where(r > 0, r, 1))


def _capsule_vjp(saved, y_bar):
    t, unit = saved
    g = y_bar[:, None] * unit
    return g, -((1 - t) * g).sum(axis=0), -(t * g).sum(axis=0)


capsule = Op(
    name="capsule",
    forward=_capsule,
    vjp=_capsule_vjp,
    inputs={name: array(shape, lo=-1e3, hi=1e3) for name, shape in (("p", "n 3"), ("a", "3"), ("b", "3"))},
    kinks="points of the segment, and a segment of length 0",
)


def _torus(p, radius=2.0, tube=0.5):
    around = np.hypot(p[:, 0], p[:, 2])
    y = np.hypot(around - radius, p[:, 1])
    return y - tube, (p, around, y, radius)


def _torus_vjp(saved, y_bar):
    p, around, y, radius = saved
    safe = np.where(y > 0, y, 1)
    p_bar = p / np.where(around > 0, around, 1)[:, None] * ((around - radius) / safe * y_bar)[:, None]
    p_bar[:, 1] = p[:, 1] / safe * y_bar
    return (p_bar,)


torus = Op(
    name="torus",
    forward=_torus,
    vjp=_torus_vjp,
    inputs={"p": real("n 3")},
    params={"radius": (2.0, 1.0), "tube": (0.5, 0.1)},
    torch=lambda p, radius, tube: ((p[:, 0].hypot(p[:, 2]) - radius).hypot(p[:, 1])) - tube,
    kinks="the axis, and the circle in the tube",
)

_CORNERS = np.array([[0, 0], [2, 0], [1, 1.75]])
_TRIANGLE = array("3 2", transform=lambda z: (_CORNERS + 0.2 * np.tanh(z)).astype(z.dtype))


def _barycentric(p, corners):
    u, v = corners[0] - corners[2], corners[1] - corners[2]
    area = u[0] * v[1] - u[1] * v[0]
    slopes = np.array([[v[1], -v[0]], [-u[1], u[0]]]) / area
    first = (p - corners[2]) @ slopes.T
    weights = np.concatenate([first, 1 - first.sum(axis=1, keepdims=True)], axis=1)
    return weights, (weights.copy(), np.concatenate([slopes, -slopes.sum(axis=0, keepdims=True)]))


def _barycentric_vjp(saved, y_bar):
    weights, slopes = saved
    p_bar = y_bar @ slopes
    return p_bar, -weights.T @ p_bar


barycentric = Op(
    name="barycentric",
    forward=_barycentric,
    vjp=_barycentric_vjp,
    inputs={"p": real("n 2"), "corners": _TRIANGLE},
)


def _plane_projection(x, normal):
    size = length(normal, 0)
    u = normal / size
    height = x @ u
    return x - height[:, None] * u, (x, u, height, size)


def _plane_projection_vjp(saved, y_bar):
    x, u, height, size = saved
    along = y_bar @ u
    u_bar = -(height @ y_bar + along @ x)
    return y_bar - along[:, None] * u, (u_bar - (u_bar @ u) * u) / size


plane_projection = Op(
    name="plane_projection",
    forward=_plane_projection,
    vjp=_plane_projection_vjp,
    inputs={"x": real("n d"), "normal": array("d", lo=0.1, hi=100)},
    sizes={"d": (1, 4)},
    torch=lambda x, normal: x - ((x @ normal) / (normal @ normal))[:, None] * normal,
    linear_in=("x",),
)


def _angle(u, v):
    nu, nv = length(u, -1), length(v, -1)
    u, v = u / nu, v / nv
    normal = np.cross(u, v)
    s = length(normal, -1)
    axis = normal / np.where(s > 0, s, 1)
    return np.arctan2(s, (u * v).sum(axis=-1, keepdims=True))[..., 0], (np.cross(u, axis) / nu, np.cross(axis, v) / nv)


angle_between = Op(
    name="angle_between",
    forward=_angle,
    vjp=lambda saved, y_bar: (y_bar[..., None] * saved[0], y_bar[..., None] * saved[1]),
    inputs={"u": nonzero("... 3"), "v": nonzero("... 3")},
    kinks="parallel vectors",
)


def _great_circle(p, q):
    turn, middle = (p - q) / 2, (p[:, 0] + q[:, 0]) / 2
    (s, c), (m, k), (t, d) = ((np.sin(a), np.cos(a)) for a in (turn[:, 0], middle, turn[:, 1]))
    near, far = np.hypot(s * d, k * t), np.hypot(c * d, m * t)
    return 2 * np.arctan2(near, far), (s, c, m, k, t, d, near, far)


def _great_circle_vjp(saved, y_bar):
    s, c, m, k, t, d, near, far = saved
    near, far = (np.where((near > 0) & (far > 0), r, 1) for r in (near, far))
    s_bar, t_bar = s / near / far * y_bar, t / near / far * y_bar
    turn, middle, lon = s_bar * c * d * d, -t_bar * m * k * t, t_bar * (k * k - s * s) * d
    return np.stack([turn + middle, lon], axis=1), np.stack([middle - turn, -lon], axis=1)


def _torch_great_circle(p, q):
    lat, lon = ((p - q) / 2).sin().square().unbind(1)
    return 2 * (lat + p[:, 0].cos() * q[:, 0].cos() * lon).sqrt().asin()


great_circle = Op(
    name="great_circle",
    forward=_great_circle,
    vjp=_great_circle_vjp,
    inputs={"p": array("n 2", lo=-1.5, hi=1.5), "q": array("n 2", lo=-1.5, hi=1.5)},
    torch=_torch_great_circle,
    kinks="the same place, or opposite ones",
)


def _rational_bezier(points, weight, steps=5):
    t = np.linspace(0, 1, steps, dtype=points.dtype)[:, None]
    basis = np.concatenate([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3], axis=1)
    share = basis * weight
    share /= share.sum(axis=1, keepdims=True)
    y = share @ points
    return y.copy(), (share, points, weight, y)


def _rational_bezier_vjp(saved, y_bar):
    share, points, weight, y = saved
    return share.T @ y_bar, np.einsum("td,tkd->k", y_bar, share[..., None] * (points[None] - y[:, None])) / weight


rational_bezier = Op(
    name="rational_bezier",
    forward=_rational_bezier,
    vjp=_rational_bezier_vjp,
    inputs={"points": real("4 d"), "weight": array("4", lo=0.1, hi=10)},
    params={"steps": (5, 1, 2)},
    linear_in=("points",),
)

_KNOTS = (0, 0, 0, 0, 1, 2, 3, 3, 3, 3)


def _basis(x, degree):
    """The B-splines of this degree at x, one per column; the last span has its end."""
    columns = [((x >= a) & ((x < b) | ((b == 3) & (x == 3))) & (a < b)).astype(x.dtype) for a, b in pairwise(_KNOTS)]
    for n in range(1, degree + 1):
        left = [(x - a) / max(b - a, 1) for a, b in zip(_KNOTS, _KNOTS[n:], strict=False)]
        right = [(b - x) / max(b - a, 1) for a, b in zip(_KNOTS[1:], _KNOTS[n + 1 :], strict=False)]
        columns = [left[i] * columns[i] + right[i] * columns[i + 1] for i in range(len(columns) - 1)]
    return np.stack(columns, axis=1)


def _b_spline(x, control):
    return _basis(x, 3) @ control, (x, control)


def _b_spline_vjp(saved, y_bar):
    x, control = saved
    widths = np.array([_KNOTS[i + 4] - _KNOTS[i + 1] for i in range(5)], dtype=x.dtype)
    speed = _basis(x, 2)[:, 1:-1] @ (3 * (control[1:] - control[:-1]) / widths[:, None])
    return (speed * y_bar).sum(axis=1), _basis(x, 3).T @ y_bar


b_spline = Op(
    name="b_spline",
    forward=_b_spline,
    vjp=_b_spline_vjp,
    inputs={"x": array("n", lo=0, hi=3, typical=(0, 3)), "control": real("6 d")},
    linear_in=("control",),
)


def _chamfer(x, y):
    square = ((x[:, None] - y[None]) ** 2).sum(axis=-1)
    there, back = square.argmin(axis=1), square.argmin(axis=0)
    near = np.take_along_axis(square, there[:, None], 1).mean() + np.take_along_axis(square, back[None], 0).mean()
    return near, (x, y, there, back)


def _chamfer_vjp(saved, y_bar):
    x, y, there, back = saved
    g, h = 2 * y_bar / len(x) * (x - y[there]), 2 * y_bar / len(y) * (y - x[back])
    x_bar, y_grad = g.copy(), h.copy()
    np.subtract.at(y_grad, there, g)
    np.subtract.at(x_bar, back, h)
    return x_bar, y_grad


chamfer = Op(
    name="chamfer",
    forward=_chamfer,
    vjp=_chamfer_vjp,
    inputs={"x": real("n d"), "y": real("m d")},
    sizes={"n": (1, 4), "m": (1, 4)},
    torch=lambda x, y: (lambda s: s.amin(1).mean() + s.amin(0).mean())((x[:, None] - y[None]).pow(2).sum(-1)),
    kinks="two points that are equally near",
)


def _alignment(x, y):
    u, v = x - x.mean(axis=0), y - y.mean(axis=0)
    a, b = (z / (np.abs(z).max() or 1) for z in (u, v))
    c, s = (a * b).sum(), (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()
    r = np.hypot(c, s)
    c, s = (c / r, s / r) if r > 0 else (np.ones_like(c), np.zeros_like(s))
    turn = np.stack([np.stack([c, s]), np.stack([-s, c])])
    left = u @ turn - v
    return (left * left).sum(), (left, turn)


alignment = Op(
    name="alignment",
    forward=_alignment,
    vjp=lambda saved, y_bar: (2 * y_bar * saved[0] @ saved[1].T, -2 * y_bar * saved[0]),
    inputs={"x": array("n 2", lo=-1e3, hi=1e3), "y": array("n 2", lo=-1e3, hi=1e3)},
    sizes={"n": (1, 5)},
    kinks="clouds for which each turn is as good",
)


def _circumradius(a, b, c):
    parts = a + b + c, b + c - a, a + c - b, a + b - c
    return a * b * c / np.sqrt(np.prod(parts, axis=0)), (a, b, c, parts)


def _circumradius_vjp(saved, y_bar):
    a, b, c, parts = saved
    g = a * b * c / np.sqrt(np.prod(parts, axis=0)) * y_bar
    whole, left, middle, right = (0.5 / part for part in parts)
    slopes = 1 / a + left - middle - right, 1 / b - left + middle - right, 1 / c - left - middle + right
    return tuple(g * (slope - whole) for slope in slopes)


circumradius = Op(
    name="circumradius",
    forward=_circumradius,
    vjp=_circumradius_vjp,
    inputs={side: array("...", lo=1, hi=1.9, typical=(1, 1.9)) for side in "abc"},
)


OPS = (
    *(capsule, torus, barycentric, plane_projection, angle_between, great_circle, rational_bezier, b_spline),
    *(chamfer, alignment, circumradius),
)
