"""Save the state of fine-tuning in a file, so that an interrupted training resumes at its epoch.

A checkpoint is an `.npz` archive, whose members have checksums. A checkpoint that is damaged, or
of another training, is ignored.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from core.jobs.events import Epoch
from core.system import files
from core.training.context import TrainingContext

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

VERSION = 4
"""Raised when a step, or the content of the file, changes: older checkpoints are ignored."""
SHARE = 0.05
"""Largest share of the time that may be spent on writing, after the first checkpoint."""
KEY, STATE, GENERATOR, BEST, VARIABLE = "key", "state", "generator", "best.", "variable."

_UNREADABLE = (OSError, ValueError, LookupError, EOFError, RuntimeError, zipfile.BadZipFile)
"""What NumPy and zipfile raise for a damaged file."""


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy and accuracy; `tempered` is the loss at the best temperature."""

    loss: float
    accuracy: float
    tempered: float


class FineTuneState(BaseModel):
    """The state of fine-tuning after an epoch.

    Attributes:
        start: score of the head alone.
        score: of the best epoch.
        best: weights of the best epoch, as returned by `get_weights`.
        best_epoch: its number; 0 is the head alone.
        epochs: events of the finished epochs, from epoch 0.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, ser_json_inf_nan="strings")

    start: Score
    score: Score
    best: list[np.ndarray] = Field([], exclude=True)
    best_epoch: int = 0
    epochs: list[Epoch] = []

    @property
    def epoch(self) -> int:
        """Number of the last finished epoch."""
        return self.epochs[-1].epoch


def key_of(context: TrainingContext) -> str:
    """SHA-256, in hex, of what determines fine-tuning: settings, network, split and libraries.

    Imports TensorFlow.
    """
    import keras
    import tensorflow as tf

    parts = [
        VERSION,
        (keras.__version__, tf.__version__, np.__version__),
        context.config.model_dump(mode="json"),
        context.network.digest,
        context.dataset.classes,
        [(example.sha256, example.label, example.split) for example in context.dataset.examples],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Checkpoint:
    """The checkpoint file of one training."""

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._key = path, key
        self._written, self._seconds = time.monotonic(), 0.0

    def write(
        self,
        state: FineTuneState,
        variables: Sequence[keras.Variable],
        generator: np.random.Generator,
    ) -> None:
        """Replace the file, if enough time has passed since it was last written.

        Write errors are logged; the training continues.

        Args:
            variables: all that a step changes: those of the network, with the seeds of its layers,
                and those of the optimiser.
            generator: draws the order of the pictures.
        """
        began = time.monotonic()
        if began - self._written < self._seconds / SHARE:
            return
        texts = {
            KEY: self._key,
            STATE: state.model_dump_json(),
            GENERATOR: json.dumps(generator.bit_generator.state),
        }
        arrays: dict[str, Any] = {name: np.array(text) for name, text in texts.items()}
        arrays |= {f"{VARIABLE}{n}": variable for n, variable in enumerate(variables)}
        arrays |= {f"{BEST}{n}": array for n, array in enumerate(state.best)}
        try:
            with files.replacing(self._path) as temporary, temporary.open("wb") as file:
                np.savez(file, **arrays)  # array by array: memory holds no second copy of all
        except OSError as error:
            logger.warning("epoch %d was not written: %s", state.epoch, error)
        self._written = time.monotonic()
        self._seconds = self._written - began

    def read(
        self, variables: Sequence[keras.Variable], generator: np.random.Generator
    ) -> FineTuneState | None:
        """Restore variables and generator, and return the saved state.

        Returns:
            None, with nothing changed, if there is no checkpoint of this training that can be read.
        """
        try:
            if not self._path.is_file():
                return None
            with np.load(self._path) as content:
                arrays = {name: content[name] for name in content.files}
            return self._restore(arrays, variables, generator)
        except _UNREADABLE as error:
            logger.warning("the checkpoint is ignored: %s", error)
            return None

    def _restore(
        self,
        arrays: dict[str, np.ndarray],
        variables: Sequence[keras.Variable],
        generator: np.random.Generator,
    ) -> FineTuneState:
        if str(arrays[KEY]) != self._key:
            raise ValueError("the checkpoint is of other settings, pictures or libraries")
        state = FineTuneState.model_validate_json(str(arrays[STATE]))
        state.best = [array for name, array in arrays.items() if name.startswith(BEST)]
        values = [array for name, array in arrays.items() if name.startswith(VARIABLE)]
        if [value.shape for value in values] != [tuple(variable.shape) for variable in variables]:
            raise ValueError("the checkpoint is of another network")
        generator.bit_generator.state = json.loads(str(arrays[GENERATOR]))
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return state
