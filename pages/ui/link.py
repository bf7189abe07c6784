"""Links: the address of a page as a session reads and writes it, and what the browser's history keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import streamlit as st
import streamlit.components.v2 as components
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.state import get_session_state

WRITTEN, BEGUN, KNOWN = "link.written", "link.begun", "link.known"
"""Where a session keeps the parameters it last wrote, whether it has written any, and those of the last while."""
MOST = 100
"""Addresses that are remembered."""
SCRIPT = """
// Streamlit makes an entry of every address: a page would take two, and each setting one more. Here a page is one
// entry, and so is an experiment; an entry that a turn of the page has just made is filled in.
function tidy() {
  if (window.ravineSettled) return;
  const push = history.pushState.bind(history), experiment = url => url.searchParams.get('experiment');
  let fresh = false;
  window.ravineSettled = () => { fresh = false; };
  window.addEventListener('popstate', window.ravineSettled);
  history.pushState = (state, title, target) => {
    const now = new URL(location.href), then = new URL(target ?? now, now);
    const turned = now.pathname !== then.pathname, elsewhere = turned || experiment(now) !== experiment(then);
    if (elsewhere) document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
    if (turned || (elsewhere && !fresh)) push(state, title, target);
    else history.replaceState(state, title, target);
    fresh = turned;
  };
}
export default function ({ data }) {
  tidy();
  if (data.settled) window.ravineSettled();
  const kept = [...new URLSearchParams(location.search)].filter(([name]) => /^embed/i.test(name));
  const query = new URLSearchParams([...kept, ...new URLSearchParams(data.first)]).toString();
  if (data.first) history.replaceState(history.state, '', `${location.pathname}?${query}${location.hash}`);
}
"""


def arrived() -> dict[str, str] | None:
    """The address's parameters where they came from outside (a link, a reload, the browser's back button), else
    None."""
    if not outside():
        return None
    now = st.query_params.to_dict()
    _remember(now)
    return now


def outside() -> bool:
    """Whether the address has parameters and came from outside. A browser that is quicker than the page sends one that
    was written a moment ago: that is an echo, unless somebody went back to it."""
    now = st.query_params.to_dict()
    echo = now in st.session_state.get(KNOWN, []) and not by_history()
    return bool(now) and now != st.session_state.get(WRITTEN) and not echo


def by_history() -> bool:
    """Whether the browser's back or forward button has led here."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def write(parameters: Mapping[str, str]) -> None:
    """Makes the address say this state."""
    wanted, first = dict(parameters), not st.session_state.get(BEGUN)
    _remember(wanted)
    st.session_state[BEGUN] = True
    changed = st.query_params.to_dict() != wanted
    component = components.component("ravine_link", js=SCRIPT, isolate_styles=False)
    component(key="link", data={"first": urlencode(wanted) if first and changed else "", "settled": not wanted})
    if changed and first:
        _say(wanted)
    elif changed:
        st.query_params.from_dict(wanted)


def settings(at: str, found: Mapping[str, str] | None) -> dict[str, str]:
    """What the address says of the settings below `at`: those that were found, or, while one of them is wrong, what
    they were before."""
    if found is not None:
        st.session_state[f"{at}:link"] = dict(found)
    return st.session_state.get(f"{at}:link", {})


def _say(parameters: Mapping[str, str]) -> None:
    """As `st.query_params.from_dict`, but leaves it to the script to write the address: what is sent before the script
    is there would be one more entry."""
    with get_session_state().query_params() as address:
        address.clear_with_no_forward_msg(preserve_embed=True)
        for name, text in parameters.items():
            address.set_with_no_forward_msg(name, text)
    if context := get_script_run_ctx():
        context.query_string = urlencode(parameters)  # what a rerun brings along


def _remember(parameters: dict[str, str]) -> None:
    st.session_state[WRITTEN] = parameters
    st.session_state[KNOWN] = [parameters, *st.session_state.get(KNOWN, [])][:MOST]
