"""Find pictures with similar cells without comparing all pairs: an inverted file.

Each picture is described by the mean grey levels of 12 × 12 cells. Some random pictures are the
centres of lists, every picture is in the list of the most similar centre, and a query is compared
with the pictures of the nearest lists only. One of two copies may be cropped, mirrored or rotated,
so each picture is looked up as it is, cropped at corners and edges, all of these mirrored, and
whole in the other orientations.

Source: J. Sivic and A. Zisserman, "Video Google", 2003; H. Jégou et al., "Product quantization for
nearest neighbor search", 2011, on inverted files.
"""

import itertools
from collections.abc import Callable, Iterator

import numpy as np

CELLS = 12
CUT = 0.05  # share of an edge
WINDOWS = (  # left, top, right, bottom
    (0.0, 0.0, 1.0, 1.0),
    (CUT, CUT, 1.0, 1.0),
    (0.0, CUT, 1 - CUT, 1.0),
    (CUT, 0.0, 1.0, 1 - CUT),
    (0.0, 0.0, 1 - CUT, 1 - CUT),
    (CUT, CUT, 1 - CUT, 1 - CUT),
)
UPRIGHT, MIRRORED, FLIPPED, TRANSPOSED = 0, 1, 2, 4
"""An orientation is a sum of these: transposed first, then flipped along either axis."""
QUERIES = (
    *((window, turn) for turn in (UPRIGHT, MIRRORED) for window in WINDOWS),
    *((WINDOWS[0], turn) for turn in range(FLIPPED, 2 * TRANSPOSED)),
)
SIMILAR = 0.9  # correlation of the cells; planted copies of photographs had at least 0.94
NEIGHBOURS = 4  # per picture and query
LISTS = 2.0  # number of lists: times the square root of the number of pictures
PROBES = 4  # nearest lists that a query looks into
BLOCK = 2_048

ItemProgress = Callable[[int, int], None]
"""Called with the items done and the items in all."""


PAIR = np.dtype([("first", np.int32), ("second", np.int32), ("turn", np.int8)])
"""Two rows with similar cells, and the orientation that the second needs to look like the first."""


class Index:
    """An inverted file of the cells of some pictures.

    Args:
        grey: (n, s, s) uint8, each a whole picture squeezed into a square.
        rows: (m,) int, the pictures to find.
    """

    def __init__(self, grey: np.ndarray, rows: np.ndarray) -> None:
        self._grey, self._rows = grey, rows.astype(np.int32)
        self._cells = _cells(grey, rows, *QUERIES[0])
        lists = max(1, min(len(rows), round(LISTS * len(rows) ** 0.5)))
        chosen = np.random.default_rng(0).permutation(len(rows))[:lists]
        self._centres = self._cells[chosen]
        self._members = list(self._lists(self._cells, 1))

    def search(
        self, rows: np.ndarray, group: np.ndarray, progress: ItemProgress | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find the pictures most similar to rows (q,) outside each picture's own group, of (n,).

        Returns:
            Each `PAIR`, the most similar first, and the rows that had `NEIGHBOURS` for some query,
            so that there may be more.
        """
        results = []
        full = []
        for number, (window, turn) in enumerate(QUERIES):
            if progress:
                progress(number * len(rows), len(QUERIES) * len(rows))
            row, neighbour, score = self._neighbours(rows, group, window, turn)
            full.append(row[NEIGHBOURS - 1 :][row[NEIGHBOURS - 1 :] == row[: 1 - NEIGHBOURS]])
            # The turned query looks like its neighbour. If it is the first of the pair, the second
            # is turned back.
            turns = np.where(row < neighbour, _inverse(turn), turn).astype(np.int8)
            results.append((row, neighbour, score, turns))
        row, neighbour, score, turns = (np.concatenate(p) for p in zip(*results, strict=True))
        first, second = np.minimum(row, neighbour), np.maximum(row, neighbour)
        best = np.argsort(-score, kind="stable")
        numbers = first[best].astype(np.int64) * len(self._grey) + second[best]
        best = best[np.sort(np.unique(numbers, return_index=True)[1])]
        pairs = np.rec.fromarrays([first[best], second[best], turns[best]], dtype=PAIR)
        return pairs, np.unique(np.concatenate(full))

    def _neighbours(
        self,
        rows: np.ndarray,
        group: np.ndarray,
        window: tuple[float, float, float, float],
        turn: int,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, their neighbours and the correlations, row by row and the most similar first."""
        queries = _cells(self._grey, rows, window, turn)
        results = [(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))]
        for members, queried in zip(self._members, self._lists(queries, PROBES), strict=True):
            cells = self._cells[members].T
            for block in slices(len(queried)):
                score = queries[queried[block]] @ cells
                query, member = np.nonzero(score > SIMILAR)
                if len(query):
                    row, neighbour = rows[queried[block][query]], self._rows[members[member]]
                    apart = group[row] != group[neighbour]
                    hits = row[apart], neighbour[apart], score[query, member][apart]
                    results.append(_best(*hits))
        return _best(*(np.concatenate(parts) for parts in zip(*results, strict=True)))

    def _lists(self, cells: np.ndarray, count: int) -> Iterator[np.ndarray]:
        """For each centre, the indices of the cells to which it is one of the `count` nearest."""
        lists = len(self._centres)
        count = min(count, lists)
        nearest = np.empty((len(cells), count), np.int32)
        for block in slices(len(cells)):
            near = np.argpartition(-(cells[block] @ self._centres.T), count - 1, axis=1)
            nearest[block] = near[:, :count]
        order = np.argsort(nearest, axis=None, kind="stable")
        bounds = np.searchsorted(nearest.ravel()[order], np.arange(lists + 1))
        for start, end in itertools.pairwise(bounds):
            yield order[start:end] // count


