"""Controls: the train page's widgets say the spec that was put into them, nested to any depth; switches come and go;
nothing is disabled in silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from engine.data import Moons
from engine.models import CNN, MLP, ViT
from engine.problems import Beale, Classification, MatrixSensing, Quadratic
from engine.rules import ASAM, RULES, SAM, SGD, SSAM, LookSAM, RandomSubset
from engine.spec import flatten, floats, knobs, read_address, with_floats
from engine.training.runs import RUNS, RunSpec, Switch
from engine.training.schedules import SCHEDULES
from engine.training.updates import UPDATES, Momentum
from engine.work.store import Store
from pages.ui import sliders
from tests.pages.headless import DEFAULT, open_page, seen, served, texts


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory):
    """One server's store for all of these pages, since they train nothing."""
    with served(tmp_path_factory.mktemp("store")):
        yield Store()


def altered(spec: Any) -> Any:
    return with_floats(spec, {name: value * 0.9 + 0.01 for name, value in floats(spec).items()})


def opened(spec: RunSpec) -> AppTest:
    return open_page(run=DEFAULT, **{key.replace(".", "__"): text for key, text in flatten(spec).items()})


def described(app: AppTest) -> RunSpec:
    """The spec that the page's address says its controls describe."""
    assert not app.exception and not app.error
    spec, faults, _ = read_address(RUNS, {key: value for key, value in app.query_params.items() if key != "run"})
    assert not faults
    return spec


def menus(app: AppTest) -> list[str]:
    """The labels of the popovers, in which all that is not as usual is told."""
    return [block.proto.popover.label for block in blocks(app._tree) if block.proto.WhichOneof("type") == "popover"]


def blocks(node: Any):
    for child in getattr(node, "children", {}).values():
        if hasattr(getattr(child, "proto", None), "popover"):
            yield child
        yield from blocks(child)


MANY = tuple(
    Switch(SSAM(altered(rule())) if rule is not SSAM else altered(SSAM()), 50 * (i + 1))
    for i, rule in enumerate(list(RULES.values())[:8])
)
SPECS = [
    *(RunSpec(rule=altered(rule())) for rule in RULES.values()),
    *(
        RunSpec(update=altered(update()), schedule=schedule())
        for update, schedule in zip(UPDATES.values(), SCHEDULES.values(), strict=False)
    ),
    RunSpec(rule=SGD(), then=MANY),
    RunSpec(
        rule=SSAM(ASAM(scale="layerwise", mask=RandomSubset(0.3)), True),
        warmup=10,
        radius="with the rate",
        clip=0.5,
        curvature=False,
    ),
    RunSpec(Classification(Moons(50), MLP(4, norm="batch"), "squared error", 0.1), batch=0),
    RunSpec(Quadratic((3.123456789, 1.0, 0.1), (1.0, 2.0, 3.0))),
    RunSpec(MatrixSensing(30, scale=0.123456789), batch=0),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: "-".join(flatten(spec).values())[:40])
def test_the_controls_say_what_was_put_into_them(spec):
    app = opened(spec)
    assert described(app) == spec
    app.switch_page("pages/runs.py").run()
    assert described(app.switch_page("pages/train.py").run()) == spec


def test_every_field_has_a_widget():
    """Of the whole tree below a run, whatever is picked in it."""
    app = opened(
        RunSpec(
            Classification(model=MLP(norm="layer")), SSAM(ASAM(mask=RandomSubset(0.2))), then=(Switch(SSAM(LookSAM())),)
        )
    )
    keys = {widget.key for kind in ("selectbox", "number_input", "checkbox", "text_input") for widget in app.get(kind)}
    expected = {f"train.{name}" for name in knobs(RunSpec) if name != "then"}
    expected |= {f"train.problem.Classification.{name}" for name in knobs(Classification)} | {
        f"train.problem.Classification.model.MLP.{n}" for n in knobs(MLP)
    }
    expected |= {f"train.rule.SSAM.{name}" for name in knobs(SSAM)} | {
        f"train.rule.SSAM.rule.ASAM.{name}" for name in knobs(ASAM)
    }
    expected |= {
        "train.rule.SSAM.rule.ASAM.mask.RandomSubset.share",
        *(f"train.then.0.Switch.{name}" for name in knobs(Switch)),
    }
    expected |= {f"train.then.0.Switch.rule.SSAM.rule.LookSAM.{name}" for name in knobs(LookSAM)} | {
        f"train.update.Momentum.{n}" for n in knobs(Momentum)
    }
    assert expected <= keys


