"""What fine-tuning brought is said with both validation accuracies."""

import numpy as np
import pytest

from core.jobs.events import Kept
from core.training.outcome import compare, describe, left_out

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


def test_a_gain_of_too_few_pictures_is_described_with_their_number():
    kept = compare(kept_event(), GOOD, BAD, LABELS, 2)
    assert "1 of 4 validation pictures" in describe(kept)
    assert "too little" in describe(kept)
    assert "too little" not in describe(compare(kept_event(), BAD, GOOD, LABELS, 2))


@pytest.mark.parametrize(("error", "least"), [(0.74, 3), (0.26, 2)])
def test_fine_tuning_is_left_out_if_it_could_mend_few_errors(error, least):
    kept = left_out(error, BAD, LABELS, least)
    assert (kept.phase, kept.epoch, kept.validation_accuracy) == ("fine-tune", 0, 0.75)
    assert f"right for {100 * (1 - error):.1f} % of the pictures, so 4 validation" in kept.reason
    assert describe(kept) == kept.reason


@pytest.mark.parametrize(("error", "least"), [(0.76, 3), (0, 0)])
def test_fine_tuning_is_done_if_it_could_show_a_gain(error, least):
    assert left_out(error, BAD, LABELS, least) is None


def test_fine_tuning_is_done_if_exactly_the_least_number_of_errors_is_expected():
    tenth = 1 - 0.9  # a little less
    assert left_out(tenth, np.resize(GOOD, (30, 2)), np.resize(LABELS, 30), 3) is None


def kept_event(**values):
    usual = {"epoch": 5, "validation_loss": 0.2, "validation_accuracy": 0.931}
    return Kept(phase="fine-tune", **(usual | {"start_accuracy": 0.8889} | values))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "was kept: 93.1 % on validation, 88.9 % before."),
        ({"share": 0.75}, "kept, at 75 % of the change in weights: 93.1 % on validation, 88.9 %"),
        ({"start_accuracy": 0.94}, "before, with a lower loss."),
        ({"start_accuracy": 0.931}, "before, with a lower loss."),
        ({"start_accuracy": None}, "was kept: 93.1 % on validation."),  # an older run
        ({"epoch": 0}, "The head alone was kept after fine-tuning (93.1 % on validation)."),  # too
    ],
    ids=str,
)
def test_what_was_kept_is_described_with_its_accuracies(values, words):
    assert words in describe(kept_event(**values))


def test_a_fine_tuning_without_a_gain_is_described():
    sentence = describe(compare(kept_event(), BAD, GOOD, LABELS))
    assert "no gain" in sentence
    assert "(100 % on validation)" in sentence
