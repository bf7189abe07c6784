"""Records of sweeps and designs made by hand, in every state of their data, for the tests of figures and pages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.records import Design, Sweep
from engine.rules import SAM, SGD
from engine.spec import describe, encode
from engine.sweeps.design import DesignSpec, Range, Search
from engine.sweeps.outcome import CURVES, ENDS
from engine.sweeps.spec import Axis, SweepSpec

SPEC = SweepSpec(x=Axis("lr", 0.01, 1.0, 4), y=Axis("rule.rho", 0.01, 1.0, 3), rules=(SGD(), SAM()), seeds=3)
ALONE = replace(SPEC, y=Axis(""), seeds=1)


def swept(spec: SweepSpec = SPEC, done: float = 1.0, lost: float = 0.2, status: str = "finished") -> Sweep:
    """A sweep of which a share is done and a share of that is lost."""
    random = np.random.default_rng(0)
    state = np.where(random.random(spec.shape) < done, np.where(random.random(spec.shape) < lost, 2.0, 1.0), 0.0)
    values = np.where(state == 1, random.uniform(0.1, 2.0, spec.shape), np.nan)
    curves = np.stack([values + 1, values], axis=-1)
    return Sweep(
        spec=encode(spec),
        status=status,
        rows=np.array(spec.rows, float),
        columns=np.array(spec.columns, float),
        outcomes=dict.fromkeys((*CURVES, *ENDS, "seconds", "alone"), values) | {"state": state},
        curves=dict.fromkeys(CURVES, curves),
        looks=np.array([0.0, 1.0]),
        edges={"start": np.array([[np.nan] * len(spec.rows), np.geomspace(0.3, 0.005, len(spec.rows))])},
    )


RANGES = (Range("lr", 0.01, 1.0), Range("rule.rho", 0.01, 1.0), Range("update.momentum", 0.0, 0.9, log=False))
DESIGN = DesignSpec(ranges=RANGES, rules=(SGD(), SAM()), seeds=3, points=60)
SOUGHT = replace(DESIGN, rules=(), seeds=1, points=32, sampler=Search("flattest"))


def designed(spec: DesignSpec = DESIGN, done: float = 1.0, lost: float = 0.2, status: str = "finished") -> Design:
    """A design of which a share is done and a share of that is lost; a search's later points are not chosen yet."""
    random = np.random.default_rng(0)
    state = np.where(random.random(spec.shape) < done, np.where(random.random(spec.shape) < lost, 2.0, 1.0), 0.0)
    state[np.isnan(spec.values).all(axis=-1)] = 0
    values = np.where(state == 1, random.uniform(0.1, 2.0, spec.shape), np.nan)
    return Design(
        spec=encode(spec),
        status=status,
        values=spec.values,
        outcomes=dict.fromkeys((*CURVES, *ENDS, "seconds", "alone"), values) | {"state": state},
        curves=dict.fromkeys(CURVES[:4], np.stack([values + 1, values], axis=-1)),
        looks=np.array([0.0, 1.0]),
        library="SciPy 1.17.1",
    )


DESIGNS = {
    "full": (designed(), describe(DESIGN)),
    "begun": (designed(done=0.3, status="running"), describe(DESIGN)),
    "all lost": (designed(lost=1.0), describe(DESIGN)),
    "nothing yet": (designed(done=0.0, status="running"), describe(DESIGN)),
    "a search": (designed(SOUGHT, status="running"), describe(SOUGHT)),
}
SWEEPS = {
    "full": (swept(), describe(SPEC)),
    "begun": (swept(done=0.3, status="running"), describe(SPEC)),
    "all lost": (swept(lost=1.0), describe(SPEC)),
    "nothing yet": (swept(done=0.0, status="running"), describe(SPEC)),
    "one knob": (swept(ALONE), describe(ALONE)),
}
