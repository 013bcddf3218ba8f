"""The message for a bug, in a page as in a callback."""

from __future__ import annotations

import secrets

import streamlit as st
from streamlit.runtime import Runtime, exists
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.system import log

SORRY = (
    "Sorry, something went wrong that should not. Try again. If it happens again, tell the host "
    "of this server: the log has it as {}."
)


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
