"""The pretrained network as a file that needs nothing of ours."""

import keras
import numpy as np
import pytest

from core import backbones
from core.backbones import build
from core.errors import RunDamaged
from core.export import train_program


@pytest.mark.parametrize(
    "name", ["tiny", pytest.param("efficientnet-lite0", marks=pytest.mark.slow)]
)
def test_it_answers_as_the_network_and_can_be_cut_where_ours_is(settings, tmp_path, name):
    row = backbones.get(name)
    train_program.write_backbone(row, tmp_path / train_program.BACKBONE_FILE, settings)
    found = keras.models.load_model(tmp_path / train_program.BACKBONE_FILE, compile=False)
    ours = build.trunk(row, settings=settings)
    noise = np.random.default_rng(1).uniform(0, 255, (2, row.size, row.size, 3)).astype("float32")
    np.testing.assert_allclose(found(noise), ours(noise), atol=1e-4)
    for stage in row.stages:
        assert found.get_layer(stage.layer).output.shape == ours.get_layer(stage.layer).output.shape


def test_only_what_keras_has_not_goes_with_a_run():
    names = {name for name, row in backbones.BACKBONES.items() if not row.in_keras}
    assert names == {"efficientnet-lite0", "efficientnet-lite2"}


def test_a_file_that_answers_otherwise_is_withheld(settings, tmp_path, monkeypatch):
    other = build.trunk(backbones.get("tiny"), "random")
    other.set_weights([2 * array for array in other.get_weights()])
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: other)
    path = tmp_path / train_program.BACKBONE_FILE
    with pytest.raises(RunDamaged, match="does not compute what Tiny does"):
        train_program.write_backbone(backbones.get("tiny"), path, settings)
    assert not list(tmp_path.glob("*.keras"))
