"""Step 2 of training: choose a preset, or every setting, and get one configuration."""

from collections.abc import Callable, Container, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import streamlit as st
from pydantic import BaseModel

from core import backbones
from core.dataset import Dataset
from core.errors import TuskerError
from core.estimating import budget
from core.model.storage import ModelFile
from core.training.config import PRESETS, TrainingConfig, parse, preset
from ui import text, widgets
from ui.train import backbones_form, views_preview
from ui.train.estimate import BUDGET, Forecast

OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "sgd": "SGD with momentum"}
DATA = {
    "validation": "Validation share",
    "test": "Test share",
    "batch_size": "Batch size",
    "seed": "Seed",
    "crop": "Crop (share of the shorter edge)",
    "label_smoothing": "Label smoothing",
}
AUGMENTATION = {
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
    "unfreeze.least_errors": "Keep fine-tuning only if it avoids this many errors",
}
PHASE = {"epochs": "Maximum epochs", "learning_rate": "Learning rate", "patience": "Patience"}
"""Labels of settings that are numbers. Ranges and help come from the configuration."""
PAIRED = 220
"""Least width of a field, in pixels: two stand beside each other where there is room."""
INVALID = "invalid"
"""Set among the values when one of them is outside its range."""


def choose(
    forecast: Forecast,
    *,
    mirror: bool,
    sample: Callable[[], np.ndarray] | None = None,
    start: ModelFile | None = None,
) -> TrainingConfig | None:
    """The controls, and the configuration they make; None where they do not fit together.

    Args:
        forecast: of how long each preset takes.
        mirror: whether a mirror image still shows the same class.
        sample: decodes one of the pictures, to preview how they are varied.
        start: the model that the training starts from; what it fixes cannot be chosen.
    """
    chosen = st.radio(
        "How thoroughly?",
        PRESETS,
        format_func=str.capitalize,
        captions=forecast.captions(),
        horizontal=True,
        key="preset",
        persist_state="session",
        label_visibility="collapsed",
    )
    defaults = preset(chosen)
    minutes = None
    if chosen == "best":
        minutes = st.number_input(
            "Time budget (minutes)",
            min_value=1.0,
            value=budget.MINUTES,
            step=1.0,
            format="%g",
            key=BUDGET,
            persist_state="session",
            width=220,
            help="Epochs and comparisons that are expected not to fit are left out.",
        )
    with st.expander("Advanced", icon=":material/tune:"):
        values = _advanced(defaults, forecast.dataset, mirror=mirror, sample=sample, start=start)
    if values.pop(INVALID, False):
        st.caption("Correct the setting that is marked under Advanced to continue.")
        return None
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
    if start is not None:
        unchanged = unchanged.model_copy(update={"alternatives": ()})
    if config != unchanged:
        config = config.model_copy(update={"preset": "custom"})
        st.caption("Settings under Advanced differ from those of the preset.")
    if minutes is None:
        return config
    reduced = forecast.within(config, minutes)
    if sentence := budget.describe(config, reduced):
        st.caption(f":material/timelapse: {sentence}")
    return reduced


