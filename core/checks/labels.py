"""Find training pictures whose label is likely wrong; possible only once features exist."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

FOLDS = 5
STRENGTH = 1e-2
"""Inverse regularisation strength; strong, so that a wrong label is not learned by heart."""
SURE = 0.8
"""How sure the model must be of another class: a doubt that is often wrong is not looked at."""


class LabelIssue(BaseModel):
    """A picture that a model taught on the others would call something else.

    Attributes:
        name: `Example.name`.
        label: place of the class it was given.
        suggested: place of the class that it looks like.
        probability: of the suggested class, 0 to 1.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    label: int
    suggested: int
    probability: float


def label_issues(
    embeddings: np.ndarray, labels: np.ndarray, names: Sequence[str], *, seed: int
) -> tuple[LabelIssue, ...]:
    """The pictures whose label is likely wrong, the likeliest first.

    Each picture is judged by a logistic regression that was not taught on it.

    Args:
        embeddings: (n, d) float32, of the pictures as they are.
        labels: (n,) int64, 0 to k - 1, each class at least once.
        names: (n,) of the pictures.

    Returns:
        None of a dataset in which a class has fewer than two pictures.

    Source: confident learning, Northcutt et al., 2021, as `cleanlab` has it.
    """
    folds = min(FOLDS, int(np.bincount(labels).min()))
    if folds < 2:
        return ()
    probabilities = _out_of_fold(embeddings, labels, folds, seed)
    from cleanlab.filter import find_label_issues

    found = find_label_issues(
        labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    return tuple(
        LabelIssue(
            name=names[place],
            label=int(labels[place]),
            suggested=int(probabilities[place].argmax()),
            probability=float(probabilities[place].max()),
        )
        for place in found
        if probabilities[place].max() >= SURE
    )


def _out_of_fold(embeddings: np.ndarray, labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Probabilities (n, k) float64 of each picture by a model taught without it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=100, class_weight="balanced")
    )
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed)
    with threadpool_limits(1):  # as for the head: more threads only wait for each other
        return cross_val_predict(model, embeddings, labels, cv=parts, method="predict_proba")
