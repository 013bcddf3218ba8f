"""Write a weights file with random values, for machines that cannot download the real one.

    python -m benchmarks.weights resnet50

The file in `TUSKER_HOME/weights` has the format of the published one. The speed of a network does
not depend on it, but its predictions are meaningless.
"""

import argparse
import sys
from pathlib import Path

import h5py
import keras
from keras.src.legacy.saving import legacy_h5_format

from core import backbones
from core import settings as host
from core.backbones import build, weights
from core.settings import Settings


def write(name: str, settings: Settings) -> Path | None:
    """Write the weights file of a backbone; None if the backbone needs no download."""
    backbone = backbones.get(name)
    if backbone.offline or backbone.weights is None:
        return None
    path = weights.folder(settings) / backbone.weights.file
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, _published(backbone))
    return path


def _published(backbone: backbones.Backbone) -> keras.Model:
    """The network as in `keras.applications`, without the layer that swaps colour channels."""
    network = build.imagenet_classifier(backbone, "random")
    output = network.output["probabilities"]
    if any(layer.name == "rgb_to_bgr" for layer in network.layers):
        return keras.Model(network.get_layer("rgb_to_bgr").output, output)
    return keras.Model(network.input, output)


def main(arguments: list[str] | None = None) -> int:
    """Write the file and print its path."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backbone")
    print(write(parser.parse_args(arguments).backbone, host.load()) or "none needed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
