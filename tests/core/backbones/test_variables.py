"""What is written of trainable weights is what the networks have."""

import keras
import pytest

from core import backbones
from core.backbones import build, variables
from core.model import keras_model
from core.training import stages

NAMES = ["tiny", *(pytest.param(name, marks=pytest.mark.slow) for name in backbones.BACKBONES)]


@pytest.mark.parametrize("name", NAMES)
def test_the_table_lists_the_trainable_weights_in_their_order(name: str) -> None:
    backbone = backbones.get(name)
    assert variables.of(backbone) == variables.from_network(backbone)
    trunk = build.trunk(backbone, "random")
    for stage in range(len(backbone.stages) - 1):
        above = build.top_model(backbone, stage, trunk)
        written = variables.of(backbone).above(stage)
        # All of it, and the last few layers: what is trained reaches from some layer to the top.
        for layers in (0, len(above.layers) // 2):
            stages.unfreeze(above, layers)
            arrays = keras_model.trained_arrays(trunk, above)
            assert {n: a.shape for n, a in arrays.items()} == dict(
                list(written.items())[len(written) - len(arrays) :]
            )
        keras.backend.clear_session()
