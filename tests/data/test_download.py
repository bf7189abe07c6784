"""Downloads from a server on this machine that has the sets' files, and from none: once, whole, the known files and no
others, checked at every use, and in one line where it fails."""

import hashlib
import json
import os
import socket
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.__main__ import main
from engine.data import CIFAR10, DATASETS, SOURCES, download, here, load, sources
from engine.problems import Classification
from engine.spec import SpecError, decode, digest, encode
from tests.images_server import drawn, known, published, serving

HOW = r"\(about 170 MB\) on the Train page or with `python -m engine download CIFAR10`$"


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """An empty store."""
    monkeypatch.setenv("RAVINE_STORE", str(tmp_path / "store"))
    load.cache_clear()
    return tmp_path / "store"


def fetching(code: str) -> tuple[str, ...]:
    """Python that is run where `engine.data.fetch` would be, a folder its first argument."""
    return (sys.executable, "-c", code)


def write_ten() -> tuple[str, ...]:
    """Writes a small set."""
    return fetching(
        "import sys, numpy as np; x, y = np.zeros((20, 3072)), np.arange(20) % 10; np.savez(sys.argv[1] + '/set.npz', "
        "x=x, y=y, x_test=x, y_test=y)"
    )


def free_address() -> str:
    """An address at which nobody listens."""
    with socket.socket() as s:
        s.bind(("localhost", 0))
        return f"http://localhost:{s.getsockname()[1]}"


@pytest.mark.parametrize("name", SOURCES)
def test_a_set_that_is_not_here_is_named_and_never_fetched(name, store, monkeypatch):
    """Neither by decoding a spec, nor by a model laid out for it, nor by asking for its numbers."""
    monkeypatch.setattr(sources, "FETCH", ("false",))
    problem = decode({"Classification": Classification}, {"data": {"name": name}})
    assert problem.size() > 1000 and digest(problem) == digest(
        decode({"Classification": Classification}, encode(problem))
    )
    for use in (problem.data.arrays, lambda: problem.load("train")):
        with pytest.raises(
            SpecError,
            match=(
                rf"^data: {name} is not on this machine yet; download it \(about \d+ MB\) on the Train page or with"
                r" `python -m"
            ),
        ):
            use()
    assert not here(name) and not store.exists()


def test_every_file_is_known():
    """Finds a file without a hash, one that stands for two, and one that a pickle could come in."""
    files = [file for source in SOURCES.values() for file in source.files]
    assert [len(source.files) for source in SOURCES.values()] == [4, 4, 1]
    assert len({file.sha256 for file in files}) == len({file.address for file in files}) == 9
    for file in files:
        assert len(bytes.fromhex(file.sha256)) == 32 and file.sha256 == file.sha256.lower() and file.size > 4000
        assert file.name.endswith(("-ubyte.gz", "-binary.tar.gz"))


@pytest.mark.parametrize("name", SOURCES)
def test_a_download(name, store, monkeypatch):
    """In another process, as on a person's machine: the numbers that the server has, split as the authors have split
    them, kept with their checksum and those of the files that they came from."""
    train, test = drawn(name)
    files = published(name, train, test)
    with serving(files) as address:
        monkeypatch.setitem(SOURCES, name, known(name, files, address))
        told = list(download(name))
    total = sum(map(len, files.values()))
    assert told and max(at.done for at in told) >= total and {at.total for at in told} == {total}
    path = store / "data" / f"{name}.npz"
    assert sorted(p.name for p in path.parent.iterdir()) == [f"{name}.json", f"{name}.npz"]
    assert json.loads(path.with_suffix(".json").read_text()) == {
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "from": {each: hashlib.sha256(content).hexdigest() for each, content in files.items()},
    }
    a, b, a_test, b_test = replace(DATASETS[name](train=100), standardize="none").arrays()
    assert len(a) == 100 and len(a_test) == 60 and a.max() <= 1 and a.shape[1:] == SOURCES[name].shape
    for part, labels, given in ((a, b, train), (a_test, b_test, test)):
        rows = {row.tobytes(): label for row, label in zip(*given, strict=True)}
        back = np.round(part * 255).astype(np.uint8).reshape(len(part), -1)
        assert [rows[row.tobytes()] for row in back] == labels.tolist()
    assert load(DATASETS[name](train=100), "train", "cpu", torch.float32).x.shape == (100, *SOURCES[name].shape)
    monkeypatch.setattr(sources, "FETCH", ("false",))
    assert list(download(name)) == [], "what is here is not fetched again"


def test_another_file_than_the_known_one_is_refused(store, monkeypatch):
    """Finds one that is as long as the known one, and as well-formed but for its last byte."""
    files, name = published("MNIST", *drawn("MNIST")), "t10k-labels-idx1-ubyte.gz"
    other = files[name][:-1] + bytes([files[name][-1] ^ 1])
    with serving(files | {name: other}) as address:
        monkeypatch.setitem(SOURCES, "MNIST", known("MNIST", files, address))
        with pytest.raises(SpecError) as refused:
            list(download("MNIST"))
    expected, got = (f"{hashlib.sha256(each).hexdigest()}, {len(each):,} bytes" for each in (files[name], other))
    said = f"data: MNIST could not be downloaded: {name}: expected SHA-256 {expected}, got {got}"
    assert str(refused.value) == said and list((store / "data").iterdir()) == []


