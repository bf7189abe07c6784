"""Several runs in one chart: seeds together as their median, and how two outcomes of runs go together."""

from __future__ import annotations

import numpy as np

from engine.figures import comparison
from engine.spec import describe
from engine.training.runs import RunSpec
from tests.states import columns


def test_runs_that_differ_in_their_seed_are_one_line_within_their_range():
    """Finds a median over other steps than all have measured, and a name that hides what a run alone has."""
    specs = [RunSpec(seed=seed) for seed in (0, 1, 2)] + [RunSpec(lr=0.05, seed=3)]
    alike, names = comparison.seeds_together(specs)
    assert names == ["lr 0.1, 3 seeds"] * 3 + ["lr 0.05 · seed 3"] and "SAM" in alike
    data = columns()
    fall = data["train_loss"]
    several = [data | {"train_loss": times * fall, "seconds": times * data["seconds"]} for times in (1.0, 4.0, 2.0)]
    several[1] = {name: values[2:] for name, values in several[1].items()}
    runs = [(name, describe(spec), run) for name, spec, run in zip(names, specs, [*several, data], strict=True)]
    drawn = comparison.compare(runs, "train_loss", "seconds", alike)
    together, alone = drawn.lines
    assert (together.label, alone.label) == ("lr 0.1, 3 seeds", "lr 0.05 · seed 3") and alone.band is None
    assert together.band is not None
    assert np.allclose([together.band[0], together.y, together.band[1]], np.outer([1, 2, 4], fall[2:]))
    assert np.allclose(together.x, 2 * data["seconds"][2:]) and "of 4 runs" in drawn.caption
    assert comparison.MEDIAN in drawn.caption and comparison.MEDIAN not in comparison.compare(runs[2:], "edge").caption
