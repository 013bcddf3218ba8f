"""Here every run has all its formats."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from core.export import build
from core.export.formats import FORMATS
from core.runs import Run
from core.settings import Settings
from tests.core.trainings import TrainedRun


@pytest.fixture(scope="session")
def trainings(
    trainings: Callable[[str], TrainedRun], shared: Callable[..., Any]
) -> Callable[[str], TrainedRun]:
    """`trainings("quick")`: such a run, exported once. Must not be changed."""

    def exported(preset: str) -> TrainedRun:
        def make(folder: Path) -> TrainedRun:
            original = trainings(preset)
            settings = Settings(home=folder / "home")
            shutil.copytree(original.settings.home, settings.home)
            run = Run(shutil.copytree(original.run.path, folder / ("fedcba9876543210" * 2)))
            trained = TrainedRun(run, original.pictures, settings)
            build.export(run, FORMATS, trained.pictures, settings, trained.events.append)
            manifest = run.manifest()
            run.complete_with(manifest.name, manifest.completed_at, manifest.seconds)
            return trained

        return shared(f"exported-{preset}", make)

    return cache(exported)
