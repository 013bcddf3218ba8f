"""What every page needs: entry through `app.py`, old links, and the message for a bug."""

import secrets

import streamlit as st
from streamlit.runtime import Runtime, exists
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.system import log
from ui import state

SORRY = (
    "Sorry, something went wrong that should not. Try again. If it happens again, tell the host "
    "of this server: the log has it as {}."
)


def enter() -> None:
    """Start again through `app.py` where Streamlit opened a page by itself. First call of a page.

    Until `st.navigation` has run once in the process, Streamlit takes a folder called `pages` for
    its older kind of multipage app, so the first visitor of a fresh server who follows a link to a
    page gets that page's script without the navigation. There is no public switch for this.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()
    state.translate_old_link()


def apologise(error: Exception) -> bool:
    """Log a bug in full, apologise with its id, and return that nothing more is to be shown."""
    name = secrets.token_hex(4)
    log.LOGGER.error("bug %s", name, exc_info=error)
    st.error(SORRY.format(name), icon=":material/bug_report:")
    return True


def apologise_for_bugs() -> None:
    """From now on apologise to this visitor for exceptions in pages and callbacks.

    `st.App` accepts such a handler. A plain script has no public way to set one.
    """
    context = get_script_run_ctx()
    if context is None or context.on_script_error is not None:
        return
    context.on_script_error = apologise
    manager = getattr(Runtime.instance(), "_session_mgr", None) if exists() else None
    info = manager.get_active_session_info(context.session_id) if manager else None
    if info is not None:
        # Callbacks of the next press run before this script does.
        info.session._on_script_error = apologise