def _advanced(
    defaults: TrainingConfig,
    dataset: Dataset,
    *,
    mirror: bool,
    sample: Callable[[], np.ndarray] | None,
    start: ModelFile | None,
) -> dict[str, Any]:
    """The settings that the page offers, grouped; the preset gives the defaults."""
    data, augmentation, head, top = st.tabs(
        ["Data and backbone", "Augmentation", "Head", "Fine-tuning"]
    )
    key, values = defaults.preset, defaults.model_dump()

    def numbers(
        labels: Mapping[str, str], *, disabled: bool = False, without_effect: Container[str] = ()
    ) -> None:
        with st.grid(2, min_column_width=PAIRED) as pairs:
            for path, label in labels.items():
                off = disabled or path in without_effect
                with pairs.cell():
                    _number(defaults, path, label, values, disabled=off)

    with data:
        values["backbone"] = backbones_form.backbone(start)
        values["alternatives"] = backbones_form.alternatives(defaults, values["backbone"], start)
    with augmentation:
        numbers({"augmentation.views": "Views of each picture"})
        drawn = values["augmentation"]["views"]
        values["augmentation"]["flip"] = st.checkbox(
            "Mirror",
            defaults.augmentation.flip and mirror,
            key=f"{key} flip {mirror}",
            persist_state="session",
            help="Not for writing, or where left and right matter.",
            disabled=drawn == 1,
        )
        if drawn < 3:
            st.caption(
                f"No effect with {text.count(drawn, 'view')}: the first is the picture itself, "
                "the second its mirror image. Choose three or more to vary pictures."
            )
        numbers(AUGMENTATION, disabled=drawn < 3)
        preview = st.container()
    with head:
        hidden = st.text_input(
            "Hidden layers",
            "",
            placeholder="none, or for example 256, 64",
            key=f"{key} hidden",
            persist_state="session",
            help="Units of each dense layer before the last.",
            disabled=start is not None,
        )
        units = hidden.replace(",", " ").split()
        if wrong := [unit for unit in units if not unit.isdecimal()]:
            _refuse(f"Hidden layers: expected numbers such as 256, 64; found {wrong[0]}.", values)
        values["head"]["hidden"] = units
        has_hidden = bool(units or (start and start.hidden))
        if not has_hidden:
            st.caption(
                "Optimiser, learning rate, epochs and patience have no effect without hidden "
                "layers: the head is then a logistic regression, solved to its optimum."
            )
        numbers(DROPOUT, disabled=not has_hidden and not defaults.fine_tunes)
        _phase(defaults, "head_phase", values, disabled=not has_hidden)
    with top:
        numbers(UNFREEZE)
        if values["unfreeze"]["layers"]:
            if values["unfreeze"]["stages"]:
                st.caption("Only the number of layers is used; the number of stages has no effect.")
            values["unfreeze"]["stages"] = 0
        frozen = not (values["unfreeze"]["stages"] or values["unfreeze"]["layers"])
        if frozen:
            st.caption("These have no effect while nothing is unfrozen: there is no fine-tuning.")
        _phase(defaults, "fine_tune_phase", values, disabled=frozen)
    with data:
        fixed = {"crop"} if start is not None else set()
        numbers(
            DATA, without_effect=fixed | _ineffective(dataset, solved=frozen and not has_hidden)
        )
        values["class_weights"] = st.checkbox(
            "Class weights",
            defaults.class_weights,
            key=f"{key} weights",
            persist_state="session",
            help="A rare class counts as much as a common one.",
        )
    with preview:
        if not values.get(INVALID):
            views_preview.show(values, sample)
    return values


def _ineffective(dataset: Dataset, *, solved: bool) -> set[str]:
    """Settings of DATA that have no effect here; says why.

    Args:
        solved: whether the head is solved to its optimum, and nothing is fine-tuned.
    """
    given = {"validation", "test"} & {str(example.split) for example in dataset.examples}
    if given:
        named = text.listed(sorted(given))
        st.caption(f"The share for {named} has no effect: the upload has its own {named} pictures.")
    if solved:
        st.caption(
            "Batch size and label smoothing have no effect without hidden layers and fine-tuning: "
            "the head is then solved on all pictures at once."
        )
    return given | ({"batch_size", "label_smoothing"} if solved else set())


def _refuse(sentence: str, values: dict[str, Any]) -> None:
    """Say below a field what is wrong with it; the training cannot be started then."""
    widgets.error(sentence)
    values[INVALID] = True


def _number(
    defaults: TrainingConfig, path: str, label: str, values: dict[str, Any], *, disabled: bool
) -> None:
    """A number input that puts its value into nested values."""
    every, backbone, (*groups, name) = values, values["backbone"], path.split(".")
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
    low, high = kind(limits["ge"]), kind(limits["le"])
    # No min_value and max_value: Streamlit ignores a value outside them without a message.
    values[name] = st.number_input(
        label,
        value=min(value, high),
        step=1e-4 if small else kind(1) if limits["le"] > 1 else 0.05,
        format="%.6f" if small else None,
        key=f"{defaults.preset} {path}",
        persist_state="session",
        help=setting.description,
        disabled=disabled,
    )
    if disabled:
        values[name] = min(max(values[name], low), high)
    elif not low <= values[name] <= high:
        _refuse(f"{label}: expected {low:g} to {high:g}, found {values[name]:g}.", every)


def _phase(defaults: TrainingConfig, phase: str, values: dict[str, Any], *, disabled: bool) -> None:
    with st.grid(2, min_column_width=PAIRED) as pairs:
        with pairs.cell():
            values[phase]["optimizer"] = st.selectbox(
                "Optimiser",
                list(OPTIMIZERS),
                list(OPTIMIZERS).index(getattr(defaults, phase).optimizer),
                format_func=OPTIMIZERS.__getitem__,
                key=f"{defaults.preset} {phase} optimiser",
                persist_state="session",
                disabled=disabled,
            )
        for name, label in PHASE.items():
            with pairs.cell():
                _number(defaults, f"{phase}.{name}", label, values, disabled=disabled)
