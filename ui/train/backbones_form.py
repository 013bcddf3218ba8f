"""The backbone of a training, and the ones to compare it with."""

import streamlit as st

from core import backbones
from core.model.storage import ModelFile
from core.training.config import TrainingConfig, preset
from ui import state


def backbone(start: ModelFile | None) -> str:
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
        # Not whether it is prepared: Streamlit drops a choice whose text changes.
        format_func=lambda name: f"{_title(name)} · {backbones.get(name).megabytes:.0f} MB",
        help="The pretrained network that the new head is put on.",
        key=state.BACKBONE,  # the same for all presets, so that a comparison can set it
        persist_state="session",
    )


def _title(name: str) -> str:
    return backbones.get(name).title


def alternatives(defaults: TrainingConfig, name: str, start: ModelFile | None) -> tuple[str, ...]:
    """Backbones that are compared with that one before the training."""
    if start is not None:
        return ()
    others = [row for row in backbones.BACKBONES if row != name]
    usual = preset(defaults.preset, backbone=name).alternatives
    chosen = st.multiselect(
        "Also try",
        others,
        [row for row in others if row in usual],
        format_func=_title,
        help="Compared by cross-validation before the training, which takes the best of all.",
        key=f"{defaults.preset} alternatives {name}",
        persist_state="session",
    )
    return tuple(row for row in others if row in chosen)
