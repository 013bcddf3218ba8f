"""Build a network for tests: small, random weights, 32-pixel pictures."""

import keras
from keras import layers

from core.backbones.row import Backbone

CHANNELS = (16, 24, 32)


def build(backbone: Backbone) -> keras.Model:
    """A classifier of 1,000 classes, structured like the large ones.

    Returns:
        Model from float32 (n, 32, 32, 3), RGB 0–255, to probabilities (n, 1000).
    """
    picture = keras.Input((backbone.size, backbone.size, 3), name="picture")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(picture)
    for name, filters in zip(("stem", "block1", "block2"), CHANNELS, strict=True):
        x = layers.Conv2D(
            filters, 3, strides=2, padding="same", use_bias=False, name=f"{name}_conv"
        )(x)
        x = layers.BatchNormalization(name=f"{name}_bn")(x)
        x = layers.ReLU(name=f"{name}_relu")(x)
    x = layers.GlobalAveragePooling2D(name="embedding")(x)
    x = layers.Dense(1000, activation="softmax", name="probabilities")(x)
    return keras.Model(picture, x, name=backbone.name)
