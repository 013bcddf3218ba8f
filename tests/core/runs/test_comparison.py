import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from core.errors import RunDamaged
from core.runs import comparison
from core.runs.filenames import PROBABILITIES
from core.runs.run import Run
from tests.core.trainings import TrainedRun


@pytest.fixture
def run(trained_run: Callable[..., TrainedRun]) -> Run:
    """A finished run that may be changed."""
    return trained_run().run


def test_a_comparison_loads_the_results_of_the_run(run: Run) -> None:
    measured = comparison.load(run)
    tested = run.dataset().of("test")
    assert measured.evaluated.keys == tuple(example.sha256 for example in tested)
    assert [prediction.name for prediction in measured.evaluated.report.predictions] == [
        example.name for example in tested
    ]
    assert measured.training_pictures == len(run.dataset().of("train"))
    assert len(measured.learned_classes) == measured.training_pictures + len(
        run.dataset().of("validation")
    )
    assert measured.config == run.config() and measured.manifest == run.manifest()


def test_probabilities_for_other_pictures_are_refused(run: Run) -> None:
    run.write_report(run.report(), np.full((1, 3), 1 / 3, np.float32))
    with pytest.raises(RunDamaged, match=PROBABILITIES):
        comparison.load(run)
    run.complete_with("shapes", 0.0, 0.0)
    with pytest.raises(RunDamaged, match="not about its test pictures"):
        comparison.load(run)


def test_pictures_that_were_relabelled_left_out_or_added_are_counted(run: Run) -> None:
    first = comparison.load(run)
    training_classes = dict(first.learned_classes)
    assert not any(comparison.training_data_changes(first, first))
    first_key, second_key, third_key, *_ = training_classes
    training_classes[first_key] = training_classes[second_key] = "another"
    del training_classes[third_key]
    second = dataclasses.replace(first, learned_classes=training_classes)
    assert comparison.training_data_changes(first, second) == (2, 1, 0)
    assert comparison.training_data_changes(second, first) == (2, 0, 1)
