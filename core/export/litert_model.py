"""Write a run's own LiteRT files: float32 with three outputs, and int8 with probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from core import files
from core.backbones import serving
from core.backbones.litert_file import LitertFile
from core.export.description import Description


def convert(serving_form: keras.Model, path: Path, about: Description) -> None:
    """Write a three-output model as a LiteRT file, at once."""
    with files.replacing(path) as temporary:
        serving.convert(serving_form, temporary, serving_form.input.shape[1:])
        _describe(temporary, about)


def quantise(saved_model: Path, views: np.ndarray, path: Path, about: Description) -> None:
    """Write a LiteRT file that computes in int8, at once.

    Weights are int8 for each output channel, activations int8 by their ranges on some pictures
    (Jacob et al., 2018). Pictures go in and probabilities come out as float32.

    Args:
        saved_model: of the same network.
        views: (n, size, size, 3) uint8, pictures that it was trained on.
    """
    import tensorflow as tf

    def ranges() -> Iterator[list[np.ndarray]]:
        for view in views:
            yield [view[np.newaxis].astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = ranges
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    with files.replacing(path) as temporary:
        temporary.write_bytes(converter.convert())
        _describe(temporary, about)


def _describe(path: Path, about: Description) -> None:
    network = LitertFile(path)
    network.describe(about.sentence, about.entries, takes="picture")
    network.write(path)
