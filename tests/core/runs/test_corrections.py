"""Corrections of pictures, and the training that follows them."""

import time
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


def test_test_pictures_stay_as_they_are() -> None:
    before = dataset(example(0, part="test"), example(1))
    assert corrections.correct(before, (correction(0, "bee"), correction(1, None))).examples == (
        example(0, part="test"),
    )


def test_a_class_that_is_no_longer_there_changes_nothing() -> None:
    before = dataset(example(0), example(1))
    assert corrections.correct(before, (correction(0, "wasp"),)) == before


def test_a_dataset_that_was_dealt_before_keeps_its_parts() -> None:
    parts = ("test", "validation", "train", "train", "train", "train")
    before = dataset(*(example(n, n % 2, part) for n, part in enumerate(parts)))
    assert split(before, validation=0.4, test=0.4, seed=5) == before
    fresh = before.model_copy(
        update={"examples": tuple(e.model_copy(update={"split": None}) for e in before.examples)}
    )
    assert split(fresh, validation=0.4, test=0.4, seed=5) != before


@pytest.fixture
def learned(tiny: object, settings: Settings, shapes_dataset, tmp_path: Path) -> Run:
    """A run on some shapes in the home of this test, with its pictures beside it."""
    personal = settings.model_copy(update={"mode": "personal"})
    features = cache_folder(shapes_dataset.pictures, personal)
    path = settings.home / "runs" / ("0123456789abcdef" * 2)
    run = train(shapes_dataset, tiny_config("quick"), path, personal, features=features).run
    run.job.open(JobSpec(kind="train", arguments={"pictures": str(shapes_dataset.pictures)}))
    run.job.end(State.FINISHED)
    return run


def test_a_new_run_learns_from_corrected_pictures_and_pays_only_for_the_head(
    learned: Run, settings: Settings
) -> None:
    personal = settings.model_copy(update={"mode": "personal"})
    taught = learned.dataset().of("train")
    wrong, odd = taught[0], taught[-1]
    other = learned.dataset().classes[(wrong.label + 1) % 3]
    for one, label in ((wrong, other), (odd, None)):
        made = Correction(sha256=one.sha256, name=one.name, label=label)
        learned.annotate(lambda said, made=made: said.corrected(made))

    again = corrections.train_again(learned, personal)
    deadline = time.monotonic() + 90
    while not again.complete:
        assert time.monotonic() < deadline, again.job.log_tail()
        assert again.status(personal).state in (State.QUEUED, State.RUNNING, State.FINISHED)
        time.sleep(0.1)

    names = {e.name: e for e in again.dataset().examples}
    assert again.dataset().classes[names[wrong.name].label] == other
    assert odd.name not in names
    assert [e.name for e in again.dataset().of("test")] == [
        e.name for e in learned.dataset().of("test")
    ]
    notes = [event.sentence for event in again.events() if isinstance(event, Note)]
    assert any(note.endswith("; 0 were extracted.") for note in notes), notes
    assert again.title == f"{learned.title}, corrected"
    came_from = again.origin()
    assert came_from is not None and came_from.run == learned.id
    assert len(came_from.corrections) == 2
    assert learned.origin() is None


def test_without_its_pictures_a_run_cannot_be_corrected(
    shapes_dataset, settings: Settings, tmp_path: Path
) -> None:
    learned = runs.create(tiny_config("quick"), shapes_dataset.dataset, runs.new_path(settings))
    learned.job.open(runs.training_spec(tmp_path / "gone"))
    learned.job.end(State.FINISHED)
    with pytest.raises(BadDataset, match=r"no longer on this host.*upload them again"):
        corrections.train_again(learned, settings)
    assert [path.name for path in (settings.home / "runs").iterdir()] == [learned.id]
