"""Check a camera against the pictures that a model was taught with, and say how they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import BadInput
from core.live.frames import pixels
from core.model import appearance
from core.model.appearance import Percentiles
from core.model.classifier import Classifier

FRAMES = 10
"""Of a camera that are looked at."""
NOT_KEPT = (
    "Nothing was kept of how this model's training pictures look, so the camera cannot be checked "
    "against them."
)
ADVICE = "Change what you can, such as the light, or teach it with pictures from this camera too."
WORDS = {
    "brightness": ("darker", "brighter"),
    "warmth": ("bluer", "warmer in colour"),
    "sharpness": ("blurrier", "sharper or noisier"),
}
WIDE = 20.0
"""Of what is usual: from here on whole numbers tell enough."""
NOTHING = {"brightness": 4.0, "warmth": 1.5, "sharpness": 0.5}
"""Beyond what is usual, a difference that nobody would see: grey pictures have no warmth at all."""


@dataclass(frozen=True)
class MeasureComparison:
    """One measure.

    Attributes:
        name: of the measure.
        camera: the median of the frames, in words.
        training: what is usual among training pictures, in words.
        difference: `darker`, `somewhat darker`, or empty where it is as usual.
        reason: the difference with its numbers; empty where there is none.
        unlike: whether fewer than two in a hundred training pictures are as far off.
    """

    name: str
    camera: str
    training: str
    difference: str = ""
    reason: str = ""
    unlike: bool = False


@dataclass(frozen=True)
class CameraCheck:
    """What to make of a camera.

    Attributes:
        sentence: the verdict with its numbers.
        unlike: whether any measure is.
        measures: each of them.
    """

    sentence: str
    unlike: bool
    measures: tuple[MeasureComparison, ...]


def check(classifier: Classifier, frames: Sequence[bytes]) -> CameraCheck:
    """Compare the medians of some frames with the training pictures.

    Ten frames of one scene are hardly more than one picture. So a camera is called unlike only
    beyond what 98 in 100 training pictures have, and somewhat unlike beyond what 9 in 10 have.

    Args:
        frames: picture files of exactly the size that the model sees; 1 to `FRAMES`.

    Raises:
        BadInput: there is nothing to compare them with, or too many or no frames.
        BadImage: one cannot be read, or is of another size.
    """
    known = classifier.appearance
    if known is None:
        raise BadInput(NOT_KEPT)
    if not 1 <= len(frames) <= FRAMES:
        raise BadInput(f"Expected 1 to {FRAMES} frames, found {len(frames)}. Reload the page.")
    seen = [pixels(classifier, frame) for frame in frames]
    medians = np.median([appearance.measure(picture) for picture in seen], axis=0).tolist()
    measures = [
        _compared(name, value, getattr(known, name))
        for name, value in zip(appearance.Measures._fields, medians, strict=True)
    ]
    strange = [s for s in (classifier.answer(p).ood_score for p in seen) if s is not None]
    if strange:
        measures.append(_distance(float(np.median(strange))))
    return CameraCheck(_verdict(measures), any(one.unlike for one in measures), tuple(measures))


def _compared(name: str, value: float, known: Percentiles) -> MeasureComparison:
    def said(number: float) -> str:
        rounded = f"{number:.{0 if known.high - known.low >= WIDE else 1}f}"
        return rounded.replace("-", "−")

    usual = f"{said(known.low)} to {said(known.high)}"
    plain = MeasureComparison(name, said(value), usual)
    spare = NOTHING[name]
    if known.low - spare <= value <= known.high + spare:
        return plain
    word = WORDS[name][value > known.high]
    unlike = not known.least - spare <= value <= known.most + spare
    within = f"{said(known.least)} to {said(known.most)}" if unlike else usual
    share = "98 of 100" if unlike else "9 of 10"
    reason = f"{word} ({name} {said(value)}; {share} such pictures have {within})"
    return MeasureComparison(
        name, plain.camera, plain.training, word if unlike else f"somewhat {word}", reason, unlike
    )


def _distance(value: float) -> MeasureComparison:
    plain = MeasureComparison("distance", f"{value:.2f}", "up to 1")
    if value <= 1:
        return plain
    word = "further away"
    reason = (
        f"{word} as the model sees it (distance {value:.2f}; 98 of 100 such pictures have up to 1)"
    )
    return MeasureComparison(plain.name, plain.camera, plain.training, word, reason, unlike=True)


def _verdict(measures: Sequence[MeasureComparison]) -> str:
    unlike = [one.reason for one in measures if one.unlike]
    if unlike:
        return f"Your camera looks unlike your training pictures: {_listed(unlike)}. {ADVICE}"
    slight = [one.reason for one in measures if one.reason]
    if slight:
        return f"Your camera looks somewhat unlike your training pictures: {_listed(slight)}."
    return "Your camera looks like your training pictures."


def _listed(reasons: Sequence[str]) -> str:
    *others, last = reasons
    return f"{', '.join(others)} and {last}" if others else last
