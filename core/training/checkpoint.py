"""Keep how far fine-tuning has come, so that one that broke off goes on after its last epoch.

A checkpoint is one safetensors file: arrays, in its header what is said in words, at its end the
SHA-256 of all before. One that is damaged, or of another training, counts as none.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError, safe_open

from core.jobs.events import Epoch
from core.system import files
from core.training.context import TrainingContext

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

VERSION = 1
"""Raised when a step, or what is kept of it, changes: older checkpoints are ignored."""
SECONDS = 5.0
"""Work that is worth keeping."""
SHARE = 0.05
"""Most of the time that keeping it may take."""
WORDS, DIGEST = "standing", "sha256"
BEST, VARIABLE = "best.", "variable."
TYPES = {"float32": "F32", "int32": "I32", "int64": "I64", "uint8": "U8", "uint32": "U32"}
DIGEST_BYTES = 32


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy and accuracy; `tempered` is the former at the best temperature."""

    loss: float
    accuracy: float
    tempered: float


@dataclass
class FineTuneState:
    """How far fine-tuning has come.

    Attributes:
        best: weights of the best epoch, as `get_weights` gives them.
        score: how they did.
        best_epoch: which it was; 0 is the head alone.
        epochs: what was said of each epoch that is done.
    """

    best: list[np.ndarray]
    score: Score
    best_epoch: int = 0
    epochs: list[Epoch] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """The last one that is done."""
        return len(self.epochs)


class _Words(BaseModel):
    """All of a checkpoint that is not an array."""

    model_config = ConfigDict(ser_json_inf_nan="strings")

    key: str
    score: Score
    best_epoch: int
    epochs: list[Epoch]
    generator: str
    """JSON: some of its numbers have more digits than pydantic promises to keep."""


def key_of(context: TrainingContext) -> str:
    """What the course of fine-tuning follows from: settings, network, classes, split, libraries.

    Imports TensorFlow.

    Returns:
        SHA-256 in hex.
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
    """The file in which one training keeps how far it has come."""

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._key = path, key
        self._written, self._took = time.monotonic(), 0.0

    def write(
        self,
        standing: FineTuneState,
        variables: Sequence[keras.Variable],
        generator: np.random.Generator,
    ) -> None:
        """Replace what was kept, where enough was done since to be worth it.

        A disk that does not take it is noted in the log: the training itself can go on.

        Args:
            variables: all that a step changes: the network's, with the seeds of its layers, and
                the optimiser's.
            generator: from which the order of the pictures is drawn.
        """
        began = time.monotonic()
        if began - self._written < max(SECONDS, self._took / SHARE):
            return
        words = _Words(
            key=self._key,
            score=standing.score,
            best_epoch=standing.best_epoch,
            epochs=standing.epochs,
            generator=json.dumps(generator.bit_generator.state),
        )
        arrays: dict[str, Any] = {f"{VARIABLE}{n}": one for n, one in enumerate(variables)}
        arrays |= {f"{BEST}{n}": one for n, one in enumerate(standing.best)}
        try:
            with files.replacing(self._path) as temporary, temporary.open("wb") as file:
                _write(file, words.model_dump_json(), arrays)
        except OSError as error:
            logger.warning("epoch %d is not kept: %s", standing.epoch, error)
        self._written = time.monotonic()
        self._took = self._written - began

    def read(
        self, variables: Sequence[keras.Variable], generator: np.random.Generator
    ) -> FineTuneState | None:
        """What was kept of this very training; variables and generator are then as they were.

        Returns:
            None, and they stay as they are, where nothing was kept, or where it is of no use.
        """
        try:
            if not self._path.is_file():
                return None
            _check(self._path)
            with safe_open(self._path, framework="numpy") as kept:
                return self._taken_up(kept, variables, generator)
        except (OSError, ValueError, LookupError, SafetensorError) as error:
            logger.warning("the checkpoint is ignored: %s", error)
            return None

    def _taken_up(
        self, kept: Any, variables: Sequence[keras.Variable], generator: np.random.Generator
    ) -> FineTuneState:
        words = _Words.model_validate_json(kept.metadata()[WORDS])
        if words.key != self._key:
            raise ValueError("it is of other settings, pictures or libraries")
        names = kept.keys()
        best = [kept.get_tensor(f"{BEST}{n}") for n in range(_count(names, BEST))]
        arrays = [kept.get_tensor(f"{VARIABLE}{n}") for n in range(_count(names, VARIABLE))]
        if [array.shape for array in arrays] != [tuple(one.shape) for one in variables]:
            raise ValueError("it is of another network")
        generator.bit_generator.state = json.loads(words.generator)
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        return FineTuneState(best, words.score, words.best_epoch, words.epochs)


def _write(file: BinaryIO, words: str, arrays: Mapping[str, Any]) -> None:
    """Write array by array, so that memory never holds them all once more.

    Source: https://github.com/huggingface/safetensors, "Format".
    """
    listed: dict[str, Any] = {"__metadata__": {WORDS: words}}
    end = 0
    for name, array in arrays.items():
        kind, shape, begin = str(array.dtype), tuple(array.shape), end
        end += math.prod(shape) * np.dtype(kind).itemsize
        listed[name] = {"dtype": TYPES[kind], "shape": shape, "data_offsets": (begin, end)}
    place = (end, end + DIGEST_BYTES)
    listed[DIGEST] = {"dtype": "U8", "shape": (DIGEST_BYTES,), "data_offsets": place}
    header = json.dumps(listed).encode()
    header += b" " * (-len(header) % 8)
    digest = hashlib.sha256()
    for part in (len(header).to_bytes(8, "little"), header):
        file.write(part)
        digest.update(part)
    for array in arrays.values():
        content = np.ascontiguousarray(array).data
        file.write(content)
        digest.update(content)
    file.write(digest.digest())


def _check(path: Path) -> None:
    """Raise ValueError where a file does not end in the SHA-256 of all before."""
    left, digest = path.stat().st_size - DIGEST_BYTES, hashlib.sha256()
    with path.open("rb") as file:
        while left > 0 and (block := file.read(min(left, files.CHUNK))):
            digest.update(block)
            left -= len(block)
        if file.read() != digest.digest():
            raise ValueError("it is damaged")


def _count(names: Sequence[str], prefix: str) -> int:
    return sum(name.startswith(prefix) for name in names)
