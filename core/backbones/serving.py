"""Prepare and find serving models: LiteRT files that answer without TensorFlow.

A serving model takes one picture, float32 (1, size, size, 3), RGB 0–255, and has three float32
outputs, told apart by the names in its signature: `probabilities` (1, k), `embedding` (1, d) and
`feature_map` (1, h, w, d).

`python -m core.backbones.serving efficientnet-lite0 --out FILE` rebuilds the one that comes with
Tusker; its SHA-256 belongs in the table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from core import settings as host
from core.backbones import weights
from core.backbones.row import Backbone
from core.backbones.table import get
from core.errors import NotEnoughResources, TuskerError, UnknownModel
from core.settings import Settings
from core.system import files

if TYPE_CHECKING:
    import keras

DATA = Path(__file__).parent / "data"
MODEL = "serving.tflite"
RECORD = "serving.json"
PARTIAL = ".prepare-"
OUTPUTS = ("probabilities", "embedding", "feature_map")
TOLERANCE = 1e-4
# Share of the work behind each step, in hundredths; the download is what people wait for.
STEPS = {"Downloading weights": 0, "Building": 60, "Converting": 65, "Checking": 95}

Progress = Callable[[str, int, int], None]

_digests: dict[tuple[Path, int, int], str] = {}


class Record(BaseModel):
    """`serving.json`: what the model beside it was made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    backbone: str
    sha256: str
    weights_sha256: str | None
    packages: dict[str, str]


def locate(backbone: Backbone, settings: Settings) -> Path | None:
    """The serving model if it is on this machine and is what it should be, else None.

    The SHA-256 is taken once a process for a file that does not change.
    """
    committed = DATA / f"{backbone.name}.tflite"
    if backbone.committed is not None and _sha256(committed) == backbone.committed:
        return committed
    folder = kept_in(backbone, settings)
    try:
        record = Record.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None
    whole = record.backbone == backbone.name and record.sha256 == _sha256(folder / MODEL)
    return folder / MODEL if whole else None


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


def digest(backbone: Backbone, settings: Settings) -> str | None:
    """SHA-256 of the serving model that `locate` finds, in hex; None if there is none."""
    path = locate(backbone, settings)
    return None if path is None else _sha256(path)


def outputs(interpreter: Any) -> dict[str, int]:
    """Name → tensor index of the outputs of a LiteRT interpreter, by its signature."""
    details = interpreter.get_signature_runner().get_output_details()
    return {name: detail["index"] for name, detail in details.items()}


def prepare(backbone: Backbone, settings: Settings, progress: Progress | None = None) -> Path:
    """Make the serving model, unless it is there already. Imports TensorFlow.

    Args:
        backbone: a row of the table.
        settings: says where it is kept.
        progress: called with `Downloading weights`, `Building`, `Converting` or `Checking`,
            hundredths of the work done, and 100. What it raises ends the work.

    Returns:
        `TUSKER_HOME/backbones/<name>/serving.tflite`, or the file that comes with Tusker.

    Raises:
        WeightsUnavailable: the weights cannot be had.
        NotEnoughResources: the disk is full or cannot be written to.
    """
    found = locate(backbone, settings)
    if found is not None:
        return found
    folder = kept_in(backbone, settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        weights.sweep(folder, PARTIAL)
        with tempfile.TemporaryDirectory(
            prefix=files.temporary_prefix(PARTIAL), dir=folder
        ) as scratch:
            made = Path(scratch) / MODEL
            record = _make(backbone, made, settings, progress or _silent)
            made.replace(folder / MODEL)
        files.write_text(folder / RECORD, record.model_dump_json(indent=1))
    except OSError as error:
        raise NotEnoughResources(
            f"{folder} cannot be written to ({error.strerror or error}). "
            f"Free some space, or set {Settings.variable('home')} to another folder."
        ) from error
    return folder / MODEL


def convert(model: keras.Model, path: Path, shape: tuple[int, ...]) -> None:
    """Write a Keras model as a LiteRT file of float32, for a batch of one.

    Args:
        model: one input; outputs in a dict keep their names.
        path: must end in `.tflite`.
        shape: of one input, without the batch.
    """
    import keras

    signature = [keras.InputSpec(shape=(1, *shape), dtype="float32")]
    model.export(path, format="litert", input_signature=signature, verbose=False)


def _make(backbone: Backbone, path: Path, settings: Settings, progress: Progress) -> Record:
    """Download, build, convert and check one serving model."""

    def say(what: str) -> None:
        progress(what, STEPS[what], 100)

    def say_downloaded(what: str, done: int, total: int) -> None:
        progress(what, STEPS["Building"] * done // total if total else 0, 100)

    source = None
    if backbone.weights is not None:
        say("Downloading weights")
        source = weights.fetch(backbone, settings, say_downloaded)
    say("Building")
    from core.backbones import build

    model = build.imagenet_classifier(backbone, source or "random")
    say("Converting")
    convert(model, path, (backbone.size, backbone.size, 3))
    say("Checking")
    _check(model, path, backbone.size)
    progress("Checking", 100, 100)
    return Record(
        backbone=backbone.name,
        sha256=files.sha256(path),
        weights_sha256=files.sha256(source) if source else None,
        packages={name: _version(name) for name in ("tensorflow", "keras", "ai-edge-litert")},
    )


def _check(model: keras.Model, path: Path, size: int) -> None:
    """Ask both models about one picture of noise."""
    from ai_edge_litert.interpreter import Interpreter

    picture = np.random.default_rng(0).integers(0, 256, (1, size, size, 3)).astype(np.float32)
    expected = {name: np.asarray(value) for name, value in model(picture, training=False).items()}
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture)
    interpreter.invoke()
    for name, index in outputs(interpreter).items():
        found = interpreter.get_tensor(index)
        scale = max(1.0, float(np.abs(expected[name]).max()))
        difference = float(np.abs(found - expected[name]).max()) / scale
        # `not <=` so that a NaN is caught as well.
        if not difference <= TOLERANCE:
            raise RuntimeError(f"{name} of the converted {model.name} is off by {difference:.2g}")


def kept_in(backbone: Backbone, settings: Settings) -> Path:
    """The folder of a serving model that was prepared on this machine, and of that job."""
    return settings.home / "backbones" / backbone.name


def _sha256(path: Path) -> str | None:
    """SHA-256 in hex, remembered by the file's time and size; None if there is no file."""
    try:
        state = path.stat()
        key = (path, state.st_mtime_ns, state.st_size)
        if key not in _digests:
            _digests[key] = files.sha256(path)
    except OSError:
        return None
    return _digests[key]


def _version(package: str) -> str:
    # On Linux x86-64 TensorFlow is installed as tensorflow-cpu.
    for name in (package, f"{package}-cpu"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "unknown"


def _silent(_what: str, _done: int, _total: int) -> None:
    pass


def main(arguments: list[str] | None = None) -> int:
    """Rebuild a serving model at a place of your choice and say its SHA-256."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("name", help="of the backbone")
    parser.add_argument("--out", type=Path, required=True, help="file to write, ending in .tflite")
    asked = parser.parse_args(arguments)
    try:
        record = _make(get(asked.name), asked.out, host.load(), _silent)
    except TuskerError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{record.sha256}  {asked.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
