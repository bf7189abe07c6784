"""The store: names from URLs, damaged and foreign files, the order of the list, what is unfinished, deletion."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.analyses.surface import SurfaceSpec
from engine.problems import Beale, Quadratic
from engine.records import RecordError, Run, Surface, save
from engine.rules import PGD, RULES
from engine.spec import SpecError, digest, encode
from engine.training.runs import MEASURES, RunSpec
from engine.work import store as stores
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.store import PARTIAL, ROWS, Store
from tests.drive import last

SPEC = RunSpec(Quadratic(), batch=0, lr=0.01, steps=20, every=5)
NAME, SURFACE = digest(SPEC), Work(SurfaceSpec(resolution=5), digest(SPEC)).address
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
    last(perform(store, Work(SPEC)))
    last(perform(store, Work(SurfaceSpec(resolution=5), NAME)))
    return store


def test_hostile_names(kept):
    """No method takes anything but an address, and nothing outside the store is read or removed."""
    outside = kept.root.parent / "outside"
    outside.mkdir()
    run = kept.run(NAME)
    for name in HOSTILE:
        for method in (kept.file, kept.has, kept.get, kept.run, kept.spec, kept.delete, lambda n: kept.keep(n, run)):
            for address in (name, f"{NAME}/{name}", *([f"{name}/{NAME}"] if name != "null" else [])):
                with pytest.raises(SpecError) as refused:
                    method(address)
                assert str(refused.value).isprintable() and len(str(refused.value)) < 120
        assert kept.summary(name).status == "unreadable"
    assert outside.exists() and kept.has(NAME)


def test_a_run_comes_back(kept):
    run, summary = kept.run(NAME), kept.summary(NAME)
    assert kept.spec(NAME) == SPEC and run.status == summary.status == "finished" and summary.ended
    assert summary.step == 20 and summary.spec == encode(SPEC) and set(summary.last) == set(MEASURES)
    assert summary.last["train_loss"] == run.measures["train_loss"][-1] and summary.made["device"] == "cpu"
    assert isinstance(kept.get(SURFACE), Surface) and kept.find(f"{NAME}/{'0' * 16}") is None


def test_newest_first(store):
    for i, (when, seed) in enumerate([(300, 0), (100, 1), (200, 2)]):
        spec = replace(SPEC, seed=seed)
        store.keep(digest(spec), Run(spec=encode(spec), made={"i": i}))
        os.utime(store.file(digest(spec)), (when, when))
    assert [s.made["i"] for s in store.summaries()] == [0, 2, 1]
    assert Store(store.root / "nowhere").summaries() == []


def test_a_list_opens_only_what_is_new(store, monkeypatch):
    """Thousands of runs are looked through at every visit: those that are as they were cost no more than a look."""
    opened, head = [], stores.head
    monkeypatch.setattr(stores, "head", lambda path: opened.append(path) or head(path))
    for seed in range(5):
        store.keep(digest(replace(SPEC, seed=seed)), Run(spec=encode(replace(SPEC, seed=seed))))
    for fresh in (5, 0, 0):
        opened.clear()
        assert len(store.summaries()) == 5 and len(opened) == fresh
    store.keep(NAME, Run(spec=encode(SPEC), reason="again"))
    opened.clear()
    assert store.summaries()[0].reason == "again" and len(opened) == 1


def test_the_list_follows_the_files(kept):
    """There is no second truth: what a summary says changes with the record that is written, and goes with it."""
    assert kept.summary(NAME).status == "finished"
    save(kept.file(NAME), replace(kept.run(NAME), status="diverged"))
    assert kept.summary(NAME).status == "diverged"
    kept.file(NAME).unlink()
    assert kept.summary(NAME).status == "unreadable"


def test_what_is_unfinished_lies_beside_what_is_complete(kept):
    whole = kept.run(NAME)
    measures = {name: values[:2] for name, values in whole.measures.items()}
    rows = {name: getattr(whole, name)[:2] for name in ("steps", "seconds", "path")}
    part = replace(whole, status="stopped", measures=measures, **rows)
    kept.keep(NAME, part)
    assert kept.run(NAME).status == kept.summary(NAME).status == "finished"
    found = kept.run(NAME, growing=True)
    assert found.status == "stopped" and np.array_equal(found.path, whole.path[:2])
    kept.keep(NAME, whole)
    assert kept.partial(NAME) is None and not kept.file(NAME, PARTIAL).exists() and not kept.file(NAME, ROWS).exists()


def test_a_path_is_appended(store, monkeypatch):
    """Only the new rows are written; rows of a write that was torn are not read, and written over."""
    path = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)

    def part(count):
        return Run(
            spec=encode(SPEC), status="running", steps=np.arange(count), seconds=np.zeros(count), path=path[:count]
        )

    store.keep(NAME, part(3))
    before = store.file(NAME, ROWS).read_bytes()
    store.keep(NAME, part(5))
    assert store.file(NAME, ROWS).read_bytes() == path[:5].tobytes() and before == path[:3].tobytes()
    with store.file(NAME, ROWS).open("ab") as file:
        file.write(b"torn off in the midd")
    assert np.array_equal(store.run(NAME).path, path[:5])
    store.keep(NAME, part(6))
    assert np.array_equal(store.run(NAME).path, path)


def test_a_damaged_run_says_so_in_a_line(kept):
    path = kept.file(NAME)
    path.write_bytes(path.read_bytes()[:500])
    for method in (kept.run, kept.spec):
        with pytest.raises(RecordError, match=NAME):
            method(NAME)
    [row] = kept.summaries()
    assert (row.digest, row.status) == (NAME, "unreadable") and row.reason.isprintable() and len(row.reason) <= 200
    last(perform(kept, Work(SPEC)))
    assert kept.run(NAME).status == "finished", "it can be trained anew"
    last(perform(kept, Work(SurfaceSpec(resolution=5), NAME)))
    save(path, kept.get(SURFACE))
    with pytest.raises(RecordError, match="another spec"):
        kept.run(NAME)
    kept.delete(NAME)
    assert kept.summaries() == [] and not kept.has(NAME)
    kept.delete(NAME)


def test_torn_and_foreign_records(kept):
    """Five hundred of them, of a run and of a surface: each is one line, without a path, wherever it is read."""
    random = np.random.default_rng(0)
    for address in (NAME, SURFACE):
        path, whole = kept.file(address), kept.file(address).read_bytes()
        for case in range(250):
            damaged = bytearray(whole)
            if case % 3 == 0:
                damaged = damaged[: random.integers(0, len(whole))]
            elif case % 3 == 1:
                for place in random.integers(0, len(whole), 40):
                    damaged[place] = random.integers(0, 256)
            else:
                _rewrite(path, whole, case, random)
                damaged = bytearray(path.read_bytes())
            path.write_bytes(damaged)
            try:
                kept.get(address)
            except RecordError as error:
                assert str(error).isprintable() and str(kept.root) not in str(error) and len(str(error)) < 300
            row = kept.summary(NAME)
            assert row.reason.isprintable() and row.digest == NAME
        path.write_bytes(whole)


def _rewrite(path: Path, whole: bytes, case: int, random: np.random.Generator) -> None:
    """A file of the right form and wrong contents: a field gone, of another type, another shape, or a stranger."""
    path.write_bytes(whole)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    plain = json.loads(str(arrays.pop("record")))
    field = sorted({*plain, *arrays})[int(random.integers(0, len({*plain, *arrays})))]
    strange = [[], "x", None, 5, {"a": "b"}, [1, [2]], "é" * 50, True][case % 8]
    if case % 2 and field in arrays:
        arrays[field] = [np.zeros((2, 2, 2)), np.array("text"), np.zeros(3), np.array(1j)][case % 4]
    elif case % 5 == 0:
        plain.pop(field, None)
        arrays.pop(field, None)
    else:
        arrays.pop(field, None)
        plain[field] = strange
    np.savez(path, record=np.array(json.dumps(plain)), **arrays)


def test_records_of_wrong_contents_are_refused(kept):
    """What a field holds is checked: today's `"made": []` or a path of other length ended pages with a traceback."""
    path, whole = kept.file(NAME), kept.file(NAME).read_bytes()
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    plain = json.loads(str(arrays.pop("record")))
    wrong = {
        "made: ": {"made": []},
        "status: ": {"status": "well"},
        "reason: ": {"reason": 5},
        "spec": {"spec": []},
        "another spec": {"spec": encode(replace(SPEC, lr=0.02))},
        "steps: ": {"steps": np.arange(5) * 0.5},
        "path: ": {"path": np.zeros(5)},
        "seconds: ": {"seconds": np.zeros(4)},
        "measures/train_loss: ": {"measures/train_loss": np.zeros(3)},
        "state/m: ": {"state/m": np.array("x")},
        "TypeError": {"stranger": 1},
    }
    for words, change in wrong.items():
        inside = {name: value for name, value in change.items() if isinstance(value, np.ndarray)}
        outside = {name: value for name, value in change.items() if name not in inside}
        np.savez(path, allow_pickle=False, record=np.array(json.dumps(plain | outside)), **(arrays | inside))
        with pytest.raises(RecordError, match=words):
            kept.get(NAME)
    path.write_bytes(whole)
    shutil.copytree(path.parent, kept.root / ("0" * 16))
    with pytest.raises(RecordError, match="another spec"):
        kept.run("0" * 16)
    assert kept.summary("0" * 16).status == "unreadable"


