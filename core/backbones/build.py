"""Build a backbone in Keras: with its top, without it, or only the stages above a cut."""

from types import ModuleType
from typing import Literal

import keras
import numpy as np

from core.backbones import applications, efficientnet_lite, tiny
from core.backbones.row import Backbone
from core.backbones.weights import fetch
from core.settings import Settings

Weights = Literal["pretrained", "random"]

FAMILIES: dict[str, ModuleType] = {
    "applications": applications,
    "efficientnet_lite": efficientnet_lite,
    "tiny": tiny,
}


def trunk(
    backbone: Backbone,
    weights: Weights = "pretrained",
    settings: Settings | None = None,
) -> keras.Model:
    """The network without its top.

    Args:
        settings: where weights are stored; the default settings if None.

    Returns:
        Model from float32 (n, size, size, 3), RGB 0–255, to the last feature map, float32
        (n, h, w, embedding). `get_layer(stage.layer).output` is the end of each stage.

    Raises:
        WeightsUnavailable: the weights are not available.
    """
    network = _network(backbone, weights, settings)
    return keras.Model(network.input, _feature_map(network, backbone), name=backbone.name)


def imagenet_classifier(
    backbone: Backbone,
    weights: Weights = "pretrained",
    settings: Settings | None = None,
) -> keras.Model:
    """The whole network, with three outputs; arguments and errors as of `trunk`.

    Returns:
        Model from float32 (n, size, size, 3), RGB 0–255, to a dict of `probabilities`
        (n, 1000), `embedding` (n, embedding) and `feature_map` (n, h, w, embedding), float32.
    """
    network = _network(backbone, weights, settings)
    outputs = {
        "probabilities": network.output,
        "embedding": _pooling(network).output,
        "feature_map": _feature_map(network, backbone),
    }
    return keras.Model(network.input, outputs, name=backbone.name)


def top_model(backbone: Backbone, stage: int, model: keras.Model) -> keras.Model:
    """The stages above a cut, sharing their layers with `model`.

    Args:
        backbone: the row that `model` was built from.
        stage: index in `backbone.stages` of the stage below the cut, not of the last one.
        model: from `trunk` or `imagenet_classifier`. Training the result trains it too.

    Returns:
        Model from the activation at the cut, float32 (n, h, w, c), to the last feature map
        (n, h, w, embedding).
    """
    cut = model.get_layer(backbone.stages[stage].layer).output
    return keras.Model(cut, _feature_map(model, backbone), name=f"{backbone.name}_top")


def _network(backbone: Backbone, weights: Weights, settings: Settings | None) -> keras.Model:
    """The network from pictures to probabilities, with its weights."""
    family = FAMILIES[backbone.recipe.family]
    network = family.build(backbone)
    if weights == "random" or backbone.weights is None:
        _randomise(network)
    else:
        family.load(network, fetch(backbone, settings or Settings()))
    return network


def _randomise(network: keras.Model) -> None:
    """Draw weights that keep activations in range, equal each time, without a global seed."""
    generator = np.random.default_rng(0)
    for layer in network.layers:
        if layer.name == "rgb_to_bgr":
            continue
        for variable in layer.weights:
            shape = variable.shape
            if "seed" in variable.path:
                continue
            if variable.name in ("gamma", "moving_variance"):
                value = generator.uniform(0.5, 1.5, shape)
            elif len(shape) > 1:
                depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
                inputs = np.prod(shape[:2] if depthwise else shape[:-1])
                value = generator.standard_normal(shape, np.float32) / np.sqrt(inputs)
            else:
                value = generator.normal(0, 0.1, shape)
            variable.assign(value)


def _feature_map(network: keras.Model, backbone: Backbone) -> keras.KerasTensor:
    return network.get_layer(backbone.stages[-1].layer).output


def _pooling(network: keras.Model) -> keras.layers.Layer:
    """The layer of the embedding: the last global pooling."""
    return next(
        layer
        for layer in reversed(network.layers)
        if isinstance(layer, keras.layers.GlobalAveragePooling2D)
    )
