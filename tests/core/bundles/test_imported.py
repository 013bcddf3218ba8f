"""A bundle that comes home answers as the run did that it was made of."""

import io
import os
import shutil
import time

import numpy as np
import pytest

from core.bundles import ImportedModel, imported
from core.bundles.imported_model import serving
from core.errors import BadBundle, RunDamaged, UnknownModel
from core.jobs import State, scheduling
from core.model import storage
from core.model.decision import Decision
from core.pipeline.worker import work
from core.predict import lookup
from core.settings import Settings
from tests.core import trainings
from tests.core.bundles import hostile

AS_THEY_CAME = (storage.WEIGHTS, storage.OOD, storage.APPEARANCE)


def same_answers(done, found, settings):
    """Whether a model and a run say the same of the run's test pictures."""
    one, other = done.run.classifier(settings), found.classifier(settings)
    assert one.labels == other.labels
    for example in done.run.dataset().of("test"):
        view = one.load(done.pictures / example.path)
        expected, answer = one.answer(view), other.answer(view)
        np.testing.assert_allclose(answer.probabilities, expected.probabilities, atol=1e-6)
        assert answer.ood_score == pytest.approx(expected.ood_score, abs=1e-4)
        assert other.verdict(answer) is one.verdict(expected)


def identical(done, found):
    """Whether a model's arrays are a run's, bit by bit."""
    for name in AS_THEY_CAME:
        assert (found.path / name).read_bytes() == (done.run.model_folder / name).read_bytes()
    assert storage.load(found.path)[0] == storage.load(done.run.model_folder)[0]


def test_a_frozen_model_answers_at_once(packed):
    done, stream = packed("quick")
    found = imported.import_bundle(stream, "mine", done.settings)
    assert found.ready(done.settings)
    assert not found.job.exists
    assert lookup.find(found.id, done.settings).title == "mine"
    identical(done, found)
    same_answers(done, found, done.settings)
    assert (
        found.classifier(done.settings).appearance == done.run.classifier(done.settings).appearance
    )


def test_a_fine_tuned_model_answers_once_a_worker_has_built_its_network(packed, monkeypatch):
    done, stream = packed("best")
    assert storage.load(done.run.model_folder)[0].fine_tuned
    monkeypatch.setattr(scheduling, "start_dispatcher", lambda *_: None)
    found = imported.import_bundle(stream, "mine", done.settings)
    assert not found.ready(done.settings)
    with pytest.raises(UnknownModel, match="being prepared"):
        found.classifier(done.settings)
    assert scheduling.status(found.job, done.settings).state is State.QUEUED
    work(found.job, done.settings)
    assert found.ready(done.settings)
    identical(done, found)
    same_answers(done, found, done.settings)


@pytest.mark.slow
def test_its_worker_is_a_process_of_its_own(packed):
    done, stream = packed("best")
    found = imported.import_bundle(stream, "mine", done.settings)
    deadline = time.monotonic() + 90
    while not (status := scheduling.status(found.job, done.settings)).state.ended:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert status.state is State.FINISHED, found.job.log_tail()
    steps = [event.what for event in found.job.events.read() if event.kind == "step"]
    assert steps[0] == "Starting TensorFlow"
    same_answers(done, found, done.settings)


def test_where_no_serving_model_is_at_hand_the_network_is_converted(packed, monkeypatch):
    done, stream = packed("best")
    monkeypatch.setattr(serving, "locate", lambda *_: None)
    monkeypatch.setattr(scheduling, "start_dispatcher", lambda *_: None)
    found = imported.import_bundle(stream, "mine", done.settings)
    work(found.job, done.settings)
    same_answers(done, found, done.settings)


def test_a_frozen_model_whose_backbone_is_not_here_has_it_prepared(packed, tmp_path, monkeypatch):
    done, stream = packed("quick")
    elsewhere = Settings(home=tmp_path / "elsewhere")
    monkeypatch.setattr(scheduling, "start_dispatcher", lambda *_: None)
    found = imported.import_bundle(stream, "mine", elsewhere)
    assert not found.ready(elsewhere)
    work(found.job, elsewhere)
    assert found.ready(elsewhere)
    assert found.classifier(elsewhere).labels == done.run.dataset().classes


def test_its_threshold_is_that_of_whoever_brought_it(packed):
    done, stream = packed("quick")
    found = imported.import_bundle(stream, "  two \n words ", done.settings)
    assert found.title == "two words"
    found.annotate(lambda annotations: annotations.model_copy(update={"threshold": 0.9}))
    assert lookup.find(found.id, done.settings).decision.threshold == 0.9


def test_a_bundle_brings_the_threshold_and_the_level_of_its_owner(trained_run, tmp_path):
    done = trained_run()
    levels = storage.load_description(done.run.model_folder).set_levels
    chosen = {"threshold": 0.7, "level": levels[0].level}
    done.run.annotate(lambda own: own.model_copy(update=chosen))
    path = tmp_path / "bundle.zip"
    path.write_bytes(trainings.bundle_bytes(done.run, done.settings))
    expected = Decision(0.7, levels[0])
    assert done.run.classifier(done.settings).decision == expected
    with path.open("rb") as stream:
        found = imported.import_bundle(stream, "mine", done.settings)
    assert found.classifier(done.settings).decision == expected
    assert lookup.find(str(path), done.settings).decision == expected
    found.annotate(lambda own: own.model_copy(update={"level": 0.0}))
    assert found.classifier(done.settings).decision == Decision(0.7)


def test_a_file_that_changed_is_noticed(packed):
    done, stream = packed("quick")
    found = imported.import_bundle(stream, "mine", done.settings)
    path = found.path / storage.WEIGHTS
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunDamaged, match="Import it again"):
        found.classifier(done.settings)


def test_each_is_found_by_its_id_and_gone_once_deleted(packed):
    done, stream = packed("quick")
    one, other = (imported.import_bundle(stream, "mine", done.settings) for _ in range(2))
    assert {found.id for found in imported.list_models(done.settings)} == {one.id, other.id}
    assert imported.get(done.settings, one.id).path == one.path
    shutil.rmtree(one.path)
    assert [found.id for found in imported.list_models(done.settings)] == [other.id]
    for name in (one.id, "../runs", "0" * 32):
        with pytest.raises(UnknownModel):
            imported.get(done.settings, name)


def test_what_is_refused_leaves_nothing(settings):
    with pytest.raises(BadBundle):
        imported.import_bundle(io.BytesIO(hostile.BUNDLES["a shape bomb"]()), "mine", settings)
    assert not settings.home.exists()


def test_where_the_queue_is_full_nothing_is_kept(packed, monkeypatch):
    done, stream = packed("best")

    def full(*_, **__):
        raise imported.NotEnoughResources("full")

    monkeypatch.setattr(imported, "enqueue", full)
    with pytest.raises(imported.NotEnoughResources):
        imported.import_bundle(stream, "mine", done.settings)
    assert list(imported.folder(done.settings).iterdir()) == []


@pytest.mark.parametrize(("mode", "left"), [("public", 1), ("personal", 2)])
def test_on_a_public_host_what_nobody_uses_goes(packed, mode, left):
    done, stream = packed("quick")
    host = done.settings.model_copy(update={"mode": mode})
    used, unused = (imported.import_bundle(stream, "mine", host) for _ in range(2))
    long_ago = time.time() - 3600 * host.upload_hours - 60
    for found in (used, unused):
        os.utime(found.path, (long_ago, long_ago))
    used.classifier(host)
    imported.sweep(host)
    assert len(imported.list_models(host)) == left
    assert ImportedModel(used.path).ready(host)
