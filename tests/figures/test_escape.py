"""Words of strangers: each hostile word comes out of a caption, a legend, an error and an export as the characters
that it is, and no other way leads there."""

from __future__ import annotations

import ast
import html.parser
import json
import re
from collections.abc import Collection
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from engine.figures import escape
from engine.figures.drawing import Chart, Line, Map, Mark
from engine.figures.onmap import Route
from engine.figures.render import motion, numbers, paper, plotly, vega

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = {
    "tag": "<script>alert(1)</script>",
    "attribute": "' onmouseover='alert(1)\" x=\"",
    "formula": "$x$ $$y$$",
    "link": "[a](javascript:1) ![b](c)",
    "command": "\\input{x} \\\\ ~ ^ # % _",
    "section": "]]><!-- & &lt; &#60;",
    "lines": "one\ntwo\r\n\n# three\u2028four\x0b\x00",
    "turned": "a\u202egnp.exe\u2069\u200f",
    "list": "- x",
    "number": "1. x",
    "place": "%{y} {0} <b>b</b>",
}
"""Words of which each means something to a reader of HTML, Markdown, LaTeX, SVG or Plotly's text."""
ANY = pytest.mark.parametrize("word", HOSTILE.values(), ids=HOSTILE)


class Read(html.parser.HTMLParser):
    """The tags, attributes and text that a browser sees."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, list]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, attrs))

    def handle_comment(self, data):
        self.tags.append(("comment", []))

    def handle_data(self, data):
        self.text += data


@ANY
def test_html_holds_the_word_and_no_tag_of_it(word):
    """Finds a part that is put into HTML as it is: its tags and attributes would be there."""
    read = Read(escape.html("<p title='{}'>{}</p>", word, word))
    assert read.tags == [("p", [("title", escape.line(word))])] and read.text == escape.line(word)
    assert {tag for tag, _ in Read(escape.formula(f"R_max {word} ^{word}")).tags} <= {"sub", "sup"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Alignment: |cos(g, vᵢ)|", "alignment-cos-g-vi"),
        ("Sharpness λ₁", "sharpness-lambda1"),
        ("Über ../η", "uber-eta"),
        ("a\x00b\u202e", "a-b"),
    ],
)
def test_a_file_name_is_plain_ascii(text, name):
    assert escape.file(text) == name


def test_html_within_html_stays():
    """Finds a part that is escaped twice, and one that is not because the whole is a list."""
    row = escape.html("<tr>{}</tr>", escape.join("<td>{}</td>", ["a<b", escape.html("<i>{}</i>", "&")]))
    assert row == "<tr><td>a&lt;b</td><td><i>&amp;</i></td></tr>"
    assert escape.formula("λ_min⁺, 2η^⅔ <_a") == "λ<sub>min</sub>⁺, 2η<sup>⅔</sup> &lt;_a"


@ANY
def test_markdown_escapes_every_mark(word):
    """Finds a mark that is left as it is, a line's end, and a number or a dash that would begin a list."""
    text = escape.markdown(word)
    assert "\n" not in text and re.sub(r"\\(.)", r"\1", text) == escape.line(word)
    bare = re.sub(r"\\.", "", text)
    assert not set(bare) & set("\\`*_{}[]()<>#!|~$&/") and not re.match(r"\s*([-+]|\d+[.)])\s", bare)


@ANY
def test_latex_holds_no_command_of_the_word(word):
    """Finds a mark that LaTeX would obey: what is left, with our own commands taken out, has none."""
    text = escape.latex(word)
    ours = r"\\text(backslash|asciitilde|asciicircum|less|greater|bar|quotedbl)\{\}|\\[&%$#_{}]"
    ours += r"|\\ensuremath\{([\^_]?[a-zA-Z0-9+-]|\\([a-zA-Z]+(12|23)?|\|))\}"
    assert not set(re.sub(ours, "", text)) & set("\\{}$&#%_~^") and "\n" not in text
    back = {value: key for key, value in escape.LATEX.items()}
    assert re.sub(ours, lambda found: back[found[0]], text) == escape.line(word)


