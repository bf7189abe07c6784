"""Runs beside a run, and the sketch of their paths while they train."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.problems import Quadratic
from engine.records import JointSurface, Run
from engine.rules import ASAM, RULES, SAM, SGD, SSAM, USAM
from engine.spec import digest
from engine.training.runs import RunSpec, Switch
from engine.work.beside import MOST, beside, stretch, together
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.presets import FOUR, SHIPPED, joint
from engine.work.sketch import fits, plane, sketch
from engine.work.store import Store

SHIPS = Store(SHIPPED)


def test_what_ships_stands_beside_the_default_run():
    """By the same digests: nothing is trained twice."""
    assert [beside(RunSpec(), name) for name in ("SGD", "SSAM")] == [FOUR[0], FOUR[2]]
    switched = RunSpec(then=(Switch(SGD(), 500),), lr=0.2)
    assert beside(switched, "SGD") == replace(FOUR[0], lr=0.2)


@pytest.mark.parametrize(
    ("rule", "factor", "name", "expected"),
    [
        (SAM(0.3), 6, "USAM", USAM(0.3)),
        (SAM(0.1), 2, "ASAM", ASAM(1.0)),  # whose unit, and usual size, is another
        (SAM(0.11), 2.2, "SSAM", SSAM(SAM(0.11))),
        (SSAM(ASAM(1.0)), 2, "SAM", SAM(0.1)),
        (SGD(), 1, "SAM", SAM()),
    ],
)
def test_radii_grow_together(rule, factor, name, expected):
    """And are the numbers that people type, whose digests differ by the last bit."""
    assert stretch(rule) == pytest.approx(factor)
    assert beside(RunSpec(rule=rule), name) == RunSpec(rule=expected)


def test_the_order_is_that_of_the_rules_and_there_are_six_at_most():
    runs, faults = together(RunSpec(), ["SSAM", "SGD", "SAM", "SGD"])
    assert runs == [FOUR[0], FOUR[1], FOUR[2]] and faults == []
    assert len(together(RunSpec(), list(RULES))[0]) == MOST
    runs, faults = together(RunSpec(rule=SAM(5.0)), ["ASAM", "SGD"])
    assert len(runs) == 2 and faults[0].startswith("ASAM is left out: ") and "rho" in faults[0]


def test_a_sketch_of_whole_paths_is_where_their_joint_surface_has_them():
    """Which goes another way: by a decomposition of the paths themselves, and by sharpness computed anew."""
    kept = SHIPS.get(Work(joint()).address)
    assert isinstance(kept, JointSurface)
    made = sketch([SHIPS.run(digest(spec)) for spec in FOUR])
    assert made is not None and made.stride == 0 and not made.complete
    for name in ("path_a", "path_b", "residual", "explained", "starts", "steps"):
        np.testing.assert_allclose(getattr(made, name), getattr(kept, name), atol=1e-4, err_msg=name)
    np.testing.assert_allclose(made.end_sharpness, kept.end_sharpness, rtol=1e-4)
    np.testing.assert_allclose(made.end_loss, kept.end_loss, rtol=1e-4)


def test_a_path_weighs_the_same_however_often_it_is_measured():
    first, second = (SHIPS.run(digest(spec)).path[:30] for spec in FOUR[::3])
    once, twice = plane([first, second]), plane([first, np.repeat(second, 2, axis=0)])
    np.testing.assert_allclose(twice[1], once[1], atol=1e-5)


def test_a_sketch_of_a_toy_has_its_surface(tmp_path):
    store, specs = Store(tmp_path), together(RunSpec(Quadratic(), lr=0.15, steps=12, every=1), ["SGD"])[0]
    for spec in specs:
        for _ in perform(store, Work(spec)):
            pass
    runs = [store.run(digest(spec)) for spec in specs]
    made = sketch(runs)
    assert made is not None and made.stride == 1 and made.residual.max() < 1e-6
    start = np.array([made.path_a[0], made.path_b[0]])
    near = made.loss[np.abs(made.b - start[1]).argmin(), np.abs(made.a - start[0]).argmin()]
    assert near == pytest.approx(float(runs[0].measures["train_loss"][0]), rel=0.3)
    assert (start > 0).all()
    lost = replace(runs[1], path=np.where(np.arange(13)[:, None] < 6, runs[1].path, np.nan))
    assert (found := sketch([runs[0], lost])) is not None and found.left_out == 7 and np.isfinite(found.path_a).all()


def test_there_is_no_sketch_without_a_plane():
    runs = [SHIPS.run(digest(spec)) for spec in FOUR[:2]]
    assert sketch(runs[:1]) is None
    still = sketch([_begun(run) for run in runs])  # one point, the start of both: any plane through it
    assert still is not None and np.isfinite(still.path_a).all() and still.residual.max() < 1e-6


def _begun(run: Run) -> Run:
    """A run with its first measurement alone."""
    measures = {name: values[:1] for name, values in run.measures.items()}
    return replace(run, steps=run.steps[:1], seconds=run.seconds[:1], path=run.path[:1], measures=measures)


def test_paths_too_large_to_look_at_are_known_beforehand():
    assert fits(FOUR[:2], [41, 41]) and not fits(FOUR[:2], [41, 10_000_000])
