"""The endpoint beside the pages, in a process of its own."""

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
UNHURRIED = {"TUSKER_API_REQUESTS_PER_MINUTE": "1000000"}
RUN = "0123456789abcdef" * 2
"""Id of a finished run that is in the home of the server."""
BROUGHT = "fedcba9876543210" * 2
"""Id of a model that was brought there."""


def furnished(home: Path) -> Path:
    """A home with the sample under another id, as a run and as a model that was brought."""
    shutil.copytree(runs.SAMPLE, home / "runs" / RUN)
    model = ImportedModel(home / "brought" / BROUGHT)
    shutil.copytree(runs.SAMPLE / "model", model.path)
    model.seal("A friend's digits", 0.0)
    return home


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """In personal mode, with one run, for clients in a hurry."""
    home = furnished(tmp_path_factory.mktemp("api") / "home")
    with start(home, app=LAUNCHER, **UNHURRIED) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """Asks it; afterwards it must still be there, and have logged no bug."""
    yield Client(server.url)
    assert Client(server.url).ask("/api/health").json == {"status": "ok"}
    assert "Traceback" not in server.log.read_text(errors="replace"), server.said()


@pytest.fixture(scope="session")
def flower() -> bytes:
    """A photograph."""
    return samples.photographs()["A flower"]


@pytest.fixture(scope="session")
def shape() -> bytes:
    """A small picture."""
    return shapes.encoded(shapes.draw(0))
