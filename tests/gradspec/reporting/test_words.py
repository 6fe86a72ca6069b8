"""``gradspec explain``: declaration, checks and sight in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gradspec import array, index, positive, real, verify
from gradspec.checks import CHECKS
from gradspec.cli import main
from gradspec.reporting.words import explanation
from tests.gradspec.samples import power, square, times


def explained(op: object, examples: int = 8) -> str:
    """The text for an op, verified with few examples."""
    return explanation(op, verify(op, examples=examples))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        (real("n d"), "shape (n d) of real numbers"),
        (real(""), "0-d of real numbers"),
        (positive("n"), "shape (n) of real numbers from 0, without 0"),
        (array("n", lo=-1.0, hi=0.5), "of real numbers from -1 to 0.5"),
        (array("n", broadcastable=True), "broadcasting"),
        (array("n", transform=np.abs), "transformed into a structured set"),
    ],
)
def test_a_domain_is_told_in_words(domain: object, words: str) -> None:
    """Shape, kind, bounds, holes, and what else is particular."""
    assert words in explained(square(inputs={"x": domain}))


def test_other_inputs_and_params_are_told() -> None:
    """Integers, their bounds, what has no cotangent, every listed value."""
    op = times(
        inputs={"x": real("n k"), "i": index("n", "k")},
        forward=lambda x, i: (x[np.arange(len(i)), i], (x.shape, i)),
        vjp=lambda s, y: (_scattered(s, y), None),
        sizes={"k": (1, 4)},
    )
    text = explained(op)
    assert "shape (n) of whole numbers from 0 to k - 1, no cotangent" in text
    assert "size from 1 to 4" in text
    assert "param, each of: 2, 3, 1" in explained(power())


def _scattered(saved: tuple[tuple[int, int], np.ndarray], y_bar: np.ndarray) -> np.ndarray:
    shape, i = saved
    x_bar = np.zeros(shape, y_bar.dtype)
    x_bar[np.arange(len(i)), i] = y_bar
    return x_bar


def test_every_check_is_told_with_its_purpose() -> None:
    """The skipped ones with their reason, the others with what they compared."""
    text = explained(square())
    for check in CHECKS:
        assert f"{check.name:<23}{check.title}" in text
    assert "the op declares no torch reference" in text
    assert "comparisons conclusive" in text
    assert "vjp_finite_difference would have seen a relative error of" in text
    assert "\nPASS: Every check passed" in text


def test_a_failure_is_told_in_a_line() -> None:
    """The rest is for ``gradspec check``."""
    text = explained(square(vjp=lambda s, y: (3 * s * y,)))
    assert "       square: vjp is wrong for input 'x'\n" in text
    assert "\nFAIL: At least one check failed" in text
    assert "Replay" not in text


@pytest.mark.parametrize(("factor", "code"), [(2, 0), (3, 1)])
def test_the_command_has_the_exit_code_of_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], factor: int, code: int
) -> None:
    """As check has."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from gradspec import Op, real\n"
        f"square = Op(name='square', forward=lambda x: (x * x, x), vjp=lambda s, y: ({factor} * s * y,),"
        " inputs={'x': real('n')})\n"
    )
    assert code == main(["explain", "mine.py", "--examples", "8"])
    assert capsys.readouterr().out.startswith("square\n\nDeclared\n  x           shape (n) of real numbers\n")
    assert 2 == main(["explain", "gone.py"])
