"""Shape strings."""

from __future__ import annotations

import pytest

from gradspec.shapes import Axis, ShapeError, parse_shape


@pytest.mark.parametrize(
    ("text", "sizes", "lead", "expected"),
    [
        ("", {}, (), ()),
        ("n", {"n": 3}, (), (3,)),
        ("n d", {"n": 3, "d": 0}, (), (3, 0)),
        ("n n", {"n": 2}, (), (2, 2)),
        ("n 3", {"n": 2}, (), (2, 3)),
        ("g*i", {"g": 2, "i": 5}, (), (10,)),
        ("2*g*i g", {"g": 2, "i": 5}, (), (20, 2)),
        ("2*3", {}, (), (6,)),
        ("...", {}, (4, 1), (4, 1)),
        ("... n", {"n": 3}, (), (3,)),
        ("... n", {"n": 3}, (2, 1, 2), (2, 1, 2, 3)),
        ("n", {"n": 3}, (2,), (3,)),
        ("  n   d ", {"n": 1, "d": 2}, (), (1, 2)),
    ],
)
def test_sizes_become_numbers(
    text: str, sizes: dict[str, int], lead: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    """A parsed shape gives the numbers once sizes and leading axes are known."""
    assert expected == parse_shape(text).sizes(sizes, lead)


def test_symbols_come_once_in_order() -> None:
    """Symbols are listed in order of appearance, each once."""
    assert ("b", "g", "i") == parse_shape("... b g*i 3 b g").symbols


def test_a_product_keeps_its_factor_apart() -> None:
    """Whole numbers multiply into the factor of the axis."""
    assert (Axis(6, ("g",)),) == parse_shape("2*g*3").axes


@pytest.mark.parametrize(
    "text", ["n ...", "... ...", "n,d", "n*", "*n", "-1", "n+1", "1.5", "2n", "n**2", "(n)", "n-d"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    """The error names the part that cannot be read."""
    with pytest.raises(ShapeError, match="is not a size"):
        parse_shape(text)
