"""Step 2 of training: choose a preset, or every setting, and get one configuration."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, NamedTuple

import streamlit as st

from core import backbones
from core.backbones import serving
from core.errors import TuskerError
from core.model.storage import ModelFile
from core.settings import Settings
from core.training.config import PRESETS, TrainingConfig, parse, preset
from ui import state, widgets
from ui.train.estimate import Forecast

OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "sgd": "SGD with momentum"}


class Number(NamedTuple):
    """A setting that is a number: its path in the configuration, label, range, step and help."""

    path: str
    label: str
    low: float
    high: float
    step: float
    help: str | None = None


DATA = (
    Number("validation", "Share for validation", 0.05, 0.4, 0.05, "Decides when to stop."),
    Number(
        "test",
        "Share for the test",
        0.05,
        0.4,
        0.05,
        "Kept for the report, unless the upload has its own test set.",
    ),
    Number("batch_size", "Batch size", 1, 512, 1, "Pictures per step."),
    Number("seed", "Seed", 0, 2**31 - 1, 1, "The same seed gives the same result."),
    Number(
        "crop",
        "Crop (share of the shorter edge)",
        0.5,
        1.0,
        0.02,
        "How much of a picture the model sees, from the centre.",
    ),
    Number(
        "label_smoothing",
        "Label smoothing",
        0.0,
        0.5,
        0.05,
        "Values above 0 make the model less overconfident.",
    ),
)
AUGMENTATION = (
    Number(
        "augmentation.views",
        "Views of each picture",
        1,
        16,
        1,
        "The picture itself, its mirror image, then random variations.",
    ),
    Number("augmentation.shear", "Shear (degrees)", 0.0, 45.0, 1.0),
    Number("augmentation.rotation", "Rotation (degrees)", 0.0, 180.0, 5.0),
    Number("augmentation.shift", "Shift (fraction)", 0.0, 0.5, 0.02),
    Number("augmentation.zoom", "Zoom (fraction)", 0.0, 0.9, 0.05),
    Number("augmentation.brightness", "Brightness (fraction)", 0.0, 0.9, 0.05),
)
DROPOUT = Number("head.dropout", "Dropout", 0.0, 0.9, 0.05, "Share of inputs dropped in training.")
LAYERS = Number(
    "unfreeze.layers", "Or layers to unfreeze", 0, 500, 1, "From the top, in place of stages."
)
PHASE = (
    Number("epochs", "Epochs at most", 0, 500, 1),
    Number("learning_rate", "Learning rate", 1e-6, 1.0, 1e-4),
    Number(
        "patience",
        "Patience (epochs)",
        1,
        500,
        1,
        "Training stops after so many epochs without a better validation loss.",
    ),
)


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
        key=state.PRESET,
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
    return config if config == defaults else config.model_copy(update={"preset": "custom"})


def _advanced(
    defaults: TrainingConfig, settings: Settings, *, mirror: bool, start: ModelFile | None
) -> dict[str, Any]:
    """Every setting, grouped; the preset gives the defaults."""
    data, augmentation, head, top = st.tabs(
        ["Data and backbone", "Augmentation", "Head", "Fine-tuning"]
    )
    key, values = defaults.preset, defaults.model_dump()

    def numbers(*fields: Number, disabled: str = "") -> None:
        columns = st.columns(2)
        for place, field in enumerate(fields):
            with columns[place % 2]:
                _number(defaults, field, values, disabled=field.path == disabled)

    with data:
        values["backbone"] = _backbone(settings, start)
        numbers(*DATA, disabled="crop" if start else "")
        values["class_weights"] = st.checkbox(
            "Class weights",
            defaults.class_weights,
            key=f"{key} weights",
            help="A rare class counts as much as a common one.",
        )
    with augmentation:
        numbers(*AUGMENTATION)
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
        most = len(backbones.get(values["backbone"]).stages) - 1
        stages = Number(
            "unfreeze.stages",
            "Stages to unfreeze",
            0,
            most,
            1,
            "From the top; 0 leaves all frozen. Batch normalisation always stays frozen.",
        )
        numbers(stages, LAYERS)
        if values["unfreeze"]["layers"]:
            values["unfreeze"]["stages"] = 0
        _phase(defaults, "fine_tune_phase", values)
    return values


def _number(
    defaults: TrainingConfig, field: Number, values: dict[str, Any], *, disabled: bool = False
) -> None:
    """A number input that puts its value into nested values."""
    *groups, name = field.path.split(".")
    for group in groups:
        values = values[group]
    values[name] = st.number_input(
        field.label,
        field.low,
        field.high,
        min(attrgetter(field.path)(defaults), field.high),
        field.step,
        "%.6f" if name == "learning_rate" else None,
        key=f"{defaults.preset} {field.path}",
        help=field.help,
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
    for place, field in enumerate(PHASE, start=1):
        with columns[place % 2]:
            _number(defaults, field._replace(path=f"{phase}.{field.path}"), values)


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
