"""Write a pretrained network without its top as a Keras file, for programs outside Tusker."""

from __future__ import annotations

from pathlib import Path

from core import files
from core.backbones import Backbone
from core.settings import Settings

NAME = "backbone.keras"


def ships(backbone: Backbone) -> bool:
    """Whether others cannot have it from `keras.applications`, so that its file goes with a run."""
    return backbone.recipe.family != "applications"


def write(backbone: Backbone, path: Path, settings: Settings) -> None:
    """Write it: plain layers, from RGB 0–255 (n, size, size, 3) to the last feature map.

    Its layers are called as in the table of backbones, so that it can be cut where Tusker does.

    Raises:
        WeightsUnavailable: the published weights cannot be had.
    """
    from core.backbones import build

    with files.replacing(path) as temporary:
        build.trunk(backbone, settings=settings).save(temporary)
