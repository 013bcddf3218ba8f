"""Convert a trained network to LiteRT, int8 LiteRT, ONNX and SavedModel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx

from core.backbones import serving
from core.export.formats import Description
from core.model.dense import DenseHead
from core.model.litert_file import LitertFile
from core.system import files

OPSET = 17
EXTRA_ASSETS = "assets.extra"
"""Folder of a SavedModel for files that TensorFlow ignores."""

if not hasattr(np, "product"):  # tf2onnx 1.17 calls it by a name that NumPy 2 dropped
    np.product = np.prod  # type: ignore[attr-defined]


def to_saved_model(network: keras.Model, folder: Path, description: Description) -> None:
    """Write a SavedModel with the endpoint `serve`, for batches of any size.

    Args:
        network: from `picture` to a dict of `probabilities`.
    """
    # `Model.export` writes each weight twice.
    module = tf.Module()
    module.weights = [variable.value for variable in network.variables]
    module.serve = _function(network)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    extra = folder / EXTRA_ASSETS
    extra.mkdir()
    for name, content in description.entries.items():
        (extra / name).write_text(content, encoding="utf-8")


def to_onnx(network: keras.Model, path: Path, description: Description) -> None:
    """Write an ONNX file for batches of any size: `picture` in, `probabilities` out.

    Args:
        network: from `picture` to a dict of `probabilities`.
    """
    function = _function(network)
    # Storing the weights apart during the conversion takes a third less memory.
    proto, weights = tf2onnx.convert.from_function(
        function, input_signature=function.input_signature, opset=OPSET, large_model=True
    )
    _embed_weights(proto, weights.name_to_tensor_data)
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    proto.doc_string = description.sentence
    onnx.helper.set_model_props(proto, description.entries)
    with files.replacing(path) as temporary:
        onnx.save(proto, temporary)


def to_litert(network: keras.Model, path: Path, description: Description) -> None:
    """Write a model with `probabilities`, `embedding` and `feature_map` as a LiteRT file."""
    with files.replacing(path) as temporary:
        serving.convert(network, temporary, network.input.shape[1:])
        _describe(LitertFile(temporary), temporary, description)


def to_int8(
    trunk: Path,
    views: np.ndarray,
    embeddings: np.ndarray,
    head: DenseHead,
    path: Path,
    description: Description,
) -> None:
    """Write a LiteRT file that computes the network in int8 and the head in float32.

    Weights are quantised per output channel, activations by their ranges on some pictures (Jacob
    et al., 2018). Rounding shifts the embedding in the same way for all pictures; the head is
    corrected for that (bias correction, Nagel et al., 2019, once for the whole network). Inputs
    and probabilities are float32.

    Args:
        trunk: a SavedModel from `picture` to `embedding`.
        views: (n, size, size, 3) uint8, training pictures.
        embeddings: (n, d) float32, their embeddings by the network in float32.
        head: with the temperature in its weights.
    """

    def representative_dataset() -> Iterator[list[np.ndarray]]:
        for view in views:
            yield [view[np.newaxis].astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_saved_model(str(trunk))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative_dataset
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    with files.replacing(path) as temporary:
        temporary.write_bytes(converter.convert())
        quantised = _embeddings(temporary, views)
        file = LitertFile(temporary)
        file.add_head(_corrected(head, quantised, embeddings))
        _describe(file, temporary, description)


def _function(network: keras.Model) -> tf.types.experimental.PolymorphicFunction:
    """The network as a function of any number of pictures, float32, RGB 0–255."""
    picture = tf.TensorSpec((None, *network.input.shape[1:]), tf.float32, name="picture")
    return tf.function(lambda picture: network(picture, training=False), input_signature=[picture])


def _embed_weights(proto: onnx.ModelProto, weights: dict[str, bytes]) -> None:
    """Move weights that were stored apart into the file."""
    for tensor in _tensors(proto.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            location = {entry.key: entry.value for entry in tensor.external_data}["location"]
            tensor.raw_data = weights.pop(location)
            tensor.ClearField("external_data")
            tensor.data_location = onnx.TensorProto.DEFAULT


def _tensors(graph: onnx.GraphProto) -> Iterable[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t


def _embeddings(path: Path, views: np.ndarray) -> np.ndarray:
    """(n, d) float32 embeddings of pictures by a LiteRT file."""
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(str(path)).get_signature_runner()
    rows = [run(picture=view[np.newaxis].astype(np.float32))["embedding"] for view in views]
    return np.concatenate(rows)


def _corrected(head: DenseHead, quantised: np.ndarray, embeddings: np.ndarray) -> DenseHead:
    """The head for embeddings whose mean and spread over the pictures are those of `quantised`."""
    spread, expected = quantised.std(axis=0), embeddings.std(axis=0)
    # The spread of features that hardly vary is that of the rounding, so these are not scaled.
    scale = np.where(spread > 0, expected / np.maximum(spread, 1e-12), 1).clip(0.5, 2)
    return head.after(scale, embeddings.mean(axis=0) - quantised.mean(axis=0) * scale)


def _describe(file: LitertFile, path: Path, description: Description) -> None:
    file.describe(description.sentence, description.entries, input_name="picture")
    file.write(path)
