"""Choose an imported model to start from, in place of a published backbone."""

import streamlit as st

from core.bundles import ImportedModel
from core.dataset import Dataset
from core.errors import TuskerError
from core.settings import Settings
from core.training import warm_start
from core.training.config import TrainingConfig
from ui import models, text, widgets

BACKBONE = ""


def choose(dataset: Dataset, settings: Settings) -> ImportedModel | None:
    """The model to start from; None for a published backbone, or where there is no choice."""
    ready = {
        model.id: model for model in models.visible_imported(settings) if model.ready(settings)
    }
    if not ready:
        return None
    chosen = st.selectbox(
        "Start from",
        [BACKBONE, *ready],
        format_func=lambda name: (
            models.imported_title(ready[name]) if name else "A published backbone"
        ),
        help="A model that you imported on the Predict page can be trained further, with more "
        "pictures of its classes or with new classes.",
        key="start from",
        persist_state="session",
    )
    if chosen not in ready:
        return None
    start = ready[chosen]
    st.info(
        f"{text.plain(warm_start.describe(dataset, start.model()), 600)} {warm_start.TEST_NOTE}",
        icon=":material/info:",
    )
    return start


def configured(config: TrainingConfig | None, start: ImportedModel | None) -> TrainingConfig | None:
    """The settings with what the model to start from fixes; None where they do not fit it."""
    if config is None or start is None:
        return config
    try:
        return warm_start.configure(config, start.path)
    except TuskerError as refusal:
        widgets.error(str(refusal))
        return None
