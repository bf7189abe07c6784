"""What the pages are made of: controls, links, caches, live views and downloads."""

from streamlit.runtime.pages_manager import PagesManager

# Streamlit would take the folder pages/ beside app.py for its older kind of app, and run a page that is linked to
# alone, without menu and style, until app.py has once called st.navigation. The server imports this before its first
# session.
PagesManager.uses_pages_directory = False
