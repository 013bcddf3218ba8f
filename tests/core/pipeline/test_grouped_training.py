"""A training on pictures of sites whose background gives the class away."""

from collections import defaultdict
from pathlib import Path

from core import intake
from core.settings import Settings
from tests import shapes
from tests.core.trainings import ImportedDataset, tiny_config, train


def test_sites_stay_together_and_the_inflation_is_measured(
    tiny: object, tmp_path: Path, settings: Settings
) -> None:
    """12 sites are kept together by the prefix of the file names."""
    source = shapes.sites_zip(tmp_path)
    grouped = intake.group(intake.ingest(source, "Sites", tmp_path / "in", settings), "prefix")
    taken = ImportedDataset(grouped.dataset, intake.pictures(tmp_path / "in"))
    run = train(taken, tiny_config("quick"), tmp_path / "run", settings).run
    dataset = run.dataset()
    assert dataset.grouped_by == "prefix"
    parts = defaultdict(set)
    for example in dataset.examples:
        parts[example.group_name].add(example.split)
    assert len(parts) == 12
    assert all(len(splits) == 1 for splits in parts.values())
    tested = sum(splits == {"test"} for splits in parts.values())
    assert f"on {tested} group" in run.report().headline

    inflation = run.inflation()
    assert inflation is not None
    assert inflation.groups == 12 - tested
    assert 0 < inflation.difference.low < inflation.difference.value
    assert "inflation.json" in run.manifest().files


def test_without_groups_no_inflation_is_measured(trainings) -> None:
    run = trainings("quick").run
    assert run.inflation() is None
    assert "not seen in training" not in run.report().headline
