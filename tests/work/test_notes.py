"""Notes on runs: bounded, kept beside the record, gone with it, and none where what is there is no note."""

from __future__ import annotations

import pytest

from engine.records import Run
from engine.spec import SpecError, digest, encode
from engine.training.runs import RunSpec
from engine.work import notes
from engine.work.notes import Note
from engine.work.store import Store

RUN = digest(RunSpec())


@pytest.fixture(name="store")
def one_run(tmp_path):
    store = Store(tmp_path)
    store.keep(RUN, Run(spec=encode(RunSpec())))
    return store


def test_a_note_is_kept_and_goes_with_its_run(store):
    """Finds a note that outlives its run, or brings a deleted run's folder back."""
    note = notes.typed("  looks <b>odd</b>\n", "baseline, figure  2, baseline,,")
    assert note == Note("looks <b>odd</b>", ("baseline", "figure 2"))
    notes.keep(store, RUN, note)
    before = notes.stamp(store, RUN)
    assert notes.read(store, RUN) == note and before
    store.forget(RUN)
    assert notes.read(store, RUN) == note, "a run that goes on keeps its note"
    notes.keep(store, RUN, Note())
    assert notes.stamp(store, RUN) == 0
    notes.keep(store, RUN, note)
    store.delete(RUN)
    with pytest.raises(SpecError, match="is not kept here"):
        notes.keep(store, RUN, note)
    assert notes.read(store, RUN) == Note() and not store.runs() and not (store.root / RUN).exists()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\xff\xfe", b"[1, 2]", b"3", b"{}", b'{"text": 1, "tags": []}', b'{"text": "", "tags": "ab"}'),
        *(b"[" * 9000, b'{"text": "", "tags": [1]}', b'{"text": "", "tags": [""]}'),
        b'{"text": "%s", "tags": []}' % (b"a" * 501),
    ],
)
def test_a_file_that_is_no_note_is_none(store, content):
    """Finds a list of runs that a damaged file takes down."""
    store.file(RUN, notes.SUFFIX).write_bytes(content)
    assert notes.read(store, RUN) == Note()


@pytest.mark.parametrize(
    ("text", "tags", "told"), [("a" * 501, "", "note: "), ("", "b" * 25, "tags: "), ("", "a,b,c,d,e,f,g,h,i", "tags: ")]
)
def test_too_much_is_refused_in_one_line(text, tags, told):
    """Finds a bound that is off by one."""
    with pytest.raises(SpecError, match=told):
        notes.typed(text, tags)
    assert notes.typed("a" * 500, "b" * 24 + ",a,c,d,e,f,g,h").tags
