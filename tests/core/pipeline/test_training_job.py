"""A whole training: from pictures to a finished run, and what may go wrong on the way."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core import checks, images, runs
from core.dataset import Dataset
from core.errors import BadDataset, Cancelled, RunDamaged
from core.estimating import resources
from core.jobs.events import Epoch, Kept, Note, Step
from core.jobs.folder import PRIVATE
from core.model import storage
from core.model.classifier import ServingModel
from core.pipeline import post_report
from core.settings import Settings
from core.system import capacity, threads
from core.system.files import sha256
from core.training import features, head, outcome
from tests import shapes
from tests.core.trainings import ImportedDataset, import_dataset, tiny_config, train

ROOT = Path(__file__).parents[3]
BOTH_PRESETS = pytest.mark.parametrize("preset", ["quick", "best"])
QUICK = tiny_config("quick")


def files(run):
    paths = (path for path in run.path.rglob("*") if path.is_file())
    return {path.relative_to(run.path).as_posix() for path in paths}


def notes(trained):
    return [event.sentence for event in trained.events if isinstance(event, Note)]


def select_examples(dataset: Dataset, keep) -> Dataset:
    """The examples whose place among those of their class `keep(label, place)` accepts."""
    counts = [0] * len(dataset.classes)
    examples = []
    for example in dataset.examples:
        if keep(example.label, counts[example.label]):
            examples.append(example)
        counts[example.label] += 1
    return dataset.model_copy(update={"examples": tuple(examples)})


@BOTH_PRESETS
def test_a_run_is_complete_with_every_file(trained_run, preset):
    run = trained_run(preset).run
    pictures = {f"thumbnails/{index:06d}.jpg" for index in range(run.report().pictures)}
    model_files = {"classifier.tflite", "labels.txt", "train.py", "split.json"}
    model_files |= {"model.json", "weights.safetensors", "novelty.safetensors", "looks.json"}
    model_files.add("learned.json")
    if preset == "best":  # its backbone is its own, and so is what serves it
        model_files.add("serving.tflite")
    assert files(run) == pictures | {f"model/{name}" for name in model_files} | {
        "config.json",
        "dataset.json",
        "fingerprints.npz",
        "footprint.json",
        "heatmaps.npy",
        "learning_curve.json",
        "manifest.json",
        "probabilities.npy",
        "report.json",
        "suspects.json",
        "unlike.json",
        "verification.json",
    }
    assert run.complete


@BOTH_PRESETS
def test_the_manifest_lists_every_file_with_its_hash(trained_run, preset):
    run = trained_run(preset).run
    manifest = run.manifest()
    assert set(manifest.files) == files(run) - {*PRIVATE, "manifest.json"}
    assert all(sha256(run.path / name) == value for name, value in manifest.files.items())
    assert manifest.name == "shapes"
    assert manifest.seconds > 0
    assert [result.file for result in run.verification().results] == ["classifier.tflite"]


@BOTH_PRESETS
def test_report_run_and_litert_file_have_the_same_probabilities(trained_run, preset):
    trained = trained_run(preset)
    run = trained.run
    report, classifier = run.report(), run.classifier(trained.settings)
    assert report.accuracy.value > 0.6
    test = run.dataset().of("test")
    views = np.stack([classifier.load(trained.pictures / example.path) for example in test])

    litert = ServingModel(run.model_folder / "classifier.tflite", threads=1)
    answers = {
        "run": np.stack([classifier.answer(view).probabilities for view in views]),
        "litert": np.stack([litert.run(view).probabilities for view in views]),
        "report": np.zeros((len(test), 3)),
    }
    for row, prediction in zip(answers["report"], report.predictions, strict=True):
        for label, probability in prediction.top:
            row[label] = probability
    for name, probabilities in answers.items():
        np.testing.assert_allclose(probabilities, run.probabilities(), atol=1e-3, err_msg=name)
        assert [int(row.argmax()) for row in probabilities] == [
            p.predicted for p in report.predictions
        ]

    labels = (run.model_folder / "labels.txt").read_text().splitlines()
    assert tuple(labels) == report.classes == classifier.labels == run.dataset().classes
    assert [p.name for p in report.predictions] == [example.name for example in test]
    assert [p.label for p in report.predictions] == [example.label for example in test]


def test_quick_keeps_the_backbone_and_best_trains_its_top(trained_run):
    quick, fine_tuned = (
        storage.load(trained_run(name).run.model_folder) for name in ("quick", "best")
    )
    assert not quick[0].fine_tuned
    assert set(quick[1]) == {"head.0.kernel", "head.0.bias"}
    assert fine_tuned[0].cut == "stem"
    assert {name.split(".")[0] for name in fine_tuned[1]} == {"head", "trunk"}


@BOTH_PRESETS
def test_a_run_keeps_its_configuration_and_its_split(trained_run, preset):
    run = trained_run(preset).run
    assert run.config() == tiny_config(preset)
    dataset = run.dataset()
    sizes = {split: len(dataset.of(split)) for split in ("train", "validation", "test")}
    assert sizes == {"train": 30, "validation": 6, "test": 6}
    assert run.report().pictures == 6


def test_events_name_the_steps_in_their_order(trained_run):
    trained = trained_run("best")
    steps = list(dict.fromkeys(event.what for event in trained.events if isinstance(event, Step)))
    assert steps[:3] == [
        "Extracting features of training pictures",
        "Extracting features of validation pictures",
        "Fine-tuning, epoch 1",
    ]
    after = steps.index("Scoring test pictures")
    assert steps[after:][:2] == ["Scoring test pictures", "Verifying classifier.tflite"]
    phases = [event.phase for event in trained.events if isinstance(event, Epoch)]
    assert phases == sorted(phases, reverse=True), "head, then fine-tune"
    kept_events = [event for event in trained.events if isinstance(event, Kept)]
    assert [event.phase for event in kept_events] == ["head", "fine-tune"]
    assert kept_events[1].epoch and outcome.describe(kept_events[1]) in notes(trained)
    assert "Writing classifier.tflite." in notes(trained)


WRITING = "Writing classifier.tflite."
WATCH = """
import sys
from pathlib import Path
from core import settings
from core.pipeline import training_job
from core.runs import Run

