"""The network that a training starts from: a backbone as published, or as a model left it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.backbones import Backbone, serving
from core.backbones.variables import PREFIX
from core.errors import RunDamaged
from core.model import storage as model
from core.model.dense import DenseHead
from core.model.storage import ModelFile
from core.settings import Settings
from core.system import files

if TYPE_CHECKING:
    import keras

GONE = "The model that this training goes on from is no longer here. Bring its bundle again."


@dataclass(frozen=True)
class Network:
    """A backbone with whatever weights a training finds in it.

    All that looks at pictures, builds the network or writes it asks here, so that nothing else
    need know whether there was a training before.

    Attributes:
        folder: of the model that the training goes on from; None for the published weights.
    """

    backbone: Backbone
    settings: Settings
    folder: Path | None = None

    @cached_property
    def _taught(self) -> tuple[ModelFile, dict[str, np.ndarray]] | None:
        return None if self.folder is None else model.load(self.folder)

    @property
    def model(self) -> ModelFile | None:
        """What the training goes on from; None where it starts anew. Raises RunDamaged."""
        return None if self._taught is None else self._taught[0]

    @property
    def retrained(self) -> Path | None:
        """The folder of the model whose backbone is not as published, if it is one of those."""
        return self.folder if self.model is not None and self.model.fine_tuned else None

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The weights that differ from the published ones, as `keras_model.trained_arrays`."""
        arrays = {} if self._taught is None else self._taught[1]
        return {name: array for name, array in arrays.items() if name.startswith(PREFIX)}

    def serving_model(self) -> Path:
        """The LiteRT file that answers with it.

        Raises:
            UnknownModel: the backbone has not been prepared on this machine.
            RunDamaged: the model's is gone.
        """
        if self.retrained is None:
            return serving.required(self.backbone, self.settings)
        path = self.retrained / model.SERVING
        if not path.is_file():
            raise RunDamaged(GONE)
        return path

    @cached_property
    def digest(self) -> str:
        """SHA-256 of that file, by which features are kept. Raises as `serving_model`."""
        path = self.serving_model()
        published = self.retrained is None
        kept = serving.digest(self.backbone, self.settings) if published else None
        return kept or files.sha256(path)

    @property
    def workplace(self) -> Path:
        """Where copies of that file may be kept which show what is inside."""
        return self.retrained or serving.kept_in(self.backbone, self.settings)

    def prepare(self, say: Callable[[str], None], progress: serving.Progress) -> None:
        """See to it that there is such a file. Imports TensorFlow if it has to be made."""
        if self.retrained is None and serving.locate(self.backbone, self.settings) is None:
            say(f"{self.backbone.title} is prepared first. This happens once.")
            serving.prepare(self.backbone, self.settings, progress)

    def trunk(self) -> keras.Model:
        """The network without a head, ready to be trained. Imports TensorFlow.

        Raises:
            WeightsUnavailable: the published weights cannot be had.
            RunDamaged: the model's do not fit.
        """
        from core.backbones import build
        from core.model import keras_model

        trunk = build.trunk(self.backbone, settings=self.settings)
        keras_model.restore(trunk, self.arrays)
        return trunk

    def cut(self, stage: int | None) -> str | None:
        """The stage below all that is no longer as published, once those above one are trained.

        Args:
            stage: index of the stage below what this training changes; None if it changes none.
        """
        names = [one.name for one in self.backbone.stages]
        before = self.model.cut if self.model is not None else None
        stages = [stage] if before is None else [stage, names.index(before)]
        lowest = min((one for one in stages if one is not None), default=None)
        return None if lowest is None else names[lowest]

    def head(self, classes: tuple[str, ...], hidden: tuple[int, ...]) -> DenseHead | None:
        """The head that a training starts with; None where there is nothing to take over.

        Classes are known by their names. A class that is new starts as the mean of those that were
        there, which by itself speaks neither for nor against it.

        Args:
            classes: that are to be told apart.
            hidden: units of the hidden layers; other ones than before start anew.
        """
        if self._taught is None or self._taught[0].hidden != hidden:
            return None
        saved, arrays = self._taught
        old = DenseHead.from_arrays(arrays).tempered(1 / (saved.temperature or 1.0))
        kernel, bias = old.layers[-1]
        place = {name: index for index, name in enumerate(saved.classes)}
        rows = [place.get(name) for name in classes]
        columns = [kernel.mean(axis=1) if row is None else kernel[:, row] for row in rows]
        biases = [bias.mean() if row is None else bias[row] for row in rows]
        last = np.stack(columns, axis=1), np.array(biases, np.float32)
        return DenseHead((*old.layers[:-1], last))
