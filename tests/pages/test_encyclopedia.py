"""The encyclopedia: every rule of the table, and any that is added to it, is described, counted, run and drawn; its
state is its address."""

import inspect
import math
import re
from dataclasses import dataclass
from functools import partial
from typing import ClassVar
from xml.etree import ElementTree

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from engine.encyclopedia import cost
from engine.encyclopedia.quadratic import TOP, VALLEY, Trial, threshold, trace
from engine.figures import encyclopedia as rules
from engine.figures import escape, formulas, words
from engine.figures.drawing import Chart
from engine.figures.render import numbers, paper, plotly, vega
from engine.rules import RULES, SAM, SGD, SSAM, USAM, GraphSAM, RandomDirection, Rule
from engine.spec import SpecError, encode, knob, knobs
from tests.family import suits
from tests.pages.headless import APP, seen, served


@dataclass(frozen=True)
class Halfway(Rule):
    """Half of the gradient, to be told from all others."""

    share: float = knob(0.25, 0.0, 1.0, "Half’s share", "How much of <q> it takes.")

    formula: ClassVar = "d = ½ g <q>"
    paper: ClassVar = "nobody & no one"

    def direction(self, step, memory):
        return 0.5 * step.g, memory

    def edge(self, limit, gradient_norm, ascent_norm=None):
        return 2 * limit


@dataclass(frozen=True)
class Homeless(Rule):
    """A rule that no quadratic suits."""

    formula: ClassVar = "d = g"
    paper: ClassVar = "nobody"

    def direction(self, step, memory):
        return step.g, memory

    def fits(self, problem, batch, field):
        if not problem.examples():
            raise SpecError("rule: expected a network")


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory):
    """One server's caches and store for all of these pages, since they train nothing."""
    with served(tmp_path_factory.mktemp("store")):
        yield


def visit(**parameters: str) -> AppTest:
    """The page as a new session sees it, free of exceptions."""
    app = AppTest.from_file(APP, default_timeout=60)
    app.switch_page("pages/encyclopedia.py")
    for name, value in parameters.items():
        app.query_params[name] = value
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    return app


def said(app: AppTest) -> str:
    """The page's words, as they are read."""
    return seen(
        " ".join(e.proto.body for e in app.get("html"))
        + " ".join(e.value for e in [*app.caption, *app.info, *app.error, *app.markdown])
    )


def test_it_asks_its_question():
    assert [t.value for t in visit().title] == ["Which rule is which?"]


def test_every_rule_tells_all_that_it_is():
    app = visit()
    assert list(app.radio[0].options) == [words.title(name) for name in RULES]
    for name, cls in RULES.items():
        checked(app.radio(key="encyclopedia:rule").set_value(name).run())
        text = said(app)
        runs = suits(cls(), VALLEY)
        known = "heory" if runs else "It cannot be run on one."
        told = [
            inspect.cleandoc(cls.__doc__ or "?"),
            cls.paper,
            cls.theory or known,
            *map(seen, formulas.pieces(cls.formula)),
        ]
        told += [part for k in knobs(cls).values() for part in (k.label, k.help)]
        assert [part for part in told if escape.line(part) not in text] == []
        assert [code.value for code in app.code if code.language == "python"] == [inspect.getsource(cls).rstrip()]
        assert f"{cls.__module__.replace('.', '/')}.py, from line {inspect.getsourcelines(cls)[1]}" in text
        assert len(app.get("vega_lite_chart")) == 2 * runs
        if runs:
            bound = threshold(Trial().spec(cls()).rule, TOP)
            assert ("no theory" if math.isnan(bound) else f"in theory below {bound:.3g}") in text
        assert app.query_params["rule"] == name


def test_a_rule_that_is_added_to_the_table_is_there(monkeypatch):
    monkeypatch.setitem(RULES, "Halfway", Halfway)
    app = visit(rule="Halfway", other="SAM")
    assert "Halfway" in app.radio[0].options
    text = said(app)
    told = [
        "Half of the gradient, to be told from all others.",
        r"$d = \frac12 g <q>$",
        "nobody & no one",
        "Half’s share",
        "0.25",
        "0 to 1",
        "How much of <q> it takes",
    ]
    assert [part for part in [*told, "in theory below 0.4"] if part not in text] == []
    assert not any("<q>" in e.proto.body for e in app.get("html"))
    assert [code.value for code in app.code][-2:] == [inspect.getsource(cls).rstrip() for cls in (Halfway, SAM)]


