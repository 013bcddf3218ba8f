"""Crop frames and bars of one colour off small pictures."""

import numpy as np
from PIL import Image

NARROWEST, WIDEST = 2, 16  # lines of 64; a copy with a narrower bar looks the same anyway
LEVELS = 10  # grey levels by which a bar differs from its colour at most
SPECKS = 0.05  # share of a line of a bar that may differ by more
BLENDED = 2  # lines at the end of a bar that may be mixed with the picture


def crop_bars(
    grey: np.ndarray, chroma: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of the pictures with a frame or two bars; their grey and chroma without them, enlarged.

    Args:
        grey: (n, s, s) uint8.
        chroma: (n, c, c, 2) uint8.
        rows: (m,) int, the pictures to look at.
    """
    across = [grey[rows, at].astype(np.int16) for at in (0, -1)]
    along = [grey[rows, :, at].astype(np.int16) for at in (0, -1)]
    even = [[np.ptp(line, axis=1) <= 2 * LEVELS for line in pair] for pair in (across, along)]
    framed, greys, chromas = [], [], []
    for row in rows[even[0][0] & even[0][1] | even[1][0] & even[1][1]].tolist():
        top, bottom = _between(grey[row])
        left, right = _between(grey[row, top:bottom].T)
        box = left, top, right, bottom
        if (right - left, bottom - top) != grey.shape[1:]:
            framed.append(row)
            greys.append(_enlarged(grey[row], box))
            scale = chroma.shape[1] / grey.shape[1]
            part = left * scale, top * scale, right * scale, bottom * scale
            chromas.append(np.stack([_enlarged(chroma[row, ..., c], part) for c in (0, 1)], -1))
    size = len(framed)
    return (
        np.array(framed, np.int64),
        np.array(greys, np.uint8).reshape(size, *grey.shape[1:]),
        np.array(chromas, np.uint8).reshape(size, *chroma.shape[1:]),
    )


def _between(lines: np.ndarray) -> tuple[int, int]:
    """Where (n, m) lines begin and end that lie between two bars of one colour and width.

    A bar ends in a straight line. Where an object on an even ground begins, only a few pixels
    differ: that is not a bar, and the place of the object tells pictures apart.
    """
    first, last = _bar(lines), _bar(lines[::-1])
    alike = abs(int(np.median(lines[0])) - int(np.median(lines[-1]))) <= LEVELS
    if not (first and last and alike and abs(first - last) <= BLENDED):
        return 0, len(lines)
    return first, len(lines) - last


def _bar(lines: np.ndarray) -> int:
    """How many of (n, m) lines belong to a bar that begins with the first; 0 for none."""
    share = (np.abs(lines.astype(np.int16) - int(np.median(lines[0]))) > LEVELS).mean(1)
    even, count = int(np.argmax(share > SPECKS)), int(np.argmax(share > 0.5))
    return count if even and NARROWEST <= count <= min(even + BLENDED, WIDEST) else 0


def _enlarged(plane: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    picture = Image.fromarray(plane)
    return np.asarray(picture.resize(picture.size, Image.Resampling.LANCZOS, box))
