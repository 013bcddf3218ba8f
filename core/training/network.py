"""The network that a training starts from: a published backbone, or a fine-tuned one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.backbones import Backbone, serving
from core.backbones.variables import PREFIX
from core.errors import RunDamaged
from core.model import storage
from core.model.dense import DenseHead
from core.model.storage import ModelFile
from core.settings import Settings

if TYPE_CHECKING:
    import keras

MODEL_MISSING = (
    "The model that this training continues from is no longer here. Import its bundle again."
)


@dataclass(frozen=True)
class Network:
    """A backbone with its weights, published or fine-tuned.

    Attributes:
        folder: of the model that the training continues from; None for the published weights.
    """

    backbone: Backbone
    settings: Settings
    folder: Path | None = None

    @cached_property
    def _loaded(self) -> tuple[ModelFile, dict[str, np.ndarray]] | None:
        return None if self.folder is None else storage.load(self.folder)

    @property
    def model(self) -> ModelFile | None:
        """The model to continue from, if any. Raises RunDamaged."""
        return None if self._loaded is None else self._loaded[0]

    @property
    def retrained(self) -> Path | None:
        """The folder of the model, if its backbone was fine-tuned."""
        return self.folder if self.model is not None and self.model.fine_tuned else None

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The weights that differ from the published ones, as `keras_model.trained_arrays`."""
        arrays = {} if self._loaded is None else self._loaded[1]
        return {name: array for name, array in arrays.items() if name.startswith(PREFIX)}

    def serving_model(self) -> Path:
        """The LiteRT file of the network.

        Raises:
            UnknownModel: the backbone has not been prepared on this machine.
            RunDamaged: the file of the model is missing.
        """
        if self.retrained is None:
            return serving.required(self.backbone, self.settings)
        path = self.retrained / storage.SERVING
        if not path.is_file():
            raise RunDamaged(MODEL_MISSING)
        return path

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the LiteRT file, for the key of its features. Raises as `serving_model`."""
        return serving.sha256(self.serving_model()) or ""

    def trunk(self) -> keras.Model:
        """Build the network without a head. Imports TensorFlow.

        Raises:
            WeightsUnavailable: the published weights are not available.
            RunDamaged: the weights of the model do not fit.
        """
        from core.backbones import build
        from core.model import keras_model

        trunk = build.trunk(self.backbone, settings=self.settings)
        keras_model.restore(trunk, self.arrays)
        return trunk

    def cut(self, stage: int | None) -> str | None:
        """Name of the highest stage up to which all weights are as published; None if all are.

        Args:
            stage: index of the stage below those that this training changes, if it changes any.
        """
        names = [stage.name for stage in self.backbone.stages]
        cuts = [] if stage is None else [stage]
        if self.model is not None and self.model.cut is not None:
            cuts.append(names.index(self.model.cut))
        return names[min(cuts)] if cuts else None

    def head(
        self, classes: tuple[str, ...], hidden: tuple[int, ...], width: int
    ) -> DenseHead | None:
        """The head to start from; None without a model, with other features or hidden layers.

        Classes are matched by name. A new class starts as the mean of the old ones, which favours
        neither it nor them.
        """
        if self._loaded is None:
            return None
        saved, arrays = self._loaded
        if (saved.hidden, saved.width) != (hidden, width):
            return None
        old = DenseHead.from_arrays(arrays).with_temperature(1 / (saved.temperature or 1.0))
        kernel, bias = old.layers[-1]
        index_of = {name: index for index, name in enumerate(saved.classes)}
        sources = [index_of.get(name) for name in classes]
        columns = [kernel.mean(axis=1) if n is None else kernel[:, n] for n in sources]
        biases = [bias.mean() if n is None else bias[n] for n in sources]
        last = np.stack(columns, axis=1), np.array(biases, np.float32)
        return DenseHead((*old.layers[:-1], last))
