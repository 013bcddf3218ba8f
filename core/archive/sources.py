"""Find the pictures that somebody named: single ones, those of folders, and those of zips."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core import archive
from core.archive import CLUTTERED
from core.archive.extraction import Progress
from core.archive.inspection import is_clutter
from core.errors import BadInput
from core.settings import Settings

# What pictures are called, also those in formats that cannot be read: these are worth a word.
_PICTURED = re.compile(
    r"\.(jpe?g|jpe|jfif|png|webp|gif|bmp|dib|tiff?|p[pgb]m|avif|hei[cf]|jp2|jxl|svg|ico|psd"
    r"|raw|dng|cr2|cr3|nef|arw|orf|rw2)$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Source:
    """Something to look at.

    Attributes:
        name: what to call it, with the folders that it lies in.
        content: the file's bytes or its path; None where it could not be taken out of its zip.
        problem: why not.
        meant: whether to speak of it even where it turns out to be no picture.
    """

    name: str
    content: bytes | Path | None
    problem: str = ""
    meant: bool = True


def find(
    paths: Iterable[Path], scratch: Path, settings: Settings, progress: Progress | None = None
) -> tuple[Source, ...]:
    """Everything that lies behind paths, in their order; what cannot be used is there with why.

    Args:
        paths: pictures, folders and zips, mixed.
        scratch: folder for the pictures of zips.
        settings: the limits of a zip.
        progress: called while zips are unpacked; may raise.

    Raises:
        NotEnoughResources: a zip does not fit on the disk.
    """
    found: list[Source] = []
    for path in paths:
        name = readable(path)
        if not _there(path):
            found.append(Source(name, None, "Expected a picture, found nothing there."))
        elif path.is_dir():
            inside = in_folder(path)
            found += inside or [Source(name, None, "Expected a folder of pictures, found no file.")]
        elif is_zip(path.name):
            folder = Path(tempfile.mkdtemp(dir=scratch))
            try:
                found += in_zip(path, folder, settings, progress, under=f"{name}/")
            except BadInput as refusal:
                found.append(Source(name, None, str(refusal)))
        else:
            found.append(Source(name, path))
    return tuple(found)


def in_folder(folder: Path) -> list[Source]:
    """The files of a folder and of those in it, numbers in names by their value."""
    paths: list[Path] = []
    for base, _, names in os.walk(folder):
        paths += (Path(base) / name for name in names)
    return [
        Source(readable(path), path, meant=pictured(path.name))
        for path in sorted(paths, key=lambda path: natural(str(path.relative_to(folder))))
        if path.is_file() and not is_clutter(path.relative_to(folder).as_posix())
    ]


def in_zip(
    path: Path,
    folder: Path,
    settings: Settings,
    progress: Progress | None = None,
    *,
    under: str = "",
) -> list[Source]:
    """The files of a zip, with class folders or without, unpacked into a folder.

    Args:
        progress: called while it is unpacked; may raise.
        under: what to put before their names.

    Raises:
        BadArchive, LimitExceeded, NotEnoughResources: as in `archive.extract`.
    """
    taken = archive.extract(path, folder, settings, progress)
    found = [
        Source(under + member.name, member.path, meant=pictured(member.name))
        for member in taken.members
    ]
    found += (
        Source(under + left.name, None, left.reason)
        for left in taken.skipped
        if left.reason != CLUTTERED and pictured(left.name)
    )
    return sorted(found, key=lambda source: natural(source.name))


def is_zip(name: str) -> bool:
    """Whether a file is taken for a zip, by its name."""
    return name.lower().endswith(".zip")


def pictured(name: str) -> bool:
    """Whether a file is called what pictures are called."""
    return _PICTURED.search(name) is not None


def natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """What to sort names by, so that `2.jpg` comes before `10.jpg`, folder by folder."""
    parts = _NUMBER.split(name.replace("/", "\0").casefold())
    # Not `isdigit`, which holds for digits that `int` cannot read.
    keys = [
        (0, int(part), "") if place % 2 else (1, 0, part)
        for place, part in enumerate(parts)
        if place % 2 or part
    ]
    return keys, name


def readable(path: Path) -> str:
    """A path as text that can be written anywhere; what is no text in it is replaced."""
    return os.fsencode(path).decode("utf-8", "replace")


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that no file can have
        return False
