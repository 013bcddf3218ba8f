"""Choose a model that was brought here to go on from, in place of a published backbone."""

from __future__ import annotations

import streamlit as st

from core.bundles import ImportedModel
from core.dataset import Dataset
from core.errors import TuskerError
from core.settings import Settings
from core.training import warm_start
from core.training.config import TrainingConfig
from ui import imported_models, state, text

ANEW = ""


def choose(dataset: Dataset, settings: Settings) -> ImportedModel | None:
    """The model to go on from; None for a published backbone, and where there is no choice."""
    ready = {one.id: one for one in imported_models.visible(settings) if one.ready(settings)}
    if not ready:
        return None
    chosen = st.selectbox(
        "Start from",
        [ANEW, *ready],
        format_func=lambda name: (
            imported_models.title(ready[name]) if name else "A published backbone"
        ),
        help="A model that you brought on the Predict page can learn on, with more pictures of "
        "its classes or with new classes. Its backbone and its head are where it starts.",
        key=state.START,
        persist_state="session",
    )
    if chosen not in ready:
        return None
    start = ready[chosen]
    st.info(
        f"{text.plain(warm_start.said(dataset, start.model()), 600)} {warm_start.HONEST}",
        icon=":material/info:",
    )
    return start


def configured(config: TrainingConfig | None, start: ImportedModel | None) -> TrainingConfig | None:
    """The settings with what the model to go on from fixes; None where they do not fit it."""
    if config is None or start is None:
        return config
    try:
        return warm_start.configure(config, start.path)
    except TuskerError as refusal:
        st.error(text.plain(str(refusal), 600), icon=":material/error:")
        return None
