"""A comparison of backbones as a job beside an upload's pictures."""

import os
import shutil
import time
from collections.abc import Iterator

import pytest

from core import backbones
from core.backbones import Backbone, serving
from core.bakeoff import compare, result
from core.bakeoff import job as comparisons
from core.errors import BadDataset
from core.intake import uploads
from core.intake.uploads import Upload
from core.jobs import State, cancel
from core.jobs.events import Step
from core.jobs.folder import JobSpec
from core.pipeline import worker
from core.settings import Settings
from tests.core.jobs import at_work
from tests.core.trainings import ImportedDataset, tiny_config


@pytest.fixture
def host(settings: Settings) -> Iterator[Settings]:
    """A host with its own queue, which ends with the test."""
    with at_work.killing_processes(settings):
        yield settings


@pytest.fixture
def upload(host: Settings, shapes_dataset: ImportedDataset) -> Upload:
    """The shapes as an upload that has been examined."""
    upload = Upload(host.home / "uploads" / ("fedcba9876543210" * 2))
    shutil.copytree(shapes_dataset.pictures.parent, upload.path)
    upload.job.open(JobSpec(kind="intake"))
    upload.job.end(State.FINISHED)
    return upload


@pytest.fixture
def no_dispatcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are put in their queue, and nobody comes to work."""
    monkeypatch.setattr("core.jobs.scheduling.start_dispatcher", lambda *_: None)


@pytest.fixture
def only_tiny(tiny: Backbone, monkeypatch: pytest.MonkeyPatch) -> Backbone:
    """No backbone but the tiny one is at hand."""
    monkeypatch.setattr(compare, "available", lambda _settings: (tiny,))
    return tiny


def test_a_worker_writes_the_comparison_beside_the_pictures(
    host: Settings, upload: Upload, no_dispatcher: None, only_tiny: Backbone
) -> None:
    config = tiny_config("quick", seed=4)
    dataset = upload.intake().dataset
    job = comparisons.start(upload, dataset, config, host)
    assert result.read(job.path) is None
    worker.run_job(job, host)
    assert job.recorded().state is State.FINISHED
    comparison = result.read(Upload(upload.path).comparison.path)
    assert comparison is not None
    assert [candidate.backbone for candidate in comparison.candidates] == [only_tiny.name]
    assert comparison.conditions == result.conditions_of(dataset, config)
    steps = [event for event in job.events.read() if isinstance(event, Step)]
    assert {step.what for step in steps} >= {"Tiny: extracting features", "Tiny: training heads"}
    assert not at_work.hidden_files(job.path)


def test_a_new_comparison_replaces_the_old_one(
    host: Settings, upload: Upload, no_dispatcher: None, only_tiny: Backbone
) -> None:
    dataset = upload.intake().dataset
    worker.run_job(comparisons.start(upload, dataset, tiny_config("quick"), host), host)
    job = comparisons.start(upload, dataset, tiny_config("quick", seed=1), host)
    assert job.recorded().state is State.QUEUED
    assert result.read(job.path) is None


def test_a_comparison_is_cancelled_even_while_a_backbone_is_prepared(
    host: Settings, upload: Upload
) -> None:
    job = comparisons.start(upload, upload.intake().dataset, tiny_config("quick"), host)
    at_work.wait_until(lambda: at_work.has_event(job, "EfficientNet-Lite2: being prepared, once"))
    cancel(job, host)
    assert at_work.wait_until_ended(job, host).state is State.CANCELLED
    assert serving.locate(backbones.get("efficientnet-lite2"), host) is None, "it was waited for"
    assert result.read(job.path) is None


def test_deleted_pictures_end_the_comparison_with_an_error(
    host: Settings, upload: Upload, no_dispatcher: None, only_tiny: Backbone
) -> None:
    job = comparisons.start(upload, upload.intake().dataset, tiny_config("quick"), host)
    shutil.rmtree(upload.pictures)
    with pytest.raises(BadDataset):
        worker.run_job(job, host)
    assert job.recorded().sentence == (
        "The pictures of this comparison are no longer here. Upload them again."
    )


def test_pictures_are_kept_while_they_are_compared(
    host: Settings, upload: Upload, no_dispatcher: None
) -> None:
    job = comparisons.start(upload, upload.intake().dataset, tiny_config("quick"), host)
    used = time.time() - 3600 * 3
    os.utime(upload.path, (used, used))
    uploads.sweep(host)
    assert upload.path.is_dir()
    job.end(State.FINISHED)
    os.utime(upload.path, (used, used))
    uploads.sweep(host)
    assert not upload.path.exists()
