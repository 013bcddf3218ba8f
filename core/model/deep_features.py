"""Copies of LiteRT files with other outputs: a longer embedding, or an activation below it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from core.backbones import Backbone, serving
from core.settings import Settings

if TYPE_CHECKING:
    from core.model.litert_file import LitertFile


def serving_model(backbone: Backbone, depths: tuple[str, ...], settings: Settings) -> Path:
    """The backbone's serving model, with a longer embedding if there are depths.

    The longer file has the outputs `embedding`, (1, backbone.width(depths)), and `feature_map`, the
    last one.

    Args:
        depths: layers whose pooled activations follow the embedding; none for the file as it is.

    Raises:
        UnknownModel: the backbone has not been prepared on this machine.
    """
    path = serving.required(backbone, settings)
    if not depths:
        return path

    def lengthen(file: LitertFile) -> None:
        file.add_depths(depths)
        file.keep("embedding", "feature_map")

    return edited(path, serving.folder_of(backbone, settings), "-".join(depths), lengthen)


def edited(path: Path, folder: Path, name: str, edit: Callable[[LitertFile], None]) -> Path:
    """A copy of a LiteRT file after an edit, made within a second when it is first needed.

    Copies are kept in the folder under the hash of the file and the name of the edit.
    """
    copy = folder / f"{(serving.sha256(path) or '')[:12]}-{name}.tflite"
    if not copy.is_file():
        from core.model.litert_file import LitertFile

        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{copy}.lock"):  # a second one would be opened as another file
            if not copy.is_file():
                file = LitertFile(path)
                edit(file)
                file.write(copy)
    return copy
