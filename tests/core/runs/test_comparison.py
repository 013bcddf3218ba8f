import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from core.errors import RunDamaged
from core.runs import comparison
from core.runs.filenames import PROBABILITIES
from core.runs.run import Run
from core.training import config
from tests.core.trainings import Trained


@pytest.fixture
def run(trained: Callable[..., Trained]) -> Run:
    """A finished run that may be changed."""
    return trained().run


def test_what_was_measured_is_what_the_run_holds(run: Run) -> None:
    found = comparison.load(run)
    tested = run.dataset().of("test")
    assert found.evaluated.keys == tuple(example.sha256 for example in tested)
    assert [said.name for said in found.report.predictions] == [one.name for one in tested]
    assert found.learned_from == len(run.dataset().of("train"))
    assert len(found.learned_classes) == found.learned_from + len(run.dataset().of("validation"))
    assert found.config == run.config() and found.manifest == run.manifest()


def test_answers_that_are_not_to_its_test_pictures_are_refused(run: Run) -> None:
    run.write_report(run.report(), np.full((1, 3), 1 / 3, np.float32))
    with pytest.raises(RunDamaged, match=PROBABILITIES):
        comparison.load(run)
    run.complete_with("shapes", 0.0, 0.0)
    with pytest.raises(RunDamaged, match="not about its test pictures"):
        comparison.load(run)


def test_only_settings_that_differ_are_told_by_name() -> None:
    first = config.preset("quick")
    second = config.parse(first.model_dump(mode="json") | {"seed": 3, "head": {"hidden": [64]}})
    assert comparison.changed_settings([first, first]) == {}
    assert comparison.changed_settings([first, second, first]) == {
        "seed": (0, 3, 0),
        "head.hidden": ([], [64], []),
    }


def test_pictures_that_were_relabelled_left_out_or_added_are_counted(run: Run) -> None:
    first = comparison.load(run)
    kept = dict(first.learned_classes)
    assert not comparison.training_data_changes(first, first)
    one, two, three, *_ = kept
    kept[one] = kept[two] = "another"
    del kept[three]
    second = dataclasses.replace(first, learned_classes=kept)
    assert comparison.training_data_changes(first, second) == comparison.TrainingDataChanges(
        2, 1, 0
    )
    assert comparison.training_data_changes(second, first) == comparison.TrainingDataChanges(
        2, 0, 1
    )
