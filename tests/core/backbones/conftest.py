import os
from pathlib import Path

import numpy as np
import pytest

from core.settings import Settings


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


@pytest.fixture(scope="session")
def photos():
    folder = os.environ.get("TUSKER_TEST_PHOTOS")
    if not folder:
        pytest.skip("TUSKER_TEST_PHOTOS names no folder of ImageNet photographs.")
    return sorted(Path(folder).glob("n*_*.jpg"))


@pytest.fixture(scope="session")
def scene():
    """A picture with edges and colour, (h, w, 3) uint8: the real thing if there is one."""
    folder = os.environ.get("TUSKER_TEST_PHOTOS")
    found = sorted(Path(folder).glob("*.jpg")) if folder else []
    if found:
        from core import images

        return images.decode(found[0])
    y, x = np.mgrid[0:320, 0:400] / 320
    wave = np.stack([np.sin(9 * x + 4 * y), np.cos(5 * x * y), np.sin(14 * y)], axis=-1)
    disc = ((x - 0.6) ** 2 + (y - 0.5) ** 2 < 0.08)[..., None]
    return np.uint8(np.clip(127 + 90 * wave + disc * np.array([60, -40, 20]), 0, 255))
