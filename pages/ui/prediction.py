"""The reader's prediction: a line that is dragged over a scale; once it stands, what is measured grows beside it."""

from __future__ import annotations

import math

import streamlit as st
import streamlit.components.v2 as components

from engine.experiments import Check, Question
from engine.figures import words
from engine.figures.ticks import ticks

SCRIPT = """
const SVG = 'http://www.w3.org/2000/svg', PARTS = 100, MARGIN = 24;
const make = (parent, kind, looks, words = '') => {
  const made = Object.assign(document.createElementNS(SVG, kind), { textContent: words });
  for (const [name, value] of Object.entries(looks)) made.setAttribute(name, value);
  parent.append(made);
  return made;
};
function built(parent) {
  const box = Object.assign(document.createElement('div'), { className: 'predict' });
  box.append(document.createElementNS(SVG, 'svg'));
  parent.append(box);
  return box;
}
const said = value => String(Number(value.toPrecision(3))).replace('-', '−');
// Words at a place of the scale, within the picture.
function word(svg, x, y, text, kind, wide) {
  const made = make(svg, 'text', { x, y, class: kind }, text), half = made.getComputedTextLength() / 2;
  made.setAttribute('x', Math.min(Math.max(x, half + 2), wide - half - 2));
}
function drawn(svg, data, value) {
  const wide = svg.clientWidth;
  if (!wide) return;  // it has just been taken off the page
  const em = parseFloat(getComputedStyle(svg).fontSize), foot = 5.6 * em;
  const share = v => (Math.min(Math.max(v, data.low), data.high) - data.low) / (data.high - data.low);
  const place = v => MARGIN + share(v) * (wide - 2 * MARGIN);
  svg.replaceChildren();
  if (data.band) {
    const [low, high] = data.band.map(v => place(v ?? data.high));
    make(svg, 'rect', { x: low, y: 1.6 * em, width: Math.max(2, high - low), height: foot - 1.6 * em, class: 'band' });
  }
  make(svg, 'path', { d: `M${MARGIN} ${foot}H${wide - MARGIN}`, class: 'axis' });
  for (const [v, text] of data.ticks) {
    make(svg, 'path', { d: `M${place(v)} ${foot}v${0.4 * em}`, class: 'axis' });
    word(svg, place(v), foot + 1.5 * em, text, 'tick', wide);
  }
  for (const v of data.values) make(svg, 'circle', { cx: place(v), cy: foot - 0.8 * em, r: 0.32 * em, class: 'seed' });
  if (data.measured !== null) {
    make(svg, 'path', { d: `M${place(data.measured)} ${3.2 * em}V${foot}`, class: 'measured' });
    word(svg, place(data.measured), 2.8 * em, `Measured ${said(data.measured)}`, 'measured', wide);
  }
  const handle = make(svg, 'g', { class: data.locked ? 'guess' : 'guess free' });
  make(handle, 'path', { d: `M${place(value)} ${1.6 * em}V${foot}` });
  make(handle, 'circle', { cx: place(value), cy: foot, r: 0.6 * em });
  word(handle, place(value), 1.1 * em, `You: ${said(value)}`, '', wide);
}
export default function ({ parentElement, data, setStateValue }) {
  const box = parentElement.querySelector('.predict') ?? built(parentElement), svg = box.firstChild;
  if (box.value === undefined || data.locked || box.dataset.keep !== data.keep) box.value = data.value;
  box.dataset.keep = data.keep;
  const step = (data.high - data.low) / PARTS;
  const show = () => {
    box.ariaValueNow = box.value;
    box.ariaValueText = said(box.value);
    drawn(svg, data, box.value);
  };
  const move = value => { box.value = Math.min(Math.max(value, data.low), data.high); show(); };
  const under = event => {
    const { left, width } = svg.getBoundingClientRect(), share = (event.clientX - left - MARGIN) / (width - 2 * MARGIN);
    move(data.low + Math.round(share * PARTS) * step);
  };
  const keep = () => setStateValue('value', box.value);
  const KEYS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, Home: -PARTS, End: PARTS };
  Object.assign(box, {
    role: 'slider', tabIndex: data.locked ? -1 : 0, ariaLabel: data.question, ariaValueMin: data.low,
    ariaValueMax: data.high, ariaDisabled: String(data.locked),
    onpointerdown: event => {
      if (data.locked) return;
      box.setPointerCapture(event.pointerId);
      under(event);
    },
    onpointermove: event => { if (!data.locked && box.hasPointerCapture(event.pointerId)) under(event); },
    onpointerup: () => { if (!data.locked) keep(); },
    onkeydown: event => {
      if (data.locked || !(event.key in KEYS)) return;
      move(box.value + KEYS[event.key] * step);
      keep();
      event.preventDefault();
    },
  });
  const sizes = new ResizeObserver(show);
  sizes.observe(box);
  show();
  return () => sizes.disconnect();
}
"""
"""Drawn and dragged in the browser; the server hears of the value when it is let go."""


def ask(key: str, question: Question, check: Check, locked: bool) -> float:
    """The scale of a question, with the reader's line, which is kept under `key`; once it is `locked`, with what the
    check accepts and what was measured so far. The value of the line."""
    value = st.session_state.setdefault(key, (question.low + question.high) / 2)
    data = {
        "question": question.text,
        "keep": key,
        "low": question.low,
        "high": question.high,
        "ticks": [[tick, words.number(tick)] for tick in ticks(question.low, question.high)],
        "value": value,
        "locked": locked,
        "values": [],
        "measured": None,
        "band": None,
    }
    if locked:
        data |= _answer(question, check)
    component = components.component("ravine_prediction", js=SCRIPT, isolate_styles=False)
    component(key=f"{key}:line", data=data, height="content", on_value_change=lambda: _take(key))
    return value


def _answer(question: Question, check: Check) -> dict[str, object]:
    """What is known of the answer: the accepted range, each seed's value, and their median."""
    low, high = (edge if math.isfinite(edge) else None for edge in (check.low, check.high))
    return {
        "band": [question.low if low is None else low, high],
        "values": [float(value) for value in check.values if math.isfinite(value)],
        "measured": check.measured if math.isfinite(check.measured) else None,
    }


def _take(key: str) -> None:
    value = st.session_state[f"{key}:line"].get("value")
    if isinstance(value, int | float) and math.isfinite(value):
        st.session_state[key] = float(value)