def _best(
    row: np.ndarray, neighbour: np.ndarray, score: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The `NEIGHBOURS` highest scores of each row, sorted by row and score."""
    order = np.lexsort((neighbour, -score, row))
    row, neighbour, score = row[order].astype(np.int32), neighbour[order], score[order]
    best = np.ones(len(row), bool)
    best[NEIGHBOURS:] = row[NEIGHBOURS:] != row[:-NEIGHBOURS]
    return row[best], neighbour[best], score[best]


def _cells(
    grey: np.ndarray,
    rows: np.ndarray,
    window: tuple[float, float, float, float],
    turn: int,
) -> np.ndarray:
    """(m, cells²) float32 of mean 0 and length 1."""
    left, top, right, bottom = window
    size = grey.shape[1]
    across, down = _averages(left, right, size), _averages(top, bottom, size)
    result = np.empty((len(rows), CELLS * CELLS), np.float32)
    for block in slices(len(rows)):
        cells = down @ turned(grey[rows[block]], turn).astype(np.float32) @ across.T
        cells = cells.reshape(len(cells), -1)
        cells -= cells.mean(1, keepdims=True)
        result[block] = cells / (np.linalg.norm(cells, axis=1, keepdims=True) + 1e-6)
    return result


def turned(pictures: np.ndarray, turn: int) -> np.ndarray:
    """(m, s, s, …) pictures in an orientation."""
    if turn & TRANSPOSED:
        pictures = pictures.swapaxes(1, 2)
    down, across = (-1 if turn & flip else 1 for flip in (FLIPPED, MIRRORED))
    return pictures[:, ::down, ::across]


def _inverse(turn: int) -> int:
    """The orientation that undoes this one; only a rotation by 90° is undone by a different one."""
    rotated = turn in (TRANSPOSED | MIRRORED, TRANSPOSED | FLIPPED)
    return turn ^ (MIRRORED | FLIPPED) if rotated else turn


def _averages(start: float, end: float, size: int) -> np.ndarray:
    """(cells, size) weights that average the pixels between two parts of an edge."""
    edges = np.linspace(start * size, end * size, CELLS + 1)
    pixel = np.arange(size)
    covered = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights = covered.clip(0)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def slices(count: int, size: int = BLOCK) -> Iterator[slice]:
    """Slices of at most `size` that cover `count` items."""
    return (slice(start, start + size) for start in range(0, count, size))
