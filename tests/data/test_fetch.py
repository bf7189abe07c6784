"""The process that fetches: it believes the known bytes and no others, before it looks at them; reads both formats or
says what is wrong; and keeps the same images everywhere."""

import gzip
import hashlib
import re
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest

from engine.data import SOURCES, fetch, sources
from engine.data.fetch import BATCHES, Images, selected
from tests.data.test_download import free_address
from tests.images_server import Files, archive, drawn, idx, known, packed, published, serving

IDX, ARCHIVE = [file.name for file in SOURCES["MNIST"].files], SOURCES["CIFAR10"].files[0].name
HASH = r"[0-9a-f]{64}, [0-9,]+ bytes"


@pytest.fixture(scope="module")
def right() -> dict[str, Files]:
    """The known files of each set."""
    return {name: published(name, *drawn(name)) for name in SOURCES}


def answered(name: str, ours: Files, theirs: Files, folder: Path, capsys, fault: str = "") -> tuple[int, str]:
    """What the process, here within this one, makes of a server that has their files where ours are the known ones: its
    exit status and what it says, SERVER in place of the server's name."""
    with serving(theirs, fault) as address:
        at = free_address() if fault == "offline" else address
        status = fetch.main(str(folder), sources.asked(known(name, ours, at)))
    return status, capsys.readouterr().out.replace(at.removeprefix("http://"), "SERVER")


@pytest.mark.parametrize("name", SOURCES)
def test_known_files_are_read(name, right, tmp_path, capsys):
    assert answered(name, right[name], right[name], tmp_path, capsys) == (0, "")
    kept, chosen = np.load(tmp_path / "set.npz"), selected(*drawn(name))
    assert set(kept) == {"x", "y", "x_test", "y_test"} and all(np.array_equal(kept[k], chosen[k]) for k in chosen)
    assert {kept[k].dtype for k in kept} == {np.dtype(np.uint8)}


