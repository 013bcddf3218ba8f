"""Hide the metrics of the process that Streamlit publishes."""

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

METRICS = "/_stcore/metrics"


class Hidden:
    """Middleware that hides the number of sessions and their memory, which nothing here reads."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or deny that there is anything."""
        hidden = scope["type"] == "http" and scope["path"].rstrip("/").endswith(METRICS)
        app = PlainTextResponse("Not found.", 404) if hidden else self._app
        await app(scope, receive, send)
