"""The complex step: Im f(u + i h d) / h, exact to rounding where f is analytic and accepts complex numbers.

Source: Squire and Trapp, "Using complex variables to estimate derivatives of real functions" (1998).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

STEP = 2.0**-500  # far below any rounding of the real part: nothing is subtracted


def complex_step(
    function: Callable[[np.ndarray], np.ndarray | None], u: np.ndarray, directions: np.ndarray
) -> np.ndarray | None:
    """Differentiate *function* at *u* along each of several directions.

    Args:
        function: Maps (n,) complex to (m,) complex; None where it cannot.
        u: The point (n,).
        directions: (p, n).

    Returns:
        The derivatives (p, m), one evaluation each; None where *function* cannot. Where it takes an absolute value
        or compares numbers the answer is wrong without a sign of it: compare with another oracle.
    """
    found = []
    for direction in directions:
        value = function(u + 1j * (STEP * direction))
        if value is None:
            return None
        found.append(value.imag / STEP)
    return np.array(found) if found else None
