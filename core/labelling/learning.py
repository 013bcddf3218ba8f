"""Fit a head to the labels so far: how accurate it is, and which picture to label next."""

from dataclasses import dataclass

import numpy as np

from core.evaluation import folds, intervals
from core.evaluation.calibration import softmax
from core.evaluation.report import Estimate
from core.labelling.labels import LEFT_OUT, Labels
from core.system import threads
from core.training import convex
from core.training.head import class_weights

STRENGTH = 1e-2
"""Inverse regularisation strength; it is fixed, since choosing one takes too long."""
TOLERANCE = 1e-3
"""Ten times that of a training: as many correct predictions in a third of the time."""
FOLDS = 3


@dataclass(frozen=True)
class Learned:
    """A logistic regression fitted to the labelled pictures that are not for the test.

    Attributes:
        classes: names of the columns.
        probabilities: (n, k) float32 for all pictures; those of labelled training pictures are
            by regressions that were not fitted to their groups.
        correct: number of labelled test pictures that are predicted correctly.
        tested: number of labelled test pictures.
        accuracy: on these, with its interval; None without any.
    """

    classes: tuple[str, ...]
    probabilities: np.ndarray
    correct: int
    tested: int
    accuracy: Estimate | None

    def doubtful(self, labels: Labels) -> list[int]:
        """The pictures to label next: those with the smallest margin first, skipped ones last.

        The margin is the probability of a picture's label minus that of the likeliest other class,
        so it is negative where a label that was given to a whole group seems wrong. A picture
        without a label counts as of its likeliest class. Pictures that were left out do not appear.

        Source: Scheffer, Decomain and Wrobel, "Active hidden Markov models for information
            extraction" (2001), for margin sampling.
        """
        waiting = [
            p
            for p in labels.pile.others.tolist()
            if not labels.single[p] and labels.names[p] != LEFT_OUT
        ]
        rows = self.probabilities[waiting].copy()
        columns = {name: index for index, name in enumerate(self.classes)}
        column = np.array([columns.get(labels.names[p] or "", -1) for p in waiting], np.int64)
        column = np.where(column < 0, rows.argmax(axis=1), column) if waiting else column
        numbers = np.arange(len(waiting))
        margin = rows[numbers, column].copy()
        rows[numbers, column] = -1
        margin -= rows.max(axis=1, initial=-1)
        skipped = np.array([labels.skipped.get(p, -1) for p in waiting])
        return [waiting[index] for index in np.lexsort((margin, skipped))]


def learn(labels: Labels) -> Learned | None:
    """Fit a head, which takes a fraction of a second; None until two classes have pictures."""
    pile, label = labels.pile, labels.indices()
    labelled = pile.others[label[pile.others] >= 0]
    used, column = np.unique(label[labelled], return_inverse=True)
    if len(used) < 2:
        return None
    with threads.ONE_BLAS_THREAD:
        probabilities = _fit_and_predict(pile.features[labelled], column, pile.features, len(used))
        fold = folds.assign(column, pile.groups[labelled], FOLDS, seed=0)
        for number in range(FOLDS):
            held_out = fold == number
            if held_out.any() and not held_out.all():
                probabilities[labelled[held_out]] = _fit_and_predict(
                    pile.features[labelled[~held_out]],
                    column[~held_out],
                    pile.features[labelled[held_out]],
                    len(used),
                )
    tested = np.array([p for p in pile.test if label[p] >= 0], np.int64)
    correct = used[probabilities[tested].argmax(axis=1)] == label[tested]
    return Learned(
        tuple(labels.classes[index] for index in used),
        probabilities,
        int(correct.sum()),
        len(tested),
        intervals.share(correct, pile.groups[tested]) if len(tested) else None,
    )


def _fit_and_predict(
    rows: np.ndarray, labels: np.ndarray, others: np.ndarray, classes: int
) -> np.ndarray:
    """Probabilities of other pictures, (m, classes) float32; 0 for classes without pictures."""
    used, column = np.unique(labels, return_inverse=True)
    weights = class_weights(column, len(used))
    kernel, bias = convex.solve(rows, column, weights, STRENGTH, tolerance=TOLERANCE)
    probabilities = np.zeros((len(others), classes), np.float32)
    probabilities[:, used] = softmax(others @ kernel.astype(np.float32) + bias.astype(np.float32))
    return probabilities
