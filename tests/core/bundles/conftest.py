"""Bundles as Tusker packs them."""

import io
from collections.abc import Callable

import pytest

from tests.core import trainings
from tests.core.trainings import TrainedRun


@pytest.fixture
def packed(
    trained_run: Callable[..., TrainedRun],
) -> Callable[[str], tuple[TrainedRun, io.BytesIO]]:
    """`packed("best")`: a run of that preset and its bundle."""

    def pack(preset: str = "quick") -> tuple[TrainedRun, io.BytesIO]:
        done = trained_run(preset)
        return done, io.BytesIO(trainings.bundle_bytes(done.run, done.settings))

    return pack
