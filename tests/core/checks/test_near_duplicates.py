"""Groups of pictures that look the same, from fingerprints."""

import numpy as np
import pytest
from PIL import Image

from core.checks import near_duplicates
from core.system import threads


def test_the_number_of_cores_does_not_change_the_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    random, pictures = np.random.default_rng(2), []
    for _ in range(8):
        scene = Image.fromarray(random.integers(0, 256, (9, 9), np.uint8))
        smooth = np.asarray(scene.resize((64, 64), Image.Resampling.BICUBIC), float)
        for _ in range(40):  # some look the same, some do not
            noise = random.normal(0, 30, smooth.shape) * random.uniform(0, 1)
            pictures.append(np.clip(smooth + noise, 0, 255).astype(np.uint8))
    colours, rows = np.full((len(pictures), 8, 8, 2), 128, np.uint8), np.arange(len(pictures))

    def group(cores: int) -> list[int]:
        monkeypatch.setattr(threads, "cores", lambda: cores)
        return near_duplicates.group(np.stack(pictures), colours, rows, rows, None).tolist()

    assert group(1) == group(64)