def test_without_a_network_nothing_is_changed(store, monkeypatch, capsys):
    """From the command line, with a process of its own."""
    address = free_address()
    monkeypatch.setitem(SOURCES, "CIFAR10", known("CIFAR10", {"cifar-10-binary.tar.gz": b""}, address))
    assert main(["download", "CIFAR10"]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith(
        f"engine download: data: CIFAR10 could not be downloaded: {address.removeprefix('http://')} cannot be reached "
        "from here ([Errno 111] Connection refused)"
    )
    assert list((store / "data").iterdir()) == [] and not here("CIFAR10")


@pytest.mark.parametrize("damage", ["torn", "changed", "gone", "unnamed", "from OpenML", "from other files"])
def test_a_damaged_file_is_refused_and_fetched_anew(damage, store, monkeypatch, capsys):
    """And so is one of other files than those that are known now."""
    monkeypatch.setattr(sources, "FETCH", write_ten())
    assert main(["download", "CIFAR10", "--store", str(store)]) == 0 and here("CIFAR10")
    path = store / "data" / "CIFAR10.npz"
    content, about = bytearray(path.read_bytes()), json.loads(path.with_suffix(".json").read_text())
    content[len(content) // 2] ^= 1
    note = path.with_suffix(".json").write_text
    {
        "torn": lambda: path.write_bytes(content[:-100]),
        "changed": lambda: path.write_bytes(content),
        "gone": path.unlink,
        "unnamed": lambda: note("{"),
        "from OpenML": lambda: note(json.dumps(about | {"from": "OpenML, CIFAR_10_small, version 1"})),
        "from other files": lambda: note(json.dumps(about | {"from": dict.fromkeys(about["from"], "0" * 64)})),
    }[damage]()
    said = {
        "torn": "the file of CIFAR10 is torn or was changed since its download; download it anew",
        "gone": "CIFAR10 is not on this machine yet; download it",
        "from OpenML": r"CIFAR10 is here from other files than those of www\.cs\.toronto\.edu; download it anew",
    }
    said |= {"changed": said["torn"], "unnamed": said["gone"], "from other files": said["from OpenML"]}
    with pytest.raises(SpecError, match=f"^data: {said[damage]} {HOW}"):
        CIFAR10(10).arrays()
    assert not here("CIFAR10")
    assert main(["download", "CIFAR10"]) == 0 and here("CIFAR10") and len(CIFAR10(10).arrays()[0]) == 10


NOTES = {
    "a list": "[1]",
    "nothing": "null",
    "no names": '{"sha256": 1}',
    "a list of names": '{"from": []}',
    "deep": "[" * 100_000,
    "no text": "\xff",
}


@pytest.mark.parametrize("note", NOTES)
def test_a_note_that_says_nothing_is_none(note, store, monkeypatch):
    monkeypatch.setattr(sources, "FETCH", write_ten())
    list(download("CIFAR10"))
    (store / "data" / "CIFAR10.json").write_bytes(NOTES[note].encode("latin-1"))
    assert not here("CIFAR10")
    with pytest.raises(SpecError, match=HOW):
        CIFAR10(10).arrays()


def test_the_store_can_be_named(store, tmp_path, monkeypatch):
    """Data is kept beside the runs, wherever those are."""
    monkeypatch.setattr(sources, "FETCH", write_ten())
    assert main(["download", "CIFAR10", "--store", str(tmp_path / "other")]) == 0
    assert (tmp_path / "other" / "data" / "CIFAR10.npz").exists() and not store.exists()


def test_leaving_ends_the_download(store, monkeypatch):
    code = "import sys, os, time; open(sys.argv[1] + '/pid', 'w').write(str(os.getpid())); time.sleep(600)"
    monkeypatch.setattr(sources, "FETCH", fetching(code))
    watched, pid = download("MNIST"), ""
    while not pid:
        next(watched)
        pid = next((p.read_text() for p in (store / "data").glob(".*.part/pid")), "")
        time.sleep(0.01)
    watched.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
    assert list((store / "data").iterdir()) == []


def test_a_process_that_is_killed_says_nothing_and_is_reported(store, monkeypatch):
    monkeypatch.setattr(sources, "FETCH", fetching("import os; os.kill(os.getpid(), 9)"))
    with pytest.raises(
        SpecError,
        match=r"^data: MNIST could not be downloaded: its process ended without a word, perhaps for lack of memory",
    ):
        list(download("MNIST"))
    assert list((store / "data").iterdir()) == []


@pytest.mark.parametrize("name", ["Digits", "", "../MNIST", "M" * 100])
def test_other_names_cannot_be_downloaded(name, store, capsys):
    assert main(["download", name]) == 2
    assert (
        "name: expected one of MNIST, FashionMNIST, CIFAR10, got" in capsys.readouterr().err.splitlines()[-1]
        and not store.exists()
    )
