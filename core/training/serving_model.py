"""Make the serving model of a fine-tuned backbone, without converting the whole network again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core import images
from core.backbones import serving
from core.model.classifier import on_one_thread
from core.model.litert_file import LitertFile
from core.model.retrained import Retrained
from core.system import files
from core.training.context import TrainingContext

if TYPE_CHECKING:
    import keras

    from core.training.finetune import Tuner

logger = logging.getLogger(__name__)

TOLERANCE = 1e-3
"""Largest difference of an embedding, in parts of the largest one."""
PROBES = 2
"""Validation pictures that both networks are asked about."""


def write(context: TrainingContext, tuner: Tuner, path: Path) -> None:
    """Write the serving model of what a training made of a backbone."""
    base = context.network.serving_model()
    size, crop = context.backbone.size, context.config.crop
    views = (
        images.load(context.pictures / example.path, size, crop)
        for example in context.of("validation")[:PROBES]
    )
    put(tuner.trunk, tuner.retrained, base, views, path)


def put(
    trunk: keras.Model,
    retrained: Callable[[], list[Retrained]],
    base: Path | None,
    views: Iterable[np.ndarray],
    path: Path,
) -> None:
    """Write a LiteRT file of embedding and feature map with the weights that were trained.

    The new weights take the place of the old ones in the serving model of the network as it was.
    That the file then answers as the trained network does is seen on some views; where it does
    not, the network is converted.

    Args:
        trunk: with its trained weights.
        retrained: tells what was trained; may raise `LookupError`.
        base: the serving model before that; None where there is none to change.
        views: (size, size, 3) uint8 each.
    """
    try:
        if base is None:
            raise LookupError("there is no serving model to change")
        network = LitertFile(base)
        network.keep("embedding", "feature_map")
        network.retrain(retrained())
        with files.replacing(path) as temporary:
            network.write(temporary)
            _compare(temporary, trunk, views)
    except LookupError as reason:
        logger.info("%s; the network is converted", reason)
        _convert(trunk, path)


def _compare(path: Path, trunk: keras.Model, views: Iterable[np.ndarray]) -> None:
    """Raise `LookupError` where the file does not answer as the trained network does."""
    from core.training import stages

    model = on_one_thread(path)
    for view in views:
        expected = stages.embedding(trunk, view)
        difference = float(np.abs(model.run(view).embedding - expected).max())
        if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise LookupError(f"an exchanged weight is off by {difference:.2g}")


def _convert(trunk: keras.Model, path: Path) -> None:
    import keras

    feature_map = trunk.output
    embedding = keras.layers.GlobalAveragePooling2D()(feature_map)
    outputs = {"embedding": embedding, "feature_map": feature_map}
    with files.replacing(path) as temporary:
        serving.convert(keras.Model(trunk.input, outputs), temporary, trunk.input.shape[1:])
