"""Fault injection: trainings are broken while they write, and resume to the same report."""

from pathlib import Path

import pytest

from benchmarks import faults


@pytest.mark.slow
def test_a_training_that_is_broken_off_resumes_to_the_same_report(
    tmp_path: Path, tiny_home: Path
) -> None:
    for group in faults.fast(tmp_path, tiny_home):
        assert group.tried >= 2, group
        assert group.resumed >= 1, group
        assert group.troubles == ()
        assert group.difference == 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_fault_in_a_training_or_the_web_process_loses_a_run(tmp_path: Path) -> None:
    groups = [*faults.all_faults(tmp_path)]
    assert [trouble for group in groups for trouble in group.troubles] == []
    assert sum(group.tried for group in groups if "killed" in group.name) >= 40
