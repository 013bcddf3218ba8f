"""Classify pictures with a LiteRT model: an ImageNet backbone or a trained model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from core import images
from core.backbones import Backbone, imagenet_labels, serving
from core.errors import BadImage, RunDamaged
from core.model import heatmap
from core.model.appearance import Appearance
from core.model.decision import ALWAYS_ANSWER, IMAGENET, Decision, PredictionSet, Verdict
from core.model.dense import DenseHead
from core.model.notes import notes
from core.model.ood import OodDetector
from core.settings import Settings


@dataclass(frozen=True)
class Prediction:
    """A class with its probability."""

    label: str
    index: int
    probability: float


@dataclass(frozen=True)
class Answer:
    """The outputs of a model for one picture.

    Attributes:
        probabilities: (k,) float32, sum 1.
        embedding: (d,) float32, pooled features.
        feature_map: (h, w, c) float32, the last activation before pooling.
        ood_score: over 1 if the picture is out-of-distribution; None without a detector.
        notes: what to know about the picture, as by `notes`.
    """

    probabilities: np.ndarray
    embedding: np.ndarray
    feature_map: np.ndarray
    seconds: float
    ood_score: float | None = None
    notes: tuple[str, ...] = ()


class ServingModel:
    """A LiteRT file with the outputs probabilities, embedding and feature map; thread-safe.

    Attributes:
        size: edge of its square input, in pixels.
        shapes: of the outputs by name, without the batch.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.path = path
        self._interpreter = Interpreter(str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        picture = self._interpreter.get_input_details()[0]
        self._input, self.size = picture["index"], int(picture["shape"][1])
        details = self._interpreter.get_signature_runner().get_output_details()
        self._outputs = {name: detail["index"] for name, detail in details.items()}
        self.shapes = {name: tuple(d["shape"].tolist()[1:]) for name, d in details.items()}
        self._lock = threading.RLock()

    @cached_property
    def head(self) -> DenseHead:
        """The layers from embedding to probabilities, read on first use."""
        from core.model.litert_file import LitertFile

        return LitertFile(self.path).head()

    def outputs(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        """(size, size, 3) uint8 RGB → each output by its name, float32 without a batch."""
        with self._lock:
            # Into the interpreter's own memory, released again before it runs: one copy less.
            np.copyto(self._interpreter.tensor(self._input)()[0], picture)
            self._interpreter.invoke()
            return {name: self._interpreter.get_tensor(i)[0] for name, i in self._outputs.items()}

    def run(self, picture: np.ndarray) -> Answer:
        """(size, size, 3) uint8 RGB → Answer."""
        with self._lock:  # waiting for others does not count
            start = time.perf_counter()
            outputs = self.outputs(picture)
            seconds = time.perf_counter() - start
        # The serving model of a run has no head.
        probabilities = outputs.get("probabilities", np.empty(0, np.float32))
        return Answer(probabilities, outputs["embedding"], outputs["feature_map"], seconds)


Open = Callable[[Path], ServingModel]
"""Opens a LiteRT file; callers that cache interpreters pass their own."""


def on_two_threads(path: Path) -> ServingModel:
    """A serving model on two threads, the fastest for one picture at a time."""
    return ServingModel(path, threads=2)


def on_one_thread(path: Path) -> ServingModel:
    """A serving model on one thread, for callers that run several in parallel."""
    return ServingModel(path, threads=1)


@dataclass(frozen=True, eq=False)
class Classifier:
    """A serving model with the names of its classes.

    Attributes:
        crop: edge of the centre crop relative to a picture's shorter edge.
        scale: of pictures of more than 8 bits.
        head: replaces the layers of the serving model above the embedding; None to keep these.
        decision: when the answer is "not sure", and whether there are prediction sets.
    """

    model: ServingModel
    _: KW_ONLY
    title: str
    labels: tuple[str, ...]
    crop: float
    limits: Settings
    scale: images.Scale = images.AS_DECLARED
    head: DenseHead | None = None
    ood_detector: OodDetector | None = None
    decision: Decision = ALWAYS_ANSWER
    appearance: Appearance | None = None

    @classmethod
    def of_backbone(
        cls, backbone: Backbone, settings: Settings, open_model: Open = on_two_threads
    ) -> Classifier:
        """A backbone's ImageNet classifier.

        Raises:
            UnknownModel: it has not been prepared on this machine.
        """
        return cls(
            open_model(serving.required(backbone, settings)),
            title=backbone.title,
            labels=imagenet_labels(),
            crop=backbone.crop,
            limits=settings,
            decision=IMAGENET,
        )

    def with_head(self, head: DenseHead, labels: tuple[str, ...]) -> Classifier:
        """The same network with another head and its class names."""
        return replace(self, head=head, labels=labels)

    def load(self, source: bytes | Path) -> np.ndarray:
        """A picture as the model's input, (size, size, 3) uint8. Raises BadImage."""
        return images.decode_and_crop(source, self.size, self.crop, self.scale, limits=self.limits)

    def read(self, source: bytes | Path) -> tuple[np.ndarray, tuple[str, ...]]:
        """A picture as by `load`, and what to know about it, as by `notes`. Raises BadImage."""
        squares = [(self.size, self.crop)]
        picture = images.decode_squares(source, squares, self.scale, limits=self.limits)
        return picture.views[0], notes(picture)

    def classify(self, source: bytes | Path) -> Answer:
        """Predict from a file, with notes about it. Raises BadImage and RunDamaged."""
        picture, about = self.read(source)
        return replace(self.answer(picture), notes=about)

    def load_frame(self, frame: bytes) -> np.ndarray:
        """A frame that a browser has cropped and resized, (size, size, 3) uint8.

        Raises:
            BadImage: it cannot be read, or has another size.
        """
        picture = images.decode(frame, limits=self.limits)
        if picture.shape != (self.size, self.size, 3):
            height, width = picture.shape[:2]
            raise BadImage(
                f"Expected a frame of {self.size} by {self.size} pixels, found {width} by "
                f"{height}. Reload the page."
            )
        return picture

    def answer(self, picture: np.ndarray) -> Answer:
        """Predict from (size, size, 3) uint8 RGB.

        Raises:
            RunDamaged: the outputs are not finite.
        """
        answer = self.model.run(picture)
        if self.head is None:
            return _finite(answer)
        start = time.perf_counter()
        features = answer.embedding[np.newaxis]
        probabilities = self.head.probabilities(features)[0]
        ood_score = None
        if self.ood_detector is not None:
            ood_score = float(self.ood_detector.ood_score(features)[0])
        seconds = answer.seconds + time.perf_counter() - start
        return _finite(
            replace(answer, probabilities=probabilities, ood_score=ood_score, seconds=seconds)
        )

    def verdict(self, answer: Answer) -> Verdict:
        """See `Decision.verdict`."""
        return self.decision.verdict(answer.probabilities, answer.ood_score)

    def prediction_set(self, answer: Answer) -> PredictionSet | None:
        """See `Decision.prediction_set`."""
        return self.decision.prediction_set(answer.probabilities, answer.ood_score, self.labels)

    @property
    def size(self) -> int:
        """Edge of the square input, in pixels."""
        return self.model.size

    @property
    def file(self) -> Path:
        """The LiteRT file of the network."""
        return self.model.path

    @property
    def dense_head(self) -> DenseHead:
        """The layers from embedding to probabilities."""
        return self.head or self.model.head

    def heatmaps(self, answer: Answer, classes: Sequence[int]) -> np.ndarray:
        """Class activation maps, (m, h, w) float32 for m class indices."""
        return heatmap.class_maps(answer.feature_map, self.dense_head, classes, answer.embedding)

    def top(self, probabilities: np.ndarray, count: int) -> tuple[Prediction, ...]:
        """The `count` most likely classes, given (k,) probabilities."""
        order = np.argsort(-probabilities, kind="stable")[:count]
        return tuple(Prediction(self.labels[i], int(i), float(probabilities[i])) for i in order)


def _finite(answer: Answer) -> Answer:
    if not np.isfinite(answer.probabilities).all() or not np.isfinite(answer.ood_score or 0):
        raise RunDamaged(
            "This model gives no probabilities: its weights are damaged. Train or import it again."
        )
    return answer
