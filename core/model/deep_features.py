"""Serving models whose embedding has pooled features from several depths of the network."""

from pathlib import Path

from filelock import FileLock

from core.backbones import Backbone, serving
from core.settings import Settings


def serving_model(backbone: Backbone, depths: tuple[str, ...], settings: Settings) -> Path:
    """The backbone's serving model, with a longer embedding if there are depths.

    The longer file is made from the other within a second when it is first needed. It has the
    outputs `embedding`, (1, backbone.width(depths)), and `feature_map`, the last one.

    Args:
        depths: layers whose pooled activations follow the embedding; none for the file as it is.

    Raises:
        UnknownModel: the backbone has not been prepared on this machine.
    """
    path = serving.required(backbone, settings)
    if not depths:
        return path
    folder = serving.folder_of(backbone, settings)
    deeper = folder / f"{(serving.sha256(path) or '')[:12]}-{'-'.join(depths)}.tflite"
    if not deeper.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{deeper}.lock"):  # a second one would be opened as another file
            if not deeper.is_file():
                _write(path, depths, deeper)
    return deeper


def _write(path: Path, depths: tuple[str, ...], deeper: Path) -> None:
    from core.model.litert_file import LitertFile

    file = LitertFile(path)
    file.add_depths(depths)
    file.keep("embedding", "feature_map")
    file.write(deeper)
