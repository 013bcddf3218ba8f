"""Run folders: create, list, read, compare and delete them."""

from core.runs.run import SAMPLE, Run
from core.runs.store import (
    RUN_ID,
    create,
    delete,
    discard,
    folder,
    get,
    inputs,
    list_runs,
    new_path,
    open_folder,
    restorable,
    restore,
    sample,
    sweep,
    training_order,
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
    "inputs",
    "list_runs",
    "new_path",
    "open_folder",
    "restorable",
    "restore",
    "sample",
    "summarise",
    "sweep",
    "training_order",
]
