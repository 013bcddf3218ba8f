"""Write a network as ONNX."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx

from core.export.metadata import Description
from core.export.saved_model import signature
from core.system import files

OPSET = 17
BATCH = "batch"

if not hasattr(np, "product"):  # NumPy 2 dropped the name that tf2onnx 1.17 calls it by
    np.product = np.prod  # type: ignore[attr-defined]


def convert(named: keras.Model, path: Path, about: Description) -> None:
    """Write a file for any number of pictures at once: `picture` in, `probabilities` out.

    Args:
        named: from `picture` to a dict of `probabilities`.
    """
    ask = tf.function(
        lambda picture: named(picture, training=False), input_signature=signature(named)
    )
    # Weights are kept apart while it converts, which takes two thirds of the memory.
    proto, weights = tf2onnx.convert.from_function(
        ask, input_signature=ask.input_signature, opset=OPSET, large_model=True
    )
    _put_back(proto, weights.name_to_tensor_data)
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    proto.doc_string = about.sentence
    onnx.helper.set_model_props(proto, about.entries)
    with files.replacing(path) as temporary:
        onnx.save(proto, temporary)


def _put_back(proto: onnx.ModelProto, weights: dict[str, bytes]) -> None:
    """Put weights that were kept apart into the file."""
    for tensor in _tensors(proto.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            place = {entry.key: entry.value for entry in tensor.external_data}["location"]
            tensor.raw_data = weights.pop(place)
            tensor.ClearField("external_data")
            tensor.data_location = onnx.TensorProto.DEFAULT


def _tensors(graph: onnx.GraphProto) -> Iterable[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
