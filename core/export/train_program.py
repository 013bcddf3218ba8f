"""Write a run's whole training as one plain Keras program, for people who leave the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core import backbones
from core.backbones import Backbone
from core.dataset import Dataset
from core.dataset.layout import SPLITS, Split
from core.model.storage import ModelFile
from core.training import depth
from core.training.config import Augmentation, Phase, TrainingConfig

TEMPLATE = "train.py.j2"
WIDTH = 88
"""Longest line, as ruff formats by default."""
WARM_UP = 0.1
"""As in `core.training.finetune`, which only a process with TensorFlow may import."""
SEARCHING_EPOCHS, SEARCHING_PATIENCE = 100, 5
"""Minimum for a linear head: Tusker solves it to its optimum, this program only approaches it."""
DEEP = ("PNG", "TIFF")
"""Kinds of pictures that may have 16 bits a pixel."""
OPTIMIZERS = {
    "adam": "keras.optimizers.Adam({rate})",
    "adamw": "keras.optimizers.AdamW({rate}, weight_decay={phase.weight_decay})",
    "rmsprop": "keras.optimizers.RMSprop({rate})",
    "sgd": "keras.optimizers.SGD({rate}, momentum={phase.momentum})",
}
SCALING = {"ResNet": "resnet", "Inception": "inception_v3", "MobileNet": "mobilenet_v2"}
"""Module of `keras.applications` whose `preprocess_input` scales pixels for a kind of network."""


def program(config: TrainingConfig, saved: ModelFile, dataset: Dataset) -> str:
    """The program, formatted as ruff would, with nothing in it that this run did not use.

    It needs the file of `split_file.rows` beside it and, where `backbone_file.ships` says so,
    the backbone.

    Args:
        config: as it was asked for.
        saved: says what the model sees of a picture, and its classes.
        dataset: with its split.
    """
    words = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # noqa: S701 - Python; names from outside go through `_text`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    backbone = backbones.get(saved.backbone)
    views = _views(config.augmentation) if config.fine_tunes or config.head_views > 1 else []
    return words.get_template(TEMPLATE).render(
        config=config,
        size=saved.size,
        crop=saved.crop,
        classes=_listed("CLASSES", saved.classes),
        nested=any("/" in name for name in saved.classes),
        heif=any(example.format == "HEIF" for example in dataset.examples),
        deep=any(example.format in DEEP for example in dataset.examples),
        shipped=not backbone.in_keras,
        context=backbone.recipe,
        scaling=_scaling(backbone),
        **_dealing(config, dataset),
        views=views,
        streams=bool(views),
        **_head(config),
        **_fine_tuning(config, backbone),
    )


def _scaling(backbone: Backbone) -> str | None:
    """The module that scales pixels, where the network does not do it itself."""
    if not backbone.in_keras or backbone.recipe.scaling == "none":
        return None
    return SCALING[backbone.recipe.architecture.rstrip("0123456789").removesuffix("V")]


def _dealing(config: TrainingConfig, dataset: Dataset) -> dict[str, Any]:
    """How pictures are dealt out of which the file of the split says nothing."""
    given = _given(dataset) if dataset.predefined else {}
    share = config.validation
    if given:
        share = round(config.validation / (1 - config.test), 4)
    return {
        "given": ", ".join(f"{_text(folder)}: {_text(part)}" for folder, part in given.items()),
        "deals_test": not given,
        "deals_validation": "validation" not in given.values(),
        "validation": share,
    }


def _given(dataset: Dataset) -> dict[str, Split]:
    """Folder above the classes → its part; the one whose pictures are dealt out is for training."""
    names = [example.name.split("/") for example in dataset.examples]
    deepest = min(map(len, names))
    level = next(
        level
        for level in range(deepest)
        if all(parts[level].casefold() in SPLITS for parts in names)
    )
    found: dict[str, set[Split | None]] = {}
    for parts, example in zip(names, dataset.examples, strict=True):
        found.setdefault(parts[level], set()).add(example.split)
    return {
        folder: "train" if "train" in parts else next(part for part in parts if part)
        for folder, parts in sorted(found.items())
    }


def _head(config: TrainingConfig) -> dict[str, Any]:
    phase, views = config.head_phase, config.head_views
    searching = not config.head.hidden
    return {
        "head": phase,
        "head_views": views,
        "head_epochs": max(phase.epochs, SEARCHING_EPOCHS) if searching else max(1, phase.epochs),
        "head_patience": max(phase.patience, SEARCHING_PATIENCE) if searching else phase.patience,
        "head_optimizer": _optimizer(phase, "HEAD_RATE"),
    }


def _fine_tuning(config: TrainingConfig, backbone: Backbone) -> dict[str, Any]:
    return {
        "fine_tunes": config.fine_tunes,
        "tune": config.fine_tune_phase,
        "cut": backbone.stages[depth.cut_stage(config)].layer if config.fine_tunes else "",
        "warm_up": WARM_UP,
        "tune_optimizer": _optimizer(config.fine_tune_phase, "rate"),
    }


def _views(augmentation: Augmentation) -> list[str]:
    """Layers that render a view. The first two, a picture and its mirror image, vary no more."""
    if augmentation.views == 1:
        return []
    mirror = ['keras.layers.RandomFlip("horizontal")'] if augmentation.flip else []
    if mirror and augmentation.views == 2:
        return mirror
    ranges = {
        "keras.layers.RandomRotation({0} / 360)": augmentation.rotation,
        "keras.layers.RandomZoom({0})": augmentation.zoom,
        "keras.layers.RandomShear(math.tan(math.radians({0})))": augmentation.shear,
        "keras.layers.RandomTranslation({0}, {0})": augmentation.shift,
        "keras.layers.RandomBrightness({0})": augmentation.brightness,
    }
    return mirror + [layer.format(limit) for layer, limit in ranges.items() if limit]


def _optimizer(phase: Phase, rate: str) -> str:
    return OPTIMIZERS[phase.optimizer].format(rate=rate, phase=phase)


def _listed(name: str, values: tuple[str, ...]) -> str:
    """A list of texts, on one line if that is not too long."""
    texts = [_text(value) for value in values]
    line = f"[{', '.join(texts)}]"
    if len(f"{name} = {line}") <= WIDTH:
        return line
    return "[\n" + "".join(f"    {text},\n" for text in texts) + "]"


def _text(value: str) -> str:
    """A text as Python has it, in double quotes unless that would take escapes."""
    shown = repr(value)
    return shown if '"' in value or shown.startswith('"') else f'"{shown[1:-1]}"'
