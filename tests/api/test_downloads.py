"""Files to download are sent from the disk, whatever their size."""

import mmap
from pathlib import Path

import anyio
import numpy as np
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Message
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.web.server.starlette.starlette_routes import create_media_routes

from api import Downloads
from ui import internals

CONTENT = np.random.default_rng(0).bytes(3_000_001)


def test_a_download_comes_from_the_disk_in_pieces_and_uncompressed(tmp_path: Path) -> None:
    storage = MemoryMediaFileStorage("/media")
    media = MediaFileManager(storage)
    button = media.add_deferred(
        lambda: internals.FromDisk(lambda file: file.write(CONTENT), tmp_path),
        "application/octet-stream",
        "its place",
        "model.tflite",
    )
    path = media.execute_deferred(button)
    app = Starlette(
        routes=create_media_routes(storage, None),
        middleware=[Middleware(Downloads), Middleware(GZipMiddleware)],
    )
    for ranged, expected in (({}, CONTENT), ({b"range": b"bytes=9-2000008"}, CONTENT[9:2000009])):
        headers = {b"accept-encoding": b"gzip"} | ranged
        scope = {"type": "http", "method": "GET", "path": path, "headers": [*headers.items()]}
        sent: list[Message] = []

        async def send(message: Message, sent: list[Message] = sent) -> None:
            sent.append(message)

        anyio.run(app, scope, anyio.sleep_forever, send)
        start, *pieces = sent
        names = dict(start["headers"])
        assert b"content-encoding" not in names
        assert int(names[b"content-length"]) == len(expected)
        assert b"model.tflite" in names[b"content-disposition"]
        assert b"".join(piece["body"] for piece in pieces) == expected
        assert all(isinstance(piece["body"].obj, mmap.mmap) for piece in pieces)
        assert max(len(piece["body"]) for piece in pieces) <= 256 * 1024
    assert not list(tmp_path.iterdir()), "its disk is freed once nobody can download it"
