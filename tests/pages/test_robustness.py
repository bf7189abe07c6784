"""The page of robustness: what ships is there at once, another sweep is trained, a cell leads to its run, a stranger's
address costs a line."""

import re
from dataclasses import replace

import pytest

from engine.records import Sweep
from engine.spec import describe, digest, encode, flatten, read_address
from engine.sweeps.spec import SWEEPS
from engine.work.kinds import Work
from engine.work.presets import SWEEP
from engine.work.store import Store
from pages.ui import across, cached, shell
from tests.pages.headless import APP, AppTest, await_end, open_page, seen, server_store, texts  # noqa: F401  # the fixture

pytestmark = pytest.mark.xdist_group("robustness")
TINY = {
    "run.problem.data": "Moons",
    "run.problem.data.train": "40",
    "run.problem.model.width": "4",
    "run.problem.model.depth": "1",
    "run.batch": "0",
    "run.steps": "10",
    "x.points": "2",
    "y.points": "2",
    "rules": "2",
    "rules.0": "SGD",
    "rules.1": "SAM",
}


def robustness(parameters: dict[str, str] | None = None) -> AppTest:
    """The page at an address of its own."""
    app = AppTest.from_file(APP, default_timeout=120)
    app.run()
    app.query_params.clear()  # what the start page says of itself
    for name, value in (parameters or {}).items():
        app.query_params[name] = value
    app.switch_page("pages/robustness.py").run()
    assert not app.exception, app.exception
    return app


def test_what_ships_is_there_at_once(store):
    """A map and its numbers with intervals, without work; every cell of it is known here, and none is trained again."""
    app = robustness()
    said = texts(app)
    assert not cached.jobs().active() and "each cell the median of 6 seeds" in said and "theory's edge" in said
    assert re.search(r"SSAM</th><td>0\.\d+ \(0\.\d+ to 0\.\d+\)", said) and "Largest stable rate" in said
    assert "Matters: learning rate η / radius ρ / both" in said
    assert re.search(r"<summary>Each rule's held-out loss[^<]*Wortsman et al\. 2023[^<]*</summary>", said)
    record = cached.record(Work(SWEEP).address)
    assert isinstance(record, Sweep) and record.complete and record.done == 6144
    assert app.button(key="compute").label == "Trained: 4,704 runs" and app.button(key="compute").disabled
    app.number_input(key="sweep:level").set_value(0.5).run()
    assert not app.exception and len(app.get("download_button")) >= 3
    cached.jobs().start(Work(SWEEP))
    await_end(Work(SWEEP).address)
    assert cached.record(Work(SWEEP).address).outcomes["state"].min() > 0


def test_a_preset_of_runs_without_held_out_examples(store):
    """A menu that stays open over the map that it has opened, and numbers of a loss that there is not."""
    app = robustness()
    app.session_state["sweep:presets"] = True
    app.button(key="sweep:preset-Boundary of trainability: SAM").click().run()
    said = texts(app)
    assert not app.exception and not app.session_state["sweep:presets"] and not cached.jobs().active()
    assert re.search(r"1\.38 \(1\.3\d to 1\.4\d\)", said) and "Best training loss" in said
    assert len(app.get("vega_lite_chart")) == 3, "no plane of good against sensitive of one rule alone"


def test_other_views_of_what_ships(store):
    """Each of them in turn: a count to a target, a rule against the others, trials, other problems."""
    app = robustness({"quantity": "steps to target"})
    assert "Steps until the training loss is" in texts(app)
    app.selectbox(key="sweep:versus").set_value("SAM").run()
    assert (
        not app.exception and "as a multiple of what SAM has there" in texts(app) and "62.5% of the cells" in texts(app)
    )
    offered = app.selectbox(key="sweep:figure")
    assert offered.value == "Map against SAM" and {"Best of k cells", "Good against sensitive"} <= set(offered.options)
    app.number_input(key="sweep.seeds").set_value(2).run()
    said = dict(app.query_params)
    app.number_input(key="sweep.run.RunSpec.steps").set_value(0).run()
    assert "sweep.seeds" in app.session_state and app.number_input(key="sweep.seeds").value == 2, (
        "other settings vanish"
    )
    assert said["versus"] == "SAM" and said["seeds"] == "2" and dict(app.query_params) == said, "a fault costs more"
    app.number_input(key="sweep.run.RunSpec.steps").set_value(200).run()
    app.number_input(key="sweep.seeds").set_value(6).run()
    app.switch_page("pages/spectrum.py").run().switch_page("pages/robustness.py").run()
    assert app.selectbox(key="sweep:versus").value == "SAM"
    app.session_state["sweep:section"] = "Trials"
    app.run()
    assert not app.exception and "The lowest training loss to expect after k cells" in texts(app)
    app.session_state["sweep:section"] = "Across problems"
    app.run()
    assert not app.exception and "Tuning sensitivity Φ" in texts(app) and "Digits, MLP and Moons, MLP" in texts(app)


