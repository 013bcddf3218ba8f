"""Keras' optimisers on NumPy arrays, so that training a head needs no TensorFlow."""

from collections.abc import Callable

import numpy as np

from core.training.config import Phase

Update = Callable[[list[np.ndarray], list[np.ndarray]], None]
"""Changes weights in place: (weights, gradients) → None."""

EPSILON = 1e-7
BETA1, BETA2, RHO = 0.9, 0.999, 0.9
"""Decay rates of the moments of Adam, and of the mean square of RMSprop."""


def optimizer(phase: Phase) -> Update:
    """The update rule of a phase, with its state.

    Source: the defaults and formulas of `keras.optimizers` 3; Adam after Kingma and Ba (2015),
    AdamW after Loshchilov and Hutter (2019).
    """
    first: list[np.ndarray] = []
    second: list[np.ndarray] = []
    rate, step = phase.learning_rate, 0

    def update(weights: list[np.ndarray], gradients: list[np.ndarray]) -> None:
        nonlocal step
        if not step:
            first.extend(np.zeros_like(w) for w in weights)
            second.extend(np.zeros_like(w) for w in weights)
        step += 1
        corrected_rate = rate * np.sqrt(1 - BETA2**step) / (1 - BETA1**step)
        for w, g, m, v in zip(weights, gradients, first, second, strict=True):
            match phase.optimizer:
                case "sgd":
                    m *= phase.momentum
                    m -= rate * g
                    w += m
                case "rmsprop":
                    v += (1 - RHO) * (g * g - v)
                    w -= rate * g / np.sqrt(v + EPSILON)
                case "adam" | "adamw":
                    if phase.optimizer == "adamw":
                        w -= rate * phase.weight_decay * w
                    m += (1 - BETA1) * (g - m)
                    v += (1 - BETA2) * (g * g - v)
                    w -= corrected_rate * m / (np.sqrt(v) + EPSILON)

    return update
