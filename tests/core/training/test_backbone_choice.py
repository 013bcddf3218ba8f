"""A backbone is chosen by the log loss of a cross-validation."""

import numpy as np

from core.evaluation.wording import LOSS_DECIDED
from core.training.backbone_choice import BackboneChoice, choose
from core.training.cross_validation import CrossValidated

LABELS = np.arange(100) % 2
LITE0, LITE2 = "efficientnet-lite0", "efficientnet-lite2"


def result(right: int, sure: float = 0.8) -> CrossValidated:
    """Predictions, of which the first are correct."""
    predicted = np.where(np.arange(100) < right, LABELS, 1 - LABELS)
    probabilities = np.where(np.eye(2)[predicted] == 1, sure, 1 - sure).astype(np.float32)
    return CrossValidated(1e-3, probabilities, LABELS)


def test_the_backbone_with_the_least_loss_is_taken_and_the_sentence_has_the_figures() -> None:
    choice = choose({LITE0: result(80), LITE2: result(90)})
    assert choice.chosen == LITE2
    assert choice.accuracies == {LITE0: 0.8, LITE2: 0.9}
    assert "EfficientNet-Lite2: 90.0 % (log loss 0.3" in choice.sentence
    assert "against 80.0 % (log loss 0.5" in choice.sentence
    assert choose({LITE0: result(90), LITE2: result(80)}).chosen == LITE0


def test_equal_backbones_leave_that_of_the_settings() -> None:
    assert choose({LITE2: result(80), LITE0: result(80)}).chosen == LITE2


def test_a_more_confident_backbone_is_not_better_for_that() -> None:
    assert choose({LITE0: result(81), LITE2: result(80, sure=0.99)}).chosen == LITE0


def test_where_accuracy_and_loss_disagree_the_sentence_says_which_decided() -> None:
    values = {"losses": {LITE0: 0.3, LITE2: 0.4}, "pictures": 100, "chosen": LITE0}
    agree = BackboneChoice(accuracies={LITE0: 0.9, LITE2: 0.8}, **values)
    disagree = BackboneChoice(accuracies={LITE0: 0.8, LITE2: 0.9}, **values)
    assert LOSS_DECIDED in disagree.sentence and LOSS_DECIDED not in agree.sentence
