"""Align small pictures, and correlate where they overlap."""

import numpy as np

SCALE = (0.85, 1.18)  # smallest and largest scale
SHIFT = 0.12  # largest shift, as a share of an edge


def align(a: np.ndarray, b: np.ndarray, steps: int, start: np.ndarray | None = None) -> np.ndarray:
    """Find the scale and shift of each axis that bring `b` closest to `a`, for many pairs at once.

    Args:
        a, b: (m, s, s) float32, smooth.
        steps: number of iterations.
        start: (m, 4), the initial values.

    Returns:
        (m, 4) float32: x scale, x shift, y scale, y shift; shifts in parts of an edge, about the
        centre.

    Source: B. D. Lucas and T. Kanade, "An iterative image registration technique", 1981.
    """
    count, size = a.shape[:2]
    transform = (
        np.tile(np.array([1, 0, 1, 0], np.float32), (count, 1)) if start is None else start.copy()
    )
    coordinates = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    slopes = np.empty((count, 4, size, size), np.float32)
    for _ in range(steps):
        moved, inside = sample(b, transform)
        fixed, centred = _centred(a, inside), _centred(moved, inside)
        gain = np.sqrt((_power(fixed) + 1) / (_power(centred) + 1))
        moved *= gain
        dx = _slope(moved, inside, transform[:, 0], 2)
        dy = _slope(moved, inside, transform[:, 2], 1)
        slopes[:, 0], slopes[:, 1] = dx * coordinates, dx
        slopes[:, 2], slopes[:, 3] = dy * coordinates[:, None], dy
        flat = slopes.reshape(count, 4, -1)
        normal = flat @ flat.transpose(0, 2, 1)
        ridge = 1e-4 * np.trace(normal, axis1=1, axis2=2) + 1e-3
        normal += ridge[:, None, None] * np.eye(4, dtype=np.float32)
        step = np.linalg.solve(normal, flat @ (fixed - gain * centred).reshape(count, -1, 1))
        transform += step[..., 0].astype(np.float32)
        transform[:, ::2] = transform[:, ::2].clip(*SCALE)
        transform[:, 1::2] = transform[:, 1::2].clip(-SHIFT, SHIFT)
    return transform


def sample(pictures: np.ndarray, transform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift pictures, (m, s, s) float32, by (m, 4) as returned by `align`.

    Returns:
        The pictures, and 1 where they have pixels, 0 beyond their edges, in the same shape.
    """
    size = pictures.shape[1]
    across, in_x = _weights(size, transform[:, 0], transform[:, 1])
    down, in_y = _weights(size, transform[:, 2], transform[:, 3])
    moved = down @ pictures @ across.transpose(0, 2, 1)
    return moved, (in_y[:, :, None] & in_x[:, None, :]).astype(np.float32)


def correlation(a: np.ndarray, b: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(m,) correlations of (m, s, s) pictures where `inside` is 1."""
    a, b = _centred(a, inside), _centred(b, inside)
    product = np.einsum("nij,nij->n", a, b)
    return product / np.sqrt((_power(a) * _power(b)).ravel() + 1e-6)


def _weights(size: int, scale: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (m, s, s) along one axis, and whether each position is inside the picture, (m, s)."""
    coordinates = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    position = (scale[:, None] * coordinates + shift[:, None] + 0.5) * size - 0.5
    inside = (position >= 0) & (position <= size - 1)
    position = position.clip(0, size - 1)
    weights = np.maximum(0, 1 - np.abs(position[:, :, None] - np.arange(size, dtype=np.float32)))
    return weights.astype(np.float32), inside


def _slope(pictures: np.ndarray, inside: np.ndarray, scale: np.ndarray, axis: int) -> np.ndarray:
    """Slopes of scaled pictures along one axis, per edge of the picture before scaling."""
    slope = np.zeros_like(pictures)
    ahead, behind = np.moveaxis(pictures, axis, 0)[2:], np.moveaxis(pictures, axis, 0)[:-2]
    np.moveaxis(slope, axis, 0)[1:-1] = ahead - behind
    return slope * inside * (pictures.shape[1] / 2 / scale)[:, None, None]


def _centred(pictures: np.ndarray, inside: np.ndarray) -> np.ndarray:
    count = inside.sum((1, 2), keepdims=True) + 1e-6
    return (pictures - (pictures * inside).sum((1, 2), keepdims=True) / count) * inside


def _power(pictures: np.ndarray) -> np.ndarray:
    return np.einsum("nij,nij->n", pictures, pictures)[:, None, None]
