"""Tusker over HTTP: the routes below `/api`, for whatever serves the pages."""

from api.routes import routes
from api.visits import Visits

__all__ = ["Visits", "routes"]
