"""Run the frozen layers in TensorFlow, a batch of views at a time."""

import threading

import keras
import numpy as np
import tensorflow as tf

from core.training.network import Network


class KerasEngine:
    """A backbone in inference mode.

    Callers take turns: TensorFlow runs one batch while others decode pictures.
    """

    callers = 3
    batch = 16

    def __init__(
        self, network: Network, stage: int | None, name: str, depths: tuple[str, ...] = ()
    ) -> None:
        """Build the network.

        Args:
            stage: index in `backbone.stages` whose activation is returned too; None for none.
            name: key of its features in the cache.
            depths: layers whose pooled activations follow the embedding.

        Raises:
            WeightsUnavailable: the weights are not to be had.
        """
        self.name, backbone, trunk = name, network.backbone, network.trunk()
        self.depths, self.width = depths, backbone.width(depths)
        maps = [trunk.output, *(trunk.get_layer(layer).output for layer in depths)]
        pooled = [keras.layers.GlobalAveragePooling2D()(map_) for map_ in maps]
        outputs = [keras.layers.Concatenate()(pooled) if depths else pooled[0]]
        self.cut: str | None = None
        self.cut_shape: tuple[int, ...] = ()
        if stage is not None:
            self.cut = backbone.stages[stage].layer
            outputs.append(trunk.get_layer(self.cut).output)
            self.cut_shape = tuple(outputs[-1].shape[1:])
        model = keras.Model(trunk.input, outputs)
        self._lock = threading.Lock()
        self._run = tf.function(
            # Keras unpacks the list of a single output.
            lambda views: tf.nest.flatten(model(tf.cast(views, tf.float32), training=False)),
            input_signature=[tf.TensorSpec((None, backbone.size, backbone.size, 3), tf.uint8)],
        )

    def run(self, views: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """See `core.training.engines.Engine.run`."""
        with self._lock:
            outputs = [tensor.numpy() for tensor in self._run(tf.constant(views))]
        return outputs[0], outputs[1].astype(np.float16) if self.cut else None
