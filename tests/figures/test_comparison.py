"""Several runs in one chart: seeds together as their median, and how two outcomes of runs go together."""

from __future__ import annotations

import numpy as np

from engine.figures import comparison, outcomes
from engine.spec import describe
from engine.training.runs import RunSpec
from tests.states import SPEC, columns


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


def test_outcomes_are_marks_in_their_rules_colours_and_what_is_missing_is_told():
    """Finds the two axes confused, a run that was lost and is left out in silence, and two updates of one look."""
    sgd = SPEC | {"rule": {"name": "SGD"}}
    lasts = [{"sharpness": 2.0, "test_accuracy": 0.9}, {"sharpness": 3.0, "test_accuracy": 0.8}]
    lasts += [{"sharpness": 5.0, "test_accuracy": float("nan")}, {"test_accuracy": 0.7}]
    drawn = outcomes.scatter(list(zip([sgd, SPEC, SPEC, SPEC], lasts, strict=True)), "sharpness", "test_accuracy")
    assert {(line.label, line.colour, line.x[0], line.y[0]) for line in drawn.lines} == {
        ("SGD", "grey", 2.0, 0.9),
        ("SAM", "blue", 3.0, 0.8),
    }
    assert "2 runs not shown" in drawn.caption and not drawn.empty
    adamw = sgd | {"update": {"name": "AdamW"}}
    two = outcomes.scatter(list(zip([sgd, adamw], lasts[:2], strict=True)), "sharpness", "test_accuracy").lines
    assert [line.label for line in two] == ["SGD", "SGD, AdamW"] and two[0].marker != two[1].marker
    assert outcomes.scatter([], "sharpness", "test_loss").empty
