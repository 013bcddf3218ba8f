"""Run the frozen layers in TensorFlow, a batch of views at a time."""

import threading

import keras
import numpy as np
import tensorflow as tf

from core.training.cache import embedding_array
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
        """Build the network; arguments as for `engines.litert`. Raises as `Network.trunk`."""
        self.name, backbone, trunk = name, network.backbone, network.trunk()
        maps = [trunk.output, *(trunk.get_layer(layer).output for layer in depths)]
        pooled = [keras.layers.GlobalAveragePooling2D()(map_) for map_ in maps]
        outputs = [keras.layers.Concatenate()(pooled) if depths else pooled[0]]
        names = [embedding_array(depths)]
        if stage is not None:
            names.append(backbone.stages[stage].layer)
            outputs.append(trunk.get_layer(names[-1]).output)
        self.outputs = {name: tuple(o.shape[1:]) for name, o in zip(names, outputs, strict=True)}
        model = keras.Model(trunk.input, outputs)
        self._lock = threading.Lock()
        self._run = tf.function(
            # Keras unpacks the list of a single output.
            lambda views: tf.nest.flatten(model(tf.cast(views, tf.float32), training=False)),
            input_signature=[tf.TensorSpec((None, backbone.size, backbone.size, 3), tf.uint8)],
        )

    def run(self, views: np.ndarray) -> list[np.ndarray]:
        """See `core.training.engines.Engine.run`."""
        with self._lock:
            embeddings, *cuts = (tensor.numpy() for tensor in self._run(tf.constant(views)))
        return [embeddings, *(cut.astype(np.float16) for cut in cuts)]
