"""The network of phase 2: the stages above the cut, what of them is trained, and the head."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import keras
import numpy as np

from core.model.retrained import Retrained


def unfreeze(above: keras.Model, layers: int) -> None:
    """Mark what phase 2 trains: all of `above`, or its last `layers`; never batch normalisation.

    A frozen `BatchNormalization` of Keras also runs in inference mode, so its statistics stay.
    """
    kept = above.layers[-layers:] if layers else above.layers
    for layer in above.layers:
        layer.trainable = layer in kept and not isinstance(layer, keras.layers.BatchNormalization)


def network(above: keras.Model, widths: Sequence[int], dropout: float, seed: int) -> keras.Model:
    """`above`, pooling and a head; ends in logits."""
    inputs = keras.Input(above.input.shape[1:])
    x = keras.layers.GlobalAveragePooling2D()(above(inputs))
    for number, units in enumerate(widths[1:]):
        last = number == len(widths) - 2
        x = keras.layers.Dropout(dropout, seed=seed + number)(x)
        x = keras.layers.Dense(units, activation=None if last else "relu")(x)
    return keras.Model(inputs, x)


def trained(above: keras.Model) -> list[keras.layers.Layer]:
    """The layers that are to be trained, from the cut up."""
    return [layer for layer in above.layers if layer.trainable_variables]


def dense(network: keras.Model) -> list[keras.layers.Dense]:
    """The layers of the head, from the features up."""
    return [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]


def retrained(
    layers: Iterable[keras.layers.Layer], before: Iterable[list[np.ndarray]]
) -> list[Retrained]:
    """Layers with their weights before and after.

    Args:
        before: what `get_weights` gave of each.

    Raises:
        LookupError: a layer is not a convolution.
    """
    found = []
    for layer, (kernel, *bias) in zip(layers, before, strict=True):
        if not isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            raise LookupError(f"{layer.name} is not a convolution")
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        new_kernel, *new_bias = layer.get_weights()
        found.append(Retrained(kernel, new_kernel, depthwise, *bias, *new_bias))
    return found


def embedding(trunk: keras.Model, view: np.ndarray) -> np.ndarray:
    """What a whole backbone makes of (size, size, 3) uint8: (d,) float32."""
    return trunk(view[np.newaxis].astype(np.float32), training=False).numpy()[0].mean((0, 1))
