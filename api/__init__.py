"""The HTTP API below `/api`, and middleware of the pages: visitor cookie, names of this machine."""

from api.cookie import VisitorCookie
from api.local_hosts import LocalHosts
from api.routes import routes

__all__ = ["LocalHosts", "VisitorCookie", "routes"]
