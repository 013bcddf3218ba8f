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
    found = compare(kept(), tuned, head, LABELS)
    assert found.epoch == epoch
    assert found.start_accuracy == (0.75 if head is BAD else 1)
    assert found.validation_accuracy == (found.start_accuracy if epoch == 0 else 0.931)


@pytest.mark.parametrize(("least", "epoch"), [(1, 5), (2, 0)])
def test_a_gain_of_fewer_pictures_than_asked_is_none(least, epoch):
    found = compare(kept(), GOOD, BAD, LABELS, least)
    assert (found.epoch, found.start_accuracy) == (epoch, 0.75)


def test_confidence_alone_makes_no_model_better():
    tempered = BAD**0.5 / (BAD**0.5).sum(axis=1, keepdims=True)
    worse = tempered - np.array([[0.02, -0.02], [-0.02, 0.02]] * 2)
    assert compare(kept(), worse, BAD**2 / (BAD**2).sum(axis=1, keepdims=True), LABELS).epoch == 0


@pytest.mark.parametrize(("error", "least", "left_out"), [(0.03, 3, 1), (0.09, 3, 0), (0, 0, 0)])
def test_fine_tuning_is_left_out_if_it_could_mend_few_errors(error, least, left_out):
    reason = too_few_errors(error, 36, least)
    assert bool(reason) == left_out
    assert not left_out or "right for 97.0 % of the pictures, so 36 validation" in reason


def kept(**values):
    usual = {"epoch": 5, "validation_loss": 0.2, "validation_accuracy": 0.931}
    return Kept(phase="fine-tune", **(usual | {"start_accuracy": 0.8889} | values))


def test_both_accuracies_are_given():
    assert describe(kept()) == "Fine-tuning kept: 93.1 % against 88.9 % on validation."


def test_weights_between_head_and_epoch_are_said_to_be():
    assert "75 % of the way: 93.1 % against 88.9 %" in describe(kept(share=0.75))


def test_an_accuracy_that_did_not_rise_is_explained():
    assert describe(kept(start_accuracy=0.94)).endswith("on validation, with a lower loss.")
    assert describe(kept(start_accuracy=0.931)).endswith("on validation, with a lower loss.")


def test_the_head_alone_is_said_to_be_kept():
    sentence = describe(kept(epoch=0, validation_accuracy=0.8889))
    assert (
        sentence == "Fine-tuning brought nothing; the head alone was kept (88.9 % on validation)."
    )


def test_a_run_of_before_has_the_accuracy_alone():
    assert describe(kept(start_accuracy=None)) == "Fine-tuning kept: 93.1 % on validation."
