"""The kept tables: every experiment at full size, reproduced, and in agreement with the quick size as it is
performed here."""

import json

import pytest

from engine.experiments import EXPERIMENTS, PAPERS
from tests.trials import KEPT, agree

BY_PAPER = [
    pytest.param(cls(), marks=pytest.mark.xdist_group(paper.key), id=cls.__name__)
    for paper in PAPERS.values()
    for cls in paper.experiments
]


def test_the_kept_tables_are_of_every_experiment():
    tables = json.loads(KEPT.read_text())
    assert [table["experiment"] for table in tables] == list(EXPERIMENTS) and all(
        table["reproduced"] for table in tables
    )
    assert all(check["values"] and check["predicted"] for table in tables for check in table["checks"])


@pytest.mark.parametrize("experiment", BY_PAPER)
def test_quick_agrees_with_full(experiment):
    agree(experiment)
