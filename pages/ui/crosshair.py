"""The crosshair: the values of all lines at the step under the pointer, or at that of the page's scrubber, on all
charts of the page that go by steps, and the paths' points of that step on its maps."""

from __future__ import annotations

import streamlit.components.v2 as components

KEY = "crosshair"
"""Its key; the page's style hides what it would take of the page."""
VIEWS = """
const CHART = '[data-testid=stVegaLiteChart]';
// Vega hands nobody a chart's view, but every part of its drawing knows the group that it is of, and this its view.
function viewOf(chart) {
  const part = [...chart.querySelectorAll('svg g, svg path')].find(node => node.__data__)?.__data__;
  const group = part?.context ? part : part?.group ?? part?.mark?.group;
  return group?.context?.dataflow;
}
// Where a chart's plot begins in its drawing, in pixels.
function beginning(view) {
  const { left, top } = view.padding(), [x, y] = view.origin();
  return [Math.max(0, x + left), Math.max(0, y + top)];
}
"""
"""A chart's view, which maps values to places on its plot, and where that is."""

SCRIPT = (
    VIEWS
    + """
const GAP = 10, EVERY = 300;
const add = (parent, kind, style, words = '') => {
  const made = Object.assign(document.createElement(kind), { textContent: words });
  Object.assign(made.style, style);
  parent.append(made);
  return made;
};
const px = value => `${value.toFixed(1)}px`;
function bySteps(view) {
  try { return view.signal('steps'); } catch { return false; }  // no chart of ours
}
// [{ chart, box, view, rows }]: the charts that go by steps and are on the screen
function charts() {
  return [...document.querySelectorAll(CHART)].flatMap(chart => {
    const view = viewOf(chart), box = chart.querySelector('svg')?.getBoundingClientRect();
    if (!view || !bySteps(view)) return [];
    const rows = view.data('rows').filter(row => Number.isFinite(row.x) && Number.isFinite(row.y));
    return rows.length && box.bottom > 0 && box.top < innerHeight ? [{ chart, box, view, rows }] : [];
  });
}
const nearer = step => (one, other) => Math.abs(other.x - step) < Math.abs(one.x - step) ? other : one;
function under(all, pointer) {
  const one = all.find(({ chart }) => chart === pointer.chart);
  if (!one) return null;
  const step = one.view.scale('x').invert(pointer.x - one.box.left - beginning(one.view)[0]);
  return one.rows.reduce(nearer(step)).x;
}
// Of each line the point nearest to a step; none of a line that ends before it or begins after it.
function points({ rows, view }, step) {
  const lines = Map.groupBy(rows, row => row.series), domain = view.scale('x').domain();
  const slack = (domain.at(-1) - domain[0]) / 100;
  return [...lines.values()].map(line => line.reduce(nearer(step))).filter(row => Math.abs(row.x - step) <= slack);
}
function said(value) {
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4)) {
    const [digits, power] = value.toExponential(2).split('e');
    const raised = [...power.replace('+', '')].map(c => c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[c]).join('');
    return `${digits}·10${raised}`.replace('-', '−');
  }
  return String(Number(value.toPrecision(4))).replace('-', '−');
}
function mark(sheet, one, step, looked) {
  const { box, view } = one, [left, top] = beginning(view), found = points(one, step);
  const x = box.left + left + view.scale('x')(step), y = box.top + top;
  if (!found.length) return;
  add(sheet, 'hr', { left: px(x), top: px(y), height: px(view.height()) });
  for (const row of found) {
    const up = view.scale('y')(row.y);
    if (up < -1 || up > view.height() + 1) continue;
    add(sheet, 'i', { left: px(box.left + left + view.scale('x')(row.x)), top: px(y + up), background: row.hue });
  }
  if (!looked) return;
  const tag = add(sheet, 'dl', { top: px(y) });
  add(tag, 'dt', {}, `step ${step.toLocaleString('en')}`);
  for (const row of found) {
    const own = row.x === step ? '' : ` at ${row.x.toLocaleString('en')}`;
    add(tag, 'dd', { borderColor: row.hue }, `${row.series}${own} `);
    add(tag.lastChild, 'b', {}, said(row.own ?? row.y));
  }
  const wide = tag.offsetWidth, right = x - box.left - left > view.width() / 2;
  const place = right ? x - GAP - wide : x + GAP;
  tag.style.left = px(Math.max(4, Math.min(place, innerWidth - wide - 4)));
}
// Where a point of a trace lies in a map's picture, from above or in the solid as it is turned; null out of sight.
function placed({ _fullLayout: layout }, trace, i) {
  if (trace.type === 'scatter') {
    const { xaxis, yaxis } = layout, x = xaxis.d2p(trace.x[i]), y = yaxis.d2p(trace.y[i]);
    const inside = x >= 0 && x <= xaxis._length && y >= 0 && y <= yaxis._length;
    return inside ? [xaxis._offset + x, yaxis._offset + y] : null;
  }
  const { glplot, dataScale } = layout.scene._scene, { model, view, projection } = glplot.cameraParams;
  const point = [trace.x[i], trace.y[i], trace.z[i]].map((value, axis) => value * dataScale[axis]);
  const turn = (v, m) => [0, 1, 2, 3].map(j => v.reduce((sum, value, k) => sum + m[4 * k + j] * value, 0));
  const [x, y, , w] = [model, view, projection].reduce(turn, [...point, 1]), { l, t, w: wide, h: high } = layout._size;
  return Number.isFinite(x / w) ? [l + wide * (0.5 + 0.5 * x / w), t + high * (0.5 - 0.5 * y / w)] : null;
}
// On a map each path's point that is the nearest to a step.
function spot(sheet, plot, step) {
  const box = plot.getBoundingClientRect();
  for (const trace of plot._fullLayout ? plot._fullData ?? [] : []) {
    if (!trace.type.startsWith('scatter') || !trace.customdata?.length || !trace.x?.length) continue;
    const { i } = [...trace.customdata].map((x, i) => ({ x, i })).reduce(nearer(step)), at = placed(plot, trace, i);
    const background = (trace.line ?? trace.marker).color;  // a path whose line has faded is points alone
    const place = at && { left: px(box.left + at[0]), top: px(box.top + at[1]), background };
    if (place) add(sheet, 'i', place).className = 'spot';
  }
}
export default function () {
  const sheet = Object.assign(document.createElement('div'), { className: 'crosshair', ariaHidden: 'true' });
  let pointer = null, pinned = null, frame = 0;
  const draw = () => {
    const all = pointer || pinned ? charts() : [], hovered = pointer ? under(all, pointer) : null;
    const step = hovered ?? pinned?.step, looked = hovered !== null || pinned?.looked;
    sheet.replaceChildren();
    if (step === undefined) return;
    all.forEach(one => mark(sheet, one, step, looked));
    document.querySelectorAll('.ravine-plot').forEach(plot => spot(sheet, plot, step));
  };
  const soon = () => { cancelAnimationFrame(frame); frame = requestAnimationFrame(draw); };
  const moved = event => {
    const chart = event.target.closest?.(CHART);
    if (!chart && !pointer) return;
    pointer = chart ? { chart, x: event.clientX } : null;
    soon();
  };
  const scrubbed = event => { pinned = event.detail; soon(); };
  addEventListener('ravine-step', scrubbed);
  const heard = ['pointermove', 'pointerdown'];
  heard.forEach(name => addEventListener(name, moved, { passive: true }));
  addEventListener('scroll', soon, { capture: true, passive: true });
  // what grows, is turned or is enlarged changes below the crosshair
  const live = setInterval(() => { if (pointer || pinned) soon(); }, EVERY);
  document.querySelector('[data-testid=stApp]').append(sheet);
  return () => {
    heard.forEach(name => removeEventListener(name, moved));
    removeEventListener('ravine-step', scrubbed);
    removeEventListener('scroll', soon, { capture: true });
    clearInterval(live);
    cancelAnimationFrame(frame);
    sheet.remove();
  };
}
"""
)
"""All of it happens in the browser: nothing is asked of the server."""


def listen() -> None:
    """Once for all pages: what listens to the pointer."""
    components.component("ravine_crosshair", js=SCRIPT, isolate_styles=False)(key=KEY)
