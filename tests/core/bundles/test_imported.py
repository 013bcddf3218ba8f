"""A bundle that comes home answers as the run did that it was made of."""

import os
import shutil
import time

import numpy as np
import pytest

from core.bundles import ImportedModel, imported
from core.bundles.imported_model import serving
from core.errors import NotEnoughResources, RunDamaged, UnknownModel
from core.jobs import State, scheduling
from core.model import storage
from core.model.decision import Decision
from core.pipeline.worker import run_job
from core.predict import lookup
from core.settings import Settings
from core.system import capacity
from tests.core import trainings

COPIED_FILES = (storage.WEIGHTS, storage.OOD, storage.APPEARANCE)


def assert_same_predictions(trained, model, settings):
    """Whether a model and a run say the same of the run's test pictures."""
    run_classifier, model_classifier = trained.run.classifier(settings), model.classifier(settings)
    assert run_classifier.labels == model_classifier.labels
    for example in trained.run.dataset().of("test"):
        view = run_classifier.load(trained.pictures / example.path)
        expected, answer = run_classifier.answer(view), model_classifier.answer(view)
        np.testing.assert_allclose(answer.probabilities, expected.probabilities, atol=1e-6)
        assert answer.ood_score == pytest.approx(expected.ood_score, abs=1e-4)
        assert model_classifier.verdict(answer) is run_classifier.verdict(expected)


def assert_same_files(trained, model):
    """Whether a model's arrays are a run's, bit by bit."""
    for name in COPIED_FILES:
        assert (model.path / name).read_bytes() == (trained.run.model_folder / name).read_bytes()
    assert storage.load(model.path)[0] == storage.load(trained.run.model_folder)[0]


def test_a_frozen_model_is_ready_at_once(packed_run):
    trained, stream = packed_run("quick")
    model = imported.import_bundle(stream, "mine", trained.settings)
    assert model.ready(trained.settings)
    assert not model.job.exists
    assert lookup.find(model.id, trained.settings).title == "mine"
    assert_same_files(trained, model)
    assert_same_predictions(trained, model, trained.settings)
    assert (
        model.classifier(trained.settings).appearance
        == trained.run.classifier(trained.settings).appearance
    )


def test_a_fine_tuned_model_is_ready_once_a_worker_has_built_its_network(packed_run, monkeypatch):
    trained, stream = packed_run("best")
    assert storage.load(trained.run.model_folder)[0].fine_tuned
    monkeypatch.setattr(scheduling, "start_dispatcher", lambda *_: None)
    model = imported.import_bundle(stream, "mine", trained.settings)
    assert not model.ready(trained.settings)
    with pytest.raises(UnknownModel, match="being prepared"):
        model.classifier(trained.settings)
    assert scheduling.status(model.job, trained.settings).state is State.QUEUED
    run_job(model.job, trained.settings)
    assert model.ready(trained.settings)
    assert_same_files(trained, model)
    assert_same_predictions(trained, model, trained.settings)


@pytest.mark.slow
def test_a_worker_process_builds_the_network(packed_run):
    trained, stream = packed_run("best")
    model = imported.import_bundle(stream, "mine", trained.settings)
    deadline = time.monotonic() + 90
    while not (status := scheduling.status(model.job, trained.settings)).state.ended:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert status.state is State.FINISHED, model.job.log_tail()
    steps = [event.what for event in model.job.events.read() if event.kind == "step"]
    assert steps[0] == "Starting TensorFlow"
    assert_same_predictions(trained, model, trained.settings)


@pytest.mark.slow
def test_without_a_serving_model_the_network_is_converted(packed_run, monkeypatch):
    trained, stream = packed_run("best")
    monkeypatch.setattr(serving, "locate", lambda *_: None)
    monkeypatch.setattr(scheduling, "start_dispatcher", lambda *_: None)
    model = imported.import_bundle(stream, "mine", trained.settings)
    run_job(model.job, trained.settings)
    assert_same_predictions(trained, model, trained.settings)


