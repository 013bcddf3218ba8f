"""Fixtures of the benchmarks' tests."""

import pytest

from benchmarks import jobs
from benchmarks.jobs import ImportedDataset
from core.settings import Settings
from tests import shapes


@pytest.fixture(scope="session")
def imported_shapes(tmp_path_factory: pytest.TempPathFactory) -> ImportedDataset:
    """Three classes of 14 pictures."""
    folder = tmp_path_factory.mktemp("taken")
    return jobs.take_in(shapes.shapes_zip(folder, per_class=14), folder / "in", Settings())
