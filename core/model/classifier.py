"""Name what is in a picture with a LiteRT model: a backbone's own classes, or a trained run's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path

import numpy as np

from core import images
from core.backbones import Backbone, imagenet_labels, serving
from core.model import heatmap
from core.model.appearance import Appearance
from core.model.dense import DenseHead
from core.model.ood import OodDetector
from core.settings import Settings


class Verdict(StrEnum):
    """What to make of an answer."""

    SURE = "sure"
    NOT_SURE = "not sure"
    UNLIKE = "unlike anything it was taught"


@dataclass(frozen=True)
class Prediction:
    """One guess."""

    label: str
    index: int
    probability: float


@dataclass(frozen=True)
class Answer:
    """What a model says of one picture.

    Attributes:
        probabilities: (k,) float32, adding up to 1.
        embedding: (d,) float32, pooled features.
        feature_map: (h, w, c) float32, the last activation before pooling.
        seconds: time that the model took.
        strangeness: over 1 where the picture is unlike those it was taught; None if not known.
    """

    probabilities: np.ndarray
    embedding: np.ndarray
    feature_map: np.ndarray
    seconds: float
    ood_score: float | None = None


class ServingModel:
    """A LiteRT file with the outputs probabilities, embedding and feature map.

    Safe to share between threads: they take turns.

    Attributes:
        path: the file.
        size: edge of the square it sees, in pixels.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.path = path
        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        details = self._interpreter.get_input_details()[0]
        self._input = details["index"]
        self.size = int(details["shape"][1])
        self._outputs = serving.outputs(self._interpreter)
        self._lock = threading.Lock()

    @cached_property
    def head(self) -> DenseHead:
        """What makes its probabilities of its embedding, read when first asked for.

        Raises:
            LookupError: that is not just dense layers.
        """
        from core.model.litert_file import LitertFile

        return LitertFile(self.path).head()

    def run(self, picture: np.ndarray) -> Answer:
        """(size, size, 3) uint8 RGB → Answer."""
        with self._lock:
            start = time.perf_counter()
            self._interpreter.set_tensor(self._input, picture[np.newaxis].astype(np.float32))
            self._interpreter.invoke()
            found = {
                name: self._interpreter.get_tensor(index)[0]
                for name, index in self._outputs.items()
            }
            seconds = time.perf_counter() - start
        # A run's own serving model leaves the answer to its head.
        probabilities = found.get("probabilities", np.empty(0, np.float32))
        return Answer(probabilities, found["embedding"], found["feature_map"], seconds)


Open = Callable[[Path], ServingModel]
"""Opens a LiteRT file; whoever keeps interpreters passes its own."""


def opened(path: Path) -> ServingModel:
    """A serving model on two threads, the fastest for one picture at a time."""
    return ServingModel(path, threads=2)


def on_one_thread(path: Path) -> ServingModel:
    """A serving model on one thread, for callers that run several side by side."""
    return ServingModel(path, threads=1)


class Classifier:
    """A serving model with the names of its classes.

    Attributes:
        title: what to call it on the screen.
        labels: names of the classes, by index.
        size: edge of the square it sees, in pixels.
        crop: share of a picture's shorter edge that it sees.
        threshold: probability below which it is not sure.
        looks: how its training pictures look to it; None if not known.
    """

    def __init__(
        self,
        model: ServingModel,
        *,
        title: str,
        labels: tuple[str, ...],
        size: int,
        crop: float,
        head: DenseHead | None = None,
        ood_detector: OodDetector | None = None,
        threshold: float = 0.0,
        appearance: Appearance | None = None,
    ) -> None:
        self.title, self.labels, self.size, self.crop = title, labels, size, crop
        self.threshold, self.appearance = threshold, appearance
        self._model, self._head, self._novelty = model, head, ood_detector

    @classmethod
    def of_backbone(
        cls, backbone: Backbone, settings: Settings, open_model: Open = opened
    ) -> Classifier:
        """A backbone's ImageNet classifier.

        Raises:
            UnknownModel: it has not been prepared on this machine.
        """
        return cls(
            open_model(serving.required(backbone, settings)),
            title=backbone.title,
            labels=imagenet_labels(),
            size=backbone.size,
            crop=backbone.crop,
        )

    def headed(self, head: DenseHead, labels: tuple[str, ...]) -> Classifier:
        """The same network under another head, whose classes have these names."""
        return Classifier(
            self._model,
            title=self.title,
            labels=labels,
            size=self.size,
            crop=self.crop,
            head=head,
        )

    def load(self, source: bytes | Path) -> np.ndarray:
        """What the model will see of a picture: (size, size, 3) uint8. Raises BadImage."""
        return images.load(source, self.size, self.crop)

    def answer(self, picture: np.ndarray) -> Answer:
        """What the model says of (size, size, 3) uint8 RGB."""
        answer = self._model.run(picture)
        if self._head is None:
            return answer
        start = time.perf_counter()
        features = answer.embedding[np.newaxis]
        probabilities = self._head.probabilities(features)[0]
        ood_score = None
        if self._novelty is not None:
            ood_score = float(self._novelty.ood_score(features)[0])
        seconds = answer.seconds + time.perf_counter() - start
        return replace(answer, probabilities=probabilities, ood_score=ood_score, seconds=seconds)

    def verdict(self, answer: Answer) -> Verdict:
        """Whether the answer is worth anything."""
        if answer.ood_score is not None and answer.ood_score > 1:
            return Verdict.UNLIKE
        sure = float(answer.probabilities.max()) >= self.threshold
        return Verdict.SURE if sure else Verdict.NOT_SURE

    @property
    def file(self) -> Path:
        """The LiteRT file that it looks through."""
        return self._model.path

    @property
    def head(self) -> DenseHead:
        """What makes its probabilities of an embedding.

        Raises:
            LookupError: that is not just dense layers.
        """
        return self._model.head if self._head is None else self._head

    @property
    def ood_detector(self) -> OodDetector | None:
        """What knows pictures that are unlike those it was taught."""
        return self._novelty

    def heatmaps(self, answer: Answer, classes: Sequence[int]) -> np.ndarray:
        """Where it saw evidence for classes: (m, h, w) float32 for m class indices.

        Raises:
            LookupError: its head is not made of dense layers alone.
        """
        return heatmap.activation(answer.feature_map, self.head, classes)

    def top(self, probabilities: np.ndarray, count: int) -> tuple[Prediction, ...]:
        """The `count` likeliest classes of (k,) probabilities, the likeliest first."""
        order = np.argsort(-probabilities, kind="stable")[:count]
        return tuple(Prediction(self.labels[i], int(i), float(probabilities[i])) for i in order)