def test_a_rule_that_cannot_be_run_on_a_quadratic_says_so_in_a_line(monkeypatch):
    monkeypatch.setitem(RULES, "Homeless", Homeless)
    app = visit(rule="Homeless", other="SGD")
    assert [info.value for info in app.info] == ["Homeless cannot be run on a quadratic: expected a network"]
    assert len(app.get("vega_lite_chart")) == 2
    assert "A rule that no quadratic suits." in said(app)


def test_its_state_is_its_address():
    app = visit(rule="SSAM", other="SGD", eta="0.5", rho="0.2")
    assert (app.radio[0].value, app.selectbox(key="encyclopedia:other").value) == ("SSAM", "SGD")
    assert [slider.value for slider in app.slider] == [0.5, 0.2]
    assert app.query_params == {"rule": "SSAM", "other": "SGD", "eta": "0.5", "rho": "0.2"}
    app.slider(key="encyclopedia.eta").set_value(0.9)
    checked(app.selectbox(key="encyclopedia:other").set_value(None).run())
    assert app.query_params == {"rule": "SSAM", "eta": "0.9", "rho": "0.2"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("rule", "NOPE"), ("other", "<b>"), ("eta", "nan"), ("eta", "9"), ("rho", "-1"), ("rho", "x"), ("color", "red")],
    ids=str,
)
def test_a_bad_address_is_told_in_one_line_and_the_rest_is_kept(name, value):
    good = {"rule": "USAM", "other": "SGD", "eta": "0.5", "rho": "0.2"}
    app = visit(**good | {name: value})
    assert len(app.error) == 1
    assert name in app.error[0].value
    assert "\n" not in app.error[0].value
    kept = {
        "rule": app.radio[0].value,
        "other": app.selectbox(key="encyclopedia:other").value,
        "eta": app.slider[0].value,
        "rho": app.slider[1].value,
    }
    assert {key: str(kept[key]) for key in good if key != name} == {
        key: text for key, text in good.items() if key != name
    }


def test_a_rule_beside_itself_is_shown_once():
    app = visit(rule="SAM", other="SAM")
    assert app.selectbox(key="encyclopedia:other").value is None
    assert "SAM" not in app.selectbox(key="encyclopedia:other").options


def test_a_slider_that_cannot_apply_says_why():
    app = visit(rule="SGD")
    assert app.slider(key="encyclopedia.rho").disabled
    assert "no radius" in said(app)
    assert not visit(rule="SGD", other="SSAM").slider(key="encyclopedia.rho").disabled


def test_silence_of_theory_is_said():
    text = said(visit(rule="GraphSAM"))
    assert "0.15no theory" in re.sub("<.*?>", "", text)
    assert "On a quadratic: No theory here; what you see is the run." in re.sub("<.*?>", "", text)


def test_where_only_the_edge_is_known_its_theory_is_said():
    text = re.sub("<.*?>", "", said(visit(rule="RandomDirection")))
    assert "On a quadratic: In theory it stays bounded, as η is below 0.2." in text


def test_measuring_here(monkeypatch):
    monkeypatch.setattr(cost, "race", partial(cost.race, steps=5, turns=5))
    app = visit(rule="SAM", other="LookSAM")
    assert said(app).count("not measured yet") == 2
    checked(app.button(key="encyclopedia:measure").click().run())
    assert said(app).count("× SGD") == 2
    assert "not measured yet" not in said(app)
    checked(app.radio(key="encyclopedia:rule").set_value("USAM").run())
    assert (said(app).count("× SGD"), said(app).count("not measured yet")) == (1, 1)


def test_its_run_opens_on_the_train_page():
    app = visit(rule="USAM", eta="0.4")
    next(button for button in app.button if button.label == "Open on the Train page").click().run()
    assert not app.exception
    assert "How does it descend?" in [t.value for t in app.title]
    assert app.selectbox(key="train.problem").value == "Quadratic"
    assert app.selectbox(key="train.rule").value == "USAM"


