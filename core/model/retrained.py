"""A layer before and after training, and how its kernel is recognised in a LiteRT file."""

from dataclasses import dataclass

import numpy as np

FIT = 1e-4
"""Largest relative residual of a kernel that counts as recognised."""


@dataclass(frozen=True)
class Retrained:
    """Weights of a layer before and after training, in the layout of Keras.

    Attributes:
        kernel, new_kernel: (h, w, inputs, outputs), depthwise (h, w, channels, 1).
        bias, new_bias: (outputs,), or None if the layer has none.
    """

    kernel: np.ndarray
    new_kernel: np.ndarray
    depthwise: bool
    bias: np.ndarray | None = None
    new_bias: np.ndarray | None = None

    def flat(self, kernel: np.ndarray) -> np.ndarray:
        """A kernel as (outputs, weights per output), in the order of the file."""
        if self.depthwise:
            return kernel.reshape(-1, kernel.shape[2] * kernel.shape[3]).T
        return np.moveaxis(kernel, -1, 0).reshape(kernel.shape[-1], -1)


def rows_of(weights: np.ndarray, *, depthwise: bool) -> np.ndarray:
    """A kernel of the file, (outputs, …) or depthwise (1, h, w, outputs), as (outputs, weights)."""
    if depthwise:
        return weights.reshape(-1, weights.shape[-1]).T
    return weights.reshape(len(weights), -1)


def factors_of(stored: np.ndarray, kernel: np.ndarray) -> np.ndarray | None:
    """The factor per row that turns `kernel` into `stored`; None if there is none."""
    factors = (stored * kernel).sum(axis=1) / np.maximum((kernel**2).sum(axis=1), 1e-30)
    residual = np.abs(stored - kernel * factors[:, None]).max()
    return factors if residual <= FIT * np.abs(stored).max() else None
