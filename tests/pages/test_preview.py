"""What the browser makes of a portable run is what the engine makes of it."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest
from playwright._impl._driver import compute_driver_executable

from engine.problems import Beale, Product, Quadratic, Saddle
from engine.rules import RULES, SAM, SSAM, need
from engine.spec import SpecError
from engine.training.portable import portable
from engine.training.runs import RunSpec, Switch
from engine.training.schedules import Cosine
from engine.training.updates import Adam, Momentum
from pages.ui import preview
from tests.drive import frames

TOYS = (Quadratic((2.0, 1.0)), Product((0.5, 2.0)), Saddle((0.3, 0.4)), Beale((2.5, 0.4)))
"""Starts from which nothing is chaotic at the rate below."""
LOOKED = ("train_loss", "sharpness")
MEASURE = """
const { runs } = JSON.parse(require('fs').readFileSync(0));
console.log(JSON.stringify(runs.map(([run, lr, radii]) => descend(run, lr, radii))));
"""


def carried_out(*runs: tuple[dict | None, float, list[float]]) -> list[list[dict]]:
    """The points of runs with a rate and radii, as JavaScript makes them."""
    node, _ = compute_driver_executable()  # Playwright brings one
    command = [str(node), "-e", preview.STEPS + MEASURE]
    done = subprocess.run(command, input=json.dumps({"runs": runs}), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def specs() -> list[RunSpec]:
    """Every rule on every landscape, and one with every setting."""
    found = []
    for problem in TOYS:
        for cls in RULES.values():
            try:
                found.append(RunSpec(problem, cls(), lr=1e-3, batch=0, steps=60, every=20))
            except SpecError:
                continue  # this rule has nothing to do on this problem
    settings = {"lr": 1e-3, "batch": 0, "steps": 60, "every": 20}
    found.append(RunSpec(TOYS[1], SAM(0.1), Momentum(0.9, 0.01, True), **settings, schedule=Cosine(), warmup=20))
    found.append(
        RunSpec(TOYS[3], SSAM(SAM(0.1)), Adam(), **settings, radius="with the rate", schedule=Cosine(), clip=1)
    )
    return found


def test_every_rule_on_every_landscape():
    """Finds an operation that JavaScript does otherwise, a radius or a rate that is not taken over, and numbers of loss
    and sharpness that are not those at the point."""
    every = specs()
    runs = [(spec, run) for spec in every if (run := portable(spec))]
    assert {type(spec.rule).__name__ for spec, _ in runs} >= {"SGD", "SAM", "USAM", "SSAM", "ASAM", "MSAM", "GSAM"}
    assert len(runs) > 0.5 * len(every)
    given = [(run, spec.lr, list(run["radii"].values())) for spec, run in runs]
    for (spec, _), points in zip(runs, carried_out(*given), strict=True):
        measured = frames(spec)
        assert [point["step"] for point in points] == [frame.step for frame in measured]
        for frame, point in zip(measured, points, strict=True):
            np.testing.assert_allclose([point["x"], point["y"]], frame.theta[0].numpy(), rtol=1e-9, atol=1e-12)
            seen, known = [point["loss"], point["sharpness"]], [frame.measures[name][0] for name in LOOKED]
            np.testing.assert_allclose(seen, known, rtol=1e-6, atol=1e-9)


def test_another_rate_and_radius():
    """Finds a number that is dragged and stays as it was in the program."""
    spec = RunSpec(Product((0.5, 2.0)), SAM(0.1), lr=1e-3, batch=0, steps=50, every=50)
    dragged = RunSpec(spec.problem, SAM(0.4), lr=5e-3, batch=0, steps=50, every=50)
    (points,) = carried_out((portable(spec), 5e-3, [0.4]))
    np.testing.assert_allclose([points[-1]["x"], points[-1]["y"]], frames(dragged)[-1].theta[0].numpy(), rtol=1e-9)


@pytest.mark.parametrize("change", [{"then": (Switch(SAM(), 10),)}, {"problem": Quadratic((2.0, 1.0, 0.5), (1, 1, 1))}])
def test_what_is_not_taken_along(change):
    """Finds a run that would be drawn as another."""
    assert portable(RunSpec(**{"problem": Product(), "batch": 0, "steps": 50} | change)) is None
    assert all(portable(spec) is None for spec in specs() if need(spec.rule, "noise") or need(spec.rule, "clock"))
