"""What follows a finished report: the OOD detector and the appearance of training pictures."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from core import backbones
from core.errors import RunDamaged
from core.model import appearance, ood, storage
from core.model.decision import Verdict
from core.pipeline import post_report
from core.pipeline.post_report import TrainingOutputs
from core.training.cache import FeatureCache
from core.training.context import TrainingContext
from tests.core.trainings import asked_for, train

BOTH = pytest.mark.parametrize("preset", ["quick", "best"])
NOTHING = np.empty((0, 0), np.float32)


def unsealed(done):
    """The classifier of a run whose files were changed, which its manifest would not allow."""
    return storage.classifier(done.run.model_folder, "Shapes", done.settings)


def context_of(done, said=None):
    """The context in which a run was trained, to repeat a step of it."""
    run = done.run
    emit = (said if said is not None else []).append
    cache = FeatureCache(done.settings.home / "again")
    row = backbones.get("tiny")
    return TrainingContext(
        run.config(), run.dataset(), done.pictures, row, done.settings, cache, emit
    )


@BOTH
def test_ood_scores_of_test_pictures_are_those_of_the_classifier(trained, preset):
    done = trained(preset)
    assert (done.run.model_folder / "novelty.safetensors").is_file()
    assert storage.load(done.run.model_folder)[0].fine_tuned == (preset == "best")
    classifier = done.run.classifier(done.settings)
    examples = done.run.dataset().of("test")
    for example, score in zip(examples, done.run.ood_scores().scores, strict=True):
        answer = classifier.answer(classifier.load(done.pictures / example.path))
        assert answer.ood_score == pytest.approx(score, abs=1e-4)
        assert (classifier.verdict(answer) is Verdict.UNLIKE) == (score > 1)


@BOTH
def test_false_alarms_are_counted_on_the_test_pictures(trained, preset):
    unlike = trained(preset).run.ood_scores()
    flagged = sum(score > 1 for score in unlike.scores)
    assert unlike.false_alarms.value == pytest.approx(flagged / len(unlike.scores))
    assert unlike.false_alarms.low <= unlike.false_alarms.value <= unlike.false_alarms.high


@BOTH
def test_a_picture_of_none_of_the_classes_is_out_of_distribution(trained, preset):
    done = trained(preset)
    classifier = done.run.classifier(done.settings)
    rows = np.arange(classifier.size)[:, np.newaxis, np.newaxis]
    stripes = np.broadcast_to(np.where(rows % 4 < 2, 255, 0), (classifier.size,) * 2 + (3,))
    answer = classifier.answer(stripes.astype(np.uint8))
    assert classifier.verdict(answer) is Verdict.UNLIKE


@BOTH
def test_the_detector_is_fitted_to_training_and_validation_pictures_only(
    trained, preset, monkeypatch
):
    done, seen = trained(preset), []

    def fit(embeddings, labels, groups):
        seen.append((len(embeddings), labels.tolist(), len(groups)))

    monkeypatch.setattr(ood, "fit", fit)
    context = context_of(done)
    labels = [example.label for split in ("train", "validation") for example in context.of(split)]
    plain = TrainingOutputs(
        np.ones((len(context.of("train")), 32), np.float32),
        np.ones((len(context.of("validation")), 32), np.float32),
        NOTHING,
    )
    post_report.fit_ood(context, done.run, plain)
    assert seen == [(len(labels), labels, len(labels))]


def test_a_fine_tuned_run_is_compared_with_some_pictures_of_each_class_as_it_sees_them(
    tiny, settings, some_shapes, tmp_path, monkeypatch
):
    monkeypatch.setattr(post_report, "OOD_PICTURES", 15)
    monkeypatch.setattr(ood, "MINIMUM_PER_CLASS", 1)
    seen, fit = [], ood.fit
    monkeypatch.setattr(ood, "fit", lambda *rows: seen.append(rows) or fit(*rows))
    done = train(some_shapes, asked_for("best"), tmp_path / "run", settings)
    ((embeddings, labels, _groups),) = seen
    assert np.bincount(labels).tolist() == [5, 5, 5]
    classifier, examples = done.run.classifier(settings), done.run.dataset().examples
    learned = [e for split in ("train", "validation") for e in examples if e.split == split]
    places = ood.balanced_sample(np.array([example.label for example in learned]), 15)
    for place, row in zip(places, embeddings, strict=True):
        view = classifier.load(done.pictures / learned[place].path)
        np.testing.assert_allclose(classifier.answer(view).embedding, row, atol=1e-4)


def test_too_few_pictures_give_no_detector(trained, monkeypatch):
    done = trained()
    monkeypatch.setattr(ood, "fit", lambda *_: None)
    (done.run.model_folder / storage.OOD).unlink()
    (done.run.path / "unlike.json").unlink()
    context = context_of(done)
    counts = [len(context.of(split)) for split in ("train", "validation")]
    plain = (np.ones((count, 32), np.float32) for count in counts)
    post_report.fit_ood(context, done.run, TrainingOutputs(*plain, NOTHING))
    assert not (done.run.model_folder / storage.OOD).exists()
    assert not (done.run.path / "unlike.json").exists()
    classifier = unsealed(done)
    answer = classifier.answer(np.full((classifier.size,) * 2 + (3,), 90, np.uint8))
    assert answer.ood_score is None
    assert classifier.verdict(answer) is not Verdict.UNLIKE


@pytest.mark.parametrize("content", [b"", b"{}", b"\x80\x80"])
def test_a_detector_that_cannot_be_read_is_damage(trained, content):
    done = trained()
    (done.run.model_folder / storage.OOD).write_bytes(content)
    with pytest.raises(RunDamaged, match=r"novelty\.safetensors cannot be read"):
        unsealed(done)


def test_a_detector_for_other_features_is_damage(trained):
    done = trained()
    file = done.run.model_folder / storage.OOD
    arrays = load_file(file)
    narrow = {name: arrays[name][:, :-1].copy() for name in ("means", "directions")}
    save_file(arrays | narrow, file)
    with pytest.raises(RunDamaged, match="is for 31 features, its backbone has 32"):
        unsealed(done)


@BOTH
def test_the_appearance_of_training_pictures_is_measured_as_the_model_sees_them(trained, preset):
    done = trained(preset)
    classifier = done.run.classifier(done.settings)
    taught = [done.pictures / example.path for example in done.run.dataset().of("train")]
    found = [
        appearance.measure(appearance.as_camera_frame(classifier.load(path))) for path in taught
    ]
    assert classifier.appearance == appearance.summarise(found)
    assert classifier.appearance.pictures == len(taught)


def test_of_many_training_pictures_some_are_measured(trained, monkeypatch):
    done = trained()
    monkeypatch.setattr(appearance, "MOST", 22)
    post_report.measure_appearance(context_of(done), done.run, None)
    assert storage.load_appearance(done.run.model_folder).pictures == 22


def test_of_few_training_pictures_no_appearance_is_kept(trained, monkeypatch):
    done = trained()
    (done.run.model_folder / storage.APPEARANCE).unlink()
    monkeypatch.setattr(appearance, "MINIMUM_PICTURES", 100)
    post_report.measure_appearance(context_of(done), done.run, None)
    assert not (done.run.model_folder / storage.APPEARANCE).exists()
    assert unsealed(done).appearance is None


@pytest.mark.parametrize("content", [b"", b"{}", b"\x80", b'{"version": 1, "pictures": 30}'])
def test_an_appearance_that_cannot_be_read_is_damage(trained, content):
    done = trained()
    (done.run.model_folder / storage.APPEARANCE).write_bytes(content)
    with pytest.raises(RunDamaged, match=r"looks\.json cannot be read"):
        unsealed(done)
