"""Words of strangers (names of columns and files, labels, error texts, words of specs) made fit for HTML, Markdown,
LaTeX, SVG, Plotly and names of files: the one place where that is done."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import LiteralString


def _greek(letter: str) -> str:
    """The name of a Greek letter, in capitals, as Unicode has it."""
    return re.sub("GREEK .*LETTER ", "", unicodedata.name(letter, ""))


BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Characters that end a line, or are no text at all."""
UNSEEN = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]")
"""Characters without a picture: those that turn what follows around, hide in a word, or stand for no character."""
MARKS = re.compile(r"([\\/`*_{}\[\]()<>#!|~$&])")
"""What means something in Markdown wherever it stands; a colon and a stop do not, and are in most messages."""
LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
} | {mark: f"\\{mark}" for mark in "&%$#_{}"}
SIGNS = {
    "‖": r"\|",
    "×": r"\times",
    "−": "-",
    "∇": r"\nabla",
    "←": r"\leftarrow",
    "→": r"\rightarrow",
    "√": r"\surd",
    "·": r"\cdot",
    "±": r"\pm",
    "ℓ": r"\ell",
    "⊙": r"\odot",
    "′": r"\prime",
    "∞": r"\infty",
    "≤": r"\leq",
    "≥": r"\geq",
    "≪": r"\ll",
    "≫": r"\gg",
    "≈": r"\approx",
    "⟨": r"\langle",
    "⟩": r"\rangle",
    "½": r"\frac12",
    "⅔": r"\frac23",
}
GREEK = {"lamda": "lambda", "epsilon": "varepsilon", "phi": "varphi"}
"""Unicode's names of Greek letters that LaTeX calls otherwise."""
SIGNS |= {one: "\\" + GREEK.get(name, name) for one in "αβγδεηθλμπρστφ" for name in [_greek(one).lower()]}
SIGNS |= {"Δ": r"\Delta", "Σ": r"\Sigma"}
SIGNS |= {raised: f"^{unicodedata.normalize('NFKD', raised)}" for raised in "⁰¹²³⁴⁵⁶⁷⁸⁹⁺ᵀ"} | {"⁻": "^-"}
SIGNS |= {lowered: f"_{unicodedata.normalize('NFKD', lowered)}" for lowered in "₀₁₂₃₄₅₆₇₈₉₊ₓᵢⱼₜ"} | {"₋": "_-"}
"""What our own words say in signs, which LaTeX has in formulas alone."""
LATEX |= {sign: rf"\ensuremath{{{formula}}}" for sign, formula in SIGNS.items()}
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}
PLOTLY = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "{": "&#123;"}
"""Of the entities Plotly knows few by name, and in the words of a legend counts each as long as it is written."""


class Html(str):
    """Text that is HTML already; only `html`, `join` and `typeset` make it."""

    __slots__ = ()


SET = "\n\n$"
"""How TeX within HTML begins, and nothing else: words of strangers have no line breaks there."""


def html(template: LiteralString, *parts: object) -> Html:
    """The template, which is HTML, with its {} filled by the parts: as they are where they are HTML themselves, else
    escaped, for text and for an attribute in quotes."""
    return Html(template.format(*(part if isinstance(part, Html) else svg(str(part)) for part in parts)))


LOW, HIGH = re.compile(r"\b(\w)_([A-Za-z]+)"), re.compile(r"\^([^\s&({])")
"""What stands lower after its letter, and what stands higher, in formulas that are written in one line."""


def formula(text: object) -> Html:
    """Text for HTML in which letters after "R_" stand lower, and one sign after "^" higher, as in formulas."""
    return Html(HIGH.sub(r"<sup>\1</sup>", LOW.sub(r"\1<sub>\2</sub>", svg(text))))


def mathtext(text: object) -> str:
    """The same for Matplotlib's own mathematics."""
    lowered = LOW.sub(r"$\1_{\\mathrm{\2}}$", line(str(text)).replace("$", r"\$"))
    for sign in "≪≫":  # the text face has none, and within mathematics no other face takes its place
        lowered = lowered.replace(sign, f"${SIGNS[sign]}$")
    return HIGH.sub(lambda sign: f"$^{{{unicodedata.normalize('NFKC', sign[1]).replace('⁄', '/')}}}$", lowered)


def typeset(tex: str) -> Html:
    """TeX, as `formulas` makes it, for HTML: between empty lines, within an element that is a block, KaTeX sets it."""
    return Html(f"{SET}{tex}$\n\n")


def join(template: LiteralString, parts: Iterable[object]) -> Html:
    """The template once for each part, one after the other."""
    return Html("".join(html(template, part) for part in parts))


def markdown(text: object) -> str:
    """Text within Markdown, in which nothing becomes a link, a picture, a formula, a list, a tag or an entity."""
    return re.sub(r"^(\d*)([-+=.])", r"\1\\\2", MARKS.sub(r"\\\1", line(str(text))))


def cited(text: object) -> str:
    """The same, with links from what arXiv calls papers to these."""
    return re.sub(r"arXiv (\d{4}\.\d{5})", r"[arXiv \1](https://arxiv.org/abs/\1)", markdown(text))


def latex(text: object) -> str:
    """Text within LaTeX, in which nothing is a command, a comment, a formula or a parameter."""
    return "".join(LATEX.get(character, character) for character in line(str(text)))


def svg(text: object) -> str:
    """Text within SVG or any XML, HTML among them, or within an attribute in quotes."""
    return "".join(ENTITIES.get(character, character) for character in line(str(text)))


def plotly(text: object) -> str:
    """Text within what Plotly calls text: a few of HTML's tags and entities, and %{places} that it fills in."""
    return "".join(PLOTLY.get(character, character) for character in line(str(text)))


def file(text: object) -> str:
    """Text within a file's name: small ASCII letters, digits and hyphens, Greek letters by their names."""
    plain = [c for c in unicodedata.normalize("NFKD", line(str(text))) if not unicodedata.combining(c)]
    named = "".join(_greek(c).lower() if "Ͱ" <= c <= "Ͽ" else c for c in plain)
    return re.sub("[^a-z0-9]+", "-", named.lower().replace("lamda", "lambda")).strip("-")


def line(text: str) -> str:
    """Text on one line, with a mark in place of each character that has no picture."""
    return UNSEEN.sub("\ufffd", BREAKS.sub(" ", text))
