"""Write a run's own LiteRT file: probabilities, embedding and feature map from RGB 0–255."""

from __future__ import annotations

from pathlib import Path

import keras

from core import files, model
from core.backbones import serving
from core.export import keras_model
from core.settings import Settings


def write(folder: Path, settings: Settings) -> None:
    """Make `classifier.tflite` from the weights beside it.

    Raises:
        RunDamaged: the weights cannot be read.
        WeightsUnavailable: the backbone's weights cannot be had.
    """
    saved, arrays = model.load(folder)
    _, serving_form = keras_model.assemble(saved, arrays, settings)
    convert(serving_form, folder / model.LITERT)


def convert(serving_form: keras.Model, path: Path) -> None:
    """Write a three-output model as a LiteRT file, at once."""
    with files.replacing(path) as temporary:
        serving.convert(serving_form, temporary, serving_form.input.shape[1:])
