"""Fixtures for all tests: settings, a prepared backbone, pictures, and folders of the host."""

import gc
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from core import settings as host
from core.settings import Settings
from core.system import threads
from tests import shapes

PREFIX = "TUSKER_TEST_"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test by its fixtures and its folder."""
    if "corpora" in getattr(item, "fixturenames", ()):
        item.add_marker("corpus")
    if "ray_head" in getattr(item, "fixturenames", ()):
        item.add_marker("cluster")
        if find_spec("ray") is None:  # here, before fixtures are made for nothing
            item.add_marker(pytest.mark.skip(reason="Ray is not installed: make cluster"))
    if "browser" in item.path.parts:
        item.add_marker("browser")


def pytest_collection() -> None:
    """Collect no garbage among modules that are being imported, which stay: it takes 2 seconds."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Collect it from now on, without the modules."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Remove the settings of the environment, and set an empty `TUSKER_HOME`."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("TUSKER_") and not name.startswith(PREFIX):
                patch.delenv(name)
        patch.setenv("TUSKER_HOME", str(tmp_path_factory.mktemp("home")))
        # Milliseconds for each of thousands of files, which nobody needs after a loss of power.
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """`shared(name, build)`: the result of `build(folder)`, called once for all test processes.

    The other processes get a copy of the result, and the same folder. Neither may be changed.
    """
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent

    def build_once(name: str, build: Callable[[Path], Any]) -> Any:
        folder, result = common / f"shared-{name}", common / f"shared-{name}.pickle"
        with FileLock(f"{folder}.lock"):
            if not result.is_file():
                shutil.rmtree(folder, ignore_errors=True)  # of a process that failed
                folder.mkdir()
                result.write_bytes(pickle.dumps(build(folder)))
        return pickle.loads(result.read_bytes())

    return build_once


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The default settings with an empty home, which is also in the environment."""
    monkeypatch.setenv("TUSKER_HOME", str(tmp_path / "home"))
    return host.load()


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with two cores, on whose number the expected time and memory depend."""
    monkeypatch.setattr(threads, "cores", lambda: 2)


def _folder(name: str) -> Path:
    variable = PREFIX + name.upper()
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set to a folder of {name}")
    path = Path(value).resolve()
    assert path.is_dir(), f"{variable} is {value!r}, which is not a folder"
    return path


@pytest.fixture(scope="session")
def datasets() -> Path:
    """Folder of zips with class folders: `ants_bees.zip`, `flowers5.zip` and others."""
    return _folder("datasets")


@pytest.fixture(scope="session")
def photos() -> Path:
    """Folder of photographs whose file names contain their ImageNet class."""
    return _folder("photos")


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Folder of hostile archives and pictures."""
    return _folder("corpora")


@pytest.fixture
def shapes_zip(tmp_path: Path) -> Callable[..., Path]:
    """`shapes_zip(classes=3, per_class=12, size=48)`: a zip of class folders."""

    def make(folder: Path = tmp_path, **options: int) -> Path:
        return shapes.shapes_zip(folder, **options)

    return make


@pytest.fixture(scope="session")
def tiny_home(shared: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the prepared tiny backbone."""
    from core import backbones
    from core.backbones import serving

    def prepare(home: Path) -> Path:
        serving.prepare(backbones.get("tiny"), Settings(home=home))
        return home

    # A copy, because trainings write derived files beside the backbone.
    copy = tmp_path_factory.mktemp("tiny")
    return shutil.copytree(shared("tiny", prepare), copy, dirs_exist_ok=True)
