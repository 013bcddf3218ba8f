"""Would more pictures help? Accuracy on pictures not taught, against how many were taught.

The answer comes from the training and validation pictures alone: each is answered by heads that
were taught on others, all of them, half of them, a quarter, and so on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from core.errors import RunDamaged
from core.evaluation import folds
from core.evaluation.advice import Point, Trend, Verdict, advise
from core.evaluation.intervals import around, paired_difference, wilson
from core.evaluation.report import Estimate, Part

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Ask = Callable[[np.ndarray, Ints, np.ndarray], np.ndarray]
"""Embeddings (m, d) and labels (m,) to teach, embeddings (p, d) to ask about → probabilities
(s, p, k) of `s` heads that differ in how strictly they were regularised."""

VERSION = 1
FOLDS = 5
REPEATS = 3
"""Most random subsets of each size in each fold."""
REPEATED = 900
"""Pictures, over all repeats, that are enough: with more of them there are fewer repeats."""
ASKED = 3_000
"""Pictures that are enough to ask about; of larger datasets not every fold is."""
SMALLEST = 4.0
"""Pictures a class, on average, below which no head is taught."""
MOST_POINTS = 8


@dataclass(frozen=True)
class _Answers:
    """What the heads taught on `taught` pictures gave (s, p, k) to those at `held` (p,)."""

    held: Ints
    given: np.ndarray
    taught: int

    def surprise(self, labels: Ints) -> Floats:
        """Summed cross-entropy (s,) of each head."""
        likely = self.given[:, np.arange(len(self.held)), labels[self.held]]
        return -np.log(np.maximum(likely, 1e-12)).sum(axis=1)


class LearningCurve(Part):
    """Points from few pictures to all, and what they say.

    `gain` is what the last doubling brought, in accuracy; None where there are too few pictures.
    `wanted` are the labels of the classes that more pictures would help most, the first most.
    """

    version: int = VERSION
    classes: tuple[str, ...]
    pictures: int
    points: tuple[Point, ...]
    gain: Estimate | None
    trends: tuple[Trend, ...]
    wanted: tuple[int, ...]
    verdict: Verdict
    sentence: str

    def to_json(self) -> str:
        """The curve as JSON text; `from_json` gives an equal one back."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> LearningCurve:
        """Read what `to_json` wrote.

        Raises:
            RunDamaged: not a learning curve, or one of another version.
        """
        try:
            found = json.loads(text)
            if not isinstance(found, dict) or found.get("version") != VERSION:
                raise RunDamaged(f"Expected a learning curve of version {VERSION}.")
            return cls.model_validate_json(text)
        except (ValueError, ValidationError) as error:
            raise RunDamaged("The learning curve of this run cannot be read.") from error


