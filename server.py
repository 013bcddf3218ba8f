"""The pages and the HTTP API in one server; `make run` runs this, not app.py."""

import streamlit as st
from starlette.middleware import Middleware

import api
from core import settings
from core.system import memory
from ui import frame

memory.limit_arenas()
host = settings.load()
app = st.App(
    "app.py",
    routes=api.routes(host),
    middleware=[Middleware(api.VisitorCookie if host.mode == "public" else api.LocalHosts)],
    on_script_error=frame.apologise,
)
