"""What to know about a picture before its prediction is trusted, in sentences."""

import numpy as np

from core import images

NEARLY_BLACK = (
    "This picture is nearly black, so a model sees little in it. Export it from the camera's file "
    "again, brighter."
)
ONE_COLOUR = "This picture is nearly all of one colour, so a model sees little in it."
FIRST_ONLY = "This file has several pages or frames; only the first was read."
CUT_SHORT = "The end of this file is missing, with up to 5 % of the picture. Download it again."
UNIFORM = 4
"""Standard deviation of the levels below which a picture is nearly all of one colour."""


def notes(view: np.ndarray, *, cut_short: bool, has_frames: bool) -> tuple[str, ...]:
    """Sentences about a picture, most often none.

    Args:
        view: what the model sees, (h, w, 3) uint8.
        cut_short, has_frames: of its file, as in `DecodedImage`.
    """
    is_black = images.nearly_black(view)
    about = {
        FIRST_ONLY: has_frames,
        CUT_SHORT: cut_short,
        NEARLY_BLACK: is_black,
        ONE_COLOUR: not is_black and view.std((0, 1)).max() < UNIFORM,
    }
    return tuple(sentence for sentence, holds in about.items() if holds)
