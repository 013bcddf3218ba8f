"""What to know about a picture before its prediction is trusted, in sentences."""

from core.images import Squares, nearly_black

NEARLY_BLACK = (
    "This picture is nearly black, so a model sees little in it. Export it from the camera's file "
    "again, brighter."
)
ONE_COLOUR = "This picture is nearly all of one colour, so a model sees little in it."
FIRST_ONLY = "This file has several pages or frames; only the first was read."
CUT_SHORT = "The end of this file is missing, with up to 5 % of the picture. Download it again."
LONG = 3
"""Ratio of the edges of a picture above which its crop is mentioned."""
UNIFORM = 4
"""Standard deviation of the levels below which a picture is nearly all of one colour."""


def notes(picture: Squares) -> tuple[str, ...]:
    """Sentences about a picture, most often none.

    Args:
        picture: the first square is what the model sees.
    """
    view, (short, long) = picture.views[0], sorted(picture.size)
    share = max(1, round(100 * short / long))
    sample = view[::4, ::4]  # 16 times as fast
    is_black = nearly_black(view)
    about = {
        FIRST_ONLY: picture.has_frames,
        CUT_SHORT: picture.cut_short,
        f"The model sees only the central square, {share} % of this picture.": long > LONG * short,
        NEARLY_BLACK: is_black,
        ONE_COLOUR: not is_black and sample.std((0, 1)).max() < UNIFORM,
    }
    return tuple(sentence for sentence, holds in about.items() if holds)
