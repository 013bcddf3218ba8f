"""What each stage of each backbone costs, so that a training can be estimated without TensorFlow.

`tests/core/backbones/test_costs.py` counts the same in the networks themselves.
"""

from typing import NamedTuple


class Cost(NamedTuple):
    """One stage of a backbone, for one picture.

    Attributes:
        shape: (height, width, channels) of the activation in which it ends.
        work: multiply-adds of a forward pass, in millions.
        values: numbers that its layers output, in millions; a backward pass keeps them.
        layers: number of Keras layers.
    """

    shape: tuple[int, int, int]
    work: float
    values: float
    layers: int


COSTS: dict[str, tuple[Cost, ...]] = {
    "efficientnet-lite0": (
        Cost((112, 112, 16), 20.9, 3.11, 10), Cost((56, 56, 24), 54.9, 7.6, 17),
        Cost((28, 28, 40), 37.9, 2.98, 17), Cost((14, 14, 80), 43.5, 1.96, 26),
        Cost((14, 14, 112), 86, 2.32, 26), Cost((7, 7, 192), 91.6, 1.61, 35),
        Cost((7, 7, 1280), 49.5, 0.558, 11),
    ),
    "efficientnet-lite2": (
        Cost((130, 130, 16), 28.1, 4.19, 10), Cost((65, 65, 24), 109, 14.2, 26),
        Cost((33, 33, 48), 102, 6.48, 26), Cost((17, 17, 88), 108, 4.22, 35),
        Cost((17, 17, 120), 201, 5.04, 35), Cost((9, 9, 208), 217, 3.47, 44),
        Cost((9, 9, 1280), 94, 0.975, 11),
    ),
    "resnet50": (
        Cost((56, 56, 64), 118, 3.9, 8), Cost((56, 56, 256), 668, 14.9, 32),
        Cost((28, 28, 512), 951, 9.63, 42), Cost((14, 14, 1024), 1390, 7.02, 62),
        Cost((7, 7, 2048), 732, 1.86, 32),
    ),
    "resnet101": (
        Cost((56, 56, 64), 118, 3.9, 8), Cost((56, 56, 256), 668, 14.9, 32),
        Cost((28, 28, 512), 951, 9.63, 42), Cost((14, 14, 1024), 5100, 25.8, 232),
        Cost((7, 7, 2048), 732, 1.86, 32),
    ),
    "resnet152": (
        Cost((56, 56, 64), 118, 3.9, 8), Cost((56, 56, 256), 668, 14.9, 32),
        Cost((28, 28, 512), 1820, 18.5, 82), Cost((14, 14, 1024), 7940, 40.1, 362),
        Cost((7, 7, 2048), 732, 1.86, 32),
    ),
    "inceptionv3": (
        Cost((35, 35, 288), 2340, 20.9, 88), Cost((17, 17, 768), 1260, 5.03, 78),
        Cost((17, 17, 768), 1110, 4.05, 64), Cost((8, 8, 2048), 1000, 2.82, 82),
    ),
    "mobilenetv2": (
        Cost((112, 112, 16), 20.9, 3.11, 10), Cost((56, 56, 24), 54.9, 8.83, 18),
        Cost((28, 28, 32), 37.4, 4.17, 27), Cost((14, 14, 64), 38.5, 2.22, 36),
        Cost((14, 14, 96), 58.1, 1.96, 26), Cost((7, 7, 1280), 89.6, 1.68, 38),
    ),
    "efficientnetv2b0": (
        Cost((112, 112, 16), 68.6, 2.26, 9), Cost((56, 56, 32), 164, 2.41, 12),
        Cost((28, 28, 48), 106, 0.978, 12), Cost((14, 14, 96), 41.5, 1.85, 43),
        Cost((14, 14, 112), 147, 4.88, 73), Cost((7, 7, 192), 88.3, 1.86, 58),
        Cost((7, 7, 1280), 101, 1.93, 63),
    ),
    "tiny": (
        Cost((16, 16, 16), 0.111, 0.0184, 5), Cost((8, 8, 24), 0.221, 0.00461, 3),
        Cost((4, 4, 32), 0.111, 0.00154, 3),
    ),
}  # fmt: skip
"""By name of the backbone; the stages from the input up."""
