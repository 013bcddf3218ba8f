"""Read archives and folders of pictures into a dataset."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from core.archive.sources import is_archive, is_picture, list_files
from core.archive.unpacking import (
    NESTED,
    OTHER_FILE,
    SPREADSHEET,
    SPREADSHEETS,
    Member,
    Skipped,
    extract,
)
from core.dataset import class_codes, layout, reading_findings, scaling, tables
from core.dataset.examples import Column, Dataset, Example
from core.dataset.findings import Finding
from core.dataset.fingerprints import Fingerprint, Fingerprints, fingerprint
from core.dataset.interpretation import ClassExpectation, interpret
from core.errors import BadImage, LimitExceeded
from core.images import AS_DECLARED, Scale
from core.images.formats import NOT_A_PICTURE
from core.settings import Settings
from core.system import threads
from core.system.progress import Progress, ignore

THREADS = min(4, threads.cores())  # decoding releases the interpreter's lock
SAME_FILE = "A copy of a file with the same name in another folder."
_KEPT = ("sha256", "width", "height", "format", "size", "day", "device")  # of fingerprints
REPORT_EVERY = 0.2  # seconds between two calls of progress


class Reading(NamedTuple):
    """A dataset as it was read.

    Attributes:
        notes: how the files were interpreted.
        columns: of tables among the files.
    """

    dataset: Dataset
    notes: tuple[Finding, ...]
    columns: tuple[Column, ...]


def read(
    source: Path,
    pictures: Path,
    settings: Settings,
    progress: Progress = ignore,
    *,
    name: str | None = None,
    thumbnails: Path | None = None,
    expect_classes: ClassExpectation = "several",
    scale: Scale | None = None,
) -> Reading:
    """Read a zip, tar or 7z of class folders, or a folder of them in place.

    Each picture is decoded once, and again if the others decide how it is scaled. Unreadable files
    are listed in `skipped`. Fingerprints of the pictures are written to the pictures folder, for
    `checks.examine`.

    Args:
        pictures: folder for the pictures of an archive, created if missing.
        name: of the dataset; the name of the source if None.
        thumbnails: folder for thumbnails named `<sha256>.jpg`; None to write none.
        expect_classes: as of `interpretation.ClassExpectation`.
        scale: of pictures of more than 8 bits; None to find one for this dataset.

    Raises:
        BadArchive: the archive is damaged or unsafe.
        BadDataset: there are no pictures, or only labels of parts of pictures.
        NoClasses: there are fewer classes.
        LimitExceeded: the pictures exceed a limit.
        NotEnoughResources: the pictures of an archive do not fit on the disk.
    """
    deadline = time.monotonic() + settings.intake_seconds
    if source.is_dir():
        files, base = list_files(source, pictures, settings), None
    else:
        files, base = extract(source, pictures, settings, progress), pictures
    decode_all = partial(
        _decode_all, thumbnails=thumbnails, settings=settings, deadline=deadline, progress=progress
    )
    results = decode_all(files.members, scale or AS_DECLARED)
    stretched: tuple[Finding, ...] = ()
    if scale is None:
        scale = _rescale(results, files.members, decode_all)
        stretched = scaling.notes(scale)
    name = name or source.name
    readable, others, unreadable = _partition(files.members, results)
    names = [member.name for member, _ in readable]
    hashes = [picture.sha256 for _, picture in readable]
    interpreted, notes, labels, _ = interpret(name, names, others, files, expect_classes, hashes)
    used = labels.files if labels else ()
    unused = [member for member in others if member.name not in used]
    if codes := class_codes.find(interpreted.classes, len(names), unused):
        used, notes = (*used, codes[0]), (*notes, codes[1])
    check_limits(name, Counter(a.label for a in interpreted.assignments if not a.reason), settings)
    examples, left_out = _examples(readable, interpreted, base)
    columns = tables.columns([example.name for example in examples], others)
    grouping = {column.name.rpartition(":")[0] for column in columns}
    dataset = Dataset(
        name=name,
        classes=interpreted.classes,
        examples=examples,
        skipped=tuple(
            each
            for each in (*files.skipped, *unreadable, *left_out)
            if each.name not in used and each.name.rpartition("/")[2] not in grouping
        ),
        predefined=interpreted.predefined,
        scale=scale,
    )
    pictures.mkdir(parents=True, exist_ok=True)
    Fingerprints.of([picture for _, picture in readable]).save(pictures)
    cut = [member.name for member, picture in readable if picture.cut_short]
    pages = [member.name for member, picture in readable if picture.has_frames]
    return Reading(dataset, (*stretched, *notes, *reading_findings.files(cut, pages)), columns)


def thumbnail_name(sha256: str) -> str:
    """File name of the thumbnail of a picture with this hash."""
    return f"{sha256}.jpg"


def _decode_all(
    members: Sequence[Member],
    scale: Scale,
    *,
    thumbnails: Path | None,
    settings: Settings,
    deadline: float,
    progress: Progress,
) -> list[Fingerprint | str]:
    """Decode all files on a few threads: the fingerprint of each, or why there is none."""

    def work(member: Member) -> Fingerprint | str:
        try:
            result = fingerprint(member.path, settings, scale)
        except BadImage as error:
            return str(error)
        if thumbnails:
            (thumbnails / thumbnail_name(result.sha256)).write_bytes(result.thumbnail)
        return replace(result, thumbnail=b"")

    if thumbnails:
        thumbnails.mkdir(parents=True, exist_ok=True)
    results: list[Fingerprint | str] = []
    reported = 0.0
    # Few results wait, so that a refusal or a cancellation takes effect at once.
    ordered = threads.map_ordered(work, members, threads=THREADS, most=2 * THREADS, name="decode")
    with closing(ordered):
        for result in ordered:
            results.append(result)
            now = time.monotonic()
            if now > deadline:
                raise LimitExceeded(
                    f"Reading pictures may take up to {settings.intake_seconds} s. Leave some "
                    f"out, or raise {Settings.variable('intake_seconds')}."
                )
            if now - reported > REPORT_EVERY or len(results) == len(members):
                reported = now
                progress("Reading pictures", len(results), len(members))
    return results


def _rescale(
    results: list[Fingerprint | str],
    members: Sequence[Member],
    decode_all: Callable[[Sequence[Member], Scale], list[Fingerprint | str]],
) -> Scale:
    """Find the scale of the dataset, and decode again the pictures that it changes."""
    depths = [None if isinstance(result, str) else result.depth for result in results]
    scale = scaling.choose(depths)
    again = [n for n, each in enumerate(depths) if each and scaling.changes(scale, each)]
    for n, result in zip(again, decode_all([members[n] for n in again], scale), strict=True):
        results[n] = result
    return scale


def _partition(
    members: Sequence[Member], results: Sequence[Fingerprint | str]
) -> tuple[list[tuple[Member, Fingerprint]], list[Member], list[Skipped]]:
    """Pictures with their fingerprints, then the other files, then these as skipped."""
    readable: list[tuple[Member, Fingerprint]] = []
    others: list[Member] = []
    skipped: list[Skipped] = []
    for member, result in zip(members, results, strict=True):
        if isinstance(result, str):
            others.append(member)
            skipped.append(Skipped(name=member.name, reason=_reason(member.name, result)))
        else:
            readable.append((member, result))
    return readable, others, skipped


def _reason(name: str, problem: str) -> str:
    """Why a file was skipped: because of its problem as a picture, or of what its name says."""
    if is_archive(name):
        return NESTED
    if problem != NOT_A_PICTURE or is_picture(name) or not PurePosixPath(name).suffix:
        return problem
    return SPREADSHEET if name.lower().endswith(SPREADSHEETS) else OTHER_FILE


def _examples(
    readable: Sequence[tuple[Member, Fingerprint]], interpreted: layout.Layout, base: Path | None
) -> tuple[tuple[Example, ...], list[Skipped]]:
    """The pictures that are used, with paths relative to `base` if given, and the others."""
    index = {label: number for number, label in enumerate(interpreted.classes)}
    examples: list[Example] = []
    skipped: list[Skipped] = []
    seen: set[tuple[object, ...]] = set()
    for (member, picture), assignment in zip(readable, interpreted.assignments, strict=True):
        # In a folder and its copy, equal files have equal names.
        file = member.name.rsplit("/", 1)[-1]
        key = (file, picture.sha256, assignment.label, assignment.split)
        reason = assignment.reason or (SAME_FILE if key in seen else "")
        seen.add(key)
        if reason:
            skipped.append(Skipped(name=member.name, reason=reason))
            continue
        examples.append(
            Example(
                name=member.name,
                path=str(member.path.relative_to(base) if base else member.path),
                label=index[assignment.label],
                split=assignment.split,
                **{field: getattr(picture, field) for field in _KEPT},
            )
        )
    return tuple(examples), skipped


def check_limits(name: str, counts: Counter[str], settings: Settings) -> None:
    """Check the limits of a dataset.

    Args:
        counts: pictures per class.

    Raises:
        LimitExceeded: it has more classes or pictures than the host allows.
    """
    largest = max((count for label, count in counts.items() if label), default=0)
    for field, noun, count in (
        ("classes", "classes", len(counts)),
        ("pictures", "pictures", counts.total()),
        ("pictures_per_class", "pictures in a class", largest),
    ):
        limit = getattr(settings, field)
        if count > limit:
            raise LimitExceeded(
                f"A dataset may have up to {limit:,} {noun}; {name} has {count:,}. Leave some out, "
                f"or raise {Settings.variable(field)}."
            )
