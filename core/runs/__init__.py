"""Run folders: create, find, read, complete, compare, delete; only here are their files known."""

from core.runs.run import SAMPLE, Run
from core.runs.store import (
    RUN_ID,
    create,
    delete,
    discard,
    folder,
    get,
    list_runs,
    new_path,
    open_folder,
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
    "create",
    "delete",
    "discard",
    "folder",
    "get",
    "list_runs",
    "new_path",
    "open_folder",
    "order",
    "restorable",
    "restore",
    "sample",
    "summarise",
    "sweep",
]
