"""What a run will cost, counted without computing anything, against runs that are computed."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from engine.__main__ import main
from engine.data import Digits, Moons
from engine.models import CNN, MLP
from engine.problems import Beale, Classification
from engine.records import Run
from engine.rules import SAM, SGD, LookSAM
from engine.spec import SpecError, dumps
from engine.training.loop import train
from engine.training.runs import RunSpec, Switch
from engine.work.budget import Limits, check, cost
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.tally import Tally
from tests.drive import last
from tests.family import networks

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


@pytest.mark.parametrize("name", networks())
def test_no_model_escapes(name):
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
