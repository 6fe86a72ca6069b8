"""The checks, one function each. CHECKS is the literal list, in the order they run: cheap and exact first."""

from collections.abc import Iterable

from gradspec.checks.algebra import vjp_algebra
from gradspec.checks.complex_step import vjp_complex_step
from gradspec.checks.contract import contract
from gradspec.checks.finite_difference import vjp_finite_difference
from gradspec.checks.layouts import vjp_layouts
from gradspec.checks.linear import needs_linear_inputs, vjp_linear
from gradspec.checks.outcome import Check, Mismatch, Outcome
from gradspec.checks.second_order import needs_double_backward, vjp_second_order
from gradspec.checks.torch_value import needs_torch, value_torch
from gradspec.checks.torch_vjp import vjp_torch
from gradspec.errors import TargetError

CHECKS = (
    Check("contract", contract, "form, dtype, finiteness, ownership, no mutation, no state"),
    Check("vjp_algebra", vjp_algebra, "exactly linear in the cotangent; no overflow where forward has none"),
    Check("vjp_layouts", vjp_layouts, "the same result whatever the memory layout of inputs and y_bar"),
    Check("vjp_linear", vjp_linear, "exact for the inputs declared linear", skip=needs_linear_inputs, partial=True),
    Check(
        "vjp_finite_difference",
        vjp_finite_difference,
        "the vjp against finite differences",
        oracle=True,
        estimates=True,
    ),
    Check(
        "vjp_complex_step",
        vjp_complex_step,
        "the vjp against the complex step",
        oracle=True,
        partial=True,
        blind="forward takes no complex numbers, or is not analytic",
    ),
    Check("value_torch", value_torch, "forward against the torch reference", skip=needs_torch, everywhere=True),
    Check("vjp_torch", vjp_torch, "the vjp against torch.autograd", skip=needs_torch, oracle=True),
    Check(
        "vjp_second_order",
        vjp_second_order,
        "the derivative of the vjp against the double backward of torch",
        skip=needs_double_backward,
        partial=True,
        dtypes=("float64",),
    ),
)
ORACLES = frozenset(check.name for check in CHECKS if check.oracle)


def selected(names: Iterable[str] | None) -> tuple[Check, ...]:
    """The checks with these names, in the order of CHECKS.

    Raises:
        TargetError: A name is unknown.
    """
    if names is None:
        return CHECKS
    wanted = [names] if isinstance(names, str) else [*names]
    known = [check.name for check in CHECKS]
    for name in wanted:
        if name not in known:
            raise TargetError(f"unknown check {name!r}; the checks are: {', '.join(known)}")
    return tuple(check for check in CHECKS if check.name in wanted)


__all__ = ["CHECKS", "ORACLES", "Check", "Mismatch", "Outcome", "selected"]
