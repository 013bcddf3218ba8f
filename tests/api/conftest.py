"""Fixtures: the real server in its own process, with a run and an imported model."""

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

import api
from core import runs
from core.bundles import ImportedModel
from core.intake import samples
from core.settings import Settings
from tests import shapes
from tests.api.client import Client
from tests.browser.server import ROOT, Server, start

LAUNCHER = ROOT / "server.py"
UNLIMITED = {"TUSKER_API_REQUESTS_PER_MINUTE": "1000000"}
RUN = "0123456789abcdef" * 2
IMPORTED = "fedcba9876543210" * 2


def fill(home: Path) -> Path:
    """Put the sample into a home, as the run `RUN` and as the imported model `IMPORTED`."""
    shutil.copytree(runs.SAMPLE, home / "runs" / RUN)
    model = ImportedModel(home / "brought" / IMPORTED)
    shutil.copytree(runs.SAMPLE / "model", model.path)
    model.write_manifest("A friend's digits", 0.0)
    return home


@contextmanager
def serve(settings: Settings, *routes: BaseRoute, **options: Any) -> Iterator[Client]:
    """A client of a server in this process with the API and other routes, but without the pages."""
    app = Starlette(
        routes=[*api.routes(settings), *routes], middleware=[Middleware(api.SocketLimits)]
    )
    listening = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(
        uvicorn.Config(app, log_level="error", timeout_keep_alive=1, **options)
    )
    thread = threading.Thread(target=running.run, args=([listening],))
    thread.start()
    try:
        yield Client(f"http://127.0.0.1:{listening.getsockname()[1]}")
    finally:
        running.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server in personal mode without a rate limit."""
    home = fill(tmp_path_factory.mktemp("api") / "home")
    with start(home, app=LAUNCHER, **UNLIMITED) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A client of the server, which must still be up after the test and have logged no bug."""
    yield Client(server.url)
    assert Client(server.url).request("/api/health").json == {"status": "ok"}
    assert "Traceback" not in server.log.read_text(errors="replace"), server.log_tail()


@pytest.fixture(scope="session")
def flower() -> bytes:
    """A photograph."""
    return samples.photographs()["Cat"].content


@pytest.fixture(scope="session")
def shape() -> bytes:
    """A small picture."""
    return shapes.encoded(shapes.draw(0))
