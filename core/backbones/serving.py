"""Prepare and find serving models: LiteRT files that predict without TensorFlow.

A serving model takes one picture, float32 (1, size, size, 3), RGB 0–255, and has three float32
outputs, named in its signature: `probabilities` (1, k), `embedding` (1, d) and
`feature_map` (1, h, w, d).

To rebuild the file in `data/`: delete it, run `python -m core prepare efficientnet-lite0`, copy the
result there and its SHA-256 into the table.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ValidationError

from core.backbones import weights
from core.backbones.row import Backbone
from core.errors import NotEnoughResources, UnknownModel, WeightsUnavailable
from core.settings import MEGABYTE, Settings
from core.system import capacity, files
from core.system.progress import Progress, ignore

if TYPE_CHECKING:
    import keras

DATA = Path(__file__).parent / "data"
MODEL = "serving.tflite"
RECORD = "serving.json"
OUTPUTS = ("probabilities", "embedding", "feature_map")
TOLERANCE = 1e-4
CONVERSION_BYTES, CONVERSION_COPIES = 900 * MEGABYTE, 10
"""Memory of TensorFlow with its converter, and that of the network relative to its weights."""

_digests: dict[tuple[Path, int, int], str] = {}


class Record(BaseModel, frozen=True):
    """`serving.json`: what the serving model is of. Earlier files have a further field."""

    version: Literal[1] = 1
    backbone: str
    sha256: str


def locate(backbone: Backbone, settings: Settings) -> Path | None:
    """The serving model if it is on this machine and has the recorded hash, else None.

    An unchanged file is hashed once per process.
    """
    committed = DATA / f"{backbone.name}.tflite"
    if backbone.committed is not None and sha256(committed) == backbone.committed:
        return committed
    folder = folder_of(backbone, settings)
    try:
        record = Record.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None
    valid = record.backbone == backbone.name and record.sha256 == sha256(folder / MODEL)
    return folder / MODEL if valid else None


def required(backbone: Backbone, settings: Settings) -> Path:
    """The serving model.

    Raises:
        UnknownModel: it has not been prepared on this machine.
    """
    path = locate(backbone, settings)
    if path is None:
        raise UnknownModel(
            f"{backbone.title} has not been prepared on this machine. "
            f"Run: python -m core prepare {backbone.name}"
        )
    return path


def prepare(backbone: Backbone, settings: Settings, progress: Progress = ignore) -> Path:
    """Make the serving model, unless it exists already. Imports TensorFlow.

    Args:
        progress: called with the step, the work done in per cent, and 100; may raise to cancel.

    Returns:
        `TUSKER_HOME/backbones/<name>/serving.tflite`, or the file in the repository.

    Raises:
        WeightsUnavailable: the weights are not available.
        NotEnoughResources: too little memory is free, or the disk is full or cannot be written to.
    """
    if (path := locate(backbone, settings)) is not None:
        return path
    folder = folder_of(backbone, settings)
    try:
        # A worker's temporary folder is deleted however the worker ends.
        with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
            path = Path(scratch) / MODEL
            record = _make(backbone, path, settings, progress)
            folder.mkdir(parents=True, exist_ok=True)
            with files.replacing(folder / MODEL) as temporary:
                shutil.copyfile(path, temporary)
        files.write_text(folder / RECORD, record.model_dump_json(indent=1))
    except OSError as error:
        raise NotEnoughResources(
            f"{folder} cannot be written to ({error.strerror or error}). "
            f"Free some space, or set {Settings.variable('home')} to another folder."
        ) from error
    return folder / MODEL


def convert(model: keras.Model, path: Path, shape: tuple[int, ...]) -> None:
    """Convert a Keras model to a float32 LiteRT file with batch size one.

    Args:
        model: one input; a dict of outputs keeps its names.
        path: must end in `.tflite`.
        shape: of the input, without the batch.
    """
    import keras

    signature = [keras.InputSpec(shape=(1, *shape), dtype="float32")]
    model.export(path, format="litert", input_signature=signature, verbose=False)


def conversion_bytes(backbone: Backbone) -> int:
    """Peak memory of a process that makes the serving model."""
    return CONVERSION_BYTES + round(CONVERSION_COPIES * backbone.megabytes * MEGABYTE)


def check_memory(backbone: Backbone, held: int = 0) -> None:
    """Check that the memory for making the serving model is free.

    Args:
        held: bytes that the process which makes it has already.

    Raises:
        NotEnoughResources: it is not.
    """
    advice = "End other work on this machine, or choose a smaller backbone."
    needed = max(0, conversion_bytes(backbone) - held)
    capacity.require("memory", needed, capacity.free_memory(), advice)


def _make(backbone: Backbone, path: Path, settings: Settings, progress: Progress) -> Record:
    """Download, build, convert and check a serving model."""
    check_memory(backbone, capacity.process_memory())
    if backbone.weights is not None:
        progress("Downloading weights", 0, 100)  # which takes longest
        weights.fetch(
            backbone,
            settings,
            lambda step, done, total: progress(step, 60 * done // total if total else 0, 100),
        )
    progress("Building the network", 60, 100)
    from core.backbones import build

    model = build.imagenet_classifier(backbone, settings=settings)
    progress("Converting the network", 65, 100)
    convert(model, path, (backbone.size, backbone.size, 3))
    progress("Checking the network", 95, 100)
    _check(model, path, backbone.title, backbone.size)
    progress("Checking the network", 100, 100)
    return Record(backbone=backbone.name, sha256=files.sha256(path))


def _check(model: keras.Model, path: Path, title: str, size: int) -> None:
    """Compare both models on a picture of noise."""
    from ai_edge_litert.interpreter import Interpreter

    picture = np.random.default_rng(0).integers(0, 256, (1, size, size, 3)).astype(np.float32)
    expected = {name: np.asarray(value) for name, value in model(picture, training=False).items()}
    run = Interpreter(model_path=str(path)).get_signature_runner()
    (argument,) = run.get_input_details()
    for name, output in run(**{argument: picture}).items():
        scale = max(1.0, float(np.abs(expected[name]).max()))
        difference = float(np.abs(output - expected[name]).max()) / scale
        # `not <=` so that a NaN is caught as well.
        if not difference <= TOLERANCE:
            raise WeightsUnavailable(
                f"Expected the converted {title} to answer as it did before, found its {name} "
                f"off by {difference:.2g}. Choose another backbone."
            )


def folder_of(backbone: Backbone, settings: Settings) -> Path:
    """The folder of a prepared serving model, and of the job that prepares it."""
    return settings.home / "backbones" / backbone.name


def sha256(path: Path) -> str | None:
    """SHA-256 in hex, cached by time and size; None if there is no file."""
    try:
        state = path.stat()
        key = (path, state.st_mtime_ns, state.st_size)
        if key not in _digests:
            _digests[key] = files.sha256(path)
    except OSError:
        return None
    return _digests[key]
