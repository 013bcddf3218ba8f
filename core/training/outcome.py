"""Compare a fine-tuned model with the head alone, and describe the result."""

import numpy as np

from core.evaluation import calibration, metrics
from core.evaluation.wording import percent, share
from core.jobs.events import Kept


def compare(
    kept: Kept, tuned: np.ndarray, head: np.ndarray, labels: np.ndarray, least_errors: int = 0
) -> Kept:
    """Decide whether the fine-tuned network replaces the head of phase 1.

    That head may take other features than the one fine-tuning started from. Both are compared by
    their loss on the validation pictures, each at its best temperature. Without fine-tuning, the
    final head is fitted to these pictures too, which this comparison does not count, so a gain of
    one or two pictures is no reason to fine-tune.

    Args:
        kept: the result of fine-tuning, which started from the last embedding alone.
        tuned, head: (m, k) float64, predictions for the validation pictures.
        labels: (m,) int64 of these.
        least_errors: number of pictures that the fine-tuned network must predict correctly beyond
            those of the head.

    Returns:
        `kept` with the accuracy of that head as the start; with epoch 0 if the head remains.
    """
    head_hits, tuned_hits = (int((p.argmax(axis=1) == labels).sum()) for p in (head, tuned))
    accuracy = head_hits / len(labels)
    better = calibration.tempered_loss(labels, tuned) < calibration.tempered_loss(labels, head)
    if kept.epoch and better and tuned_hits - head_hits >= least_errors:
        return kept.model_copy(update={"start_accuracy": accuracy})
    loss = float(metrics.log_losses(labels, head).mean())
    update = {"epoch": 0, "share": 1.0, "validation_accuracy": accuracy, "validation_loss": loss}
    return kept.model_copy(update=update | {"start_accuracy": accuracy})


def too_few_errors(error: float, pictures: int, least_errors: int) -> str | None:
    """Why fine-tuning is left out; None if it may show a gain.

    Args:
        error: share of new pictures that the head predicts wrongly, from a cross-validation.
        pictures: number of validation pictures.
        least_errors: as in `Unfreeze`.
    """
    if error * pictures >= least_errors:
        return None
    return (
        f"Fine-tuning was left out: in cross-validation the head is right for "
        f"{percent(1 - error)} of the pictures, so {pictures:,} validation pictures could not "
        "show a gain."
    )


def describe(kept: Kept) -> str:
    """What fine-tuning kept, with the validation accuracy before and after it."""
    after = percent(kept.validation_accuracy)
    if not kept.epoch:
        return f"Fine-tuning brought nothing; the head alone was kept ({after} on validation)."
    weights = "" if kept.share == 1 else f", {share(kept.share)} of the way"
    before = "" if kept.start_accuracy is None else f" against {percent(kept.start_accuracy)}"
    sentence = f"Fine-tuning kept{weights}: {after}{before} on validation"
    if kept.start_accuracy is not None and kept.validation_accuracy <= kept.start_accuracy:
        sentence += ", with a lower loss"
    return f"{sentence}."
