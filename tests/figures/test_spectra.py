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


def test_it_stands_nowhere_on_a_run_that_has_not_come_so_far():
    """Finds a page that breaks while the run that it is of is trained anew."""
    run = columns()
    begun = {name: values[:3] for name, values in run.items()}
    chart = spectra.on_the_run(replace(SPECTRA["full"], checkpoint=len(run["step"]) - 1), begun, SPEC)
    assert chart.marks == charts.sharpness(begun, SPEC).marks
