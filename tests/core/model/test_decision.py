"""When an answer is sure, not sure, or one of several classes."""

import numpy as np
import pytest

from core.evaluation.report import SetLevel
from core.model.decision import Decision, PredictionSet, Verdict

LABELS = ("ant", "bee", "cow")
LEVEL = SetLevel(level=0.9, limit=0.7)
CLEAR, DOUBTFUL = np.float32([0.1, 0.8, 0.1]), np.float32([0.4, 0.2, 0.4])


@pytest.mark.parametrize(
    ("probabilities", "ood_score", "verdict", "labels"),
    [
        (CLEAR, None, Verdict.SURE, None),
        (CLEAR, 0.99, Verdict.SURE, None),
        (CLEAR, 1.01, Verdict.UNLIKE, None),
        (DOUBTFUL, None, Verdict.NOT_SURE, ("ant", "cow")),
        (DOUBTFUL, 0.99, Verdict.NOT_SURE, ("ant", "cow")),
        (DOUBTFUL, 1.01, Verdict.UNLIKE, None),
    ],
)
def test_a_set_is_offered_only_for_several_classes_of_a_picture_in_distribution(
    probabilities, ood_score, verdict, labels
):
    decision = Decision(0.5, LEVEL)
    assert decision.verdict(probabilities, ood_score) is verdict
    prediction_set = decision.prediction_set(probabilities, ood_score, LABELS)
    assert prediction_set == (labels and PredictionSet(0.9, labels))


def test_the_owner_chooses_among_the_levels_that_the_model_offers():
    offered = [LEVEL, SetLevel(level=0.99, limit=0.95)]
    assert Decision.of(offered, 0.5, 0.99) == Decision(0.5, offered[1])
    assert Decision.of(offered, 0.0, None) == Decision(0.0, LEVEL)
    assert Decision.of(offered, 0.5, 0.0) == Decision(0.5)
    assert Decision.of([], 0.5, 0.99) == Decision(0.5)
    assert Decision(0.5).prediction_set(DOUBTFUL, None, LABELS) is None
