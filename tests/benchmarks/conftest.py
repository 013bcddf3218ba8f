"""What the benchmarks are tried with: a tiny prepared backbone and pictures of shapes."""

from pathlib import Path

import pytest

from benchmarks import jobs
from benchmarks.jobs import Taken
from core import backbones
from core.backbones import serving
from core.settings import Settings
from tests import shapes


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the tiny backbone is prepared. Not to be changed."""
    home = tmp_path_factory.mktemp("prepared")
    serving.prepare(backbones.get("tiny"), Settings(home=home))
    return home


@pytest.fixture(scope="session")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    """Three classes of 14 pictures."""
    folder = tmp_path_factory.mktemp("taken")
    return jobs.take_in(shapes.shapes_zip(folder, per_class=14), folder / "in", Settings())
