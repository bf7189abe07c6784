"""Quantities of maps that are made of a run's way, against runs whose ways are known."""

from dataclasses import replace

import numpy as np
import pytest

from engine.figures import sweeps
from engine.figures.quantities import QUANTITIES, aim, until
from engine.spec import describe
from engine.sweeps.spec import Axis
from tests.swept import ALONE, SPEC, swept

WAYS = {
    "down at once": [4.0, 0.5, 0.4, 0.3],
    "back up": [4.0, 1.0, 2.5, 0.9],
    "never": [4.0, 3.0, 2.0, 1.5],
    "lost": [4.0, 0.9, np.nan, np.nan],
}
LOOKS = np.array([0.0, 0.25, 0.5, 1.0])


def ways(spec=ALONE):
    """A sweep of one row whose runs are WAYS, under both rules."""
    curve = np.tile(np.array([*WAYS.values()])[None, None, :, None], (2, 1, 1, 1, 1))
    lost = np.isnan(curve[..., -1])
    found = swept(spec)
    return replace(
        found,
        curves={"train_loss": curve, "gradients": np.broadcast_to(3.0 * np.arange(4), curve.shape)},
        outcomes=found.outcomes | {"state": np.where(lost, 2.0, 1.0), "train_loss": curve[..., -1]},
        looks=LOOKS,
    )


def test_until_a_target():
    """The last look at which it is so, steps of another look, a run that never gets there as if it had at once, and one
    that was there before it was lost."""
    described = describe(ALONE)
    steps = described["run"]["steps"]
    found = until("steps to target", 1.0, described).values(ways())[0, 0, :, 0]
    assert found.tolist() == [steps / 4, steps / 4, np.inf, steps / 4]
    assert until("gradients to target", 0.4, described).values(ways())[0, 0, :, 0].tolist() == [6, *[np.inf] * 3]
    drawing = sweeps.maps(ways(), described, until("steps to target", 0.4, described))
    assert drawing.panels[0].lost.tolist() == [[False, True, True, True]] and "Grey: never" in drawing.words


def test_where_the_steps_are_a_knob():
    """Steps of the sweep's run instead of the cell's."""
    spec = replace(ALONE, x=Axis("steps", 100, 400, 4, log=False))
    found = until("steps to target", 1.0, describe(spec)).values(replace(ways(spec), columns=np.array(spec.columns)))
    assert found[0, 0, :, 0].tolist() == [25, 50, np.inf, 100]


def test_spikes_and_losses():
    """A rise that is counted again after the run has come down, and one against the start instead of the lowest."""
    assert QUANTITIES["spikes"].values(ways())[0, 0, :, 0] == pytest.approx([0, 1 / 3, 0, 0])
    assert QUANTITIES["lost"].values(ways())[0, 0, :, 0].tolist() == [0, 0, 0, 1]
    seeds = swept(SPEC)
    share = sweeps.cells(seeds, QUANTITIES["lost"])[0]
    assert share == pytest.approx((seeds.outcomes["state"] == 2).mean(-1))


def test_the_usual_target_is_reached_by_some():
    """One above the start or below the best."""
    assert 0.3 < aim(ways()) < 4.0


def test_near_the_lowest_is_said_where_lower_is_better():
    """Finds cells of the lowest accuracy, which have failed, counted as good ones; and a line that no caption names."""
    found, described = swept(SPEC), describe(SPEC)
    accuracy = sweeps.maps(found, described, QUANTITIES["test accuracy"])
    assert [panel.remark for panel in accuracy.panels] == ["", ""] and "lowest" not in accuracy.words
    loss = sweeps.maps(found, described, QUANTITIES["test loss"], (0.3,))
    shares = [panel.remark.partition(" ")[0] for panel in loss.panels]
    assert (
        all(share.endswith("%") for share in shares)
        and ", ".join(f"{title} {share}" for title, share in zip(sweeps.titles(described), shares, strict=True))
        in loss.words
    )
    assert "Solid: held-out loss 0.3." in loss.words and "Solid" not in sweeps.maps(found, described).words
