"""Run the frozen layers over views: LiteRT interpreters side by side, or batches in TensorFlow."""

from __future__ import annotations

import queue
from pathlib import Path
from typing import Protocol

import numpy as np

from core.backbones import serving
from core.system import threads
from core.training.network import Network


class Engine(Protocol):
    """The frozen layers, however they are run.

    Attributes:
        name: what features are filed under; the same name gives the same features.
        lanes: callers that it serves at once.
        batch: views that it likes to be given at once.
        cut: name of the layer whose activation it keeps; None if it keeps the embedding alone.
        cut_shape: (h, w, c) of that activation; empty without one.
    """

    name: str
    lanes: int
    batch: int
    cut: str | None
    cut_shape: tuple[int, ...]

    def run(self, views: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """(n, size, size, 3) uint8 → embeddings (n, d) float32, cuts (n, h, w, c) float16 or None.

        May be called from several threads.
        """


class LitertEngine:
    """An interpreter a core, one view each at a time.

    Attributes:
        model: the LiteRT file.
    """

    batch = 4

    def __init__(self, model: Path, name: str, cut: str | None = None, lanes: int = 0) -> None:
        """Open `lanes` interpreters, or as many as there are cores."""
        self.model, self.name, self.cut = model, name, cut
        self.lanes = lanes or threads.cores()
        interpreters = [_Interpreter(model) for _ in range(self.lanes)]
        self.cut_shape = interpreters[0].shapes.get("cut", ())
        self._idle: queue.SimpleQueue[_Interpreter] = queue.SimpleQueue()
        for interpreter in interpreters:
            self._idle.put(interpreter)

    def run(self, views: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Embeddings and cuts of some views."""
        interpreter = self._idle.get()
        try:
            found = [interpreter.run(view) for view in views]
        finally:
            self._idle.put(interpreter)
        embeddings = np.stack([answer["embedding"] for answer in found])
        if self.cut is None:
            return embeddings, None
        return embeddings, np.stack([answer["cut"] for answer in found]).astype(np.float16)


class _Interpreter:
    """A LiteRT file on one thread."""

    def __init__(self, model: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_path=str(model), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = serving.outputs(self._interpreter)
        shapes = {d["index"]: d["shape"] for d in self._interpreter.get_output_details()}
        self.shapes = {
            name: tuple(shapes[index].tolist()[1:]) for name, index in self._outputs.items()
        }

    def run(self, view: np.ndarray) -> dict[str, np.ndarray]:
        # Into the interpreter's own memory, let go again before it runs: one copy less.
        np.copyto(self._interpreter.tensor(self._input)()[0], view)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(i)[0] for name, i in self._outputs.items()}


def litert(network: Network, stage: int | None) -> LitertEngine:
    """The serving model, or, to keep activations too, that model opened at the end of a stage.

    Args:
        stage: index in `backbone.stages` whose activation is kept; None for the embedding alone.

    Raises:
        UnknownModel: the backbone has not been prepared on this machine.
    """
    model, digest = network.serving_model(), network.digest[:12]
    name = f"{network.backbone.name}-{digest}-litert"
    if stage is None:
        return LitertEngine(model, name)
    from core.model.litert_file import LitertFile

    end = network.backbone.stages[stage].layer
    opened = network.workplace / f"{digest}-{end}.tflite"
    if not opened.is_file():
        opened.parent.mkdir(parents=True, exist_ok=True)
        inside = LitertFile(model)
        inside.keep("embedding", inside={"cut": inside.output_of(end)})
        inside.write(opened)
    return LitertEngine(opened, name, cut=end)
