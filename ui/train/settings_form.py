"""Step 2 of training: choose a preset, or every setting, and get one configuration."""

import contextlib
from collections.abc import Callable
from functools import reduce
from operator import getitem

import numpy as np
import streamlit as st

from core import backbones
from core.dataset import Dataset
from core.errors import TuskerError
from core.estimating import budget
from core.intake import samples
from core.model.storage import ModelFile
from core.runs import comparison
from core.training import views
from core.training.config import PRESETS, TrainingConfig, parse, preset
from ui import state, widgets
from ui.train import controls
from ui.train.estimate import BUDGET, Forecast

PAIRED = 220
"""Least width of a field, in pixels: two stand beside each other where there is room."""
EDGE = 112
"""Edge of a previewed view in pixels."""


def choose(forecast: Forecast, sample: Callable[[], np.ndarray]) -> TrainingConfig | None:
    """The controls, and the configuration they make; None where they do not fit together.

    Args:
        forecast: of how long each preset takes.
        sample: decodes one of the pictures, to preview how they are varied.
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
    start = forecast.start.model() if forecast.start else None
    with st.expander("Advanced", icon=":material/tune:"):
        config = _advanced(chosen, forecast.dataset, start, sample)
    if config is None:
        st.caption("Correct the setting that is marked under Advanced to continue.")
        return None
    if config.preset == "custom":
        st.caption("Settings under Advanced differ from those of the preset.")
    if minutes is None:
        return config
    reduced = budget.within(config, forecast.dataset, forecast.settings, minutes)
    if sentence := budget.describe(config, reduced):
        st.caption(f":material/timelapse: {sentence}")
    return reduced


def _advanced(
    chosen: str, dataset: Dataset, start: ModelFile | None, sample: Callable[[], np.ndarray]
) -> TrainingConfig | None:
    """All settings; those that the visitor leaves alone are the preset's, on any backbone."""
    tabs = dict(zip(controls.TABS, st.tabs(list(controls.TABS)), strict=True))
    with tabs[controls.DATA]:
        defaults = preset(chosen, backbone=_backbone(start))
        # The mirror image of a digit is another sign.
        flip = defaults.augmentation.flip and dataset.name != samples.DIGITS
        augmentation = defaults.augmentation.model_copy(update={"flip": flip})
        update = {"augmentation": augmentation} | ({"alternatives": ()} if start else {})
        defaults = defaults.model_copy(update=update)
        nested = defaults.model_dump()
        if start is None:
            nested["alternatives"] = _alternatives(defaults)
    values = dict(comparison.flat(nested))
    # A field keeps what was entered as long as its default is the same.
    keys = {path: f"{chosen} {path} {value}" for path, value in values.items()}
    entered = {path: st.session_state.get(key, values[path]) for path, key in keys.items()}
    idle, valid = controls.without_effect(entered, dataset, start), True
    for tab, labels in controls.TABS.items():
        with tabs[tab]:
            for sentence in controls.explained(labels, idle):
                st.caption(sentence)
            with st.grid(2, min_column_width=PAIRED, vertical_alignment="bottom") as pairs:
                for path, label in labels.items():
                    with pairs.cell():
                        try:
                            value = controls.field(
                                path, label, values[path], keys[path], idle=path in idle
                            )
                        except TuskerError as refusal:
                            widgets.error(str(refusal))
                            valid = False
                    *groups, name = path.split(".")
                    if path not in idle:
                        reduce(getitem, groups, nested)[name] = value
    if not valid:
        return None
    if nested["unfreeze"]["layers"]:
        nested["unfreeze"]["stages"] = 0
    try:
        config = parse(nested)
    except TuskerError as refusal:
        widgets.error(str(refusal))
        return None
    with tabs[controls.AUGMENTATION], contextlib.suppress(TuskerError):  # an unreadable picture
        _preview(config, sample)
    if config != defaults.model_copy(update={"seed": config.seed}):
        return config.model_copy(update={"preset": "custom"})
    return config


def _backbone(start: ModelFile | None) -> str:
    """The backbone that is trained, fixed by a model to continue from."""
    if start is not None:
        st.caption(f"Backbone: {_title(start.backbone)}, that of the model that it starts from.")
        return start.backbone
    return st.selectbox(
        "Backbone",
        list(backbones.BACKBONES),
        # Not whether it is prepared: Streamlit drops a choice whose text changes.
        format_func=lambda name: f"{_title(name)} · {backbones.get(name).megabytes:.0f} MB",
        help="The pretrained network that the new head is put on.",
        key=state.BACKBONE,  # the same for all presets, so that a comparison can set it
        persist_state="session",
    )


def _alternatives(defaults: TrainingConfig) -> tuple[str, ...]:
    """Backbones that are compared with the chosen one before the training."""
    others = [name for name in backbones.BACKBONES if name != defaults.backbone]
    chosen = st.multiselect(
        "Also try",
        others,
        [name for name in others if name in defaults.alternatives],
        format_func=_title,
        help="Compared by cross-validation before the training, which takes the best of all.",
        key=f"{defaults.preset} alternatives {defaults.backbone}",
        persist_state="session",
    )
    return tuple(name for name in others if name in chosen)


def _title(name: str) -> str:
    return backbones.get(name).title


def _preview(config: TrainingConfig, sample: Callable[[], np.ndarray]) -> None:
    """One of the visitor's pictures with its augmented views, as the training will see them."""
    drawn = config.augmentation.views
    if drawn > 1:
        pictures = views.render(sample(), EDGE, config.crop, config.augmentation, "preview")
        st.caption("One of your pictures, as it will be varied:")
        names = ["The picture", *(f"View {number}" for number in range(2, drawn + 1))]
        st.image(pictures, width=EDGE, alt=names)
