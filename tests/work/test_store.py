"""The store: names from URLs, damaged folders, the order of the list, deletion."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest

from engine.analyses.surface import SurfaceSpec
from engine.problems import Beale, Quadratic
from engine.records import RecordError, Run, Surface, save
from engine.rules import PGD, RULES
from engine.spec import SpecError, digest, encode
from engine.training.runs import MEASURES, RunSpec
from engine.work.store import Store
from engine.work.tasks import analysis, training
from tests.drive import last

SPEC = RunSpec(Quadratic(), batch=0, lr=0.01, steps=20, every=5)
HOSTILE = [
    "",
    ".",
    "..",
    "../",
    "../../etc/passwd",
    "/etc/passwd",
    "/",
    "~",
    "None",
    "null",
    "run.npz",
    "0" * 15,
    "0" * 17,
    "0" * 16 + "\n",
    "G" * 16,
    "A" * 16,
    "..............ab",
    "0123456789abcde/",
    "0123456789abcde\0",
    "%2e%2e%2f0000000",
    "０１２３４５６７８９ａｂｃｄｅｆ",
    "0123 56789abcdef",
    "-123456789abcdef",
    "\\" * 16,
    "x" * 10_000,
]


@pytest.fixture
def kept(store):
    """A store with one finished run and an analysis of it."""
    last(training(store, SPEC))
    last(analysis(store, digest(SPEC), SurfaceSpec(resolution=5)))
    return store


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names(kept, name):
    """No method takes anything but 16 hex digits for a run or an analysis, and nothing outside the store is read or
    removed."""
    outside = kept.root.parent / "outside"
    outside.mkdir()
    for method in (
        kept.folder,
        kept.has,
        kept.run,
        kept.spec,
        kept.delete,
        lambda n: kept.analysis(n, "0" * 16),
        lambda n: kept.analysis(digest(SPEC), n),
    ):
        with pytest.raises(SpecError) as refused:
            method(name)
        assert str(refused.value).isprintable() and len(str(refused.value)) < 120
    assert kept.summary(name).status == "unreadable"
    assert outside.exists() and kept.has(digest(SPEC))


def test_a_run_comes_back(kept):
    run, summary = kept.run(digest(SPEC)), kept.summary(digest(SPEC))
    assert kept.spec(digest(SPEC)) == SPEC and run.status == summary.status == "finished" and summary.ended
    assert summary.step == 20 and summary.spec == encode(SPEC) and set(summary.last) == set(MEASURES)
    assert summary.last["train_loss"] == run.measures["train_loss"][-1] and summary.made["device"] == "cpu"
    assert isinstance(kept.analysis(digest(SPEC), digest(SurfaceSpec(resolution=5))), Surface)
    assert kept.analysis(digest(SPEC), digest(SurfaceSpec(resolution=6))) is None


def test_newest_first(store):
    for i, (at, seed) in enumerate([(300, 0), (100, 1), (200, 2)]):
        name = store.save_run(Run(encode(replace(SPEC, seed=seed)), "stopped", made={"i": i}))
        os.utime(store.folder(name) / "run.npz", (at, at))
    assert [s.made["i"] for s in store.summaries()] == [0, 2, 1]
    assert Store(store.root / "nowhere").summaries() == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"5",
        b"{}",
        b'{"digest": 1}',
        b"\xff\xfe",
        b"[" * 100_000,
        None,
        b'{"digest":"x","status":"finished","reason":"","spec":{"lr":-1},"step":1,"made":{},"last":{}}',
        b'{"digest":"x","status":"finished","reason":"","spec":5,"step":1,"made":{},"last":{}}',
    ],
)
def test_a_damaged_summary_is_listed_and_can_be_deleted(kept, content):
    path, name = kept.folder(digest(SPEC)) / "summary.json", digest(SPEC)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    [row] = kept.summaries()
    assert (row.digest, row.status) == (name, "unreadable") and row.reason.isprintable() and len(row.reason) <= 200
    kept.delete(name)
    assert kept.summaries() == [] and not kept.has(name)
    kept.delete(name)


def test_a_damaged_run_says_so_in_a_line(kept):
    path, name = kept.folder(digest(SPEC)) / "run.npz", digest(SPEC)
    path.write_bytes(path.read_bytes()[:500])
    for method in (kept.run, kept.spec):
        with pytest.raises(RecordError, match=name):
            method(name)
    last(training(kept, SPEC))
    assert kept.run(name).status == "finished", "it can be trained anew"
    last(analysis(kept, name, SurfaceSpec(resolution=5)))
    save(path, kept.analysis(name, digest(SurfaceSpec(resolution=5))))
    with pytest.raises(RecordError, match="Surface"):
        kept.run(name)


def test_strangers_in_the_folder_are_not_listed(kept):
    for stranger in ("not-a-run-folder", "lost+found", ".cache"):
        (kept.root / stranger).mkdir()
    (kept.root / "f0f0f0f0f0f0f0f0").write_text("a file")
    assert [s.digest for s in kept.summaries()] == [digest(SPEC)]


def test_only_specs_are_kept(store):
    with pytest.raises(SpecError):
        store.save_run(Run({"name": "RunSpec", "lr": "fast"}, "finished"))
    assert store.summaries() == []


def test_a_folder_for_every_spec(store):
    specs = [replace(SPEC, rule=cls()) for cls in RULES.values() if cls is not PGD] + [replace(SPEC, problem=Beale())]
    names = {store.save_run(Run(encode(spec), "finished")) for spec in specs}
    assert names == {digest(spec) for spec in specs} == {s.digest for s in store.summaries()} and len(names) == len(
        specs
    )


def test_where_the_store_is(monkeypatch, tmp_path):
    monkeypatch.setenv("RAVINE_STORE", str(tmp_path / "here"))
    assert Store().root == tmp_path / "here" and Store(tmp_path).root == tmp_path
    monkeypatch.delenv("RAVINE_STORE")
    assert Store().root.name == ".ravine"


def test_summaries_are_json_that_others_can_read(kept):
    data = json.loads((kept.folder(digest(SPEC)) / "summary.json").read_text())
    assert data["digest"] == digest(SPEC) and np.isfinite(data["last"]["train_loss"])
