"""What is known of a backbone without building it: the columns of the table."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Stage:
    """A run of layers that ends in a single tensor, so that the network can be cut there.

    Attributes:
        name: what the stage holds, for people.
        layer: the Keras layer whose output ends the stage.
    """

    name: str
    layer: str


@dataclass(frozen=True)
class Weights:
    """Where pretrained weights come from.

    Attributes:
        file: name of the file.
        package: the installed package that holds it under `models/`, if one does.
        url: where it is downloaded from, if it has to be.
        md5: the MD5 of the download in hex, where its publisher gives one.
    """

    file: str
    package: str | None = None
    url: str | None = None
    md5: str | None = None


@dataclass(frozen=True)
class Recipe:
    """How to build a network.

    Attributes:
        family: the module that builds it.
        architecture: the class of `keras.applications`.
        scaling: how pixels become that network's input: `caffe` (BGR less a mean), `tf`
            (−1 to 1), `none` (the network does it itself).
        width: multiplier of the channels of an EfficientNet-Lite.
        depth: multiplier of its repeats.
    """

    family: Literal["efficientnet_lite", "applications", "tiny"]
    architecture: str = ""
    scaling: Literal["caffe", "tf", "none"] = "none"
    width: float = 1.0
    depth: float = 1.0


@dataclass(frozen=True)
class Backbone:
    """A row of the table.

    Attributes:
        name: how it is asked for.
        title: how it is shown.
        recipe: how it is built.
        size: edge of its square input, in pixels.
        crop: share of a picture's shorter edge that the centre crop keeps, 0 to 1.
        stages: from the input up; the last one ends in the last feature map.
        embedding: length of the pooled last feature map.
        parameters: of the whole ImageNet classifier, batch normalisation statistics included.
        top1: published ImageNet top-1 accuracy, in per cent; None if it was never trained.
        licence: SPDX identifier of the weights' licence.
        weights: where they come from; None if they are random.
        milliseconds: rough time a picture in LiteRT, on two threads of a server.
        megabytes: size of the serving model.
        committed: SHA-256 of the serving model that comes with Tusker, if one does.
    """

    name: str
    title: str
    recipe: Recipe
    size: int
    crop: float
    stages: tuple[Stage, ...]
    embedding: int
    parameters: int
    top1: float | None
    licence: str
    weights: Weights | None
    milliseconds: float | None
    megabytes: float
    committed: str | None = None

    def __post_init__(self) -> None:
        assert 0 < self.crop <= 1
        assert len(self.stages) >= 2
        assert len({stage.layer for stage in self.stages}) == len(self.stages)

    @property
    def offline(self) -> bool:
        """Whether it can be had without a network."""
        return self.weights is None or self.weights.url is None

    @property
    def in_keras(self) -> bool:
        """Whether `keras.applications` has this network, so that programs need no file of it."""
        return self.recipe.family == "applications"