def test_rules_are_picked_in_rules():
    app = opened(RunSpec())
    app.selectbox(key="train.rule").set_value("SSAM").run()
    app.selectbox(key="train.rule.SSAM.rule").set_value("ASAM").run()
    app.selectbox(key="train.rule.SSAM.rule.ASAM.scale").set_value("layerwise").run()
    app.number_input(key="train.rule.SSAM.rule.ASAM.rho").set_value(0.3).run()
    assert described(app) == RunSpec(rule=SSAM(ASAM(0.3, scale="layerwise")))
    assert app.number_input(key="train.rule.SSAM.rule.ASAM.eta").disabled
    assert "SSAM" not in app.selectbox(key="train.rule.SSAM.rule").options
    assert [title for title in menus(app) if "norm p layerwise" in title] == ["More settings: norm p layerwise"]


def test_a_slider_and_its_number_are_one_value():
    """Finds a slider that rounds what was typed, one that stays behind, and one whose value is not trained."""
    app = opened(RunSpec())
    app.number_input(key="train.lr").set_value(0.33).run()
    assert described(app).lr == 0.33 and app.select_slider(key="train.lr:slider").value == 0.3
    app.select_slider(key="train.rule.SAM.rho:slider").set_value(0.2).run()
    assert described(app) == RunSpec(rule=SAM(0.2), lr=0.33)
    assert app.number_input(key="train.rule.SAM.rho").value == 0.2


@pytest.mark.parametrize(("typed", "stop"), [(0.33, 0.3), (0.0, 0.0), (-1.0, 0.0), (None, 0.0), (1e-9, 1e-5), (99, 10)])
def test_a_slider_stands_at_the_nearest_stop(typed, stop):
    """Finds a place from which no slider can be drawn, and a radius above 0 that would be shown as 0."""
    assert sliders.nearest(sliders.stops(0.0, 10.0), typed) == stop


def test_switches_are_added_and_removed():
    app = opened(RunSpec(rule=SGD()))
    assert "Switch rules during the run" in menus(app)
    for _ in range(3):
        app.button(key="train.then:add Switch").click().run()
    first, second, third = Switch(SAM(), 500), Switch(SGD(), 750), Switch(SAM(), 875)
    assert described(app) == RunSpec(rule=SGD(), then=(first, second, third))
    app.number_input(key="train.then.0.Switch.at").set_value(100).run()
    app.selectbox(key="train.then.1.Switch.rule").set_value("LookSAM").run()
    app.button(key="train.then.0:remove").click().run()
    assert described(app) == RunSpec(rule=SGD(), then=(replace(second, rule=LookSAM()), third))
    assert "Switches: LookSAM from step 750, SAM from step 875" in menus(app)
    for _ in range(2):
        app.button(key="train.then.0:remove").click().run()
    assert described(app) == RunSpec(rule=SGD())


def test_there_are_only_so_many_switches():
    app = opened(RunSpec(rule=SGD(), then=MANY))
    button = app.button(key="train.then:add Switch")
    assert button.disabled and "8" in button.help


def test_a_preset_takes_the_switches_away():
    app = opened(RunSpec(rule=SGD(), then=(Switch(),)))
    app.selectbox(key="train:preset").set_value("Digits, SGD").run()
    assert described(app) == RunSpec(rule=SGD())


@pytest.fixture(scope="module")
def able(server) -> AppTest:
    """A page where all of these controls apply."""
    return opened(RunSpec(rule=ASAM(), update=Momentum(0.9, 0.1)))


