"""The papers' page: cards, an experiment by its address, its run through the worker, prediction, presenting, the
handout, and the ways to and from Train."""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from engine.experiments import EXPERIMENTS, PAPERS, current
from engine.experiments.lab import Lab
from engine.experiments.verdicts import table
from engine.figures.drawing import Chart, Line, Map
from engine.figures.render import handout, motion
from engine.spec import decode, digest
from engine.training.runs import RunSpec
from engine.work import references
from engine.work.kinds import Work
from pages.ui import cached, citations, present, trial
from tests.pages.headless import open_page, server_store, texts  # noqa: F401  # the fixture `store`
from tests.pages.headless import papers as at

pytestmark = pytest.mark.xdist_group("papers")
DRIFT = EXPERIMENTS["Drift"]
SHORT = replace(DRIFT(), steps=2000)


@pytest.fixture(scope="module")
def performed():
    """The short drift's result."""
    lab = Lab(SHORT)
    deque(lab.work(), maxlen=0)
    done = {"done": lab.done, "total": lab.total, "seconds": 1.0, "arrays": lab.arrays}
    return replace(current(SHORT, None), status="finished", made={"device": "cpu"}, **done)


def keep(result):
    """Puts a result in the server's store."""
    cached.store().keep(Work(SHORT).address, result)


def opened(**parameters: str) -> AppTest:
    return at(experiment="Drift", steps="2000", **parameters)


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception, app.exception
    return app


def test_cards(store):
    """Each paper with its claim and a button for every experiment; each opens and comes back."""
    app = open_page("papers")
    assert [t.value for t in app.title] == ["Why does SAM work?"] and all(
        paper.claim in texts(app) for paper in PAPERS.values()
    )
    keys = {b.key for b in app.button}
    assert {f"papers:open-{name}" for name in EXPERIMENTS} <= keys
    press(app, "papers:open-Drift")
    assert [t.value for t in app.title] == [DRIFT.title] and app.query_params["experiment"] == "Drift"
    assert [t.value for t in press(app, "papers:all").title] == [
        "Why does SAM work?"
    ] and "experiment" not in app.query_params


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_opens_on_its_reference(store, name):
    """Its claim, figures and checks at once, which are told to have come with the app; nothing is performed or
    written for it, and at other settings there is none."""
    cached.store()  # has what ships by now
    before = files(store)
    app = at(experiment=name)
    assert [t.value for t in app.title] == [EXPERIMENTS[name].title]
    assert "Reference: performed at quick size on 20" in texts(app) and "✓" in texts(app)
    assert "<b>…</b> pending" not in texts(app)
    view = trial.watch(EXPERIMENTS[name]())
    assert view.reference and view.result.complete and not view.performed
    assert not cached.jobs().active() and files(store) == before


def files(store) -> set[str]:
    """What lies in a store."""
    return {str(path) for path in store.root.rglob("*") if path.suffix != ".sqlite" and "sqlite" not in path.name}


def test_other_settings_have_no_reference(store):
    """Their checks wait, and the usual curves lie faint beneath, outside of what is measured."""
    app = opened()
    assert "<b>…</b> pending" in texts(app) and "✓" not in texts(app) and "Faint: the reference" in texts(app)
    chart = trial.pictures(trial.watch(SHORT))[0]
    assert isinstance(chart, Chart) and chart.beneath and not any(line.theory for line in chart.beneath)
    faint = [trace for trace in motion.figure(chart).data if trace.opacity == 0.3]
    assert len(faint) == len(chart.beneath) and not any(trace.showlegend for trace in faint)


def test_every_card_has_a_picture_a_verdict_and_a_time(store):
    """As many dots and the same count as the table of the full-size checks has it."""
    told = texts(open_page("papers"))
    full = json.loads((references.ROOT / "full.json").read_text(encoding="utf-8"))
    by_name = {entry["experiment"]: [check["verdict"] for check in entry["checks"]] for entry in full}
    assert told.count("data:image/svg+xml;base64,PHN2Zy") == len(EXPERIMENTS) and told.count("about ") >= len(by_name)
    for name in EXPERIMENTS:
        verdicts = by_name[name]
        assert f"<b>{verdicts.count('holds')} of {len(verdicts)} hold</b>" in told
        assert references.verdict(name).marks.count("holds") == verdicts.count("holds") > 0
        assert len(references.verdict(name).marks) == len(verdicts) and references.seconds(name) > 0
        for dark in (False, True):
            picture = references.picture(name, dark)
            assert len(picture) < 20_000 and ElementTree.fromstring(picture).tag.endswith("svg")


