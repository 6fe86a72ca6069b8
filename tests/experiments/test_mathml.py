"""Formulas: the LaTeX that ops use becomes MathML, and what is not known is shown as it is, never wrongly."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

import ops
from experiments.mathml import UnknownLatexError, mathml
from experiments.page import Page, render
from experiments.verification import OpRow
from gradspec import Op

ARGUMENTS = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3}


def shown(latex: str) -> str:
    """The elements of a formula, without what is around every formula."""
    whole = re.fullmatch(r"<math display=\"block\"><semantics><mrow>(.*)</mrow><annotation .*</math>", mathml(latex))
    assert whole is not None
    return whole[1]


@pytest.mark.parametrize("op", ops.OPS, ids=lambda op: op.name)
def test_every_op_can_be_shown(op: Op) -> None:
    """Forward and vjp of each op become well-formed MathML in which no LaTeX is left."""
    for latex in (op.formula, op.vjp_formula):
        root = ET.fromstring(mathml(latex))  # noqa: S314 - our own text
        assert "math" == root.tag
        for element in root.iter():
            assert ARGUMENTS.get(element.tag, len(element)) == len(element), element.tag
            if element.tag == "annotation":
                assert latex == element.text
            else:
                assert not set(element.text or "") & set("\\{}^_$"), latex


def test_a_bar_is_over_its_letter() -> None:
    r"""``\bar x_i`` is a bar over x alone, with the index beside both."""
    bar = '<mover accent="true"><mi>x</mi><mo>¯</mo></mover>'

    assert f"<msub>{bar}<mrow><mi>i</mi></mrow></msub>" == shown(r"\bar x_i")
    assert f"<msub>{bar}<mrow><mrow><mi>i</mi><mi>j</mi></mrow></mrow></msub>" == shown(r"\bar x_{ij}")


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"a / 2", "<mi>a</mi><mo>/</mo><mn>2</mn>"),
        (r"0.25", "<mn>0.25</mn>"),
        (r"a \odot b", "<mi>a</mi><mo>⊙</mo><mi>b</mi>"),
        (r"x^2", "<msup><mi>x</mi><mrow><mn>2</mn></mrow></msup>"),
        (r"x_i^2", "<msubsup><mi>x</mi><mrow><mi>i</mi></mrow><mrow><mn>2</mn></mrow></msubsup>"),
        (r"\sum_k x", "<munder><mo>∑</mo><mrow><mi>k</mi></mrow></munder><mi>x</mi>"),
        (r"\frac{1}{n}", "<mfrac><mrow><mn>1</mn></mrow><mrow><mi>n</mi></mrow></mfrac>"),
        (r"\sqrt{x}", "<msqrt><mrow><mi>x</mi></mrow></msqrt>"),
        (r"f'", "<msup><mi>f</mi><mrow><mo>′</mo></mrow></msup>"),
        (r"\text{if } x", "<mtext>if&#160;</mtext><mi>x</mi>"),
        (r"\ln x", '<mi>ln</mi><mspace width="0.167em"></mspace><mi>x</mi>'),
        (r"\left( x \right)", None),
        (r"\begin{cases} x & y \\ 0 & z \end{cases}", None),
        (r"\mathrm{tr}", '<mi mathvariant="normal">tr</mi>'),
        (r"a < b", "<mi>a</mi><mo>&lt;</mo><mi>b</mi>"),
    ],
)
def test_constructions(latex: str, expected: str | None) -> None:
    """Each construction has its element, and every formula is well-formed."""
    ET.fromstring(mathml(latex).replace("&#160;", " "))  # noqa: S314 - our own text
    if expected is not None:
        assert expected == shown(latex)


def test_fences_and_tables() -> None:
    """Fences grow with what is between them; the cases of a formula are rows."""
    assert 2 == shown(r"\left( x \right]").count('stretchy="true"')
    assert 1 == shown(r"\left. x \right|").count('stretchy="true"')
    cases = shown(r"\begin{cases} x & y \\ 0 & z \end{cases}")
    assert (2, 4) == (cases.count("<mtr>"), cases.count("<mtd>"))


@pytest.mark.parametrize(
    "latex",
    [r"\unknown x", r"x^", r"{x", r"x}", r"\frac{1}", r"\left( x", r"\left x \right)", r"\begin{what} x \end{what}",
     r"\begin{cases} x \end{matrix}", r"\begin{cases} x", r"\text{a \b}", r"\text{a", "$x$", "x # y"],
)  # fmt: skip
def test_what_is_not_known_is_refused(latex: str) -> None:
    """An unknown command and a formula that is not complete are named, not guessed."""
    with pytest.raises(UnknownLatexError, match="in a formula"):
        mathml(latex)


def test_what_is_not_known_is_shown_as_it_is() -> None:
    """The page shows the source of such a formula."""
    row = OpRow(name="f", verdict="PASS", formula=r"\unknown <x>")
    page = Page(ops=[row], sections=[], environments={}, quick=False, examples=1, command="c")

    assert r'<code class="latex">\unknown &lt;x&gt;</code>' in render(page)
