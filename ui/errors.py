"""What a visitor sees of a bug: an apology with the name that it has in the host's log."""

from __future__ import annotations

import secrets

import streamlit as st
from streamlit.runtime import Runtime, exists
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.system import log

SORRY = (
    "Sorry, something went wrong that should not. Try again; if it happens again, tell whoever "
    "runs this host that it is in the log as {}."
)


def apologise(error: Exception) -> bool:
    """Log a bug whole, and say under which name. Returns that nothing more is to be shown."""
    name = secrets.token_hex(4)
    log.LOGGER.error("bug %s", name, exc_info=error)
    st.error(SORRY.format(name), icon=":material/bug_report:")
    return True


def watch() -> None:
    """From now on apologise to this visitor for whatever a page or a callback raises.

    `st.App` takes such a handler; a plain script has no public way to name one.
    """
    context = get_script_run_ctx()
    if context is None or context.on_script_error is not None:
        return
    context.on_script_error = apologise
    manager = getattr(Runtime.instance(), "_session_mgr", None) if exists() else None
    found = manager.get_active_session_info(context.session_id) if manager else None
    if found is not None:
        # Callbacks of the next press run before this script does.
        found.session._on_script_error = apologise
