"""Here every run has all its formats."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.settings import Settings
from tests.core.trainings import Taken, Trained, asked_for, train


@pytest.fixture(scope="session")
def trainings(
    tiny_home: Path, some_shapes: Taken, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Trained]:
    """`trainings("quick")`: a run of that preset, trained and exported once. Not to be changed."""
    cache: dict[str, Trained] = {}

    def trained(preset: str) -> Trained:
        if preset not in cache:
            path = tmp_path_factory.mktemp("exported") / ("fedcba9876543210" * 2)
            home = Settings(home=tiny_home)
            cache[preset] = train(some_shapes, asked_for(preset), path, home, exports=True)
        return cache[preset]

    return trained
