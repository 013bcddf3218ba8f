"""A trained model on disk: `model.json`, its weights, and the other files that it predicts with."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, Field, model_validator
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from core import backbones
from core.errors import RunDamaged
from core.evaluation import prediction_sets
from core.evaluation.report import SetLevel
from core.images import AS_DECLARED, Scale
from core.model import deep_features
from core.model.appearance import Appearance
from core.model.classifier import Classifier, Open, on_two_threads
from core.model.decision import ALWAYS_ANSWER, Decision
from core.model.dense import DenseHead
from core.model.ood import OodDetector
from core.settings import Settings
from core.system import files

# Some names are older than the terms in the code (suspects = label issues, unlike = OOD scores,
# looks = appearance, novelty = OOD detector). Runs on disk have them.
MODEL = "model.json"
WEIGHTS = "weights.safetensors"
SERVING = "serving.tflite"
OOD = "novelty.safetensors"
APPEARANCE = "looks.json"
LEARNED = "learned.json"
LITERT = "classifier.tflite"
KERAS = "classifier.keras"
ANSWERING = (MODEL, WEIGHTS, SERVING, OOD, APPEARANCE)
"""Files that predictions are made with; the others are exports."""
LAYERS, UNITS, DROPOUT, SMALLEST_CROP = 3, 4096, 0.9, 0.5
"""Limits of a head and a crop, as the settings of a training have them."""


class ModelFile(BaseModel, frozen=True, extra="forbid"):
    """`model.json`: everything that is not an array."""

    version: Literal[1] = 1
    tusker: str = Field("", max_length=40)
    """Version of Tusker that trained the model; empty if before 1.0."""
    backbone: str
    classes: tuple[str, ...]
    size: int = Field(ge=8, le=1024)
    crop: float = Field(ge=SMALLEST_CROP, le=1)
    scale: Scale = AS_DECLARED
    """Of pictures of more than 8 bits, as in the dataset."""
    hidden: tuple[Annotated[int, Field(ge=1, le=UNITS)], ...] = Field((), max_length=LAYERS)
    dropout: float = Field(0.0, ge=0, le=DROPOUT)
    temperature: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Temperature of the calibration; the weights of the head already include it."""
    cut: str | None = None
    """The stage below the first trained one; None if the backbone stayed frozen."""
    set_levels: tuple[SetLevel, ...] = Field((), max_length=len(prediction_sets.LEVELS))
    """Levels of prediction sets that the model offers, in ascending order."""
    threshold: float = Field(0.0, ge=0, le=1)
    """Only in bundles: the probability below which the answer is "not sure"."""
    level: float | None = Field(None, ge=0, lt=1)
    """Only in bundles: the chosen level of prediction sets; 0 for none, None for the default."""
    depths: tuple[str, ...] = Field((), max_length=8)
    """Layers whose pooled activations follow the last embedding; only with a frozen backbone."""

    @model_validator(mode="after")
    def _depths_of_the_backbone(self) -> Self:
        if self.depths:
            exists = backbones.known(self.backbone)
            stages = backbones.get(self.backbone).stages if exists else ()
            if self.fine_tuned or not set(self.depths) <= {stage.layer for stage in stages}:
                raise ValueError("its backbone has no features of these depths")
        return self

    @property
    def width(self) -> int:
        """Width of the embedding. Raises UnknownModel."""
        return backbones.get(self.backbone).width(self.depths)

    @property
    def fine_tuned(self) -> bool:
        """Whether layers of the backbone were trained."""
        return self.cut is not None


def save(folder: Path, model: ModelFile, arrays: dict[str, np.ndarray]) -> None:
    """Write `model.json` and the weights: the head's and those of trained backbone layers."""
    folder.mkdir(exist_ok=True)
    with files.replacing(folder / WEIGHTS) as temporary:
        save_file(arrays, temporary)
    files.write_text(folder / MODEL, model.model_dump_json(indent=1))


def load_description(folder: Path) -> ModelFile:
    """Read `model.json` only, since weights may be large.

    Raises:
        RunDamaged: the file is missing or damaged.
    """
    with _readable(MODEL):
        return ModelFile.model_validate_json((folder / MODEL).read_bytes())


