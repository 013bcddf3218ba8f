"""Minimise a smooth convex function of many variables.

SciPy's L-BFGS-B solves the same problems in 2 to 6 times the processor time (its steps handle
bounds, which a head does not have), and importing it takes 0.7 s and 50 MB.
"""

from collections import deque
from collections.abc import Callable

import numpy as np

MEMORY = 10
SUFFICIENT = 1e-4
"""Share of the decrease predicted by the slope that a step must achieve (Armijo)."""
SHORTEST = 1e-10

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]


def minimise(
    objective: Objective,
    start: np.ndarray,
    *,
    iterations: int,
    tolerance: float,
    trace: Callable[[np.ndarray], None] = lambda _point: None,
) -> np.ndarray:
    """Find the point where the gradient vanishes, by limited-memory BFGS with backtracking.

    Args:
        objective: point (d,) float64 → value and gradient (d,) float64.
        start: (d,) float64.
        iterations: limit.
        tolerance: stop where no entry of the gradient is larger.
        trace: called with the start and with the point after each iteration.

    Returns:
        (d,) float64, the best point found.

    Source: Nocedal and Wright, Numerical Optimization (2006), algorithms 3.1, 7.4 and 7.5.
    """
    point = start
    value, gradient = objective(point)
    trace(point)
    pairs: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=MEMORY)
    for _ in range(iterations):
        if np.abs(gradient).max() <= tolerance:
            break
        direction = -_inverse_hessian_times(gradient, pairs)
        slope = float(direction @ gradient)
        length = 1.0 if pairs else min(1.0, 1.0 / float(np.abs(gradient).sum()))
        while True:
            new_point = point + length * direction
            new_value, new_gradient = objective(new_point)
            if new_value <= value + SUFFICIENT * length * slope:
                break
            length /= 2
            if length < SHORTEST:  # no lower value within rounding
                return point
        step, change = new_point - point, new_gradient - gradient
        curvature = float(step @ change)
        if curvature > SHORTEST * float(change @ change):
            pairs.append((step, change, curvature))
        point, value, gradient = new_point, new_value, new_gradient
        trace(point)
    return point


def _inverse_hessian_times(
    gradient: np.ndarray, pairs: deque[tuple[np.ndarray, np.ndarray, float]]
) -> np.ndarray:
    """The two-loop recursion, from the identity scaled by the latest curvature."""
    result = gradient.copy()
    shares = []
    for step, change, curvature in reversed(pairs):
        share = float(step @ result) / curvature
        result -= share * change
        shares.append(share)
    if pairs:
        _, change, curvature = pairs[-1]
        result *= curvature / float(change @ change)
    for (step, change, curvature), share in zip(pairs, reversed(shares), strict=True):
        result += (share - float(change @ result) / curvature) * step
    return result
