"""A glance at a run's loss is of its record, few numbers, and nothing where the record cannot be read."""

from __future__ import annotations

import numpy as np
import pytest

from engine.problems import Quadratic
from engine.spec import digest
from engine.training.runs import RunSpec
from engine.work import glance
from engine.work.kinds import Work
from engine.work.perform import perform
from tests.drive import last

SPEC = RunSpec(Quadratic(), lr=0.01, batch=0, steps=200, every=1)


def test_the_loss_from_its_beginning_to_its_end(store):
    """Finds a glance that leaves out an end, or is of another measure."""
    last(perform(store, Work(SPEC)))
    seen, loss = glance.losses(store, digest(SPEC)), store.run(digest(SPEC)).measures["train_loss"]
    assert len(seen) == glance.POINTS < len(loss)
    np.testing.assert_allclose([seen[0], seen[-1]], np.log10(loss[[0, -1]]), atol=1e-3)


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_torn_record_has_none(store, content):
    """Finds a list of runs that breaks at one of them."""
    file = store.file(digest(SPEC))
    file.parent.mkdir(parents=True)
    if content is None:
        np.savez(file, allow_pickle=False, **{glance.LOSS: np.array([np.nan, -1.0, np.inf])})
    else:
        file.write_bytes(content)
    assert glance.losses(store, digest(SPEC)) == []
