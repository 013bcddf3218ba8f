"""Write a network as a SavedModel."""

from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf

from core.export.metadata import Description

EXTRA = "assets.extra"
"""Where a SavedModel keeps what is not for TensorFlow."""


def convert(named: keras.Model, folder: Path, about: Description) -> None:
    """Write a folder with the endpoint `serve`, for any number of pictures at once.

    Args:
        named: from `picture` to a dict of `probabilities`.
    """
    # `Model.export` writes each weight twice.
    module = tf.Module()
    module.weights = [variable.value for variable in named.variables]
    module.serve = tf.function(
        lambda picture: named(picture, training=False), input_signature=signature(named)
    )
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    extra = folder / EXTRA
    extra.mkdir()
    for name, content in about.entries.items():
        (extra / name).write_text(content, encoding="utf-8")


def signature(named: keras.Model) -> list[tf.TensorSpec]:
    """Of a function that takes any number of pictures, float32, RGB 0–255."""
    return [tf.TensorSpec((None, *named.input.shape[1:]), tf.float32, name="picture")]
