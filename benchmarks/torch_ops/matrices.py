"""Products, distances and linear algebra."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gradspec import Op, real

F = "torch.nn.functional."
SMALL = (-2.0, 2.0)
SQUARE = {"n": (1, 3)}
OF_TWO = [  # name, shapes
    ("torch.matmul", ("n f", "f m")),
    ("torch.bmm", ("b n f", "b f m")),
    ("torch.outer", ("n", "m")),
    ("torch.dot", ("n", "n")),
    ("torch.kron", ("n m", "a b")),
    ("torch.linalg.vecdot", ("n d", "n d")),
    ("torch.linalg.cross", ("n 3", "n 3")),
    (f"{F}cosine_similarity", ("n d", "n d")),
    ("torch.cdist", ("n d", "m d")),
    (f"{F}linear", ("n f", "m f")),
]


def declared(made: Callable[..., Op]) -> Iterator[Op]:
    """The ops of this file, by a *made* that knows the device."""
    for target, (a, b) in OF_TWO:
        yield made(target, inputs={"a": real(a), "b": real(b)})
    yield made("torch.tensordot", inputs={"a": real("n m"), "b": real("m k")}, params={"dims": (1, 0)})
    orders, sizes = {"p": (2.0, 1.0, 3.0)}, {"n": (1, 4), "d": (1, 4)}
    yield made(f"{F}pairwise_distance", inputs={"a": real("n d"), "b": real("n d")}, params=orders, sizes=sizes)
    yield made(f"{F}pdist", inputs={"x": real("n d")}, params=orders, sizes={"n": (2, 4), "d": (1, 3)})
    bilinear = {"a": real("n i"), "b": real("n j"), "weight": real("o i j"), "c": real("o")}
    yield made(f"{F}bilinear", inputs=bilinear, sizes=dict.fromkeys("nijo", (1, 2)))

    yield made("torch.trace", inputs={"x": real("n m")})
    yield made("torch.linalg.det", inputs={"x": real("n n")}, sizes=SQUARE)
    yield made("torch.linalg.matrix_exp", inputs={"x": real("n n", typical=SMALL)})
    yield made("torch.linalg.matrix_power", inputs={"x": real("n n")}, params={"n": (2, 3, 1, 0)})
    norms, sizes = {"ord": ("fro", "nuc", 1, -1)}, {"n": (1, 3), "m": (1, 3)}
    yield made("torch.linalg.matrix_norm", inputs={"x": real("n m")}, params=norms, sizes=sizes)
    yield made("torch.linalg.svdvals", inputs={"x": real("n m")}, sizes=sizes)
    yield made("torch.linalg.eigvalsh", inputs={"x": real("n n", transform=_symmetric)}, sizes=SQUARE)
    definite = real("n n", typical=SMALL, transform=_definite)
    for name in ("inv", "pinv", "cholesky"):
        yield made(f"torch.linalg.{name}", inputs={"x": definite})
    yield made("torch.logdet", inputs={"x": definite}, sizes=SQUARE)
    yield made("torch.linalg.solve", inputs={"a": definite, "b": real("n m")})
    triangle = real("n n", typical=(-1.0, 1.0), transform=_triangular)
    yield made("torch.linalg.solve_triangular", inputs={"a": triangle, "b": real("n m")}, params={"upper": (True,)})


def _symmetric(a: np.ndarray) -> np.ndarray:
    return (a + a.T) / 2


def _definite(a: np.ndarray) -> np.ndarray:
    return a.T @ a + np.eye(len(a), dtype=a.dtype)


def _triangular(a: np.ndarray) -> np.ndarray:
    return np.triu(a, 1) + 2 * np.eye(len(a), dtype=a.dtype)
