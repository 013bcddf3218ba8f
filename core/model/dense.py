"""The head of a model in NumPy: pooled features in, probabilities out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.evaluation.calibration import softmax


@dataclass(frozen=True)
class DenseHead:
    """Dense layers with ReLU in between and a softmax at the end.

    Attributes:
        layers: kernel (inputs, units) and bias (units,), float32, of each layer.
    """

    layers: tuple[tuple[np.ndarray, np.ndarray], ...]

    def __post_init__(self) -> None:
        width = None
        for kernel, bias in self.layers:
            if (
                kernel.ndim != 2
                or bias.shape != kernel.shape[1:]
                or width not in (None, len(kernel))
            ):
                raise ValueError(f"layers must chain, got {[k.shape for k, _ in self.layers]}")
            width = kernel.shape[1]

    @property
    def inputs(self) -> int:
        """Width of the features."""
        return len(self.layers[0][0])

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.layers[-1][1])

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(n, inputs) float32 → (n, classes) float32, before the softmax."""
        for kernel, bias in self.layers[:-1]:
            features = np.maximum(features @ kernel + bias, 0)
        kernel, bias = self.layers[-1]
        return features @ kernel + bias

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """(n, inputs) float32 → (n, classes) float32, each row adding up to 1."""
        return softmax(self.logits(features))

    def with_temperature(self, temperature: float) -> DenseHead:
        """A copy whose logits are divided by a temperature."""
        kernel, bias = self.layers[-1]
        scaled = (
            (kernel / temperature).astype(np.float32),
            (bias / temperature).astype(np.float32),
        )
        return DenseHead((*self.layers[:-1], scaled))

    def with_scaling(self, scale: np.ndarray, shift: np.ndarray) -> DenseHead:
        """A head h with h(features) = self(features × `scale` + `shift`), (inputs,) each."""
        kernel, bias = self.layers[0]
        first = (
            (kernel * scale[:, None]).astype(np.float32),
            (bias + shift @ kernel).astype(np.float32),
        )
        return DenseHead((first, *self.layers[1:]))

    def arrays(self) -> dict[str, np.ndarray]:
        """The layers by name: `head.0.kernel`, `head.0.bias`, …"""
        return {
            f"head.{i}.{part}": np.ascontiguousarray(array, dtype=np.float32)
            for i, layer in enumerate(self.layers)
            for part, array in zip(("kernel", "bias"), layer, strict=True)
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> DenseHead:
        """The reverse of `arrays`; other names are ignored."""
        count = sum(name.startswith("head.") and name.endswith(".kernel") for name in arrays)
        return cls(
            tuple((arrays[f"head.{i}.kernel"], arrays[f"head.{i}.bias"]) for i in range(count))
        )
