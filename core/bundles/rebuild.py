"""Build what a brought model answers with: nothing that can be run comes from outside."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core import backbones
from core.backbones import serving
from core.model import storage
from core.settings import Settings

NOISE = 2
"""Pictures of noise that the network and its serving model are both asked about."""


def ready(folder: Path, saved: storage.ModelFile, settings: Settings) -> bool:
    """Whether a model folder lacks nothing to answer with."""
    if saved.fine_tuned:
        return (folder / storage.SERVING).is_file()
    return serving.locate(backbones.get(saved.backbone), settings) is not None


def rebuild(folder: Path, settings: Settings, progress: serving.Progress) -> None:
    """Make the serving model of a model folder, or prepare its backbone. Imports TensorFlow.

    A network that was fine-tuned is built from the table, given the published weights, then the
    arrays of the folder.

    Args:
        progress: called with what is done, hundredths of the work done, and 100; may raise.

    Raises:
        WeightsUnavailable: the backbone's weights cannot be had.
        RunDamaged: the folder's arrays cannot be read, or do not fit.
    """
    saved, arrays = storage.load(folder)
    row = backbones.get(saved.backbone)
    if not saved.fine_tuned:
        serving.prepare(row, settings, progress)
        return
    progress("Starting TensorFlow", 0, 100)
    from core.backbones import build
    from core.model import keras_model
    from core.training import serving_model, stages

    progress("Building the network", 50, 100)
    trunk = build.trunk(row, settings=settings)
    layers = keras_model.trained_layers(trunk, arrays)
    before = [layer.get_weights() for layer in layers]
    keras_model.restore(trunk, arrays)
    progress("Making its serving model", 80, 100)
    generator = np.random.default_rng(0)
    serving_model.put(
        trunk,
        lambda: stages.retrained(layers, before),
        serving.locate(row, settings),
        (generator.integers(0, 256, (row.size, row.size, 3), np.uint8) for _ in range(NOISE)),
        folder / storage.SERVING,
    )
    progress("Making its serving model", 100, 100)