def test_addresses(store):
    """Settings come with the address; what is wrong with it is told, and the rest kept."""
    app = opened(eta="0.04", rho="7")
    assert app.number_input(key="papers.Drift.eta").value == 0.04 and "rho: expected a number from" in texts(app)
    assert app.query_params["eta"] == "0.04" and "rho" not in app.query_params
    app = at(experiment="Nobody")
    assert "experiment: expected one of" in texts(app) and [t.value for t in app.title] == ["Why does SAM work?"]


def test_run_shows_the_verdicts(store):
    app = press(opened(), "train")
    job = Work(SHORT).address
    end = time.monotonic() + 60
    while (now := cached.jobs().snapshot(job)) and now.active and time.monotonic() < end:
        time.sleep(0.1)
    app.run()
    assert now and now.status == "finished" and "pending" not in texts(app) and "✓" in texts(app)
    assert trial.watch(SHORT).result.complete


def test_what_is_shown_is_never_older_than_its_version(store, performed, monkeypatch):
    """A result that is written while a page looks at the one before: the next look shows the new one, not what was
    made of the old."""
    half = replace(
        performed,
        done=1,
        status="running",
        arrays={name: np.where(np.arange(len(a)) < 1, a.T, np.nan).T for name, a in performed.arrays.items()},
    )
    keep(half)
    load = cached.store().find

    def overtaken(address, growing=False):
        found = load(address, growing)
        keep(performed)
        return found

    monkeypatch.setattr(cached.store(), "find", overtaken)
    early = trial.watch(SHORT)
    assert not early.result.complete and {check.verdict(False) for check in trial.judged(early)} >= {"pending"}
    monkeypatch.undo()
    late = trial.watch(SHORT)
    assert late.result.complete and "holds" in {check.verdict() for check in trial.judged(late)}


def test_prediction_hides_what_it_asks_for(store, performed):
    """Neither theory nor measurement is on the page before the reader has spoken."""
    keep(performed)
    app = opened()
    answer = SHORT.checks(performed)[0].predicted
    assert answer in texts(app)
    app.toggle(key="papers:predict").set_value(True).run()
    assert answer not in texts(app) and DRIFT.claim not in texts(app) and "class='rows checks'" not in texts(app)
    app.session_state[f"papers:guess@{digest(SHORT)}:said"] = 2.5  # what the browser sends when the line is let go
    press(app, f"papers:guess@{digest(SHORT)}:reveal")
    assert answer in texts(app) and DRIFT.claim in texts(app) and "You said" in texts(app) and "2.5" in texts(app)
    assert answer not in texts(press(app, f"papers:guess@{digest(SHORT)}:again"))


def test_what_was_started_with_other_settings_can_be_found(store):
    """A setting changed while an experiment is at work: the page says that it goes on, leads back to it, and cancels
    it."""
    long = replace(DRIFT(), steps=50_000)
    app = press(at(experiment="Drift", steps="50000"), "train")
    app.number_input(key="papers.Drift.steps").set_value(2000).run()
    assert "still at work" in texts(app)
    press(app, "behind-show")
    assert app.number_input(key="papers.Drift.steps").value == 50_000 and "still at work" not in texts(app)
    app.number_input(key="papers.Drift.steps").set_value(2000).run()
    press(app, "behind-cancel")
    end = time.monotonic() + 60
    while (now := cached.jobs().snapshot(Work(long).address)) and now.active and time.monotonic() < end:
        time.sleep(0.1)
    app.run()
    assert now and now.status == "stopped" and "still at work" not in texts(app)


def test_settings_that_describe_no_runs(store, monkeypatch):
    """One line, and nothing to run."""
    monkeypatch.setattr(DRIFT, "ensembles", lambda self: decode({"RunSpec": RunSpec}, {"name": "RunSpec", "steps": -1}))
    app = at(experiment="Drift", eta="0.0312")  # of which no other test has made a plan, which is kept
    assert "steps: expected" in texts(app) and app.button(key="train").disabled


