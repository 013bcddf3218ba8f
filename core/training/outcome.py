"""Compare a fine-tuned model with the head alone, and describe the result."""

import numpy as np

from core.evaluation import calibration, metrics
from core.evaluation.wording import percent, share
from core.jobs.events import Kept

SHARES = (1.0, 0.75, 0.5, 0.25)
"""Parts of the way from the head alone to the fine-tuned weights that are compared with it."""


def compare(
    kept: Kept, tuned: np.ndarray, head: np.ndarray, labels: np.ndarray, least_errors: int = 0
) -> Kept:
    """Decide whether the fine-tuned network replaces the head of phase 1.

    That head may take other features than the one fine-tuning started from. Both are compared by
    their loss on the validation pictures, each at its best temperature. Without fine-tuning, the
    final head is fitted to these pictures too, which this comparison does not count, so a gain of
    one or two pictures is not enough.

    Args:
        kept: the result of fine-tuning, which started from the last embedding alone.
        tuned, head: (m, k) float64, predictions for the validation pictures.
        labels: (m,) int64 of these.
        least_errors: number of pictures that the fine-tuned network must predict correctly beyond
            those of the head.

    Returns:
        `kept` with the accuracy of that head as the start; with epoch 0 and a reason if the head
        remains.
    """
    head_hits, tuned_hits = (int((p.argmax(axis=1) == labels).sum()) for p in (head, tuned))
    better = calibration.calibrated_loss(labels, tuned) < calibration.calibrated_loss(labels, head)
    gain = tuned_hits - head_hits
    if kept.epoch and better and gain >= least_errors:
        return kept.model_copy(update={"start_accuracy": head_hits / len(labels)})
    after = f"the head alone was kept ({percent(head_hits / len(labels))} on validation)."
    if kept.epoch and better and gain > 0:
        pictures = f"{gain:,} of {len(labels):,} validation pictures"
        return _head_alone(head, labels, f"Fine-tuning gained too little ({pictures}); {after}")
    return _head_alone(head, labels, f"Fine-tuning brought no gain on validation; {after}")


def left_out(
    error: float | None, head: np.ndarray, labels: np.ndarray, least_errors: int
) -> Kept | None:
    """The result of a phase that is left out; None if fine-tuning may show a gain.

    Args:
        error: share of new pictures that the head predicts wrongly, from a cross-validation; None
            if there was none.
        head: (m, k) float64, its predictions for the validation pictures.
        labels: (m,) int64 of these.
        least_errors: as in `Unfreeze`.
    """
    # Rounded, so that a tenth of 30 pictures is 3 of them.
    if error is None or round(error * len(labels), 6) >= least_errors:
        return None
    return _head_alone(
        head,
        labels,
        f"Fine-tuning was left out: in cross-validation the head is right for "
        f"{percent(1 - error)} of the pictures, so {len(labels):,} validation pictures could not "
        "show a gain.",
    )


def _head_alone(head: np.ndarray, labels: np.ndarray, reason: str) -> Kept:
    accuracy = float((head.argmax(axis=1) == labels).mean())
    return Kept(
        phase="fine-tune",
        epoch=0,
        validation_loss=float(metrics.log_losses(labels, head).mean()),
        validation_accuracy=accuracy,
        start_accuracy=accuracy,
        reason=reason,
    )


def describe(kept: Kept) -> str:
    """What fine-tuning kept, with the validation accuracy before and after it."""
    if kept.reason:
        return kept.reason
    after = percent(kept.validation_accuracy)
    if not kept.epoch:  # a run of an earlier version, which did not record why
        return f"The head alone was kept after fine-tuning ({after} on validation)."
    weights = "" if kept.share == 1 else f", at {share(kept.share)} of the change in weights"
    before = "" if kept.start_accuracy is None else f", {percent(kept.start_accuracy)} before"
    sentence = f"Fine-tuning was kept{weights}: {after} on validation{before}"
    if kept.start_accuracy is not None and kept.validation_accuracy <= kept.start_accuracy:
        sentence += ", with a lower loss"
    return f"{sentence}."
