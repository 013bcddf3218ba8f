"""Fixtures: the real server in its own process, with a run and an imported model."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import runs
from core.bundles import ImportedModel
from core.intake import samples
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
