"""The camera check is tried with cameras that are as they should be, and with poor ones."""

import json

import numpy as np
import pytest

from benchmarks import camera


def test_a_poor_camera_is_dark_blue_or_soft():
    view = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    assert camera.CAMERAS["dark"](view).mean() < view.mean() / 2.9
    blue = camera.CAMERAS["blue"](view).mean(axis=(0, 1))
    assert blue[0] < 0.65 * view[..., 0].mean()
    assert blue[2] > view[..., 2].mean()
    assert camera.CAMERAS["blurred"](view).std() < view.std() / 2


@pytest.mark.slow
def test_false_alarms_are_few_and_poor_cameras_are_noticed(datasets, capsys):
    assert camera.main(["--datasets", str(datasets), "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["pass"] is True
    assert line["figures"]["ants_bees, dark, ten pictures: unlike"]["measured"] > 0.9
