"""Run the frozen layers over views, in LiteRT."""

from pathlib import Path

import numpy as np

from core.backbones import serving
from core.model import deep_features
from core.model.classifier import on_one_thread
from core.system import threads
from core.training.cache import embedding_array
from core.training.network import Network


class LitertEngine:
    """The frozen layers: one LiteRT interpreter per core, each on one thread.

    Attributes:
        model: the LiteRT file.
        name: key of its features in the cache; the same name gives the same features.
        cut: name of the layer whose activation is kept; None for the embedding alone.
        callers: how many threads it can serve at once.
        outputs: name in the cache and shape of each array of a view: the embedding (d,) and, if it
            is kept, the activation at the cut (h, w, c).
    """

    batch = 4
    """Views per call that suit it."""

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
        """The outputs for some views; safe to call from several threads.

        Args:
            views: (n, size, size, 3) uint8.

        Returns:
            Embeddings (n, d) float32, and the activations at the cut (n, h, w, c) float16, if kept.
        """
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
