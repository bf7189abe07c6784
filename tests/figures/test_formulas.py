"""Formulas: all that rules and papers write is TeX that both KaTeX's dialect and Matplotlib's have."""

from __future__ import annotations

import re

import pytest
from matplotlib.mathtext import MathTextParser

from engine.experiments import PAPERS
from engine.figures import escape, formulas
from engine.rules import RULES
from engine.sweeps.measures import MEASURES
from engine.training.updates import UPDATES

WRITTEN = {name: thing.formula for table in (RULES, UPDATES, PAPERS) for name, thing in table.items()}
COMMANDS = sorted(sign[1:] for sign in {*escape.SIGNS.values(), r"\sim"} if re.fullmatch(r"\\[a-z]+", sign))
KNOWN = re.compile(rf"\\(?:[|{{}}%&$#_ ]|(?:operatorname|text|hat|sqrt)(?={{)|(?:{'|'.join(COMMANDS)})(?![A-Za-z]))")
"""Commands that KaTeX has."""


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_in_a_line_is_tex(name):
    """Finds a sign that TeX does not know, a command that KaTeX lacks, and braces without their other half."""
    for piece in formulas.pieces(WRITTEN[name]):
        assert piece.isascii() and "\\" not in KNOWN.sub("", piece), piece
        if r"\&" not in piece:
            MathTextParser("path").parse(f"${piece}$")


@pytest.mark.parametrize(
    ("written", "tex"),
    [
        ("d = ∇L(w + ρ g/‖g‖)", r"d = \nabla L(w + \rho  g/\|g\|)"),
        ("∇L_Bⱼ, λ_min⁺, L_B′", r"\nabla L_{B_j}, \lambda _{\text{min}}^+, L_{B'}"),
        ("T²g/‖Tg‖", r"T^2g/\|Tg\|"),
        ("m̂/(√v̂ + ε)", r"\hat{m}/(\sqrt{\hat{v}} + \varepsilon )"),
        ("argmin mean m-SAM: d", r"\text{argmin mean m-SAM}{:}\  d"),
        ("T sign g, then h", r"T\operatorname{sign}g,\text{ then }h"),
        (r"\href{x}$ #1 & a_{b} 2^{3}", r"\backslash \text{href}\{x\}\textdollar  \#1 \& a\_\{b\} 2\wedge \{3\}"),
    ],
)
def test_by_hand(written, tex):
    """The last is a stranger's: no command, no argument and no end of the formula is left of it."""
    assert formulas.tex(written) == tex


def test_a_formula_in_a_page_stands_between_empty_lines_and_nothing_else_does():
    """Finds words of strangers that a page would take for TeX, and lines within a formula, which Markdown would end."""
    assert escape.html("<p>{}</p>", "a\n\n$x$\n\nb").count("\n") == 0
    page = escape.html("<div>{}</div>", formulas.lines("a < b  c\n\nd"))
    assert page == "<div><div>\n\n$a < b$\n\n</div><div>\n\n$c  d$\n\n</div></div>"


@pytest.mark.parametrize("name", MEASURES)
def test_formulas_of_measures_are_tex(name):
    """Finds one that cannot be set, and words that would be."""
    words, *formulas = re.split(r"\$([^$]+)\$", MEASURES[name].formula)
    for formula in formulas[::2]:
        MathTextParser("path").parse(f"${formula}$")
    assert formulas and not re.search(r"[\\$_^{}]", "".join([words, *formulas[1::2]]))
