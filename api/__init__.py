"""The HTTP API below `/api`, and the visitor cookie; both plug into a Starlette application."""

from api.cookie import VisitorCookie
from api.routes import routes

__all__ = ["VisitorCookie", "routes"]