def learning_curve(
    embeddings: np.ndarray,
    labels: Ints,
    groups: Ints,
    classes: tuple[str, ...],
    seed: int,
    ask: Ask,
) -> LearningCurve:
    """Teach heads on nested random parts of the pictures, and ask each about pictures left out.

    The pictures are dealt to folds, near-duplicates to one. For each fold the others are taught,
    all of them, a random half of each class, half of that half, … A point pools the answers about
    all pictures; its interval is Wilson's, since further subsets add no further pictures.

    Args:
        embeddings: (n, d) float32 of the plain pictures; no test picture is among them.
        labels: (n,) int64, 0 to k - 1.
        groups: (n,) int64, the same number for pictures that look the same.
        classes: (k,) names.
        seed: of the folds and subsets.
        ask: teaches heads on a part of the pictures. For each size the strictness counts under
            which the pictures that were asked about were the least surprising.

    Source: Perlich, Provost and Simonoff, "Tree induction vs. logistic regression: a
        learning-curve analysis", JMLR 4 (2003), for nested subsets.
    """
    number = folds.feasible(labels, groups, FOLDS)
    if number < folds.MINIMUM:
        return _made(classes, len(labels), (), None, ())
    fold = folds.assign(labels, groups, number, seed)
    shares = _shares(len(labels) * (number - 1) / number / len(np.unique(labels)))
    used = min(number, math.ceil(ASKED * number / len(labels)))
    asked = np.flatnonzero(fold < used)
    right: list[Floats] = []
    taught: list[float] = []
    for share in shares:
        times = 1 if share == 1 else min(REPEATS, max(1, REPEATED // len(labels)))
        found: list[_Answers] = []
        for outside in range(used):
            pool, held = np.flatnonzero(fold != outside), np.flatnonzero(fold == outside)
            for repeat in range(times):
                chosen = pool[_part(labels[pool], share, (seed, outside, repeat))]
                given = ask(embeddings[chosen], labels[chosen], embeddings[held])
                found.append(_Answers(held, given, len(chosen)))
        right.append(_right(found, labels)[asked])
        taught.append(float(np.mean([one.taught for one in found])))
    return _summed_up(classes, labels[asked], np.stack(right), np.array(taught))


def _right(found: Sequence[_Answers], labels: Ints) -> Floats:
    """How often (n,) each picture was answered rightly, under the strictness that did best."""
    surprise = sum(one.surprise(labels) for one in found)
    best = int(np.argmin(surprise))
    right, times = np.zeros(len(labels)), np.zeros(len(labels))
    for one in found:
        right[one.held] += one.given[best].argmax(axis=1) == labels[one.held]
        times[one.held] += 1
    return right / np.maximum(times, 1)


def _shares(per_class: float) -> list[float]:
    """All, half, a quarter, … of the pictures, as long as a class has some; the least first."""
    shares = [1.0]
    while len(shares) < MOST_POINTS and per_class * shares[0] / 2 >= SMALLEST:
        shares.insert(0, shares[0] / 2)
    return shares


def _part(labels: Ints, share: float, key: tuple[int, ...]) -> Ints:
    """Places of a share of each class, at least one picture; of one key, smaller in larger."""
    generator = np.random.default_rng(key)
    chosen = []
    for label in np.unique(labels):
        places = generator.permutation(np.flatnonzero(labels == label))
        chosen.append(places[: max(1, round(share * len(places)))])
    return np.sort(np.concatenate(chosen))


def _summed_up(
    classes: tuple[str, ...], labels: Ints, right: Floats, taught: Floats
) -> LearningCurve:
    """The curve from how often each picture was answered rightly: (sizes, n), each 0 to 1."""
    present = np.unique(labels)
    points = tuple(
        Point(
            taught=round(count),
            per_class=float(count) / len(present),
            accuracy=_share(answers),
        )
        for count, answers in zip(taught, right, strict=True)
    )
    if len(points) < 2:
        return _made(classes, len(labels), points, None, ())
    half, whole = right[-2], right[-1]
    trends = tuple(
        Trend(
            label=int(label),
            recall=_share(whole[labels == label]),
            gain=_difference(whole[labels == label], half[labels == label]),
        )
        for label in present
    )
    return _made(classes, len(labels), points, _difference(whole, half), trends)


def _share(answers: Floats) -> Estimate:
    value = float(answers.mean())
    low, high = wilson(answers.sum(), len(answers))
    return around(value, float(low), float(high))


def _difference(more: Floats, fewer: Floats) -> Estimate:
    """How much more often `more` is right than `fewer`, on the same pictures."""
    change = more - fewer
    return paired_difference(
        float(change[change > 0].sum()), float(-change[change < 0].sum()), len(change)
    )


def _made(
    classes: tuple[str, ...],
    pictures: int,
    points: tuple[Point, ...],
    gain: Estimate | None,
    trends: tuple[Trend, ...],
) -> LearningCurve:
    advice = advise(classes, points, gain, trends)
    return LearningCurve(
        classes=classes,
        pictures=pictures,
        points=points,
        gain=gain,
        trends=trends,
        wanted=advice.wanted,
        verdict=advice.verdict,
        sentence=advice.sentence,
    )
