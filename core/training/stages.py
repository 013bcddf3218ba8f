"""The network of phase 2: the stages above the cut, with a head."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import keras
import numpy as np

from core.model.retrained import Retrained


def unfreeze(above: keras.Model, layers: int) -> None:
    """Make `above`, or its last `layers`, trainable, except batch normalisation.

    A frozen `BatchNormalization` of Keras also runs in inference mode, so its statistics stay.
    """
    chosen = above.layers[-layers:] if layers else above.layers
    for layer in above.layers:
        layer.trainable = layer in chosen and not isinstance(layer, keras.layers.BatchNormalization)


def network(above: keras.Model, widths: Sequence[int], dropout: float, seed: int) -> keras.Model:
    """Build `above` with pooling and a head; the outputs are logits."""
    inputs = keras.Input(above.input.shape[1:])
    x = keras.layers.GlobalAveragePooling2D()(above(inputs))
    for number, units in enumerate(widths[1:]):
        last = number == len(widths) - 2
        x = keras.layers.Dropout(dropout, seed=seed + number)(x)
        x = keras.layers.Dense(units, activation=None if last else "relu")(x)
    return keras.Model(inputs, x)


def trained(above: keras.Model) -> list[keras.layers.Layer]:
    """The trainable layers, from the cut up."""
    return [layer for layer in above.layers if layer.trainable_variables]


def dense(network: keras.Model) -> list[keras.layers.Dense]:
    """The layers of the head, from the features up."""
    return [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]


def retrained(
    layers: Iterable[keras.layers.Layer], before: Iterable[list[np.ndarray]]
) -> list[Retrained]:
    """Pair the weights of layers before and after training.

    Args:
        before: of each layer, as returned by `get_weights`.

    Raises:
        LookupError: a layer is not a convolution.
    """
    pairs = []
    for layer, (kernel, *bias) in zip(layers, before, strict=True):
        if not isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            raise LookupError(f"{layer.name} is not a convolution")
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        new_kernel, *new_bias = layer.get_weights()
        pairs.append(Retrained(kernel, new_kernel, depthwise, *bias, *new_bias))
    return pairs


def embedding(trunk: keras.Model, view: np.ndarray) -> np.ndarray:
    """The embedding (d,) float32 of a view (size, size, 3) uint8."""
    return trunk(view[np.newaxis].astype(np.float32), training=False).numpy()[0].mean((0, 1))
