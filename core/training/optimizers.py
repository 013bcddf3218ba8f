"""Keras' optimisers on NumPy arrays, so that training a head needs no TensorFlow."""

from collections.abc import Callable

import numpy as np

from core.training.config import Phase

Update = Callable[[list[np.ndarray], list[np.ndarray]], None]
"""Changes weights in place: (weights, gradients) → None."""

EPSILON = 1e-7


def optimizer(phase: Phase) -> Update:
    """The update rule of a phase, with its state.

    Source: the defaults and formulas of `keras.optimizers` 3; Adam after Kingma and Ba (2015),
    AdamW after Loshchilov and Hutter (2019).
    """
    match phase.optimizer:
        case "adam":
            return _adam(phase.learning_rate, decay=0.0)
        case "adamw":
            return _adam(phase.learning_rate, decay=phase.weight_decay)
        case "rmsprop":
            return _rmsprop(phase.learning_rate)
        case "sgd":
            return _sgd(phase.learning_rate, phase.momentum)


def _adam(rate: float, *, decay: float, beta1: float = 0.9, beta2: float = 0.999) -> Update:
    first: list[np.ndarray] = []
    second: list[np.ndarray] = []
    step = 0

    def update(weights: list[np.ndarray], gradients: list[np.ndarray]) -> None:
        nonlocal step
        if not first:
            first.extend(np.zeros_like(w) for w in weights)
            second.extend(np.zeros_like(w) for w in weights)
        step += 1
        corrected_rate = rate * np.sqrt(1 - beta2**step) / (1 - beta1**step)
        for w, g, m, v in zip(weights, gradients, first, second, strict=True):
            w -= rate * decay * w
            m += (1 - beta1) * (g - m)
            v += (1 - beta2) * (g * g - v)
            w -= corrected_rate * m / (np.sqrt(v) + EPSILON)

    return update


def _rmsprop(rate: float, rho: float = 0.9) -> Update:
    mean: list[np.ndarray] = []

    def update(weights: list[np.ndarray], gradients: list[np.ndarray]) -> None:
        if not mean:
            mean.extend(np.zeros_like(w) for w in weights)
        for w, g, v in zip(weights, gradients, mean, strict=True):
            v += (1 - rho) * (g * g - v)
            w -= rate * g / np.sqrt(v + EPSILON)

    return update


def _sgd(rate: float, momentum: float) -> Update:
    velocity: list[np.ndarray] = []

    def update(weights: list[np.ndarray], gradients: list[np.ndarray]) -> None:
        if not velocity:
            velocity.extend(np.zeros_like(w) for w in weights)
        for w, g, v in zip(weights, gradients, velocity, strict=True):
            v *= momentum
            v -= rate * g
            w += v

    return update
