"""Previews: what runs on a toy landscape would be with the settings of the sliders, drawn dashed while one drags.

Runs come to the browser as programs (`engine.training.portable`), and are carried out there: nobody waits for a server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit.components.v2 as components

from engine.encyclopedia.quadratic import TOP, Trial, radii
from engine.figures import together
from engine.figures.theme import colour
from engine.rules import Rule
from engine.spec import describe
from engine.training.portable import portable
from engine.training.runs import RunSpec
from pages.ui import crosshair, shell, sliders
from pages.ui.cells import Cell

KEY = "preview"
"""Its key; the page's style hides what it would take of the page."""
STEPS = """
const OPERATIONS = {
  add: (a, b) => a + b, sub: (a, b) => a - b, mul: (a, b) => a * b, truediv: (a, b) => a / b, pow: Math.pow,
  sqrt: Math.sqrt, exp: Math.exp, tanh: Math.tanh, sin: Math.sin, cos: Math.cos, abs: Math.abs,
  sign: a => Number(a > 0) - Number(a < 0),
  smaller: (a, b) => b < a || b !== b ? b : a, larger: (a, b) => b > a || b !== b ? b : a,
  lt: (a, b) => a < b, le: (a, b) => a <= b, gt: (a, b) => a > b, ge: (a, b) => a >= b,
  eq: (a, b) => a === b, ne: (a, b) => a !== b,
  pair: (a, b) => [b, a], getitem: (pair, truth) => pair[Number(truth)],
};
function carriedOut({ constants, operations, outputs }, given) {
  const values = [...constants, ...given];
  for (const [name, a, b] of operations) values.push(OPERATIONS[name](values[a], values[b]));
  return outputs.map(place => values[place]);
}
// [{ step, x, y, loss, sharpness }] of a run with a rate and radii, where it would be measured.
function descend(run, lr, radii) {
  const points = [];
  for (let step = 0, moving = run.start; ; step++) {
    const [x, y] = moving, ended = step === run.steps || !Number.isFinite(x + y);
    if (step % run.every === 0 || ended) {
      const [loss, sharpness] = carriedOut(run.look, [x, y]);
      points.push({ step, x, y, loss, sharpness });
    }
    if (ended) return points;
    const factor = run.factors[Math.min(step, run.factors.length - 1)];
    moving = carriedOut(run.step, [...moving, lr * factor, factor, ...radii]);
  }
}
"""
"""How a portable run is carried out; nothing of it is code."""

