"""Right ops of physics: potentials, networks, steps of equations, orbits, states of matter."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, nonnegative, real
from tests.known_bugs.right import length, unbroadcast


def _buckingham(r, a=1000.0, b=3.0, c=40.0):
    repulsion, attraction = a * np.exp(-b * r), c / r**6
    return repulsion - attraction, (r, repulsion, attraction, b)


def _buckingham_vjp(saved, y_bar):
    r, repulsion, attraction, b = saved
    return ((6 * attraction / r - b * repulsion) * y_bar,)


buckingham = Op(
    name="buckingham",
    forward=_buckingham,
    vjp=_buckingham_vjp,
    inputs={"r": array("n", lo=0.5, hi=50, typical=(0.8, 4.0))},
    params={"a": (1000.0, 10.0), "b": (3.0, 1.0), "c": (40.0, 0.0)},
    torch=lambda r, a, b, c: a * (-b * r).exp() - c * r.pow(-6),
)


def _gravity(x, mass, eps=0.5):
    d = x[None] - x[:, None]
    inverse = 1 / np.sqrt((d * d).sum(axis=-1) + eps * eps)
    np.fill_diagonal(inverse, 0)
    pull = d * inverse[..., None] ** 3
    return np.einsum("j,ijk->ik", mass, pull), (d, inverse, pull, mass)


def _gravity_vjp(saved, y_bar):
    d, inverse, pull, mass = saved
    along = np.einsum("ik,ijk->ij", y_bar, d * inverse[..., None])
    d_bar = (mass * inverse**3)[..., None] * (y_bar[:, None] - 3 * along[..., None] * d * inverse[..., None])
    return d_bar.sum(axis=0) - d_bar.sum(axis=1), np.einsum("ik,ijk->j", y_bar, pull)


gravity = Op(
    name="gravity",
    forward=_gravity,
    vjp=_gravity_vjp,
    inputs={"x": array("n 3", lo=-1e3, hi=1e3), "mass": nonnegative("n")},
    params={"eps": (0.5, 0.01)},
    linear_in=("mass",),
)


def _spring_network(x, rest, edge):
    d = x[edge[:, 1]] - x[edge[:, 0]]
    r = length(d, 1)
    stretch = r[:, 0] - rest
    return stretch**2 / 2, {"unit": d / np.where(r > 0, r, 1), "stretch": stretch, "edge": edge, "n": len(x)}


def _spring_network_vjp(saved, y_bar):
    tension = saved["stretch"] * y_bar
    force = tension[:, None] * saved["unit"]
    x_bar = np.zeros((saved["n"], force.shape[1]), dtype=force.dtype)
    np.add.at(x_bar, saved["edge"][:, 1], force)
    np.subtract.at(x_bar, saved["edge"][:, 0], force)
    return x_bar, -tension, None


spring_network = Op(
    name="spring_network",
    forward=_spring_network,
    vjp=_spring_network_vjp,
    inputs={
        "x": real("n d"),
        "rest": nonnegative("e"),
        "edge": array("e 2", integer=True, lo=0, hi=lambda sizes: sizes["n"] - 1),
    },
    sizes={"n": (1, 4), "d": (1, 3)},
    torch=lambda x, rest, edge: ((x[edge[:, 1]] - x[edge[:, 0]]).norm(dim=1) - rest) ** 2 / 2,
    kinks="ends of a spring at the same place",
)


def _heat_step_2d(u, kappa, dt=0.1):
    p = np.pad(u, 1, mode="edge")
    flow = p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2] - 4 * u
    return u + dt * kappa * flow, (flow, kappa, dt)


def _heat_step_2d_vjp(saved, y_bar):
    flow, kappa, dt = saved
    g = dt * kappa * y_bar
    u_bar = y_bar - 4 * g
    for axis in (0, 1):
        for turned in (slice(None), slice(None, None, -1)):
            to = np.moveaxis(u_bar, axis, 0)[turned]
            come = np.moveaxis(g, axis, 0)[turned]
            to += np.concatenate([come[:1], come[:-1]])
    return u_bar, np.asarray(dt * (flow * y_bar).sum(), dtype=y_bar.dtype)


heat_step_2d = Op(
    name="heat_step_2d",
    forward=_heat_step_2d,
    vjp=_heat_step_2d_vjp,
    inputs={"u": real("n m"), "kappa": real("")},
    params={"dt": (0.1, 1.0)},
    sizes={"n": (1, 4), "m": (1, 4)},
    linear_in=("u",),
)


def _upwind(u, speed, ratio=0.5):
    back, ahead = u - np.roll(u, 1, axis=-1), np.roll(u, -1, axis=-1) - u
    right, left = np.maximum(speed, 0), np.minimum(speed, 0)
    return u - ratio * (right * back + left * ahead), (right, left, np.where(speed > 0, back, ahead), ratio)


def _upwind_vjp(saved, y_bar):
    right, left, slope, ratio = saved
    to_right, to_left = ratio * right * y_bar, ratio * left * y_bar
    u_bar = y_bar - to_right + np.roll(to_right, -1, axis=-1) + to_left - np.roll(to_left, 1, axis=-1)
    return u_bar, -ratio * slope * y_bar


upwind = Op(
    name="upwind",
    forward=_upwind,
    vjp=_upwind_vjp,
    inputs={"u": real("b n"), "speed": real("b n")},
    params={"ratio": (0.5, 0.1)},
    torch=lambda u, speed, ratio: (
        u
        - ratio * speed.clamp(min=0) * (u - u.roll(1, dims=-1))
        - ratio * speed.clamp(max=0) * (u.roll(-1, dims=-1) - u)
    ),
    linear_in=("u",),
    kinks="speed = 0",
)


def _log_planck(nu, temperature):
    x = nu / temperature
    return 3 * np.log(nu) - x - np.log(-np.expm1(-x)), (nu, temperature, x)


def _log_planck_vjp(saved, y_bar):
    nu, temperature, x = saved
    g = y_bar / np.expm1(-x)  # the derivative for x
    return 3 * y_bar / nu + g / temperature, -g * x / temperature


log_planck = Op(
    name="log_planck",
    forward=_log_planck,
    vjp=_log_planck_vjp,
    inputs={"nu": array("n", lo=1e-3, hi=1e3), "temperature": array("n", lo=1e-3, hi=1e3)},
    torch=lambda nu, temperature: 3 * nu.log() - (nu / temperature).expm1().log(),
)


def _add_velocities(u, v):
    q = 1 + u * v
    return (u + v) / q, (u, v, q)


def _add_velocities_vjp(saved, y_bar):
    u, v, q = saved
    g = y_bar / (q * q)
    return unbroadcast(g * (1 - v) * (1 + v), u.shape), unbroadcast(g * (1 - u) * (1 + u), v.shape)


add_velocities = Op(
    name="add_velocities",
    forward=_add_velocities,
    vjp=_add_velocities_vjp,
    inputs={name: array("n m", lo=-0.99, hi=0.99, broadcastable=True) for name in ("u", "v")},
    torch=lambda u, v: (u + v) / (1 + u * v),
)


def _double_pendulum(angle, speed, ratio=2.0, g=9.81):
    (a, b), (v, w) = angle, speed
    kinetic = (1 + ratio) * v * v / 2 + ratio * (w * w / 2 + v * w * np.cos(a - b))
    return kinetic - g * ((1 + ratio) * np.cos(a) + ratio * np.cos(b)), (angle, speed, ratio, g)


def _double_pendulum_vjp(saved, y_bar):
    (a, b), (v, w), ratio, g = saved
    couple, c = ratio * v * w * np.sin(a - b), np.cos(a - b)
    speed_bar = np.stack([(1 + ratio) * v + ratio * w * c, ratio * (w + v * c)]) * y_bar
    return np.stack([g * (1 + ratio) * np.sin(a) - couple, g * ratio * np.sin(b) + couple]) * y_bar, speed_bar


double_pendulum = Op(
    name="double_pendulum",
    forward=_double_pendulum,
    vjp=_double_pendulum_vjp,
    inputs={"angle": real("2 n"), "speed": real("2 n")},
    params={"ratio": (2.0, 0.1), "g": (9.81, 0.0)},
)


def _kepler(mean, e):
    big = np.copysign(np.asarray(np.pi, dtype=mean.dtype), mean)
    for _ in range(40):
        big = big - (big - e * np.sin(big) - mean) / (1 - e * np.cos(big))
    return big, (big, e)


def _kepler_vjp(saved, y_bar):
    big, e = saved
    g = y_bar / (1 - e * np.cos(big))
    return g, g * np.sin(big)


kepler = Op(
    name="kepler",
    forward=_kepler,
    vjp=_kepler_vjp,
    inputs={"mean": array("n", lo=-3.1, hi=3.1), "e": array("n", lo=0, hi=0.9)},
)


def _elastic_energy(f, mu=1.0, lam=0.5):
    strain = (np.swapaxes(f, -1, -2) @ f - np.eye(f.shape[-1], dtype=f.dtype)) / 2
    trace = np.trace(strain, axis1=-2, axis2=-1)
    return mu * (strain * strain).sum(axis=(-2, -1)) + lam / 2 * trace * trace, (f, strain, trace, mu, lam)


def _elastic_energy_vjp(saved, y_bar):
    f, strain, trace, mu, lam = saved
    stress = 2 * mu * strain + (lam * trace)[..., None, None] * np.eye(f.shape[-1], dtype=f.dtype)
    return (y_bar[..., None, None] * (f @ stress),)


elastic_energy = Op(
    name="elastic_energy",
    forward=_elastic_energy,
    vjp=_elastic_energy_vjp,
    inputs={"f": real("n d d")},
    params={"mu": (1.0, 3.0), "lam": (0.5, 0.0)},
    sizes={"d": (1, 3)},
)


def _damped(t, omega, phase, zeta=0.3):
    decay, turn = np.exp(-zeta * t), omega * t + phase
    return decay * np.cos(turn), (t, omega, decay, turn, zeta)


def _damped_vjp(saved, y_bar):
    t, omega, decay, turn, zeta = saved
    g = -y_bar * decay * np.sin(turn)
    return g * omega - zeta * y_bar * decay * np.cos(turn), g * t, g


damped = Op(
    name="damped",
    forward=_damped,
    vjp=_damped_vjp,
    inputs={"t": nonnegative("n"), "omega": array("n", lo=-50, hi=50), "phase": real("n")},
    params={"zeta": (0.3, 0.0, 2.0)},
    torch=lambda t, omega, phase, zeta: (-zeta * t).exp() * (omega * t + phase).cos(),
)


def _snell(angle, ratio):
    s, c = np.sin(angle), np.cos(angle)
    inside = np.sqrt(c * c + (1 - ratio) * (1 + ratio) * s * s)
    return np.arctan2(ratio * s, inside), (s, c, ratio, inside)


snell = Op(
    name="snell",
    forward=_snell,
    vjp=lambda saved, y_bar: (saved[2] * saved[1] / saved[3] * y_bar, saved[0] / saved[3] * y_bar),
    inputs={"angle": array("n", lo=-1.5, hi=1.5), "ratio": array("n", lo=0.1, hi=1, typical=(0.1, 1))},
    torch=lambda angle, ratio: (ratio * angle.sin()).arcsin(),
)


OPS = (
    *(buckingham, gravity, spring_network, heat_step_2d, upwind, log_planck, add_velocities, double_pendulum),
    *(kepler, elastic_energy, damped, snell),
)
