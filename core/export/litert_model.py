"""Write a run's own LiteRT files: float32 with three outputs, and int8 with probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from core.backbones import serving
from core.export.metadata import Description
from core.model.dense import DenseHead
from core.model.litert_file import LitertFile
from core.system import files


def convert(serving_form: keras.Model, path: Path, about: Description) -> None:
    """Write a three-output model as a LiteRT file, at once."""
    with files.replacing(path) as temporary:
        serving.convert(serving_form, temporary, serving_form.input.shape[1:])
        _describe(temporary, about)


def quantise(
    trunk: Path,
    views: np.ndarray,
    embeddings: np.ndarray,
    head: DenseHead,
    path: Path,
    about: Description,
) -> None:
    """Write a LiteRT file whose network computes in int8 and its head in float32, at once.

    Weights are int8 for each output channel, activations int8 by their ranges on some pictures
    (Jacob et al., 2018). Rounding moves the embedding a little, the same way for all pictures;
    the head is told by how much (bias correction, Nagel et al., 2019, once for the whole network).
    Pictures go in and probabilities come out as float32.

    Args:
        trunk: a SavedModel from `picture` to `embedding`.
        views: (n, size, size, 3) uint8, pictures that it was trained on.
        embeddings: (n, d) float32, what the network makes of them before it is rounded.
        head: with the temperature in it.
    """
    import tensorflow as tf

    def ranges() -> Iterator[list[np.ndarray]]:
        for view in views:
            yield [view[np.newaxis].astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_saved_model(str(trunk))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = ranges
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    with files.replacing(path) as temporary:
        temporary.write_bytes(converter.convert())
        rounded = _embeddings(temporary, views)
        network = LitertFile(temporary)
        network.crown(_corrected(head, rounded, embeddings))
        network.write(temporary)
        _describe(temporary, about)


def _embeddings(path: Path, views: np.ndarray) -> np.ndarray:
    """What a file makes of pictures: (n, d) float32."""
    from ai_edge_litert.interpreter import Interpreter

    ask = Interpreter(str(path)).get_signature_runner()
    rows = [ask(picture=view[np.newaxis].astype(np.float32))["embedding"] for view in views]
    return np.concatenate(rows)


def _corrected(head: DenseHead, rounded: np.ndarray, embeddings: np.ndarray) -> DenseHead:
    """The head for embeddings whose mean and spread over the pictures are those of `rounded`."""
    spread, wanted = rounded.std(axis=0), embeddings.std(axis=0)
    # What hardly varies is left as it is: its spread is that of the rounding.
    scale = np.where(spread > 0, wanted / np.maximum(spread, 1e-12), 1).clip(0.5, 2)
    return head.after(scale, embeddings.mean(axis=0) - rounded.mean(axis=0) * scale)


def _describe(path: Path, about: Description) -> None:
    network = LitertFile(path)
    network.describe(about.sentence, about.entries, takes="picture")
    network.write(path)
