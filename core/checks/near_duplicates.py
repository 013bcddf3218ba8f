"""Group pictures that look the same: re-encoded, resized, slightly cropped or turned copies.

Small versions of the pictures are compared in three steps. An index names candidates, which are
pairs with similar grey cells, upright, mirrored or rotated. Each pair is aligned (shift and scale
on both axes). Then its fine detail and its colours are compared: similar scenes have similar cells,
only copies have similar detail. Pictures are joined during the comparison, so that the copies of
one picture do not use up each other's candidates.
"""

import numpy as np

from core.checks import bars
from core.checks.alignment import align, correlation, sample
from core.checks.candidates import Index, ItemProgress, slices, turned
from core.system import threads

COMPARABLE = 32  # shorter edge from which detail tells pictures apart, in pixels
SIMILAR_PICTURE, SIMILAR_DETAIL = 0.85, 0.8  # correlations
# Standard errors by which detail must agree; fewer are enough for pictures that agree as a whole.
CERTAINTY, CERTAINTY_OF_EQUAL, EQUAL_PICTURE = 10.0, 5.0, 0.991
BLUR = 0.7  # pixels of 64; without it, thin lines of a crop fall between those of its original
DETAIL_SIGMA = 3  # pixels of 64
COARSE_STEPS, FINE_STEPS = 6, 2
FLAT = 6.0  # grey levels of standard deviation below which there is nothing to compare
# Root mean squares of the chroma, from 0 to 128, and of its difference relative to the larger one.
# Of 1,133 planted copies in colour, none differed by more than both.
COLOURLESS, DIFFERENT_COLOURS = 4.0, 0.5
CAST = 24.0  # chroma by which all of a picture may be tinted, as by another white balance
FAILURES = 3  # pairs of a picture that differ before no more are compared
PAIRS = 128  # compared at once, on a thread
BLOCK = 4 * PAIRS  # until groups are joined; the same on all machines, as groups depend on it


def group(
    grey: np.ndarray,
    chroma: np.ndarray,
    rows: np.ndarray,
    initial: np.ndarray,
    progress: ItemProgress | None = None,
) -> np.ndarray:
    """Group pictures that look the same, directly or through others.

    Args:
        grey: (n, 64, 64) uint8, each a whole picture squeezed into a square.
        chroma: (n, 8, 8, 2) uint8, Cb and Cr of as many cells of each picture.
        rows: (m,) int, the pictures to compare.
        initial: (n,) int, for each picture a row of the group that it is already in.

    Returns:
        (n,) int, for each picture a row of its group, the same for the whole group.
    """
    # A copy may have a frame, so what is inside a frame is compared as another picture.
    count = len(initial)
    framed, inside, colours = bars.crop_bars(grey, chroma, rows)
    if len(framed):  # otherwise, a copy of all pictures would only take memory
        grey, chroma = np.concatenate([grey, inside]), np.concatenate([chroma, colours])
        rows = np.concatenate([rows, np.arange(count, len(grey))])
        initial = np.concatenate([initial, initial[framed]])
    blocks = [rows[block] for block in slices(len(rows), PAIRS)]
    rows = np.concatenate([rows[:0], *(block[grey[block].std((1, 2)) >= FLAT] for block in blocks)])
    if len(rows) < 2:
        return initial[:count]
    with threads.ONE_BLAS_THREAD:
        index = Index(grey, rows)
        comparison = _Comparison(grey, chroma, initial)
        while len(rows):
            before = comparison.group.copy()
            candidates, full = index.search(rows, before, progress)
            comparison.join(candidates, progress)
            # Further copies of a picture are found once its candidates are in its group.
            rows = full[comparison.group[full] != before[full]]
    return comparison.group[:count]


class _Comparison:
    """Groups of pictures, joined pair by pair.

    Attributes:
        group: (n,) int, a row of each picture's group.
    """

    def __init__(self, grey: np.ndarray, chroma: np.ndarray, initial: np.ndarray) -> None:
        self.group = initial.copy()
        self._grey, self._chroma = grey, chroma
        self._details = np.full(len(grey), np.nan, np.float32)
        self._failures = np.zeros(len(grey), np.int32)

    def join(self, candidates: np.ndarray, progress: ItemProgress | None) -> None:
        """Compare pairs, the most similar first, and join the groups of those that look the same.

        What a block joins need not be compared in the next, so blocks are small.
        """
        count = threads.cores()
        for block in slices(len(candidates), BLOCK):
            pairs = candidates[block]
            failures = np.minimum(self._failures[pairs["first"]], self._failures[pairs["second"]])
            apart = self.group[pairs["first"]] != self.group[pairs["second"]]
            pairs = pairs[apart & (failures < FAILURES)]
            ends = np.unique(np.concatenate([pairs["first"], pairs["second"]]))
            missing = ends[np.isnan(self._details[ends])]
            for some in slices(len(missing), PAIRS):
                self._details[missing[some]] = _details(self._grey[missing[some]])
            parts = [pairs[part] for part in slices(len(pairs), PAIRS)]
            compared = threads.map_ordered(
                self._look_the_same, parts, threads=count, most=count, name="compare"
            )
            for part, same in zip(parts, compared, strict=True):
                for end in (part["first"], part["second"]):
                    np.add.at(self._failures, end[~same], 1)
                for a, b in zip(part["first"][same], part["second"][same], strict=True):
                    self.group[self.group == self.group[b]] = self.group[a]
            if progress:
                progress(min(block.stop, len(candidates)), len(candidates))

    def _look_the_same(self, pairs: np.ndarray) -> np.ndarray:
        """Whether the pictures of each pair look the same, (m,) bool."""
        i, j = pairs["first"], pairs["second"]
        a, b = self._grey[i].astype(np.float32), self._grey[j].astype(np.float32)
        colours_a, colours_b = self._chroma[i], self._chroma[j]
        for way in np.unique(pairs["turn"]).tolist():
            those = pairs["turn"] == way
            b[those], colours_b[those] = turned(b[those], way), turned(colours_b[those], way)
        return _same(a, b, colours_a, colours_b, np.minimum(self._details[i], self._details[j]))


