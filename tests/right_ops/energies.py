"""Right ops of physics and geometry: energies, rotations, areas and curves."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, nonzero, real


def _lennard_jones(r):
    s6 = (1 / r) ** 6
    return 4 * s6 * (s6 - 1), (s6, r)


lennard_jones = Op(
    name="lennard_jones",
    forward=_lennard_jones,
    vjp=lambda saved, y_bar: (24 * saved[0] * (1 - 2 * saved[0]) / saved[1] * y_bar,),
    inputs={"r": array("n", lo=0.3, typical=(0.8, 3.0))},
    torch=lambda r: 4 * (r**-12 - r**-6),
)


def _morse(r, a=1.2, r0=1.0):
    e = np.exp(-a * (r - r0))
    return (1 - e) ** 2, (e, a)


morse = Op(
    name="morse",
    forward=_morse,
    vjp=lambda saved, y_bar: (2 * saved[1] * saved[0] * (1 - saved[0]) * y_bar,),
    inputs={"r": array("n", lo=0)},
    params={"a": (1.2, 0.5), "r0": (1.0, 2.0)},
)


def _coulomb(q, x, eps=0.1):
    d = x[:, None] - x[None]
    inverse = 1 / np.sqrt((d * d).sum(axis=-1) + x.dtype.type(eps) ** 2)
    np.fill_diagonal(inverse, 0)
    return np.asarray((np.outer(q, q) * inverse).sum() / 2, dtype=x.dtype), (q, d, inverse)


def _coulomb_vjp(saved, y_bar):
    q, d, inverse = saved
    force = (np.outer(q, q) * inverse**3)[..., None] * d
    return y_bar * (inverse @ q), -y_bar * force.sum(axis=1)


coulomb = Op(
    name="coulomb",
    forward=_coulomb,
    vjp=_coulomb_vjp,
    inputs={"q": real("n"), "x": real("n 3")},
    params={"eps": (0.1, 1.0)},
    sizes={"n": (1, 4)},
)


def _springs(x, length=1.0):
    d = np.roll(x, -1, axis=0) - x
    r = np.hypot(d[:, 0], d[:, 1])
    return ((r - length) ** 2).sum() / 2, (d, r, length)


def _springs_vjp(saved, y_bar):
    d, r, length = saved
    pull = ((r - length) / np.where(r > 0, r, 1) * y_bar)[:, None] * d
    return (np.roll(pull, 1, axis=0) - pull,)


springs = Op(
    name="springs",
    forward=_springs,
    vjp=_springs_vjp,
    inputs={"x": real("n 2")},
    params={"length": (1.0, 0.0)},
    sizes={"n": (2, 5)},
    kinks="neighbours at the same place",
)


def _quaternion(q, v):
    w, u = q[0], q[1:]
    cross = np.cross(u, v)
    return v + 2 * (w * cross + np.cross(u, cross)), (w, u, v, cross)


def _quaternion_vjp(saved, y_bar):
    w, u, v, cross = saved
    cross_bar = 2 * (w * y_bar + np.cross(y_bar, u))
    u_bar = 2 * np.cross(cross, y_bar) + np.cross(v, cross_bar)
    q_bar = np.concatenate([[2 * (cross * y_bar).sum()], u_bar.sum(axis=0)]).astype(v.dtype)
    return q_bar, y_bar + np.cross(cross_bar, u)


quaternion_rotation = Op(
    name="quaternion_rotation",
    forward=_quaternion,
    vjp=_quaternion_vjp,
    inputs={"q": real("4"), "v": real("n 3")},
    linear_in=("v",),
)


def _triangle(a, b, c):
    normal = np.cross(b - a, c - a)
    scale = np.abs(normal).max(axis=1, initial=0)
    safe = np.where(scale > 0, scale, 1)[:, None]
    length = scale * np.sqrt(((normal / safe) ** 2).sum(axis=1))
    unit = normal / np.where(length > 0, length, 1)[:, None]
    return length / 2, (a, b, c, unit)


def _triangle_vjp(saved, y_bar):
    a, b, c, unit = saved
    g = (y_bar / 2)[:, None] * unit
    return np.cross(b - c, g), np.cross(c - a, g), np.cross(a - b, g)


triangle_area = Op(
    name="triangle_area",
    forward=_triangle,
    vjp=_triangle_vjp,
    inputs={"a": real("n 3"), "b": real("n 3"), "c": real("n 3")},
    kinks="triangles without area",
)


def _shoelace(p):
    x, y = p[:, 0], p[:, 1]
    area = (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2
    return area, p


def _shoelace_vjp(p, y_bar):
    across = np.roll(p, -1, axis=0) - np.roll(p, 1, axis=0)
    return (y_bar / 2 * np.stack([across[:, 1], -across[:, 0]], axis=1),)


polygon_area = Op(
    name="polygon_area",
    forward=_shoelace,
    vjp=_shoelace_vjp,
    inputs={"p": real("n 2")},
    sizes={"n": (3, 6)},
)


def _box(p, half=1.0):
    q = np.abs(p) - half
    out = np.maximum(q, 0)
    r = np.hypot.reduce(out, axis=-1)
    deepest = q.argmax(axis=-1)
    inside = r == 0
    y = np.where(inside, np.minimum(q.max(axis=-1), 0), r)
    return y, (np.sign(p), out, r, deepest, inside)


def _box_vjp(saved, y_bar):
    sign, out, r, deepest, inside = saved
    normal = out / np.where(inside, 1, r)[..., None]
    one = np.arange(normal.shape[-1]) == deepest[..., None]
    normal = np.where(inside[..., None], one.astype(normal.dtype), normal)
    return (y_bar[..., None] * normal * sign,)


box_distance = Op(
    name="box_distance",
    forward=_box,
    vjp=_box_vjp,
    inputs={"p": array("n 2", typical=(-2.0, 2.0))},
    params={"half": (1.0, 0.5)},
    kinks="the surface's edges, the diagonals and the planes of symmetry",
)

_T = np.linspace(0, 1, 5)
_BERNSTEIN = np.stack([(1 - _T) ** 3, 3 * _T * (1 - _T) ** 2, 3 * _T**2 * (1 - _T), _T**3])

bezier = Op(
    name="bezier",
    forward=lambda points: (_BERNSTEIN.T.astype(points.dtype) @ points, None),
    vjp=lambda saved, y_bar: (_BERNSTEIN.astype(y_bar.dtype) @ y_bar,),
    inputs={"points": real("4 d")},
    linear_in=("points",),
)


def _project(p, w):
    y = p / w[:, None]
    return y.copy(), (y, w)


def _project_vjp(saved, y_bar):
    y, w = saved
    return y_bar / w[:, None], -(y_bar * y).sum(axis=1) / w


perspective = Op(
    name="perspective",
    forward=_project,
    vjp=_project_vjp,
    inputs={"p": real("n 2"), "w": nonzero("n")},
    torch=lambda p, w: p / w[:, None],
)


def _heat(u, nu=0.2, steps=3):
    for _ in range(steps):
        u = u + u.dtype.type(nu) * (np.roll(u, 1, -1) - 2 * u + np.roll(u, -1, -1))
    return u, (nu, steps)


def _heat_vjp(saved, y_bar):
    return (_heat(y_bar, *saved)[0].copy(),)  # the step is symmetric


heat_steps = Op(
    name="heat_steps",
    forward=_heat,
    vjp=_heat_vjp,
    inputs={"u": real("... t")},
    params={"nu": (0.2, 0.5), "steps": (3, 1)},
    linear_in=("u",),
)


def _quadratic_form(x, mean, precision):
    d = x - mean
    return np.einsum("ni,ij,nj->n", d, precision, d), (d, precision)


def _quadratic_form_vjp(saved, y_bar):
    d, precision = saved
    x_bar = y_bar[:, None] * (d @ (precision + precision.T))
    return x_bar, -x_bar.sum(axis=0), np.einsum("n,ni,nj->ij", y_bar, d, d)


quadratic_form = Op(
    name="quadratic_form",
    forward=_quadratic_form,
    vjp=_quadratic_form_vjp,
    inputs={"x": real("n d"), "mean": real("d"), "precision": real("d d")},
    linear_in=("precision",),
)

OPS = (
    *(lennard_jones, morse, coulomb, springs, quaternion_rotation, triangle_area, polygon_area, box_distance, bezier),
    *(
        perspective,
        heat_steps,
        quadratic_form,
    ),
)
