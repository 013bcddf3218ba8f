"""Trainings are struck where they write, and go on to the report that they would have written."""

from pathlib import Path

import pytest

from benchmarks import faults


def test_a_training_that_is_struck_loses_nothing_and_goes_on(
    tmp_path: Path, tiny_home: Path
) -> None:
    for group in faults.fast(tmp_path, tiny_home):
        assert group.tried >= 3, group
        assert group.resumed >= 2, group
        assert group.troubles == ()
        assert group.difference == 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_wherever_a_training_or_the_web_process_is_struck_nothing_is_lost(tmp_path: Path) -> None:
    groups = [*faults.whole(tmp_path)]
    assert [why for group in groups for why in group.troubles] == []
    assert sum(group.tried for group in groups if "killed" in group.name) >= 40
