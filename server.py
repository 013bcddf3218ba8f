"""The pages and the HTTP API in one server; `make run` runs this, not app.py."""

import contextlib
import importlib
import pkgutil
import threading

import streamlit as st
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import api
import ui
from api import connections
from core.intake.arrivals import Arrivals
from core.system import log
from ui import frame, internals, resources

METRICS = Route("/{base:path}_stcore/metrics", PlainTextResponse("Not found.", 404))
"""In place of Streamlit's, which counts sessions and their memory for everybody."""


def import_pages() -> None:
    """Import what the pages need, while the first browser loads Streamlit."""
    modules = [module.name for module in pkgutil.walk_packages(ui.__path__, "ui.")]
    for name in (*modules, "pandas", "pyarrow"):  # these two, with Streamlit's first table
        importlib.import_module(name)


resources.start()
connections.limit()
log.limit_libraries()
host = resources.settings()
arrivals = Arrivals(host)
with contextlib.suppress(OSError):  # a home that cannot be written to; the pages say so
    resources.continue_queues()
internals.keep_uploads_in(arrivals)
internals.hide_path()
threading.Thread(target=import_pages, name="import pages", daemon=True).start()
app = st.App(
    "app.py",
    routes=[METRICS, *api.routes(host)],
    middleware=[
        Middleware(api.Downloads),
        Middleware(api.SocketLimits),
        Middleware(api.VisitorCookie if host.mode == "public" else api.LocalHosts),
        Middleware(api.SpooledUploads, arrivals=arrivals),
    ],
    on_script_error=frame.apologise,
)
