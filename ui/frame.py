"""The start of every page through `app.py`, old links, and what a page says that cannot go on."""

import errno
import secrets

import streamlit as st
from filelock import Timeout

from core.errors import TuskerError
from core.system import log
from ui import internals, state, widgets

SORRY = (
    "Sorry, something went wrong. Try again. If it happens again, tell the host of this server: "
    "the log has it as {}."
)
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


def enter() -> None:
    """Start again through `app.py` where Streamlit opened a page by itself. First call of a page.

    The first visitor of a fresh server who follows a link to a page gets that page's script
    without the navigation.
    """
    if internals.opened_without_navigation():
        st.rerun()
    state.translate_old_link()


def name_tab(name: str) -> None:
    """Name the browser's tab, and with it bookmarks and the history, after what is shown."""
    st.set_page_config(page_title=f"{name} · Tusker")


def apologise(error: Exception) -> bool:
    """Show why the page ends here: a refusal, a lock, a full disk, or a bug with its id.

    Returns:
        That nothing more is to be shown.
    """
    if isinstance(error, OSError) and error.errno in FULL:
        log.LOGGER.error("nothing stored", exc_info=error)
    elif not isinstance(error, TuskerError | Timeout):
        name = secrets.token_hex(4)
        log.LOGGER.error("bug %s", name, exc_info=error)
        st.error(SORRY.format(name), icon=":material/bug_report:")
        return True
    widgets.error(widgets.sentence(error))
    return True
