"""Send the files of pages to browsers without copies in memory."""

import mmap
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ADDRESS = re.compile(r"/media/[^/]+$")
"""Streamlit's address of pictures and downloads."""
PIECE = 256 * 1024
"""Bytes that are passed to the server at once."""


class Downloads:
    """Middleware that sends media uncompressed, and piece by piece as the browser takes them.

    Otherwise the server would hold copies of the whole file, and first compress it at the highest
    level, which hardly makes a model smaller.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its response in pieces if it is for media."""
        if scope["type"] != "http" or not ADDRESS.search(scope["path"]):
            await self._app(scope, receive, send)
            return

        async def send_pieces(message: Message) -> None:
            remaining = memoryview(message.get("body", b""))
            while len(remaining) > PIECE:
                # Waits until the browser has taken most of the pieces before.
                await send({**message, "body": remaining[:PIECE], "more_body": True})
                remaining = remaining[PIECE:]
                # Free the pages of the file that were sent; Windows cannot.
                if isinstance(remaining.obj, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                    remaining.obj.madvise(mmap.MADV_DONTNEED)
            await send({**message, "body": remaining} if "body" in message else message)

        headers = [header for header in scope["headers"] if header[0] != b"accept-encoding"]
        await self._app({**scope, "headers": headers}, receive, send_pieces)
