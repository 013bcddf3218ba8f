"""Refuse requests to a personal server under a name that somebody else may control."""

import ipaddress
import socket

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import error_response

REFUSAL = (
    "This is somebody's personal Tusker, which answers to localhost, to addresses in numbers and "
    "to the name of its machine only. To open it to others, run it in public mode."
)


class LocalHosts:
    """Middleware against DNS rebinding: a foreign page whose name leads to this machine.

    A page can be served under a name of the attacker's choice, but never under an address in
    numbers or under `localhost`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan" or is_local(Headers(scope=scope).get("host", "")):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            api = scope["path"].startswith("/api/")
            refusal = error_response(421, REFUSAL) if api else PlainTextResponse(REFUSAL, 421)
            await refusal(scope, receive, send)


def is_local(host: str) -> bool:
    """Whether the header `Host` names this machine: `localhost:8501`, `192.168.1.7`, `[::1]`."""
    name = host.strip().lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        machine = socket.gethostname().lower()
        return name in ("localhost", machine, f"{machine}.local") or name.endswith(".localhost")
    return True
