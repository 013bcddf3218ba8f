"""Find the pictures that people name: single files, folders and archives."""

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.archive.entry import check_count
from core.archive.inspection import CLOSED, CLUTTER, LINK, LINKED_FOLDER, is_clutter
from core.archive.unpacking import (
    Extraction,
    Member,
    Skipped,
    empty_folders,
    extract,
)
from core.errors import BadDataset, BadInput
from core.settings import Settings
from core.system.progress import Progress, ignore

# Extensions of pictures, including formats that cannot be read, which are then reported.
_PICTURE = re.compile(
    r"\.(jpe?g|jpe|jfif|a?png|webp|gif|bmp|dib|tiff?|p[pgbnf]m|avif|hei[cf]|hif|mpo|jp2|jxl|jxr|svg"
    r"|ico|psd|tga|exr|dcm|raw|dng|cr2|cr3|nef|arw|orf|rw2|raf|pef|srw)$",
    re.IGNORECASE,
)
ARCHIVES = ("zip", "tar", "tgz", "gz", "7z", "tm")
"""File extensions for an uploader of archives."""
_ARCHIVE = re.compile(r"\.(zip|tar|tgz|tar\.gz|7z|tm)$", re.IGNORECASE)
_NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Source:
    """A file to predict.

    Attributes:
        name: with its folders.
        content: bytes or path; None if the file cannot be used.
        problem: why the file cannot be used.
        required: whether to report the file if it cannot be decoded. False for files in folders
            and archives without a picture's extension.
    """

    name: str
    content: bytes | Path | None
    problem: str = ""
    required: bool = True


def find(
    paths: Iterable[Path], scratch: Path, settings: Settings, progress: Progress = ignore
) -> tuple[Source, ...]:
    """List the pictures that paths of pictures, folders and archives lead to, in order.

    Problems are part of the list. Archives are unpacked in `scratch`.

    Raises:
        NotEnoughResources: an archive does not fit on the disk.
    """
    result: list[Source] = []
    for path in paths:
        name = readable_path(path)
        if not os.path.exists(path):  # noqa: PTH110  # takes names of any length
            result.append(Source(name, None, "Expected a picture, found no such file."))
        elif path.is_dir():
            files = in_folder(path)
            result += files or [Source(name, None, "Expected a folder of pictures, found no file.")]
        elif is_archive(path.name):
            folder = Path(tempfile.mkdtemp(dir=scratch))
            try:
                result += in_archive(path, folder, settings, progress, prefix=f"{name}/")
            except BadInput as error:
                result.append(Source(name, None, str(error)))
        else:
            result.append(Source(name, path))
    return tuple(result)


def list_files(folder: Path, pictures: Path, settings: Settings) -> Extraction:
    """List the files of a folder, sorted, without following links.

    A path that is not valid Unicode cannot be stored as text; its file gets a link in `pictures`.

    Raises:
        BadDataset: the folder cannot be opened.
        LimitExceeded: it has more files than allowed.
    """
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise BadDataset(f"{folder.name} may not be opened: {error.strerror}.") from error
    members: list[Member] = []
    skipped: list[Skipped] = []
    folders: list[str] = []
    for path, reason in walk(folder):
        name = readable_path(path.relative_to(folder))
        if reason is None:
            folders.append(name)
        elif reason:
            skipped.append(Skipped(name=name, reason=reason))
        else:
            check_count(len(members) + 1, settings)
            path = path.absolute()
            if readable_path(path) != str(path):
                pictures.mkdir(parents=True, exist_ok=True)
                link = pictures.absolute() / f"{len(members):06d}"
                link.symlink_to(path)
                path = link
            members.append(Member(name=name, path=path))
    closed = {each.name for each in skipped}
    opened = [name for name in folders if name not in closed]
    return Extraction(
        members=tuple(members),
        skipped=tuple(skipped),
        empty_folders=empty_folders(opened, [member.name for member in members]),
    )


def walk(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """The files and folders below a folder, without following links.

    Yields:
        Its path, and why a file, or what is in a folder, is left out; empty for a file that is not,
        None for a folder.
    """
    errors: list[OSError] = []
    for base, folders, names in os.walk(folder, onerror=errors.append):
        folders.sort()
        for name in sorted([*names, *folders]):
            path = Path(base, name)
            reason: str | None = "" if path.is_file() and not path.is_symlink() else LINK
            if name in folders:
                reason = LINKED_FOLDER if path.is_symlink() else None
            is_left_out = reason is not None and is_clutter(path.relative_to(folder).as_posix())
            yield path, CLUTTER if is_left_out else reason
    for path in (Path(error.filename) for error in errors):
        yield path, CLUTTER if is_clutter(path.relative_to(folder).as_posix()) else CLOSED


def in_folder(folder: Path) -> list[Source]:
    """List the files of a folder and its subfolders, in natural order.

    Folders that are links or cannot be opened, and links of pictures that lead nowhere, are part of
    the list.
    """
    sources: list[Source] = []
    for path, reason in sorted(
        walk(folder), key=lambda each: _natural(str(each[0].relative_to(folder)))
    ):
        is_named = is_picture(path.name)
        if reason == "" or (reason == LINK and path.is_file()):
            sources.append(Source(readable_path(path), path, required=is_named))
        elif reason in (LINKED_FOLDER, CLOSED) or (reason == LINK and is_named):
            sources.append(Source(readable_path(path), None, reason))
    return sources


def in_archive(
    path: Path,
    folder: Path,
    settings: Settings,
    progress: Progress = ignore,
    *,
    prefix: str = "",
) -> list[Source]:
    """Unpack a zip, tar or 7z and list its files, in natural order, with a prefix to their names.

    Raises:
        BadArchive, LimitExceeded, NotEnoughResources: as in `unpacking.extract`.
    """
    extraction = extract(path, folder, settings, progress)
    result = [
        Source(prefix + member.name, member.path, required=is_picture(member.name))
        for member in extraction.members
    ]
    result += (
        Source(prefix + skipped.name, None, skipped.reason)
        for skipped in extraction.skipped
        if skipped.reason != CLUTTER and is_picture(skipped.name)
    )
    return sorted(result, key=lambda source: _natural(source.name))


def is_archive(name: str) -> bool:
    """Whether a file name has the extension of a zip (`.tm` is one), tar or 7z."""
    return stem(name) != name


def stem(name: str) -> str:
    """A file name without the extension of a zip, tar or 7z."""
    return _ARCHIVE.sub("", name)


def readable_path(path: Path) -> str:
    """A path as valid Unicode; undecodable bytes are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")


def is_picture(name: str) -> bool:
    """Whether a name has the extension of a picture, also of one that cannot be read."""
    return _PICTURE.search(name) is not None


def _natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sorting key by which `2.jpg` comes before `10.jpg`, folder by folder."""
    parts = _NUMBER.split(name.replace("/", "\0").casefold())
    # Digits are told by position, and compared as text: `int` refuses some, and very many.
    keys = [
        (0, len(digits := part.lstrip("0")), digits) if place % 2 else (1, 0, part)
        for place, part in enumerate(parts)
        if place % 2 or part
    ]
    return keys, name
