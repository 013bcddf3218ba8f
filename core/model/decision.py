"""What a model answers, given its outputs: how sure it is, and one class or one of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from core.evaluation import prediction_sets
from core.evaluation.report import SetLevel


class Verdict(StrEnum):
    """How far to trust an answer."""

    SURE = "sure"
    NOT_SURE = "not sure"
    UNLIKE = "not like the training pictures"


@dataclass(frozen=True)
class PredictionSet:
    """Classes one of which is right; at least two, the likeliest first.

    Attributes:
        level: share of pictures whose set, of one class or several, has the right class.
        labels: names of the classes.
    """

    level: float
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Decision:
    """How outputs become an answer; the owner of a model chooses it.

    Attributes:
        threshold: probability below which the answer is "not sure"; 0 answers always.
        set_level: level of the prediction sets; None for none.
    """

    threshold: float = 0.0
    set_level: SetLevel | None = None

    @classmethod
    def of(cls, offered: Sequence[SetLevel], threshold: float, level: float | None) -> Decision:
        """The decision with the chosen one of the levels that a model offers.

        Args:
            level: chosen by the owner; 0 for no prediction sets, None for the default.
        """
        return cls(threshold, prediction_sets.level_used(offered, level))

    def verdict(self, probabilities: np.ndarray, ood_score: float | None) -> Verdict:
        """How far to trust an answer, given (k,) probabilities and the score of `OodDetector`."""
        if ood_score is not None and ood_score > 1:
            return Verdict.UNLIKE
        sure = float(probabilities.max()) >= self.threshold
        return Verdict.SURE if sure else Verdict.NOT_SURE

    def prediction_set(
        self, probabilities: np.ndarray, ood_score: float | None, labels: tuple[str, ...]
    ) -> PredictionSet | None:
        """The set of a picture; None if it has one class, or where no coverage is promised.

        The promise is for pictures like those it was calibrated on, so there is no set for a
        picture that is not like the training pictures.
        """
        if self.set_level is None or self.verdict(probabilities, ood_score) is Verdict.UNLIKE:
            return None
        members = prediction_sets.members(probabilities, self.set_level.limit)
        if len(members) < 2:
            return None
        return PredictionSet(self.set_level.level, tuple(labels[i] for i in members))


ALWAYS_ANSWER = Decision()
"""Answers every picture, with one class."""
IMAGENET = Decision(threshold=0.2)
"""For backbones that were not trained further. EfficientNet-Lite0 stays below the threshold on 4 of
120 photographs of ImageNet classes, and on 35 of 80 sketches and leaves, which show none."""
