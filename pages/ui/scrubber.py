"""The scrubber: a slider over a run's checkpoints, to drag, to step through by keys or to play; the crosshair stands at
its step, on the maps as on the charts, and so it does on the next page."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit.components.v2 as components

MOST = 1000
"""Checkpoints that a slider offers; of more, as many as are equally far apart."""
SCRIPT = """
const SECONDS = 6;
const named = step => `step ${step.toLocaleString('en')}`;
function built(parent) {
  const box = Object.assign(document.createElement('div'), { className: 'scrub' });
  const play = Object.assign(document.createElement('button'), { type: 'button' });
  const slide = Object.assign(document.createElement('input'), { type: 'range', min: 0, ariaLabel: 'Step of a path' });
  box.append(play, slide, document.createElement('output'));
  parent.append(box);
  return box;
}
export default function ({ parentElement, data }) {
  const box = parentElement.querySelector('.scrub') ?? built(parentElement), [play, slide, told] = box.children;
  const steps = data.steps, last = steps.length - 1;
  const nearest = step => steps.reduce((best, s, i) => Math.abs(s - step) < Math.abs(steps[best] - step) ? i : best, 0);
  let frame = 0;
  // at the end there is nothing to point at, unless one looks
  const show = (looked = document.activeElement === slide || frame !== 0) => {
    const step = steps[slide.value];
    told.textContent = slide.ariaValueText = named(step);
    const detail = +slide.value === last && !looked ? null : { step, looked };
    dispatchEvent(new CustomEvent('ravine-step', { detail }));
  };
  const stop = () => { cancelAnimationFrame(frame); frame = 0; play.textContent = 'Play'; };
  const moved = () => { window.ravineStep = +slide.value === last ? null : steps[slide.value]; show(); };
  slide.max = last;
  slide.value = window.ravineStep == null ? last : nearest(window.ravineStep);
  slide.oninput = () => { stop(); moved(); };
  slide.onfocus = slide.onblur = () => show();
  play.onclick = () => {
    if (frame) { stop(); show(); return; }
    const first = +slide.value === last ? 0 : +slide.value, begun = performance.now();
    const tick = now => {
      slide.value = Math.min(last, first + Math.floor((now - begun) / 1000 / SECONDS * last));
      if (+slide.value === last) { stop(); moved(); return; }
      moved();
      frame = requestAnimationFrame(tick);
    };
    play.textContent = 'Stop';
    frame = requestAnimationFrame(tick);
  };
  stop();
  show(false);
  return () => { stop(); dispatchEvent(new CustomEvent('ravine-step', { detail: null })); };
}
"""


def offered(steps: Iterable[int]) -> list[int]:
    """The slider's checkpoints, of steps that may come several times and in any order; the first and the last stay."""
    known = sorted({int(step) for step in steps})
    last = len(known) - 1
    return known if last < MOST else [known[i * last // (MOST - 1)] for i in range(MOST)]


def show(steps: Iterable[int]) -> None:
    """The slider over the checkpoints at these steps; nothing where there is one alone."""
    if len(known := offered(steps)) > 1:
        components.component("ravine_scrubber", js=SCRIPT, isolate_styles=False)(key="scrubber", data={"steps": known})
