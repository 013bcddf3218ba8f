"""Learn from the labels so far: how good that is, and which picture to ask about next."""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from core.evaluation import folds, intervals
from core.evaluation.report import Estimate
from core.labelling.labels import Labels
from core.model.dense import softmax
from core.training import convex
from core.training.head import class_weights

STRENGTH = 1e-2
"""Inverse regularisation strength; choosing one would take too long after each answer."""
TOLERANCE = 1e-3
"""Ten times that of a training: a third of the time, and equally many correct predictions."""
FOLDS = 3


@dataclass(frozen=True)
class Learned:
    """A logistic regression fitted to the labelled pictures that are not for the test.

    Attributes:
        classes: names of the columns.
        probabilities: (n, k) float32 for all pictures; those of labelled training pictures are
            by regressions that were not fitted to them or what looks like them.
        correct: labelled test pictures that are predicted correctly.
        tested: labelled test pictures.
        accuracy: with its interval; None without any.
    """

    classes: tuple[str, ...]
    probabilities: np.ndarray
    correct: int
    tested: int
    accuracy: Estimate | None

    def doubtful(self, labels: Labels) -> list[int]:
        """The pictures to ask about, the most doubtful first; those put off come last.

        The margin is the probability of a picture's label minus that of the likeliest other class.
        It is negative where the label, which came from a group, seems wrong. For a picture without
        a label the two likeliest classes are compared.

        Source: Scheffer, Decomain and Wrobel, "Active hidden Markov models for information
            extraction" (2001), for margin sampling.
        """
        waiting = [p for p in labels.pile.others.tolist() if not labels.single[p]]
        rows = self.probabilities[waiting].copy()
        places = {name: place for place, name in enumerate(self.classes)}
        own = np.array([places.get(labels.names[p] or "", -1) for p in waiting], np.int64)
        own = np.where(own < 0, rows.argmax(axis=1), own) if waiting else own
        each = np.arange(len(waiting))
        margin = rows[each, own].copy()
        rows[each, own] = -1
        margin -= rows.max(axis=1, initial=-1)
        put_off = np.array([labels.skipped.get(p, -1) for p in waiting])
        return [waiting[place] for place in np.lexsort((margin, put_off))]


def learn(labels: Labels) -> Learned | None:
    """Fit a head in a fraction of a second; None until two classes have pictures to learn from."""
    pile, label = labels.pile, labels.indices()
    known = pile.others[label[pile.others] >= 0]
    used, own = np.unique(label[known], return_inverse=True)
    if len(used) < 2:
        return None
    # Matrices of this size take several times longer on two threads of BLAS than on one.
    with threadpool_limits(1, user_api="blas"):
        probabilities = _fit_and_predict(pile.features[known], own, pile.features, len(used))
        fold = folds.assign(own, pile.groups[known], FOLDS, seed=0)
        for number in range(FOLDS):
            held_out = fold == number
            if held_out.any() and not held_out.all():
                probabilities[known[held_out]] = _fit_and_predict(
                    pile.features[known[~held_out]],
                    own[~held_out],
                    pile.features[known[held_out]],
                    len(used),
                )
    tested = np.array([p for p in pile.test if label[p] >= 0], np.int64)
    right = used[probabilities[tested].argmax(axis=1)] == label[tested]
    return Learned(
        tuple(labels.classes[index] for index in used),
        probabilities,
        int(right.sum()),
        len(tested),
        intervals.share(right, pile.groups[tested]) if len(tested) else None,
    )


def _fit_and_predict(
    rows: np.ndarray, labels: np.ndarray, others: np.ndarray, classes: int
) -> np.ndarray:
    """Probabilities of other pictures, (m, classes) float32; 0 for classes without pictures."""
    used, own = np.unique(labels, return_inverse=True)
    weights = class_weights(own, len(used))
    kernel, bias = convex.solve(rows, own, weights, STRENGTH, tolerance=TOLERANCE)
    probabilities = np.zeros((len(others), classes), np.float32)
    probabilities[:, used] = softmax(others @ kernel.astype(np.float32) + bias.astype(np.float32))
    return probabilities
