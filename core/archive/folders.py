"""List the files of a folder as those of an archive are."""

import os
from pathlib import Path

from core.archive.entry import check_count
from core.archive.sources import readable_path, walk
from core.archive.unpacking import Extraction, Member, Skipped, empty_folders
from core.errors import BadDataset
from core.settings import Settings


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
