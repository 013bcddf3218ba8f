"""Corrections of pictures, and the training that follows them."""

from pathlib import Path

import pytest

from core import runs
from core.dataset import Dataset, Example, split
from core.errors import BadDataset
from core.jobs.events import Note
from core.jobs.folder import JobSpec, State
from core.runs import corrections
from core.runs.annotations import Correction
from core.runs.run import Run
from core.settings import Settings
from core.training.cache import cache_folder
from tests.core.jobs.at_work import wait_until_ended
from tests.core.trainings import tiny_config, train

CLASSES = ("ant", "bee")


def example(number: int, label: int = 0, part: str = "train", *, copy_of: int | None = None):
    return Example(
        name=f"{number}.jpg",
        path=f"{number}.jpg",
        label=label,
        sha256=f"{number if copy_of is None else copy_of:064}",
        width=9,
        height=9,
        split=part,
    )


def dataset(*examples: Example) -> Dataset:
    return Dataset(name="x", classes=CLASSES, examples=examples)


def correction(number: int, label: str | None) -> Correction:
    return Correction(sha256=f"{number:064}", name=f"{number}.jpg", label=label)


def test_a_picture_gets_its_label_or_is_left_out_and_says_so() -> None:
    before = dataset(example(0), example(1), example(2, label=1))
    after = corrections.correct(before, (correction(0, "bee"), correction(1, None)))
    assert [(e.name, e.label) for e in after.examples] == [("0.jpg", 1), ("2.jpg", 1)]
    assert [(s.name, s.reason) for s in after.skipped] == [("1.jpg", corrections.LEFT_OUT)]
    assert before.examples[0].label == 0, "the dataset that was given is not changed"


def test_every_copy_of_a_picture_is_corrected() -> None:
    before = dataset(example(0), example(1, copy_of=0), example(2))
    after = corrections.correct(before, (correction(0, "bee"),))
    assert [e.label for e in after.examples] == [1, 1, 0]


def test_test_pictures_keep_their_labels() -> None:
    before = dataset(example(0, part="test"), example(1))
    assert corrections.correct(before, (correction(0, "bee"), correction(1, None))).examples == (
        example(0, part="test"),
    )


def test_a_correction_to_an_unknown_class_changes_nothing() -> None:
    before = dataset(example(0), example(1))
    assert corrections.correct(before, (correction(0, "wasp"),)) == before


def test_a_dataset_that_is_already_split_keeps_its_split() -> None:
    parts = ("test", "validation", "train", "train", "train", "train")
    before = dataset(*(example(n, n % 2, part) for n, part in enumerate(parts)))
    assert split(before, validation=0.4, test=0.4, seed=5) == before
    fresh = before.model_copy(
        update={"examples": tuple(e.model_copy(update={"split": None}) for e in before.examples)}
    )
    assert split(fresh, validation=0.4, test=0.4, seed=5) != before


@pytest.fixture
def finished_run(tiny: object, settings: Settings, shapes_dataset, tmp_path: Path) -> Run:
    """A run on some shapes in the home of this test, with its pictures beside it."""
    personal = settings.model_copy(update={"mode": "personal"})
    features = cache_folder(shapes_dataset.pictures, personal)
    path = settings.home / "runs" / ("0123456789abcdef" * 2)
    run = train(shapes_dataset, tiny_config("quick"), path, personal, features=features).run
    run.job.open(JobSpec(kind="train", arguments={"pictures": str(shapes_dataset.pictures)}))
    run.job.end(State.FINISHED)
    return run


def test_a_retraining_uses_corrected_labels_and_cached_features(
    finished_run: Run, settings: Settings
) -> None:
    personal = settings.model_copy(update={"mode": "personal"})
    training_examples = finished_run.dataset().of("train")
    wrong, outlier = training_examples[0], training_examples[-1]
    other_class = finished_run.dataset().classes[(wrong.label + 1) % 3]
    for picture, label in ((wrong, other_class), (outlier, None)):
        fix = Correction(sha256=picture.sha256, name=picture.name, label=label)
        finished_run.annotate(lambda annotations, fix=fix: annotations.corrected(fix))

    retrained = corrections.train_again(finished_run, personal)
    assert wait_until_ended(retrained.job, personal).state is State.FINISHED

    names = {e.name: e for e in retrained.dataset().examples}
    assert retrained.dataset().classes[names[wrong.name].label] == other_class
    assert outlier.name not in names
    assert [e.name for e in retrained.dataset().of("test")] == [
        e.name for e in finished_run.dataset().of("test")
    ]
    notes = [event.sentence for event in retrained.events() if isinstance(event, Note)]
    assert any(note.endswith("; 0 were extracted.") for note in notes), notes
    assert retrained.title == f"{finished_run.title}, corrected"
    origin = retrained.origin()
    assert origin is not None and origin.run == finished_run.id
    assert len(origin.corrections) == 2
    assert finished_run.origin() is None


def test_without_its_pictures_a_run_cannot_be_corrected(
    shapes_dataset, settings: Settings, tmp_path: Path
) -> None:
    finished_run = runs.create(
        tiny_config("quick"), shapes_dataset.dataset, runs.new_path(settings)
    )
    finished_run.job.open(runs.training_spec(tmp_path / "gone"))
    finished_run.job.end(State.FINISHED)
    with pytest.raises(BadDataset, match=r"no longer on this host.*upload them again"):
        corrections.train_again(finished_run, settings)
    assert [path.name for path in (settings.home / "runs").iterdir()] == [finished_run.id]
