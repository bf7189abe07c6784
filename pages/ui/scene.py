"""Plotly figures that are updated in place: one element that keeps its camera and its zoom while the data change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st
import streamlit.components.v2 as components

from engine.figures import escape, maps
from engine.figures.drawing import Map
from engine.figures.heights import HANGS
from engine.figures.render import plotly as screen
from pages.ui import cached, figures, front, shell
from pages.ui.tall import Tall

LIBRARY = """
const fetched = script => window.ravinePlotly ??= new Promise((done, failed) => {
  const tag = document.createElement('script');
  Object.assign(tag, { src: script, onload: () => done(window.Plotly), onerror: failed });
  document.head.append(tag);
});
const library = script => window.Plotly ? Promise.resolve(window.Plotly) : fetched(script);
function place(parent, words) {
  let plot = parent.querySelector('.ravine-plot');
  if (!plot) {
    plot = Object.assign(document.createElement('div'), { className: 'ravine-plot' });
    plot.setAttribute('role', 'group');
    parent.append(plot);
    follow(plot);
  }
  plot.setAttribute('aria-label', words);
  return plot;
}
// A container changes its size without the window, too, which alone Plotly listens to.
function follow(plot) {
  plot.observer = new ResizeObserver(() => {
    if (!plot.isConnected) plot.observer.disconnect();
    if (!plot.clientWidth) return;
    plot.dispatchEvent(new Event('ravine-size'));
    fill(plot);
  });
  plot.observer.observe(plot);
}
const LEAST = 140;  // pixels that are left for a plot, however many lines its legend takes
// Draws a figure anew if its place has another size; to be called when it has been drawn, too, for that takes time.
// Twice, for Plotly leaves a legend whose lines have become fewer where it stood before.
function fill(plot) {
  const drawn = plot._fullLayout, { clientWidth: width } = plot;
  if (!drawn || !width) return;
  if (plot.base) plot.style.height = `${Math.max(plot.base, Math.ceil(drawn.height - drawn._size.h + LEAST))}px`;
  if (Math.abs(drawn.width - width) <= 1 && Math.abs(drawn.height - plot.clientHeight) <= 1) return;
  delete plot.layout.width;  // Plotly leaves a plot alone whose size is given
  window.Plotly.Plots.resize(plot)
    .then(() => plot._fullLayout.showlegend && window.Plotly.redraw(plot))
    .then(() => { if (plot.base) fill(plot); }, () => {});
}
const BAR = matchMedia('(hover: none)').matches ? false : 'hover';  // where nothing hovers it would stay on the legend
// The bar's button for a picture, one for all plots: where a plot's configuration changes, Plotly sets it up anew.
const saving = () => window.ravineSaving ??= {
  name: 'save',
  title: 'Download the picture',
  icon: window.Plotly.Icons.camera,
  click: plot => window.Plotly.downloadImage(plot, { format: 'svg', filename: plot.dataset.file }),
};
"""
"""Plotly in the browser, the page's own or fetched once from this server; and the element that a figure is drawn in,
made once, named by its words, and drawn anew when its size changes; one with a `base`, its usual height, is higher
where its legend leaves too little. Its button saves a picture under the name that is the element's `data-file`."""

KEPT = """
const SPARE = ['toImage', 'resetCameraLastSave3d', 'lasso2d', 'select2d'];
const bar = () => (
  { displaylogo: false, displayModeBar: BAR, modeBarButtonsToAdd: [saving()], modeBarButtonsToRemove: SPARE });
const AWHILE = 300000;  // milliseconds, for even a scene that nobody sees looks at every frame whether it has changed
// None where a browser has no WebGL, of which Plotly tells in its place.
const sceneOf = plot => [plot._fullLayout?.scene?._scene].find(scene => scene?.glplot);
function take(parent) {
  const kept = window.ravineSolid;
  if (!kept || parent.querySelector('.ravine-plot')) return;
  const hidden = kept.parentNode;
  window.ravineSolid = null;
  kept.classList.add('ravine-plot');
  parent.append(kept);
  hidden.remove();
  follow(kept);
}
function keep(plot) {
  window.ravineSolid = plot;
  clearTimeout(window.ravineLeft);
  window.ravineLeft = setTimeout(() => {
    if (window.ravineSolid) window.Plotly.purge(window.ravineSolid);
    window.ravineSolid?.parentNode.remove();
    window.ravineSolid = null;
  }, AWHILE);
}
function leave(plot) {
  if (window.ravineSolid || !sceneOf(plot)) return window.Plotly?.purge(plot);
  const hidden = document.createElement('div'), { width, height } = plot._fullLayout;
  hidden.style.cssText = `position: fixed; top: 0; visibility: hidden; width: ${width}px; height: ${height}px;`;
  plot.observer.disconnect();
  plot.classList.remove('ravine-plot');  // it is no plot of the page's now; with another size it would be drawn anew
  hidden.append(plot);
  document.body.append(hidden);
  keep(plot);
}
"""
"""How a map's plot is set up; and that a window keeps the solid of the page that was left, for what takes long is to
set up its scene: the next solid is drawn in it."""

