"""What a trained model is on disk: `model.json`, its weights, and what it needs to answer."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from core import backbones
from core.backbones import serving
from core.errors import RunDamaged
from core.model.appearance import Appearance
from core.model.classifier import Classifier, Open, opened
from core.model.dense import DenseHead
from core.model.ood import OodDetector
from core.settings import Settings
from core.system import files

MODEL = "model.json"
WEIGHTS = "weights.safetensors"
SERVING = "serving.tflite"
OOD = "novelty.safetensors"
APPEARANCE = "looks.json"
LITERT = "classifier.tflite"
KERAS = "classifier.keras"
ANSWERING = (MODEL, WEIGHTS, SERVING, OOD, APPEARANCE)
"""Files that a prediction is made with; the others are exports."""
UNREADABLE = "The model of this run is damaged: its files cannot be read."


class ModelFile(BaseModel):
    """`model.json`: all that is not an array."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    backbone: str
    classes: tuple[str, ...]
    size: int = Field(ge=8, le=1024)
    crop: float = Field(gt=0, le=1)
    hidden: tuple[int, ...] = ()
    dropout: float = 0.0
    temperature: float | None = None
    """What the logits were divided by; the weights of the head have it in them."""
    cut: str | None = None
    """The stage below the first trained one; None where the backbone stayed frozen."""

    @property
    def fine_tuned(self) -> bool:
        """Whether layers of the backbone were trained too."""
        return self.cut is not None


def save(folder: Path, model: ModelFile, arrays: dict[str, np.ndarray]) -> None:
    """Write `model.json` and the weights: the head's and those of trained backbone layers."""
    folder.mkdir(exist_ok=True)
    with files.replacing(folder / WEIGHTS) as temporary:
        save_file(arrays, temporary)
    files.write_text(folder / MODEL, model.model_dump_json(indent=1))


def load_description(folder: Path) -> ModelFile:
    """What `load` reads besides the weights, which may be large.

    Raises:
        RunDamaged: the file is missing or not what it should be.
    """
    try:
        return ModelFile.model_validate_json((folder / MODEL).read_bytes())
    except (OSError, ValueError) as error:
        raise RunDamaged(UNREADABLE) from error


def load(folder: Path) -> tuple[ModelFile, dict[str, np.ndarray]]:
    """Read what `save` wrote.

    Raises:
        RunDamaged: a file is missing or not what it should be.
    """
    model = load_description(folder)
    try:
        arrays = load_file(folder / WEIGHTS)
        told_apart = DenseHead.from_arrays(arrays).classes
    except (OSError, LookupError, ValueError, SafetensorError) as error:
        raise RunDamaged(UNREADABLE) from error
    if told_apart != len(model.classes):
        raise RunDamaged(
            f"The model of this run is damaged: {MODEL} names {len(model.classes)} classes, its "
            f"weights tell {told_apart} apart."
        )
    return model, arrays


def save_ood_detector(folder: Path, ood_detector: OodDetector) -> None:
    """Keep what tells pictures apart that are unlike those it was taught."""
    with files.replacing(folder / OOD) as temporary:
        save_file(ood_detector.arrays(), temporary)


def load_ood_detector(folder: Path, width: int) -> OodDetector | None:
    """Read what `save_novelty` wrote; None if it did not.

    Args:
        width: of the embeddings that it is for.

    Raises:
        RunDamaged: the file is not what it should be.
    """
    if not (folder / OOD).is_file():
        return None
    try:
        ood_detector = OodDetector.from_arrays(load_file(folder / OOD))
    except (OSError, LookupError, ValueError, SafetensorError) as error:
        raise RunDamaged(f"The model of this run is damaged: {OOD} cannot be read.") from error
    if ood_detector.width != width:
        raise RunDamaged(
            f"The model of this run is damaged: {OOD} is for {ood_detector.width} features, its "
            f"head takes {width}."
        )
    return ood_detector


def save_appearance(folder: Path, appearance: Appearance) -> None:
    """Keep how the training pictures look."""
    files.write_text(folder / APPEARANCE, appearance.model_dump_json(indent=1))


def load_appearance(folder: Path) -> Appearance | None:
    """Read what `save_looks` wrote; None if it did not.

    Raises:
        RunDamaged: the file is not what it should be.
    """
    if not (folder / APPEARANCE).is_file():
        return None
    try:
        return Appearance.model_validate_json((folder / APPEARANCE).read_bytes())
    except (OSError, ValueError) as error:
        raise RunDamaged(
            f"The model of this run is damaged: {APPEARANCE} cannot be read."
        ) from error


def classifier(
    folder: Path,
    title: str,
    settings: Settings,
    open_model: Open = opened,
    *,
    threshold: float = 0.0,
) -> Classifier:
    """A trained model, ready to answer.

    That is a serving model, the backbone's own or the one of its retrained layers, and the head.

    Args:
        threshold: probability below which it is not sure.

    Raises:
        RunDamaged: its files cannot be read.
        UnknownModel: its backbone has not been prepared on this machine.
    """
    model, arrays = load(folder)
    if model.fine_tuned:
        file = folder / SERVING
        if not file.is_file():
            raise RunDamaged(f"The model of this run is damaged: {SERVING} is missing.")
    else:
        file = serving.required(backbones.get(model.backbone), settings)
    head = DenseHead.from_arrays(arrays)
    return Classifier(
        open_model(file),
        title=title,
        labels=model.classes,
        size=model.size,
        crop=model.crop,
        head=head,
        ood_detector=load_ood_detector(folder, head.inputs),
        threshold=threshold,
        appearance=load_appearance(folder),
    )
