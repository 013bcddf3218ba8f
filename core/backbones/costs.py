"""What each stage of each backbone costs, so that a training can be foreseen without TensorFlow.

`tests/core/backbones/test_costs.py` counts the same in the networks themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.backbones.row import Backbone


@dataclass(frozen=True)
class Cost:
    """One stage, or several on top of each other, for one picture.

    Attributes:
        shape: (h, w, c) of the activation in which it ends.
        work: multiply-adds of a forward pass, in millions.
        values: numbers that its layers put out, in millions; a backward pass keeps them.
        parameters: in millions.
        layers: of Keras.
    """

    shape: tuple[int, int, int]
    work: float
    values: float
    parameters: float
    layers: int


COSTS: dict[str, tuple[Cost, ...]] = {
    "efficientnet-lite0": (
        Cost((112, 112, 16), 20.9, 3.11, 0.00198, 10),
        Cost((56, 56, 24), 54.9, 7.6, 0.015, 17),
        Cost((28, 28, 40), 37.9, 2.98, 0.0414, 17),
        Cost((14, 14, 80), 43.5, 1.96, 0.204, 26),
        Cost((14, 14, 112), 86, 2.32, 0.455, 26),
        Cost((7, 7, 192), 91.6, 1.61, 1.68, 35),
        Cost((7, 7, 1280), 49.5, 0.558, 1.03, 11),
    ),
    "efficientnet-lite2": (
        Cost((130, 130, 16), 28.1, 4.19, 0.00198, 10),
        Cost((65, 65, 24), 109, 14.2, 0.0245, 26),
        Cost((33, 33, 48), 102, 6.48, 0.09, 26),
        Cost((17, 17, 88), 108, 4.22, 0.351, 35),
        Cost((17, 17, 120), 201, 5.04, 0.719, 35),
        Cost((9, 9, 208), 217, 3.47, 2.5, 44),
        Cost((9, 9, 1280), 94, 0.975, 1.18, 11),
    ),
    "resnet50": (
        Cost((56, 56, 64), 118, 3.9, 0.00974, 8),
        Cost((56, 56, 256), 668, 14.9, 0.22, 32),
        Cost((28, 28, 512), 951, 9.63, 1.23, 42),
        Cost((14, 14, 1024), 1.39e03, 7.02, 7.13, 62),
        Cost((7, 7, 2048), 732, 1.86, 15, 32),
    ),
    "resnet101": (
        Cost((56, 56, 64), 118, 3.9, 0.00974, 8),
        Cost((56, 56, 256), 668, 14.9, 0.22, 32),
        Cost((28, 28, 512), 951, 9.63, 1.23, 42),
        Cost((14, 14, 1024), 5.1e03, 25.8, 26.2, 232),
        Cost((7, 7, 2048), 732, 1.86, 15, 32),
    ),
    "resnet152": (
        Cost((56, 56, 64), 118, 3.9, 0.00974, 8),
        Cost((56, 56, 256), 668, 14.9, 0.22, 32),
        Cost((28, 28, 512), 1.82e03, 18.5, 2.36, 82),
        Cost((14, 14, 1024), 7.94e03, 40.1, 40.8, 362),
        Cost((7, 7, 2048), 732, 1.86, 15, 32),
    ),
    "inceptionv3": (
        Cost((35, 35, 288), 2.34e03, 20.9, 0.993, 88),
        Cost((17, 17, 768), 1.26e03, 5.03, 4.15, 78),
        Cost((17, 17, 768), 1.11e03, 4.05, 3.84, 64),
        Cost((8, 8, 2048), 1e03, 2.82, 12.8, 82),
    ),
    "mobilenetv2": (
        Cost((112, 112, 16), 20.9, 3.11, 0.00198, 10),
        Cost((56, 56, 24), 54.9, 8.83, 0.015, 18),
        Cost((28, 28, 32), 37.4, 4.17, 0.042, 27),
        Cost((14, 14, 64), 38.5, 2.22, 0.19, 36),
        Cost((14, 14, 96), 58.1, 1.96, 0.31, 26),
        Cost((7, 7, 1280), 89.6, 1.68, 1.7, 38),
    ),
    "efficientnetv2b0": (
        Cost((112, 112, 16), 68.6, 2.26, 0.00566, 9),
        Cost((56, 56, 32), 164, 2.41, 0.0532, 12),
        Cost((28, 28, 48), 106, 0.978, 0.137, 12),
        Cost((14, 14, 96), 41.5, 1.85, 0.235, 43),
        Cost((14, 14, 112), 147, 4.88, 0.961, 73),
        Cost((7, 7, 192), 88.3, 1.86, 1.98, 58),
        Cost((7, 7, 1280), 101, 1.93, 2.55, 63),
    ),
    "tiny": (
        Cost((16, 16, 16), 0.111, 0.0184, 0.000496, 5),
        Cost((8, 8, 24), 0.221, 0.00461, 0.00355, 3),
        Cost((4, 4, 32), 0.111, 0.00154, 0.00704, 3),
    ),
}


def of(backbone: Backbone) -> tuple[Cost, ...]:
    """The cost of each stage, from the input up."""
    return COSTS[backbone.name]


def between(backbone: Backbone, first: int, end: int | None = None) -> Cost:
    """The cost of the stages `first` up to but not including `end` together; all if not given."""
    stages = of(backbone)[first:end]
    return Cost(
        shape=stages[-1].shape,
        work=sum(stage.work for stage in stages),
        values=sum(stage.values for stage in stages),
        parameters=sum(stage.parameters for stage in stages),
        layers=sum(stage.layers for stage in stages),
    )
