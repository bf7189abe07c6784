"""A stranger's file is read by a process of its own, which says the same as reading it here would, takes little
whatever is in the file, and may crash and hang without harm."""

import os
import struct
import subprocess
import sys
import threading
import time
import zipfile
from io import BytesIO

import numpy as np
import pytest

from engine.data import OwnFile, keep
from engine.files import reading, upload
from engine.files.child import HOME, environment
from engine.files.table import LARGEST
from engine.spec import SpecError
from tests.data.test_own import BAD, X, Y, csv, npz
from tests.uploads import within

PEAK = 150
"""MiB that the process may come to, with Python and NumPy, for which it takes 40."""
PEAK_OF = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdin=sys.stdin, capture_output=True)
print(done.stdout.decode().rstrip(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, sep="\\n")
"""
"""Runs a command and tells its peak: a small process, for a child begins with the peak of what it is started from."""


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("RAVINE_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


def unpacked(*parts: bytes, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive whose x is made of such parts."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        with archive.open("x.npy", "w", force_zip64=True) as entry:
            for part in parts:
                entry.write(part)
        archive.writestr("y.npy", b"")
    return file.getvalue()


DIGITS = "1" * 120_000
MANY = "file: row 1: expected at most 8,192 cells, got"
HOSTILE = {
    "commas": ("csv", lambda: b"," * LARGEST, f"{MANY} 5,000,001"),
    "quotes and commas": ("csv", lambda: b'"",' * (LARGEST // 3), f"{MANY} 1,666,667"),
    "a row of many lines": (
        "csv",
        lambda: b'"\n",' * (LARGEST // 4),
        "file: row 1250001: expected at most 8,192 cells, got 1,250,001",
    ),
    "rows of commas": (
        "csv",
        lambda: (b"," * 4000 + b"\n") * (LARGEST // 4001),
        "file: row 1000: expected at most 4,000,000 cells in all rows up to it",
    ),
    "rows": ("csv", lambda: b",\n" * (LARGEST // 2), "file: expected at most 1,250,000 rows, got more"),
    "one line": ("csv", lambda: b"1" * LARGEST, "file: row 1: not CSV that can be read (field larger than field limit"),
    "long digits": (
        "csv",
        lambda: f"5,1\n{DIGITS}x,2\n".encode() * 20,
        "file: row 2, column 1: expected a finite number, got '1111",
    ),
    "classes": (
        "csv",
        lambda: "".join(f"1,{i:x}e9999\n" for i in range(300_000)).encode(),
        "file: expected 2 to 50 classes, got more than 10,000",
    ),
    "a header of 4 GB": (
        "npz",
        lambda: unpacked(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1), *[bytes(10**7)] * 30),
        "file: not an NPZ that can be read (ValueError)",
    ),
    "zeros": (
        "npz",
        lambda: npz(x=np.zeros((1_000, 40_000), bool), y=np.zeros(1_000, int)),
        "file: x: expected at most 4,000,000 numbers, all of them there, got [1000, 40000]",
    ),
    "many rows of zeros": (
        "npz",
        lambda: npz(x=np.zeros((4_000_000, 1), bool), y=np.zeros(4_000_000, bool)),
        "file: expected at most 1,250,000 rows, got more",
    ),
    "another compression": (
        "npz",
        lambda: unpacked(bytes(10**7), compression=zipfile.ZIP_LZMA),
        "file: x: expected it compressed as NumPy does, if at all",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_takes_little_and_is_one_line(what, store):
    """Finds a limit that is looked at only when all is read or unpacked, and what takes time by the square of a
    line."""
    kind, make, line = HOSTILE[what]
    content = make()
    assert len(content) <= LARGEST
    done = subprocess.run(
        [sys.executable, "-IS", "-c", PEAK_OF, *upload.READ, kind, str(store / "own")],
        input=content,
        capture_output=True,
        env=environment(),
        timeout=170,
    )
    said, peak = done.stdout.decode().splitlines()
    assert said.startswith(line) and int(peak) < PEAK and not store.exists()


@pytest.mark.parametrize("what", ["csv", "npz", "long", "text", "words in y", "latin-1"])
def test_the_process_says_what_reading_it_here_would(what, store):
    """A digest with a line, or a refusal: finds an answer that is cut off or not understood."""
    good = {
        "csv": (csv(X, [f"‘{label}’ ü" for label in Y], "width,height,age,kind"), "a.csv"),
        "npz": (npz(x=X, y=Y), "B.NPZ"),
        "long": (csv(X, [f"{label}{'-' * 40_000}" for label in Y]), "c.csv"),
    }
    content, name, *_ = good.get(what) or BAD[what]
    try:
        expected = within(content, name, store / "here")
    except SpecError as error:
        with pytest.raises(SpecError) as refused:
            keep(content, name)
        assert what not in good and str(refused.value) == str(error)
    else:
        data, line = keep(memoryview(content), name)
        assert what in good and (data.digest, line) == expected
        assert data == OwnFile(48, data.digest) and len(data.arrays()[0]) == 48


def test_nothing_of_a_file_is_read_in_the_server(monkeypatch):
    monkeypatch.setattr(reading, "READERS", dict.fromkeys(reading.READERS, pytest.fail))
    assert keep(csv(X, Y), "a.csv").data.train == 48
    monkeypatch.setattr(upload, "READ", ("false",))
    with pytest.raises(SpecError, match=r"^file: expected at most 5 MB, got 5\.0 MB$"):
        keep(bytes(LARGEST + 1), "a.csv")


def reads_with(monkeypatch, code: str) -> None:
    """Has other code read files."""
    monkeypatch.setattr(upload, "READ", (sys.executable, "-c", code))


@pytest.mark.parametrize(
    "code, status",
    [
        ("import os; os.kill(os.getpid(), 11)", "-11"),
        ("import os; print('file: half a li', end='', flush=True); os.kill(os.getpid(), 9)", "-9"),
        ("1 / 0", "1"),
        ("", "0"),
    ],
)
def test_a_process_that_crashes_is_one_line(code, status, monkeypatch, store):
    reads_with(monkeypatch, code)
    with pytest.raises(SpecError) as refused:
        keep(csv(X, Y), "a.csv")
    assert str(refused.value) == f"file: it cannot be read: the process that reads it crashed ({status})"
    assert not store.exists()


def test_a_process_that_takes_too_much_memory_is_one_line(monkeypatch):
    """The process sets its limit itself, and before it reads."""
    code = (
        "import runpy, engine.files.csv_file as file; file.read_csv = lambda content: bytes(10**9)\n"
        "runpy.run_module('engine.files.reading', run_name='__main__')"
    )
    reads_with(monkeypatch, code)
    with pytest.raises(SpecError, match=r"^file: it takes more than 500 MB of memory to read$"):
        keep(csv(X, Y), "a.csv")


def test_a_process_that_computes_too_long_ends_by_itself(monkeypatch):
    """Also where who started it is gone: the process sets its limit itself."""
    code = (
        "import runpy, resource, engine.files.csv_file as file\n"
        "def forever(content):\n"
        "    assert resource.getrlimit(resource.RLIMIT_CPU)[0] == 20\n"
        "    resource.setrlimit(resource.RLIMIT_CPU, (1, 21))\n"
        "    while True: pass\n"
        "file.read_csv = forever; runpy.run_module('engine.files.reading', run_name='__main__')"
    )
    reads_with(monkeypatch, code)
    with pytest.raises(SpecError, match=r"^file: it takes more than 20 s to read$"):
        keep(csv(X, Y), "a.csv")


def test_a_process_that_hangs_is_ended(monkeypatch, tmp_path):
    file = tmp_path / "process"
    monkeypatch.setattr(upload, "READ", ("sh", "-c", f"echo $$ > {file}; exec sleep 600"))
    monkeypatch.setattr(upload, "PATIENCE", 5.0)
    with pytest.raises(SpecError, match=r"^file: it takes more than 5 s to read$"):
        keep(csv(X, Y), "a.csv")
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)


def test_a_crowd_of_files_is_read_a_few_at_once(monkeypatch, tmp_path):
    """Finds a server whose memory is as many times the limit as there are people."""
    reads_with(
        monkeypatch,
        f"import os, time; name = {str(tmp_path)!r} + '/' + str(os.getpid()); open(name, 'w'); time.sleep(0.3)\n"
        f"print('0' * 16, len([n for n in os.listdir({str(tmp_path)!r}) if n.isdigit()])); os.remove(name)",
    )
    together = []

    def give() -> None:
        together.append(int(upload.upload(b"", "a.csv", tmp_path)[1]))

    crowd = [threading.Thread(target=give) for _ in range(6)]
    for one in crowd:
        one.start()
    end = time.monotonic() + 60
    for one in crowd:
        one.join(max(0.0, end - time.monotonic()))
    assert len(together) == 6 and max(together) <= 2


def test_the_command_is_found_from_anywhere(tmp_path, monkeypatch):
    """As where a server or a script is started in another folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert keep(csv(X, Y), "a.csv").data.train == 48 and str(HOME) not in os.environ.get("PYTHONPATH", "")
