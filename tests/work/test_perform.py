"""Performing: what work of every kind keeps when it finishes, is closed, stopped or broken."""

from dataclasses import dataclass

import numpy as np
import pytest

from engine.analyses.alignment import AlignmentSpec
from engine.analyses.planes import Coordinates, PlaneSpec, Random
from engine.analyses.spectrum import SpectrumSpec
from engine.analyses.surface import SurfaceSpec
from engine.data import Moons
from engine.models import MLP
from engine.problems import Beale, Classification, Quadratic
from engine.records import RecordError, Stop, Surface
from engine.rules import SGD
from engine.spec import digest
from engine.training import recording
from engine.training.runs import MEASURES, RunSpec
from engine.work import perform as performing
from engine.work.kinds import KINDS, Work
from engine.work.perform import perform
from tests.drive import last

SPEC = RunSpec(Classification(Moons(train=60), MLP(width=5)), batch=20, steps=40, every=10)
NAME = digest(SPEC)
OF_A_RUN = [kind.name for kind in KINDS.values() if kind.of == "train"]


def begun(store, spec=SPEC, ticks=25, **options):
    task = perform(store, Work(spec), **options)
    for _ in range(ticks):
        next(task)
    return task


def test_finished(store):
    progress = list(perform(store, Work(SPEC)))
    assert (progress[-1].status, progress[-1].done, progress[-1].total, progress[-1].saved) == (
        "finished",
        40,
        40,
        True,
    )
    seen = [p.frame for p in progress if p.frame]
    run = store.run(NAME)
    assert [f["step"] for f in seen] == run.steps.tolist() == [0, 10, 20, 30, 40] and (np.diff(run.seconds) >= 0).all()
    assert (
        all(set(f) == {"step", "seconds", *MEASURES} for f in seen)
        and [f["train_loss"] for f in seen] == run.measures["train_loss"].tolist()
    )
    assert (
        run.path.shape == (5, SPEC.problem.size())
        and run.path.dtype == np.float32
        and set(run.made) == {"device", "hardware", "torch", "when"}
    )


def test_closed_leaves_it_to_be_gone_on_with(store):
    begun(store).close()
    run = store.run(NAME)
    assert run.status == "running" and run.state and 0 < int(run.state["step"]) < 40
    frames = [p.frame for p in perform(store, Work(SPEC)) if p.frame]
    assert [f["step"] for f in frames] == [0, 10, 20, 30, 40], "the frames from before are told again"
    assert store.run(NAME).status == "finished"


def test_stopped_keeps_the_curves_and_can_go_on(store):
    end = begun(store).throw(Stop())
    run = store.run(NAME)
    assert end.status == run.status == "stopped" and "of 40" in run.reason and len(run.steps) and run.state
    assert last(perform(store, Work(SPEC))).status == "finished" and not store.run(NAME).state


def test_analyses_of_a_shorter_path_are_forgotten_and_those_of_an_ended_run_kept(store):
    surface = SurfaceSpec(plane=Random(), resolution=3)

    def drawn():
        list(perform(store, Work(surface, NAME)))
        assert store.find(f"{NAME}/{digest(surface)}") is not None

    begun(store).close()
    drawn()
    task = begun(store, ticks=5)
    assert store.find(f"{NAME}/{digest(surface)}") is None
    drawn()  # beside the training, of its last checkpoint
    list(task)
    assert store.find(f"{NAME}/{digest(surface)}") is None
    drawn()
    list(perform(store, Work(SPEC), fresh=True))
    assert store.find(f"{NAME}/{digest(surface)}").steps[-1] == SPEC.steps


def test_an_analysis_that_outlives_its_run_keeps_nothing_of_the_shorter_path(store):
    begun(store).close()
    task = perform(store, Work(SurfaceSpec(plane=Random(), resolution=3), NAME))
    next(task)
    last(perform(store, Work(SPEC)))
    *_, end = task
    assert end.status == "failed" and "gone on" in end.reason
    assert [path.name for path in store.file(NAME).parent.iterdir()] == ["run.npz"]


def test_an_analysis_of_a_run_that_is_just_complete_keeps_its_right_to_write(store, monkeypatch):
    """Finds one that is taken for an analysis of the shorter path: its page then waited for a picture for ever."""
    forget, beside = store.forget, perform(store, Work(SurfaceSpec(plane=Random(), resolution=3), NAME))

    def forget_late(address, **options):
        if address == NAME and store.complete(NAME):
            next(beside)
        forget(address, **options)

    monkeypatch.setattr(store, "forget", forget_late)
    last(perform(store, Work(SPEC)))
    assert last(beside).status == "finished"


