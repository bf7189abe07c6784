"""A way past the settings for who goes by keyboard: the first stop of the page leads to its picture."""

from __future__ import annotations

import streamlit.components.v2 as components

SCRIPT = """
export default function () {
  const main = document.querySelector('[data-testid=stMain]');
  main.id = 'main';
  if (document.querySelector('.skip')) return;
  const words = { className: 'skip', href: '#main', textContent: 'To the picture' };
  const link = Object.assign(document.createElement('a'), words);
  link.addEventListener('click', event => {
    event.preventDefault();  // an address of its own would be one more step back
    const there = document.querySelector('[data-testid=stMain]');
    there.tabIndex = 0;
    there.focus();
  });
  document.body.prepend(link);
}
"""


def link() -> None:
    """The link, seen once it has the focus."""
    components.component("ravine_skip", js=SCRIPT, isolate_styles=False)(key="skip")
