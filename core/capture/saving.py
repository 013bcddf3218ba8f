"""Save captured pictures: as a zip to download, or as an upload that a training takes."""

import functools
import io
from collections import Counter
from collections.abc import Iterator

from core.archive import unpacking
from core.capture.frames import Frame
from core.capture.session import CaptureSession, Class
from core.capture.splitting import split_by_burst
from core.checks.classes import MINIMUM_PER_CLASS
from core.dataset.findings import Finding, warns
from core.errors import BadDataset
from core.intake import uploads
from core.intake.uploads import Upload
from core.settings import Settings
from core.system.prose import listed

NAME = "Captured by camera"


def as_zip(session: CaptureSession) -> bytes:
    """Class folders with all pictures: `mug/burst 1, 00003.jpg`."""
    buffer = io.BytesIO()
    pictures = (
        (f"{cls.name}/{name}", frame.content)
        for cls in session.nonempty_classes
        for name, frame in _named_frames(cls)
    )
    unpacking.write_zip(buffer, pictures)
    return buffer.getvalue()


def save(session: CaptureSession, settings: Settings, *, by: str = "") -> Upload:
    """Store the pictures as an upload of a visitor, split by burst, which is examined as any other.

    Raises:
        BadDataset: there are too few pictures.
        LimitExceeded: too many uploads are queued.
        NotEnoughResources: the disk is full.
    """
    if problem := missing(session):
        raise BadDataset(problem)
    write = functools.partial(unpacking.write_zip, pictures=_split_frames(session))
    return uploads.store(write, NAME, settings, _findings(session), by=by)


def missing(session: CaptureSession) -> str:
    """What is missing before a training can start, as a sentence; empty if nothing is."""
    classes = session.nonempty_classes
    if len(classes) < 2:
        return "Capture pictures of at least two classes."
    for cls in classes:
        counts = Counter(split_by_burst(cls.pictures).values())
        if counts["train"] < MINIMUM_PER_CLASS or not (counts["validation"] and counts["test"]):
            return f"More pictures of {cls.name} are needed: some to train on and some to test on."
    return ""


def single_burst_classes(session: CaptureSession) -> tuple[str, ...]:
    """Names of the classes whose test pictures come from the burst that is trained on."""
    return tuple(
        cls.name for cls in session.nonempty_classes if len({p.burst for p in cls.pictures}) == 1
    )


def _findings(session: CaptureSession) -> tuple[Finding, ...]:
    names = single_burst_classes(session)
    if not names:
        return ()
    return (
        warns(
            "one_burst",
            f"{listed(names)} {'was' if len(names) == 1 else 'were'} captured in a single "
            "burst: test pictures are nearly the same as training pictures, so the score will be "
            "too high. Capture another burst.",
        ),
    )


def _split_frames(session: CaptureSession) -> Iterator[tuple[str, bytes]]:
    for cls in session.nonempty_classes:
        splits = split_by_burst(cls.pictures)
        for name, frame in _named_frames(cls):
            if frame.id in splits:
                yield f"{splits[frame.id]}/{cls.name}/{name}", frame.content


def _named_frames(cls: Class) -> Iterator[tuple[str, Frame]]:
    """The pictures of a class, with file names that contain their burst."""
    bursts: dict[int, int] = {}
    for frame in cls.pictures:
        number = bursts.setdefault(frame.burst, len(bursts) + 1)
        yield f"burst {number}, {frame.id:05}.jpg", frame