def test_fresh_begins_again(store):
    begun(store, ticks=45).close()
    before = int(store.run(NAME).state["step"])
    task = perform(store, Work(SPEC), fresh=True)
    assert next(task).done == 0 < before
    task.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("end", ["close", "stop"])
def test_a_finished_run_is_not_lost_by_training_anew_and_giving_up(store, end):
    last(perform(store, Work(SPEC)))
    task = begun(store, fresh=True)
    task.close() if end == "close" else task.throw(Stop())
    assert store.run(NAME).status == "finished" and len(store.run(NAME).steps) == 5


def test_checkpoints_while_training(store, monkeypatch):
    """Kept at least every SAVE_EVERY seconds, without being asked; the limit of the issue is five."""
    assert performing.SAVE_EVERY < 5
    monkeypatch.setattr(performing, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(performing, "SHARE", 1e9)
    task = perform(store, Work(SPEC))
    for p in task:
        assert p.saved and (store.run(NAME).status in ("running", "finished"))
        if p.status == "running":
            assert store.run(NAME).step == p.done


def test_an_error_ends_the_run_as_failed_in_one_line(store, monkeypatch):
    def broken(*_, **__):
        raise OSError("no room\nfor this")
        yield

    monkeypatch.setattr(recording, "train", broken)
    end = last(perform(store, Work(SPEC)))
    assert end.status == store.run(NAME).status == "failed" and "no room" in end.reason and "\n" not in end.reason


@pytest.mark.parametrize("kind", OF_A_RUN)
@pytest.mark.parametrize("spec", [SPEC, RunSpec(Beale(), SGD(), lr=0.001, steps=10, every=5)], ids=["network", "toy"])
def test_every_analysis(kind, spec, store):
    last(perform(store, Work(spec)))
    settings = {"surface": {"resolution": 9}, "spectrum": {"depth": 8, "probes": 2}, "alignment": {"k": 2}}[kind]
    (cls,) = KINDS[kind].specs.values()
    analysis_spec = cls(**settings)
    progress = list(perform(store, Work(analysis_spec, digest(spec))))
    record = store.find(f"{digest(spec)}/{digest(analysis_spec)}")
    assert progress[-1].status == "finished" and progress[-1].saved and progress[-1].done == progress[-1].total
    assert [p.done for p in progress] == sorted(p.done for p in progress)
    assert record is not None and record.run == digest(spec) and record.spec["name"] == type(analysis_spec).__name__


@dataclass(frozen=True)
class Broken(PlaneSpec):
    """Fails."""

    def build(self, problem, origin, path):
        yield
        raise ZeroDivisionError("lost\nits way")


@pytest.mark.parametrize(
    "spec, words",
    [
        (SurfaceSpec(checkpoint=99), "checkpoint: "),
        (SpectrumSpec(checkpoint=99), "checkpoint: "),
        (SurfaceSpec(Broken()), "lost"),
    ],
    ids=["surface", "spectrum", "plane"],
)
def test_a_failed_analysis_says_why_in_one_line(spec, words, store):
    last(perform(store, Work(SPEC)))
    end = last(perform(store, Work(spec, NAME)))
    assert (
        end.status == "failed"
        and words in end.reason
        and "\n" not in end.reason
        and store.find(f"{NAME}/{digest(spec)}") is None
    )


def test_a_stopped_analysis_keeps_its_part(store):
    last(perform(store, Work(SPEC)))
    spec = SurfaceSpec(Random(), resolution=33)
    task = perform(store, Work(spec, NAME))
    while not next(task).saved:
        pass
    end = task.throw(Stop())  # type: ignore[attr-defined]
    part = store.find(f"{NAME}/{digest(spec)}")
    assert end.status == "stopped" and isinstance(part, Surface) and part.stride > 1


def test_analyses_of_what_is_not_there(store):
    with pytest.raises(RecordError, match="no such file"):
        next(perform(store, Work(AlignmentSpec(), "0" * 16)))


@pytest.mark.parametrize("kind", OF_A_RUN)
def test_analyses_of_a_diverged_run(kind, store):
    """They end, and say so, whatever they can make of it."""
    spec = RunSpec(Quadratic(), SGD(), lr=10.0, steps=2000, every=100)
    assert last(perform(store, Work(spec))).status == "diverged"
    for checkpoint in (0, -1):
        made = (
            AlignmentSpec()
            if kind == "alignment"
            else SpectrumSpec(checkpoint)
            if kind == "spectrum"
            else SurfaceSpec(Coordinates(), checkpoint, resolution=5)
        )
        end = last(perform(store, Work(made, digest(spec))))
        assert end.status in ("finished", "failed") and (end.status == "finished" or end.reason)
        assert end.status == "finished" or checkpoint == -1 or kind == "alignment"