FAULTS = {
    "offline": (
        r"SERVER cannot be reached from here \(\[Errno 111\] Connection refused\); nothing was changed, try again when "
        "there is a network"
    ),
    "silent": r"SERVER cannot be reached from here \((The read operation )?timed out\); nothing was changed, .*",
    "error": r"SERVER answered with an error \(503 Service Unavailable\); try again later",
    "torn": f"{IDX[0]}: expected SHA-256 {HASH}, got {HASH}",
    "endless": f"{IDX[0]}: expected [0-9,]+ bytes, got more",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failure_is_one_line(fault, right, tmp_path, capsys, monkeypatch):
    """And of a file without an end, which would fill the disk, one byte too many is taken and no more."""
    files = right["MNIST"]
    monkeypatch.setattr(fetch, "PATIENCE", 0.3)
    status, said = answered("MNIST", files, files, tmp_path, capsys, fault)
    assert status == 1 and re.fullmatch(FAULTS[fault] + "\n", said) and not (tmp_path / "set.npz").exists()
    assert all(path.stat().st_size <= len(files[path.name]) + 1 for path in tmp_path.iterdir())


def test_a_file_that_the_server_has_not(right, tmp_path, capsys):
    files = right["MNIST"]
    status, said = answered("MNIST", files, {name: files[name] for name in IDX[:2]}, tmp_path, capsys)
    assert (status, said) == (1, "SERVER answered with an error (404 Not Found); try again later\n")


@pytest.mark.parametrize("name, file", [*(("MNIST", file) for file in IDX), ("CIFAR10", ARCHIVE)])
def test_nothing_is_looked_at_before_all_files_are_the_known_ones(name, file, right, tmp_path, capsys, monkeypatch):
    """Finds a file that is unpacked and then refused, the others among them that came before it."""

    def looked(*_, **__):
        raise AssertionError("it was looked at")

    monkeypatch.setattr(gzip, "decompress", looked)
    monkeypatch.setattr(tarfile, "open", looked)
    ours = right[name]
    other = ours[file][:-1] + bytes([ours[file][-1] ^ 1])
    status, said = answered(name, ours, ours | {file: other}, tmp_path, capsys)
    expected, got = (f"{hashlib.sha256(each).hexdigest()}, {len(each):,} bytes" for each in (ours[file], other))
    assert (status, said) == (1, f"{file}: expected SHA-256 {expected}, got {got}\n")


def zipped(array: np.ndarray, *head: int) -> bytes:
    """The array's bytes as a gzipped file in MNIST's format, with these numbers at its head in place of its own."""
    content = idx(array)[4 * (1 + array.ndim) :]
    return gzip.compress(struct.pack(f">{len(head)}I", *head) + content)


X, Y = drawn("MNIST")[0].x.reshape(-1, 28, 28), np.arange(300) % 10
WRONG = {
    "floats": (0, zipped(X, 0xD03, 300, 28, 28), "expected bytes in rows of [28, 28], got kind 0xd03 with"),
    "a line of zeros": (1, zipped(Y, 0, 300), "expected bytes in rows of [], got kind 0x0 with"),
    "other sides": (0, zipped(X, 0x803, 300, 56, 14), "expected bytes in rows of [28, 28], got kind 0x803 with"),
    "too few": (0, zipped(X, 0x803, 301, 28, 28), "expected 301 rows, got 235216 bytes"),
    "too many": (0, zipped(X, 0x803, 299, 28, 28), "expected 299 rows, got 235216 bytes"),
    "a class too few": (1, zipped(Y[1:], 0x801, 299), "not images of 10 classes"),
    "an eleventh class": (1, zipped(Y % 9 + 2, 0x801, 300), "not images of 10 classes"),
    "nine classes": (3, zipped(np.arange(60) % 9, 0x801, 60), "not images of 10 classes"),
    "nothing": (2, gzip.compress(b""), "buffer is smaller than requested size"),
    "no gzip": (0, b"<html>", "Not a gzipped file"),
}


@pytest.mark.parametrize("what", WRONG)
def test_tables_that_are_none(what, right, tmp_path, capsys):
    """Even where their hashes are the known ones."""
    nth, content, line = WRONG[what]
    files = right["MNIST"] | {IDX[nth]: content}
    status, said = answered("MNIST", files, files, tmp_path, capsys)
    assert status == 1 and said.startswith("SERVER sent something unexpected (") and said.count("\n") == 1
    assert line in said and not (tmp_path / "set.npz").exists()


PARTS = {
    "a part is missing": archive(*drawn("CIFAR10"), [*BATCHES[:2], "elsewhere.bin", *BATCHES[3:]]),
    "a part is torn": packed(dict.fromkeys(BATCHES, bytes(3073)) | {BATCHES[2]: bytes(3072)}),
}


@pytest.mark.parametrize("what", PARTS)
def test_archives_that_are_none(what, tmp_path, capsys):
    status, said = answered("CIFAR10", {ARCHIVE: PARTS[what]}, {ARCHIVE: PARTS[what]}, tmp_path, capsys)
    line = f"{ARCHIVE}: expected images of 3073 bytes in {BATCHES[2]}"
    assert (status, said) == (1, f"SERVER sent something unexpected (ValueError: {line})\n")


def test_an_archive_is_not_unpacked_to_the_disk(right, tmp_path, capsys):
    files = right["CIFAR10"]
    assert answered("CIFAR10", files, files, tmp_path, capsys) == (0, "")
    assert sorted(path.name for path in tmp_path.rglob("*")) == [ARCHIVE, "set.npz"]


def numbered(first: int, count: int) -> Images:
    """Images of three pixels that say their number, sorted by class."""
    return Images(
        (np.arange(first, first + count)[:, None] // 256 ** np.arange(3) % 256).astype(np.uint8),
        np.sort(np.arange(count) % 10),
    )


def numbers(x: np.ndarray) -> np.ndarray:
    return x @ 256 ** np.arange(3)


def test_what_is_kept_of_a_set():
    """The held-out images are test images, no image is in both parts, and a set that is sorted by class gives every
    class its share."""
    train, test = numbered(0, 4000), numbered(4000, 60)
    parts = selected(train, test)
    row, held_out = numbers(parts["x"]), numbers(parts["x_test"]) - 4000
    assert sorted(row) == [*range(4000)] and sorted(held_out) == [*range(60)]
    assert np.array_equal(parts["y"], train.y[row]) and np.array_equal(parts["y_test"], test.y[held_out])
    assert np.bincount(parts["y"][:500], minlength=10).min() >= 40


@pytest.mark.parametrize("train, digest", [(60_000, "ce433b33e028ffdc"), (50_000, "40ee0b72bbbf8091")])
def test_the_images_that_are_kept_stay_the_same(train, digest):
    """Of sets as large as MNIST and as CIFAR-10: kept runs were trained on these."""
    parts = selected(numbered(0, train), numbered(train, 10_000))
    chosen = np.concatenate([numbers(parts["x"]), numbers(parts["x_test"])])
    assert len(chosen) == 11_000 and hashlib.sha256(chosen.astype("<i8").tobytes()).hexdigest()[:16] == digest
