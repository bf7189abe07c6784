"""A store in which nothing can be kept is told in one line without a path, and nothing is left in it."""

import errno
import io
import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.data import download, fetch, sources
from engine.files import reading
from engine.spec import SpecError
from tests.data.test_download import write_ten
from tests.data.test_own import X, Y, csv
from tests.images_server import drawn, known, published, serving

DISKS = {
    "a file": "not a directory",
    "full": "no space left on device",
    "read-only": "read-only file system",
}


@pytest.fixture(params=DISKS)
def reason(request, tmp_path, monkeypatch) -> str:
    """What is wrong with the store's disk, in the words of the system."""
    code = {"full": errno.ENOSPC, "read-only": errno.EROFS}.get(request.param, 0)

    def refuse(*_, **__):
        raise OSError(code, os.strerror(code), str(tmp_path))

    if request.param == "a file":
        (tmp_path / "store").touch()
    elif request.param == "full":
        monkeypatch.setattr(os, "fsync", refuse)
    else:
        monkeypatch.setattr(tempfile, "mkstemp", refuse)
    monkeypatch.setenv("RAVINE_STORE", str(tmp_path / "store"))
    return DISKS[request.param]


def test_an_own_file_that_cannot_be_kept(reason, tmp_path, monkeypatch, capsys):
    """In the words of the process that reads it."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(csv(X, Y))))
    assert reading.main("csv", str(tmp_path / "store" / "own")) == 1
    assert capsys.readouterr().out == f"file: it cannot be kept in the store ({reason})\n"
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".npz", ".part")]


def test_a_download_that_cannot_be_kept(reason, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "FETCH", write_ten())
    with pytest.raises(SpecError) as refused:
        list(download("CIFAR10"))
    assert str(refused.value) == f"data: CIFAR10 cannot be kept in the store ({reason})"
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".npz", ".part")]


def test_a_disk_that_is_full_while_images_arrive(tmp_path, monkeypatch, capsys):
    """The process that fetches them says so: it is not the server's fault."""

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path))

    files = published("MNIST", *drawn("MNIST"))
    with serving(files) as address:
        monkeypatch.setattr(Path, "open", full)
        assert fetch.main(str(tmp_path), sources.asked(known("MNIST", files, address))) == 1
    assert capsys.readouterr().out == "the images cannot be written here (no space left on device)\n"
