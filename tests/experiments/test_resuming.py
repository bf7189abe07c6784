"""An experiment that is killed goes on from what it had, to the same bits; a complete result is never lost."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from engine.experiments import EXPERIMENTS
from engine.work import perform as performing
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.store import Store
from tests.drive import last

TOGETHER = replace(EXPERIMENTS["Drift"](), steps=400)
SEPARATELY = replace(EXPERIMENTS["TwoPhases"](), before=1, after=1)  # fewer epochs than may be asked for


def killed(store: Store, work: Work, share: float) -> Store:
    """What is on the disk when a process is killed some time after it has come so far."""
    with pytest.MonkeyPatch.context() as patch:
        for progress in perform(store, work):
            if progress.done > share * progress.total:
                patch.setattr(performing, "SAVE_EVERY", 0.0)
                patch.setattr(performing, "SHARE", 1e9)
            if progress.saved and progress.done > share * progress.total:
                return Store(shutil.copytree(store.root, store.root.with_name(f"killed {share}")))
    raise AssertionError("it has ended")


@pytest.mark.parametrize("experiment", [TOGETHER, SEPARATELY], ids=lambda e: type(e).__name__)
def test_killed_and_gone_on_with(store, experiment):
    """Twice, at other points: with the states of training, the paths that probes look at, and members on their own."""
    work, whole = Work(experiment), Store(store.root.with_name("whole"))
    last(perform(whole, work))
    left = killed(killed(store, work, 0.3), work, 0.7)
    assert not left.complete(work.address) and left.get(work.address).done > 0.5 * left.get(work.address).total
    progress = [p.done for p in perform(left, work)]
    assert progress[0] > 0.5 * progress[-1], "it does not begin again"
    ours, alone = left.get(work.address), whole.get(work.address)
    assert ours.complete and not ours.state and ours.arrays.keys() == alone.arrays.keys()
    for name, values in alone.arrays.items():
        np.testing.assert_array_equal(ours.arrays[name], values, err_msg=name)


def test_killed_while_it_is_performed_anew(store):
    """The complete result stays what readers find; what was begun is there for who looks at what grows."""
    work = Work(TOGETHER)
    last(perform(store, work))
    complete = store.file(work.address).read_bytes()
    left = killed(store, work, 0.5)
    assert left.file(work.address).read_bytes() == complete and left.get(work.address).complete
    assert 0 < left.get(work.address, growing=True).done < left.get(work.address).done
