"""Run the frozen layers in TensorFlow, a batch of views at a time."""

from __future__ import annotations

import threading
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from core.training.network import Network

Precision = Literal["float32", "mixed_bfloat16"]


class KerasEngine:
    """A backbone in inference mode, with the embedding and, if asked for, the activation at a cut.

    Callers take turns: TensorFlow uses all cores for one batch, while others decode theirs.
    """

    lanes = 3
    batch = 16

    def __init__(
        self,
        network: Network,
        stage: int | None,
        name: str,
        precision: Precision = "float32",
    ) -> None:
        """Build the network.

        Args:
            stage: index in `backbone.stages` whose activation is kept; None for none.
            name: what its features are filed under.

        Raises:
            WeightsUnavailable: the weights cannot be had.
        """
        self.name, backbone = name, network.backbone
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy(precision)
        try:
            trunk = network.trunk()
        finally:
            keras.config.set_dtype_policy(policy)
        outputs = [keras.layers.GlobalAveragePooling2D(dtype="float32")(trunk.output)]
        self.cut: str | None = None
        self.cut_shape: tuple[int, ...] = ()
        if stage is not None:
            self.cut = backbone.stages[stage].layer
            outputs.append(trunk.get_layer(self.cut).output)
            self.cut_shape = tuple(outputs[-1].shape[1:])
        model = keras.Model(trunk.input, outputs)
        self._lock = threading.Lock()
        self._run = tf.function(
            lambda views: [
                tf.cast(found, tf.float32)
                # Keras unpacks the list of a single output.
                for found in tf.nest.flatten(model(tf.cast(views, tf.float32), training=False))
            ],
            input_signature=[tf.TensorSpec((None, backbone.size, backbone.size, 3), tf.uint8)],
        )

    def run(self, views: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """(n, size, size, 3) uint8 → embeddings (n, d) float32, cuts (n, h, w, c) float16."""
        with self._lock:
            found = [tensor.numpy() for tensor in self._run(tf.constant(views))]
        return found[0], found[1].astype(np.float16) if self.cut else None
