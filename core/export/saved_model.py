"""Write a network as a SavedModel."""

from __future__ import annotations

from pathlib import Path

import keras

from core.export.description import Description

EXTRA = "assets.extra"
"""Where a SavedModel keeps what is not for TensorFlow."""


def convert(named: keras.Model, folder: Path, about: Description) -> None:
    """Write a folder with the endpoint `serve`, for any number of pictures at once.

    Args:
        named: from `picture` to a dict of `probabilities`.
    """
    named.export(folder, format="tf_saved_model", verbose=False)
    extra = folder / EXTRA
    extra.mkdir()
    for name, content in about.entries.items():
        (extra / name).write_text(content, encoding="utf-8")
