"""Step 2 of training: choose a preset, or every setting, and get one configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import streamlit as st
from pydantic import BaseModel

from core import backbones
from core.backbones import serving
from core.errors import TuskerError
from core.model.storage import ModelFile
from core.settings import Settings
from core.training.config import PRESETS, TrainingConfig, parse, preset
from ui import state, widgets
from ui.train.estimate import Forecast

OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "sgd": "SGD with momentum"}


DATA = {
    "validation": "Share for validation",
    "test": "Share for the test",
    "batch_size": "Batch size",
    "seed": "Seed",
    "crop": "Crop (share of the shorter edge)",
    "label_smoothing": "Label smoothing",
}
AUGMENTATION = {
    "augmentation.views": "Views of each picture",
    "augmentation.shear": "Shear (degrees)",
    "augmentation.rotation": "Rotation (degrees)",
    "augmentation.shift": "Shift (fraction)",
    "augmentation.zoom": "Zoom (fraction)",
    "augmentation.brightness": "Brightness (fraction)",
}
DROPOUT = {"head.dropout": "Dropout"}
UNFREEZE = {
    "unfreeze.stages": "Stages to unfreeze",
    "unfreeze.layers": "Or layers to unfreeze",
}
PHASE = {"epochs": "Epochs at most", "learning_rate": "Learning rate", "patience": "Patience"}
"""Labels of settings that are numbers. Ranges and help come from the configuration."""


def choose(
    settings: Settings, forecast: Forecast, *, mirror: bool, start: ModelFile | None = None
) -> TrainingConfig | None:
    """The controls, and the configuration they make; None where they do not fit together.

    Args:
        forecast: of how long each preset takes.
        mirror: whether a mirror image still shows the same class.
        start: the model that the training starts from; what it fixes cannot be chosen.
    """
    chosen = st.radio(
        "How thoroughly?",
        PRESETS,
        format_func=str.capitalize,
        captions=forecast.captions(),
        horizontal=True,
        key="preset",
        label_visibility="collapsed",
    )
    defaults = preset(chosen)
    with st.expander("Advanced", icon=":material/tune:"):
        values = _advanced(defaults, settings, mirror=mirror, start=start)
    try:
        config = parse(values)
    except TuskerError as refusal:
        widgets.error(str(refusal))
        return None
    # A preset is the same on every backbone, with any seed, and without mirror images if those
    # would show something else.
    unchanged = preset(chosen, backbone=config.backbone, seed=config.seed)
    flip = unchanged.augmentation.flip and mirror
    augmentation = unchanged.augmentation.model_copy(update={"flip": flip})
    unchanged = unchanged.model_copy(update={"augmentation": augmentation})
    return config if config == unchanged else config.model_copy(update={"preset": "custom"})


def _advanced(
    defaults: TrainingConfig, settings: Settings, *, mirror: bool, start: ModelFile | None
) -> dict[str, Any]:
    """Every setting, grouped; the preset gives the defaults."""
    data, augmentation, head, top = st.tabs(
        ["Data and backbone", "Augmentation", "Head", "Fine-tuning"]
    )
    key, values = defaults.preset, defaults.model_dump()

    def numbers(labels: Mapping[str, str]) -> None:
        columns = st.columns(2)
        for place, (path, label) in enumerate(labels.items()):
            with columns[place % 2]:
                _number(
                    defaults, path, label, values, disabled=path == "crop" and start is not None
                )

    with data:
        values["backbone"] = _backbone(settings, start)
        numbers(DATA)
        values["class_weights"] = st.checkbox(
            "Class weights",
            defaults.class_weights,
            key=f"{key} weights",
            help="A rare class counts as much as a common one.",
        )
    with augmentation:
        numbers(AUGMENTATION)
        values["augmentation"]["flip"] = st.checkbox(
            "Mirror",
            defaults.augmentation.flip and mirror,
            key=f"{key} flip {mirror}",
            help="Not for writing, or where left and right matter.",
        )
        st.caption("Rotation to brightness apply from the third view on.")
    with head:
        hidden = st.text_input(
            "Hidden layers",
            "",
            placeholder="none, or for example 256, 64",
            key=f"{key} hidden",
            help="Units of each dense layer before the last.",
            disabled=start is not None,
        )
        values["head"]["hidden"] = hidden.replace(",", " ").split()
        numbers(DROPOUT)
        _phase(defaults, "head_phase", values)
        st.caption(
            "Optimiser, learning rate, epochs and patience apply to heads with hidden layers. "
            "Without any, the head is a logistic regression, solved to its optimum."
        )
    with top:
        numbers(UNFREEZE)
        if values["unfreeze"]["layers"]:
            values["unfreeze"]["stages"] = 0
        _phase(defaults, "fine_tune_phase", values)
    return values


def _number(
    defaults: TrainingConfig, path: str, label: str, values: dict[str, Any], *, disabled: bool
) -> None:
    """A number input that puts its value into nested values."""
    backbone, (*groups, name) = values["backbone"], path.split(".")
    part: BaseModel = defaults
    for group in groups:
        values, part = values[group], getattr(part, group)
    setting, value = type(part).model_fields[name], getattr(part, name)
    kind = type(value)
    # A range that excludes its lower end has none that can be typed; 0.000001 is close to it.
    limits = {"ge": 1e-6}
    for limit in setting.metadata:
        limits |= asdict(limit)
    if name in ("validation", "test"):
        limits["ge"] = 0.05
    if name == "stages":
        limits["le"] = len(backbones.get(backbone).stages) - 1
    small = name == "learning_rate"
    values[name] = st.number_input(
        label,
        kind(limits["ge"]),
        kind(limits["le"]),
        min(value, kind(limits["le"])),
        1e-4 if small else kind(1) if limits["le"] > 1 else 0.05,
        "%.6f" if small else None,
        key=f"{defaults.preset} {path}",
        help=setting.description,
        disabled=disabled,
    )


def _phase(defaults: TrainingConfig, phase: str, values: dict[str, Any]) -> None:
    columns = st.columns(2)
    with columns[0]:
        values[phase]["optimizer"] = st.selectbox(
            "Optimiser",
            list(OPTIMIZERS),
            list(OPTIMIZERS).index(getattr(defaults, phase).optimizer),
            format_func=OPTIMIZERS.__getitem__,
            key=f"{defaults.preset} {phase} optimiser",
        )
    for place, (name, label) in enumerate(PHASE.items(), start=1):
        with columns[place % 2]:
            _number(defaults, f"{phase}.{name}", label, values, disabled=False)


def _backbone(settings: Settings, start: ModelFile | None) -> str:
    if start is not None:
        st.caption(
            f"{backbones.get(start.backbone).title}, crop and hidden layers are those of the model "
            "that it starts from."
        )
        return start.backbone
    return st.selectbox(
        "Backbone",
        list(backbones.BACKBONES),
        format_func=lambda name: _backbone_title(name, settings),
        help="The pretrained network that the new head is put on.",
        key=state.BACKBONE,  # the same for all presets, so that a comparison can set it
        persist_state="session",
    )


def _backbone_title(name: str, settings: Settings) -> str:
    row = backbones.get(name)
    ready = serving.locate(row, settings) is not None
    return f"{row.title} · {row.megabytes:.0f} MB" + ("" if ready else " · prepared on first use")
