"""Pictures that visitors upload: stored, unpacked, examined, forgotten after a while."""

from core.intake.ingest import (
    FINDINGS,
    THUMBNAILS,
    Intake,
    load,
    note,
    pictures,
    remedied,
    take_in,
    thumbnail,
)

__all__ = [
    "FINDINGS",
    "THUMBNAILS",
    "Intake",
    "load",
    "note",
    "pictures",
    "remedied",
    "take_in",
    "thumbnail",
]
