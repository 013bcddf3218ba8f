"""Where a model looked: evidence for a class by place, from the last feature map and the head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.dense import DenseHead


def activation(feature_map: np.ndarray, head: DenseHead, classes: Sequence[int]) -> np.ndarray:
    """Class activation maps.

    Each place of the feature map is weighed by the gradient of the class's logit by the pooled
    features. Through hidden layers that gradient is exact: ReLU passes it where it was active.
    Without hidden layers the mean of a map is the logit less its bias.

    Args:
        feature_map: (h, w, d) float32, before pooling.
        head: of d features.
        classes: indices of the classes to explain.

    Returns:
        (len(classes), h, w) float32; positive where the picture speaks for the class.

    Source: Zhou et al., "Learning deep features for discriminative localization", CVPR 2016;
        with hidden layers, Draelos and Carin, "Use HiResCAM instead of Grad-CAM" (2020).
    """
    inputs = feature_map.mean(axis=(0, 1))
    active = []
    for kernel, bias in head.layers[:-1]:
        inputs = np.maximum(inputs @ kernel + bias, 0)
        active.append(inputs > 0)
    gradient = head.layers[-1][0][:, list(classes)].T
    for (kernel, _), mask in zip(reversed(head.layers[:-1]), reversed(active), strict=True):
        gradient = (gradient * mask) @ kernel.T
    return np.einsum("hwd,cd->chw", feature_map, gradient).astype(np.float32)


def packed(maps: np.ndarray) -> np.ndarray:
    """Maps (m, h, w) as uint8: what speaks for each class, 255 being the most in any of them."""
    positive = np.maximum(maps, 0)
    return np.round(255 * positive / max(float(positive.max()), 1e-12)).astype(np.uint8)
