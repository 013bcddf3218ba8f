"""The start of every page through `app.py`, old links, and the message for a bug."""

import secrets

import streamlit as st

from core.system import log
from ui import internals, state

SORRY = (
    "Sorry, something went wrong. Try again. If it happens again, tell the host of this server: "
    "the log has it as {}."
)


def enter() -> None:
    """Start again through `app.py` where Streamlit opened a page by itself. First call of a page.

    The first visitor of a fresh server who follows a link to a page gets that page's script
    without the navigation.
    """
    if internals.opened_without_navigation():
        st.rerun()
    state.translate_old_link()


def apologise(error: Exception) -> bool:
    """Log a bug in full, apologise with its id, and return that nothing more is to be shown."""
    name = secrets.token_hex(4)
    log.LOGGER.error("bug %s", name, exc_info=error)
    st.error(SORRY.format(name), icon=":material/bug_report:")
    return True
