"""Tusker's pages with the HTTP endpoint beside them; `make serve` runs this in place of app.py."""

import streamlit as st
from starlette.middleware import Middleware

import api
from core import settings
from core.system import memory
from ui import errors

memory.limit_arenas()
host = settings.load()
app = st.App(
    "app.py",
    routes=api.routes(host),
    middleware=[Middleware(api.VisitorCookie)] if host.mode == "public" else [],
    on_script_error=errors.apologise,
)