def test_presenting_turns_by_buttons_that_have_keys(store, performed):
    keep(performed)
    app = press(opened(), "papers:present")
    figures = len(SHORT.pictures(performed))
    titles = [app.title[0].value]
    for _ in range(figures + 1):
        titles.append(press(app, "present-next").title[0].value)
    assert titles == [DRIFT.title, *(d.title for d in SHORT.pictures(performed)), "What holds?"] and "✓" in texts(app)
    assert app.button(key="present-next").disabled and not app.button(key="present-back").disabled
    press(app, "present-end")
    assert [t.value for t in app.title] == [DRIFT.title] and present.ON in app.session_state


def test_handout_is_one_page_and_the_same_each_time(performed):
    parts = [handout.Part(SHORT.title, SHORT.setup, table(SHORT, performed), SHORT.pictures(performed))]
    paper = PAPERS["normalization"]
    made = {count: handout.pdf(paper, parts * count) for count in (1, 3, 4, 7)}
    assert all(page.startswith(b"%PDF") and b"/Count 1 " in page for page in made.values())
    assert made[4] == made[7], "there is room for four, and the same four are the same bytes"
    assert len({made[1], made[3], made[4]}) == 3
    empty = current(SHORT, None)
    waiting = handout.Part(SHORT.title, SHORT.setup, table(SHORT, empty), SHORT.pictures(empty))
    assert handout.pdf(paper, [waiting]).startswith(b"%PDF")


@pytest.mark.filterwarnings("error:Glyph")
@pytest.mark.parametrize("name", PAPERS)
def test_every_letter_of_a_handout_has_a_picture(name, caplog):
    """Finds a sign that no face in print has, which is drawn as an empty box: ℓ in a formula, ≪ beside a low letter."""
    paper = PAPERS[name]
    made = [(cls(), references.reference(cls())) for cls in paper.experiments]
    parts = [handout.Part(one.title, one.setup, table(one, result), ()) for one, result in made if result]
    assert parts
    handout.pdf(paper, parts)
    assert "glyph" not in caplog.text


def test_what_if(store):
    """A run of an experiment on the Train page, with all its settings; and from there back to the papers that speak
    of it."""
    app = opened()
    press(app, "papers:take")
    spec = next(iter(SHORT.ensembles().values()))[0]
    assert app.query_params["problem"] == "Product" and app.number_input(key="train.steps").value == spec.steps
    app = open_page()
    speaking = [paper for paper in PAPERS.values() if paper.experiments and paper.speaks(RunSpec())]
    assert speaking and {f"cite:{cls.__name__}" for paper in speaking for cls in paper.experiments} <= {
        b.key for b in app.button
    }
    press(app, "cite:Drift")
    assert app.session_state[citations.OPEN] == "Drift"


def test_motion_carries_the_steps_of_what_moves():
    """Measured curves over steps move, theory and other axes stand; the axes are those of all of it from the start."""
    x = np.arange(5.0)
    over = Chart(
        "a",
        "A",
        "step",
        "y",
        (Line("m", x, x**2 + 1, "ink", band=(x, x + 2)), Line("t", x, x, "ink", "dash", theory=True)),
        "A.",
        log_y=True,
    )
    made = motion.figure(over)
    assert [list(t.meta or []) for t in made.data] == [x.tolist()] * 3 + [[]]  # type: ignore[attr-defined]
    assert (
        all(isinstance(t.x, tuple) for t in made.data)
        and made.layout.yaxis.type == "log"
        and made.layout.xaxis.range[1] > 4
    )  # type: ignore[attr-defined]
    other = replace(over, x_label="rate", log_y=False)
    assert not any(t.meta for t in motion.figure(other).data)
    turned = replace(other, lines=(Line("m", x[::-1], x, "ink", when=x * 10),))
    assert list(motion.figure(turned).data[0].meta) == (x * 10).tolist()  # type: ignore[attr-defined]
    ground = Map("m", "M", "x", "y", "z", x, x, np.outer(x, x), False, (0.0, 16.0), x, x, x, x * 7, 0, "M.")
    assert [list(t.meta) for t in motion.figure(ground).data if t.meta] == [(x * 7).tolist()] * 2  # type: ignore[attr-defined]
    alone = motion.figure(replace(ground, path_a=x[:1], path_b=x[:1], path_z=x[:1], path_steps=x[:1]))
    assert all(
        isinstance(t["x"], list) for t in json.loads(alone.to_json(engine="json") or "")["data"] if t.get("meta")
    ), "the browser cuts lists"
    assert "predict" in str(motion.figure(replace(over, lines=(), note="predict first")).layout.annotations)
