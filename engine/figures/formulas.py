"""Formulas: what rules and papers write in one line of signs and words, as TeX that KaTeX and Matplotlib both set."""

from __future__ import annotations

import re

from engine.figures import escape
from engine.figures.escape import SIGNS, line

OPERATORS = ("argmax", "argmin", "log", "max", "mean", "min", "sign", "Tr")
"""Words that are functions."""
PRODUCTS = ("Hg", "Tg", "Th")
"""Letters side by side that are no word."""
MARKS = "⁺′" + "".join(sign for sign, text in SIGNS.items() if text.startswith("_"))
"""What belongs to the letter of a subscript."""
WORD = r"(?:[A-Za-z0-9]+-)*[A-Za-z][A-Za-z’']*[A-Za-z](?:-[A-Za-z]+)*"
LOW, WORDS = rf"_(?P<low>[A-Za-z][{MARKS}]+|[A-Za-z]+)", rf"(?P<words> ?{WORD}(?: {WORD})* ?)"
PARTS = re.compile(rf"(?P<root>√)?(?P<hat>\w)\u0302|{LOW}|{WORDS}|(?P<sign>.)")
FORBIDDEN = {"\\": r"\backslash ", "^": r"\wedge "} | {mark: f"\\{mark}" for mark in "&%#_{}"}
FORBIDDEN |= {"$": r"\textdollar "}
"""What would be a command of TeX; a dollar ends a formula in Markdown however it is written."""
PLAIN = {"′": "'", "~": r"\sim ", ":": r"{:}\ "}


def tex(formula: str) -> str:
    """A formula of one line, without the dollars around it."""
    return PARTS.sub(_part, line(formula))


def pieces(formula: str) -> list[str]:
    """The lines of several formulas, which two spaces part."""
    return [tex(piece) for piece in re.split(" {2,}", formula)]


def lines(formula: str) -> escape.Html:
    """The same for a page, one below the other."""
    return escape.join("<div>{}</div>", map(escape.typeset, pieces(formula)))


def sentence(formula: str) -> str:
    """The same within Markdown, one after the other."""
    return " ".join(f"${piece}$" for piece in pieces(formula))


def mixed(text: str) -> str:
    """Words, with TeX between dollars, within Markdown."""
    words, *rest = re.split(r"(\$[^$]+\$)", text)
    return escape.markdown(words) + "".join(map(_either, rest))


def _either(part: str) -> str:
    return part if part.startswith("$") else escape.MARKS.sub(r"\\\1", line(part))


def _part(found: re.Match[str]) -> str:
    if hat := found["hat"]:
        return rf"\sqrt{{\hat{{{hat}}}}}" if found["root"] else rf"\hat{{{hat}}}"
    if low := found["low"]:
        return f"_{{{low[0]}{tex(low[1:])}}}" if len(low) == 1 or low[1] in MARKS else rf"_{{\text{{{low}}}}}"
    return _words(found["words"]) if found["words"] else _sign(found["sign"])


def _words(words: str) -> str:
    each = words.split()
    if all(word in (*OPERATORS, *PRODUCTS) for word in each):
        return " ".join(word if word in PRODUCTS else rf"\operatorname{{{word}}}" for word in each)
    return rf"\text{{{words}}}"


def _sign(sign: str) -> str:
    found = PLAIN.get(sign) or SIGNS.get(sign) or FORBIDDEN.get(sign) or sign
    return f"{found} " if found[0] == "\\" and found[-1].isalpha() else found
