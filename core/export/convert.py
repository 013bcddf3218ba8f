"""Convert a run's Keras file with TensorFlow: to a SavedModel and to int8 LiteRT."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from core.export.parts import Int8Trunk
from core.model.litert_file import LitertFile

EXTRA_ASSETS = "assets.extra"
"""Folder of a SavedModel for files that TensorFlow ignores."""
BATCH = 16


def to_saved_model(source: Path, folder: Path, entries: dict[str, str]) -> None:
    """Write a SavedModel with the endpoint `serve`, for batches of any size.

    Args:
        entries: content of files for other programs, by name.
    """
    network = _opened(source)
    outputs = {name: network.get_layer(name).output for name in ("probabilities", "embedding")}
    _save(keras.Model(network.input, outputs), folder)
    extra = folder / EXTRA_ASSETS
    extra.mkdir()
    for name, content in entries.items():
        (extra / name).write_text(content, encoding="utf-8")


def to_int8(source: Path, views: np.ndarray) -> Int8Trunk:
    """Quantise a network up to its embedding.

    Weights are quantised per output channel, activations by their ranges on some pictures (Jacob
    et al., 2018). Rounding shifts the embedding in the same way for all pictures; the result says
    by how much (bias correction, Nagel et al., 2019, once for the whole network). Inputs and the
    embedding are float32.

    Args:
        source: a Keras file with a layer `embedding`.
        views: (n, size, size, 3) uint8 pictures.
    """

    def representative_dataset() -> Iterator[list[np.ndarray]]:
        for view in views:
            yield [view[np.newaxis].astype(np.float32)]

    network = _opened(source)
    embedding = network.get_layer("embedding")
    # Quantised, the parts of a concatenation would share one range: they are joined in float32.
    joined = isinstance(embedding, keras.layers.Concatenate)
    parts = {"embedding": embedding.output}
    if joined:
        parts = {f"embedding {number}": part for number, part in enumerate(embedding.input)}
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        _save(keras.Model(network.input, parts), Path(scratch))
        converter = tf.lite.TFLiteConverter.from_saved_model(scratch)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative_dataset
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        content = converter.convert()
    if joined:
        file = LitertFile(content)
        file.join([*parts], "embedding")
        content = file.content()
    trunk = keras.Model(network.input, embedding.output, name="trunk")
    embeddings = trunk.predict(views, batch_size=BATCH, verbose=0)
    scale, shift = correction(_embeddings(content, views), embeddings)
    return Int8Trunk(np.frombuffer(content, np.uint8), scale, shift)


def correction(quantised: np.ndarray, embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift, (d,) each, that give `quantised` the mean and spread of `embeddings`."""
    spread, expected = quantised.std(axis=0), embeddings.std(axis=0)
    # The spread of features that hardly vary is that of the rounding, so these are not scaled.
    scale = np.where(spread > 0, expected / np.maximum(spread, 1e-12), 1).clip(0.5, 2)
    return scale, embeddings.mean(axis=0) - quantised.mean(axis=0) * scale


def _opened(source: Path) -> keras.Model:
    # This job wrote the file; a Keras file from outside is never opened.
    return keras.saving.load_model(source, compile=False, safe_mode=True)  # noqa: TID251


def _save(network: keras.Model, folder: Path) -> None:
    """Write a SavedModel of a network with named outputs."""
    # `Model.export` writes each weight twice.
    picture = tf.TensorSpec((None, *network.input.shape[1:]), tf.float32, name="picture")
    module = tf.Module()
    module.weights = [variable.value for variable in network.variables]
    module.serve = tf.function(
        lambda picture: network(picture, training=False), input_signature=[picture], autograph=False
    )
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})


def _embeddings(content: bytes, views: np.ndarray) -> np.ndarray:
    """(n, d) float32 embeddings of pictures by a LiteRT file."""
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_content=content).get_signature_runner()
    rows = [run(picture=view[np.newaxis].astype(np.float32))["embedding"] for view in views]
    return np.concatenate(rows)
