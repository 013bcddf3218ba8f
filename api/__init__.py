"""Tusker over HTTP: the routes below `/api`, for whatever serves the pages."""

from api.routes import routes

__all__ = ["routes"]
