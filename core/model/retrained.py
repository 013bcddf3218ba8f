"""What a training made of a layer, and how to find that layer in a file of the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FIT = 1e-4
"""Largest part of a kernel that may be left unexplained where it is recognised."""


@dataclass(frozen=True)
class Retrained:
    """A layer's weights before and after, in the layout of Keras.

    Attributes:
        kernel, new_kernel: (h, w, inputs, outputs), depthwise (h, w, channels, 1).
        depthwise: whether each channel has a filter of its own.
        bias, new_bias: (outputs,), or None where the layer has none.
    """

    kernel: np.ndarray
    new_kernel: np.ndarray
    depthwise: bool
    bias: np.ndarray | None = None
    new_bias: np.ndarray | None = None

    def flat(self, kernel: np.ndarray) -> np.ndarray:
        """A kernel as (outputs, weights of each), in the order of the file."""
        if self.depthwise:
            return kernel.reshape(-1, kernel.shape[2] * kernel.shape[3]).T
        return np.moveaxis(kernel, -1, 0).reshape(kernel.shape[-1], -1)


def rows_of(weights: np.ndarray, *, depthwise: bool) -> np.ndarray:
    """A kernel of the file, (outputs, …) or depthwise (1, h, w, outputs), as (outputs, rest)."""
    if depthwise:
        return weights.reshape(-1, weights.shape[-1]).T
    return weights.reshape(len(weights), -1)


def factors_of(stored: np.ndarray, kernel: np.ndarray) -> np.ndarray | None:
    """What each row of `kernel` was multiplied by to give `stored`; None if that is not so."""
    factors = (stored * kernel).sum(axis=1) / np.maximum((kernel**2).sum(axis=1), 1e-30)
    left = np.abs(stored - kernel * factors[:, None]).max()
    return factors if left <= FIT * np.abs(stored).max() else None