@pytest.mark.slow
def test_a_missing_backbone_of_a_frozen_model_is_prepared(packed_run, tmp_path, monkeypatch):
    trained, stream = packed_run("quick")
    elsewhere = Settings(home=tmp_path / "elsewhere")
    monkeypatch.setattr(scheduling, "start_dispatcher", lambda *_: None)
    model = imported.import_bundle(stream, "mine", elsewhere)
    assert not model.ready(elsewhere)
    run_job(model.job, elsewhere)
    assert model.ready(elsewhere)
    assert model.classifier(elsewhere).labels == trained.run.dataset().classes


def test_the_owner_of_an_imported_model_sets_its_threshold(packed_run):
    trained, stream = packed_run("quick")
    model = imported.import_bundle(stream, "  two \n words ", trained.settings)
    assert model.title == "two words"
    model.annotate(lambda annotations: annotations.model_copy(update={"threshold": 0.9}))
    assert lookup.find(model.id, trained.settings).decision.threshold == 0.9


def test_a_bundle_brings_the_threshold_and_the_level_of_its_owner(trained_run, tmp_path):
    trained = trained_run()
    levels = storage.load_description(trained.run.model_folder).set_levels
    chosen = {"threshold": 0.7, "level": levels[0].level}
    trained.run.annotate(lambda annotations: annotations.model_copy(update=chosen))
    path = tmp_path / "bundle.zip"
    path.write_bytes(trainings.bundle_bytes(trained.run, trained.settings))
    expected = Decision(0.7, levels[0])
    assert trained.run.classifier(trained.settings).decision == expected
    with path.open("rb") as stream:
        model = imported.import_bundle(stream, "mine", trained.settings)
    assert model.classifier(trained.settings).decision == expected
    assert lookup.find(str(path), trained.settings).decision == expected
    model.annotate(lambda annotations: annotations.model_copy(update={"level": 0.0}))
    assert model.classifier(trained.settings).decision == Decision(0.7)


def test_a_changed_file_is_refused(packed_run):
    trained, stream = packed_run("quick")
    model = imported.import_bundle(stream, "mine", trained.settings)
    path = model.path / storage.WEIGHTS
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunDamaged, match="Import it again"):
        model.classifier(trained.settings)


def test_imported_models_are_listed_and_found_by_their_ids(packed_run):
    trained, stream = packed_run("quick")
    first, second = (imported.import_bundle(stream, "mine", trained.settings) for _ in range(2))
    assert {model.id for model in imported.list_models(trained.settings)} == {first.id, second.id}
    found = imported.find(trained.settings, first.id)
    assert found and found.path == first.path
    shutil.rmtree(first.path)
    assert [model.id for model in imported.list_models(trained.settings)] == [second.id]
    for name in (first.id, "../runs", "0" * 32):
        assert imported.find(trained.settings, name) is None


def test_a_full_queue_leaves_no_files(packed_run, monkeypatch):
    trained, stream = packed_run("best")

    def full(*_, **__):
        raise NotEnoughResources("full")

    monkeypatch.setattr(imported, "enqueue", full)
    with pytest.raises(NotEnoughResources):
        imported.import_bundle(stream, "mine", trained.settings)
    assert list(imported.folder(trained.settings).iterdir()) == []


def test_a_full_disk_leaves_no_files(packed_run, monkeypatch):
    trained, stream = packed_run("best")
    monkeypatch.setattr(capacity, "free_disk", lambda _: capacity.RESERVE - 1)
    with pytest.raises(NotEnoughResources, match="disk of this host is full"):
        imported.import_bundle(stream, "mine", trained.settings)
    assert list(imported.folder(trained.settings).iterdir()) == []


@pytest.mark.parametrize(("mode", "remaining"), [("public", 1), ("personal", 2)])
def test_unused_models_are_removed_from_a_public_host(packed_run, mode, remaining):
    trained, stream = packed_run("quick")
    host = trained.settings.model_copy(update={"mode": mode})
    used, unused = (imported.import_bundle(stream, "mine", host) for _ in range(2))
    long_ago = time.time() - 3600 * host.upload_hours - 60
    for model in (used, unused):
        os.utime(model.path, (long_ago, long_ago))
    used.classifier(host)
    imported.sweep(host)
    assert len(imported.list_models(host)) == remaining
    assert ImportedModel(used.path).ready(host)
