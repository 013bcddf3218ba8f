"""Write the training of a run as a plain Keras program, with its split beside it."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from core import backbones
from core.backbones import Backbone
from core.dataset import Dataset
from core.dataset.layout import Split, role
from core.errors import RunDamaged
from core.export import programs
from core.model.storage import ModelFile
from core.settings import Settings
from core.system import files
from core.training import depth, outcome
from core.training.config import Augmentation, Phase, TrainingConfig

PROGRAM, SPLIT_FILE, BACKBONE_FILE = "train.py", "split.json", "backbone.keras"
WIDTH = 88
"""Longest line, as ruff formats by default."""
DEEP_FORMATS = ("PNG", "TIFF", "PPM", "BMP")
"""Picture formats that may have more than 8 bits per channel, or pixels that Pillow misreads."""
TOLERANCE = 1e-4
"""Largest error of the saved backbone, relative to its largest output."""
SOLVER_EPOCHS = 100
"""Limit of epochs in which gradient steps approach a head that a run solves."""


def split_rows(dataset: Dataset) -> str:
    """A JSON list of `file`, `class`, `part` and `sha256`, one picture per line.

    The hash identifies a picture, so the split survives renamed and moved files. The class is the
    one that was trained on, which differs from the folder where a label was corrected. Test
    pictures come last, so that a reader that keeps one row per hash trains on no copy of a test
    picture.
    """
    order: tuple[Split, ...] = ("train", "validation", "test")
    lines = [
        json.dumps(
            {
                "file": example.name,
                "class": dataset.classes[example.label],
                "part": example.split,
                "sha256": example.sha256,
            },
            ensure_ascii=False,
        )
        for part in order
        for example in dataset.of(part)
    ]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def write_backbone(backbone: Backbone, path: Path, settings: Settings) -> None:
    """Save the pretrained network without its top as a Keras file of plain layers.

    Input is RGB 0–255 (n, size, size, 3), output the last feature map. Layers have the names in
    the table of backbones. The file is opened again and compared before it gets its name.

    Raises:
        WeightsUnavailable: the published weights cannot be had.
        RunDamaged: the file does not compute what the network does.
    """
    import keras

    from core.backbones import build

    network = build.trunk(backbone, settings=settings)
    shape = (1, backbone.size, backbone.size, 3)
    noise = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    expected = np.asarray(network(noise, training=False))
    with files.replacing(path) as temporary:
        network.save(temporary)
        # This job wrote the file; a Keras file from outside is never opened.
        loaded = keras.saving.load_model(temporary, compile=False, safe_mode=True)  # noqa: TID251
        difference = float(np.abs(np.asarray(loaded(noise, training=False)) - expected).max())
        if not difference <= TOLERANCE * float(np.abs(expected).max()):  # a NaN is not
            raise RunDamaged(f"{path.name} does not compute what {backbone.title} does.")


def program(config: TrainingConfig, model: ModelFile, dataset: Dataset, *, fine_tuned: bool) -> str:
    """The program, formatted as ruff would, without anything that this run did not use.

    Args:
        config: of the run.
        model: gives input size, crop and classes.
        dataset: with its split.
        fine_tuned: whether the run fine-tuned the backbone and kept the result.
    """
    backbone = backbones.get(model.backbone)
    if not fine_tuned:
        config = config.without_fine_tuning()
    views = _views(config.augmentation)
    if not views:  # every view would be the picture itself
        config = config.model_copy(update={"augmentation": Augmentation()})
    return programs.render(
        "train.py.j2",
        config=config,
        head=Phase(epochs=SOLVER_EPOCHS) if config.solves_head else config.head_phase,
        size=model.size,
        crop=model.crop,
        scale=model.scale,
        classes=_list_literal("CLASSES", model.classes),
        nested=any("/" in name for name in model.classes),
        heif=any(example.format == "HEIF" for example in dataset.examples),
        deep=any(example.format in DEEP_FORMATS for example in dataset.examples),
        shipped=not backbone.in_keras,
        recipe=backbone.recipe,
        **_splitting(config, dataset),
        depths=_list_literal("DEPTHS", model.depths) if model.depths else "",
        views=views,
        cut=backbone.stages[depth.cut_stage(config)].layer if config.fine_tunes else "",
        shares=outcome.SHARES,
    )


def _splitting(config: TrainingConfig, dataset: Dataset) -> dict[str, Any]:
    """How the program splits pictures that the split file does not list."""
    folders = _split_folders(dataset) if dataset.predefined else {}
    share = config.validation
    if folders:
        share = round(config.validation / (1 - config.test), 4)
    return {
        "given": ", ".join(f"{_literal(name)}: {_literal(part)}" for name, part in folders.items()),
        "deals_test": not folders,
        "deals_validation": "validation" not in folders.values(),
        "validation": share,
    }


def _split_folders(dataset: Dataset) -> dict[str, Split]:
    """Folder above the classes → its split; a folder that was split further counts as training."""
    names = [example.name.split("/") for example in dataset.examples]
    deepest = min(map(len, names))
    levels = (n for n in range(deepest - 1) if all(role(parts[n]) for parts in names))
    if (level := next(levels, None)) is None:  # the split comes from a table
        return {}
    splits: dict[str, set[Split | None]] = {}
    for parts, example in zip(names, dataset.examples, strict=True):
        splits.setdefault(parts[level], set()).add(example.split)
    return {
        folder: "train" if "train" in parts else next(part for part in parts if part)
        for folder, parts in sorted(splits.items())
    }


def _views(augmentation: Augmentation) -> list[str]:
    """Layers that render a view; one or two views are the picture and its mirror image."""
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


def _list_literal(name: str, values: tuple[str, ...]) -> str:
    """A Python list of strings, on one line if it fits."""
    texts = [_literal(value) for value in values]
    line = f"[{', '.join(texts)}]"
    if len(f"{name} = {line}") <= WIDTH:
        return line
    return "[\n" + "".join(f"    {text},\n" for text in texts) + "]"


def _literal(value: str) -> str:
    """A Python string literal, in double quotes unless that needs escapes."""
    shown = repr(value)
    return shown if '"' in value or shown.startswith('"') else f'"{shown[1:-1]}"'
