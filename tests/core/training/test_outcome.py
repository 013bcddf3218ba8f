"""What fine-tuning brought is said with both validation accuracies."""

import numpy as np
import pytest

from core.jobs.events import Kept
from core.training.outcome import compare, describe, too_few_errors

LABELS = np.array([0, 1, 0, 1])
GOOD, BAD = (
    np.array([[p, 1 - p] for p in first]) for first in ([0.9, 0.2, 0.8, 0.4], [0.9, 0.7, 0.8, 0.4])
)


@pytest.mark.parametrize(
    ("tuned", "head", "epoch"), [(GOOD, BAD, 5), (BAD, GOOD, 0), (BAD, BAD, 0)]
)
def test_the_fine_tuned_model_is_kept_only_if_it_is_better_than_the_head(tuned, head, epoch):
    outcome = compare(kept_event(), tuned, head, LABELS)
    assert outcome.epoch == epoch
    assert outcome.start_accuracy == (0.75 if head is BAD else 1)
    assert outcome.validation_accuracy == (outcome.start_accuracy if epoch == 0 else 0.931)


@pytest.mark.parametrize(("least", "epoch"), [(1, 5), (2, 0)])
def test_a_gain_of_too_few_pictures_does_not_count(least, epoch):
    outcome = compare(kept_event(), GOOD, BAD, LABELS, least)
    assert (outcome.epoch, outcome.start_accuracy) == (epoch, 0.75)


def test_confidence_alone_makes_no_model_better():
    tempered = BAD**0.5 / (BAD**0.5).sum(axis=1, keepdims=True)
    worse = tempered - np.array([[0.02, -0.02], [-0.02, 0.02]] * 2)
    assert (
        compare(kept_event(), worse, BAD**2 / (BAD**2).sum(axis=1, keepdims=True), LABELS).epoch
        == 0
    )


@pytest.mark.parametrize(("error", "least", "left_out"), [(0.03, 3, 1), (0.09, 3, 0), (0, 0, 0)])
def test_fine_tuning_is_left_out_if_it_could_mend_few_errors(error, least, left_out):
    reason = too_few_errors(error, 36, least)
    assert bool(reason) == left_out
    assert not left_out or "right for 97.0 % of the pictures, so 36 validation" in reason


def kept_event(**values):
    usual = {"epoch": 5, "validation_loss": 0.2, "validation_accuracy": 0.931}
    return Kept(phase="fine-tune", **(usual | {"start_accuracy": 0.8889} | values))


def test_both_accuracies_are_given():
    assert describe(kept_event()) == "Fine-tuning kept: 93.1 % against 88.9 % on validation."


def test_interpolated_weights_are_described_by_their_share():
    assert "75 % of the way: 93.1 % against 88.9 %" in describe(kept_event(share=0.75))


def test_an_accuracy_that_did_not_rise_is_explained():
    assert describe(kept_event(start_accuracy=0.94)).endswith("on validation, with a lower loss.")
    assert describe(kept_event(start_accuracy=0.931)).endswith("on validation, with a lower loss.")


def test_a_fine_tuning_without_a_gain_is_described():
    sentence = describe(kept_event(epoch=0, validation_accuracy=0.8889))
    assert (
        sentence == "Fine-tuning brought nothing; the head alone was kept (88.9 % on validation)."
    )


def test_an_older_run_has_only_the_accuracy():
    assert describe(kept_event(start_accuracy=None)) == "Fine-tuning kept: 93.1 % on validation."
