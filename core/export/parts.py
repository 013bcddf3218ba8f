"""The parts of exports that need TensorFlow: made once per backbone and cached in `TUSKER_HOME`.

All runs with a frozen backbone share them; an export only adds the head.
"""

import contextlib
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.backbones import Backbone, serving
from core.errors import RunDamaged
from core.export.train_program import BACKBONE_FILE
from core.settings import Settings
from core.system import files

TOLERANCE = 1e-4
"""Largest error of the saved backbone, relative to its largest output."""


class Int8Trunk(NamedTuple):
    """A network up to its embedding in int8.

    Attributes:
        content: a LiteRT file with the output `embedding`.
        scale, shift: (d,) float32 that correct an embedding for the rounding.
    """

    content: np.ndarray
    scale: np.ndarray
    shift: np.ndarray


def backbone_file(backbone: Backbone, settings: Settings) -> Path:
    """The pretrained network without its top as a Keras file of plain layers.

    Input is RGB 0–255 (n, size, size, 3), output the last feature map. Layers have the names in
    the table of backbones. The first time, TensorFlow makes the file, which is opened again and
    compared before it gets its name.

    Raises:
        WeightsUnavailable: the published weights cannot be had.
        RunDamaged: the file does not compute what the network does.
    """
    path = backbone_path(backbone, settings)
    if path.is_file():
        return path
    import keras

    from core.backbones import build

    network = build.trunk(backbone, settings=settings)
    shape = (1, backbone.size, backbone.size, 3)
    noise = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    expected = np.asarray(network(noise, training=False))
    with files.replacing(path) as temporary:
        network.save(temporary)
        # This job wrote the file; a Keras file from outside is never opened.
        loaded = keras.saving.load_model(temporary, compile=False, safe_mode=True)  # noqa: TID251
        difference = float(np.abs(np.asarray(loaded(noise, training=False)) - expected).max())
        if not difference <= TOLERANCE * float(np.abs(expected).max()):  # a NaN is not
            raise RunDamaged(f"{path.name} does not compute what {backbone.title} does.")
    return path


def backbone_path(backbone: Backbone, settings: Settings) -> Path:
    """Where `backbone_file` caches the file."""
    return _path(backbone, BACKBONE_FILE, settings)


def int8_path(backbone: Backbone, depths: tuple[str, ...], settings: Settings) -> Path:
    """Where the backbone is cached in int8.

    Args:
        depths: layers whose pooled activations follow the embedding.
    """
    return _path(backbone, "-".join((*depths, "int8.npz")), settings)


def load_int8(path: Path) -> Int8Trunk | None:
    """A cached network in int8; None if it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Int8Trunk(**arrays)
    except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile):
        return None


def save_int8(path: Path, trunk: Int8Trunk) -> None:
    """Cache a network in int8, if the disk has space."""
    with (
        contextlib.suppress(OSError),
        files.replacing(path) as temporary,
        temporary.open("wb") as handle,
    ):
        np.savez(handle, **trunk._asdict())


def _path(backbone: Backbone, name: str, settings: Settings) -> Path:
    """Path of a part, with the hash of the serving model, so that outdated parts are not used."""
    folder = serving.folder_of(backbone, settings)
    folder.mkdir(parents=True, exist_ok=True)
    path = serving.locate(backbone, settings)
    digest = serving.sha256(path) if path else None
    return folder / f"{(digest or 'none')[:12]}-{name}"
