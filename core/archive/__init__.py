"""The only extractor: an untrusted zip in, files under generated names out."""

from core.archive.extraction import (
    CLUTTERED,
    DAMAGED,
    NESTED,
    Extraction,
    Member,
    Skipped,
    extract,
    pack,
)

__all__ = [
    "CLUTTERED",
    "DAMAGED",
    "NESTED",
    "Extraction",
    "Member",
    "Skipped",
    "extract",
    "pack",
]
