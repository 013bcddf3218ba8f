"""A queue of this test's own, and a network on which nothing ever comes."""

import ctypes
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.settings import Settings
from tests import shapes
from tests.core.jobs import at_work

PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def queue(settings: Settings) -> Iterator[Settings]:
    """Settings with a home of this test; its processes end with the test."""
    with at_work.tidied(settings):
        yield settings


@pytest.fixture
def stalled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A network that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        for name in ("https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, address)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        yield


@pytest.fixture
def unreaped() -> Iterator[None]:
    """As in a container without an init: what a dead dispatcher leaves is a zombie for good."""
    if not sys.platform.startswith("linux"):
        yield
        return
    control = ctypes.CDLL(None).prctl
    control(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield
    control(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    for child in psutil.Process().children():
        if child.status() == psutil.STATUS_ZOMBIE:
            child.wait()


@pytest.fixture
def a_zip(tmp_path: Path) -> Path:
    """Eight pictures of two classes."""
    return shapes.shapes_zip(tmp_path, classes=2, per_class=4, size=32)
