"""Run folders: create, list, read, compare and delete them."""

from core.runs.run import SAMPLE, Run
from core.runs.store import (
    RUN_ID,
    create,
    discard,
    folder,
    folders_in_use,
    get,
    list_runs,
    new_path,
    open_folder,
    queue_training,
    restorable,
    restore,
    sweep,
    training_spec,
)
from core.runs.summary import Summary, summarise