SCRIPT = (
    crosshair.VIEWS
    + STEPS
    + """
const SVG = 'http://www.w3.org/2000/svg', EVERY = 300, BEYOND = 1e5;  // pixels that a line may leave a plot by
const make = (parent, kind, looks, words = '') => {
  const made = Object.assign(document.createElementNS(SVG, kind), { textContent: words });
  for (const [name, value] of Object.entries(looks)) made.setAttribute(name, value);
  parent.append(made);
  return made;
};
const thumb = ({ place }) => document.querySelector(`.st-key-${place} input[type=range]`);
const stopOf = slider => Number(thumb(slider)?.value ?? slider.stop);
// What a slider stands at, by its stop; what is typed between two stops stays as it is until it is moved.
function standing(slider) {
  const stop = stopOf(slider);
  return stop === slider.stop ? slider.value : slider.stops?.[stop] ?? stop * slider.unit;
}
function settings(data) {
  const found = Object.fromEntries(data.sliders.map(slider => [slider.name, [standing(slider), slider.value]]));
  const [lr] = found.lr, [radius, usual] = found.rho ?? [0, 0];
  const grown = (own, value) => usual ? value * radius / usual : own ? radius : value;
  return { lr, radii: run => Object.values(run.radii).map(value => grown(run.own, value)) };
}
function line(sheet, box, points, hue, rim = 0) {
  const near = value => Math.min(Math.max(value, -BEYOND), BEYOND).toFixed(1);
  let d = '', pen = 'M';
  for (const [x, y] of points) {
    if (Number.isNaN(x + y)) { pen = 'M'; continue; }
    d += `${pen}${near(x)} ${near(y)}`;
    pen = 'L';
  }
  const plot = make(sheet, 'svg', { x: box.left, y: box.top, width: box.width, height: box.height });
  const stroke = { d, fill: 'none', 'stroke-linejoin': 'round' };
  if (rim) make(plot, 'path', { ...stroke, stroke: '#ffffff', 'stroke-width': rim, 'stroke-opacity': 0.75 });
  make(plot, 'path', { ...stroke, stroke: hue, 'stroke-width': 2.2, 'stroke-dasharray': '5 3' });
}
// On the maps whose axes are the landscape's own coordinates: each line on all, or on the one that is its run's.
function onMaps(sheet, lines) {
  for (const plot of document.querySelectorAll('.ravine-plot')) {
    const drawn = plot._fullLayout, { xaxis, yaxis } = drawn ?? {}, place = plot.getBoundingClientRect();
    const here = ({ run }) => run.map ? plot.closest(`.st-key-${run.map}`) : xaxis?.title.text === 'x';
    if (!xaxis || drawn.scene || !lines.some(here)) continue;
    const left = place.left + xaxis._offset, top = place.top + yaxis._offset;
    const box = { left, top, width: xaxis._length, height: yaxis._length };
    for (const { points, run } of lines.filter(here))
      line(sheet, box, points.map(p => [xaxis.d2p(p.x), yaxis.d2p(p.y)]), run.hue, 4.5);
  }
}
const bySteps = value => ({ points }) => points.map(p => [p.step, value(p)]);
// By learning rate: where a run ends at each rate, and upright at the one that is set.
function ends({ run, lr, radii }, { rates, unit }, view) {
  const range = view.scale('y').domain(), least = range[0] / 10;  // as the chart's own lines have it
  const found = rates.map(rate => [rate / unit, Math.max(least, Math.abs(descend(run, rate, radii).at(-1).x))]);
  return [...found, [NaN, NaN], ...range.map(end => [lr / unit, end])];
}
const VALUES = [  // of charts, by the ends of their names: the points of a line
  ['losses', bySteps(p => p.loss)], ['sharpness', bySteps(p => p.sharpness)],
  ['distance', bySteps(p => Math.hypot(p.x, p.y))], ['ends', ends],
];
function shows(view) {
  try { return view.scale('x') && view.signal('shows'); } catch { return ''; }  // no chart of ours, or an empty one
}
function onCharts(sheet, lines, data) {
  for (const chart of document.querySelectorAll(CHART)) {
    const view = viewOf(chart), value = view && VALUES.find(([name]) => shows(view).endsWith(name))?.[1];
    if (!value) continue;
    const svg = chart.querySelector('svg').getBoundingClientRect(), [left, top] = beginning(view);
    const box = { left: svg.left + left, top: svg.top + top, width: view.width(), height: view.height() };
    const place = ([x, y]) => [view.scale('x')(x), view.scale('y')(y)];
    for (const one of lines) line(sheet, box, value(one, data, view).map(place), one.run.hue);
  }
}
const states = new WeakMap();
function begin() {
  const sheet = document.createElementNS(SVG, 'svg'), state = { sheet, lines: [], said: '' };
  sheet.setAttribute('class', 'preview');
  sheet.setAttribute('aria-hidden', 'true');
  let frame = 0;
  const draw = () => {
    const { data } = state, { lr, radii } = settings(data), all = data.runs.map(radii);
    const said = JSON.stringify([lr, all]);
    const moved = data.sliders.some(slider => stopOf(slider) !== slider.stop);
    if (said !== state.said) {
      state.said = said;
      state.lines = data.runs.map((run, nth) => ({ run, lr, radii: all[nth], points: descend(run, lr, all[nth]) }));
    }
    sheet.replaceChildren();
    if (data.shown && !moved) return;
    onMaps(sheet, state.lines);
    onCharts(sheet, state.lines, data);
  };
  state.soon = () => { cancelAnimationFrame(frame); frame = requestAnimationFrame(draw); };
  const watcher = new MutationObserver(state.soon);
  watcher.observe(document.body, { subtree: true, attributeFilter: ['aria-valuetext'] });
  addEventListener('scroll', state.soon, { capture: true, passive: true });
  const live = setInterval(state.soon, EVERY);  // what is below may be drawn anew, or change its place
  document.querySelector('[data-testid=stApp]').append(sheet);
  state.end = () => {
    watcher.disconnect();
    removeEventListener('scroll', state.soon, { capture: true });
    clearInterval(live);
    cancelAnimationFrame(frame);
    sheet.remove();
  };
  return state;
}
export default function ({ parentElement, data }) {
  const state = states.get(parentElement) ?? begin();
  states.set(parentElement, state);
  state.data = data;
  state.said = '';
  state.soon();
  return () => { state.end(); states.delete(parentElement); };
}
"""
)


