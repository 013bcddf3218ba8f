"""Bundles that somebody names on the command line: made ready once, then known by their content."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path

from core.bundles import bundle
from core.bundles.imported import ImportedModel
from core.bundles.rebuild import serving
from core.settings import Settings
from core.system import files

MOST = 10
"""Bundles that are kept ready; of more, the longest unused go."""


def ready(
    path: Path, settings: Settings, progress: serving.Progress | None = None
) -> ImportedModel:
    """The model of a bundle on this disk, ready to answer.

    The first time, one that was fine-tuned imports TensorFlow to build its network.

    Raises:
        BadInput: it cannot be used; its sentence says why.
        RunDamaged, WeightsUnavailable: as in `rebuilding.rebuild`.
    """
    home = settings.home.resolve() / "bundles"
    found = ImportedModel(home / files.sha256(path))
    if not found.path.is_dir():
        made = ImportedModel(home / f".{secrets.token_hex(8)}")
        try:
            with path.open("rb") as stream:
                bundle.keep(stream, made.path, settings)
            made.seal(path.stem, time.time())
            if not made.ready(settings):
                made.build(settings, progress or _silent)
            with contextlib.suppress(OSError):  # another process was faster
                made.path.rename(found.path)
        finally:
            files.remove(made.path)
        _trim(home, found.path)
    if not found.ready(settings):  # its backbone was removed from this machine since
        found.build(settings, progress or _silent)
    with contextlib.suppress(OSError):
        os.utime(found.path)
    return found


def _trim(home: Path, newest: Path) -> None:
    others = [path for path in home.iterdir() if path != newest and not path.name.startswith(".")]
    for path in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[MOST - 1 :]:
        files.remove(path)


def _silent(_what: str, _done: int, _total: int) -> None:
    pass
