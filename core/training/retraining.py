"""Make the serving model of a fine-tuned backbone, without converting the whole network again."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core import files, images
from core.backbones import serving
from core.backbones.litert_file import LitertFile
from core.classifier import on_one_thread
from core.training.recipe import Recipe

if TYPE_CHECKING:
    from core.training.finetune import Tuner

log = logging.getLogger(__name__)

TOLERANCE = 1e-3
"""Largest difference of an embedding, in parts of the largest one."""
PROBES = 2
"""Validation pictures that both networks are asked about."""


def write(recipe: Recipe, tuner: Tuner, path: Path) -> None:
    """Write a LiteRT file of embedding and feature map with the weights that were trained.

    The new weights take the place of the old ones in the backbone's serving model. That the file
    then answers as the trained network does is seen on some pictures; where it does not, the
    network is converted.
    """
    try:
        network = LitertFile(serving.required(recipe.backbone, recipe.settings))
        network.keep("embedding", "feature_map")
        network.retrain(tuner.retrained())
        with files.replacing(path) as temporary:
            network.write(temporary)
            _compare(temporary, recipe, tuner)
    except LookupError as reason:
        log.info("%s; the network is converted", reason)
        _convert(recipe, tuner, path)


def _compare(path: Path, recipe: Recipe, tuner: Tuner) -> None:
    """Raise `LookupError` where the file does not answer as the trained network does."""
    model = on_one_thread(path)
    size, crop = recipe.backbone.size, recipe.config.crop
    for example in recipe.of("validation")[:PROBES]:
        view = images.load(recipe.pictures / example.path, size, crop)
        expected = tuner.embedding(view)
        difference = float(np.abs(model.run(view).embedding - expected).max())
        if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise LookupError(f"an exchanged weight is off by {difference:.2g}")


def _convert(recipe: Recipe, tuner: Tuner, path: Path) -> None:
    import keras

    size = recipe.backbone.size
    feature_map = tuner.trunk.output
    embedding = keras.layers.GlobalAveragePooling2D()(feature_map)
    outputs = {"embedding": embedding, "feature_map": feature_map}
    with files.replacing(path) as temporary:
        serving.convert(keras.Model(tuner.trunk.input, outputs), temporary, (size, size, 3))
