"""The pretrained network as a file that needs nothing of ours."""

import keras
import numpy as np
import pytest

from core import backbones
from core.backbones import build
from core.errors import RunDamaged
from core.export import parts


@pytest.mark.parametrize(
    "name", ["tiny", pytest.param("efficientnet-lite0", marks=pytest.mark.slow)]
)
def test_the_file_gives_the_features_of_the_network_and_has_its_stages(settings, name):
    row = backbones.get(name)
    loaded = keras.models.load_model(parts.backbone_file(row, settings), compile=False)
    trunk = build.trunk(row, settings=settings)
    noise = np.random.default_rng(1).uniform(0, 255, (2, row.size, row.size, 3)).astype("float32")
    np.testing.assert_allclose(loaded(noise), trunk(noise), atol=1e-4)
    for stage in row.stages:
        assert (
            loaded.get_layer(stage.layer).output.shape == trunk.get_layer(stage.layer).output.shape
        )


def test_only_backbones_that_keras_lacks_are_part_of_a_bundle():
    names = {name for name, row in backbones.BACKBONES.items() if not row.in_keras}
    assert names == {"efficientnet-lite0", "efficientnet-lite2"}


def test_a_file_with_other_outputs_is_withheld(settings, monkeypatch):
    other_network = build.trunk(backbones.get("tiny"), "random")
    other_network.set_weights([2 * array for array in other_network.get_weights()])
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: other_network)
    with pytest.raises(RunDamaged, match="does not compute what Tiny does"):
        parts.backbone_file(backbones.get("tiny"), settings)
    assert not list(settings.home.rglob("*.keras"))