def _details(grey: np.ndarray) -> np.ndarray:
    """(n,) number of independent details, by how evenly their power is spread.

    Source: the participation ratio as a number of degrees of freedom, C. S. Bretherton et al.,
        1999.
    """
    pictures = _smooth(grey.astype(np.float32), BLUR)
    detail = pictures - _smooth(pictures, DETAIL_SIGMA)
    power = np.abs(np.fft.rfft2(detail)) ** 2
    independent = 2 * _participation(power) * _participation(_smooth(detail**2, 2))
    return independent / detail[0].size


def _needed(details: np.ndarray, certainty: float) -> np.ndarray:
    """(n,) correlation of detail that copies have to reach, by their number of details.

    A few strokes on white, or a blurred scene, agree by chance with others of their kind. The fewer
    independent details there are, the more they must agree.

    Source: R. A. Fisher, "On the probable error of a coefficient of correlation", 1921.
    """
    return np.maximum(np.tanh(certainty / np.sqrt(details + 1e-6)), SIMILAR_DETAIL)


def _participation(parts: np.ndarray) -> np.ndarray:
    """(m,) participation ratio of (m, …): the number of entries if all are equal, 1 for one."""
    parts = parts.reshape(len(parts), -1).astype(np.float64)
    return parts.sum(1) ** 2 / ((parts**2).sum(1) + 1e-12)


def _same(
    a: np.ndarray, b: np.ndarray, colours_a: np.ndarray, colours_b: np.ndarray, details: np.ndarray
) -> np.ndarray:
    """(m,) bool: whether pictures correlate, their detail as much as needed, and their colours.

    Args:
        a, b: (m, 64, 64) float32 grey levels; the colours are (m, 8, 8, 2) uint8 chroma.
        details: (m,) as by `_details`, of the picture with fewer.
    """
    a, b = _smooth(a, BLUR), _smooth(b, BLUR)
    needed, least = _needed(details, CERTAINTY), _needed(details, CERTAINTY_OF_EQUAL)
    transform = align(_smooth(_halved(a), 1.5), _smooth(_halved(b), 1.5), COARSE_STEPS)
    overall, fine = _agreement(a, b, transform)
    same = (overall > SIMILAR_PICTURE - 0.1) & (fine > least - 0.4)
    near = np.flatnonzero(same)
    if len(near):
        a, b = a[near], b[near]
        transform = align(_smooth(a, 1.5), _smooth(b, 1.5), FINE_STEPS, transform[near])
        overall, fine = _agreement(a, b, transform)
        enough = np.where(overall > EQUAL_PICTURE, least[near], needed[near])
        same[near] = (overall > SIMILAR_PICTURE) & (fine > enough)
        same[near] &= _same_colours(colours_a[near], colours_b[near], transform)
    return same


def _same_colours(a: np.ndarray, b: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """(m,) bool: whether the chroma of aligned pictures agrees; True if one has no colours.

    Colours of copies may be weaker, and all tinted alike.
    """
    first = a.astype(np.float32) - 128
    moved = [sample(b[..., channel].astype(np.float32) - 128, transform) for channel in range(2)]
    second, inside = np.stack([channel for channel, _ in moved], -1), moved[0][1][..., None]
    weights = inside / (inside.sum((1, 2), keepdims=True) + 1e-6)

    def product(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.einsum("nijc,nijc->n", x * weights, y)

    def agree(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        least = np.sqrt((1 - DIFFERENT_COLOURS**2) * product(x, x) * product(y, y))
        return (product(x, y) > least) | (product(x - y, x - y) < COLOURLESS**2)

    def colourless(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.minimum(product(x, x), product(y, y)) < COLOURLESS**2

    means = [(x * weights).sum((1, 2), keepdims=True) for x in (first, second)]
    untinted = first - means[0], second - means[1]
    tint = np.linalg.norm(means[0] - means[1], axis=-1).ravel()
    tinted = (tint < CAST) & agree(*untinted) & ~colourless(*untinted)
    return colourless(first, second) | agree(first, second) | tinted


def _agreement(
    a: np.ndarray, b: np.ndarray, transform: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(m,) correlations of aligned pictures, and (m,) of their detail."""
    moved, inside = sample(b, transform)
    fine_a, fine_b = a - _smooth(a, DETAIL_SIGMA), b - _smooth(b, DETAIL_SIGMA)
    return correlation(a, moved, inside), correlation(fine_a, sample(fine_b, transform)[0], inside)


def _halved(pictures: np.ndarray) -> np.ndarray:
    count, size, _ = pictures.shape
    return pictures.reshape(count, size // 2, 2, size // 2, 2).mean((2, 4))


def _smooth(pictures: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of (m, s, s) pictures, as one matrix product per axis."""
    position = np.arange(pictures.shape[1], dtype=np.float32)
    weights = np.exp(-((position[:, None] - position) ** 2) / (2 * sigma**2))
    weights /= weights.sum(1, keepdims=True)
    return weights @ pictures @ weights.T
