"""Say what became of what a link names, where it is not here any more."""

from __future__ import annotations

from core import runs
from core.errors import TuskerError
from core.settings import Settings
from ui import state

FORGETS = (
    "Or this host was asleep and has forgotten its disk: if you have the bundle of its model, it "
    "answers again once it is brought (“Use a model from a bundle” on Predict)."
)

ABSENT = "The model of this link is not on this machine."


def said(refusal: str, settings: Settings) -> str:
    """Why it is not here, and on a public host what brings a model back."""
    return f"{refusal} {FORGETS}" if settings.mode == "public" else refusal


def model(settings: Settings) -> str:
    """Why the model that the address names cannot be asked."""
    run_id = state.parameter(state.RUN)
    if not run_id:
        return said(
            "The model of this link is not on this machine. It may have been deleted.", settings
        )
    try:
        runs.get(settings, run_id)
    except TuskerError as refusal:
        return said(str(refusal), settings)
    return "This run has no model to ask: its training has not come to an end."
