"""Downloads from a server on this machine that answers as OpenML does, and from none: once, whole, checked at every
use, and in one line where it fails."""

import hashlib
import json
import os
import socket
import sys
import time

import numpy as np
import pytest
import sklearn.datasets._openml
import torch

from engine.__main__ import main
from engine.data import CIFAR10, MNIST, SOURCES, download, fetch, here, load, openml
from engine.problems import Classification
from engine.spec import SpecError, decode, digest, encode
from tests.openml import addresses, arff, command, images, serving


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """An empty store."""
    monkeypatch.setenv("RAVINE_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(fetch, "LAST", 60)
    load.cache_clear()
    return tmp_path / "store"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("localhost", 0))
        return s.getsockname()[1]


@pytest.mark.parametrize("name", SOURCES)
def test_a_set_that_is_not_here_is_named_and_never_fetched(name, store, monkeypatch):
    """Neither by decoding a spec, nor by a model laid out for it, nor by asking for its numbers."""
    monkeypatch.setattr(openml, "FETCH", ("false",))
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


def test_a_download(store, monkeypatch):
    """In another process, as on a person's machine: the numbers that the server has, split once and for all, kept
    with their checksum."""
    x, y = images(400, 784)
    source = SOURCES["MNIST"]._replace(md5=hashlib.md5(arff(x, y)).hexdigest())
    monkeypatch.setitem(SOURCES, "MNIST", source)
    with serving(x, y) as port:
        monkeypatch.setattr(openml, "FETCH", command(port))
        told = list(download("MNIST"))
    assert told and told[-1].done > 10_000 and told[-1].total == SOURCES["MNIST"].size
    assert sorted(p.name for p in (store / "data").iterdir()) == ["MNIST.json", "MNIST.npz"]
    assert (
        json.loads((store / "data" / "MNIST.json").read_text())["bytes"]
        == (store / "data" / "MNIST.npz").stat().st_size
    )
    a, b, a_test, b_test = MNIST(train=100, standardize="none").arrays()
    rows = {row.tobytes(): label for row, label in zip(x, y, strict=True)}
    for part, labels in ((a, b), (a_test, b_test)):
        back = np.round(part * 255).astype(np.uint8).reshape(len(part), 784)
        assert [rows[row.tobytes()] for row in back] == labels.tolist() and part.shape[1:] == (1, 28, 28)
    assert len(a) == 100 and len(a_test) == 200 and a.max() <= 1
    assert load(MNIST(train=100), "train", "cpu", torch.float32).x.shape == (100, 1, 28, 28)
    monkeypatch.setattr(openml, "FETCH", ("false",))
    assert list(download("MNIST")) == [], "what is here is not fetched again"


def test_another_file_than_the_known_one_is_refused(store, monkeypatch):
    """Finds a file that was exchanged together with OpenML's description of it: the two agree with each other."""
    x, y = images(400, 784)
    with serving(x, y) as port:
        monkeypatch.setattr(openml, "FETCH", command(port))
        with pytest.raises(SpecError) as refused:
            list(download("MNIST"))
    known, sent = SOURCES["MNIST"].md5, hashlib.md5(arff(x, y)).hexdigest()
    assert str(refused.value) == (
        "data: MNIST could not be downloaded: OpenML sent something unexpected (ValueError: another file of mnist_784: "
        f"expected md5 {known}, got {sent})"
    )
    assert list((store / "data").iterdir()) == []


def test_what_is_kept_of_a_table():
    """The held-out images come from its last rows only, no image is in both parts, and a table that is sorted by
    class gives every class its share."""
    n = 4000
    x, y = np.arange(n)[:, None] // 256 ** np.arange(2) % 256, np.sort(np.arange(n) % 10)
    parts = fetch.selected(x, y)
    row, held_out = (parts[name][:, 0].astype(int) + 256 * parts[name][:, 1].astype(int) for name in ("x", "x_test"))
    assert len(row) == n - fetch.LAST and len(held_out) == fetch.LAST and held_out.min() == n - fetch.LAST
    assert (
        sorted([*row, *held_out]) == list(range(n))
        and np.array_equal(parts["y"], y[row])
        and np.array_equal(parts["y_test"], y[held_out])
    )
    assert np.bincount(parts["y"][:500], minlength=10).min() >= 40


def answered(tmp_path, capsys, monkeypatch, fault: str) -> tuple[int, str]:
    """What the fetching process makes of such an answer, in this process: its exit status and what it says."""
    monkeypatch.setattr(socket, "setdefaulttimeout", lambda _: None)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    x, y = images(400, 16)
    with serving(x, y, fault) as port:
        for name, url in addresses(port if fault != "offline" else free_port()).items():
            monkeypatch.setattr(sklearn.datasets._openml, name, url)
        with pytest.warns():
            status = fetch.main("images", "1", str(tmp_path))
    return status, capsys.readouterr().out


def test_classes_in_quotes_are_read_too(tmp_path, capsys, monkeypatch):
    assert answered(tmp_path, capsys, monkeypatch, "quotes") == (0, "")
    assert set(np.load(tmp_path / "set.npz")["y"]) == set(range(10))


