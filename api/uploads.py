"""Uploads of the pages: streamed to the disk instead of into memory, counted and limited."""

import re
import secrets
import shutil
from collections.abc import AsyncGenerator

import anyio.to_thread
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.body import at_minimum_rate
from api.parsing import SPOOL_BYTES
from core.errors import LimitExceeded, NotEnoughResources, TuskerError
from core.intake.arrivals import Arrivals, NotOffered

ADDRESS = re.compile(r"/_stcore/upload_file/([^/]+)/([^/]+)\Z")
"""Streamlit's upload address, with session and file; Streamlit accepts any characters in both."""
COUNT_BYTES = 1024 * 1024
"""Bytes after which the size of an arriving file is counted again."""
DISCARDED_BYTES = 1 << 30
"""Largest number of bytes of a refused file that are received and discarded."""
STATUS_CODES = {NotOffered: 403, LimitExceeded: 413, NotEnoughResources: 507}


class SpooledUploads:
    """Middleware that keeps a file on the disk and passes Streamlit an empty one in its place.

    Streamlit would hold it in memory until the session ends, whether or not a page asked for it.
    """

    def __init__(self, app: ASGIApp, arrivals: Arrivals) -> None:
        self._app, self._arrivals = app, arrivals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, without the content if it is an upload."""
        address = ADDRESS.search(scope["path"]) if scope["type"] == "http" else None
        if address is None or scope["method"] != "PUT":
            await self._app(scope, receive, send)
            return
        session, file = address.groups()
        request = Request(scope, receive)
        chunks = at_minimum_rate(request)
        try:
            try:
                await self._receive(session, file, request, chunks, send)
                return
            except TuskerError as error:
                status, sentence = STATUS_CODES.get(type(error), 422), str(error)
            except MultiPartException:
                status, sentence = 400, "Expected valid multipart/form-data."
            except OSError as error:
                status, sentence = 507, f"The file could not be stored ({error.strerror})."
            # A browser reads the answer only after it has sent everything.
            size = 0
            async for chunk in chunks:
                size += len(chunk)
                if size > DISCARDED_BYTES:
                    break
        except ClientDisconnect:
            return
        except HTTPException as error:
            status, sentence = error.status_code, error.detail
        await PlainTextResponse(sentence, status, {"Connection": "close"})(scope, receive, send)

    async def _receive(
        self, session: str, file: str, request: Request, chunks: AsyncGenerator[bytes], send: Send
    ) -> None:
        with self._arrivals.receive(session, file) as path:
            self._arrivals.count(session, file, int(request.headers.get("content-length", 0)))
            parser = MultiPartParser(
                request.headers, self._body(session, file, chunks), max_files=1, max_fields=1
            )
            parser.spool_max_size = SPOOL_BYTES
            form = await parser.parse()
            (upload, *_) = (*form.values(), None)
            if not isinstance(upload, UploadFile):
                raise MultiPartException("no file")
            with path.open("wb") as target, upload.file:
                await anyio.to_thread.run_sync(shutil.copyfileobj, upload.file, target, 2**20)
            self._arrivals.count(session, file, path.stat().st_size)
            # Streamlit checks that the request is not forged, and answers.
            await self._app(*_without_content(request, upload), _checked(send))

    async def _body(
        self, session: str, file: str, chunks: AsyncGenerator[bytes]
    ) -> AsyncGenerator[bytes]:
        size = counted = 0
        async for chunk in chunks:
            size += len(chunk)
            if size - counted > COUNT_BYTES:
                counted = size
                self._arrivals.count(session, file, size)
            yield chunk


def _without_content(request: Request, upload: UploadFile) -> tuple[Scope, Receive]:
    """A request like another with an empty file of the same name and type."""
    edge = secrets.token_hex(16).encode()
    head = b"".join(b"%s: %s\r\n" % header for header in upload.headers.raw)
    body = b"--%s\r\n%s\r\n\r\n--%s--\r\n" % (edge, head, edge)
    replaced = {
        b"content-length": str(len(body)).encode(),
        b"content-type": b"multipart/form-data; boundary=" + edge,
    }
    headers = [
        header
        for header in request.scope["headers"]
        if header[0] not in (*replaced, b"transfer-encoding")
    ]

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return {**request.scope, "headers": [*headers, *replaced.items()]}, receive


def _checked(send: Send) -> Send:
    async def checked(message: Message) -> None:
        if message.get("status", 200) >= 400:
            raise HTTPException(message["status"], "The page did not accept this file.")
        await send(message)

    return checked
