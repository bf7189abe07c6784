"""Experimenting: performs an experiment. The runs of one that is a robustness map are trained and kept as the cells of
that map's sweep: whichever of the two comes second finds what the first has trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engine.experiments import Experiment, lab, plan
from engine.records import Arrays, Computing, Record, Result
from engine.spec import digest, encode
from engine.sweeps.outcome import looks
from engine.training.runs import RunSpec
from engine.work.board import Board
from engine.work.sweeping import Grid, carried_out


def compute(experiment: Experiment, inputs: Sequence[Record], device: str, before: Record | None) -> Computing:
    """As `lab.perform`. Of an experiment that is a map there is what cells have: `engine.sweeps.outcome.CURVES`, in
    single precision."""
    if experiment.map is None:
        return (yield from lab.perform(experiment, inputs, device, before))
    board, ensembles = Board(Grid(experiment.map)), experiment.ensembles()
    total = sum(spec.steps for specs in ensembles.values() for spec in specs)

    def record() -> Result:
        return Result(
            spec=encode(experiment),
            status="running",
            done=_steps(board.done, board, total),
            total=total,
            seconds=_seconds(board),
            arrays=_arrays(ensembles, board),
            runs=plan(experiment),
        )

    return (yield from _in_steps(carried_out(board, record, device, iter(())), board, total))


def _in_steps(computing: Computing, board: Board, total: int) -> Computing:
    """The same, told in steps as all experiments are, of which each run has as many."""
    while True:
        try:
            at = next(computing)
        except StopIteration as end:
            return end.value
        yield at._replace(done=_steps(at.done, board, total), total=total)


def _steps(done: int, board: Board, total: int) -> int:
    return round(total * done / np.prod(board.shape))


def _seconds(board: Board) -> float:
    """What training its runs has taken, whenever that was; a run that stands in several places counts once."""
    return float(np.nansum([board.outcomes["seconds"][places[0]] for places in board.places.values()]))


def _arrays(ensembles: Mapping[str, Sequence[RunSpec]], board: Board) -> Arrays:
    """A result's arrays, from the cells that an experiment's runs are."""
    found: Arrays = {}
    for name, specs in ensembles.items():
        steps = looks(specs[0])
        places = tuple(np.transpose([board.places[digest(spec)][0] for spec in specs]))
        found[f"{name}/step"] = np.array(steps)
        for quantity, curves in board.curves.items():
            found[f"{name}/{quantity}"] = curves[places][:, : len(steps)].T.astype(float)
    return found
