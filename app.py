"""Ravine: the server, when it is started; the menu and one of its pages, whenever somebody looks at one."""

import ctypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module

import streamlit as st
from starlette.middleware import Middleware
from streamlit import runtime

from engine.work import settings
from pages.ui import ahead, cached, crosshair, themed
from pages.ui.front import Front

HEAPS = -8, 2
"""glibc's M_ARENA_MAX, and how many heaps threads may have. Every script runs in a thread of its own: of sixteen heaps
each keeps what it has free to itself."""


@asynccontextmanager
async def serve(_: st.App) -> AsyncIterator[None]:
    """The server's life: the signal that ends it does not wait for what Python does at its exit."""
    with suppress(OSError, AttributeError):  # another libc than glibc
        ctypes.CDLL(None).mallopt(*HEAPS)
    import_module("pandas")  # before there are threads: Plotly takes what another one has imported half
    yield
    cached.close()


def look() -> None:
    """The menu, and the page that was asked for."""
    st.set_page_config(page_title="Ravine", page_icon="assets/icon.svg", layout="wide", initial_sidebar_state="locked")
    st.logo("assets/logo.svg", icon_image="assets/icon.svg", size="large")
    if fault := settings.fault():
        st.error(fault)
        st.stop()
    page = st.navigation(
        [
            st.Page("pages/train.py", title="Train", default=True),
            st.Page("pages/papers.py", title="Papers"),
            st.Page("pages/landscape.py", title="Landscape"),
            st.Page("pages/spectrum.py", title="Spectrum"),
            st.Page("pages/alignment.py", title="Alignment"),
            st.Page("pages/robustness.py", title="Robustness"),
            st.Page("pages/encyclopedia.py", title="Encyclopedia"),
            st.Page("pages/runs.py", title="Runs"),
            st.Page("pages/figure.py", title="Figure"),
            st.Page("pages/tour.py", title="Tour"),
        ],
        position="top",
    )
    crosshair.listen()
    ahead.ready()
    themed.listen()
    with cached.turnstile():
        page.run()
    cached.freeze()


if runtime.exists():
    look()
else:
    app = st.App(__file__, lifespan=serve, middleware=[Middleware(Front)])
