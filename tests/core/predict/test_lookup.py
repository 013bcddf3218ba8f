"""A model is found by its name, and scored on pictures of its classes."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from core.bundles import imported
from core.dataset import fingerprints
from core.errors import BadDataset, BadInput, RunDamaged, UnknownModel
from core.evaluation.wording import undefined
from core.model import storage
from core.model.decision import Verdict
from core.predict import lookup
from core.system import prose
from tests import shapes
from tests.core import trainings


@pytest.mark.parametrize(("name", "title"), [("", "EfficientNet-Lite0"), ("tiny", "Tiny")])
def test_a_backbone_is_found_by_its_name_or_by_default(tiny, settings, name, title):
    assert lookup.find(name, settings).title == title


def test_a_backbone_is_not_sure_of_what_it_gives_less_than_a_fifth(tiny, settings):
    decision = lookup.find("tiny", settings).decision
    assert decision.verdict(np.float32([0.19, *[0.01] * 81]), None) is Verdict.NOT_SURE
    assert decision.verdict(np.float32([0.21, *[0.01] * 79]), None) is Verdict.SURE


def test_a_run_is_found_by_its_id_and_by_its_folder(trained_run):
    trained = trained_run()
    for name in (trained.run.id, str(trained.run.path)):
        classifier = lookup.find(name, trained.settings)
        assert classifier.title == "shapes"
        assert classifier.labels == trained.run.dataset().classes


def test_an_unknown_name_is_refused_with_the_known_backbones(settings):
    for name in ("resnet18", "none/there", "0" * 31):
        with pytest.raises(UnknownModel, match=r"Backbones: efficientnet-lite0, "):
            lookup.find(name, settings)


def test_a_run_that_is_not_there_and_a_folder_that_is_no_run_are_refused(settings, tmp_path):
    with pytest.raises(UnknownModel, match="No run with this id"):
        lookup.find("0" * 32, settings)
    with pytest.raises(BadInput, match="Expected a run folder"):
        lookup.find(str(tmp_path), settings)


def test_a_damaged_run_is_refused(trained_run):
    trained = trained_run()
    (trained.run.model_folder / "weights.safetensors").write_bytes(b"")
    with pytest.raises(RunDamaged):
        lookup.find(trained.run.id, trained.settings)


def test_other_pictures_are_scored_as_the_model_answers(trained_run, tmp_path):
    trained = trained_run("best")
    source = tmp_path / "others.zip"
    with zipfile.ZipFile(source, "w") as archive:
        # Not in the order of the model's classes, and one of them is missing.
        for label in (2, 0):
            for number in range(4):
                picture = shapes.encoded(shapes.draw(label, 500 + number))
                archive.writestr(f"{shapes.NAMES[label]}/{number}.jpg", picture)
    report = lookup.evaluate_on(str(trained.run.path), source, trained.settings)
    classifier = trained.run.classifier(trained.settings)
    assert report.classes == classifier.labels
    assert report.pictures == 8
    with zipfile.ZipFile(source) as archive:
        for prediction in report.predictions:
            answer = classifier.answer(classifier.load(archive.read(prediction.name)))
            assert prediction.predicted == int(np.argmax(answer.probabilities))
            assert prediction.probability == pytest.approx(answer.probabilities.max(), abs=1e-5)
            assert prediction.name.startswith(f"{classifier.labels[prediction.label]}/")


def test_pictures_of_one_class_are_enough_and_undefined_figures_are_named(trained_run, tmp_path):
    trained = trained_run("best")
    source = tmp_path / "one.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for number in range(4):
            picture = shapes.encoded(shapes.draw(1, 600 + number))
            # Names from which labels could be read, if there were no class folder.
            archive.writestr(f"{shapes.NAMES[1]}/{'ab'[number % 2]}_{number}.jpg", picture)
    report = lookup.evaluate_on(str(trained.run.path), source, trained.settings)
    assert [row.support for row in report.per_class if row.recall is not None] == [4]
    assert report.macro.recall.value == report.accuracy.value
    assert (
        f"recall over 1, precision over 1 and F1 over 1 of {len(report.classes)} classes"
        in undefined(report)
    )


def test_numbered_folders_get_the_names_that_a_file_gives_them(trained_run, tmp_path):
    trained = trained_run()
    source = tmp_path / "numbered.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("class_names.json", json.dumps(shapes.NAMES[:2]))
        for number in range(8):
            picture = shapes.encoded(shapes.draw(number % 2, 700 + number))
            archive.writestr(f"{number % 2}/{number}.jpg", picture)
    notes = []

    def group(ungrouped):
        notes.extend(note.code for note in ungrouped.notes)
        return ungrouped

    report = lookup.evaluate_on(trained.run.id, source, trained.settings, group)
    assert "class_codes" in notes
    for prediction in report.predictions:
        expected = shapes.NAMES[int(prediction.name.partition("/")[0])]
        assert report.classes[prediction.label] == expected


def test_folders_of_other_classes_are_refused_by_name(trained_run, tmp_path):
    trained = trained_run()
    source = shapes.shapes_zip(tmp_path, classes=5, per_class=2)
    known = prose.listed(trained.run.dataset().classes)
    with pytest.raises(BadDataset, match=rf"\({known}\), found cross and ring\. Rename them"):
        lookup.evaluate_on(trained.run.id, source, trained.settings)


def test_of_many_unknown_classes_the_first_are_named(trained_run, tmp_path):
    trained = trained_run()
    source = tmp_path / "many.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for number in range(9):
            archive.writestr(f"kind{number}/a.jpg", shapes.encoded(shapes.draw(number % 8, number)))
    with pytest.raises(BadDataset, match=r"found kind0, kind1, kind2, kind3, kind4 and 4 more\."):
        lookup.evaluate_on(trained.run.id, source, trained.settings)


def zip_of_splits(trained, path, splits):
    """A zip of pictures that a run was trained with."""
    dataset = trained.run.dataset()
    with zipfile.ZipFile(path, "w") as archive:
        for number, example in enumerate(dataset.examples):
            if example.split in splits:
                content = (trained.pictures / example.path).read_bytes()
                archive.writestr(f"{dataset.classes[example.label]}/{number}.jpg", content)
    return path


@pytest.mark.parametrize("bundled", [False, True])
def test_pictures_that_the_model_learned_from_are_left_out_and_counted(
    trained_run, tmp_path, bundled
):
    trained = trained_run()
    name = str(trained.run.path)
    if bundled:
        (tmp_path / "bundle.zip").write_bytes(trainings.bundle_bytes(trained.run, trained.settings))
        name = str(tmp_path / "bundle.zip")
    everything = zip_of_splits(trained, tmp_path / "all.zip", ("train", "validation", "test"))
    report = lookup.evaluate_on(name, everything, trained.settings)
    dataset = trained.run.dataset()
    assert report.pictures == len(dataset.of("test"))
    assert report.left_out == len(dataset.examples) - report.pictures
    only_known = zip_of_splits(trained, tmp_path / "known.zip", ("train", "validation"))
    with pytest.raises(BadDataset, match=f"found {report.left_out} that it learned from"):
        lookup.evaluate_on(name, only_known, trained.settings)


def zip_of_changed_copies(trained, folder):
    """A zip of the pictures that a run was trained and tested with, encoded again."""
    everything = zip_of_splits(trained, folder / "all.zip", ("train", "validation", "test"))
    with (
        zipfile.ZipFile(everything) as archive,
        zipfile.ZipFile(folder / "changed.zip", "w") as changed,
    ):
        for member in archive.namelist():
            with Image.open(io.BytesIO(archive.read(member))) as picture:
                content = io.BytesIO()
                picture.convert("RGB").save(content, "JPEG", quality=90)
            changed.writestr(member, content.getvalue())
    return folder / "changed.zip"


def test_changed_copies_of_pictures_that_a_run_learned_from_are_left_out_too(trained_run, tmp_path):
    trained = trained_run()
    assert trained.run.pictures is None, "they may be gone"
    changed = zip_of_changed_copies(trained, tmp_path)
    report = lookup.evaluate_on(str(trained.run.path), changed, trained.settings)
    dataset = trained.run.dataset()
    assert report.left_out == len(dataset.examples) - len(dataset.of("test"))


def test_changed_copies_of_what_an_earlier_model_learned_from_are_left_out_too(
    trained_run, tmp_path
):
    """A test picture of the run is one that the model which it continued from had learned from."""
    trained = trained_run()
    run, (picture, *others) = trained.run, trained.run.dataset().of("test")
    storage.save_learned(run.model_folder, run.learned() | {picture.sha256})
    run.complete_with("again", 1, 2)
    run.keep_fingerprints(trained.pictures)
    changed = zip_of_changed_copies(trained, tmp_path)
    report = lookup.evaluate_on(str(run.path), changed, trained.settings)
    assert report.pictures == len(others)


def test_a_run_whose_split_was_changed_is_not_evaluated(trained_run, tmp_path):
    trained = trained_run()
    dataset = trained.run.dataset()
    trained.run.dataset.write(dataset.with_each("split", ("test" for _ in dataset.examples)))
    pictures = zip_of_splits(trained, tmp_path / "learned.zip", ["test"])
    with pytest.raises(RunDamaged, match=r"^dataset\.json of this run is not the file"):
        lookup.evaluate_on(str(trained.run.path), pictures, trained.settings)


def test_it_is_said_where_changed_copies_are_not_recognised(trained_run, tmp_path):
    trained = trained_run()
    run, settings = trained.run, trained.settings
    assert not list(lookup.reservations("", settings))
    (sentence,) = lookup.reservations(str(run.path), settings)
    assert "cropped by up to a tenth" in sentence
    dataset = run.dataset()
    run.dataset.write(dataset.with_each("width", (20 for _ in dataset.examples)))
    run.complete_with("again", 1, 2)
    (sentence,) = lookup.reservations(str(run.path), settings)
    learned = len(run.learned())
    assert sentence.startswith(f"Of {learned} pictures that the model learned from, only"), "small"
    storage.save_learned(run.model_folder, run.learned() | {"0" * 64})
    run.dataset.write(dataset)
    run.complete_with("again", 1, 2)
    (sentence,) = lookup.reservations(str(run.path), settings)
    assert sentence.startswith("Of 1 picture that")
    (run.path / fingerprints.FILE).unlink()
    (sentence,) = lookup.reservations(str(run.path), settings)
    assert sentence.startswith(f"Of {learned + 1} pictures that the model learned from")


def test_the_training_pictures_of_an_earlier_bundle_follow_from_its_split(trained_run, tmp_path):
    trained = trained_run()
    files = zipfile.ZipFile(io.BytesIO(trainings.bundle_bytes(trained.run, trained.settings)))
    with zipfile.ZipFile(tmp_path / "old.zip", "w") as old:
        for member in files.namelist():
            if member != "learned.json":
                old.writestr(member, files.read(member))
    test = {example.sha256 for example in trained.run.dataset().of("test")}
    model = imported.open_bundle(tmp_path / "old.zip", trained.settings)
    assert model.learned() == {e.sha256 for e in trained.run.dataset().examples} - test