def chart(word: str) -> Chart:
    """A chart that says the word wherever a chart says any."""
    x = np.arange(3.0)
    lines = (Line(f"{word} a", x, x, "blue", marker="circle"), Line(f"{word} b", x, x + 1, "green"))
    ticks = ((0.0, word), (2.0, "two"))
    return Chart("name", word, word, word, lines, word, marks=(Mark(1.0, word),), x_ticks=ticks, source=word)


def contour(word: str) -> Map:
    """A map that does so."""
    axis, z = np.linspace(-1, 1, 3), np.arange(9.0).reshape(3, 3)
    route, none = Route(word, "blue", axis[:2], axis[:2], np.ones(2), np.arange(2)), np.zeros(0)
    words = ("name", word, word, word, word)
    return Map(*words, axis, axis, z, False, (0.0, 8.0), none, none, none, none, -1, word, routes=(route,))


@ANY
@pytest.mark.parametrize("draw", [chart, contour])
def test_an_exported_svg_is_xml_that_says_the_word(word, draw):
    """Finds a character that XML cannot hold, a word that is obeyed as a formula or a tag, and one that is lost."""
    content = paper.export(draw(word), "svg", caption=True)
    root = ElementTree.fromstring(content)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    said = ["".join(element.itertext()) for element in root.iter() if element.tag.endswith("}text")]
    assert "script" not in tags and any(escape.line(word).strip()[:12] in text for text in said)
    assert not escape.UNSEEN.search("".join(said).replace("\ufffd", ""))


@ANY
@pytest.mark.parametrize("draw", [chart, contour])
def test_plotly_reads_the_word_as_text(word, draw):
    """Finds a label that Plotly would read as its own tags or places, in a legend, a title, a tick or a mark."""
    figures = [motion.figure(draw(word))]
    if draw is contour:
        figures += [plotly.contour(contour(word)), plotly.scene(contour(word))]
    texts = [text for figure in figures for text in said(json.loads(str(figure.to_json(engine="json"))))]
    bare = [re.sub(r"%\{(x|y|customdata)(:[^}]*)?\}|<extra></extra>", "", text) for text in texts]
    assert len(texts) > 3 and not [text for text in bare if re.search(r"<|%\{", text)]
    known = [text for text in texts if html.unescape(text).startswith(escape.line(word))]
    assert len(known) >= 2, texts


def said(node, key: str = "") -> list[str]:
    """All text in a Plotly figure that is drawn as text."""
    if isinstance(node, dict):
        return [text for name, value in node.items() for text in said(value, name)]
    if isinstance(node, list):
        return [text for value in node for text in said(value, key)]
    return [node] if key in ("text", "name", "ticktext", "hovertemplate") and isinstance(node, str) else []


@ANY
def test_a_tick_in_vega_is_a_string_of_its_language(word):
    """Finds a word that is put between quotes as it is, and so ends them: Vega would obey the rest."""
    rows, spec = vega.vega(chart(word))
    found = [match for match in re.findall(r'"labelExpr": ("(?:[^"\\]|\\.)*")', json.dumps(spec)) if "indexof" in match]
    assert found and len(rows)
    for expression in map(json.loads, found):
        names, end = json.JSONDecoder().raw_decode(expression)
        assert names == [word, "two"] and expression[end:] == "[indexof([0.0, 2.0], datum.value)]"


@ANY
def test_a_table_of_numbers_keeps_its_rows(word):
    """Finds a word whose line's end begins a row of its own in the CSV."""
    lines = numbers.csv(chart(word)).splitlines() if "\n" not in word else []
    assert not lines or all(line.startswith(("# ", '"')) for line in lines)


FILES = sorted([*(ROOT / "pages").rglob("*.py"), *(ROOT / "engine" / "figures").rglob("*.py")])
MARKDOWN = {"error", "warning", "info", "success", "caption", "markdown", "write", "toast", "title", "header"} | {
    *("subheader", "progress", "spinner", "popover", "badge", "latex")
}
"""What shows Markdown that is not the label of a widget, which our own tables name."""
PLOTLY = {"name", "text", "hovertemplate", "ticktext"}


def calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]


def name(node: ast.expr) -> str:
    return ast.unparse(node)


