"""Uploaded pictures: stored, unpacked, examined and deleted after a while."""

from core.intake.ingestion import (
    FILE,
    THUMBNAILS,
    Intake,
    add,
    add_table,
    apply_remedies,
    group,
    ingest,
    load,
    pictures,
    thumbnail,
)
