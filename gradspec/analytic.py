"""Complex arrays that refuse what is not analytic, so that a complex step cannot go wrong unnoticed."""

from __future__ import annotations

from typing import Any

import numpy as np

_REFUSED = {np.absolute, np.conjugate, np.sign}


class NotAnalyticError(TypeError):
    """An operation took the absolute value, the real part or the conjugate of a complex number."""


class Analytic(np.ndarray):
    """A complex array; what is computed from it is one, too."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        if ufunc in _REFUSED and any(_is_complex(x) for x in inputs):
            raise NotAnalyticError(f"{ufunc.__name__} of a complex number")
        if out is not None:
            options["out"] = tuple(_plain(x) for x in out)
        return _wrapped(getattr(ufunc, method)(*map(_plain, inputs), **options))

    def __array_wrap__(self, array: np.ndarray, *_: Any, **__: Any) -> Any:
        return _wrapped(array)

    @property  # type: ignore[misc]
    def real(self) -> Any:
        """Refused."""
        raise NotAnalyticError("the real part of a complex number")

    @property  # type: ignore[misc]
    def imag(self) -> Any:
        """Refused."""
        raise NotAnalyticError("the imaginary part of a complex number")

    def conj(self) -> Any:
        """Refused."""
        raise NotAnalyticError("the conjugate of a complex number")

    conjugate = conj

    def astype(self, dtype: Any, *arguments: Any, **options: Any) -> Any:
        """As of any array, but not to real numbers."""
        if np.dtype(dtype).kind != "c":
            raise NotAnalyticError(f"a complex number as {np.dtype(dtype)}")
        return _wrapped(_plain(self).astype(dtype, *arguments, **options))


def _is_complex(x: Any) -> bool:
    return np.asarray(x).dtype.kind == "c"


def _plain(x: Any) -> Any:
    return x.view(np.ndarray) if isinstance(x, Analytic) else x


def _wrapped(x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(map(_wrapped, x))
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "c":
        return np.asarray(x).view(Analytic)
    return x
