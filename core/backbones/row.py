"""The types of the table of backbones: `Backbone`, `Stage`, `Weights`, `Recipe`."""

from dataclasses import dataclass
from typing import Literal, NamedTuple


class Stage(NamedTuple):
    """Consecutive layers that end in a single tensor, so that the network can be cut there.

    Multiply-adds and activations are those of one picture; with them a training is estimated
    without TensorFlow.

    Attributes:
        name: its content, for people.
        layer: the Keras layer that ends the stage.
        shape: (height, width, channels) of that layer's activation.
        multiply_adds: multiply-adds of a forward pass, in millions.
        activations: numbers that its layers output, in millions; a backward pass keeps them.
        layers: number of Keras layers.
    """

    name: str
    layer: str
    shape: tuple[int, int, int]
    multiply_adds: float
    activations: float
    layers: int


@dataclass(frozen=True)
class Weights:
    """Source of pretrained weights.

    Attributes:
        file: name of the file.
        package: the installed package with the file in `models/`, if any.
        url: address of the download, if not in a package.
        md5: MD5 of the download in hex, if published.
        sha256: SHA-256 of the file in the package in hex.
    """

    file: str
    package: str | None = None
    url: str | None = None
    md5: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Recipe:
    """How a network is built.

    Attributes:
        family: the module that builds it.
        architecture: the class of `keras.applications`.
        scaling: of pixels: `caffe` (BGR minus a mean), `tf` (−1 to 1), `none` (in the network).
        width: channel multiplier of an EfficientNet-Lite.
        depth: repeat multiplier of an EfficientNet-Lite.
    """

    family: Literal["efficientnet_lite", "applications", "tiny"]
    architecture: str = ""
    scaling: Literal["caffe", "tf", "none"] = "none"
    width: float = 1.0
    depth: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A row of the table.

    Attributes:
        name: identifier.
        title: name on the screen.
        recipe: how it is built.
        size: edge of its square input, in pixels.
        crop: edge of the centre crop relative to the picture's shorter edge, 0 to 1.
        stages: from the input up; the last one ends in the last feature map.
        embedding: width of the pooled last feature map.
        parameters: of the whole ImageNet classifier, batch normalisation statistics included.
        top1: published ImageNet top-1 accuracy in per cent; None if untrained.
        licence: SPDX identifier of the weights' licence.
        weights: source of the weights; None if random.
        milliseconds: rough time per picture in LiteRT, on two threads of a server.
        megabytes: size of the serving model.
        committed: SHA-256 of the serving model in the repository, if there is one.
        depths: layers that end a stage and whose pooled activations can join the embedding.
    """

    name: str
    title: str
    recipe: Recipe
    size: int
    crop: float
    stages: tuple[Stage, ...]
    embedding: int
    parameters: int
    top1: float | None = None
    licence: str
    weights: Weights | None = None
    milliseconds: float
    megabytes: float
    committed: str | None = None
    depths: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert 0 < self.crop <= 1
        assert len(self.stages) >= 2
        assert len({stage.layer for stage in self.stages}) == len(self.stages)
        assert set(self.depths) <= {stage.layer for stage in self.stages}

    def width(self, depths: tuple[str, ...]) -> int:
        """Width of the embedding followed by the pooled activations of some of `depths`."""
        channels = {stage.layer: stage.shape[-1] for stage in self.stages}
        return self.embedding + sum(channels[layer] for layer in depths)

    @property
    def offline(self) -> bool:
        """Whether the weights are available without a network connection."""
        return self.weights is None or self.weights.url is None

    @property
    def in_keras(self) -> bool:
        """Whether `keras.applications` has this network."""
        return self.recipe.family == "applications"
