"""What every test may ask for: a home of its own, pictures to learn from, pictures of the host."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import settings as host
from core.settings import Settings
from tests import shapes

PREFIX = "TUSKER_TEST_"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by what they use, and run the browser last: its event loop stays open."""
    for item in items:
        if "corpora" in getattr(item, "fixturenames", ()):
            item.add_marker("corpus")
        if "ray_head" in getattr(item, "fixturenames", ()):
            item.add_marker("cluster")
        if "browser" in item.path.parts:
            item.add_marker("browser")
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(autouse=True, scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty `TUSKER_HOME`, and no setting of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("TUSKER_") and not name.startswith(PREFIX):
                patch.delenv(name)
        patch.setenv("TUSKER_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The defaults, with a home of this test alone that the environment names too."""
    monkeypatch.setenv("TUSKER_HOME", str(tmp_path / "home"))
    return host.load()


def _folder(name: str) -> Path:
    variable = PREFIX + name.upper()
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} names no folder of {name}")
    path = Path(value).resolve()
    assert path.is_dir(), f"{variable} is {value!r}, which is no folder"
    return path


@pytest.fixture(scope="session")
def datasets() -> Path:
    """Folder of zips to learn from: `ants_bees.zip`, `flowers5.zip` and others."""
    return _folder("datasets")


@pytest.fixture(scope="session")
def photos() -> Path:
    """Folder of photographs whose names carry their ImageNet class."""
    return _folder("photos")


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Folder of hostile archives and pictures."""
    return _folder("corpora")


@pytest.fixture
def shapes_zip(tmp_path: Path) -> Callable[..., Path]:
    """`shapes_zip(classes=3, per_class=12, size=48)`: a zip of class folders to learn from."""

    def make(folder: Path = tmp_path, **how: int) -> Path:
        return shapes.shapes_zip(folder, **how)

    return make
