"""Say in one sentence what fine-tuning brought."""

from __future__ import annotations

from core.evaluation.wording import rounded
from core.jobs.events import Kept


def describe(kept: Kept) -> str:
    """What fine-tuning kept, with the validation accuracy before and after it."""
    after = _percent(kept.validation_accuracy)
    if not kept.epoch:
        return f"Fine-tuning brought nothing; the head alone was kept ({after} on validation)."
    weights = "" if kept.share == 1 else f", {_percent(kept.share, 0)} of the way"
    before = "" if kept.start_accuracy is None else f" against {_percent(kept.start_accuracy)}"
    sentence = f"Fine-tuning kept{weights}: {after}{before} on validation"
    if kept.start_accuracy is not None and kept.validation_accuracy <= kept.start_accuracy:
        sentence += ", with a lower loss"
    return f"{sentence}."


def _percent(share: float, digits: int = 1) -> str:
    return f"{rounded(100 * share, digits)} %"
