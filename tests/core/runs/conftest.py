"""A run without a worker."""

import pytest

from core import runs
from core.runs.run import Run
from core.settings import Settings
from tests.core.trainings import ImportedDataset, tiny_config


@pytest.fixture
def queued(settings: Settings, shapes_dataset: ImportedDataset) -> Run:
    """A run that waits for a worker."""
    run = runs.create(tiny_config("quick"), shapes_dataset.dataset, runs.new_path(settings))
    run.job.open(runs.training_spec(shapes_dataset.pictures))
    return run