def test_a_disk_that_is_full(kept, monkeypatch):
    """One line that says so, without a path, and nothing is lost."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.records.files.os.fsync", full)
    with pytest.raises(RecordError) as refused:
        kept.keep(NAME, kept.run(NAME))
    assert "No space left on device" in str(refused.value) and str(kept.root) not in str(refused.value)
    *_, end = perform(kept, Work(SPEC), fresh=True)
    assert end.status == "failed" and "No space left" in end.reason
    monkeypatch.undo()
    assert kept.run(NAME).status == "finished" and not list(kept.root.glob("**/.*.part"))


def test_what_writes_left_behind_is_swept(kept):
    old, new = (kept.file(NAME).parent / name for name in (".old.part", ".new.part"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    (kept.root / ".folder.part").mkdir()
    kept.sweep()
    assert list(kept.root.glob("**/.*.part")) == [new], "somebody may be writing it"
    assert kept.run(NAME).status == "finished"


def test_strangers_in_the_folder_are_not_listed(kept):
    for stranger in ("not-a-run-folder", "lost+found", ".cache"):
        (kept.root / stranger).mkdir()
    (kept.root / "f0f0f0f0f0f0f0f0").write_text("a file")
    assert [s.digest for s in kept.summaries()] == [NAME]


def test_a_folder_for_every_spec(store):
    specs = [replace(SPEC, rule=cls()) for cls in RULES.values() if cls is not PGD] + [replace(SPEC, problem=Beale())]
    for spec in specs:
        store.keep(digest(spec), Run(spec=encode(spec)))
    assert sorted(map(digest, specs)) == sorted(s.digest for s in store.summaries())


def test_where_the_store_is(monkeypatch, tmp_path):
    monkeypatch.setenv("RAVINE_STORE", str(tmp_path / "here"))
    assert Store().root == tmp_path / "here" and Store(tmp_path).root == tmp_path
    monkeypatch.delenv("RAVINE_STORE")
    assert Store().root.name == ".ravine"
    (tmp_path / "file").write_text("")
    with pytest.raises(SpecError, match="store: file is a file"):
        Store(tmp_path / "file")
