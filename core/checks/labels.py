"""Find training pictures whose label is likely wrong, from out-of-fold predictions."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel

STRENGTH = 1e-2
"""Inverse regularisation strength of the predictions; strict, so that no wrong label is
memorised."""
CONFIDENT = 0.8
"""Least probability of the suggested class; below it a suggestion is too often wrong."""


class LabelIssue(BaseModel, frozen=True):
    """A picture that a model trained on the other pictures assigns to another class.

    Attributes:
        name: `Example.name`.
        label: index of its class.
        suggested: index of the class that was predicted.
        probability: of the suggested class, 0 to 1.
    """

    name: str
    label: int
    suggested: int
    probability: float


def find_label_issues(
    probabilities: np.ndarray, labels: np.ndarray, names: Sequence[str]
) -> tuple[LabelIssue, ...]:
    """List the pictures whose label is likely wrong, the likeliest first.

    Args:
        probabilities: (n, k), predicted by models that were not trained on the picture.
        labels: (n,) int64, 0 to k - 1; every class occurs.
        names: (n,) of the pictures.

    Source: confident learning, Northcutt et al., 2021, as implemented in `cleanlab`.
    """
    from cleanlab import filter as confident_learning

    places = confident_learning.find_label_issues(
        labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    return tuple(
        LabelIssue(
            name=names[place],
            label=int(labels[place]),
            suggested=int(probabilities[place].argmax()),
            probability=float(probabilities[place].max()),
        )
        for place in places
        if probabilities[place].max() >= CONFIDENT
    )
