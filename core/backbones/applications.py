"""Build the networks of `keras.applications` with RGB 0–255 as input."""

from pathlib import Path

import keras
import numpy as np
from keras import layers

from core.backbones.row import Backbone
from core.errors import WeightsUnavailable

# Mean of each channel over ImageNet, blue first, as the Caffe weights expect it.
# Source: keras.applications.imagenet_utils.preprocess_input, mode "caffe".
CAFFE_MEAN = (103.939, 116.779, 123.68)


def build(backbone: Backbone) -> keras.Model:
    """The ImageNet classifier with random weights.

    Returns:
        Model from float32 (n, size, size, 3), RGB 0–255, to probabilities (n, 1000).
    """
    picture = keras.Input((backbone.size, backbone.size, 3), name="picture")
    architecture = getattr(keras.applications, backbone.recipe.architecture)
    model = architecture(weights=None, input_tensor=_scale(picture, backbone.recipe.scaling))
    return keras.Model(picture, model.output, name=backbone.name)


def load(model: keras.Model, path: Path) -> None:
    """Fill the model from an HDF5 file of `keras.applications`, with its top.

    Raises:
        WeightsUnavailable: the file is not the weights of this network.
    """
    # The file does not contain the layer that swaps colours.
    published = model
    if any(layer.name == "rgb_to_bgr" for layer in model.layers):
        published = keras.Model(model.get_layer("rgb_to_bgr").output, model.output)
    try:
        published.load_weights(path)
    except (OSError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise WeightsUnavailable(
            f"{path} does not hold the weights of {model.name}: it is damaged, or another file "
            "(the one with the top is needed). Delete or replace it."
        ) from error


def _scale(picture: keras.KerasTensor, scaling: str) -> keras.KerasTensor:
    """`preprocess_input` as a layer that every export format supports."""
    if scaling == "none":
        return picture
    if scaling == "tf":
        return layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(picture)
    swap = layers.Conv2D(3, 1, trainable=False, name="rgb_to_bgr")
    scaled = swap(picture)
    swap.set_weights([np.eye(3)[::-1].reshape(1, 1, 3, 3), -np.array(CAFFE_MEAN)])
    return scaled
