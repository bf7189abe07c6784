"""What a run will cost, counted without computing anything, against runs that are computed."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from engine.__main__ import main
from engine.analyses import surface
from engine.analyses.alignment import AlignmentSpec
from engine.analyses.joint import JointSpec
from engine.analyses.planes import Eigenvectors, Random
from engine.analyses.spectrum import SpectrumSpec
from engine.analyses.surface import SurfaceSpec
from engine.curvature import Hessian
from engine.data import Digits, Moons
from engine.experiments import EXPERIMENTS
from engine.models import CNN, MLP
from engine.problems import Beale, Classification
from engine.records import Run
from engine.rules import SAM, SGD, LookSAM
from engine.spec import SpecError, dumps
from engine.training.loop import train
from engine.training.recording import record
from engine.training.runs import RunSpec, Switch
from engine.work.budget import Limits
from engine.work.cost import Looked
from engine.work.cost import of_run as cost
from engine.work.effort import of_alignment, of_spectrum, of_surface
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.tally import Speed, Tally
from tests.drive import last, returned
from tests.family import networks


def check(spec, limits=None, device="cpu"):
    Work(spec).check((), limits or Limits(), device)


SPEC = RunSpec(Classification(Moons(train=60), MLP(width=5)), batch=20, steps=40, every=10)


@pytest.mark.parametrize("model", [MLP(width=8), CNN(width=4)], ids=repr)
@pytest.mark.parametrize("rule", [SGD(), SAM(), LookSAM(k=5)], ids=lambda rule: type(rule).__name__)
def test_operations_of_a_step(model, rule):
    """As another counter counts them where they are carried out; those of a rule that saves gradients on average."""
    spec = RunSpec(Classification(Digits(train=100), model), rule, batch=20, steps=10, every=10, curvature=False)
    ticks = train([spec])
    next(tick for tick in ticks if tick.frame)
    with FlopCounterMode(display=False) as counter:
        next(tick for tick in ticks if tick.state.step == 10)
    assert cost(replace(spec, steps=1000, every=1000)).flops == pytest.approx(counter.get_total_flops() / 10)


def test_bytes_that_are_held():
    """Those of views once, and none that are gone."""
    with Tally() as tally:
        a = torch.ones(1000, device="meta") * 2.0
        assert tally.held == 4000, "one of the two is gone"
        views = [a[1:], a.view(10, 100)]
        b = a + 1
    assert (tally.held, tally.most, len(views), b.shape[0]) == (8000, 8000, 2, 1000)


@pytest.mark.parametrize(
    "spec", [SPEC, replace(SPEC, then=(Switch(at=13),)), RunSpec(Beale(), lr=1e-3, batch=0, steps=90)]
)
def test_bytes_of_the_path(spec, store):
    """To the byte, with the rows at switches and at the end; the record is no larger than was said, but for names."""
    last(perform(store, Work(spec)))
    made = store.get(Work(spec).address)
    assert isinstance(made, Run) and cost(spec).path == made.path.nbytes
    assert store.file(Work(spec).address).stat().st_size < cost(spec).record + 20_000


def test_the_field_that_is_to_be_changed():
    """Each limit names its own, and what is proposed fits, if only just."""
    long = replace(SPEC, steps=2000, every=1)
    with pytest.raises(SpecError, match="every: the path would take 456 kB, at most 100 kB; ") as refused:
        check(long, Limits(path=1e5))
    every = int(str(refused.value).split("; ")[1].split()[0])
    check(replace(long, every=every), Limits(path=1e5))
    with pytest.raises(SpecError, match="every:"):
        check(replace(long, every=every - 1), Limits(path=1e5))
    wide = replace(SPEC, problem=Classification(Digits(), CNN()), batch=1000)
    with pytest.raises(SpecError, match=r"batch: a step would take .* of memory, at most 10 MB; about [0-9]+ or fewer"):
        check(wide, Limits(memory=1e7))
    with pytest.raises(SpecError, match=r"problem: the run would take .* of memory, at most "):
        check(replace(wide, batch=10), Limits(memory=1e7))
    with pytest.raises(SpecError, match=r"steps: the run would take about .* hours, at most 0.001; about [0-9]+ or"):
        check(replace(wide, steps=10**6, every=1000), Limits(hours=0.001))
    check(replace(wide, steps=10**6, every=1000), Limits(memory=1e7, hours=0.001), "cuda:0")


@pytest.fixture
def known_speed(monkeypatch):
    """A machine of known speed, on which nothing is timed: one that others hold up may be slower than what is let pass
    without being counted takes any machine to be."""
    monkeypatch.setattr("engine.work.cost.speed", lambda: Speed(call=2e-6, flops=4e10, written=8e9))
    monkeypatch.setattr("engine.work.cost.SHORT", 0.0)
    monkeypatch.setattr("engine.work.cost._looked", Looked)  # anew: what was timed before is remembered


@pytest.mark.parametrize("name", networks())
def test_no_model_escapes(name, known_speed):
    """What is let pass without being counted, since it must be small, is below any limit that counting would find it
    above."""
    spec = RunSpec(Classification(*networks()[name]), batch=10, steps=100, every=50)
    found = cost(spec)
    assert found.seconds > 0 and found.step_memory > 0
    for limits, field in (
        (Limits(hours=found.seconds / 7200), "steps"),
        (Limits(memory=found.memory / 2), "batch|problem"),
    ):
        with pytest.raises(SpecError, match=field):
            check(spec, limits)


ANALYSES = {
    "resolution": SurfaceSpec(Random(), resolution=401),
    "probes": SpectrumSpec(probes=100, depth=300),
    "stride": AlignmentSpec(stride=1),
    "resolution of both": JointSpec("0" * 16 + "," + "1" * 16, resolution=401),
}


@pytest.mark.parametrize("name", ANALYSES)
def test_an_analysis_has_a_budget(name, known_speed):
    """What is proposed fits, if only just; without it one analysis of a large model takes days, or all memory."""
    spec, field = ANALYSES[name], name.split()[0]
    work = Work(spec, "" if isinstance(spec, JointSpec) else "0" * 16)
    runs = [replace(SPEC, steps=2000, every=2), replace(SPEC, seed=1)][: 1 + isinstance(spec, JointSpec)]
    limits = Limits(hours=work.cost(runs).seconds / 3600 / 3)
    work.check(runs, Limits(), "cpu")
    with pytest.raises(SpecError, match=rf"^{field}: the \w+ would take about .* hours, at most .* fits") as refused:
        work.check(runs, limits, "cpu")
    value = int(str(refused.value).split("; ")[1].split()[0].replace(",", ""))
    Work(replace(spec, **{field: value}), work.of).check(runs, limits, "cpu")
    beyond = value + (1 if getattr(spec, field) > value else -1)
    with pytest.raises(SpecError):
        Work(replace(spec, **{field: beyond}), work.of).check(runs, limits, "cpu")
    with pytest.raises(SpecError, match=r"^\w+: the \w+ would take about .* hours, at most 1e-09$"):
        work.check(runs, Limits(hours=1e-9), "cpu")
    with pytest.raises(SpecError, match=r"^run: the \w+ would take .* of memory, at most 10 kB"):
        work.check(runs, Limits(memory=1e4), "cpu")
    work.check(runs, Limits(memory=1e4, hours=1e-9), "cuda:0")


@pytest.mark.parametrize(
    "spec",
    [SurfaceSpec(Eigenvectors(), resolution=9), SpectrumSpec(), AlignmentSpec(k=3)],
    ids=repr,
)
def test_the_work_of_an_analysis_is_counted(spec, monkeypatch):
    """Within a factor of two, as many points and products as it takes, and a record of that size: an analysis that
    came to do more would be let pass by its old cost."""
    run, done = returned(record(SPEC, (), "cpu", None)), Counter()
    product, looked = Hessian.__call__, surface.evaluate

    def counted(hessian, v):
        done[hessian.theta.dtype] += 1
        return product(hessian, v)

    def evaluated(*given):
        done["points"] += 1
        return looked(*given)

    monkeypatch.setattr(Hessian, "__call__", counted)
    monkeypatch.setattr(surface, "evaluate", evaluated)
    made = returned(spec.compute([run], "cpu", None))
    kind = {"SurfaceSpec": of_surface, "SpectrumSpec": of_spectrum, "AlignmentSpec": of_alignment}
    said = kind[type(spec).__name__](spec, [SPEC])
    pairs = [
        (said.evaluations, done["points"]),
        (said.products, done[torch.float32]),
        (said.exact, done[torch.float64]),
        (said.record, sum(value.nbytes for value in vars(made).values() if isinstance(value, np.ndarray))),
    ]
    for say, do in pairs:
        assert do / 2 <= say <= 2 * do, pairs


def test_an_experiment_has_a_budget():
    """Of all its runs together, and without their paths, which no result keeps."""
    work = Work(EXPERIMENTS["SwitchTime"]())
    work.check((), Limits(), "cpu")
    found = work.cost(())
    with pytest.raises(SpecError, match=r"^size: the experiment would take about .* hours, at most"):
        work.check((), Limits(hours=found.seconds / 7200), "cpu")
    with pytest.raises(SpecError, match=r"^size: the experiment would take .* of memory"):
        work.check((), Limits(memory=found.memory / 2), "cpu")


def test_refused_before_anything_is_done(store, tmp_path, capsys):
    """By the one way in which all work is performed; the command line says it in a line, and may raise the limits."""
    huge = replace(SPEC, problem=Classification(Digits(train=20), MLP(width=512, depth=8)), steps=500, every=1)
    with pytest.raises(SpecError, match=r"every: the path would take 3.76 GB, at most 500 MB; 8 or more fits"):
        next(perform(store, Work(huge)))
    assert not store.root.exists() or not list(store.root.iterdir())
    file = tmp_path / "spec.json"
    file.write_text(dumps(replace(SPEC, steps=2000, every=1)))
    train = ["train", str(file), "--store", str(store.root), "--device", "cpu", "curvature=false", "steps=4"]
    assert main([*train, "--most-path", "1e-7"]) == 2
    assert (
        capsys.readouterr().err.strip().splitlines()[-1].startswith("engine train: every: the path would take 1.14 kB")
    )
    assert main([*train, "--most-path", "1"]) == 0
