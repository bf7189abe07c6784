"""What the page Landscape needs, made ready in a browser while nobody waits for it: Plotly, and a solid's scene."""

from __future__ import annotations

from functools import cache

import streamlit.components.v2 as components

from engine.figures import bowl
from engine.figures.render import plotly as screen
from pages.ui import front, scene

KEY = "ahead"
"""Its key; the page's style hides what it would take of the page."""
SCRIPT = (
    scene.LIBRARY
    + scene.KEPT
    + """
const EVERY = 200;  // milliseconds
const idle = () => new Promise(done => (window.requestIdleCallback ?? setTimeout)(done));
const busy = () => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState !== 'notRunning';
const drawn = () => new Promise(done => {
  const look = () => busy() ? setTimeout(look, EVERY) : done();
  setTimeout(look, EVERY);
});
// In an element that is not in the page: there its programs are compiled, but nobody waits for its first frame.
function make(scene) {
  if (window.ravineSolid || document.querySelector('.gl-container canvas')) return;
  const plot = place(document.createElement('div'), ''), { data: traces, layout } = JSON.parse(scene);
  return window.Plotly.react(plot, traces, layout, bar()).then(() => keep(plot));
}
export default function ({ data }) {
  window.ravineAhead ??= drawn().then(idle).then(() => library(data.script)).then(idle).then(() => make(data.scene))
    .catch(() => {});  // then the page does it itself, and says why it cannot
}
"""
)


def ready() -> None:
    """Once for all pages, and once in a window."""
    data = {"scene": _scene(), "script": front.SCRIPT}
    components.component("ravine_ahead", js=SCRIPT, isolate_styles=False)(key=KEY, data=data)


@cache
def _scene() -> str:
    return str(screen.scene(bowl.draw()).update_layout(height=None).to_json())
