"""The network of phase 2: the stages above the cut, what of them is trained, and the head."""

from __future__ import annotations

from collections.abc import Sequence

import keras


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
