"""Write a pretrained network without its top as a Keras file, for programs outside Tusker."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.backbones import Backbone
from core.errors import RunDamaged
from core.settings import Settings
from core.system import files

NAME = "backbone.keras"
TOLERANCE = 1e-4
"""Largest difference of the opened network, in parts of its largest answer."""


def write(backbone: Backbone, path: Path, settings: Settings) -> None:
    """Write it: plain layers, from RGB 0–255 (n, size, size, 3) to the last feature map.

    Its layers are called as in the table of backbones, so that it can be cut where Tusker does.
    It is opened again and must answer as before it gets its name.

    Raises:
        WeightsUnavailable: the published weights cannot be had.
        RunDamaged: the file does not answer as the network does.
    """
    import keras

    from core.backbones import build

    network = build.trunk(backbone, settings=settings)
    shape = (1, backbone.size, backbone.size, 3)
    noise = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    wanted = np.asarray(network(noise, training=False))
    with files.replacing(path) as temporary:
        network.save(temporary)
        # The file was written by this very job; one from outside is never opened.
        again = keras.saving.load_model(temporary, compile=False, safe_mode=True)  # noqa: TID251
        difference = float(np.abs(np.asarray(again(noise, training=False)) - wanted).max())
        if not difference <= TOLERANCE * float(np.abs(wanted).max()):  # a NaN is not
            raise RunDamaged(f"{path.name} does not answer as {backbone.title}; it was withheld.")
