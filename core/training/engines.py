"""Run the frozen layers over views: LiteRT on a CPU, TensorFlow on a GPU."""

import os
from importlib import metadata
from pathlib import Path
from typing import Protocol

import numpy as np

from core.backbones import serving
from core.model import deep_features
from core.model.classifier import on_one_thread
from core.system import threads
from core.training.cache import embedding_array
from core.training.network import Network

GPU_DEVICES = ("nvidia[0-9]*", "dxg", "kfd")
"""Files that GPU drivers make in `/dev`: of Nvidia, in WSL, of AMD."""


class Engine(Protocol):
    """The frozen layers.

    Attributes:
        name: key of its features in the cache; the same name gives the same features.
        callers: how many threads it can serve at once.
        batch: number of views per call that suits it.
        outputs: name in the cache and shape of each array of a view: the embedding (d,) and, if it
            is kept, the activation at the cut (h, w, c).
    """

    name: str
    callers: int
    batch: int
    outputs: dict[str, tuple[int, ...]]

    def run(self, views: np.ndarray) -> list[np.ndarray]:
        """The outputs for some views; safe to call from several threads.

        Args:
            views: (n, size, size, 3) uint8.

        Returns:
            Embeddings (n, d) float32, and the activations at the cut (n, h, w, c) float16, if kept.
        """


class LitertEngine:
    """One LiteRT interpreter per core, each on one thread.

    Attributes:
        model: the LiteRT file.
        cut: name of the layer whose activation is kept; None for the embedding alone.
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
        self.model, self.name, self.cut = model, name, cut
        self.callers = callers or threads.cores()
        interpreters = [on_one_thread(model) for _ in range(self.callers)]
        shapes = interpreters[0].shapes
        self.outputs = {embedding_array(depths): shapes["embedding"]}
        if cut is not None:
            self.outputs[cut] = shapes["cut"]
        self._interpreters = threads.Pool(interpreters)

    def run(self, views: np.ndarray) -> list[np.ndarray]:
        """See `Engine.run`."""
        with self._interpreters.borrowed() as interpreter:
            outputs = [interpreter.outputs(view) for view in views]
        arrays = [np.stack([output["embedding"] for output in outputs])]
        if self.cut is not None:
            arrays.append(np.stack([output["cut"] for output in outputs]).astype(np.float16))
        return arrays


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
        network.retrained or serving.folder_of(network.backbone, network.settings),
        f"cut-{layer}",
        lambda file: file.keep("embedding", inside={"cut": file.output_of(layer)}),
    )
    return LitertEngine(copy, name, cut=layer, depths=depths)


def for_training(
    serving_engine: LitertEngine, network: Network, stage: int | None, depths: tuple[str, ...] = ()
) -> Engine:
    """The engine for training views: TensorFlow if it can use a GPU, the serving engine if not.

    The choice depends on the machine alone, so a training that is repeated there gives the same
    report.
    """
    if not has_gpu():
        return serving_engine
    from core.training.keras_engine import KerasEngine

    name = serving_engine.name.removesuffix("litert") + "tensorflow"
    return KerasEngine(network, stage, name, depths)


def has_gpu(devices: Path = Path("/dev")) -> bool:
    """Whether TensorFlow can use a GPU; it is imported only if a GPU driver is there."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if hidden or not any(any(devices.glob(name)) for name in GPU_DEVICES):
        return False
    if _installed("tensorflow-cpu") and not _installed("tensorflow"):
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def _installed(package: str) -> bool:
    return any(metadata.distributions(name=package))
