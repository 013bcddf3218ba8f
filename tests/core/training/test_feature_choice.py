"""Features are chosen by cross-validation; the simpler ones unless others are clearly better."""

import numpy as np
import pytest

from core.evaluation.wording import LOSS_DECIDED, percent
from core.training.config import TrainingConfig
from core.training.cross_validation import cross_validate
from core.training.feature_choice import FeatureChoice, select

WIDTH = 6
LABELS = np.arange(120) % 3
ALONE = np.arange(120)


def embeddings(last: float, deeper: float) -> np.ndarray:
    """Rows (120, 12): how far apart the classes are in the first half and in the second."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(120, 2 * WIDTH)).astype(np.float32)
    rows[np.arange(120), LABELS] += last
    rows[np.arange(120), WIDTH + LABELS] += deeper
    return rows


def choose(rows: np.ndarray, groups: np.ndarray = ALONE, *, compare: bool = True):
    return select(rows, WIDTH, LABELS, groups, TrainingConfig(), compare=compare)


def test_features_from_several_depths_are_chosen_where_they_are_better():
    selection = choose(embeddings(1, 4))
    assert selection.depths
    assert selection.choice is not None
    assert selection.choice.depths > selection.choice.last
    assert f"{percent(selection.choice.depths)} against" in selection.choice.sentence


def test_the_last_features_are_kept_where_others_are_noise():
    selection = choose(embeddings(3, 0))
    assert not selection.depths
    assert selection.choice is not None
    assert "last layer" in selection.choice.sentence


def test_accuracies_and_probabilities_are_those_of_other_folds():
    selection = choose(embeddings(1, 2))
    assert selection.choice is not None
    assert selection.out_of_fold is not None
    right = selection.out_of_fold.probabilities.argmax(axis=1) == selection.out_of_fold.labels
    assert selection.choice.depths == pytest.approx(right.mean())
    assert right.mean() < 1, "in-sample predictions would all be right"


def test_near_duplicates_count_as_one_picture():
    """With copies in both parts, features that identify a picture would look like good ones."""
    random = np.random.default_rng(1)
    groups = np.arange(120) // 6
    labels = groups % 3
    rows = random.normal(size=(120, WIDTH + 40)).astype(np.float32)
    rows[np.arange(120), labels] += 1.5
    rows[:, WIDTH:] = rows[:, WIDTH:] / 10 + random.normal(size=(20, 40))[groups]
    grouped = select(rows, WIDTH, labels, groups, TrainingConfig(), compare=True)
    assert not grouped.depths
    assert select(rows, WIDTH, labels, ALONE, TrainingConfig(), compare=True).depths


def test_without_a_comparison_the_features_are_used_as_they_are():
    selection = choose(embeddings(3, 0), compare=False)
    assert (selection.depths, selection.choice) == (True, None)
    assert selection.strength is not None
    last = choose(embeddings(3, 0)[:, :WIDTH], compare=False)
    assert not last.depths


def test_too_few_groups_leave_the_last_features_and_no_cross_validation():
    selection = choose(embeddings(1, 4), groups=LABELS)
    assert (selection.depths, selection.out_of_fold, selection.choice) == (False, None, None)


@pytest.mark.parametrize("seed", range(4))
def test_a_sample_of_many_pictures_has_enough_of_a_rare_class(seed):
    labels = np.where(np.arange(17_000) < 10, 1, 0)
    rows = np.random.default_rng(0).normal(size=(len(labels), 1)).astype(np.float32)
    rows[labels == 1] += 3
    groups = np.arange(len(labels)) // 2  # of the ten, five groups
    config = TrainingConfig(seed=seed)
    selection = select(rows, 1, labels, groups, config, compare=False)
    assert selection.out_of_fold is not None
    assert selection.out_of_fold.probabilities.shape == (len(selection.out_of_fold.labels), 2)
    assert 3_990 <= len(selection.out_of_fold.labels) <= 4_000


def test_pictures_that_are_added_for_rare_classes_do_not_count_in_the_figures():
    """Half of these pictures are of two classes; the others, of 300 classes, cannot be told."""
    random = np.random.default_rng(0)
    labels = np.concatenate([np.arange(7_500) % 2, 2 + np.repeat(np.arange(300), 10)])
    rows = random.normal(size=(len(labels), WIDTH)).astype(np.float32)
    rows[np.arange(7_500), labels[:7_500]] += 8
    groups = np.arange(len(labels))
    selection = select(rows, 3, labels, groups, TrainingConfig(), compare=True)
    assert selection.out_of_fold is not None and selection.choice is not None
    counted = selection.out_of_fold
    assert len(counted.probabilities) == len(counted.labels) == selection.choice.pictures
    rare = (counted.labels > 1).mean()
    assert rare == pytest.approx((labels > 1).mean(), abs=0.03)


def test_so_many_classes_that_a_sample_cannot_have_enough_of_each_are_not_cross_validated():
    labels = np.repeat(np.arange(1_000), 6)
    rows = np.zeros((len(labels), 2 * WIDTH), np.float32)
    groups = np.arange(len(labels))
    selection = select(rows, WIDTH, labels, groups, TrainingConfig(), compare=True)
    assert (selection.depths, selection.out_of_fold, selection.choice) == (False, None, None)


def test_the_strength_is_that_of_the_least_loss_on_other_folds():
    fold = ALONE // 3 % 5
    noise = cross_validate(embeddings(0.1, 0), LABELS, fold, weighted=True)
    clear = cross_validate(embeddings(5, 5), LABELS, fold, weighted=True)
    assert noise.strength < clear.strength


def test_a_choice_is_a_sentence_with_figures():
    choice = FeatureChoice(
        chosen=True, last=0.884, depths=0.931, losses=(0.3, 0.2), folds=5, pictures=2148
    )
    assert "93.1 % against 88.4 %" in choice.sentence
    assert "log loss 0.200 against 0.300" in choice.sentence
    assert "in 5-fold cross-validation on 2,148 pictures" in choice.sentence


@pytest.mark.parametrize(
    ("chosen", "depths", "disagree"),
    [(True, 0.9, False), (True, 0.7, True), (False, 0.9, True), (False, 0.7, False),
     (True, 0.8, False), (False, 0.8, False)],
)  # fmt: skip
def test_where_accuracy_and_loss_disagree_the_sentence_says_which_decided(chosen, depths, disagree):
    losses = (0.3, 0.2) if chosen else (0.2, 0.3)
    choice = FeatureChoice(
        chosen=chosen, last=0.8, depths=depths, losses=losses, folds=5, pictures=100
    )
    assert (LOSS_DECIDED in choice.sentence) == disagree