run = Run(Path(sys.argv[1]))
heavy = lambda: sorted({"tensorflow", "keras"} & set(sys.modules))

def watch(event):
    if getattr(event, "sentence", "") == sys.argv[3]:
        print(run.complete, run.report().pictures, heavy())

training_job.train(run, Path(sys.argv[2]), settings.load(), watch, Path(sys.argv[4]))
print(run.verification().of("classifier.tflite").passed, heavy())
"""


@pytest.mark.slow
def test_quick_writes_its_report_and_a_verified_file_without_tensorflow(
    tiny, settings, shapes_dataset, tmp_path
):
    run = runs.create(QUICK, shapes_dataset.dataset, runs.new_path(settings))
    watched = subprocess.run(
        [sys.executable, "-c", WATCH, run.path, shapes_dataset.pictures, WRITING, tmp_path],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    assert watched.stdout.split("\n")[:2] == ["True 6 []", "True []"], watched.stderr


def test_a_predefined_split_is_used(tiny, settings, tmp_path):
    source = tmp_path / "given.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for split, count in (("train", 6), ("val", 2), ("test", 3)):
            for label in range(2):
                for number in range(count):
                    picture = shapes.encoded(shapes.draw(label, 100 * count + number))
                    archive.writestr(f"{split}/{shapes.NAMES[label]}/{number}.jpg", picture)
    trained = train(import_dataset(tmp_path / "in", source), QUICK, tmp_path / "run", settings)
    dataset = trained.run.dataset()
    for split, folder in (("train", "train"), ("validation", "val"), ("test", "test")):
        assert {example.name.split("/")[0] for example in dataset.of(split)} == {folder}
    assert len(dataset.of("validation")) == 4
    assert {p.name.split("/")[0] for p in trained.run.report().predictions} == {"test"}


def test_the_report_does_not_depend_on_the_order_and_names_of_the_files(tiny, settings, tmp_path):
    source, other = shapes.shapes_zip(tmp_path, per_class=20), tmp_path / "other.zip"
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(other, "w") as renamed:
        names = np.random.default_rng(0).permutation(archive.namelist()).tolist()
        for number, name in enumerate(names):
            renamed.writestr(f"{name.split('/')[0]}/{number:03}.jpg", archive.read(name))
    reports = []
    for path in (source, other):
        taken = import_dataset(tmp_path / path.stem, path)
        run = train(taken, QUICK, tmp_path / f"run {path.stem}", settings).run
        reports.append((run.report(), run.probabilities(), run.learning_curve()))
    (first, probabilities, curve), (second, others, other_curve) = reports
    assert np.array_equal(probabilities, others)
    assert curve == other_curve
    for one, two in zip(first.predictions, second.predictions, strict=True):
        assert one.model_copy(update={"name": ""}) == two.model_copy(update={"name": ""})
    nameless = {"predictions": ()}
    assert first.model_copy(update=nameless) == second.model_copy(update=nameless)


@BOTH_PRESETS
def test_no_validation_or_test_picture_is_among_the_training_features(
    tiny, settings, shapes_dataset, tmp_path, monkeypatch, preset
):
    extracted = []
    extract = features.extract

    def watched(examples, *rest, **options):
        extracted.append({example.sha256 for example in examples})
        return extract(examples, *rest, **options)

    def stop(*_):
        raise Cancelled("Seen enough.")

    monkeypatch.setattr(features, "extract", watched)
    monkeypatch.setattr(head, "fit", stop)
    train(shapes_dataset, tiny_config(preset), tmp_path / "run", settings)
    dataset = runs.Run(tmp_path / "run").dataset()
    hashes = {
        split: {example.sha256 for example in dataset.of(split)}
        for split in ("train", "validation", "test")
    }
    # The head alone is scored from features; what was fine-tuned is shown the pictures again.
    tested = [hashes["test"]] if preset == "quick" else []
    assert extracted == [hashes["train"], hashes["validation"], *tested]
    assert not hashes["train"] & (hashes["validation"] | hashes["test"])


def test_the_seed_decides_the_split(trained_run, settings, shapes_dataset, tmp_path):
    first = trained_run("quick").run
    assert first.config().seed == 0
    second = train(shapes_dataset, tiny_config("quick", seed=1), tmp_path / "run", settings).run
    first_names, second_names = (
        {e.name for e in run.dataset().of("test")} for run in (first, second)
    )
    assert first_names != second_names


@pytest.mark.parametrize("preset", ["quick", pytest.param("best", marks=pytest.mark.slow)])
def test_the_same_settings_and_seed_give_the_same_report_to_the_last_bit(
    trainings, tiny_home, shapes_dataset, tmp_path, preset
):
    first = trainings(preset).run
    shutil.copytree(tiny_home, tmp_path / "home")
    home = Settings(home=tmp_path / "home")
    second = train(shapes_dataset, tiny_config(preset), tmp_path / "again", home).run
    np.testing.assert_array_equal(second.probabilities(), first.probabilities())
    assert second.report() == first.report()
    assert second.ood_scores() == first.ood_scores()
    assert second.learning_curve() == first.learning_curve()


def without_validation(dataset):
    return select_examples(dataset, lambda _, index: index < 2)


def without_training_pictures_of_a_class(dataset):
    examples = tuple(
        example.model_copy(
            update={"split": "test" if example.label == 1 or index % 3 == 0 else "train"}
        )
        for index, example in enumerate(dataset.examples)
    )
    return dataset.model_copy(update={"examples": examples, "predefined": True})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (without_validation, "Expected validation pictures, found none among 6."),
        (without_training_pictures_of_a_class, "training pictures of each class.*{name}"),
    ],
)
def test_splits_that_lack_pictures_are_refused(
    tiny, settings, shapes_dataset, tmp_path, change, sentence
):
    dataset = change(shapes_dataset.dataset)
    with pytest.raises(BadDataset, match=sentence.format(name=dataset.classes[1])):
        train(ImportedDataset(dataset, shapes_dataset.pictures), QUICK, tmp_path / "run", settings)
    run = runs.Run(tmp_path / "run")
    assert not run.complete
    assert files(run) == {"config.json", "dataset.json"}


def test_a_class_of_one_picture_can_be_trained(tiny, settings, shapes_dataset, tmp_path):
    rare = select_examples(shapes_dataset.dataset, lambda label, index: label != 2 or index == 0)
    run_config = tiny_config("quick", augmentation={"views": 8})
    trained = train(
        ImportedDataset(rare, shapes_dataset.pictures), run_config, tmp_path / "run", settings
    )
    assert trained.run.complete
    assert trained.run.dataset().counts("train")[2] == 1


def is_epoch(event):
    return isinstance(event, Epoch)


def test_cancelling_leaves_an_unfinished_run_and_cached_features(
    tiny, settings, shapes_dataset, tmp_path
):
    folder = tmp_path / "features"
    arguments = shapes_dataset, QUICK, tmp_path / "run", settings
    run = train(*arguments, features=folder, until=is_epoch).run
    assert not run.complete
    assert files(run) == {"config.json", "dataset.json"}
    assert not list(run.path.glob(".*"))
    repeated = train(shapes_dataset, QUICK, tmp_path / "again", settings, features=folder)
    assert "42 of 42 views came from the cache; 0 were extracted." in notes(repeated)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no list of mapped files here")
def test_activations_are_unmapped_before_the_scoring(tiny, settings, shapes_dataset, tmp_path):
    mapped = {}

    def watch(event):
        if isinstance(event, Step):
            mapped[event.what] = "stem_relu/rows" in Path("/proc/self/maps").read_text()
        return isinstance(event, Step) and event.what.startswith("Scoring")

    train(shapes_dataset, tiny_config("best"), tmp_path / "run", settings, until=watch)
    assert mapped["Fine-tuning, epoch 1"]
    assert not mapped["Scoring test pictures"]


def test_faults_after_the_report_are_reported_and_the_run_stays_complete(
    tiny, settings, shapes_dataset, tmp_path, monkeypatch
):
    steps = ("export", "find_label_issues", "learning_curve", "fit_ood", "measure_inflation")
    steps += ("measure_appearance", "draw_heatmaps", "measure_footprint", "give_way")
    steps += ("keep_fingerprints",)
    for step in steps:
        monkeypatch.setattr(post_report, step, lambda *_: 1 / 0)
    trained = train(shapes_dataset, QUICK, tmp_path / "run", settings)
    sentences = [
        sentence for sentence in notes(trained) if sentence.endswith("; the log says why.")
    ]
    assert len(set(sentences)) == len(steps), "a fault stops no other step"
    assert trained.run.complete
    assert trained.run.report().pictures == 6
    for event in trained.events:
        trained.run.job.events.append(event)
    missing = trained.run.missing_results(settings)
    assert len(missing) == len(steps) - 1, "its report says so; the order of trainings is no result"
    assert "Wrong labels could not be looked for; the log says why." in missing


def test_files_of_a_training_that_is_cancelled_after_its_report_are_listed(
    tiny, settings, shapes_dataset, tmp_path
):
    def looks_for_labels(event):
        return isinstance(event, Note) and "labels that may be wrong" in event.sentence

    run = train(shapes_dataset, QUICK, tmp_path / "run", settings, until=looks_for_labels).run
    listed = run.manifest().files
    for name in (storage.OOD, storage.LITERT):
        assert f"{run.model_folder.name}/{name}" in listed
    with (run.model_folder / storage.OOD).open("ab") as file:
        file.write(b"damaged")
    with pytest.raises(RunDamaged):
        run.classifier(settings)


def test_a_batch_that_was_reduced_is_in_the_settings_of_the_run(
    tiny, settings, shapes_dataset, tmp_path, monkeypatch
):
    config = tiny_config("best")
    half = config.model_copy(update={"batch_size": config.batch_size // 2})
    needed = resources.memory(shapes_dataset.dataset, half, threads.cores())
    free = int(needed / (1 - capacity.SPARE)) + 100_000
    monkeypatch.setattr(capacity, "free_memory", lambda: free)
    arguments = shapes_dataset, config, tmp_path / "run", settings
    trained = train(*arguments, until=lambda event: isinstance(event, Step))
    assert trained.run.config() == half


def test_fine_tuning_without_a_gain_keeps_only_the_head(
    trained_run, tiny, settings, shapes_dataset, tmp_path
):
    phase = {"optimizer": "sgd", "learning_rate": 1, "epochs": 2}
    run_config = tiny_config("best", fine_tune_phase=phase)
    trained = train(shapes_dataset, run_config, tmp_path / "run", settings)
    assert any("the head alone was kept" in sentence for sentence in notes(trained))
    saved, _ = storage.load(trained.run.model_folder)
    assert not saved.fine_tuned
    assert not (trained.run.model_folder / "serving.tflite").exists()
    quick = trained_run("quick")
    np.testing.assert_allclose(trained.run.probabilities(), quick.run.probabilities(), atol=1e-4)


def test_fine_tuning_that_could_show_no_gain_is_left_out(
    trained_run, tiny, settings, shapes_dataset, tmp_path
):
    run_config = tiny_config("best", unfreeze={"stages": 2, "least_errors": 100})
    trained = train(shapes_dataset, run_config, tmp_path / "run", settings)
    assert any(sentence.startswith("Fine-tuning was left out") for sentence in notes(trained))
    assert not any(isinstance(e, Epoch) and e.phase == "fine-tune" for e in trained.events)
    _, left_out = (event for event in trained.events if isinstance(event, Kept))
    assert (left_out.phase, left_out.epoch) == ("fine-tune", 0)
    assert left_out.reason in notes(trained)
    quick = trained_run("quick")
    np.testing.assert_array_equal(trained.run.probabilities(), quick.run.probabilities())


def test_the_report_of_a_hidden_head_has_the_probabilities_of_the_model(
    tiny, settings, shapes_dataset, tmp_path
):
    run_config = tiny_config("quick", head={"hidden": [8], "dropout": 0.1})
    trained = train(shapes_dataset, run_config, tmp_path / "run", settings)
    classifier = trained.run.classifier(settings)
    for example, row in zip(
        trained.run.dataset().of("test"), trained.run.probabilities(), strict=True
    ):
        view = images.decode_and_crop(
            trained.pictures / example.path, classifier.size, classifier.crop, limits=Settings()
        )
        np.testing.assert_allclose(classifier.answer(view).probabilities, row, atol=1e-6)


def test_a_backbone_that_is_not_ready_is_prepared_first(settings, shapes_dataset, tmp_path):
    trained = train(shapes_dataset, QUICK, tmp_path / "run", settings)
    assert notes(trained)[0] == "Tiny is prepared first. This happens once."
    assert trained.run.complete


def test_a_label_that_is_likely_wrong_is_listed_with_a_picture(
    tiny, settings, shapes_dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(checks.labels, "MARGIN", 0.01)
    wrong = {shapes_dataset.dataset.examples[index].name for index in (1, 15, 30)}
    examples = tuple(
        example.model_copy(update={"label": (example.label + 1) % 3})
        if example.name in wrong
        else example
        for example in shapes_dataset.dataset.examples
    )
    mislabelled = shapes_dataset.dataset.model_copy(update={"examples": examples})
    trained = train(
        ImportedDataset(mislabelled, shapes_dataset.pictures), QUICK, tmp_path / "run", settings
    )
    training_names = {example.name for example in trained.run.dataset().of("train")}
    listed = [suspect.name for suspect in trained.run.label_issues()]
    assert wrong & training_names
    assert set(listed) <= training_names
    assert wrong & set(listed)
    assert all(trained.run.label_issue_thumbnail(index).is_file() for index in range(len(listed)))


@BOTH_PRESETS
def test_the_learning_curve_uses_training_and_validation_pictures(trained_run, preset):
    run = trained_run(preset).run
    dataset, curve = run.dataset(), run.learning_curve()
    assert curve.classes == dataset.classes
    pictures = len(dataset.of("train")) + len(dataset.of("validation"))
    assert curve.points[-1].taught == round(0.8 * pictures)
    assert curve.sentence
