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
from tests.core.trainings import tiny_config, train

BOTH = pytest.mark.parametrize("preset", ["quick", "best"])
NOTHING = np.empty((0, 0), np.float32)


def unchecked_classifier(trained):
    """The classifier of a run whose files were changed, which its manifest would not allow."""
    return storage.classifier(trained.run.model_folder, "Shapes", trained.settings)


def training_context(trained):
    """The context in which a run was trained, to repeat a step of it."""
    run, cache = trained.run, FeatureCache(trained.settings.home / "again")
    row = backbones.get("tiny")
    return TrainingContext(
        *(run.config(), run.dataset(), trained.pictures, row, trained.settings, cache), print
    )


@BOTH
def test_ood_scores_and_false_alarms_are_those_of_the_classifier(trained_run, preset):
    trained = trained_run(preset)
    assert (trained.run.model_folder / "novelty.safetensors").is_file()
    assert storage.load(trained.run.model_folder)[0].fine_tuned == (preset == "best")
    classifier = trained.run.classifier(trained.settings)
    examples = trained.run.dataset().of("test")
    stored = trained.run.ood_scores()
    for example, score in zip(examples, stored.scores, strict=True):
        answer = classifier.answer(classifier.load(trained.pictures / example.path))
        assert answer.ood_score == pytest.approx(score, abs=1e-4)
        assert (classifier.verdict(answer) is Verdict.UNLIKE) == (score > 1)
    share = sum(score > 1 for score in stored.scores) / len(stored.scores)
    assert stored.false_alarms.value == pytest.approx(share)


@BOTH
def test_a_picture_of_none_of_the_classes_is_out_of_distribution(trained_run, preset):
    trained = trained_run(preset)
    classifier = trained.run.classifier(trained.settings)
    rows = np.arange(classifier.size)[:, np.newaxis, np.newaxis]
    stripes = np.broadcast_to(np.where(rows % 4 < 2, 255, 0), (classifier.size,) * 2 + (3,))
    answer = classifier.answer(stripes.astype(np.uint8))
    assert classifier.verdict(answer) is Verdict.UNLIKE


@BOTH
def test_the_detector_is_fitted_to_training_and_validation_pictures_only(
    trained_run, preset, monkeypatch
):
    trained, fit_calls = trained_run(preset), []

    def fit(embeddings, labels, groups):
        fit_calls.append((len(embeddings), labels.tolist(), len(groups)))

    monkeypatch.setattr(ood, "fit", fit)
    context = training_context(trained)
    labels = [example.label for split in ("train", "validation") for example in context.of(split)]
    plain = TrainingOutputs(np.ones((len(labels), 32), np.float32), NOTHING)
    post_report.fit_ood(context, trained.run, plain)
    assert fit_calls == [(len(labels), labels, len(labels))]


def test_the_detector_of_a_fine_tuned_run_is_fitted_to_a_sample_of_each_class(
    tiny, settings, shapes_dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(post_report, "OOD_PICTURES", 15)
    monkeypatch.setattr(ood, "MINIMUM_PER_CLASS", 1)
    fit_calls, fit = [], ood.fit
    monkeypatch.setattr(ood, "fit", lambda *arrays: fit_calls.append(arrays) or fit(*arrays))
    trained = train(shapes_dataset, tiny_config("best"), tmp_path / "run", settings)
    ((embeddings, labels, _groups),) = fit_calls
    assert np.bincount(labels).tolist() == [5, 5, 5]
    classifier, examples = trained.run.classifier(settings), trained.run.dataset().examples
    learned = [e for split in ("train", "validation") for e in examples if e.split == split]
    indices = ood.balanced_sample(np.array([example.label for example in learned]), 15)
    for index, row in zip(indices, embeddings, strict=True):
        view = classifier.load(trained.pictures / learned[index].path)
        np.testing.assert_allclose(classifier.answer(view).embedding, row, atol=1e-4)


def test_too_few_pictures_give_no_detector(trained_run, monkeypatch):
    trained = trained_run()
    monkeypatch.setattr(ood, "fit", lambda *_: None)
    (trained.run.model_folder / storage.OOD).unlink()
    (trained.run.path / "unlike.json").unlink()
    context = training_context(trained)
    plain = np.ones((len(context.of("train", "validation")), 32), np.float32)
    post_report.fit_ood(context, trained.run, TrainingOutputs(plain, NOTHING))
    assert not (trained.run.model_folder / storage.OOD).exists()
    assert not (trained.run.path / "unlike.json").exists()
    classifier = unchecked_classifier(trained)
    answer = classifier.answer(np.full((classifier.size,) * 2 + (3,), 90, np.uint8))
    assert answer.ood_score is None
    assert classifier.verdict(answer) is not Verdict.UNLIKE


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((storage.OOD, content) for content in (b"", b"{}", b"\x80\x80")),
        *((storage.APPEARANCE, content) for content in (b"", b"\x80", b'{"pictures": 30}')),
    ],
)
def test_a_file_that_cannot_be_read_is_damage(trained_run, name, content):
    trained = trained_run()
    (trained.run.model_folder / name).write_bytes(content)
    with pytest.raises(RunDamaged, match=f"{name} cannot be read"):
        unchecked_classifier(trained)


def test_a_detector_for_other_features_is_damage(trained_run):
    trained = trained_run()
    file = trained.run.model_folder / storage.OOD
    arrays = load_file(file)
    narrow = {name: arrays[name][:, :-1].copy() for name in ("means", "directions")}
    save_file(arrays | narrow, file)
    with pytest.raises(RunDamaged, match="is for 31 features, its backbone has 32"):
        unchecked_classifier(trained)


@BOTH
def test_appearance_is_measured_on_the_cropped_training_pictures(trained_run, preset):
    trained = trained_run(preset)
    classifier = trained.run.classifier(trained.settings)
    paths = [trained.pictures / example.path for example in trained.run.dataset().of("train")]
    measures = [
        appearance.measure(appearance.as_camera_frame(classifier.load(path))) for path in paths
    ]
    assert classifier.appearance == appearance.summarise(measures)
    assert classifier.appearance.pictures == len(paths)


def test_appearance_is_measured_on_a_sample_of_many_pictures(trained_run, monkeypatch):
    trained = trained_run()
    monkeypatch.setattr(appearance, "SAMPLED", 22)
    post_report.measure_appearance(training_context(trained), trained.run, None)
    assert storage.load_appearance(trained.run.model_folder).pictures == 22


def test_few_training_pictures_give_no_appearance(trained_run, monkeypatch):
    trained = trained_run()
    (trained.run.model_folder / storage.APPEARANCE).unlink()
    monkeypatch.setattr(appearance, "MINIMUM_PICTURES", 100)
    post_report.measure_appearance(training_context(trained), trained.run, None)
    assert not (trained.run.model_folder / storage.APPEARANCE).exists()
    assert unchecked_classifier(trained).appearance is None
