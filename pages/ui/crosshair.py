"""The crosshair: over a chart that goes by steps, the values of all lines at the step under the pointer, on all such
charts of the page at once."""

from __future__ import annotations

import streamlit.components.v2 as components

KEY = "crosshair"
"""Its key; the page's style hides what it would take of the page."""
SCRIPT = """
const CHART = '[data-testid=stVegaLiteChart]', GAP = 10, EVERY = 300;
const add = (parent, kind, style, words = '') => {
  const made = Object.assign(document.createElement(kind), { textContent: words });
  Object.assign(made.style, style);
  parent.append(made);
  return made;
};
const px = value => `${value.toFixed(1)}px`;
// Vega hands nobody a chart's view, but every part of its drawing knows the group that it is of, and this its view.
function viewOf(chart) {
  const part = [...chart.querySelectorAll('svg g, svg path')].find(node => node.__data__)?.__data__;
  const group = part?.context ? part : part?.group ?? part?.mark?.group;
  return group?.context?.dataflow;
}
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
  const step = one.view.scale('x').invert(pointer.x - one.box.left - one.view.origin()[0]);
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
function mark(sheet, one, step) {
  const { box, view } = one, [left, top] = view.origin(), found = points(one, step);
  const x = box.left + left + view.scale('x')(step), y = box.top + top;
  if (!found.length) return;
  add(sheet, 'hr', { left: px(x), top: px(y), height: px(view.height()) });
  for (const row of found) {
    const up = view.scale('y')(row.y);
    if (up < -1 || up > view.height() + 1) continue;
    add(sheet, 'i', { left: px(box.left + left + view.scale('x')(row.x)), top: px(y + up), background: row.hue });
  }
  const tag = add(sheet, 'dl', { top: px(y) });
  add(tag, 'dt', {}, `step ${step.toLocaleString('en')}`);
  for (const row of found) {
    const own = row.x === step ? '' : ` at ${row.x.toLocaleString('en')}`;
    add(tag, 'dd', { borderColor: row.hue }, `${row.series}${own} `);
    add(tag.lastChild, 'b', {}, said(row.y));
  }
  const wide = tag.offsetWidth, right = x - box.left - left > view.width() / 2;
  const place = right ? x - GAP - wide : x + GAP;
  tag.style.left = px(Math.max(4, Math.min(place, innerWidth - wide - 4)));
}
export default function () {
  const sheet = Object.assign(document.createElement('div'), { className: 'crosshair', ariaHidden: 'true' });
  let pointer = null, frame = 0;
  const draw = () => {
    const all = pointer ? charts() : [], step = pointer ? under(all, pointer) : null;
    sheet.replaceChildren();
    if (step !== null) all.forEach(one => mark(sheet, one, step));
  };
  const soon = () => { cancelAnimationFrame(frame); frame = requestAnimationFrame(draw); };
  const moved = event => {
    const chart = event.target.closest?.(CHART);
    if (!chart && !pointer) return;
    pointer = chart ? { chart, x: event.clientX } : null;
    soon();
  };
  const heard = ['pointermove', 'pointerdown'];
  heard.forEach(name => addEventListener(name, moved, { passive: true }));
  addEventListener('scroll', soon, { capture: true, passive: true });
  const live = setInterval(() => { if (pointer) soon(); }, EVERY);  // a chart that grows changes below the pointer
  document.querySelector('[data-testid=stApp]').append(sheet);
  return () => {
    heard.forEach(name => removeEventListener(name, moved));
    removeEventListener('scroll', soon, { capture: true });
    clearInterval(live);
    cancelAnimationFrame(frame);
    sheet.remove();
  };
}
"""
"""All of it happens in the browser: nothing is asked of the server."""


def listen() -> None:
    """Once for all pages: what listens to the pointer."""
    components.component("ravine_crosshair", js=SCRIPT, isolate_styles=False)(key=KEY)
