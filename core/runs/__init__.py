"""Run folders: create, find, read, complete, compare, delete; only here are their files known."""

from core.runs.run import SAMPLE, Run
from core.runs.store import (
    RUN_ID,
    at,
    create,
    delete,
    discard,
    every,
    folder,
    get,
    new_path,
    order,
    restorable,
    restore,
    sample,
    sweep,
)
from core.runs.summary import Summary, summarise

__all__ = [
    "RUN_ID",
    "SAMPLE",
    "Run",
    "Summary",
    "at",
    "create",
    "delete",
    "discard",
    "every",
    "folder",
    "get",
    "new_path",
    "order",
    "restorable",
    "restore",
    "sample",
    "summarise",
    "sweep",
]