def named(app: AppTest, key: str) -> Any:
    """The widget of a key."""
    return next(w for kind in ("selectbox", "number_input", "checkbox") for w in app.get(kind) if w.key == key)


@pytest.mark.parametrize(
    ("spec", "disabled", "why"),
    [
        (RunSpec(), "train.update.Momentum.nesterov", "no momentum"),
        (RunSpec(), "train.update.Momentum.decoupled", "no weight decay"),
        (RunSpec(rule=SGD()), "train.radius", "no rule of this run has a radius"),
        (RunSpec(Beale()), "train.batch", "toy landscape"),
        (RunSpec(Beale()), "train.seed", "toy landscape"),
        (RunSpec(rule=ASAM(scale="layerwise")), "train.rule.ASAM.eta", "layerwise"),
    ],
)
def test_a_control_that_cannot_apply_says_why(able, spec, disabled, why):
    assert (widget := named(opened(spec), disabled)).disabled and why in widget.help
    assert disabled.startswith("train.rule") or not named(able, disabled).disabled


@pytest.mark.parametrize(
    ("start", "key", "value", "told"),
    [
        (
            RunSpec(),
            "train.rule.SAM.mask",
            "NormalizationOnly",
            "rule.mask: NormalizationOnly needs a model with normalization layers",
        ),
        (RunSpec(rule=SSAM()), "train.rule.SSAM.rule.SAM.mask", "NormalizationOnly", "rule.rule.mask: "),
        (RunSpec(then=(Switch(),)), "train.then.0.Switch.at", 5000, "then[0].at: expected a step from 1 to 999"),
        (RunSpec(), "train.batch", 1438, "batch: expected at most 1437"),
        (RunSpec(Classification(model=CNN())), "train.problem.Classification.data", "Moons", "problem.model: "),
        (RunSpec(Classification(model=ViT())), "train.problem.Classification.model.ViT.heads", 3, "problem.model"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_above_the_controls(start, key, value, told):
    app = opened(start)
    before = described(app)
    named(app, key).set_value(value).run()
    assert len(app.error) == 1 and seen(app.error[0].value).startswith(told) and "\n" not in app.error[0].value
    assert app.button(key="train").disabled
    named(app, key).set_value(before_value(before, key)).run()
    assert described(app) == before and not app.button(key="train").disabled


def before_value(spec: Any, key: str) -> Any:
    """What the widget of a key showed for a spec."""
    for name in key.split(".")[1:]:
        spec = spec[int(name)] if name.isdigit() else getattr(spec, name) if hasattr(spec, name) else spec
    return spec if isinstance(spec, int | float) else type(spec).__name__


def test_nothing_that_is_set_is_hidden():
    """What differs from the defaults behind a button is on the button."""
    spec = RunSpec(
        Classification(model=MLP(norm="layer"), smoothing=0.1),
        SAM(mask=RandomSubset(0.2)),
        Momentum(0.9, nesterov=True),
        warmup=30,
        clip=1.0,
    )
    app = opened(replace(spec, radius="with the rate", curvature=False, then=(Switch(LookSAM(), 3, "epochs"),)))
    assert menus(app)[-4:] == [
        "Data and model: normalization layer, label smoothing 0.1",
        "13 other rules",
        "Switches: LookSAM from epoch 3",
        (
            "More settings: perturbed random subset, share 0.2, nesterov, warm-up steps 30, radius over the run with "
            "the rate, clip norm 1, track curvature off"
        ),
    ]
    usual = ["Data and model", "13 other rules", "Switch rules during the run", "More settings"]
    assert menus(opened(RunSpec()))[-4:] == usual


def test_a_toy_has_no_menu_of_data_and_models():
    app = opened(RunSpec(Quadratic()))
    assert menus(app)[-2:] == ["Switch rules during the run", "More settings"] and not any(
        "Data" in label for label in menus(app)
    )
    assert "do not apply" in texts(app)
