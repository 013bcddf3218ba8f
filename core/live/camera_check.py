"""Compare a camera's frames with the pictures that a model was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import BadInput
from core.model import appearance
from core.model.appearance import Percentiles
from core.model.classifier import Classifier
from core.system.prose import listed

FRAMES = 10
"""Largest number of a camera's frames that are measured."""
NOT_KEPT = (
    "This model has no record of how its training pictures look, so the camera cannot be compared "
    "with them."
)
CAMERA = "Pictures from your camera"
ADVICE = "Change what you can, such as the light, or train with pictures from this camera too."
WORDS = {
    "brightness": ("darker", "brighter"),
    "warmth": ("bluer", "warmer in colour"),
    "sharpness": ("blurrier", "sharper or noisier"),
}
WHOLE_NUMBERS = 20.0
"""From this width on, a usual range is written in whole numbers."""
INVISIBLE = {"brightness": 4.0, "warmth": 1.5, "sharpness": 0.5}
"""Differences that nobody would see. Grey pictures, for example, have no range of warmth at all."""


@dataclass(frozen=True)
class MeasureComparison:
    """One measure of the camera beside that of the training pictures.

    Attributes:
        camera: median of the frames.
        training: usual range of the training pictures.
        difference: `darker`, `somewhat darker`, or empty if the camera is in the usual range.
        reason: the difference with its numbers; empty if there is none.
        unlike: whether fewer than 2 in 100 training pictures are as far off.
    """

    name: str
    camera: str
    training: str
    difference: str = ""
    reason: str = ""
    unlike: bool = False


@dataclass(frozen=True)
class CameraCheck:
    """The verdict of a camera check with its numbers, and whether any measure is unlike."""

    sentence: str
    unlike: bool
    measures: tuple[MeasureComparison, ...]


def check(classifier: Classifier, frames: Sequence[bytes]) -> CameraCheck:
    """Compare the medians of some frames with the training pictures.

    Ten frames of one scene are hardly more than one picture. So a camera is called unlike only
    beyond the range of 98 in 100 training pictures, and somewhat unlike beyond that of 9 in 10.

    Args:
        frames: picture files of exactly the size that the model sees; 1 to `FRAMES`.

    Raises:
        BadInput: the model has nothing to compare with, or there are too many or no frames.
        BadImage: a frame cannot be read, or has another size.
    """
    usual = classifier.appearance
    if usual is None:
        raise BadInput(NOT_KEPT)
    if not 1 <= len(frames) <= FRAMES:
        raise BadInput(f"Expected 1 to {FRAMES} frames, found {len(frames)}. Reload the page.")
    pictures = [classifier.load_frame(frame) for frame in frames]
    medians = np.median([appearance.measure(picture) for picture in pictures], axis=0).tolist()
    measures = [
        _compare(name, value, getattr(usual, name))
        for name, value in zip(appearance.Measures._fields, medians, strict=True)
    ]
    answers = [classifier.answer(picture) for picture in pictures]
    scores = [answer.ood_score for answer in answers if answer.ood_score is not None]
    if scores:
        measures.append(_compare_distance(float(np.median(scores))))
    return CameraCheck(_verdict(measures), any(m.unlike for m in measures), tuple(measures))


def _compare(name: str, value: float, usual: Percentiles) -> MeasureComparison:
    def number(value: float) -> str:
        digits = 0 if usual.high - usual.low >= WHOLE_NUMBERS else 1
        return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")

    camera, training = number(value), f"{number(usual.low)} to {number(usual.high)}"
    margin = INVISIBLE[name]
    if usual.low - margin <= value <= usual.high + margin:
        return MeasureComparison(name, camera, training)
    word = WORDS[name][value > usual.high]
    unlike = not usual.least - margin <= value <= usual.most + margin
    share, limits = "9 of 10", training
    if unlike:
        share, limits = "98 of 100", f"{number(usual.least)} to {number(usual.most)}"
    reason = f"{word} ({name} {camera}; {share} training pictures have {limits})"
    difference = word if unlike else f"somewhat {word}"
    return MeasureComparison(name, camera, training, difference, reason, unlike)


def _compare_distance(value: float) -> MeasureComparison:
    camera, training = f"{value:.2f}", "up to 1"
    if value <= 1:
        return MeasureComparison("overall difference", camera, training)
    reason = f"different from the training pictures overall ({camera}; usual: {training})"
    return MeasureComparison(
        "overall difference", camera, training, "different overall", reason, unlike=True
    )


def _verdict(measures: Sequence[MeasureComparison]) -> str:
    unlike = [measure.reason for measure in measures if measure.unlike]
    if unlike:
        return f"{CAMERA} differ from the training pictures: {listed(unlike)}. {ADVICE}"
    slight = [measure.reason for measure in measures if measure.reason]
    if slight:
        return f"{CAMERA} differ slightly from the training pictures: {listed(slight)}."
    return f"{CAMERA} are like the training pictures."
