"""From memory to disk: the shown pictures as a zip, or as an upload that training takes as any."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from core.capture.frames import Frame
from core.capture.session import CaptureSession, Class
from core.capture.splitting import split_by_burst
from core.checks import Finding, Severity
from core.checks.findings import listed
from core.errors import BadDataset
from core.intake import uploads
from core.intake.uploads import Upload
from core.settings import Settings

NAME = "Shown to the camera"
FEWEST = 3
"""Pictures of a class to learn from, as `core.checks` wants them."""


def as_zip(showing: CaptureSession) -> bytes:
    """Class folders with all pictures: `mug/burst 1, 003.jpg`."""
    buffer = io.BytesIO()
    _write(buffer, ((f"{one.name}/{name}", p) for one in showing.shown for name, p in _files(one)))
    return buffer.getvalue()


def save(showing: CaptureSession, settings: Settings, *, by: str = "") -> Upload:
    """Write the pictures to disk, parted by burst, and have them examined as any upload.

    Args:
        by: mark of the visitor who showed them.

    Raises:
        BadDataset: too few were shown.
        LimitExceeded: too many uploads wait already.
        NotEnoughResources: they do not fit on the disk.
    """
    if why := lacking(showing):
        raise BadDataset(why)

    def write(path: Path) -> None:
        with path.open("wb") as file:
            _write(file, _parted(showing))

    return uploads.take_generated(write, NAME, settings, _notes(showing), by=by)


def lacking(showing: CaptureSession) -> str:
    """What is missing before a training can begin, in a sentence; empty if nothing is."""
    shown = showing.shown
    if len(shown) < 2:
        return "At least two classes with pictures are needed. Show one more."
    for one in shown:
        parted = split_by_burst(one.pictures)
        parts = [parted.count("train") >= FEWEST, parted.count("validation"), parted.count("test")]
        if not all(parts):
            return f"More pictures of {one.name} are needed: some to learn from and some to check."
    return ""


def _notes(showing: CaptureSession) -> tuple[Finding, ...]:
    poor = flattering(showing)
    if not poor:
        return ()
    return (
        Finding(
            severity=Severity.WARNS,
            code="one_burst",
            sentence=f"{listed(poor)} {'was' if len(poor) == 1 else 'were'} shown in one turn "
            "only: pictures to check by are nearly those to learn from, which flatters the score.",
        ),
    )


def flattering(showing: CaptureSession) -> tuple[str, ...]:
    """Names of the classes whose test pictures come from a burst that is learned from."""
    return tuple(one.name for one in showing.shown if split_by_burst(one.pictures).flatters)


def _parted(showing: CaptureSession) -> Iterator[tuple[str, Frame]]:
    for one in showing.shown:
        parts = split_by_burst(one.pictures).parts
        for name, picture in _files(one):
            if picture.id in parts:
                yield f"{parts[picture.id]}/{one.name}/{name}", picture


def _files(one: Class) -> Iterator[tuple[str, Frame]]:
    """The pictures of a class with names that say which burst they come from."""
    bursts: dict[int, int] = {}
    for picture in one.pictures:
        number = bursts.setdefault(picture.burst, len(bursts) + 1)
        yield f"burst {number}, {picture.id:05}.jpg", picture


def _write(file: IO[bytes], named: Iterator[tuple[str, Frame]]) -> None:
    # JPEGs do not get any smaller.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, picture in named:
            archive.writestr(name, picture.content)
