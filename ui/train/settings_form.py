"""Step 2 of training: choose a preset, or every setting, and get one configuration."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import backbones
from core.backbones import serving
from core.errors import TuskerError
from core.model.storage import ModelFile
from core.settings import Settings
from core.training import config as room
from core.training.config import PRESETS, TrainingConfig
from ui import state, text
from ui.train.estimate import Forecast

OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "sgd": "SGD with momentum"}


def choose(
    settings: Settings, forecast: Forecast, *, mirror: bool, start: ModelFile | None = None
) -> TrainingConfig | None:
    """The controls, and the configuration they make; None where they do not fit together.

    Args:
        forecast: knows how long each preset takes.
        mirror: whether a mirror image still shows the same class.
        start: the model that the training goes on from; what it fixes cannot be chosen.
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
    preset = room.preset(chosen)
    with st.expander("Advanced", icon=":material/tune:"):
        values = _advanced(preset, settings, mirror=mirror, fixed=start)
    try:
        made = room.parse(values)
    except TuskerError as refusal:
        st.error(text.plain(str(refusal), 600), icon=":material/error:")
        return None
    return made


def _advanced(
    start: TrainingConfig, settings: Settings, *, mirror: bool, fixed: ModelFile | None
) -> dict[str, Any]:
    """Every setting, grouped; the preset gives the defaults."""
    data, augmentation, head, top = st.tabs(
        ["Data and backbone", "Augmentation", "Head", "Fine-tuning"]
    )
    key = start.preset

    def number(label: str, value: float, low: float, high: float, **more: Any) -> Any:
        return st.number_input(label, low, high, value, key=f"{key} {label}", **more)

    with data:
        backbone = _backbone(settings, fixed)
        left, right = st.columns(2)
        with left:
            validation = number(
                "Share for validation",
                start.validation,
                0.05,
                0.4,
                step=0.05,
                help="Decides when to stop.",
            )
            batch = number("Batch size", start.batch_size, 1, 512, help="Pictures per step.")
            weights = st.checkbox(
                "Class weights",
                start.class_weights,
                key=f"{key} weights",
                help="A rare class counts as much as a common one.",
            )
        with right:
            test = number(
                "Share for the test",
                start.test,
                0.05,
                0.4,
                step=0.05,
                help="Kept for the report, unless the upload brings its own test set.",
            )
            seed = number(
                "Seed", start.seed, 0, 2**31 - 1, help="The same seed gives the same result."
            )
            crop = number(
                "Crop (share of the shorter edge)",
                start.crop,
                0.5,
                1.0,
                step=0.02,
                help="How much of a picture the model sees, from the centre.",
                disabled=fixed is not None,
            )
            smoothing = number(
                "Label smoothing",
                start.label_smoothing,
                0.0,
                0.5,
                step=0.05,
                help="Above 0, the model is kept from being too sure.",
            )
    a = start.augmentation
    with augmentation:
        left, right = st.columns(2)
        with left:
            views = number(
                "Views of each picture",
                a.views,
                1,
                16,
                help="The picture itself, its mirror image, then random variations.",
            )
            flip = st.checkbox(
                "Mirror",
                a.flip and mirror,
                key=f"{key} flip {mirror}",
                help="Not for writing, or where left and right matter.",
            )
            rotation = number("Rotation (degrees)", a.rotation, 0.0, 180.0, step=5.0)
            zoom = number("Zoom (fraction)", a.zoom, 0.0, 0.9, step=0.05)
        with right:
            shear = number("Shear (degrees)", a.shear, 0.0, 45.0, step=1.0)
            shift = number("Shift (fraction)", a.shift, 0.0, 0.5, step=0.02)
            brightness = number("Brightness (fraction)", a.brightness, 0.0, 0.9, step=0.05)
        st.caption("Rotation to brightness act from the third view on.")
    with head:
        left, right = st.columns(2)
        with left:
            hidden = st.text_input(
                "Hidden layers",
                "",
                placeholder="none, or for example 256, 64",
                key=f"{key} hidden",
                help="Units of each dense layer before the last.",
                disabled=fixed is not None,
            )
        with right:
            dropout = number(
                "Dropout",
                start.head.dropout,
                0.0,
                0.9,
                step=0.05,
                help="Share of inputs dropped while training.",
            )
        head_phase = _phase(start.head_phase, f"{key} head")
        st.caption(
            "Optimiser, learning rate, epochs and patience apply to heads with hidden layers. "
            "Without any, the head is a logistic regression, solved to its optimum."
        )
    with top:
        most = len(backbones.get(backbone).stages) - 1
        left, right = st.columns(2)
        with left:
            stages = number(
                "Stages to unfreeze",
                min(start.unfreeze.stages, most),
                0,
                most,
                help="From the top; 0 leaves all frozen. Batch normalisation always stays frozen.",
            )
        with right:
            layers = number(
                "Or layers to unfreeze", 0, 0, 500, help="From the top, in place of stages."
            )
        fine_tune = _phase(start.fine_tune_phase, f"{key} fine-tune")
    values: dict[str, Any] = {
        "backbone": backbone,
        "seed": seed,
        "validation": validation,
        "test": test,
        "crop": crop,
        "batch_size": batch,
        "class_weights": weights,
        "label_smoothing": smoothing,
        "augmentation": {
            "views": views,
            "flip": flip,
            "rotation": rotation,
            "zoom": zoom,
            "shear": shear,
            "shift": shift,
            "brightness": brightness,
        },
        "head": {"hidden": _units(hidden), "dropout": dropout},
        "head_phase": head_phase,
        "unfreeze": {"layers": layers} if layers else {"stages": stages},
        "fine_tune_phase": fine_tune,
    }
    same = room.parse(values | {"preset": start.preset}) == start if _parses(values) else False
    return values | {"preset": start.preset if same else "custom"}