SCRIPT = (
    LIBRARY
    + KEPT
    + """
const AROUND = 80, SOLID = 0.72, WORDS = 58;  // a solid's width in heights of its place; pixels of its axes' words
// A share of the window, but no higher than its width asks for: a map is as high as it is wide, with its words below.
function fit(plot, tall) {
  plot.tall = tall;
  const set = () => {
    plot.style.height = `min(max(${plot.tall[1]}px, ${plot.tall[0]}vh), ${plot.clientWidth + AROUND}px)`;
  };
  if (!plot.style.height) plot.addEventListener('ravine-size', set);
  set();
}
// Plotly fits a solid to the height of its place alone: where there is room beside it and its words, one comes closer.
function near(plot, { margin, scene: { camera: { center } } }) {
  const height = plot.clientHeight - margin.t - margin.b;
  const closer = Math.min(1, Math.max(0.7, SOLID * height / (plot.clientWidth - 2 * WORDS)));
  const along = axis => [axis, center[axis] + (plot.far[axis] - center[axis]) * closer];
  return Object.fromEntries(['x', 'y', 'z'].map(along));
}
function approach(plot, layout) {
  const { camera } = layout.scene, first = !plot.far;
  plot.far ??= { ...camera.eye };
  camera.eye = plot.near = near(plot, layout);
  if (first) plot.addEventListener('ravine-size', () => {
    if (!sceneOf(plot) || turned(plot)) return;
    window.Plotly.relayout(plot, { 'scene.camera.eye': plot.near = near(plot, plot.layout) });
    stand(plot);
  });
}
function turned(plot) {
  const { eye } = sceneOf(plot).getCamera();
  return Object.keys(eye).some(axis => Math.abs(eye[axis] - plot.near[axis]) > 1e-6);
}
// Where the bar's button for the camera leads back to.
function stand(plot) { if (sceneOf(plot)) sceneOf(plot).viewInitial.eye = { ...plot.near }; }
// Two solids on a page are turned together.
function join(plot) {
  if (plot.joined || !sceneOf(plot)) return;
  plot.joined = true;
  for (const event of ['plotly_relayouting', 'plotly_relayout']) plot.on(event, () => lead(plot));
}
function lead(plot) {
  if (plot.follows || !sceneOf(plot)) return;
  const camera = sceneOf(plot).getCamera();
  const rest = [...document.querySelectorAll('.ravine-plot')].filter(other => other !== plot && sceneOf(other));
  for (const other of rest) {
    other.follows = true;
    window.Plotly.relayout(other, { 'scene.camera': camera }).finally(() => { other.follows = false; });
  }
}
const painted = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
export default function ({ parentElement, data }) {
  if (data.solid) take(parentElement);
  const plot = place(parentElement, data.words);
  fit(plot, data.tall);
  const { data: traces, layout } = JSON.parse(data.figure);
  // Plotly itself keeps a camera only where the figure asks for none
  if (plot.keep === data.keep && sceneOf(plot)) layout.scene.camera = sceneOf(plot).getCamera();
  else if (data.solid) approach(plot, layout);
  // from above, another map's axes have another shape: Plotly would stretch them into that of the last one
  if (!data.solid && plot.keep !== data.keep) window.Plotly?.purge(plot);
  plot.keep = data.keep;
  const { clientWidth: width, clientHeight: height } = plot;
  if (data.solid && width) Object.assign(layout, { width, height });  // else a scene keeps the size it had elsewhere
  plot.dataset.file = data.name;
  delete plot.dataset.drawn;
  // what takes long, a landscape's first drawing, is begun when what takes little is seen
  const due = data.solid && !plot.layout ? library(data.script).then(painted) : library(data.script);
  due.then(
    () => plot.isConnected && window.Plotly.react(plot, traces, { ...layout, uirevision: data.keep }, bar())
      .then(() => { plot.dataset.drawn = data.keep; stand(plot); join(plot); fill(plot); }),
    () => { plot.textContent = 'The plotting script could not be loaded from this server.'; });
  return () => data.solid ? leave(plot) : window.Plotly?.purge(plot);
}"""
)


def quantity(key: str) -> None:
    """A choice of what a map shows, kept under `key`."""
    st.segmented_control(
        "Quantity", maps.QUANTITIES, format_func=str.capitalize, key=key, required=True, persist_state="session"
    )


def views(keep: str, version: Any, drawing: Map) -> None:
    """A map from above and as a landscape, side by side, with its caption; the views are kept as long as `keep` stays
    the same."""
    flat, solid = st.columns(2, gap="medium")
    with flat:
        plot("contour", keep, version, Tall.WHOLE, drawing, solid=False)
    with solid:
        plot("solid", keep, version, Tall.WHOLE, drawing, solid=True)
    figures.caption(replace(drawing, caption=f"{drawing.caption} {HANGS}"))


def plot(key: str, keep: str, version: Any, tall: Tall, drawing: Map, solid: bool) -> None:
    """A map as a 3-D scene (`solid`) or as contours, as `tall` as that is of the window where it is wide enough; the
    view is kept as long as `keep` stays the same."""
    dark = shell.dark()
    figure = cached.drawn(f"{key}@{keep}/{drawing.name}", version, dark, lambda: _json(drawing, dark, solid))
    component = components.component("ravine_plot", js=SCRIPT, isolate_styles=False)
    words = f"{drawing.title}. {drawing.words}"
    data = {
        "figure": figure,
        "keep": keep,
        "name": escape.file(f"{drawing.name} {drawing.source}"),
        "words": words,
        "tall": tall.value,
        "solid": solid,
    }
    component(key=key, data=data | {"script": front.SCRIPT})


def _json(drawing: Map, dark: bool, solid: bool) -> str:
    figure = (screen.scene if solid else screen.contour)(drawing, dark)
    return str(figure.update_layout(height=None).to_json())
