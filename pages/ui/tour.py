"""The tour's invitation: a line on the first visit of a browser, and never again."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st
import streamlit.components.v2 as components

COOKIE, SEEN = "ravine_tour", "tour:seen"
"""What a browser that has been asked keeps for a year, and where the session keeps that it was asked."""
SCRIPT = f"""
export default function () {{
  document.cookie = '{COOKIE}=seen; path=/; max-age=31536000; samesite=lax';
}}
"""


def invite() -> None:
    """The line, where this browser has never been asked."""
    if st.session_state.get(SEEN):
        remember()
    elif COOKIE not in cookies():
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="tour-invite"):
            st.markdown("**New here?** What SAM does, in five pictures.", width="content")
            if st.button("Take the tour", key="tour:take", type="primary"):
                st.switch_page("pages/tour.py")
            st.button("No, thanks", key="tour:skip", on_click=skip)


def cookies() -> Mapping[str, str]:
    """What the browser has kept for this server, as it said when it came."""
    return st.context.cookies


def skip() -> None:
    """Asks no more."""
    st.session_state[SEEN] = True


def remember() -> None:
    """Lets the browser know that it was asked."""
    components.component("ravine_tour", js=SCRIPT)(key="tour-seen", height=1)
