"""Write a run's Keras file from its backbone's, without TensorFlow.

A Keras file is a zip of a configuration in JSON and weights in HDF5. In the HDF5 file, each layer
has a group named after its class and number, whose `vars` have the layer's name as an attribute.
"""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from core import backbones
from core.model.dense import DenseHead
from core.model.storage import ModelFile
from core.system import files

CONFIG, WEIGHTS = "config", "model.weights.h5"
"""Entries of the zip; the first one's name has an extension."""
LAST = "last_pooled"
"""Name of the layer that pools the last feature map, if features from other depths follow."""
Tensor = tuple[str, list[int | None]]
"""The layer that outputs a tensor, and its shape."""
VARIABLES = {"kernel": "0", "bias": "1", "gamma": "0", "beta": "1"}
"""Name of a trainable variable in the group of its layer: its index."""


def write(base: Path, model: ModelFile, arrays: dict[str, np.ndarray], path: Path) -> None:
    """Write the whole network: preprocessing, backbone, pooling, head.

    Args:
        base: the backbone without its top, as `parts.backbone_file` writes it.
        arrays: the head's layers and the trained weights of the backbone.

    Raises:
        LookupError: the arrays do not fit the backbone.
    """
    with zipfile.ZipFile(base) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    configuration = next(name for name in content if Path(name).stem == CONFIG)
    config = json.loads(content[configuration])
    layers = config["config"]["layers"]
    trunk = [layer["name"] for layer in layers]
    weights = io.BytesIO(content[WEIGHTS])
    with h5py.File(weights, "r+") as file:
        groups = {group["vars"].attrs["name"]: group for group in file["layers"].values()}
        for name, array in arrays.items():
            if name.startswith("trunk."):
                _, index, variable = name.split(".", 2)
                groups[trunk[int(index)]][f"vars/{VARIABLES[variable]}"][...] = array
        head = _head(layers, model, DenseHead.from_arrays(arrays))
        for layer, values in head:
            layers.append(layer)
            _add_weights(file["layers"], layer, values)
    config["config"] |= {"name": "classifier", "output_layers": [layers[-1]["name"], 0, 0]}
    content |= {configuration: json.dumps(config).encode(), WEIGHTS: weights.getvalue()}
    with files.replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def _head(
    trunk: list[dict[str, Any]], model: ModelFile, head: DenseHead
) -> list[tuple[dict[str, Any], tuple[np.ndarray, ...]]]:
    """The configurations of the layers above the backbone, each with its weights."""
    backbone, dropout = backbones.get(model.backbone), model.dropout
    rows: list[tuple[dict[str, Any], tuple[np.ndarray, ...]]] = []
    tensor: Tensor = (trunk[-1]["name"], [None, None, None, backbone.embedding])

    def add(kind: str, name: str, width: int, *weights: np.ndarray, **options: object) -> None:
        nonlocal tensor
        rows.append((_layer(kind, name, [tensor], options), weights))
        tensor = name, [None, width]

    add("GlobalAveragePooling2D", LAST if model.depths else "embedding", backbone.embedding)
    if model.depths:
        channels = {stage.layer: stage.shape[-1] for stage in backbone.stages}
        pooled = [tensor]
        for layer in model.depths:
            tensor = layer, [None, None, None, channels[layer]]
            add("GlobalAveragePooling2D", f"{layer}_pooled", channels[layer])
            pooled.append(tensor)
        rows.append((_layer("Concatenate", "embedding", pooled, {"axis": -1}), ()))
        tensor = "embedding", [None, head.inputs]
    for number, (kernel, bias) in enumerate(head.layers):
        final = number == len(head.layers) - 1
        if dropout:
            add("Dropout", f"dropout_{number}", len(kernel), rate=dropout)
        add(
            "Dense",
            "probabilities" if final else f"hidden_{number}",
            len(bias),
            kernel,
            bias,
            units=len(bias),
            activation="softmax" if final else "relu",
        )
    return rows


def _layer(
    kind: str, name: str, sources: list[Tensor], options: dict[str, object]
) -> dict[str, Any]:
    """The configuration of a layer that takes the output of another, or a list to concatenate."""
    arguments: list[Any] = [_tensor(source) for source in sources]
    shapes: list[Any] = [shape for _, shape in sources]
    if kind == "Concatenate":
        arguments, shapes = [arguments], [shapes]
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": {"name": name} | options,
        "registered_name": None,
        "build_config": {"input_shape": shapes[0]},
        "name": name,
        "inbound_nodes": [{"args": arguments, "kwargs": {}}],
    }


def _tensor(source: Tensor) -> dict[str, Any]:
    layer, shape = source
    config = {"shape": shape, "dtype": "float32", "keras_history": [layer, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def _add_weights(
    layers: h5py.Group, layer: dict[str, Any], weights: tuple[np.ndarray, ...]
) -> None:
    """Add the group of a layer, numbered among those of its class."""
    stem = layer["class_name"].lower().replace("globalaveragepooling", "global_average_pooling")
    count = sum(name == stem or name.removeprefix(f"{stem}_").isdecimal() for name in layers)
    group = layers.create_group(f"{stem}_{count}" if count else stem)
    variables = group.create_group("vars")
    variables.attrs["name"] = layer["name"]
    for index, values in enumerate(weights):
        variables[str(index)] = values
