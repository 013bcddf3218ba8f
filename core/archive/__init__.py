"""Unpack untrusted zips (nothing else does), and find pictures in files, folders and zips."""

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
