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
from core.training.checkpoint import Checkpoint
from core.training.config import TrainingConfig
from core.training.features import OnDisk
from core.training.network import Network


@dataclass(frozen=True)
class FineTuneTask:
    """What a process must know to fine-tune as the training itself would.

    Attributes:
        start: folder of the model that the training goes on from; None for published weights.
        head: of phase 1.
        train, validation: activations, in files that all machines can read.
        train_labels, validation_labels: (n,) int64.
        checkpoint: the file, if any; all go on from what is there, the first keeps it up.
        key: of the training that it is of.
    """

    config: TrainingConfig
    backbone: str
    start: Path | None
    settings: Settings
    head: DenseHead
    train: OnDisk
    train_labels: np.ndarray
    validation: OnDisk
    validation_labels: np.ndarray
    checkpoint: Path | None
    key: str


@dataclass(frozen=True)
class FineTuneResult:
    """What came of it.

    Attributes:
        digest: SHA-256 of the weights in hex, the same in each process.
        weights: as `Tuner.weights`; of the process that leads alone.
        said: what it has not been asked for yet.
    """

    kept: Kept
    digest: str
    weights: list[np.ndarray]
    said: tuple[Event, ...]


class Rank:
    """A process of the team; Ray runs it as an actor whose methods may be called side by side."""

    def __init__(self) -> None:
        self._waiting: list[Event] = []
        self._lock = threading.Lock()

    def address(self, needed: Path) -> str:
        """`host:port` at which the others will find it; empty where a file that it needs is not."""
        import ray

        try:
            needed.stat()
        except OSError:
            return ""
        with socket.socket() as free:
            free.bind(("", 0))
            return f"{ray.util.get_node_ip_address()}:{free.getsockname()[1]}"

    def said(self) -> tuple[Event, ...]:
        """What it has said since it was last asked."""
        with self._lock:
            said, self._waiting = tuple(self._waiting), []
        return said

    def tune(
        self,
        work: FineTuneTask,
        number: int,
        addresses: Sequence[str],
        counts: Sequence[int],
        affinity: frozenset[int] | None,
    ) -> FineTuneResult:
        """Fine-tune together with those at the other addresses.

        Args:
            number: of this process, its place among them; 0 leads and tells.
            counts: cores of each.
            affinity: the cores that the training has already, where this is its machine; None
                where it takes its own.

        Raises:
            OSError, ValueError: the activations are not there on this machine.
            RuntimeError: this process has run TensorFlow before, or one of the others is gone.
        """
        if "tensorflow" in sys.modules:
            raise RuntimeError("TensorFlow is already at work in this process")
        train, validation = work.train.opened(), work.validation.opened()
        os.environ |= {
            "TF_CONFIG": _described(number, addresses),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "KERAS_BACKEND": "tensorflow",
            "CUDA_VISIBLE_DEVICES": "-1",
            "no_grpc_proxy": ",".join(address.rpartition(":")[0] for address in addresses),
        }
        with ExitStack() as held:
            # TensorFlow's threads are those of this one, and stay where it is.
            if affinity is None:
                held.enter_context(cores.reserved(counts[number]))
            elif hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(0, affinity)
            from core.distributed.collective import CollectiveTeam
            from core.training.finetune import Tuner

            tuner = Tuner(
                Network(backbones.get(work.backbone), work.settings, work.start),
                work.config,
                classes=work.head.classes,
                pictures=len(work.train_labels),
                team=CollectiveTeam(number, counts),
            )
            _, kept = tuner.fit(
                work.head,
                train,
                work.train_labels,
                validation,
                work.validation_labels,
                self._say if number == 0 else _say_nothing,
                None if work.checkpoint is None else Checkpoint(work.checkpoint, work.key),
            )
        weights = tuner.weights
        digest = hashlib.sha256()
        for array in weights:
            digest.update(np.ascontiguousarray(array).data)
        return FineTuneResult(kept, digest.hexdigest(), weights if number == 0 else [], self.said())

    def _say(self, event: Event) -> None:
        with self._lock:
            last = self._waiting[-1] if self._waiting else None
            if isinstance(event, Step) and isinstance(last, Step) and last.what == event.what:
                self._waiting.pop()  # nobody has asked how far it was then
            self._waiting.append(event)


def _described(number: int, addresses: Sequence[str]) -> str:
    """`TF_CONFIG`.

    Source: https://www.tensorflow.org/guide/distributed_training#setting_up_the_tf_config_environment_variable
    """
    task = {"type": "worker", "index": number}
    return json.dumps({"cluster": {"worker": list(addresses)}, "task": task})


def _say_nothing(_event: Event) -> None:
    pass
