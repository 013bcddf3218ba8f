"""Assemble a trained model in Keras, and convert between its weights and named arrays."""

from __future__ import annotations

import keras
import numpy as np

from core import backbones
from core.backbones import build
from core.errors import RunDamaged
from core.model.dense import DenseHead
from core.model.storage import ModelFile
from core.settings import Settings


def trained_arrays(trunk: keras.Model, above: keras.Model) -> dict[str, np.ndarray]:
    """Weights that fine-tuning trained, by layer index in the trunk: `trunk.<index>.<variable>`.

    Indices are used since the layer names of some networks depend on what was built before.
    """
    trained = {id(layer) for layer in above.layers if layer.trainable}
    return {
        f"trunk.{place}.{variable.name}": variable.numpy()
        for place, layer in enumerate(trunk.layers)
        if id(layer) in trained
        for variable in layer.trainable_variables
    }


def assemble(
    model: ModelFile, arrays: dict[str, np.ndarray], settings: Settings
) -> tuple[keras.Model, keras.Model]:
    """The whole network: preprocessing, backbone, pooling, head.

    Args:
        arrays: the head's layers and the trained weights of the backbone.

    Returns:
        Two models that share their layers, from float32 (n, size, size, 3), RGB 0–255: one to
        probabilities (n, k), one to a dict of `probabilities`, `embedding` and `feature_map`.

    Raises:
        WeightsUnavailable: the backbone's weights cannot be had.
        RunDamaged: the arrays do not fit the backbone.
    """
    trunk = build.trunk(backbones.get(model.backbone), settings=settings)
    restore(trunk, arrays)
    embedding = keras.layers.GlobalAveragePooling2D(name="embedding")(trunk.output)
    x = embedding
    layers = DenseHead.from_arrays(arrays).layers
    for number, (kernel, bias) in enumerate(layers):
        last = number == len(layers) - 1
        x = keras.layers.Dropout(model.dropout, name=f"dropout_{number}")(x)
        dense = keras.layers.Dense(
            len(bias),
            activation="softmax" if last else "relu",
            name="probabilities" if last else f"hidden_{number}",
        )
        x = dense(x)
        dense.set_weights([kernel, bias])
    plain = keras.Model(trunk.input, x, name="classifier")
    outputs = {"probabilities": x, "embedding": embedding, "feature_map": trunk.output}
    return plain, keras.Model(trunk.input, outputs, name="classifier")


def trained_layers(trunk: keras.Model, arrays: dict[str, np.ndarray]) -> list[keras.layers.Layer]:
    """The layers that the arrays belong to, from the input up."""
    places = {int(name.split(".")[1]) for name in arrays if name.startswith("trunk.")}
    return [trunk.layers[place] for place in sorted(places)]


def restore(trunk: keras.Model, arrays: dict[str, np.ndarray]) -> None:
    """Load the arrays of `trained_arrays` into a backbone; other arrays are ignored.

    Raises:
        RunDamaged: the arrays do not fit the backbone.
    """
    for name, array in arrays.items():
        if not name.startswith("trunk."):
            continue
        _, place, variable_name = name.split(".", 2)
        try:
            layer = trunk.layers[int(place)]
            variable = next(v for v in layer.trainable_variables if v.name == variable_name)
            variable.assign(array)
        except (IndexError, StopIteration, ValueError) as error:
            raise RunDamaged(f"The weights of this run do not fit {trunk.name}.") from error
