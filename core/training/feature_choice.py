"""Choose by cross-validation between the last embedding and features from several depths."""

from dataclasses import dataclass, replace

import numpy as np
from pydantic import BaseModel, ConfigDict

from core.evaluation import folds
from core.evaluation.wording import LOSS_DECIDED, percent
from core.training.config import TrainingConfig
from core.training.convex import DEFAULT_STRENGTH
from core.training.cross_validation import CrossValidated, cross_validate

FOLDS, FEWEST_FOLDS = 5, 3
ROWS_TO_CHOOSE = 4_000
"""Rows that are enough to choose features and strength; more would only take longer. With those
that rare classes need for each fold, there may be half as many more."""


class FeatureChoice(BaseModel):
    """The comparison of two sets of features, of which a training used one.

    `last` and `depths` are the accuracies in a cross-validation on training and validation
    pictures, with all choices but this one made in the same way.
    """

    model_config = ConfigDict(frozen=True)

    chosen: bool
    """Whether features from several depths were used."""
    last: float
    depths: float
    losses: tuple[float, float]
    """Log loss of both at the best temperature; the lesser decides."""
    folds: int
    pictures: int

    @property
    def sentence(self) -> str:
        """The choice, with figures."""
        accuracies = {"the last layer": self.last, "several depths": self.depths}
        order = -1 if self.chosen else 1
        chosen, other = list(accuracies)[::order]
        loss, other_loss = self.losses[::order]
        disagree = accuracies[chosen] < accuracies[other]
        return (
            f"Features from {chosen} of the network: {percent(accuracies[chosen])} against "
            f"{percent(accuracies[other])} with {other}, in {self.folds}-fold cross-validation on "
            f"{self.pictures:,} pictures (log loss {loss:.3f} against {other_loss:.3f})"
            f"{LOSS_DECIDED if disagree else ''}."
        )


@dataclass(frozen=True)
class Selection:
    """The features of a head, with the results of a cross-validation on them.

    Attributes:
        depths: whether to use features from several depths.
        out_of_fold: the cross-validation; None where there are too few groups.
        choice: the comparison; None if there was none.
    """

    depths: bool
    out_of_fold: CrossValidated | None = None
    choice: FeatureChoice | None = None

    @property
    def strength(self) -> float:
        """Inverse regularisation strength: the one that was chosen, or else the usual one."""
        return DEFAULT_STRENGTH if self.out_of_fold is None else self.out_of_fold.strength


def select(
    embeddings: np.ndarray,
    width: int,
    labels: np.ndarray,
    groups: np.ndarray,
    config: TrainingConfig,
    *,
    compare: bool,
) -> Selection:
    """Cross-validate a logistic regression, and choose its features and strength.

    Features from several depths are chosen if their log loss is less. It varies less than the
    accuracy of a few hundred pictures.

    Args:
        embeddings: (n, d) float32 of training and validation pictures.
        width: width of the last embedding, with which each row begins.
        labels: (n,) int64.
        groups: (n,) int64: near-duplicates, and groups that the visitor chose. Pictures of one
            group are in the same fold.
        compare: whether to compare; if not, the embeddings are used as they are.
    """
    deeper = embeddings.shape[1] > width
    counted = len(labels)
    if len(labels) > ROWS_TO_CHOOSE:
        order = np.random.default_rng(config.seed).permutation(len(labels))
        needed = _of_each_class(order, labels, groups)
        if len(needed) > ROWS_TO_CHOOSE:
            return Selection(deeper and not compare)
        counted = max(ROWS_TO_CHOOSE // 2, ROWS_TO_CHOOSE - len(needed))
        sample = np.concatenate([order[:counted], np.setdiff1d(needed, order[:counted])])
        embeddings, labels, groups = embeddings[sample], labels[sample], groups[sample]
    count = folds.feasible(labels, groups, FOLDS)
    if count < FEWEST_FOLDS:
        return Selection(deeper and not compare)
    fold = folds.assign(labels, groups, count, config.seed)
    if any(len(np.unique(fold[labels == label])) < FEWEST_FOLDS - 1 for label in np.unique(labels)):
        return Selection(deeper and not compare)  # groups of several classes

    def validated(rows: np.ndarray) -> CrossValidated:
        result = cross_validate(rows, labels, fold, weighted=config.class_weights)
        # With the rows added for rare classes, these would count for more than they should.
        probabilities = result.probabilities[:counted]
        return replace(result, probabilities=probabilities, labels=labels[:counted])

    if not compare:
        return Selection(deeper, validated(embeddings))
    results = validated(embeddings[:, :width]), validated(embeddings)
    last, depths = results
    choice = FeatureChoice(
        chosen=depths.loss < last.loss,
        last=last.accuracy,
        depths=depths.accuracy,
        losses=(last.loss, depths.loss),
        folds=count,
        pictures=counted,
    )
    return Selection(choice.chosen, results[choice.chosen], choice)


def _of_each_class(order: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """For each class, the first row in `order` of each of up to `FOLDS` groups."""
    chosen = []
    for label in np.unique(labels):
        of_class = order[labels[order] == label]
        first = np.sort(np.unique(groups[of_class], return_index=True)[1])
        chosen.append(of_class[first[:FOLDS]])
    return np.concatenate(chosen)
