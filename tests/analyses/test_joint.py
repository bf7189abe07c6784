"""Joint surfaces: every cell and every path where it says, on planes through several runs; refusals in one line."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.analyses import joint as analysis
from engine.analyses.joint import JointSpec
from engine.figures import joint, together
from engine.figures.render import paper, plotly
from engine.figures.render.numbers import csv
from engine.problems import evaluate
from engine.rules import SGD
from engine.spec import SpecError, digest, encode
from engine.training.runs import RunSpec
from engine.training.updates import AdamW
from engine.work.kinds import Work
from engine.work.perform import perform
from tests.drive import last, record, returned
from tests.work.test_perform import SPEC

RULES = [SPEC, replace(SPEC, rule=SGD()), replace(SPEC, rule=SGD(), update=AdamW(), lr=0.01)]


@pytest.fixture(scope="module")
def runs():
    """Three runs on one problem, walking at random from one start to known places."""
    random, start = np.random.default_rng(0), SPEC.problem.start(0).numpy()
    paths = [start + np.cumsum(random.normal(0, 0.05, (count, len(start))), axis=0) for count in (5, 9, 3)]
    return [record(spec, path.astype(np.float32)) for spec, path in zip(RULES, paths, strict=True)]


def drawn(runs, **settings):
    spec = JointSpec(",".join(digest_of(run) for run in runs), resolution=5, **settings)
    return returned(spec.compute(runs, "cpu", None))


def digest_of(run) -> str:
    return digest(next(spec for spec in RULES if encode(spec) == run.spec))


@pytest.mark.parametrize("plane", ["paths", "ends"])
def test_cells_and_paths(runs, plane, monkeypatch):
    """Row i is b[i], column j is a[j], in an orthonormal frame; every path lies where its weights project to."""
    frames, fill = [], analysis.fill
    monkeypatch.setattr(analysis, "fill", lambda *given: frames.append(given[2]) or fill(*given))
    made = drawn(runs, plane=plane)
    problem, data = SPEC.problem, SPEC.problem.load("train")
    origin, first, second = (vector.double().numpy() for vector in frames[0][:3])
    np.testing.assert_allclose([first @ first, second @ second, first @ second], [1, 1, 0], atol=1e-5)
    for i, j in np.ndindex(5, 5):
        theta = torch.as_tensor(origin + made.a[j] * first + made.b[i] * second, dtype=torch.float32)
        assert made.loss[i, j] == pytest.approx(float(evaluate(problem, theta, data)[0]), rel=1e-4)
    points = np.concatenate([run.path for run in runs]).astype(float)
    np.testing.assert_allclose(made.path_a, (points - origin) @ first, atol=1e-5)
    np.testing.assert_allclose(made.path_b, (points - origin) @ second, atol=1e-5)
    true = [float(evaluate(problem, torch.as_tensor(theta).float(), data)[0]) for theta in points]
    np.testing.assert_allclose(made.path_loss, true, rtol=1e-5)
    np.testing.assert_allclose(made.end_loss, [true[4], true[13], true[16]], rtol=1e-5)
    assert made.starts.tolist() == [0, 5, 14, 17] and made.check < 1e-5 and made.stride == 1
    assert np.abs([made.path_a, made.path_b]).max() <= made.a[-1]
    if plane == "paths":
        assert made.path_a[0] >= 0 <= made.path_b[0], "the same side whatever signs the decomposition gives"
    else:  # through the ends, the second to the right of the first, the third above them
        assert np.abs(made.residual[[4, 13, 16]]).max() < 1e-5
        assert made.path_a[13] > made.path_a[4] and made.path_b[16] > made.path_b[4]


def test_the_plane_of_the_paths_weighs_every_path_the_same(runs):
    """Its directions are those of the common principal components: no other plane leaves less of the paths out."""
    made = drawn(runs)
    centre = np.mean([run.path.mean(axis=0, dtype=float) for run in runs], axis=0)
    offsets = np.concatenate([(run.path - centre) / len(run.path) ** 0.5 for run in runs])
    least = (np.linalg.svd(offsets, compute_uv=False)[2:] ** 2).sum()
    rows = [slice(*pair) for pair in ((0, 5), (5, 14), (14, 17))]
    left = sum((made.residual[r] ** 2).mean() for r in rows)
    assert left == pytest.approx(least, rel=1e-4)


@pytest.mark.parametrize("other", [{"labels": ("x", "y")}, {"a": np.linspace(-9, 9, 5)}], ids=["axes", "reach"])
def test_cells_of_another_plane_are_not_gone_on_from(runs, other):
    """Finds an attempt of another version, whose plane was another, that is filled up with cells of this one."""
    made = drawn(runs)
    half = replace(made, status="running", stride=2, loss=np.full((5, 5), 7.0), check=np.nan)
    spec = JointSpec(",".join(digest_of(run) for run in runs), resolution=5)
    alike, foreign = (returned(spec.compute(runs, "cpu", before)) for before in (half, replace(half, **other)))
    assert (alike.loss == 7.0).any(), "the same plane's cells are kept"
    np.testing.assert_array_equal(foreign.loss, made.loss)


def test_the_sharpness_of_the_ends(runs):
    made = drawn(runs)
    problem, data = SPEC.problem, SPEC.problem.load("train")
    for r, run in enumerate(runs):
        hessian = torch.func.hessian(lambda theta: problem.loss(theta, data.x, data.y))(torch.as_tensor(run.path[-1]))
        top = float(torch.linalg.eigvalsh(hessian.double())[-1])
        assert abs(made.end_sharpness[r] - top) <= made.end_residual[r] + 1e-4 * top


def test_what_is_not_finite_is_left_out(runs):
    path = runs[0].path.copy()
    path[-2:] = np.nan
    made = drawn([replace(runs[0], path=path), *runs[1:]])
    assert made.left_out == 2 and np.isfinite(made.loss).all() and made.starts.tolist() == [0, 3, 12, 15]
    assert "2 points" in joint.draw(made).words
    last = int(runs[0].steps[-3])
    assert f" at step {last:,}: loss" in joint.draw(made).words
    tags = [route.tag for route in together.ground(made, provisional=False).routes]
    assert f"at step {last}" in tags[0] and "at step" not in tags[1], "a point that is not the end is named so"
    with pytest.raises(SpecError, match="runs: one of them has no measured point that is finite"):
        drawn([replace(runs[0], path=path * np.nan), *runs[1:]])


def test_refusals(runs):
    one, two = digest_of(runs[0]), digest_of(runs[1])
    with pytest.raises(SpecError, match="runs: expected different runs"):
        JointSpec(f"{one},{one}")
    with pytest.raises(SpecError, match="plane: three end points need three runs, got 2"):
        JointSpec(f"{one},{two}", plane="ends")
    with pytest.raises(SpecError, match="runs: expected 2 to 6"):
        JointSpec(one).needs("")
    other = record(RunSpec(), RunSpec().problem.start(0)[None])
    with pytest.raises(SpecError, match="runs: expected runs of one problem"):
        returned(JointSpec(f"{one},{two}").compute([runs[0], other], "cpu", None))
    middle = (runs[0].path[-1:] + runs[1].path[-1:]) / 2
    between = replace(runs[2], path=middle, steps=np.zeros(1, int), seconds=np.zeros(1), measures={})
    with pytest.raises(SpecError, match="on a line"):
        drawn([*runs[:2], between], plane="ends")


def test_performed_kept_and_drawn(store):
    """From the store's runs, under its own address; on the screen and in print every run has its colour and name."""
    for spec in RULES:
        last(perform(store, Work(spec)))
    work = Work(JointSpec(",".join(map(digest, RULES)), resolution=9))
    end = last(perform(store, work))
    made = store.get(work.address)
    total = 81 + 2 * len(made.steps)
    assert (end.status, end.done, end.total) == ("finished", total, total) and work.address.startswith("joint/")
    drawing = joint.draw(made, "log loss")
    assert [route.label for route in drawing.routes] == ["SAM (ρ 0.05)", "SGD", "SGD, AdamW, lr 0.01"]
    assert [route.colour for route in drawing.routes] == ["blue", "grey", "grey"]
    assert len({(route.dash, route.marker) for route in drawing.routes[1:]}) == 2, "of one rule, told apart otherwise"
    printed = paper.export(drawing, "svg", 5.5).decode()
    for name in joint.names(made):
        assert name in drawing.words and name in printed and name in csv(drawing)
        assert all(name in [trace.name for trace in render(drawing).data] for render in (plotly.contour, plotly.scene))
    assert {line.label for line in joint.faithful(made).lines} >= set(joint.names(made))