def test_another_sweep_is_trained_and_a_cell_opens_its_run(store):
    """By its address: controls, button, map; the cell's run is trained by itself and becomes the one that is looked
    at."""
    app = robustness(TINY)
    spec = read_address(SWEEPS, TINY).spec
    app.button(key="compute").click().run()
    await_end(Work(spec).address)
    app.run()
    assert not app.exception and "SGD has no radius" in texts(app)
    record = cached.record(Work(spec).address)
    assert isinstance(record, Sweep) and record.done == 8
    for place, named in (
        ((0, 0, 1), "SGD: learning rate η [\\d.]+$"),
        ((1, 0, 1), "SAM: learning rate η .*, radius ρ"),
    ):
        app.session_state["sweep:cell"] = Work(spec).address, place
        app.run()
        assert any(re.match(named, seen(one.value)) for one in app.markdown), "a knob that the rule lacks, or none"
    app.button(key="sweep:open0").click().run()
    run = spec.cell((1, 0, 1, 0))
    assert not app.exception and app.session_state[shell.RUN] == digest(run)
    await_end(digest(run))
    again = robustness(flatten(spec))  # as the page writes its own address
    assert "read in part" not in texts(again)
    again.session_state["sweep:cell"] = Work(spec).address, (1, 0, 1)
    again.run()
    label = again.button(key="sweep:open0").label
    alone, mapped = re.findall(r"[\d.]+(?= alone| here)", label)
    assert float(alone) == pytest.approx(float(mapped), rel=1e-3)


def test_sweeps_of_one_problem_are_told_apart(store, monkeypatch):
    """Other runs of the same problem that take this sweep's place under its name."""
    other = replace(SWEEP, run=replace(SWEEP.run, batch=32))
    kept = {Work(spec).address: encode(spec) for spec in (SWEEP, other)}
    monkeypatch.setattr(Store, "specs", lambda store, folder: kept)
    found = across.siblings(Work(SWEEP).address, describe(SWEEP))
    assert found == {Work(other).address: f"Digits, MLP ({digest(other)[-6:]})"}


def test_points_instead_of_a_grid(store):
    """What ships beyond a grid is there at once, with its knobs and its best point, and has an address of its own."""
    app = robustness({"plan": "Points"})
    assert "SAM: each line is one of 128 points" in texts(app)
    assert app.button(key="compute").label == "Trained: 384 runs"
    assert not cached.jobs().active() and "Points" in app.query_params["plan"]


def test_a_list_and_a_range(store):
    """Values one by one that are made a range, of as many, and a list again."""
    app = robustness({"x": "Listed", "x.values": "0.1,0.2,0.8"})
    assert app.button(key="compute").label == "Train 48 runs"
    app.button(key="sweep.x.Listed:other").click().run()
    ends = [app.number_input(key=f"sweep.x.Axis.{name}").value for name in ("low", "high", "points")]
    assert ends == [0.1, 0.8, 3] and not app.exception
    app.button(key="sweep.x.Axis:other").click().run()
    assert app.text_input(key="sweep.x.Listed.values").value == "0.1, 0.282843, 0.8"


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("x.knob", "rule.k", "x.knob: these runs have no rule.k"),
        ("x.points", "1000000000", "x.points: expected a number from 1 to 64"),
        ("rules", "99", "rules: expected a list of at most 6"),
        ("y.low", "9", "expected more than 9"),
        ("rules.1", "SAM", "rules: expected how many there are, at most 6, as in rules=1"),
        ("plan", "Nope", "plan: expected one of Grid, Points, got 'Nope'"),
    ],
)
def test_a_strangers_address_costs_a_line(store, name, value, line):
    """And leaves a page with a map."""
    app = robustness({name: value})
    assert line in texts(app) and not cached.jobs().active()


def test_what_maps_show_is_in_the_address(store):
    """Finds a contour or a rule that all are held against, lost with a link; and a wrong one that is told nowhere."""
    app = robustness({"level": "0.3", "versus": "SGD"})
    assert app.session_state["sweep:level"] == 0.3 and app.session_state["sweep:versus"] == "SGD"
    assert app.query_params["level"] == "0.3" and app.query_params["versus"] == "SGD"
    app = robustness({"level": "1_0", "versus": "Nobody"})
    said = texts(app)
    assert "level: expected a finite number, got '1_0'" in said and "versus: expected one of" in said
    assert "level" not in app.query_params and "versus" not in app.query_params


def test_a_target_is_in_the_address_and_in_the_export(store):
    """Finds a target that redraws its own part of the page alone, so that a link and a file say another."""
    app = robustness({"quantity": "steps to target", "target": "0.4"})
    assert app.session_state["sweep:target"] == 0.4 and app.query_params["target"] == "0.4"
    app.number_input(key="sweep:target").set_value(0.3).run()
    assert app.query_params["target"] == "0.3"
    assert app.selectbox(key="sweep:figure").value == "Map of steps until the training loss is 0.3"
    app.selectbox(key="sweep:quantity").set_value("test accuracy").run()
    assert "target" not in app.query_params
    assert "target: expected a finite number" in texts(robustness({"target": "much"}))