def safe(node: ast.expr, escaped: Collection[str]) -> bool:
    """Whether an expression is a literal of ours, a number in a format, or what a function of `escaped` gives."""
    match node:
        case ast.Constant():
            return True
        case ast.Call():
            return name(node.func) in escaped
        case ast.JoinedStr():
            return all(safe(value, escaped) for value in node.values)
        case ast.FormattedValue():
            number = name(node.format_spec) if node.format_spec else ""
            return safe(node.value, escaped) or bool(re.search("[,.0-9]", number))
        case ast.IfExp():
            return safe(node.body, escaped) and safe(node.orelse, escaped)
        case ast.BoolOp():
            return all(safe(value, escaped) for value in node.values)
    return False


def shown(call: ast.Call) -> list[ast.expr]:
    """What a call of Streamlit's shows as Markdown."""
    place = 1 if name(call.func) == "st.progress" else 0
    return [*call.args[place : place + 1], *(k.value for k in call.keywords if k.arg in ("text", "body", "label"))]


ESCAPED = ("escape.markdown", "escape.cited", "formulas.sentence", "formulas.mixed")  # make Markdown of words


def others(text: str) -> list[str]:
    """The ways past `engine.figures.escape` in a module's text, by their lines."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom) and any(
            one.split(".")[0] in ("html", "markupsafe", "xml") for one in modules(node)
        ):
            found.append(f"{node.lineno}: another module that escapes")
        if not isinstance(node, ast.Call):
            continue
        called, given = name(node.func), {k.arg for k in node.keywords}
        if called in ("st.html", "st.iframe", "components.html") or "unsafe_allow_html" in given:
            found.append(f"{node.lineno}: {called} outside of shell.write")
        if called.split(".")[-1] == "Html":
            found.append(f"{node.lineno}: HTML that nobody has escaped")
        if called.startswith("st.") and called[3:] in MARKDOWN:
            found += [f"{node.lineno}: {called}({name(a)})" for a in shown(node) if not safe(a, ESCAPED)]
    return found


def modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_there_is_no_other_way(path):
    """Finds Markdown or HTML of words that nobody has escaped; that templates are literals, LiteralString says."""
    text = path.read_text(encoding="utf-8")
    if path.name == "escape.py":
        return
    if path.name == "shell.py":  # the one place, whose argument is of type Html, and the style sheet
        assert text.count("st.html(") == 2 and "st.html(text, " in text and "st.html(STYLE)" in text
        assert text.count("unsafe_allow_html") == 1 and "st.markdown(text, unsafe_allow_html=True, " in text
        text = text.replace("st.html(", "print(").replace("st.markdown(text, unsafe_allow_html=True, ", "print(")
    assert others(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "st.error(str(error))",
        "st.caption(f'{spec}')",
        "st.html('<b>' + name)",
        "st.markdown(text, unsafe_allow_html=True)",
        "import html",
        "from html import escape",
        "escape.Html(name)",
        "st.progress(0.5, said)",
        "st.warning(f'a {escape.markdown(b)} {c}')",
    ],
)
def test_the_search_finds_another_way(line):
    assert len(others(line)) >= 1


@pytest.mark.parametrize(
    "line",
    ["st.error(escape.markdown(e))", "st.caption(f'{n:,} of {escape.markdown(x)}')", "st.info('a' if b else 'c')"],
)
def test_the_search_lets_what_is_escaped_be(line):
    assert others(line) == []


@pytest.mark.parametrize("path", [p for p in FILES if p.parent.name == "render"], ids=lambda path: path.name)
def test_plotly_gets_no_word_as_it_is(path):
    """Finds a new label of a figure in Plotly that is not escaped."""
    if path.name not in ("plotly.py", "paths.py", "motion.py", "layout.py"):
        return
    given = [(k.arg, k.value) for call in calls(path) for k in call.keywords]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Dict):
            given += [(str(getattr(k, "value", "")), v) for k, v in zip(node.keys, node.values, strict=True)]
    words = [value for key, value in given if key in PLOTLY and name(value) not in ("names", "{}")]
    own = {"hover", "short(drawing.x_label)", "short(drawing.y_label)", "short(drawing.z_label)"}
    bad = [name(v) for v in words if not safe(v, ("escape.plotly",)) and name(v) not in own and not listed(v)]
    assert bad == []


def listed(node: ast.expr) -> bool:
    return isinstance(node, ast.ListComp) and safe(node.elt, ("escape.plotly",))
