"""List the files of a folder as those of an archive are."""

import os
from pathlib import Path

from core.archive.inspection import CLOSED, LINK, LINKED_FOLDER, is_clutter
from core.archive.sources import readable_path
from core.archive.unpacking import CLUTTER, Extraction, Member, Skipped, empty_folders
from core.errors import BadDataset, LimitExceeded
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
    closed: list[OSError] = []
    members: list[Member] = []
    skipped: list[Skipped] = []
    seen: list[str] = []
    for base, folders, names in os.walk(folder, onerror=closed.append):
        folders.sort()
        links = {name for name in folders if (Path(base) / name).is_symlink()}
        inside = (Path(base) / name for name in folders if name not in links)
        seen += [readable_path(path.relative_to(folder)) for path in inside]
        for file in sorted([*names, *links]):
            path = Path(base) / file
            name = readable_path(path.relative_to(folder))
            if len(members) >= settings.archive_entries:
                raise LimitExceeded(
                    f"A folder may have up to {settings.archive_entries:,} files. Leave some out, "
                    f"or raise {Settings.variable('archive_entries')}."
                )
            if is_clutter(name):
                skipped.append(Skipped(name=name, reason=CLUTTER))
            elif file in links:
                skipped.append(Skipped(name=name, reason=LINKED_FOLDER))
            elif path.is_symlink() or not path.is_file():
                skipped.append(Skipped(name=name, reason=LINK))
            else:
                path = path.absolute()
                if readable_path(path) != str(path):
                    pictures.mkdir(parents=True, exist_ok=True)
                    link = pictures.absolute() / f"{len(members):06d}"
                    link.symlink_to(path)
                    path = link
                members.append(Member(name=name, path=path))
    names_closed = [readable_path(Path(error.filename).relative_to(folder)) for error in closed]
    skipped += [
        Skipped(name=name, reason=CLUTTER if is_clutter(name) else CLOSED) for name in names_closed
    ]
    opened = [name for name in seen if name not in names_closed]
    return Extraction(
        members=tuple(members),
        skipped=tuple(skipped),
        empty_folders=empty_folders(opened, [member.name for member in members]),
    )
