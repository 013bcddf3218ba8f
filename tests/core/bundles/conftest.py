"""Bundles as Tusker packs them."""

import io
from collections.abc import Callable

import pytest

from tests.core import trainings
from tests.core.trainings import Trained


@pytest.fixture
def packed(trained: Callable[..., Trained]) -> Callable[[str], tuple[Trained, io.BytesIO]]:
    """`packed("best")`: a run of that preset and its bundle."""

    def pack(preset: str = "quick") -> tuple[Trained, io.BytesIO]:
        done = trained(preset)
        return done, io.BytesIO(trainings.packed(done.run, done.settings))

    return pack
