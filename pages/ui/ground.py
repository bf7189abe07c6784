"""The first surface of a run: the best one kept on its natural plane, or a small one that is drawn at once."""

from __future__ import annotations

from engine.analyses.planes import PlaneSpec
from engine.records import Surface
from engine.spec import digest
from engine.training.runs import RunSpec
from engine.work.kinds import Work
from engine.work.perform import OVERTAKEN
from engine.work.presets import picture
from pages.ui import cached, person

FINE, COARSE = 51, 25


def first(run: str, spec: RunSpec) -> tuple[Surface | None, bool]:
    """The surface, and whether one is being drawn; the small one is begun where there is none of the whole path."""
    surface, job = _kept(run, spec), f"{run}/{digest(picture(spec, _small(spec)))}"
    now = cached.jobs().snapshot(job)
    if now and now.active:
        return surface, True
    record = cached.run(run)
    measured = record is not None and len(record.path) > 0  # a run that has just begun has no point to look around
    given_up = now and now.status in ("failed", "stopped") and now.reason not in OVERTAKEN
    if _whole(run, surface) or not measured or given_up:
        return surface, False
    return surface, bool(person.start(Work(picture(spec, _small(spec)), run), asked=False))


def fault(run: str, spec: RunSpec) -> str:
    """Why there is no surface, where drawing it failed."""
    now = cached.jobs().snapshot(f"{run}/{digest(picture(spec, _small(spec)))}")
    return now.reason if now and now.status == "failed" else ""


def name(run: str, spec: RunSpec) -> str:
    """The name of the analysis that `first` shows or has begun."""
    surface, _ = first(run, spec)
    return digest(picture(spec, FINE if surface is not None and len(surface.a) == FINE else _small(spec)))


def version(run: str, spec: RunSpec) -> tuple[int, ...]:
    """Changes whenever what `first` shows is written anew."""
    return cached.version(f"{run}/{name(run, spec)}")


def _small(spec: RunSpec) -> int:
    """Points a side of what is drawn unasked: a toy's valleys are narrow, and its points cost next to nothing."""
    return COARSE if spec.problem.examples() else FINE


def _kept(run: str, spec: RunSpec) -> Surface | None:
    """The finest complete surface there is."""
    for resolution in (FINE, COARSE):
        found = cached.record(f"{run}/{digest(picture(spec, resolution))}")
        if isinstance(found, Surface) and found.stride == 1 and (resolution == COARSE or _whole(run, found)):
            return found
    return None


def _whole(run: str, surface: Surface | None) -> bool:
    """Whether a surface shows all of the run's path; of one that is still growing, any part will do."""
    record, now = cached.run(run), cached.jobs().snapshot(run)
    return (
        surface is not None
        and record is not None
        and (bool(now and now.active) or len(surface.steps) == len(record.steps))
    )


def quantity(surface: Surface) -> str:
    """Losses are best seen on a logarithmic scale, where they are all positive."""
    return "log loss" if surface.loss.min() > 0 else "loss"


def plane(spec: RunSpec) -> PlaneSpec:
    """The plane that shows most of this run."""
    return picture(spec).plane
