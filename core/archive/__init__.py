"""Extract untrusted zips and find the pictures that people name: the only extractor."""

from core.archive.extraction import (
    CLUTTER,
    DAMAGED,
    NESTED,
    Extraction,
    Member,
    Progress,
    Skipped,
    extract,
    pack,
)

__all__ = [
    "CLUTTER",
    "DAMAGED",
    "NESTED",
    "Extraction",
    "Member",
    "Progress",
    "Skipped",
    "extract",
    "pack",
]
