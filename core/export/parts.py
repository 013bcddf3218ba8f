"""Parts of exports that need TensorFlow, prepared once per backbone and kept in `TUSKER_HOME`.

With a frozen backbone, the parts of all runs are the same, and only the head is added to them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.backbones import Backbone, serving
from core.export import train_program
from core.settings import Settings
from core.system import files


@dataclass(frozen=True)
class Int8Trunk:
    """A network up to its embedding in int8.

    Attributes:
        content: a LiteRT file with the output `embedding`.
        scale, shift: (d,) float32 that correct an embedding for the rounding.
    """

    content: np.ndarray
    scale: np.ndarray
    shift: np.ndarray


def backbone_file(backbone: Backbone, settings: Settings) -> Path:
    """The pretrained network without its top as a Keras file. Imports TensorFlow to make it.

    Raises:
        WeightsUnavailable: the published weights cannot be had.
        RunDamaged: the file does not compute what the network does.
    """
    path = backbone_path(backbone, settings)
    if not path.is_file():
        train_program.write_backbone(backbone, path, settings)
    return path


def backbone_path(backbone: Backbone, settings: Settings) -> Path:
    """Where `backbone_file` keeps the file."""
    return _path(backbone, train_program.BACKBONE_FILE, settings)


def int8_path(backbone: Backbone, depths: tuple[str, ...], settings: Settings) -> Path:
    """Where the backbone is kept in int8.

    Args:
        depths: layers whose pooled activations follow the embedding.
    """
    return _path(backbone, "-".join((*depths, "int8.npz")), settings)


def load_int8(path: Path) -> Int8Trunk:
    """Read a network in int8."""
    with np.load(path, allow_pickle=False) as arrays:
        return Int8Trunk(arrays["content"], arrays["scale"], arrays["shift"])


def save_int8(path: Path, trunk: Int8Trunk) -> None:
    """Write a network in int8 atomically."""
    with files.replacing(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, content=trunk.content, scale=trunk.scale, shift=trunk.shift)


def _path(backbone: Backbone, name: str, settings: Settings) -> Path:
    """Path of a part. It contains the hash of the serving model, so an old part is not used."""
    folder = serving.folder_of(backbone, settings)
    folder.mkdir(parents=True, exist_ok=True)
    path = serving.locate(backbone, settings)
    digest = serving.sha256(path) if path else None
    return folder / f"{(digest or 'none')[:12]}-{name}"
