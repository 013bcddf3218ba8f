"""Run the frozen layers in TensorFlow, keeping the activation at the cut."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from core.backbones import Backbone


class KerasEngine:
    """A backbone in inference mode with two outputs: the cut and the embedding."""

    def __init__(self, backbone: Backbone, stage: int, trunk: keras.Model) -> None:
        """Look into `trunk` at the end of `backbone.stages[stage]`."""
        cut = trunk.get_layer(backbone.stages[stage].layer).output
        embedding = keras.layers.GlobalAveragePooling2D()(trunk.output)
        model = keras.Model(trunk.input, [cut, embedding])
        self._run = tf.function(
            lambda views: model(tf.cast(views, tf.float32), training=False),
            input_signature=[tf.TensorSpec((None, backbone.size, backbone.size, 3), tf.uint8)],
        )

    def run(self, views: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, size, size, 3) uint8 → embeddings (n, d) float32 and cuts (n, h, w, c) float16."""
        cut, embedding = self._run(tf.constant(views))
        return embedding.numpy(), cut.numpy().astype(np.float16)
