"""Links: the address of a page as a session reads and writes it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

WRITTEN = "link.written"
"""Where a session keeps the parameters it last wrote: what differs from them came from outside."""


def arrived() -> dict[str, str] | None:
    """The address's parameters where they came from outside (a link, a reload, the browser's back button), else
    None."""
    now = st.query_params.to_dict()
    if not now or now == st.session_state.get(WRITTEN):
        return None
    st.session_state[WRITTEN] = now
    return now


def write(parameters: Mapping[str, str]) -> None:
    """Makes the address say this state."""
    st.session_state[WRITTEN] = dict(parameters)
    if st.query_params.to_dict() != st.session_state[WRITTEN]:
        st.query_params.from_dict(st.session_state[WRITTEN])
