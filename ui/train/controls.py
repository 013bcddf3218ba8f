"""The settings under Advanced: their controls, and where they have no effect."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import streamlit as st
from pydantic.fields import FieldInfo

from core import backbones
from core.dataset import Dataset
from core.errors import BadConfig
from core.model.storage import ModelFile
from core.training.config import TrainingConfig
from ui import text

PHASE = {
    "optimizer": "Optimiser",
    "epochs": "Maximum epochs",
    "learning_rate": "Learning rate",
    "patience": "Patience",
    "momentum": "Momentum",
    "weight_decay": "Weight decay",
}
HEAD = {f"head_phase.{name}": label for name, label in PHASE.items()}
FINE_TUNING = {f"fine_tune_phase.{name}": label for name, label in PHASE.items()}
VARIATIONS = {
    "augmentation.shear": "Shear (degrees)",
    "augmentation.rotation": "Rotation (degrees)",
    "augmentation.shift": "Shift (fraction)",
    "augmentation.zoom": "Zoom (fraction)",
    "augmentation.brightness": "Brightness (fraction)",
}
DATA, AUGMENTATION = "Data and backbone", "Augmentation"
TABS = {
    DATA: {
        "validation": "Validation share",
        "test": "Test share",
        "batch_size": "Batch size",
        "seed": "Seed",
        "crop": "Crop (share of the shorter edge)",
        "label_smoothing": "Label smoothing",
        "features": "Features",
        "class_weights": "Class weights",
    },
    AUGMENTATION: {
        "augmentation.views": "Views of each picture",
        "augmentation.flip": "Mirror",
        **VARIATIONS,
    },
    "Head": {"head.hidden": "Hidden layers", "head.dropout": "Dropout", **HEAD},
    "Fine-tuning": {
        "unfreeze.stages": "Stages to unfreeze",
        "unfreeze.layers": "Or layers to unfreeze",
        **FINE_TUNING,
        "unfreeze.least_errors": "Fewest errors to avoid",
    },
}
"""Labels of settings by tab and name. Ranges and help come from the configuration."""
OPTIONS = {
    "optimizer": {
        "adam": "Adam",
        "adamw": "AdamW",
        "rmsprop": "RMSprop",
        "sgd": "SGD with momentum",
    },
    "features": {"last": "Last layer", "depths": "Several depths", "best": "The better of both"},
}


def without_effect(
    entered: dict[str, Any], dataset: Dataset, start: ModelFile | None
) -> dict[str, str]:
    """Why settings have no effect, by their names.

    Args:
        entered: the values of all settings; of hidden layers, what was typed.
    """
    hidden = start.hidden if start else _units(entered["head.hidden"])
    layers, drawn = entered["unfreeze.layers"], entered["augmentation.views"]
    frozen = not (layers or entered["unfreeze.stages"])
    given = {str(example.split) for example in dataset.examples}
    candidates = map(backbones.get, (entered["backbone"], *entered["alternatives"]))
    shallow = not any(row.depths for row in candidates)
    own = ["features", "crop", "head.hidden", "alternatives"]
    plain = "the first view is the picture itself, and the second its mirror image"
    rules = [
        (start, "the model that it starts from has its own", own),
        (shallow, "only those of the last layer are prepared for this backbone", ["features"]),
        ("validation" in given, "the upload has its own validation pictures", ["validation"]),
        ("test" in given, "the upload has its own test pictures", ["test"]),
        (
            frozen and not hidden,
            "without hidden layers and fine-tuning the head is solved on all pictures at once",
            ["batch_size", "label_smoothing", "head.dropout"],
        ),
        (drawn < 2, "only the second view and later ones are mirrored", ["augmentation.flip"]),
        (drawn < 3, f"{plain}. Choose three or more to vary pictures", VARIATIONS),
        (
            not hidden,
            "without hidden layers the head is a logistic regression, solved to its optimum",
            HEAD,
        ),
        (layers, "only the number of layers is used", ["unfreeze.stages"]),
        (frozen, "nothing is unfrozen", ["unfreeze.least_errors", *FINE_TUNING]),
    ]
    for phase in ("head_phase", "fine_tune_phase"):
        optimizer = entered[f"{phase}.optimizer"]
        rules += [
            (optimizer != "sgd", "only SGD uses it", [f"{phase}.momentum"]),
            (optimizer != "adamw", "only AdamW uses it", [f"{phase}.weight_decay"]),
        ]
    unused: dict[str, str] = {}
    for applies, why, paths in rules:
        if applies:
            unused = dict.fromkeys(paths, why) | unused
    return unused


def explained(labels: dict[str, str], unused: dict[str, str]) -> list[str]:
    """Why some of the settings of a tab have no effect, in sentences."""
    sentences = []
    for why in dict.fromkeys(unused[path] for path in labels if path in unused):
        names = [
            label.partition(" (")[0] for path, label in labels.items() if unused.get(path) == why
        ]
        listed = text.listed(names, len(names))
        sentences.append(f"{listed.capitalize()}: no effect, since {why}.")
    return sentences


def draw(path: str, label: str, default: Any, key: str, *, disabled: bool) -> None:
    """The control of a setting."""
    name = path.rpartition(".")[2]
    more: dict[str, Any] = {"key": key, "persist_state": "session", "disabled": disabled}
    more["help"] = _setting(path).description
    if isinstance(default, bool):
        st.checkbox(label, default, **more)
    elif titles := OPTIONS.get(name):
        options = list(titles)
        index = options.index(default)
        st.selectbox(label, options, index, format_func=titles.__getitem__, **more)
    elif isinstance(default, tuple):
        st.text_input(label, placeholder="none, or for example 256, 64", **more)
    else:
        small = name in ("learning_rate", "weight_decay")
        fine = isinstance(default, float) and _limits(path)[1] <= 1
        st.number_input(
            label,
            value=default,
            # No min_value and max_value: Streamlit ignores a value outside them without a message.
            step=1e-4 if small else 0.05 if fine else type(default)(1),
            format="%.6f" if small else None,
            **more,
        )


def checked(path: str, value: Any, backbone: str) -> Any:
    """A value that was entered.

    Args:
        backbone: name of the one that is trained.

    Raises:
        BadConfig: it is outside its range.
    """
    label = next((tab[path] for tab in TABS.values() if path in tab), path)
    if path == "head.hidden":
        units = _units(value)
        if wrong := [unit for unit in units if not unit.isdecimal()]:
            raise BadConfig(f"{label}: expected numbers such as 256, 64; found {wrong[0]}.")
        return units
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = _limits(path)
        if path == "unfreeze.stages":
            high = len(backbones.get(backbone).stages) - 1
        if not low <= value <= high:
            raise BadConfig(f"{label}: expected {low:g} to {high:g}, found {value:g}.")
    return value


def _units(hidden: str | Iterable[str]) -> list[str]:
    return hidden.replace(",", " ").split() if isinstance(hidden, str) else list(hidden)


def _limits(path: str) -> tuple[float, float]:
    """The range of a number; an end that it excludes is replaced by what can be typed."""
    limits: dict[str, float] = {"le": 1 - 1e-6}
    limits["ge"] = 0.05 if path in ("validation", "test") else 1e-6
    for limit in _setting(path).metadata:
        limits |= asdict(limit)
    return limits["ge"], limits["le"]


def _setting(path: str) -> FieldInfo:
    part: Any = TrainingConfig
    *groups, name = path.split(".")
    for group in groups:
        part = part.model_fields[group].annotation
    return part.model_fields[name]
