"""The stages in the table agree with the networks themselves."""

import keras
import numpy as np
import pytest

from core import backbones
from core.backbones import Backbone, Stage, build

QUICK = ("efficientnet-lite0", "tiny")


def multiply_adds(layer: keras.layers.Layer) -> int:
    """Multiply-adds of a layer."""
    outputs = int(np.prod(layer.output.shape[1:]))
    match layer:
        case keras.layers.DepthwiseConv2D():
            return outputs * int(np.prod(layer.kernel.shape[:2]))
        case keras.layers.Conv2D():
            return outputs * int(np.prod(layer.kernel.shape[:3]))
        case keras.layers.Dense():
            return int(np.prod(layer.kernel.shape))
    return 0


def count_stages(backbone: Backbone, network: keras.Model) -> list[Stage]:
    """The stages as the network itself has them."""
    below: set[str] = set()
    stages = []
    for stage in backbone.stages:
        part = keras.Model(network.input, network.get_layer(stage.layer).output)
        layers = [layer for layer in part.layers if layer.name not in below]
        below |= {layer.name for layer in layers}
        values = sum(int(np.prod(layer.output.shape[1:])) for layer in layers)
        stages.append(
            Stage(
                stage.name,
                stage.layer,
                tuple(part.output.shape[1:]),
                multiply_adds=sum(map(multiply_adds, layers)) / 1e6,
                activations=values / 1e6,
                layers=len(layers),
            )
        )
    return stages


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in (*backbones.BACKBONES, "tiny")
    ],
)
def test_the_table_agrees_with_the_network(name: str) -> None:
    backbone = backbones.get(name)
    network = build.FAMILIES[backbone.recipe.family].build(backbone)
    for listed, actual in zip(backbone.stages, count_stages(backbone, network), strict=True):
        assert (listed.shape, listed.layers) == (actual.shape, actual.layers)
        assert listed.multiply_adds == pytest.approx(actual.multiply_adds, rel=6e-3)
        assert listed.activations == pytest.approx(actual.activations, rel=6e-3)
    for stage in range(len(backbone.stages) - 1):
        above = build.top_model(backbone, stage, network).layers[1:]
        assert len(above) == sum(part.layers for part in backbone.stages[stage + 1 :])
