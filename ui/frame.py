"""See to it that every page is entered through `app.py`."""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager


def enter() -> None:
    """Start again through `app.py` where Streamlit opened a page by itself. First call of a page.

    Until `st.navigation` has run once in the process, Streamlit takes a folder called `pages` for
    its older kind of multipage app: whoever opens a fresh server by a link to a page gets that
    page's script without the navigation. There is no public switch for this.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()
