"""Write the serving model of a fine-tuned backbone by exchanging the trained weights."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

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
"""Largest difference of an embedding, relative to its largest entry."""
PROBES = 2
"""Validation pictures for which both networks are compared."""


def write(context: TrainingContext, tuner: Tuner, path: Path) -> None:
    """Write the serving model of a fine-tuned backbone."""
    base = context.network.serving_model()
    views = map(context.plain_view, context.of("validation")[:PROBES])
    write_trunk(tuner.trunk, tuner.retrained, base, views, path)


def write_trunk(
    trunk: keras.Model,
    retrained: Callable[[], list[Retrained]],
    base: Path | None,
    views: Iterable[np.ndarray],
    path: Path,
) -> None:
    """Write a LiteRT file with outputs for embedding and feature map.

    The trained weights replace the old ones in the previous serving model. If the embeddings of
    the file differ from those of the trained network, the network is converted instead.

    Args:
        trunk: with its trained weights.
        retrained: returns the trained layers; may raise `LookupError`.
        base: the previous serving model; None if there is none.
        views: to compare embeddings on, (size, size, 3) uint8 each.
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
    """Raise `LookupError` if the embeddings differ from those of the trained network."""
    from core.training import stages

    model = on_one_thread(path)
    for view in views:
        expected = stages.embedding(trunk, view)
        difference = float(np.abs(model.run(view).embedding - expected).max())
        if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise LookupError(f"an embedding differs by {difference:.2g}")


def _convert(trunk: keras.Model, path: Path) -> None:
    import keras

    feature_map = trunk.output
    embedding = keras.layers.GlobalAveragePooling2D()(feature_map)
    outputs = {"embedding": embedding, "feature_map": feature_map}
    with files.replacing(path) as temporary:
        serving.convert(keras.Model(trunk.input, outputs), temporary, trunk.input.shape[1:])
