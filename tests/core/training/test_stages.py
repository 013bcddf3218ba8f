"""How high the network is cut, and what of it phase 2 may change."""

import keras
import pytest

from core.backbones import build, get
from core.errors import BadConfig
from core.training import stages
from core.training.config import Unfreeze

TINY = get("tiny")


@pytest.mark.parametrize(
    ("wanted", "stage"),
    [
        (Unfreeze(stages=1), 1),
        (Unfreeze(stages=2), 0),
        (Unfreeze(layers=1), 1),
        (Unfreeze(layers=3), 1),
        (Unfreeze(layers=4), 0),
        (Unfreeze(layers=6), 0),
    ],
    ids=str,
)
def test_the_cut_is_as_high_as_what_is_to_be_trained_allows(wanted, stage):
    assert stages.cut_stage(TINY, build.trunk(TINY), wanted) == stage


def test_more_layers_than_lie_above_the_first_stage_are_refused():
    with pytest.raises(BadConfig, match=r"Tiny.*found 7\. Ask for fewer"):
        stages.cut_stage(TINY, build.trunk(TINY), Unfreeze(layers=7))


def test_nothing_is_marked_for_training_but_the_layers_asked_for():
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
def test_the_network_is_what_is_above_pooled_under_a_head(hidden):
    above = build.top_model(TINY, 1, build.trunk(TINY))
    network = stages.network(above, [TINY.embedding, *hidden, 4], dropout=0.5, seed=3)
    assert network.input.shape == (None, 8, 8, 24)
    assert network.output.shape == (None, 4)
    found = stages.dense(network)
    assert [layer.units for layer in found] == [*hidden, 4]
    assert [layer.activation.__name__ for layer in found] == ["relu"] * len(hidden) + ["linear"]
    assert sum(isinstance(layer, keras.layers.Dropout) for layer in network.layers) == len(found)
