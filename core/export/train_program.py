"""Write the training of a run as a plain Keras program, with its split beside it."""

import json

from core import backbones
from core.dataset import Dataset
from core.dataset.layout import Split
from core.export import programs
from core.model.storage import ModelFile
from core.training import backbone_cut, outcome
from core.training.config import Augmentation, Phase, TrainingConfig

PROGRAM, SPLIT_FILE, BACKBONE_FILE = "train.py", "split.json", "backbone.keras"
WIDTH = 88
"""Longest line, as ruff formats by default."""
DEEP_FORMATS = ("PNG", "TIFF", "PPM", "BMP")
"""Picture formats that may have more than 8 bits per channel, or pixels that Pillow misreads."""
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


def program(config: TrainingConfig, model: ModelFile, dataset: Dataset, *, fine_tuned: bool) -> str:
    """The program, formatted as ruff would, without anything that this run did not use.

    Args:
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
        depths=_list_literal("DEPTHS", model.depths) if model.depths else "",
        views=views,
        cut=backbone.stages[backbone_cut.cut_stage(config)].layer if config.fine_tunes else "",
        shares=outcome.SHARES,
    )


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
