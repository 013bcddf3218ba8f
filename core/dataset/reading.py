"""Read folders of pictures, zipped or not, into classes and examples."""

import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

from core import archive
from core.archive import Extraction, Member, Skipped
from core.archive.inspection import is_clutter
from core.dataset import layout
from core.dataset.examples import Dataset, Example
from core.dataset.fingerprints import Fingerprint, Fingerprints, fingerprint
from core.errors import BadDataset, BadImage, LimitExceeded
from core.images import READABLE
from core.settings import Settings
from core.system import threads as ahead

Progress = Callable[[str, int, int], None]

LOOKERS = min(4, ahead.cores())  # threads; decoding releases the interpreter's lock
LINK = "A link or a device. Put the picture itself in its place."
REPORT_EVERY = 0.2  # seconds between two calls of progress


def read(
    source: Path,
    pictures: Path,
    settings: Settings,
    progress: Progress | None = None,
    *,
    name: str | None = None,
    thumbnails: Path | None = None,
) -> Dataset:
    """Take in a zip of class folders, or read a folder of them in place.

    Every picture is decoded once; what cannot be read is listed in `skipped`. What was seen
    of each is kept in the pictures folder for `checks.examine`.

    Args:
        source: a zip, or a folder.
        pictures: folder for the pictures of a zip; made if missing.
        settings: the limits.
        progress: called with what is done, how many, and of how many; may raise `Cancelled`.
        name: what the dataset is called, instead of the source's name.
        thumbnails: folder for small pictures `<sha256>.jpg`; none are made without it.

    Raises:
        BadArchive: the zip is damaged or unsafe.
        BadDataset: fewer than two classes.
        LimitExceeded: more than this host allows.
    """
    name = name or source.name
    deadline = time.monotonic() + settings.intake_seconds
    if source.is_dir():
        found = _walk(source, settings)
    else:
        found = archive.extract(source, pictures, settings, progress)
    looked = _look_at(found.members, thumbnails, settings, deadline=deadline, progress=progress)
    dataset = _assemble(name, found, looked, settings, base=None if source.is_dir() else pictures)
    pictures.mkdir(parents=True, exist_ok=True)
    Fingerprints.of([got for got in looked if isinstance(got, Fingerprint)]).save(pictures)
    return dataset


def _walk(folder: Path, settings: Settings) -> Extraction:
    """Files of a folder, in order, without following links out of it."""
    members: list[Member] = []
    skipped: list[Skipped] = []
    for base, folders, names in os.walk(folder):
        folders.sort()
        for file in sorted(names):
            path = Path(base) / file
            name = path.relative_to(folder).as_posix()
            if len(members) >= settings.archive_entries:
                raise LimitExceeded(
                    f"A folder may have up to {settings.archive_entries:,} files. Leave some out, "
                    f"or raise {Settings.variable('archive_entries')}."
                )
            if is_clutter(name):
                skipped.append(Skipped(name=name, reason=archive.CLUTTERED))
            elif path.is_symlink() or not path.is_file():
                skipped.append(Skipped(name=name, reason=LINK))
            else:
                members.append(Member(name=name, path=path.absolute()))
    return Extraction(members=tuple(members), skipped=tuple(skipped))


def _look_at(
    members: Sequence[Member],
    thumbnails: Path | None,
    settings: Settings,
    *,
    deadline: float,
    progress: Progress | None,
) -> list[Fingerprint | str]:
    """Decode every file on a few threads: what was seen, or why it cannot be."""

    def look(member: Member) -> Fingerprint | str:
        try:
            seen = fingerprint(member.path, settings)
        except BadImage as error:
            return str(error)
        if thumbnails:
            (thumbnails / thumbnail_name(seen.sha256)).write_bytes(seen.thumbnail)
        return replace(seen, thumbnail=b"")

    if thumbnails:
        thumbnails.mkdir(parents=True, exist_ok=True)
    total, reported, done = len(members), 0.0, 0
    results: list[Fingerprint | str] = [""] * total
    queue = iter(enumerate(members))
    running: dict[Future[Fingerprint | str], int] = {}
    with ThreadPoolExecutor(LOOKERS) as threads:
        try:
            while True:
                # A short queue: refusals and cancelling wait only for what is being decoded.
                for place, member in itertools.islice(queue, 2 * LOOKERS - len(running)):
                    running[threads.submit(look, member)] = place
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    results[running.pop(future)] = future.result()
                    done += 1
                now = time.monotonic()
                if now > deadline:
                    raise LimitExceeded(
                        f"Taking in pictures may last {settings.intake_seconds} s. Leave some "
                        f"out, or raise {Settings.variable('intake_seconds')}."
                    )
                if progress and (now - reported > REPORT_EVERY or done == total):
                    reported = now
                    progress("Looking at pictures", done, total)
        except BaseException:
            threads.shutdown(wait=True, cancel_futures=True)
            raise
    return results


def thumbnail_name(sha256: str) -> str:
    """File name of the small picture of a file with this hash."""
    return f"{sha256}.jpg"


def _assemble(
    name: str,
    found: Extraction,
    looked: Sequence[Fingerprint | str],
    settings: Settings,
    *,
    base: Path | None,
) -> Dataset:
    """Put readable pictures into their classes; `base` is what paths are relative to."""
    readable: list[tuple[Member, Fingerprint]] = []
    skipped = list(found.skipped)
    for member, seen in zip(found.members, looked, strict=True):
        if isinstance(seen, str):
            skipped.append(Skipped(name=member.name, reason=seen))
        else:
            readable.append((member, seen))
    arranged = layout.arrange([member.name for member, _ in readable])
    _check_classes(name, arranged, len(readable), settings)
    index = {label: place for place, label in enumerate(arranged.classes)}
    examples = []
    for (member, seen), place in zip(readable, arranged.places, strict=True):
        if place.reason:
            skipped.append(Skipped(name=member.name, reason=place.reason))
            continue
        examples.append(
            Example(
                name=member.name,
                path=str(member.path.relative_to(base) if base else member.path),
                label=index[place.label],
                sha256=seen.sha256,
                width=seen.width,
                height=seen.height,
                split=place.split,
                format=seen.format,
                size=seen.size,
            )
        )
    return Dataset(
        name=name,
        classes=arranged.classes,
        examples=tuple(examples),
        skipped=tuple(skipped),
        predefined=arranged.predefined,
    )


def _check_classes(name: str, arranged: layout.Layout, readable: int, settings: Settings) -> None:
    """Refuse what has no classes, or more of anything than is allowed."""
    counts = Counter(place.label for place in arranged.places if not place.reason)
    if not readable:
        raise BadDataset(
            f"No pictures in {name} that can be read. Put {READABLE} files into it, each class "
            "in a folder of its own."
        )
    if not counts:
        raise BadDataset(
            f"No class folders in {name}. Found {readable} pictures at the top level. Put each "
            "class in a folder of its own: flowers/rose/…, flowers/tulip/…"
        )
    if len(counts) < 2:
        raise BadDataset(
            f"At least two classes are needed; {name} has one, {next(iter(counts))}. Add a folder "
            "of pictures of something else."
        )
    for field, what, count in (
        ("classes", "classes", len(counts)),
        ("pictures", "pictures", counts.total()),
        ("pictures_per_class", "pictures in a class", max(counts.values())),
    ):
        most = getattr(settings, field)
        if count > most:
            raise LimitExceeded(
                f"A dataset may have up to {most:,} {what}; {name} has {count:,}. Leave some out, "
                f"or raise {Settings.variable(field)}."
            )
