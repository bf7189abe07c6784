"""A spectrum's place on its run."""

from dataclasses import replace

from engine.figures import charts, spectra
from tests.states import SPEC, SPECTRA, columns


def test_it_stands_at_its_own_checkpoint():
    """Finds a mark at another step, and one that takes the place of where rules take over."""
    run = columns()
    for checkpoint in (0, 3, len(run["step"]) - 1):
        chart = spectra.on_the_run(replace(SPECTRA["full"], checkpoint=checkpoint), run, SPEC)
        *others, mark = chart.marks
        assert mark.x == run["step"][checkpoint] and tuple(others) == charts.sharpness(run, SPEC).marks
