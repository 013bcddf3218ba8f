"""Class activation maps: where in a picture a model found evidence for a class."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from core.model.dense import DenseHead

DIMMED = 0.55
"""Brightness factor outside the square that the model sees."""

RAMP = ("#7E03A8", "#A82296", "#CC4778", "#E66C5C", "#F89540", "#FDC527", "#F0F921")
"""Colours by evidence; their lightness increases, so that colour-blind people see the order. Upper
part of the map "plasma" (S. van der Walt and N. Smith, 2015)."""


def class_maps(
    feature_map: np.ndarray, head: DenseHead, classes: Sequence[int], embedding: np.ndarray
) -> np.ndarray:
    """Class activation maps.

    Each position of the feature map is weighted by the gradient of the class's logit with respect
    to the pooled features. Without hidden layers the mean of a map is the logit minus its bias and,
    with features from several depths, minus what the other depths contribute: they are not shown.

    Args:
        feature_map: (h, w, c) float32, the last one, before pooling.
        head: takes d features, of which the first c are the pooled feature map.
        embedding: (d,) float32, the features.

    Returns:
        (len(classes), h, w) float32; positive is evidence for the class.

    Source: Zhou et al., "Learning deep features for discriminative localization", CVPR 2016;
        with hidden layers, Draelos and Carin, "Use HiResCAM instead of Grad-CAM" (2020).
    """
    inputs, active = embedding, []
    for kernel, bias in head.layers[:-1]:
        inputs = np.maximum(inputs @ kernel + bias, 0)
        active.append(inputs > 0)
    gradient = head.layers[-1][0][:, list(classes)].T
    for (kernel, _), mask in zip(reversed(head.layers[:-1]), reversed(active), strict=True):
        gradient = (gradient * mask) @ kernel.T
    gradient = gradient[:, : feature_map.shape[-1]]
    return np.einsum("hwd,cd->chw", feature_map, gradient).astype(np.float32)


def to_uint8(maps: np.ndarray) -> np.ndarray:
    """Positive evidence of maps, (m, h, w) or (h, w), as uint8; 255 is the maximum of all maps."""
    positive = np.maximum(maps, 0)
    return np.round(255 * positive / max(float(positive.max()), 1e-12)).astype(np.uint8)


def overlay(picture: np.ndarray, heat: np.ndarray, *, crop: float, strength: float) -> np.ndarray:
    """Overlay a picture with the map that explains it.

    The map covers the centre square that the model saw; the rest is dimmed. More evidence makes the
    colour lighter and more opaque and the picture below greyer, so that its colours are not taken
    for the map's. Without evidence the picture is unchanged.

    Args:
        picture: (H, W, 3) uint8 RGB, the whole picture at any size.
        heat: (h, w) uint8, as `to_uint8` makes it.
        crop: edge of the square relative to the shorter edge, over 0 and up to 1.
        strength: 0 to 1; opacity of the strongest evidence.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    height, width = picture.shape[:2]
    edge = max(1, round(crop * min(height, width)))
    top, left = (height - edge) // 2, (width - edge) // 2
    square = Image.fromarray(picture[top : top + edge, left : left + edge])
    evidence = Image.fromarray(heat).resize(square.size, Image.Resampling.BICUBIC)
    # The power makes the edge of the covered area visible.
    cover = strength * np.linspace(0, 1, 256) ** 0.7
    grey = square.convert("L").convert("RGB")
    greyed = Image.composite(grey, square, _mask(evidence, 1.6 * cover))
    covered = Image.composite(_coloured(evidence), greyed, _mask(evidence, cover))
    overlaid = np.array(Image.fromarray(picture).point([round(DIMMED * i) for i in range(256)] * 3))
    overlaid[top : top + edge, left : left + edge] = np.asarray(covered)
    return overlaid


def _mask(evidence: Image.Image, shares: np.ndarray) -> Image.Image:
    """Opacity by level of evidence; `shares` holds one value for each of 256 levels."""
    return evidence.point(np.round(255 * np.minimum(shares, 1)).astype(int).tolist())


def _coloured(evidence: Image.Image) -> Image.Image:
    """The evidence as colours of the ramp."""
    anchors = np.array([list(bytes.fromhex(colour[1:])) for colour in RAMP])
    positions = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(positions, range(len(anchors)), channel) for channel in anchors.T]
    painted = evidence.copy()
    painted.putpalette(np.round(np.stack(channels, axis=1)).astype(np.uint8).tobytes())
    return painted.convert("RGB")