def show(specs: Sequence[RunSpec], own: RunSpec, slid: Sequence[Cell[Any]], shown: bool) -> None:
    """Draws over the page's maps and charts what runs would be; `own` is the one whose fields have the sliders `slid`.
    While the runs that are `shown` are these, only what is dragged is drawn."""
    runs = [_written(spec, hue, spec == own) for spec, hue in zip(specs, _hues(specs), strict=True)]
    _draw(runs, {"sliders": [_slider(place) for place in slid], "shown": shown})


def trial(rules: Mapping[str, Rule], at: Trial, rates: Sequence[float], sliders: str) -> None:
    """Draws what rules' runs on the quadratic become while one of the sliders of `at`, whose keys begin with
    `sliders`, is dragged: each on its map, whose key is the rule's here, and all on the charts, where they end at
    `rates`. A rule whose radii are not all its ρ is left out."""
    specs = [replace(at.spec(rule), every=1) for rule in rules.values()]
    runs = [
        run | {"map": key}
        for (key, rule), spec, hue in zip(rules.items(), specs, _hues(specs), strict=True)
        if (run := _written(spec, hue, True)) and [*run["radii"]] == radii(rule)
    ]
    unit = 2 / TOP
    fields = ("lr", f"{sliders}.eta", at.eta, unit), ("rho", f"{sliders}.rho", at.rho, 1.0)
    moved = [
        {"name": name, "place": key.translate(CLASS), "stop": stop, "value": stop * size, "unit": size}
        for name, key, stop, size in fields
    ]
    _draw(runs, {"sliders": moved, "shown": True, "rates": list(rates), "unit": unit})


def _draw(runs: Sequence[Mapping[str, Any] | None], data: Mapping[str, Any]) -> None:
    """The component, where there is a run that can be carried out."""
    if found := [run for run in runs if run is not None]:
        component = components.component("ravine_preview", js=SCRIPT, isolate_styles=False)
        component(key=KEY, data={"runs": found} | dict(data))


def _hues(specs: Sequence[RunSpec]) -> list[str]:
    return [colour(hue, shell.dark()) for hue in together.colours([describe(spec) for spec in specs])]


def _written(spec: RunSpec, hue: str, own: bool) -> dict[str, Any] | None:
    run = portable(spec)
    return run and run | {"hue": hue, "own": own}


def _slider(place: Cell[Any]) -> dict[str, Any]:
    """A slider as the browser finds it, and what it stands for."""
    stops = sliders.stops(place.knob.low, place.knob.high)
    value = place.read()
    return {
        "name": place.name,
        "place": sliders.key(place).translate(CLASS),
        "stops": stops,
        "stop": stops.index(sliders.nearest(stops, value)),
        "value": value,
    }


CLASS = str.maketrans(dict.fromkeys(".:", "-"))
"""How Streamlit writes a key into a class."""
