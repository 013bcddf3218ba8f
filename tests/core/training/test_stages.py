"""What phase 2 may change of the network above a cut."""

import keras
import pytest

from core.backbones import build, get
from core.training import stages

TINY = get("tiny")


def test_only_the_requested_layers_are_trainable():
    trunk = build.trunk(TINY)
    above = build.top_model(TINY, 0, trunk)
    stages.unfreeze(above, 0)
    assert [v.path for v in above.trainable_variables] == [
        "block1_conv/kernel",
        "block2_conv/kernel",
    ]
    assert [layer.name for layer in stages.trained(above)] == ["block1_conv", "block2_conv"]
    stages.unfreeze(above, 3)
    assert [v.path for v in above.trainable_variables] == ["block2_conv/kernel"]
    assert [layer.name for layer in stages.trained(above)] == ["block2_conv"]
    assert not any(
        layer.trainable
        for layer in trunk.layers
        if isinstance(layer, keras.layers.BatchNormalization) and layer in above.layers
    )


@pytest.mark.parametrize("hidden", [(), (7, 5)])
def test_the_network_is_the_top_model_with_pooling_and_a_head(hidden):
    above = build.top_model(TINY, 1, build.trunk(TINY))
    network = stages.network(above, [TINY.embedding, *hidden, 4], dropout=0.5, seed=3)
    assert network.input.shape == (None, 8, 8, 24)
    assert network.output.shape == (None, 4)
    dense_layers = stages.dense(network)
    assert [layer.units for layer in dense_layers] == [*hidden, 4]
    assert [layer.activation.__name__ for layer in dense_layers] == ["relu"] * len(hidden) + [
        "linear"
    ]
    assert sum(isinstance(layer, keras.layers.Dropout) for layer in network.layers) == len(
        dense_layers
    )
