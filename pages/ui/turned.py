"""A landscape as it is turned on the screen, as a file: the browser says from where it is seen, the server prints it,
and the browser keeps what comes."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any

import streamlit as st
import streamlit.components.v2 as components

from engine.figures.render.paper import ENDINGS
from engine.figures.render.turned import View

SCRIPT = """
const scene = () => [...document.querySelectorAll('.ravine-plot')]
  .map(plot => plot._fullLayout?.scene?._scene).find(one => one?.glplot);
function built(parent, forms) {
  const box = Object.assign(document.createElement('div'), { className: 'copies' });
  for (const form of forms)
    box.append(Object.assign(document.createElement('button'), { type: 'button', textContent: form.toUpperCase() }));
  box.append(document.createElement('output'));
  parent.append(box);
  return box;
}
const saved = new WeakMap();
export default function ({ parentElement, data, setTriggerValue }) {
  const box = parentElement.querySelector('.copies') ?? built(parentElement, Object.keys(data.forms));
  const told = box.lastChild;
  Object.keys(data.forms).forEach((form, nth) => {
    box.children[nth].setAttribute('aria-label', `${form.toUpperCase()} as turned`);
    box.children[nth].onclick = () => {
      const camera = scene()?.getCamera();
      told.textContent = camera ? '' : 'No landscape is drawn on this page now.';
      const view = camera && ['x', 'y', 'z'].map(axis => camera.eye[axis] - camera.center[axis]);
      if (camera) setTriggerValue('wanted', { form, view, count: performance.now() });
    };
  });
  if (!data.file || saved.get(box) === data.count) return;
  saved.set(box, data.count);
  const bytes = Uint8Array.from(atob(data.file), c => c.charCodeAt(0));
  const href = URL.createObjectURL(new Blob([bytes], { type: data.forms[data.form] }));
  Object.assign(document.createElement('a'), { href, download: data.name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60000);
}
"""


def files(prefix: str, forms: dict[str, str], name: str, make: Callable[[str, View], bytes]) -> None:
    """Buttons for the landscape in each of the forms, whose kinds of content are given; `make` makes its file as it is
    seen from a side."""
    st.caption("The landscape as it is turned on the page, its axes, words and paths as vectors over an image:")
    key = f"{prefix}:turned"
    asked: Any = st.session_state.pop(f"{key}:wanted", None)
    wanted = read(asked, forms)
    data: dict[str, Any] = {"forms": forms}
    if wanted:
        form, view = wanted
        data |= {
            "name": f"{name}.{ENDINGS.get(form, form)}",
            "form": form,
            "file": base64.b64encode(make(form, view)).decode(),
            "count": asked["count"],
        }
    component = components.component("ravine_turned", js=SCRIPT, isolate_styles=False)
    component(key=key, data=data, on_wanted_change=lambda: _note(key))


def _note(key: str) -> None:
    st.session_state[f"{key}:wanted"] = st.session_state[key].get("wanted")


def read(asked: Any, forms: dict[str, str]) -> tuple[str, View] | None:
    """What a browser asks for, if that can be: it is a stranger's."""
    if not isinstance(asked, dict) or asked.get("form") not in forms or not isinstance(asked.get("view"), list):
        return None
    view = [float(part) for part in asked["view"] if isinstance(part, int | float) and math.isfinite(part)]
    return (asked["form"], View(*view)) if len(view) == 3 and any(view) else None
