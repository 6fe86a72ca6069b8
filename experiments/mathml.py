r"""LaTeX, as formulas of ops use it, to MathML: small, readable aloud, drawn by the browser without a font or a script.

A recursive descent over tokens. What it does not know raises :class:`UnknownLatexError`: the page then shows the source
of the formula, never a wrong formula.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape

from gradspec.errors import GradspecError

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\s+|.", re.DOTALL)
_SPACES = {r"\,": 0.167, r"\:": 0.222, r"\;": 0.278, r"\!": -0.167, r"\ ": 0.25, "~": 0.25, r"\quad": 1, r"\qquad": 2}
_ACCENTS = {r"\bar": "¯", r"\overline": "¯", r"\hat": "ˆ", r"\tilde": "~", r"\dot": "˙", r"\vec": "→"}
_WIDE = {r"\sum": "∑", r"\prod": "∏", r"\int": "∫"}


def _pairs(text: str) -> dict[str, str]:
    """A table written as "command sign command sign ..."."""
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


_FUNCTIONS = _pairs(
    r"""\exp exp \log log \ln ln \sin sin \cos cos \tan tan \sinh sinh \cosh cosh \tanh tanh \arcsin arcsin
    \arccos arccos \arctan arctan \det det \dim dim \Pr Pr \max max \min min \sup sup \inf inf \arg arg \lim lim"""
)
_LIMITS = {r"\max", r"\min", r"\sup", r"\inf", r"\lim", r"\sum", r"\prod"}
_IDENTIFIERS = _pairs(
    r"""\alpha α \beta β \gamma γ \delta δ \epsilon ϵ \varepsilon ε \zeta ζ \eta η \theta θ \kappa κ \lambda λ \mu μ
    \nu ν \xi ξ \pi π \rho ρ \sigma σ \tau τ \phi ϕ \varphi φ \chi χ \psi ψ \omega ω \Gamma Γ \Delta Δ \Theta Θ
    \Lambda Λ \Sigma Σ \Phi Φ \Psi Ψ \Omega Ω \ell ℓ \infty ∞"""
)
_OPERATORS = _pairs(
    r"""\odot ⊙ \cdot ⋅ \times × \otimes ⊗ \oplus ⊕ \circ ∘ \pm ± \mp ∓ \le ≤ \leq ≤ \ge ≥ \geq ≥ \ne ≠ \neq ≠
    \equiv ≡ \approx ≈ \sim ∼ \propto ∝ \in ∈ \notin ∉ \subset ⊂ \cup ∪ \cap ∩ \to → \mapsto ↦ \partial ∂ \nabla ∇
    \top ⊤ \intercal ⊺ \ast ∗ \star ⋆ \mid ∣ \vert | \lvert | \rvert | \| ‖ \Vert ‖ \lVert ‖ \rVert ‖ \{ { \} }
    \lfloor ⌊ \rfloor ⌋ \lceil ⌈ \rceil ⌉ \langle ⟨ \rangle ⟩ \ldots … \dots … \cdots ⋯ \forall ∀ \wedge ∧ \land ∧
    \vee ∨ \lor ∨ \neg ¬ \ll ≪ \gg ≫ \& & \% % \_ _ - − * ∗ + + = = < < > > / / , , ; ; : : . . ! ! ? ?"""
)
_FENCES = {"(", ")", "[", "]", "|"} | {command for command, sign in _OPERATORS.items() if sign in set("{}|‖⌊⌋⌈⌉⟨⟩")}
_TABLES = {"cases": ("{", ""), "matrix": ("", ""), "pmatrix": ("(", ")"), "bmatrix": ("[", "]"), "aligned": ("", "")}
_STYLES = {r"\mathbf": "font-weight:bold", r"\boldsymbol": "font-weight:bold;font-style:italic"}


class UnknownLatexError(GradspecError):
    """A formula holds something that is not known here.

    Attributes:
        token: The command or character.
    """

    def __init__(self, token: str) -> None:
        self.token = token
        super().__init__(f"cannot show {token!r} in a formula")

    def __reduce__(self) -> tuple[type[UnknownLatexError], tuple[str]]:
        return type(self), (self.token,)


def mathml(latex: str) -> str:
    """The ``<math>`` element of a formula, with its LaTeX as annotation.

    Raises:
        UnknownLatexError: The formula holds a command that is not known, or is not complete.
    """
    parser = _Parser(latex)
    row = parser.row(until=None)
    note = f'<annotation encoding="application/x-tex">{escape(latex)}</annotation>'
    return f'<math display="block"><semantics>{row}{note}</semantics></math>'


class _Parser:
    """The tokens of one formula and how far they are read."""

    def __init__(self, latex: str) -> None:
        self.tokens: list[str] = _TOKEN.findall(latex)
        self.position = 0

    def peek(self) -> str:
        """The next token, "" at the end; white space means nothing."""
        while self.position < len(self.tokens) and self.tokens[self.position].isspace():
            self.position += 1
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        """Read the next token."""
        token = self.peek()
        if not token or (expected and token != expected):
            raise UnknownLatexError(token or "the end")
        self.position += 1
        return token

    def row(self, until: str | None) -> str:
        """Everything up to the token *until* (None: the end), which is read as well."""
        parts = []
        while (token := self.peek()) != (until or ""):
            if not token:
                raise UnknownLatexError("the end")
            parts.append(self.scripted())
        if until:
            self.take()
        return f"<mrow>{''.join(parts)}</mrow>"

    def scripted(self) -> str:
        """One atom with what is above and below it."""
        token = self.peek()
        base = self.atom()
        below = above = ""
        while (mark := self.peek()) in ("_", "^", "'"):
            self.take()
            if mark == "'":
                above += "<mo>′</mo>"
            elif mark == "_":
                below += self.atom()
            else:
                above += self.atom()
        if not below and not above:
            scripted = base
        elif token in _LIMITS:
            scripted = _scripts("under", "over", base, below, above)
        else:
            scripted = _scripts("sub", "sup", base, below, above)
        if token in _FUNCTIONS and self.peek() not in ("", "(", "[", "}", r"\left"):
            scripted += '<mspace width="0.167em"></mspace>'
        return scripted

    def atom(self) -> str:  # noqa: C901 - a table of the kinds of tokens, in their order
        """One symbol, group or command with its arguments."""
        token = self.take()
        if token == "{":  # noqa: S105 - a brace, not a password
            return self.row(until="}")
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha() or token in _IDENTIFIERS:
            return f"<mi>{_IDENTIFIERS.get(token, token)}</mi>"
        if token in _FUNCTIONS:
            return f"<mi>{_FUNCTIONS[token]}</mi>"
        if token in _WIDE:
            return f"<mo>{_WIDE[token]}</mo>"
        if token in _SPACES:
            return f'<mspace width="{_SPACES[token]}em"></mspace>'
        if token in _ACCENTS:
            return f'<mover accent="true">{self.atom()}<mo>{_ACCENTS[token]}</mo></mover>'
        if token in _COMMANDS:
            return _COMMANDS[token](self)
        if token in _FENCES:
            return _fence(token, stretchy=False)
        if token in _OPERATORS:
            return f"<mo>{escape(_OPERATORS[token])}</mo>"
        raise UnknownLatexError(token)

    def text(self) -> str:
        """The characters of a group, taken as they are."""
        self.take("{")
        parts: list[str] = []
        while (part := self.tokens[self.position] if self.position < len(self.tokens) else "") != "}":
            if not part or part.startswith("\\") or part == "{":
                raise UnknownLatexError(part or "the end")
            parts.append(part)
            self.position += 1
        self.take("}")
        return escape("".join(parts))

    def fraction(self) -> str:
        """The two arguments of a fraction."""
        return f"<mfrac>{self.atom()}{self.atom()}</mfrac>"

    def root(self) -> str:
        """A square root; other roots are not known."""
        return f"<msqrt>{self.atom()}</msqrt>"

    def fenced(self) -> str:
        r"""What stands between ``\left`` and ``\right``."""
        left, row, right = self.take(), self.row(until=r"\right"), self.take()
        return f"<mrow>{_fence(left, stretchy=True)}{row}{_fence(right, stretchy=True)}</mrow>"

    def table(self) -> str:
        """An environment of rows and cells."""
        name = self.text()
        if name not in _TABLES:
            raise UnknownLatexError(rf"\begin{{{name}}}")
        rows, cells, parts = [], [], []
        while (token := self.peek()) != r"\end":
            if token not in ("&", r"\\"):
                parts.append(self.scripted())
                continue
            self.take()
            cells.append("".join(parts))
            parts = []
            if token == r"\\":  # noqa: S105 - the end of a row, not a password
                rows.append(cells)
                cells = []
        self.take()
        if self.text() != name:
            raise UnknownLatexError(rf"\end after \begin{{{name}}}")
        if parts or cells:
            rows.append([*cells, "".join(parts)])
        body = "".join(f"<mtr>{''.join(f'<mtd>{cell}</mtd>' for cell in row)}</mtr>" for row in rows)
        left, right = (f"<mo>{fence}</mo>" if fence else "" for fence in _TABLES[name])
        return f'<mrow>{left}<mtable columnalign="left">{body}</mtable>{right}</mrow>'


def _scripts(lower: str, upper: str, base: str, below: str, above: str) -> str:
    """A base with a lower and an upper script, either of which may be "" but not both."""
    below, above = (f"<mrow>{part}</mrow>" if part else "" for part in (below, above))
    kind = f"m{lower if below else ''}{upper if above else ''}"
    return f"<{kind}>{base}{below}{above}</{kind}>"


def _fence(token: str, *, stretchy: bool) -> str:
    if token == ".":  # noqa: S105 - TeX's invisible fence, not a password
        return ""
    if token not in _FENCES:
        raise UnknownLatexError(token)
    return f'<mo stretchy="{str(stretchy).lower()}">{_OPERATORS.get(token, token)}</mo>'


def _upright(parser: _Parser) -> str:
    return f'<mi mathvariant="normal">{parser.text()}</mi>'


def _words(parser: _Parser) -> str:
    return f"<mtext>{parser.text().replace(' ', '&#160;')}</mtext>"


def _styled(style: str) -> Callable[[_Parser], str]:
    return lambda parser: f'<mrow style="{style}">{parser.atom()}</mrow>'


_COMMANDS: Mapping[str, Callable[[_Parser], str]] = {
    r"\frac": _Parser.fraction,
    r"\tfrac": _Parser.fraction,
    r"\dfrac": _Parser.fraction,
    r"\sqrt": _Parser.root,
    r"\left": _Parser.fenced,
    r"\begin": _Parser.table,
    r"\mathrm": _upright,
    r"\operatorname": _upright,
    r"\text": _words,
    **{command: _styled(style) for command, style in _STYLES.items()},
}
