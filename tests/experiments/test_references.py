"""References: each is of the runs that its experiment makes today, judged as those are, and drawn as they would be."""

from dataclasses import replace

import pytest

from engine.experiments import EXPERIMENTS
from engine.figures.drawing import Chart, Map
from engine.figures.render.miniature import miniature
from engine.work import references
from tests.results import arrays_of


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_reference_is_what_would_be_performed_today(name):
    experiment = EXPERIMENTS[name]()
    kept = references.reference(experiment)
    assert kept, f"none is kept of today's runs: python -m engine.work.references {name}"
    today = replace(kept, arrays=arrays_of(experiment))
    verdicts = [[check.verdict() for check in experiment.checks(result)] for result in (kept, today)]
    assert verdicts[0] == verdicts[1]
    first = next(one for one in experiment.pictures(kept) if isinstance(one, Chart | Map))
    assert [references.picture(name, dark).decode() for dark in (False, True)] == [
        miniature(first, dark) for dark in (False, True)
    ], f"its picture is of another figure: python -m engine.work.references {name}"
