"""Decode untrusted pictures to upright RGB, and crop and resize them.

Nothing else decodes files from outside.
"""

from core.images.bit_depth import AS_DECLARED, Depth, Scale, usual_range
from core.images.budget import BUDGET
from core.images.cropping import crop_and_resize, thumbnail
from core.images.decoding import (
    Squares,
    decode,
    decode_and_crop,
    decode_squares,
    decode_with_info,
)
from core.images.pixels import BLACK, laplacian, nearly_black
