"""A gradient that is missing, or always zero."""

from __future__ import annotations

import numpy as np

from tests.known_bugs.bug import KnownBug
from tests.known_bugs.right import fmod
from tests.known_bugs.right_arrays import solve_triangular, solve_triangular_bars


def _slang_fmod_vjp(saved, z_bar):
    return z_bar, np.zeros_like(z_bar)


def _tenferro_solve_vjp(saved, y_bar):
    return None, solve_triangular_bars(saved, y_bar)[1]


BUGS = (
    KnownBug(
        "slang-10071",
        "missing",
        "https://github.com/shader-slang/slang/issues/10071",
        "fmod's gradient in the divisor was always 0.",
        fmod,
        fmod.replace(vjp=_slang_fmod_vjp),
    ),
    KnownBug(
        "tenferro-772",
        "missing",
        "https://github.com/tensor4all/tenferro-rs/issues/772",
        "triangular_solve dropped the matrix's cotangent.",
        solve_triangular,
        solve_triangular.replace(vjp=_tenferro_solve_vjp),
    ),
)
