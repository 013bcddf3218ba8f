"""Write a run's own LiteRT file: probabilities, embedding and feature map from RGB 0–255."""

from __future__ import annotations

from pathlib import Path

import keras

from core import files
from core.backbones import serving


def convert(serving_form: keras.Model, path: Path) -> None:
    """Write a three-output model as a LiteRT file, at once."""
    with files.replacing(path) as temporary:
        serving.convert(serving_form, temporary, serving_form.input.shape[1:])