CASES = {
    "one": [SAM(0.1)],
    "silent": [GraphSAM()],
    "noise": [RandomDirection()],
    "same theory": [SSAM(), SGD()],
    "two theories": [SAM(0.1), USAM(0.1)],
    "unstable": [USAM(0.5), SGD()],
}


@pytest.mark.parametrize("case", CASES)
def test_pictures_on_screen_and_in_print(case):
    runs = [trace(rule, Trial(0.9, 0.1)) for rule in CASES[case]]
    drawings = [rules.plane(runs[0], runs), rules.distances(runs), rules.ends(runs)]
    for drawing in drawings:
        if isinstance(drawing, Chart):
            vega.vega(drawing)
        else:
            assert [t.name for t in plotly.contour(drawing).data[-2:]] == ["start, step 0", "end, step 60"]
        svg = paper.export(drawing, "svg", 3.25, caption=True)
        text = "".join("".join(ElementTree.fromstring(svg).itertext()).split())
        assert "".join(drawing.words.split()) in text
        assert "from(1,1)" in "".join(numbers.csv(drawing).split())
        assert not drawing.empty


def test_a_picture_shows_what_was_run():
    sam, usam = (trace(rule, Trial(0.45, 0.1)) for rule in (SAM(), USAM()))
    away, ends = rules.distances([sam, usam]), rules.ends([sam, usam])
    drawn = {line.label: line for line in (*away.lines, *ends.lines)}
    assert away.lines[0].y == pytest.approx(np.hypot(*sam.path.T))
    assert [line.label for line in away.lines] == ["SAM", "USAM", "SAM, theory"]
    assert set(away.lines[2].y) == {sam.cycle}
    assert drawn["USAM, theory"].x.tolist() == pytest.approx([0.5, 0.5])
    assert drawn["SAM, theory"].x[-1] == pytest.approx(1.0)
    assert all(line.dash == "dash" and line.theory for line in drawn.values() if "theory" in line.label)
    assert all(not line.theory for line in drawn.values() if "theory" not in line.label)
    assert ends.marks[0].x == pytest.approx(0.45)
    near, far = trace(SAM(), Trial(0.7, 0.1)), trace(USAM(), Trial(0.7, 0.1))
    one, other = rules.plane(near, [far]), rules.plane(far, [near])
    assert (one.a[0], one.b[-1]) == (other.a[0], other.b[-1]) == (-4, 4)
    assert "points lie outside" in other.words
    assert "points lie outside" not in one.words
    assert one.z[30, 60] == pytest.approx(0.5 * 10 * one.a[-1] ** 2)
    assert one.z[60, 30] == pytest.approx(0.5 * one.b[-1] ** 2)
    assert encode(SAM(0.1)) == sam.spec["rule"]


def test_what_is_beyond_a_browser_is_said():
    wild = [trace(USAM(), Trial(1.2, 1.0))]
    for drawing in (rules.distances(wild), rules.ends(wild)):
        assert max(drawing.lines[0].y) == rules.HUGE
        assert "beyond 10³⁰" in drawing.words
    assert "beyond 10³⁰" not in rules.distances([trace(SAM(), Trial())]).words


def test_alike_theories_share_a_line():
    found = rules.ends([trace(rule, Trial()) for rule in (SSAM(), SGD())])
    assert [(line.label, line.colour) for line in found.lines if line.theory] == [("SSAM and SGD, theory", "ink")]


@pytest.mark.parametrize(("rule", "eta", "words"), [
    (SAM(), 0.75, "In theory it ends in a 2-cycle of radius 0.3, as η is below 0.2."),
    (USAM(), 0.75, "In theory it is not stable, since η is not below 0.1."),
    (SGD(), 0.75, "In theory it converges, as η is below 0.2."),
    (RandomDirection(), 0.75, "In theory it stays bounded, as η is below 0.2."),
    (GraphSAM(), 0.75, "No theory here; what you see is the run."),
], ids=str)  # fmt: skip
def test_what_theory_says(rule, eta, words):
    assert rules.theory(trace(rule, Trial(eta, 0.1))) == words
