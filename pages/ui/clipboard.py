"""The clipboard: a figure's picture, made at the click, and the page's address, copied by the browser; where it does
not let a page copy, a line says so."""

from __future__ import annotations

import base64
from collections.abc import Callable

import streamlit as st
import streamlit.components.v2 as components

SCRIPT = """
const REFUSED = 'This browser lets no page copy here: ';
const waiting = new WeakMap();
function built(parent) {
  const box = Object.assign(document.createElement('div'), { className: 'copies' });
  for (const label of ['Copy picture', 'Copy link'])
    box.append(Object.assign(document.createElement('button'), { type: 'button', textContent: label }));
  box.append(document.createElement('output'));
  parent.append(box);
  return box;
}
const decoded = text => new Blob([Uint8Array.from(atob(text), c => c.charCodeAt(0))], { type: 'image/png' });
export default function ({ parentElement, data, setTriggerValue }) {
  const box = parentElement.querySelector('.copies') ?? built(parentElement), [picture, link, told] = box.children;
  if (data.picture) waiting.get(box)?.(data.picture);
  const copied = (what, copy, other) => {
    told.textContent = '';
    Promise.resolve().then(copy).then(
      () => { told.textContent = `${what} copied`; }, () => { told.textContent = REFUSED + other(); });
  };
  // the browser allows it for a moment after the click alone: it is handed a promise of the picture
  picture.onclick = () => copied('Picture', () => {
    const made = new Promise(done => waiting.set(box, done)).then(decoded);
    const copying = navigator.clipboard.write([new ClipboardItem({ 'image/png': made })]);
    setTriggerValue('wanted', true);
    return copying;
  }, () => 'download the PNG instead.');
  link.onclick = () =>
    copied('Link', () => navigator.clipboard.writeText(location.href), () => `the address is ${location.href}`);
}
"""


def copies(prefix: str, picture: Callable[[], bytes]) -> None:
    """Buttons that copy what `picture` makes, a PNG, and the page's address."""
    wanted = f"{prefix}:wanted"
    made = base64.b64encode(picture()).decode() if st.session_state.pop(wanted, False) else ""
    component = components.component("ravine_clipboard", js=SCRIPT, isolate_styles=False)
    component(
        key=f"{prefix}:copies",
        data={"picture": made},
        on_wanted_change=lambda: st.session_state.update({wanted: True}),
    )