def load(folder: Path) -> tuple[ModelFile, dict[str, np.ndarray]]:
    """Read what `save` wrote.

    Raises:
        RunDamaged: a file is missing or damaged.
    """
    model = load_description(folder)
    with _readable(WEIGHTS):
        arrays = load_file(folder / WEIGHTS)
        classes = DenseHead.from_arrays(arrays).classes
    if classes != len(model.classes):
        raise _damaged(f"{MODEL} names {len(model.classes)} classes, its weights have {classes}")
    return model, arrays


def save_ood_detector(folder: Path, ood_detector: OodDetector) -> None:
    """Save the OOD detector."""
    with files.replacing(folder / OOD) as temporary:
        save_file(ood_detector.arrays(), temporary)


def load_ood_detector(folder: Path, width: int) -> OodDetector | None:
    """Read the OOD detector; None if there is none.

    Args:
        width: width of the last embedding, which the detector takes.

    Raises:
        RunDamaged: the file is damaged.
    """
    if not (folder / OOD).is_file():
        return None
    with _readable(OOD):
        ood_detector = OodDetector.from_arrays(load_file(folder / OOD))
    if ood_detector.width != width:
        raise _damaged(f"{OOD} is for {ood_detector.width} features, its backbone has {width}")
    return ood_detector


def save_appearance(folder: Path, appearance: Appearance) -> None:
    """Save the appearance of the training pictures."""
    files.write_text(folder / APPEARANCE, appearance.model_dump_json(indent=1))


def load_appearance(folder: Path) -> Appearance | None:
    """Read the appearance of the training pictures; None if there is none.

    Raises:
        RunDamaged: the file is damaged.
    """
    if not (folder / APPEARANCE).is_file():
        return None
    with _readable(APPEARANCE):
        return Appearance.model_validate_json((folder / APPEARANCE).read_bytes())


def save_learned(folder: Path, hashes: Iterable[str]) -> None:
    """Save the SHA-256, in hex, of every picture that the model learned from."""
    files.write_text(folder / LEARNED, json.dumps(sorted(set(hashes)), indent=0))


def load_learned(folder: Path) -> frozenset[str]:
    """Read the SHA-256 of the pictures that the model learned from; empty if they are unknown."""
    try:
        return frozenset(json.loads((folder / LEARNED).read_bytes()))
    except (OSError, ValueError, TypeError):
        return frozenset()


def classifier(
    folder: Path,
    title: str,
    settings: Settings,
    open_model: Open = on_two_threads,
    decision: Decision = ALWAYS_ANSWER,
) -> Classifier:
    """A trained model, ready to predict: a serving model, the backbone's or its own, and the head.

    Raises:
        RunDamaged: its files cannot be read.
        UnknownModel: its backbone has not been prepared on this machine.
    """
    model, arrays = load(folder)
    path = serving_model(folder, model, settings)
    head = DenseHead.from_arrays(arrays)
    return Classifier(
        open_model(path),
        title=title,
        labels=model.classes,
        crop=model.crop,
        limits=settings,
        scale=model.scale,
        head=head,
        ood_detector=load_ood_detector(folder, backbones.get(model.backbone).embedding),
        decision=decision,
        appearance=load_appearance(folder),
    )


def serving_model(folder: Path, model: ModelFile, settings: Settings) -> Path:
    """The LiteRT file below the head: the backbone's or, after fine-tuning, the model's own.

    Raises:
        RunDamaged: the model's own file is missing.
        UnknownModel: its backbone has not been prepared on this machine.
    """
    if not model.fine_tuned:
        return deep_features.serving_model(backbones.get(model.backbone), model.depths, settings)
    path = folder / SERVING
    if not path.is_file():
        raise _damaged(f"{SERVING} is missing")
    return path


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Raise RunDamaged if the block cannot read a file."""
    try:
        yield
    except (OSError, LookupError, ValueError, SafetensorError) as error:
        raise _damaged(f"{name} cannot be read") from error


def _damaged(reason: str) -> RunDamaged:
    return RunDamaged(f"This model is damaged: {reason}. Train or import it again.")
