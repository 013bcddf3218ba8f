"""A training on pictures of sites whose background gives the class away."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from core import intake
from core.dataset import splitting
from core.evaluation import folds
from core.settings import Settings
from tests import shapes
from tests.core.trainings import ImportedDataset, TrainedRun, tiny_config, train


@pytest.fixture
def sites_run(tiny: object, tmp_path: Path, settings: Settings) -> TrainedRun:
    """A run on pictures of 12 sites, kept together by the prefix of their file names."""
    source = shapes.sites_zip(tmp_path)
    examined = intake.take_in(source, "Sites", tmp_path / "intake", settings)
    grouped = intake.group(examined, "prefix")
    pictures = intake.pictures(tmp_path / "intake")
    return train(
        ImportedDataset(grouped.dataset, pictures), tiny_config("quick"), tmp_path / "run", settings
    )


def test_sites_stay_together_and_the_inflation_is_measured(sites_run: TrainedRun) -> None:
    run = sites_run.run
    dataset = run.dataset()
    assert dataset.grouped_by == "prefix"
    parts = defaultdict(set)
    for example in dataset.examples:
        parts[example.group_name].add(example.split)
    assert len(parts) == 12
    assert all(len(splits) == 1 for splits in parts.values())
    tested = sum(splits == {"test"} for splits in parts.values())
    assert f"on {tested} group" in run.report().headline

    examples = [*dataset.of("train"), *dataset.of("validation")]
    labels = np.array([example.label for example in examples])
    fold = folds.assign(labels, splitting.groups(examples), 5, 0)
    for name in parts:
        indices = [index for index, e in enumerate(examples) if e.group_name == name]
        assert len(set(fold[indices].tolist())) <= 1

    inflation = run.inflation()
    assert inflation is not None
    assert inflation.groups == 12 - tested
    assert 0 < inflation.difference.low < inflation.difference.value
    stored = json.loads((run.path / "inflation.json").read_text())
    assert stored["difference"]["value"] == inflation.difference.value
    assert "inflation.json" in run.manifest().files


def test_without_groups_no_inflation_is_measured(trainings) -> None:
    run = trainings("quick").run
    assert run.inflation() is None
    assert "not seen in training" not in run.report().headline
