"""The theme: figures are drawn in its colours here, so that who changes it needs them anew."""

from __future__ import annotations

import streamlit.components.v2 as components

from pages.ui import shell

KEY = "themed"
"""Its key; the page's style hides what it would take of the page."""
SCRIPT = """
const dark = () => getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme.includes('dark');
export default function ({ data, setTriggerValue }) {
  const now = dark();
  if (now === data.dark || now === window.ravineDark) { window.ravineDark = now; return; }
  window.ravineDark = now;  // asked for once
  setTimeout(() => setTriggerValue('changed', true));
}
"""
"""Called by Streamlit when the theme changes, too; a page that draws nothing by itself would keep its figures."""


def listen() -> None:
    """Once for all pages: asks for the page anew where its theme is not the one that it was drawn in."""
    component = components.component("ravine_themed", js=SCRIPT, isolate_styles=False)
    component(key=KEY, data={"dark": shell.dark()}, on_changed_change=lambda: None)
