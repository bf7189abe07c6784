"""The Runs page: how runs are listed, compared and taken away, and specs that are uploaded."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from engine.figures import words
from engine.problems import Quadratic
from engine.records import Run
from engine.rules import SGD
from engine.spec import digest, encode
from engine.training.runs import RunSpec, Switch
from engine.work.kinds import Work
from engine.work.perform import perform
from pages.ui import cached
from tests.pages.headless import APP, DEFAULT, SMALL, keep, open_page, seen, server_store, texts  # noqa: F401  # the fixture `store`

PAGE = 50
"""Runs in the list at once."""


def test_unreadable_and_diverged_runs_are_listed_as_such(store):
    wild = keep(store, RunSpec(Quadratic(), SGD(), lr=5.0, steps=2000, every=100))
    (store.root / "0123456789abcdef").mkdir()
    app = open_page("runs")
    listed = dict(zip(app.dataframe[0].value["Digest"], app.dataframe[0].value["Status"], strict=True))
    assert listed["0123456789abcdef"] == "cannot be read"
    assert listed[wild] == "diverged"
    assert listed[DEFAULT] == "finished"
    shown = open_page(run=wild)
    assert "Diverged" in " ".join(e.proto.text for e in shown.get("progress"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "spec: not JSON"),
        (b'{"lr": -1}', "lr:"),
        (b"\xff\xfe", "file: not text"),
        (b" " * 200_000, "file: expected at most"),
    ],
)
def test_a_bad_upload_is_refused_in_one_line(store, content, told):
    app = open_page("runs")
    app.file_uploader[0].upload("spec.json", content, "application/json").run()
    assert told in app.error[0].value


def test_an_uploaded_spec_opens_on_the_train_page(store):
    app = open_page("runs")
    marked = json.dumps(encode(SMALL)).encode("utf-8-sig")  # as an editor under Windows writes it
    app.file_uploader[0].upload("spec.json", marked, "application/json").run()
    assert words.brief(SMALL) in seen(app.success[0].value)


def test_the_weights_of_a_chosen_run_can_be_taken_away(store):
    """Only of one run, and at any of its checkpoints."""
    list(perform(store, Work(SMALL)))
    app = open_page("runs")
    assert next(b for b in app.button if b.label == "Download weights").disabled
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["runs"] = digest(SMALL)
    app.switch_page("pages/runs.py").run()
    assert not app.exception and {"npz", "safetensors"} <= {b.label for b in app.get("download_button")}
    checkpoint = next(n for n in app.number_input if n.label == "Checkpoint")
    assert (checkpoint.value, checkpoint.max) == (-1, 4)


def test_runs_are_compared_over_what_is_asked_and_the_address_keeps_it(store):
    switched = keep(store, replace(SMALL, rule=SGD(), then=(Switch(at=10),)))
    old = replace(store.run(keep(store, SMALL)))
    store.keep(
        digest(SMALL),
        replace(
            old, measures={name: values for name, values in old.measures.items() if name not in ("gradients", "phase")}
        ),
    )
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in {"runs": f"{switched},{digest(SMALL)}", "measure": "test_loss", "over": "gradients"}.items():
        app.query_params[name] = value
    app.switch_page("pages/runs.py").run()
    assert not app.exception and app.query_params["over"] == "gradients"
    assert "Held-out loss of 1 run over gradient evaluations" in texts(app) and "1 older run not shown" in texts(app)
    assert "SAM from step 10" in texts(app)
    row = next(row for row in app.dataframe[0].value.to_dict("records") if row["Digest"] == switched)
    assert row["Gradients"] == 10 + 2 * 10
    app.radio(key="runs:over").set_value("seconds").run()
    assert app.query_params["over"] == "seconds" and "Held-out loss of 2 runs over seconds" in texts(app)
    app.radio(key="runs:over").set_value("outcome").run()
    assert app.query_params["across"] == "sharpness" and "Held-out loss over sharpness λ₁, each mark" in texts(app)


def test_what_was_chosen_is_chosen_when_one_comes_back(store):
    chosen = keep(store, SMALL)
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["runs"] = chosen
    app.switch_page("pages/runs.py").run()
    assert app.query_params["runs"] == chosen
    app.switch_page("pages/train.py").run()
    app.switch_page("pages/runs.py").run()
    assert app.query_params["runs"] == chosen
    app.button(key="runs:delete").click().run()
    next(button for button in app.button if button.label == "Cancel").click().run()
    assert store.has(chosen)


def test_many_runs_are_listed_by_the_page_and_found_by_their_words(store):
    """Else a list of thousands goes to every visitor whole, again and again."""
    specs = [replace(SMALL, seed=seed) for seed in range(PAGE + 9)]
    for spec in specs:
        store.keep(digest(spec), Run(spec=encode(spec)))
    app = open_page("runs")
    assert len(app.dataframe[0].value) == PAGE and app.number_input[0].label == "Page of 2"
    app.number_input[0].set_value(2).run()
    assert len(app.dataframe[0].value) == len(store.runs()) - PAGE
    app.text_input[0].set_value(f"moons finished {digest(specs[3])}").run()
    assert list(app.dataframe[0].value["Digest"]) == [digest(specs[3])]
    app.text_input[0].set_value("nothing of the kind").run()
    assert not app.dataframe and "No run has all these words." in texts(app)


def test_runs_are_listed_by_their_settings_and_found_by_their_rules(store):
    """Finds a filter that is not asked, and a toy's empty columns beside those of trained models."""
    plain, switched = keep(store, replace(SMALL, rule=SGD())), keep(store, replace(SMALL, then=(Switch(SGD(), at=10),)))
    app = open_page("runs")
    listed = app.dataframe[0].value.set_index("Digest")
    assert list(listed.loc[switched][["Rule", "ρ", "Model", "Data"]]) == ["SAM, then SGD", 0.05, "MLP", "Moons"]
    assert [str(value) for value in listed.loc[plain][["ρ", "Batch"]]] == ["nan", "0"]
    choice = app.multiselect(key="runs:rules")
    assert choice.options == ["SAM", "SAM, then SGD", "SGD", "SSAM"]
    choice.set_value(["SAM, then SGD"]).run()
    assert list(app.dataframe[0].value["Digest"]) == [switched]


def test_a_run_is_found_by_what_was_written_about_it(store):
    """Finds a search that does not see a note just written; what is too long is told where it is typed."""
    kept = keep(store, SMALL)
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["runs"] = kept
    app.switch_page("pages/runs.py").run()
    app.text_input(key=f"runs:tags@{kept}").set_value("x" * 25)
    app.button(key="runs:save").click().run()
    assert "tags: expected at most 8" in texts(app)
    app.text_input(key=f"runs:tags@{kept}").set_value("baseline, *odd*")
    app.button(key="runs:save").click().run()
    app.text_input(key="runs:find").set_value("*odd* baseline").run()
    assert not app.exception
    assert list(app.dataframe[0].value["Tags"]) == ["baseline, *odd*"]


def test_a_server_holds_no_path(store):
    """A page needs its length; the numbers of a hundred large runs would fill the memory of all."""
    kept = keep(store, SMALL)
    open_page(run=kept)
    held = cached.run(kept)
    assert held is not None and held.path.shape == store.run(kept).path.shape and held.path.strides == (0, 0)
