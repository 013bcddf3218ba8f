"""Make the files that only TensorFlow writes: the whole network in Keras, SavedModel, int8."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from core import backbones
from core.backbones import build
from core.export.parts import Int8Trunk
from core.model import keras_model
from core.model.dense import DenseHead
from core.model.litert_file import LitertFile
from core.model.storage import ModelFile
from core.settings import Settings

EXTRA_ASSETS = "assets.extra"
"""Folder of a SavedModel for files that TensorFlow ignores."""
BATCH = 16


def network(model: ModelFile, arrays: dict[str, np.ndarray], settings: Settings) -> keras.Model:
    """The whole network, of plain layers: preprocessing, backbone, pooling, head.

    Args:
        arrays: the head's layers and the trained weights of the backbone.

    Returns:
        Model from float32 (n, size, size, 3), RGB 0–255, to probabilities (n, k); its layer
        `embedding` gives what the head takes.

    Raises:
        WeightsUnavailable: the published weights cannot be had.
        RunDamaged: the arrays do not fit the backbone.
    """
    trunk = build.trunk(backbones.get(model.backbone), settings=settings)
    keras_model.restore(trunk, arrays)
    if model.depths:
        maps = {"last": trunk.output}
        maps |= {name: trunk.get_layer(name).output for name in model.depths}
        pooled = [
            layers.GlobalAveragePooling2D(name=f"{name}_pooled")(map_)
            for name, map_ in maps.items()
        ]
        tensor = layers.Concatenate(name="embedding")(pooled)
    else:
        tensor = layers.GlobalAveragePooling2D(name="embedding")(trunk.output)
    head = DenseHead.from_arrays(arrays).layers
    for number, (kernel, bias) in enumerate(head, 1):
        if model.dropout:
            tensor = layers.Dropout(model.dropout, name=f"dropout_{number}")(tensor)
        name, activation = f"hidden_{number}", "relu"
        if number == len(head):
            name, activation = "probabilities", "softmax"
        dense = layers.Dense(len(bias), activation=activation, name=name)
        tensor = dense(tensor)
        dense.set_weights([kernel, bias])
    return keras.Model(trunk.input, tensor, name="classifier")


def to_saved_model(network: keras.Model, folder: Path, entries: dict[str, str]) -> None:
    """Write a SavedModel with the endpoint `serve`, for batches of any size.

    Args:
        entries: content of files for other programs, by name.
    """
    outputs = {name: network.get_layer(name).output for name in ("probabilities", "embedding")}
    _save(keras.Model(network.input, outputs), folder)
    extra = folder / EXTRA_ASSETS
    extra.mkdir()
    for name, content in entries.items():
        (extra / name).write_text(content, encoding="utf-8")


def to_int8(network: keras.Model, views: np.ndarray) -> Int8Trunk:
    """Quantise a network up to its embedding.

    Weights are quantised per output channel, activations by their ranges on some pictures (Jacob
    et al., 2018). Rounding shifts the embedding in the same way for all pictures; the result says
    by how much (bias correction, Nagel et al., 2019, once for the whole network). Inputs and the
    embedding are float32.

    Args:
        network: has a layer `embedding`.
        views: (n, size, size, 3) uint8 pictures.
    """

    def representative_dataset() -> Iterator[list[np.ndarray]]:
        for view in views:
            yield [view[np.newaxis].astype(np.float32)]

    embedding = network.get_layer("embedding")
    # Quantised, the parts of a concatenation would share one range: they are joined in float32.
    joined = isinstance(embedding, layers.Concatenate)
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
            path = Path(scratch) / "parts.tflite"
            path.write_bytes(content)
            file = LitertFile(path)
            file.join(parts, "embedding")
            content = file.content()
    trunk = keras.Model(network.input, embedding.output, name="trunk")
    embeddings = trunk.predict(views, batch_size=BATCH, verbose=0)
    run = Interpreter(model_content=content).get_signature_runner()
    rows = [run(picture=view[np.newaxis].astype(np.float32))["embedding"] for view in views]
    scale, shift = correction(np.concatenate(rows), embeddings)
    return Int8Trunk(np.frombuffer(content, np.uint8), scale, shift)


def correction(quantised: np.ndarray, embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift, (d,) each, that give `quantised` the mean and spread of `embeddings`."""
    spread, expected = quantised.std(axis=0), embeddings.std(axis=0)
    # The spread of features that hardly vary is that of the rounding, so these are not scaled.
    scale = np.where(spread > 0, expected / np.maximum(spread, 1e-12), 1).clip(0.5, 2)
    return scale, embeddings.mean(axis=0) - quantised.mean(axis=0) * scale


def _save(network: keras.Model, folder: Path) -> None:
    """Write a SavedModel of a network with named outputs."""
    # `Model.export` writes each weight twice.
    picture = tf.TensorSpec((None, *network.input.shape[1:]), tf.float32, name="picture")
    module = tf.Module()
    module.weights = [variable.value for variable in network.variables]
    module.serve = tf.function(
        lambda picture: network(picture, training=False),
        input_signature=[picture],
        autograph=False,
    )
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
