"""Drawings in motion: one element in which the curves of a run at work grow at the browser's own pace, and can be
played again."""

from __future__ import annotations

from typing import Any

import streamlit.components.v2 as components

from engine.figures import escape
from engine.figures.drawing import Drawing
from engine.figures.render import motion
from pages.ui import cached, figures, front, scene, shell

SECONDS = 1.2
"""How long the browser takes to draw what has come since its last look."""

SCRIPT = (
    scene.LIBRARY
    + """
const shows = new WeakMap();
const SPARE = ['toImage', 'lasso2d', 'select2d', 'autoScale2d'];
const ICON = { width: 24, height: 24, path: 'M5 3l16 9-16 9z' };
const AGAIN = { name: 'play', title: 'Play again', icon: ICON, click: plot => play(plot, shows.get(plot), 0, 4) };
function cut(trace, clock) {
  let n = 0;
  while (n < trace.meta.length && trace.meta[n] <= clock) n++;
  return n;
}
// One point at least: of a curve without any Plotly's legend says nothing, and the figure would jump when it begins.
function part(trace, name, clock) { return trace[name].slice(0, Math.max(1, cut(trace, clock))); }
const SVG = 'http://www.w3.org/2000/svg';
const DASHES = { dash: '7 5', dot: '2 3' };
// While they grow the lines are drawn over the figure, which is a matter of a millisecond;
// Plotly itself draws them once they have come to their end.
function trail(plot, show, moving) {
  const { xaxis, yaxis } = plot._fullLayout;
  const place = (axis, value) => axis._offset + Math.min(Math.max(axis.d2p(value), 0), axis._length);
  const there = (axis, value) => value !== undefined && value !== null && Number.isFinite(place(axis, value));
  const known = (t, j) => there(xaxis, t.x[j]) && there(yaxis, t.y[j]);  // not so of 0 on a logarithmic axis
  // a layer of its own, so that what lies below is not painted anew
  const sheet = document.createElementNS(SVG, 'svg');
  sheet.setAttribute('class', 'trail');
  sheet.style.cssText =
    'position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; will-change: transform;';
  for (const i of moving) {
    const t = show.traces[i];
    if (!t.line?.width) continue;
    let d = '';
    for (let j = 0; j < cut(t, show.clock); j++) {
      const point = `${place(xaxis, t.x[j]).toFixed(1)} ${place(yaxis, t.y[j]).toFixed(1)}`;
      if (known(t, j)) d += `${known(t, j - 1) ? 'L' : 'M'}${point}`;
    }
    const line = document.createElementNS(SVG, 'path');
    const dashes = DASHES[t.line.dash] ?? '';
    const stroke = { stroke: t.line.color, 'stroke-width': t.line.width, 'stroke-dasharray': dashes };
    const looks = { d, fill: 'none', ...stroke };
    Object.entries(looks).forEach(([name, value]) => line.setAttribute(name, value));
    sheet.append(line);
  }
  clear(plot);
  plot.querySelector('.svg-container').append(sheet);
}
function clear(plot) { plot.querySelectorAll('.trail').forEach(sheet => sheet.remove()); }
function drawn(plot, show, moving) {
  clear(plot);
  if (!plot._fullLayout) return Promise.resolve();
  const parts = name => moving.map(i => part(show.traces[i], name, show.clock));
  return window.Plotly.restyle(plot, { x: parts('x'), y: parts('y') }, moving);
}
function play(plot, show, from, seconds) {
  cancelAnimationFrame(show.frame);
  const moving = show.traces.map((_, i) => i).filter(i => Array.isArray(show.traces[i].meta));
  const end = Math.max(0, ...moving.map(i => show.traces[i].meta.at(-1) ?? 0));
  const begun = performance.now();
  let last = -100, count = 0;
  if (from < show.clock) { show.clock = from; drawn(plot, show, moving); }
  const tick = now => {
    if (!plot._fullLayout || shows.get(plot) !== show) return;  // the page was left, or shows something else
    const share = seconds ? Math.min(1, (now - begun) / (1000 * seconds)) : 1;
    if (now - last > 30 || share === 1) {
      last = now; count++;
      show.clock = from + (end - from) * share;
      (share < 1 ? trail : drawn)(plot, show, moving);
      plot.dataset.pictures = count;
      plot.dataset.seconds = ((now - begun) / 1000).toFixed(3);
      plot.dataset.step = Math.round(show.clock);
    }
    if (share < 1) show.frame = requestAnimationFrame(tick);
  };
  show.frame = requestAnimationFrame(tick);
}
export default function ({ parentElement, data }) {
  const plot = place(parentElement, data.words);
  const { data: traces, layout } = JSON.parse(data.figure);
  plot.base = data.height;
  if (data.height) layout.height = Math.max(data.height, plot.clientHeight);
  const before = shows.get(plot);
  const show = before && before.keep === data.keep ? before : { keep: data.keep, clock: 0 };
  const moves = traces.some(t => Array.isArray(t.meta));
  show.traces = traces;
  shows.set(plot, show);
  const still = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
  const begun = t => ({ ...t, x: part(t, 'x', show.clock), y: part(t, 'y', show.clock) });
  const blank = traces.map(t => Array.isArray(t.meta) ? begun(t) : t);
  plot.dataset.file = data.name;
  library(data.script).then(plotly =>
    plotly.react(plot, blank, { ...layout, uirevision: data.keep },
      { displaylogo: false, displayModeBar: BAR, modeBarButtonsToRemove: SPARE,
        modeBarButtonsToAdd: [saving(), ...moves ? [AGAIN] : []] })
  ).then(() => {
    // whenever Plotly draws anew, the axes may have moved away below what lies over them
    plot.clearing ??= plot.on('plotly_afterplot', () => clear(plot));
    clear(plot);
    fill(plot);
    if (moves && shows.get(plot) === show) play(plot, show, show.clock, still ? 0 : data.seconds);
  }, () => { plot.textContent = 'The plotting script could not be loaded from this server.'; });
  return () => { cancelAnimationFrame(show.frame); window.Plotly?.purge(plot); };
}"""
)


def draw(key: str, keep: str, version: Any, height: int, drawing: Drawing, text: int = 13, fluid: bool = False) -> None:
    """A drawing with its caption; what `keep` names goes on growing from where it was when a new version comes. It is
    `height` pixels high, and more where its legend is long, or, where it is `fluid`, as high as the page's style
    makes it."""
    dark = shell.dark()
    look = f"{key}@{keep}/{drawing.name}/{height}/{text}"
    figure = cached.drawn(look, version, dark, lambda: _json(drawing, dark, height, text))
    component = components.component("ravine_motion", js=SCRIPT, isolate_styles=False)
    words = f"{drawing.title}. {drawing.words}"
    data = {
        "figure": figure,
        "keep": keep,
        "name": escape.file(f"{drawing.name} {drawing.source}"),
        "words": words,
        "seconds": SECONDS,
        "height": 0 if fluid else height,
    }
    component(key=key, data=data | {"script": front.SCRIPT}, height="content")
    figures.caption(drawing)


def _json(drawing: Drawing, dark: bool, height: int, text: int) -> str:
    return str(motion.figure(drawing, dark, height, text).to_json(engine="json"))
