"""The Train page where data has to be obtained first: a download with its terms and progress, a file of one's own,
and problems without classes."""

import sys
import time

import pytest
from streamlit.testing.v1 import AppTest

from engine.data import MNIST, SOURCES, here, load, sources
from engine.problems import Classification
from engine.spec import read_address
from engine.training.runs import RUNS, RunSpec
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.store import Store
from pages.ui import obtain
from tests.data.test_own import X, Y, csv
from tests.pages.headless import open_page, served, texts

DATA = "train.problem.Classification.data"
AWAITED = "Give the file to train on, below."


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A server's store of its own."""
    monkeypatch.setattr(obtain, "DOWNLOADS", {})
    load.cache_clear()
    with served(tmp_path):
        yield Store(tmp_path)


def choose(name: str) -> AppTest:
    app = open_page()
    app.selectbox(key=DATA).set_value(name).run()
    assert not app.exception
    return app


def give(app: AppTest, content: bytes) -> None:
    app.file_uploader(key=f"{DATA}:file").set_value(("flowers.csv", content, "text/csv")).run()
    assert not app.exception


def settle(app: AppTest, name: str) -> None:
    """Until the download is over and the page knows it."""
    end = time.monotonic() + 30
    while obtain.DOWNLOADS[name].active and time.monotonic() < end:
        time.sleep(0.02)
    app.run()
    assert not app.exception


def test_a_set_that_is_not_here_says_what_it_is_and_waits(store):
    app = open_page()
    for name, source in SOURCES.items():
        app.selectbox(key=DATA).set_value(name).run()
        assert not app.exception
        assert all(
            word in texts(app)
            for word in (f"about {source.size / 1e6:.0f} MB", source.host, source.licence, source.citation)
        )
        assert app.button(key=f"obtain:{name}").label == "Download" and app.button(key="train").disabled
        assert "download its data first" in texts(app) and "press Train" not in texts(app)
        assert str(store.root) not in texts(app) and not (store.root / "data").exists()


def test_a_download_from_the_page(store, monkeypatch):
    code = (
        "import sys, time, numpy as np; time.sleep(1); x, y = np.zeros((50, 784), np.uint8), np.arange(50) % 10\n"
        "np.savez(sys.argv[1] + '/set.npz', x=x, y=y, x_test=x, y_test=y)"
    )
    monkeypatch.setattr(sources, "FETCH", (sys.executable, "-c", code))
    app = choose("MNIST")
    app.button(key="obtain:MNIST").click().run()
    assert obtain.DOWNLOADS["MNIST"].active and app.button(key="train").disabled
    assert any("Downloading" in getattr(e.proto, "text", "") for e in app.get("progress"))
    settle(app, "MNIST")
    assert here("MNIST") and not app.button(key="train").disabled and "not on this machine" not in texts(app)
    assert not [b for b in app.button if b.key == "obtain:MNIST"]


def test_a_failed_download_is_one_line_and_can_be_tried_again(store, monkeypatch):
    monkeypatch.setattr(
        sources, "FETCH", (sys.executable, "-c", "import sys; print('it cannot be reached from here'); sys.exit(1)")
    )
    app = choose("CIFAR10")
    app.button(key="obtain:CIFAR10").click().run()
    settle(app, "CIFAR10")
    assert [e.value for e in app.error] == ["data: CIFAR10 could not be downloaded: it cannot be reached from here"]
    assert app.button(key="obtain:CIFAR10").label == "Download" and app.button(key="train").disabled


def test_an_own_file_becomes_the_runs_data(store):
    app = choose("OwnFile")
    app.number_input(key="train.batch").set_value(20).run()
    assert [i.value for i in app.info] == [AWAITED] and not app.error and app.button(key="train").disabled
    give(app, csv(X, Y))
    assert not app.error and not app.button(key="train").disabled
    found = {key: value for key, value in app.query_params.items() if key not in ("run", "beside")}
    spec, wrong, _ = read_address(RUNS, found)
    assert wrong == [] and spec.problem.data.train == 48 and spec.problem.data.inputs == ("points", (3,), 3)
    assert app.text_input(key=f"{DATA}.OwnFile.digest").value == spec.problem.data.digest
    again = open_page(**{key.replace(".", "__"): text for key, text in found.items()})
    assert again.text_input(key=f"{DATA}.OwnFile.digest").value == spec.problem.data.digest and not again.error


def test_a_file_that_was_read_is_told_in_one_line(store):
    """Examples, numbers each, classes with their counts, a header or none, and what was left out."""
    app = choose("OwnFile")
    app.number_input(key="train.batch").set_value(20)
    rows = [",wide,high,kind", *(f"{i},{i * i % 7},{i % 5}.5,{'ab'[i % 2]}" for i in range(40))]
    give(app, "\n".join(rows).encode())
    line = (
        "Read: 40 examples of 2 numbers each, 2 classes ('a': 20, 'b': 20), a header; left out: column 1, which has no "
        "name."
    )
    assert [c.value.replace("\\", "") for c in app.caption].count(line) == 1 and not app.error
    app.text_input(key=f"{DATA}.OwnFile.digest").set_value("0" * 16).run()
    assert "40 examples" not in texts(app), "another file is in use"


def test_a_file_that_will_not_do_leaves_none_in_use(store):
    """One line says what is wrong with it; neither it nor the file before it is trained on."""
    app = choose("OwnFile")
    app.number_input(key="train.batch").set_value(20)
    for before in (b"", csv(X, Y)):
        if before:
            give(app, before)
            assert not app.error and app.text_input(key=f"{DATA}.OwnFile.digest").value
        give(app, b"a,b\n1,2\n")
        assert [e.value for e in app.error] == ["file: expected at least 20 examples, got 1"]
        assert [i.value for i in app.info] == [AWAITED] and app.button(key="train").disabled
        assert not app.text_input(key=f"{DATA}.OwnFile.digest").value and "60 examples" not in texts(app)
        assert (store.root / "own").exists() == bool(before)


def test_a_file_that_cannot_be_kept_is_one_line(store):
    app = choose("OwnFile")
    (store.root / "own").touch()
    give(app, csv(X, Y))
    assert "file: it cannot be kept in the store" in texts(app) and str(store.root) not in texts(app)


def test_an_address_with_a_file_that_is_not_here_is_told(store):
    app = open_page(problem__data="OwnFile", problem__data__digest="0" * 16)
    assert "problem.data: the file 0000000000000000 is not kept on this machine" in app.error[0].value


def test_a_regression_trains_and_shows_no_accuracy(store):
    app = open_page(problem="MatrixSensing", batch="5", steps="20", every="5", lr="0.01")
    assert not app.error and not app.number_input(key="train.batch").disabled
    app.button(key="train").click().run()
    run, end = app.query_params["run"], time.monotonic() + 30
    while not (store.has(run) and store.summary(run).ended) and time.monotonic() < end:
        time.sleep(0.05)
    app.run()
    assert not app.exception and store.run(run).status == "finished"
    assert "Held-out loss" in texts(app) and "accuracy" not in texts(app).lower()
    assert len(app.get("vega_lite_chart")) == 4 and "classified" not in texts(app)


def test_a_run_without_its_data_fails_in_one_line(store):
    """As one does whose link was opened on another machine."""
    *_, last = perform(store, Work(RunSpec(Classification(MNIST()), steps=5, every=5)))
    assert last.status == "failed" and last.reason.startswith(
        "data: MNIST is not on this machine yet; download it (about 12 MB)"
    )