def _backbone(settings: Settings, fixed: ModelFile | None) -> str:
    if fixed is not None:
        st.caption(
            f"{backbones.get(fixed.backbone).title}, crop and hidden layers are those of the model "
            "that it starts from."
        )
        return fixed.backbone
    return st.selectbox(
        "Backbone",
        list(backbones.BACKBONES),
        format_func=lambda name: _backbone_title(name, settings),
        help="The pretrained network that the new head is put on.",
        key=state.BACKBONE,  # of all presets, so that a comparison can set it
        persist_state="session",
    )


def _parses(values: dict[str, Any]) -> bool:
    try:
        room.parse(values)
    except TuskerError:
        return False
    return True


def _phase(phase: room.Phase, key: str) -> dict[str, Any]:
    left, right = st.columns(2)
    with left:
        optimizer = st.selectbox(
            "Optimiser",
            list(OPTIMIZERS),
            list(OPTIMIZERS).index(phase.optimizer),
            format_func=OPTIMIZERS.get,
            key=f"{key} optimiser",
        )
        rate = st.number_input(
            "Learning rate",
            1e-6,
            1.0,
            phase.learning_rate,
            format="%.6f",
            step=1e-4,
            key=f"{key} rate",
        )
    with right:
        epochs = st.number_input("Epochs at most", 0, 500, phase.epochs, key=f"{key} epochs")
        patience = st.number_input(
            "Patience (epochs)",
            1,
            500,
            phase.patience,
            key=f"{key} patience",
            help="So many epochs without a better validation loss, then it stops.",
        )
    return phase.model_dump() | {
        "optimizer": optimizer,
        "learning_rate": rate,
        "epochs": epochs,
        "patience": patience,
    }


def _units(written: str) -> list[str]:
    return [part for part in written.replace(",", " ").split() if part]


def _backbone_title(name: str, settings: Settings) -> str:
    row = backbones.get(name)
    ready = serving.locate(row, settings) is not None
    return f"{row.title} · {row.megabytes:.0f} MB" + ("" if ready else " · prepared on first use")
