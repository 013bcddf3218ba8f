"""Runs and bundles that Tusker wrote before version 1.0 still open."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core import runs
from core.bundles import imported
from core.export.card import card
from core.intake import samples
from core.jobs import State
from core.model.classifier import Classifier
from core.runs import comparison
from core.runs.run import Run
from core.settings import Settings
from core.training import config, warm_start

OLD = Path(__file__).parents[1] / "data" / "before_1_0"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home of this test, on a machine that has the default backbone."""
    return Settings(home=tmp_path / "home", mode="personal")


@pytest.fixture
def run(settings: Settings) -> Run:
    """The old run, in the home of this test."""
    path = runs.new_path(settings)
    shutil.copytree(OLD / "run", path)
    return Run(path)


def check_predictions(classifier: Classifier, folder: Path) -> None:
    """Compare predictions for some digits of the sample with those of the old version."""
    samples.digits(folder / "digits.zip")
    expected = json.loads((OLD / "probabilities.json").read_text())
    with zipfile.ZipFile(folder / "digits.zip") as archive:
        for name, values in expected.items():
            answer = classifier.answer(classifier.load(archive.read(name)))
            np.testing.assert_allclose(answer.probabilities, values, atol=1e-4)


def test_the_run_is_listed_as_finished(run: Run, settings: Settings) -> None:
    assert [found.id for found in runs.list_runs(settings)] == [run.id]
    summary = runs.summarise(run, settings)
    assert (summary.state, summary.complete, summary.damaged) == (State.FINISHED, True, False)
    assert summary.accuracy == run.report().accuracy
    assert run.status(settings).state is State.FINISHED


def test_every_part_of_the_run_is_read(run: Run) -> None:
    report, dataset = run.report(), run.dataset()
    assert report.classes == dataset.classes == ("0", "3", "5")
    tested = len(dataset.of("test"))
    assert report.pictures == tested == len(run.probabilities()) == len(run.heatmaps())
    assert len(run.ood_scores().scores) == tested
    assert all(run.thumbnail(place).is_file() for place in range(tested))
    assert len(run.label_issues()) == 5
    assert run.label_issue_thumbnail(4).is_file()
    assert run.findings() and run.epochs() and run.kept()
    assert run.learning_curve() is not None and run.footprint() is not None
    assert run.config().backbone == "efficientnet-lite0"
    assert run.manifest().tusker == ""
    assert comparison.load(run).training_pictures == len(dataset.of("train"))
    assert "Made with Tusker on" in card(run)


def test_the_model_of_the_run_predicts_as_before(
    run: Run, settings: Settings, tmp_path: Path
) -> None:
    check_predictions(run.classifier(settings), tmp_path)


def test_the_results_of_an_old_verification_are_read(run: Run) -> None:
    shutil.copy(OLD / "verification.json", run.path)
    verification = run.verification()
    assert len(verification.results) == 5
    assert all(result.passed for result in verification.results)
    newer = {"results": {"__all__": {"pictures", "thumbnails", "unopened", "verdicts"}}}
    assert json.loads(verification.model_dump_json(exclude=newer)) == json.loads(
        (OLD / "verification.json").read_text()
    )


def test_an_old_job_can_be_resumed(run: Run, tmp_path: Path) -> None:
    order = json.loads((OLD / "order.json").read_text())
    order["arguments"]["pictures"] = str(tmp_path)
    (run.path / "order.json").write_text(json.dumps(order))
    assert run.pictures == tmp_path
    assert run.start is None


def test_an_old_bundle_predicts_as_before_and_can_be_trained_further(
    settings: Settings, tmp_path: Path
) -> None:
    with (OLD / "bundle.zip").open("rb") as stream:
        model = imported.import_bundle(stream, "digits", settings)
    assert model.ready(settings)
    check_predictions(model.classifier(settings), tmp_path)
    continued = warm_start.configure(config.preset("quick"), model.path)
    warm_start.check(continued, model.path)
    assert continued.start == warm_start.digest(model.path)


def test_an_old_bundle_opens_on_the_command_line(settings: Settings, tmp_path: Path) -> None:
    model = imported.open_bundle(OLD / "bundle.zip", settings)
    check_predictions(model.classifier(settings), tmp_path)
