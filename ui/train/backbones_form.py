"""The backbone of a training, and the ones to compare it with."""

import streamlit as st

from core import backbones
from core.backbones import serving
from core.model.storage import ModelFile
from core.settings import Settings
from core.training.config import TrainingConfig, preset
from ui import state


def backbone(settings: Settings, start: ModelFile | None) -> str:
    """The backbone that is trained, fixed by a model to continue from."""
    if start is not None:
        st.caption(
            f"{backbones.get(start.backbone).title}, crop and hidden layers are those of the model "
            "that it starts from."
        )
        return start.backbone
    return st.selectbox(
        "Backbone",
        list(backbones.BACKBONES),
        format_func=lambda name: _title(name, settings),
        help="The pretrained network that the new head is put on.",
        key=state.BACKBONE,  # the same for all presets, so that a comparison can set it
        persist_state="session",
    )


def _title(name: str, settings: Settings) -> str:
    row = backbones.get(name)
    ready = serving.locate(row, settings) is not None
    return f"{row.title} · {row.megabytes:.0f} MB" + ("" if ready else " · prepared on first use")


def alternatives(defaults: TrainingConfig, name: str, start: ModelFile | None) -> tuple[str, ...]:
    """Backbones that are compared with that one before the training."""
    if start is not None:
        return ()
    others = [other for other in backbones.BACKBONES if other != name]
    usual = preset(defaults.preset, backbone=name).alternatives
    chosen = st.multiselect(
        "Also try",
        others,
        [other for other in others if other in usual],
        format_func=lambda other: backbones.get(other).title,
        help="Compared by cross-validation before the training, which takes the best of all.",
        key=f"{defaults.preset} alternatives {name}",
    )
    return tuple(other for other in others if other in chosen)
