"""What is written of the stages is what the networks are."""

import keras
import numpy as np
import pytest

from core import backbones
from core.backbones import Backbone, build, costs
from core.backbones.costs import Cost

LARGE = ("resnet101", "resnet152")


def work(layer: keras.layers.Layer) -> int:
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


def counted(backbone: Backbone, network: keras.Model) -> list[Cost]:
    """The cost of each stage, from the network itself."""
    below: set[str] = set()
    found = []
    for stage in backbone.stages:
        part = keras.Model(network.input, network.get_layer(stage.layer).output)
        layers = [layer for layer in part.layers if layer.name not in below]
        below |= {layer.name for layer in layers}
        values = sum(int(np.prod(layer.output.shape[1:])) for layer in layers)
        found.append(
            Cost(
                tuple(part.output.shape[1:]),
                work=sum(map(work, layers)) / 1e6,
                values=values / 1e6,
                parameters=sum(layer.count_params() for layer in layers) / 1e6,
                layers=len(layers),
            )
        )
    return found


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in LARGE else ())
        for name in (*backbones.BACKBONES, "tiny")
    ],
)
def test_the_table_says_what_each_stage_costs(name: str) -> None:
    backbone = backbones.get(name)
    network = build.FAMILIES[backbone.recipe.family].build(backbone)
    for written, found in zip(costs.of(backbone), counted(backbone, network), strict=True):
        assert (written.shape, written.layers) == (found.shape, found.layers)
        for what in ("work", "values", "parameters"):
            assert getattr(written, what) == pytest.approx(getattr(found, what), rel=6e-3), found
    for stage in range(len(backbone.stages) - 1):
        above = build.top_model(backbone, stage, network).layers[1:]
        assert len(above) == costs.between(backbone, stage + 1).layers


def test_stages_add_up() -> None:
    tiny = backbones.get("tiny")
    whole, top = costs.between(tiny, 0), costs.between(tiny, 2)
    assert whole.layers == sum(stage.layers for stage in costs.of(tiny))
    assert top == costs.of(tiny)[2]
    assert whole.shape == top.shape == (4, 4, tiny.embedding)
