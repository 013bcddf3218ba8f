"""The train page offers to go on from a model that was brought here."""

import io
import os
import shutil
from collections.abc import Callable

import pytest

from core import runs
from core.bundles import ImportedModel, imported
from core.intake.uploads import Upload
from core.jobs import JobFolder, scheduling
from core.pipeline.worker import run_job
from core.runs.run import Run
from core.settings import Settings
from core.training import warm_start
from tests.core import trainings
from tests.pages.visitor import Visitor

PUBLISHED_BACKBONE = "A published backbone"


@pytest.fixture
def model(run_in: Callable[..., Run], host: Settings) -> ImportedModel:
    """A model of the very classes of the upload, brought by somebody on this machine."""
    run = run_in()
    content = trainings.bundle_bytes(run, host)
    shutil.rmtree(run.path)
    return imported.import_bundle(io.BytesIO(content), "mine", host)


@pytest.fixture
def started(visitor: Visitor, upload: Upload, model: ImportedModel, host: Settings) -> Run:
    """A queued training that starts from the model."""
    visitor.open("train", upload=upload.id).fill("Start from", model.id).press("Start training")
    (run,) = runs.list_runs(host)
    return run


def test_without_imported_models_there_is_no_choice_of_start(
    visitor: Visitor, upload: Upload
) -> None:
    visitor.open("train", upload=upload.id)
    assert not visitor.fields("Start from")
    assert visitor.fields("Backbone")


def test_a_training_starts_from_a_published_backbone_by_default(
    visitor: Visitor, upload: Upload, model: ImportedModel, host: Settings
) -> None:
    visitor.open("train", upload=upload.id)
    assert visitor.fields("Start from")
    visitor.press("Start training")
    (run,) = runs.list_runs(host)
    assert run.config().start == ""
    assert run.start is None


def test_a_training_starts_from_an_imported_model(
    visitor: Visitor,
    upload: Upload,
    model: ImportedModel,
    host: Settings,
) -> None:
    visitor.open("train", upload=upload.id).fill("Start from", model.id)
    assert "knows 4 of these classes" in visitor.text()
    assert warm_start.TEST_NOTE in visitor.text()
    assert not visitor.fields("Backbone")
    assert "EfficientNet-Lite0, that of the model that it starts from" in visitor.text()
    disabled = [f.label for f in (*visitor.at.selectbox, *visitor.at.text_input) if f.disabled]
    assert {"Features", "Hidden layers"} <= {*disabled}
    assert "Compare backbones" not in visitor.buttons()
    visitor.press("Start training")
    (run,) = runs.list_runs(host)
    assert run.config().start == warm_start.digest(model.path)
    assert run.start == model.path
    run_job(JobFolder(run.path), host)
    assert run.complete
    assert run.dataset().classes == model.model().classes
    assert "knows 4 of these classes" in " ".join(
        getattr(event, "sentence", "") for event in run.events()
    )


def test_a_run_whose_start_was_deleted_says_so(
    visitor: Visitor, started: Run, model: ImportedModel, host: Settings
) -> None:
    shutil.rmtree(model.path)
    with pytest.raises(Exception, match="Import its bundle again"):
        run_job(started.job, host)
    assert "Import its bundle again" in visitor.rerun().text()


def test_a_queued_training_keeps_its_model_on_a_public_host(
    started: Run, model: ImportedModel, host: Settings
) -> None:
    public = host.model_copy(update={"mode": "public"})
    os.utime(model.path, (0, 0))
    imported.sweep(public)
    assert imported.find(host, model.id)
    scheduling.cancel(started.job, host)
    imported.sweep(public)
    assert not imported.find(host, model.id)


def test_a_repeated_run_starts_from_the_same_model(
    visitor: Visitor, started: Run, model: ImportedModel, host: Settings
) -> None:
    scheduling.cancel(started.job, host)
    visitor.rerun().press("Start again with the same settings")
    (repeated,) = [listed_run for listed_run in runs.list_runs(host) if listed_run.id != started.id]
    assert (repeated.config(), repeated.start) == (started.config(), model.path)
