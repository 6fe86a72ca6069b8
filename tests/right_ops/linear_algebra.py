"""Right ops of matrices: factorizations, least squares, powers and norms."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, real


def _sorted_singular(x):
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    return s.copy(), (u, vt)


singular_values = Op(
    name="singular_values",
    forward=_sorted_singular,
    vjp=lambda saved, y_bar: ((saved[0] * y_bar[..., None, :]) @ saved[1],),
    inputs={"x": real("n m")},
    sizes={"n": (1, 3), "m": (1, 3)},
    kinks="equal or zero singular values",
)


def _eigenvalues(a):
    values, vectors = np.linalg.eigh(a)
    return values, vectors


symmetric_eigenvalues = Op(
    name="symmetric_eigenvalues",
    forward=_eigenvalues,
    vjp=lambda vectors, y_bar: ((vectors * y_bar) @ vectors.T,),
    inputs={"a": array("n n", transform=lambda a: a + a.T)},
    sizes={"n": (1, 3)},
    torch=lambda a: __import__("torch").linalg.eigvalsh(a),
    kinks="equal eigenvalues",
)


def _nuclear(x):
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    return s.sum(), u @ vt


nuclear_norm = Op(
    name="nuclear_norm",
    forward=_nuclear,
    vjp=lambda uv, y_bar: (y_bar * uv,),
    inputs={"x": real("n m")},
    sizes={"n": (1, 3), "m": (1, 3)},
    kinks="singular matrices",
)


def _ridge(a, b, lam=1.0):
    gram = a.T @ a + a.dtype.type(lam) * np.eye(a.shape[1], dtype=a.dtype)
    x = np.linalg.solve(gram, a.T @ b)
    return x.copy(), (a, b, x, gram)


def _ridge_vjp(saved, y_bar):
    a, b, x, gram = saved
    z = np.linalg.solve(gram, y_bar)
    residual = b - a @ x
    return np.outer(residual, z) - np.outer(a @ z, x), a @ z


ridge = Op(
    name="ridge",
    forward=_ridge,
    vjp=_ridge_vjp,
    inputs={"a": array("n d", lo=-100, hi=100), "b": real("n")},
    params={"lam": (1.0, 10.0)},
    sizes={"n": (1, 4), "d": (1, 3)},
)


def _matrix_power(a, p=3):
    powers = [np.eye(len(a), dtype=a.dtype)]
    for _ in range(p):
        powers.append(powers[-1] @ a)
    return powers[p].copy(), (powers, p)


def _matrix_power_vjp(saved, y_bar):
    powers, p = saved
    a_bar = np.zeros_like(y_bar)
    for k in range(p):
        a_bar += powers[k].T @ y_bar @ powers[p - 1 - k].T
    return (a_bar,)


matrix_power = Op(
    name="matrix_power",
    forward=_matrix_power,
    vjp=_matrix_power_vjp,
    inputs={"a": real("n n")},
    params={"p": (3, 0, 1, 2)},
    sizes={"n": (0, 3)},
    torch=lambda a, p: __import__("torch").linalg.matrix_power(a, p),
)


def _kron(a, b):
    n, m = a.shape
    p, q = b.shape
    return np.einsum("ij,kl->ikjl", a, b).reshape(n * p, m * q), (a, b)


def _kron_vjp(saved, y_bar):
    a, b = saved
    g = y_bar.reshape(a.shape[0], b.shape[0], a.shape[1], b.shape[1])
    return np.einsum("ikjl,kl->ij", g, b), np.einsum("ikjl,ij->kl", g, a)


kron = Op(
    name="kron",
    forward=_kron,
    vjp=_kron_vjp,
    inputs={"a": real("n m"), "b": real("p q")},
    sizes={"n": (1, 3), "m": (1, 3), "p": (1, 3), "q": (1, 3)},
    linear_in=("a", "b"),
    torch="torch.kron",
)


def _gram_logdet(x):
    gram = x @ x.T + np.eye(len(x), dtype=x.dtype)
    low = np.linalg.cholesky(gram)
    return 2 * np.log(np.diag(low)).sum(), (x, gram)


gram_logdet = Op(
    name="gram_logdet",
    forward=_gram_logdet,
    vjp=lambda saved, y_bar: (2 * y_bar * np.linalg.solve(saved[1], saved[0]),),
    inputs={"x": array("n d", lo=-100, hi=100)},
    sizes={"n": (1, 3)},
)


def _infinity_norm(x):
    rows = np.abs(x).sum(axis=1)
    return rows.max(), (np.sign(x), rows.argmax())


def _infinity_norm_vjp(saved, y_bar):
    sign, row = saved
    x_bar = np.zeros_like(sign)
    x_bar[row] = sign[row] * y_bar
    return (x_bar,)


infinity_norm = Op(
    name="infinity_norm",
    forward=_infinity_norm,
    vjp=_infinity_norm_vjp,
    inputs={"x": real("n m")},
    sizes={"n": (1, 4), "m": (1, 4)},
    kinks="zeros in the largest row, and two rows that are largest",
)


def _bilinear_form(x, w, y):
    return np.einsum("ni,kij,nj->nk", x, w, y), (x, w, y)


def _bilinear_form_vjp(saved, y_bar):
    x, w, y = saved
    return (
        np.einsum("nk,kij,nj->ni", y_bar, w, y),
        np.einsum("nk,ni,nj->kij", y_bar, x, y),
        np.einsum("nk,ni,kij->nj", y_bar, x, w),
    )


bilinear_form = Op(
    name="bilinear_form",
    forward=_bilinear_form,
    vjp=_bilinear_form_vjp,
    inputs={"x": real("n i"), "w": real("k i j"), "y": real("n j")},
    sizes={"n": (0, 2), "i": (0, 3), "j": (0, 3), "k": (0, 2)},
    linear_in=("x", "w", "y"),
)

OPS = (
    *(
        singular_values,
        symmetric_eigenvalues,
        nuclear_norm,
        ridge,
        matrix_power,
        kron,
        gram_logdet,
    ),
    *(infinity_norm, bilinear_form),
)
