"""What the pages are made of: controls, links, caches, live views and downloads."""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

# Until app.py has once called st.navigation, Streamlit takes the folder pages/ for its older kind of app: a link
# straight to a page of
# a fresh server would run that page alone, without menu and style. This module is imported by every page, and once in a
# server's life.
if PagesManager.uses_pages_directory:
    PagesManager.uses_pages_directory = False
    st.rerun()
