"""The network of phase 2: the stages above the cut, with a head."""

from collections.abc import Iterable, Sequence

import keras
import numpy as np
import tensorflow as tf

from core.model.retrained import Retrained
from core.training.config import Phase

WARM_UP = 0.1
"""Share of the steps in which the learning rate rises from zero to its peak."""


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


def pooled(network: keras.Model) -> keras.Model:
    """`network` up to its embedding."""
    pooling = keras.layers.GlobalAveragePooling2D
    (layer,) = (layer for layer in network.layers if isinstance(layer, pooling))
    return keras.Model(network.input, layer.output)


def optimizer(phase: Phase, steps: int) -> keras.optimizers.Optimizer:
    """The optimiser of a phase; its rate warms up, then follows a cosine to zero."""
    warm_up = max(1, round(WARM_UP * steps))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        max(1, steps - warm_up),
        warmup_target=phase.learning_rate,
        warmup_steps=warm_up,
    )
    match phase.optimizer:
        case "adam":
            return keras.optimizers.Adam(rate)
        case "adamw":
            return keras.optimizers.AdamW(rate, weight_decay=phase.weight_decay)
        case "rmsprop":
            return keras.optimizers.RMSprop(rate)
        case "sgd":
            return keras.optimizers.SGD(rate, momentum=phase.momentum)


def graphs(
    network: keras.Model, optimizer: keras.optimizers.Optimizer
) -> tuple[tf.types.experimental.GenericFunction, ...]:
    """The two halves of a training step as graphs: compute gradients of some rows, and apply them.

    They take half the time that `fit` needs with its bookkeeping.
    """
    variables = network.trainable_variables
    optimizer.build(variables)
    signature = [
        tf.TensorSpec((None, *network.input.shape[1:]), tf.float32),
        tf.TensorSpec((None, network.output.shape[-1]), tf.float32),
        tf.TensorSpec((None,), tf.float32),
    ]

    def gradients(activations, smoothed, weights):  # type: ignore[no-untyped-def]
        with tf.GradientTape() as tape:
            logits = network(activations, training=True)
            losses = tf.nn.softmax_cross_entropy_with_logits(smoothed, logits)
            loss = tf.reduce_sum(losses * weights)
        hits = tf.equal(tf.argmax(logits, 1), tf.argmax(smoothed, 1))
        hits = tf.reduce_sum(tf.cast(hits, tf.float32))
        return loss, hits, tape.gradient(loss, variables)

    def apply(sums):  # type: ignore[no-untyped-def]
        optimizer.apply(sums, variables)

    sums = [tf.TensorSpec(variable.shape, variable.dtype) for variable in variables]
    return (
        tf.function(gradients, input_signature=signature),
        tf.function(apply, input_signature=[sums]),
    )


def logits(network: keras.Model) -> tf.types.experimental.GenericFunction:
    """The forward pass in inference mode, as a graph."""
    shape = network.input.shape[1:]
    return tf.function(
        lambda activations: network(activations, training=False),
        input_signature=[tf.TensorSpec((None, *shape), tf.float32)],
    )


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
