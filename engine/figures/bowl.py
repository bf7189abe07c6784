"""A map of a bowl, of no run's: with it a browser makes its scene ready before there is a landscape to show."""

from __future__ import annotations

import numpy as np

from engine.figures.drawing import Map


def draw() -> Map:
    """All that a landscape has, a surface, a path and marks, and the words of most: these, too, take time at first."""
    side, along = np.linspace(-5, 5, 3), np.array([-1.0, 1.0])
    return Map(
        name="bowl",
        title="",
        x_label="path direction 1",
        y_label="path direction 2",
        z_label="cross-entropy loss",
        a=side,
        b=side,
        z=0.01 + (side[:, None] ** 2 + side**2) / 20,
        log=True,
        limits=(0.01, 3.0),
        path_a=along,
        path_b=along,
        path_z=0.01 + along**2 / 10,
        path_steps=np.array([0, 1]),
        checkpoint=1,
        caption="",
    )
