"""Find a backbone's pretrained weights: in a package, in `TUSKER_HOME`, or by download."""

import hashlib
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from core.backbones.row import Backbone, Weights
from core.backbones.table import BACKBONES
from core.errors import WeightsUnavailable
from core.settings import Settings
from core.system import files
from core.system.progress import Progress, ignore

# A host without a network connection should fail soon.
TIMEOUT_SECONDS = 10
CHUNK = 1 << 20


def folder(settings: Settings) -> Path:
    """Folder of downloaded weights; files can also be put there by hand."""
    return settings.home / "weights"


def present(backbone: Backbone, settings: Settings) -> Path | None:
    """The file of weights if it is on this machine, else None."""
    source = backbone.weights
    if source is None:
        return None
    path = _packaged(source) if source.package else folder(settings) / source.file
    return path if path is not None and path.is_file() else None


def fetch(backbone: Backbone, settings: Settings, progress: Progress = ignore) -> Path:
    """The file of weights, downloaded if necessary.

    A file put there by hand is used as it is. A file of a package must have the SHA-256 in the
    table. A download must be complete and have the published MD5, if there is one.

    Args:
        progress: called with `Downloading weights`, bytes so far, bytes in all (0: unknown).
            May raise to cancel.

    Raises:
        WeightsUnavailable: the file is not on this machine and the download failed, which leaves
            no partial file; or the file of the package has another SHA-256.
    """
    source, path = backbone.weights, present(backbone, settings)
    if source is None:
        raise WeightsUnavailable(f"{backbone.title} has no pretrained weights.")
    if path is not None:
        if source.sha256 not in (None, files.sha256(path)):
            raise WeightsUnavailable(
                f"{path} is not the published file of that name: its SHA-256 is another. Install "
                f"the package {source.package} again, from a source that you trust."
            )
        return path
    if source.url is None:
        raise WeightsUnavailable(
            f"The weights of {backbone.title} come with the package {source.package}, "
            "which is not installed. Install requirements.txt again."
        )

    import http.client

    target = folder(settings) / source.file
    try:
        # A worker's temporary folder is deleted however the worker ends.
        with tempfile.NamedTemporaryFile(prefix="tusker-") as partial:
            _download(source, partial, progress)
            partial.flush()
            target.parent.mkdir(parents=True, exist_ok=True)
            with files.replacing(target) as temporary:
                shutil.copyfile(partial.name, temporary)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise WeightsUnavailable(_sentence(backbone, target, error)) from error
    return target


def _packaged(source: Weights) -> Path | None:
    spec = find_spec(source.package or "")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "models" / source.file


def _download(source: Weights, file: IO[bytes], progress: Progress) -> None:
    """Write the download to a file. Raises `ValueError` if it is not the published one."""
    import urllib.request

    assert source.url is not None
    digest = hashlib.md5(usedforsecurity=False)  # the only hash that Keras publishes
    # The URL is from the table.
    with urllib.request.urlopen(source.url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
        total = int(answer.headers.get("Content-Length") or 0)
        done = 0
        while chunk := answer.read(CHUNK):
            file.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            progress("Downloading weights", done, total)
    if total and done != total:
        raise ValueError(f"the download ended after {done} of {total} bytes")
    if source.md5 is not None and digest.hexdigest() != source.md5:
        raise ValueError("the download is not the published file")


def _sentence(backbone: Backbone, target: Path, error: Exception) -> str:
    source = backbone.weights
    assert source is not None
    reason = getattr(error, "reason", None) or error
    reason = getattr(reason, "strerror", None) or reason
    offline = ", ".join(row.name for row in BACKBONES.values() if row.offline)
    return (
        f"{target.name}, the weights of {backbone.title}, could not be downloaded ({reason}). "
        f"Put it in {target.parent} by hand (it is {source.url}), "
        f"or choose a backbone that works offline: {offline}."
    )
