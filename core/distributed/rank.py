"""One of the processes that fine-tune a network together, on a machine of the cluster."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import backbones
from core.distributed import cores
from core.jobs.events import Event, Kept, Step
from core.model.dense import DenseHead
from core.settings import Settings
from core.training.config import TrainingConfig
from core.training.features import Features
from core.training.network import Network


@dataclass(frozen=True)
class ActivationFiles:
    """Activations at the cut, for another process that can read the same files.

    Attributes:
        files: of each view: its path, and the shape of the float16 array in it.
        rows: (n, views) int64, the row of each picture.
    """

    files: tuple[tuple[Path, tuple[int, ...]], ...]
    rows: np.ndarray

    @classmethod
    def of(cls, features: Features) -> ActivationFiles:
        """The files of some features. Raises LookupError if their activations are in memory."""
        assert features.rows is not None, "the engine kept no activations"
        arrays = [array for array in features.activations if isinstance(array, np.memmap)]
        if len(arrays) < len(features.activations):
            raise LookupError("the activations are in memory")
        return cls(tuple((Path(str(a.filename)), a.shape) for a in arrays), features.rows)

    def open(self) -> Features:
        """Features without embeddings. Raises OSError or ValueError if the files are gone."""
        activations = tuple(
            np.memmap(path, np.float16, "r", shape=shape) for path, shape in self.files
        )
        embeddings = np.empty((*self.rows.shape, 0), np.float32)
        return Features(embeddings, 0, 0, activations, self.rows)


@dataclass(frozen=True)
class FineTuneTask:
    """What a process needs to fine-tune as the training itself would.

    Attributes:
        start: folder of the model to continue from; None for published weights.
        head: of phase 1.
        train, validation: activations, in files that all machines can read.
        train_labels, validation_labels: (n,) int64.
        checkpoint: its file, if any; all processes resume from it, the first one writes it.
        key: of the checkpoint.
    """

    config: TrainingConfig
    backbone: str
    start: Path | None
    settings: Settings
    head: DenseHead
    train: ActivationFiles
    train_labels: np.ndarray
    validation: ActivationFiles
    validation_labels: np.ndarray
    checkpoint: Path | None
    key: str


@dataclass(frozen=True)
class FineTuneResult:
    """The outcome in one process.

    Attributes:
        digest: SHA-256 of the weights in hex, the same in each process.
        weights: of `Tuner.network`; empty except in the first process.
        events: that have not been fetched yet.
    """

    kept: Kept
    digest: str
    weights: list[np.ndarray]
    events: tuple[Event, ...]


class Rank:
    """A process of the team: a Ray actor whose methods may be called concurrently."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._lock = threading.Lock()

    def address(self, required: Path) -> str:
        """`host:port` for the other processes; empty if this machine lacks a required file."""
        import ray

        try:
            required.stat()
        except OSError:
            return ""
        with socket.socket() as free:
            free.bind(("", 0))
            return f"{ray.util.get_node_ip_address()}:{free.getsockname()[1]}"

    def events(self) -> tuple[Event, ...]:
        """The events since the last call."""
        with self._lock:
            events, self._events = tuple(self._events), []
        return events

    def tune(
        self,
        task: FineTuneTask,
        rank: int,
        addresses: Sequence[str],
        counts: Sequence[int],
        affinity: frozenset[int] | None,
    ) -> FineTuneResult:
        """Fine-tune together with the processes at the other addresses.

        Args:
            rank: index of this process; the first one emits events.
            counts: cores of each process.
            affinity: the cores that the training has already, on its own machine; None where this
                process reserves some.

        Raises:
            OSError, ValueError: this machine does not have the activations.
            RuntimeError: this process has run TensorFlow before, or another process is gone.
        """
        if "tensorflow" in sys.modules:
            raise RuntimeError("TensorFlow already runs in this process")
        train, validation = task.train.open(), task.validation.open()
        os.environ |= {
            "TF_CONFIG": _tf_config(rank, addresses),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "KERAS_BACKEND": "tensorflow",
            "CUDA_VISIBLE_DEVICES": "-1",
            "no_grpc_proxy": ",".join(address.rpartition(":")[0] for address in addresses),
        }
        with ExitStack() as stack:
            # TensorFlow's threads inherit the cores of this one.
            if affinity is None:
                stack.enter_context(cores.reserved(counts[rank]))
            elif hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(0, affinity)
            from core.distributed.collective import CollectiveTeam, SharedCheckpoint
            from core.training.finetune import Tuner

            team = CollectiveTeam(rank, counts)
            tuner = Tuner(
                Network(backbones.get(task.backbone), task.settings, task.start),
                task.config,
                classes=task.head.classes,
                pictures=len(task.train_labels),
                team=team,
            )
            _, kept = tuner.fit(
                task.head,
                train,
                task.train_labels,
                validation,
                task.validation_labels,
                self._emit if rank == 0 else lambda _event: None,
                SharedCheckpoint(task.checkpoint, task.key, team) if task.checkpoint else None,
            )
        weights = tuner.network.get_weights()
        digest = hashlib.sha256()
        for array in weights:
            digest.update(np.ascontiguousarray(array).data)
        return FineTuneResult(kept, digest.hexdigest(), weights if rank == 0 else [], self.events())

    def _emit(self, event: Event) -> None:
        with self._lock:
            last = self._events[-1] if self._events else None
            if isinstance(event, Step) and isinstance(last, Step) and last.what == event.what:
                self._events.pop()  # replaced before it was fetched
            self._events.append(event)


def _tf_config(rank: int, addresses: Sequence[str]) -> str:
    """`TF_CONFIG`.

    Source: https://www.tensorflow.org/guide/distributed_training#setting_up_the_tf_config_environment_variable
    """
    task = {"type": "worker", "index": rank}
    return json.dumps({"cluster": {"worker": list(addresses)}, "task": task})
