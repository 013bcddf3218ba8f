"""Bundles as Tusker packs them."""

import io
from collections.abc import Callable

import pytest

from tests.core import trainings
from tests.core.trainings import TrainedRun


@pytest.fixture
def packed_run(
    trained_run: Callable[..., TrainedRun],
) -> Callable[[str], tuple[TrainedRun, io.BytesIO]]:
    """`packed("best")`: a run of that preset and its bundle."""

    def pack(preset: str = "quick") -> tuple[TrainedRun, io.BytesIO]:
        trained = trained_run(preset)
        return trained, io.BytesIO(trainings.bundle_bytes(trained.run, trained.settings))

    return pack
