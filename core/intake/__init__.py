"""Uploaded pictures: stored, unpacked, examined and deleted after a while."""

from core.intake.ingest import (
    FILE,
    THUMBNAILS,
    Intake,
    add,
    add_table,
    apply_remedies,
    group,
    load,
    pictures,
    take_in,
    thumbnail,
)
