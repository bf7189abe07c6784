"""A page of plain Streamlit with one chart, and another: what `benchmarks.page` measures Ravine's beside."""

import numpy as np
import streamlit as st


def one() -> None:
    """A chart."""
    st.title("One")
    st.line_chart(np.cumsum(np.ones(400)))


def other() -> None:
    """Another chart."""
    st.title("Other")
    st.line_chart(np.cumsum(-np.ones(400)))


st.navigation(
    [st.Page(one, title="One", url_path="one", default=True), st.Page(other, title="Other", url_path="other")],
    position="top",
).run()
