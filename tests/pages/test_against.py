"""A run against another: chosen from the list or by a link, in the address of every page, and what the other lacks."""

from __future__ import annotations

from dataclasses import replace

from engine.analyses.spectrum import SpectrumSpec
from engine.analyses.surface import SurfaceSpec
from engine.spec import digest
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.presets import FOUR
from pages.ui import shell
from tests.pages.headless import DEFAULT, SMALL, arrive, await_end, keep, open_page, seen, server_store, texts  # noqa: F401  # the fixture `store`

SGD = digest(FOUR[0])


def test_a_link_shows_a_run_against_another_until_that_is_let_go(store):
    """Finds a link that loses the other run, and one that says nothing of a run that is not there."""
    app = open_page(run=SGD, against=DEFAULT)
    assert app.title[0].value == "Same loss, half the curvature: SAM beside SGD"
    assert app.query_params["against"] == DEFAULT and "Against: SAM" in app.button(key="against.drop").label
    app.button(key="against.drop").click().run()
    assert not app.exception and "against" not in app.query_params and app.title[0].value == "How does it descend?"
    wrong = open_page(run=SGD, against="0" * 16)
    assert f"against: {'0' * 16} is not kept here" in texts(wrong) and "against" not in wrong.query_params


def test_what_the_other_run_lacks_is_computed_when_asked(store):
    """Finds a page that shows one run alone without a word; the choice is made in the list of runs."""
    mine, other = keep(store, SMALL), keep(store, replace(SMALL, lr=0.05))
    work = Work(SpectrumSpec(exact=False), mine)
    list(perform(store, work))
    app = arrive("runs", runs=other)
    next(button for button in app.button if button.label == "Compare against").click().run()
    assert app.session_state[shell.AGAINST] == other
    app.query_params.clear()
    for name, value in {"run": mine, "exact": "false", "against": other}.items():
        app.query_params[name] = value
    app.switch_page("pages/spectrum.py").run()
    assert not app.exception and "lr 0.05" in seen(app.button(key="against.drop").label)
    app.button(key="against.compute").click().run()
    await_end(f"{other}/{digest(work.spec)}")
    app.run()
    assert not app.exception and texts(app).count("Hessian-vector products</dt>") == 2
    assert app.query_params["against"] == other


def test_maps_that_reach_unlike_far_are_drawn_as_far_at_a_click(store):
    """Finds a button that draws one of the two, keeps the settings that are shown, or stays when there is no need."""
    runs = keep(store, SMALL), keep(store, replace(SMALL, lr=0.05))
    for run in runs:
        list(perform(store, Work(SurfaceSpec(resolution=5), run)))
    app = arrive("landscape", run=runs[0], resolution="5", against=runs[1])
    app.button(key="surface.alike").click().run()
    wanted = SurfaceSpec(resolution=5, span=float(app.session_state["surface.span"]))
    for run in runs:
        await_end(f"{run}/{digest(wanted)}")
    app.run()
    assert not app.exception and app.query_params["span"] == f"{wanted.span:g}"
    both = [store.get(Work(wanted, run).address) for run in runs]
    assert all(surface.complete and surface.a[0] == -wanted.span for surface in both)
    assert not [button for button in app.button if button.key == "surface.alike"]


def test_two_runs_of_the_list_are_compared_at_a_click(store):
    """Finds a list in which two runs can be chosen and not compared."""
    runs = [keep(store, SMALL), keep(store, replace(SMALL, lr=0.05))]
    app = arrive("runs", runs=",".join(runs))
    next(button for button in app.button if button.label == "Compare both").click().run()
    assert not app.exception and {app.query_params["run"], app.query_params["against"]} == {*runs}