@pytest.mark.parametrize(
    "fault, line",
    [
        (
            "offline",
            (
                "OpenML cannot be reached from here ([Errno 111] Connection refused); nothing was changed, try again "
                "when there is a network"
            ),
        ),
        ("error", "OpenML answered with an error (503 Service Unavailable); try again later"),
        ("checksum", "OpenML sent something unexpected (ValueError: The md5 checksum"),
        ("html", "OpenML sent something unexpected (JSONDecodeError"),
    ],
)
def test_a_failure_is_one_line(fault, line, tmp_path, capsys, monkeypatch):
    status, said = answered(tmp_path, capsys, monkeypatch, fault)
    assert status == 1 and said.startswith(line) and len(said.splitlines()) == 1 and not (tmp_path / "set.npz").exists()


def test_without_a_network_nothing_is_changed(store, monkeypatch, capsys):
    """From the command line, with a process of its own."""
    monkeypatch.setattr(openml, "FETCH", command(free_port()))
    assert main(["download", "CIFAR10"]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith(
        "engine download: data: CIFAR10 could not be downloaded: OpenML cannot be reached from here ([Errno 111] "
        "Connection refused)"
    )
    assert list((store / "data").iterdir()) == [] and not here("CIFAR10")


def write_ten() -> str:
    """Code that writes a small set where `engine.data.fetch` would."""
    return (
        "import sys, numpy as np; x, y = np.zeros((20, 3072)), np.arange(20) % 10; np.savez(sys.argv[3] + '/set.npz', "
        "x=x, y=y, x_test=x, y_test=y)"
    )


@pytest.mark.parametrize("damage", ["torn", "changed", "gone", "unnamed"])
def test_a_damaged_file_is_refused_and_fetched_anew(damage, store, monkeypatch, capsys):
    monkeypatch.setattr(openml, "FETCH", (sys.executable, "-c", write_ten()))
    assert main(["download", "CIFAR10", "--store", str(store)]) == 0 and here("CIFAR10")
    path = store / "data" / "CIFAR10.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    {
        "torn": lambda: path.write_bytes(content[:-100]),
        "changed": lambda: path.write_bytes(content),
        "gone": path.unlink,
        "unnamed": lambda: path.with_suffix(".json").write_text("{"),
    }[damage]()
    with pytest.raises(
        SpecError,
        match=(
            "^data: the file of CIFAR10 is torn or was changed"
            if damage in ("torn", "changed")
            else "is not on this machine yet"
        ),
    ):
        CIFAR10(10).arrays()
    assert not here("CIFAR10")
    assert main(["download", "CIFAR10"]) == 0 and here("CIFAR10") and len(CIFAR10(10).arrays()[0]) == 10


def test_the_store_can_be_named(store, tmp_path, monkeypatch):
    """Data is kept beside the runs, wherever those are."""
    monkeypatch.setattr(openml, "FETCH", (sys.executable, "-c", write_ten()))
    assert main(["download", "CIFAR10", "--store", str(tmp_path / "other")]) == 0
    assert (tmp_path / "other" / "data" / "CIFAR10.npz").exists() and not store.exists()


def test_too_much_is_given_up(store, monkeypatch):
    monkeypatch.setattr(
        openml,
        "FETCH",
        (sys.executable, "-c", "import sys, time; open(sys.argv[3] + '/big', 'wb').write(bytes(1000)); time.sleep(60)"),
    )
    monkeypatch.setattr(openml, "MANY", 1e-6)
    with pytest.raises(SpecError, match=r"^data: MNIST could not be downloaded: more than 0 MB came"):
        list(download("MNIST"))
    assert list((store / "data").iterdir()) == []


def test_leaving_ends_the_download(store, monkeypatch):
    code = "import sys, os, time; open(sys.argv[3] + '/pid', 'w').write(str(os.getpid())); time.sleep(600)"
    monkeypatch.setattr(openml, "FETCH", (sys.executable, "-c", code))
    fetching, pid = download("MNIST"), ""
    while not pid:
        next(fetching)
        pid = next((p.read_text() for p in (store / "data").glob(".*.part/pid")), "")
        time.sleep(0.01)
    fetching.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
    assert list((store / "data").iterdir()) == []


def test_a_process_that_is_killed_says_nothing_and_is_reported(monkeypatch):
    monkeypatch.setattr(openml, "FETCH", (sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"))
    with pytest.raises(
        SpecError,
        match=r"^data: MNIST could not be downloaded: its process ended without a word, perhaps for lack of memory",
    ):
        list(download("MNIST"))


@pytest.mark.parametrize("name", ["Digits", "", "../MNIST", "M" * 100])
def test_other_names_cannot_be_downloaded(name, store, capsys):
    assert main(["download", name]) == 2
    assert (
        "name: expected one of MNIST, FashionMNIST, CIFAR10, got" in capsys.readouterr().err.splitlines()[-1]
        and not store.exists()
    )
