"""Run the frozen layers over views: LiteRT on a CPU, TensorFlow on a GPU."""

import os
import queue
from pathlib import Path
from typing import Protocol

import numpy as np

from core.model import deep_features
from core.model.classifier import ServingModel, on_one_thread
from core.system import threads
from core.training.network import Network

GPU_DEVICES = ("nvidia[0-9]*", "dxg", "kfd")
"""Files that GPU drivers make in `/dev`: of Nvidia, in WSL, of AMD."""


class Engine(Protocol):
    """The frozen layers.

    Attributes:
        name: key of its features in the cache; the same name gives the same features.
        callers: how many threads it can serve at once.
        batch: number of views per call that suits it.
        depths: layers whose pooled activations end its embeddings.
        width: of the embeddings.
        cut: name of the layer whose activation it returns; None for the embedding alone.
        cut_shape: (h, w, c) of that activation; empty without one.
    """

    name: str
    callers: int
    batch: int
    depths: tuple[str, ...]
    width: int
    cut: str | None
    cut_shape: tuple[int, ...]

    def run(self, views: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Embeddings and activations of some views; safe to call from several threads.

        Args:
            views: (n, size, size, 3) uint8.

        Returns:
            Embeddings (n, d) float32, and activations at the cut (n, h, w, c) float16 or None.
        """


class LitertEngine:
    """One LiteRT interpreter per core, each on one thread.

    Attributes:
        model: the LiteRT file.
    """

    batch = 4

    def __init__(
        self,
        model: Path,
        name: str,
        cut: str | None = None,
        callers: int = 0,
        depths: tuple[str, ...] = (),
    ) -> None:
        """Open the file in one interpreter per caller; 0 callers mean one per core."""
        self.model, self.name, self.cut, self.depths = model, name, cut, depths
        self.callers = callers or threads.cores()
        interpreters = [on_one_thread(model) for _ in range(self.callers)]
        self.cut_shape = interpreters[0].shapes.get("cut", ())
        (self.width,) = interpreters[0].shapes["embedding"]
        self._idle: queue.SimpleQueue[ServingModel] = queue.SimpleQueue()
        for interpreter in interpreters:
            self._idle.put(interpreter)

    def run(self, views: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """See `Engine.run`."""
        interpreter = self._idle.get()
        try:
            outputs = [interpreter.outputs(view) for view in views]
        finally:
            self._idle.put(interpreter)
        embeddings = np.stack([output["embedding"] for output in outputs])
        if self.cut is None:
            return embeddings, None
        return embeddings, np.stack([output["cut"] for output in outputs]).astype(np.float16)


def litert(network: Network, stage: int | None, depths: tuple[str, ...] = ()) -> LitertEngine:
    """The engine that serves predictions.

    Args:
        stage: index in `backbone.stages` whose activation it returns too, from a copy of the file
            with that output; None for the embedding alone.
        depths: layers whose pooled activations follow the embedding; only with published weights.

    Raises:
        UnknownModel: the backbone has not been prepared on this machine.
    """
    model, name = network.serving_model(), f"{network.backbone.name}-{network.digest[:12]}-litert"
    if depths:
        model = deep_features.serving_model(network.backbone, depths, network.settings)
    if stage is None:
        return LitertEngine(model, name, depths=depths)
    layer = network.backbone.stages[stage].layer
    copy = deep_features.edited(
        model,
        network.copies_folder,
        layer,
        lambda file: file.keep("embedding", inside={"cut": file.output_of(layer)}),
    )
    return LitertEngine(copy, name, cut=layer, depths=depths)


def for_training(serving_engine: LitertEngine, network: Network, stage: int | None) -> Engine:
    """The engine for training views: TensorFlow if it can use a GPU, the serving engine if not.

    The choice depends on the machine alone, so a training that is repeated there gives the same
    report.
    """
    if not has_gpu():
        return serving_engine
    from core.training.keras_engine import KerasEngine

    name = serving_engine.name.removesuffix("litert") + "tensorflow"
    return KerasEngine(network, stage, name, serving_engine.depths)


def has_gpu(devices: Path = Path("/dev")) -> bool:
    """Whether TensorFlow can use a GPU; imported only where there is one and it is not hidden."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if hidden or not any(any(devices.glob(name)) for name in GPU_DEVICES):
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
