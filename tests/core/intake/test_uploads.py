"""Uploads on their way in, and out again."""

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import intake, runs
from core.dataset import Dataset
from core.errors import BadArchive, LimitExceeded, NotEnoughResources, UnknownModel
from core.intake import uploads
from core.jobs import JobFolder, State
from core.jobs.events import Step
from core.jobs.folder import Order
from core.jobs.queue import Queue
from core.settings import MEGABYTE, Settings
from core.training.config import TrainingConfig
from tests import shapes
from tests.core.jobs import at_work


@pytest.fixture
def host(settings: Settings) -> Iterator[Settings]:
    """A host with a queue of its own, which ends with the test."""
    with at_work.tidied(settings):
        yield settings


@pytest.fixture
def packed(tmp_path: Path) -> bytes:
    return shapes.shapes_zip(tmp_path, classes=2, per_class=4, size=32).read_bytes()


def picture(label: int, number: int) -> io.BytesIO:
    return io.BytesIO(shapes.encoded(shapes.draw(label, number, 32)))


def stored(host: Settings) -> list[Path]:
    home = host.home / "uploads"
    return list(home.iterdir()) if home.exists() else []


def some_upload(host: Settings, hours: float) -> Path:
    """The folder of an upload that was last used so many hours ago."""
    path = host.home / "uploads" / f"{len(stored(host)):032x}"
    (path / "pictures").mkdir(parents=True)
    (path / "pictures" / "000000").write_bytes(b"a picture")
    age(path, hours)
    return path


def age(path: Path, hours: float) -> None:
    used = time.time() - 3600 * hours
    os.utime(path, (used, used))


class Endless(io.RawIOBase):
    """An upload without end that knows how much of it was read."""

    def __init__(self) -> None:
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        assert 0 < size <= 8 * MEGABYTE, "it was to be read in pieces"
        self.taken += size
        assert self.taken < 64 * MEGABYTE, "nobody gave up"
        return bytes(size)


def test_a_zip_is_stored_examined_and_no_longer_kept(host: Settings, packed: bytes) -> None:
    upload = uploads.take_zip(io.BytesIO(packed), "Shapes", host)
    assert at_work.ended(upload.job, host).state is State.FINISHED
    dataset = upload.intake().dataset
    assert (dataset.name, dataset.classes) == ("Shapes", ("circle", "square"))
    assert all((upload.pictures / example.path).is_file() for example in dataset.examples)
    assert not (upload.path / uploads.ZIP).exists()
    steps = [event for event in upload.job.events.read() if isinstance(event, Step)]
    assert {step.what for step in steps} >= {"Unpacking", "Reading pictures"}
    assert uploads.get(host, upload.id).intake() == upload.intake()


def test_a_folder_goes_the_same_way_with_its_odd_names(host: Settings) -> None:
    names = [
        "my pictures/cats & dogs/ä b.jpg",
        "my pictures/雪/.\\x.jpg",
        "my pictures//雪/=1+1.jpg",
    ]
    given = [(name, picture(number % 2, number)) for number, name in enumerate(names)]
    given += [("my pictures/.DS_Store", io.BytesIO(b"clutter"))]
    upload = uploads.take_folder(iter(given), "my pictures", host)
    assert at_work.ended(upload.job, host).state is State.FINISHED, upload.job.recorded()
    found = upload.intake().dataset
    assert found.classes == ("cats & dogs", "雪")
    assert [skipped.name for skipped in found.skipped] == ["my pictures/.DS_Store"]
    assert {path.name for path in upload.pictures.iterdir() if path.suffix == ""} <= {
        f"{number:06d}" for number in range(10)
    }


@pytest.mark.parametrize(
    "name", ["../../evil.jpg", "a/../../evil.jpg", "/etc/evil.jpg", "C:\\evil.jpg", "a\\..\\..\\b"]
)
def test_a_name_that_climbs_is_refused_and_escapes_nowhere(host: Settings, name: str) -> None:
    given = [("a/1.jpg", picture(0, 0)), (name, picture(1, 0))]
    with pytest.raises(BadArchive, match="lead out"):
        uploads.take_folder(given, "a", host)
    assert stored(host) == []
    assert not list(host.home.parent.rglob("evil*"))


def test_an_upload_that_is_too_large_is_given_up_while_it_is_copied(host: Settings) -> None:
    host = host.model_copy(update={"archive_megabytes": 3})
    endless = Endless()
    with pytest.raises(LimitExceeded, match=r"at most 3 MB.*TUSKER_ARCHIVE_MEGABYTES"):
        uploads.take_zip(endless, "endless", host)  # type: ignore[arg-type]
    assert endless.taken <= 5 * MEGABYTE
    assert stored(host) == []


def test_a_folder_that_is_too_large_is_given_up_too(host: Settings) -> None:
    host = host.model_copy(update={"archive_megabytes": 3})
    endless = Endless()
    with pytest.raises(LimitExceeded, match="TUSKER_ARCHIVE_MEGABYTES"):
        uploads.take_folder([("a/1.jpg", endless)], "a", host)  # type: ignore[list-item]
    assert endless.taken <= 5 * MEGABYTE
    assert stored(host) == []


def test_an_upload_that_the_queue_does_not_take_is_not_kept(host: Settings, packed: bytes) -> None:
    host = host.model_copy(update={"queue_length": 1})
    waiting = JobFolder(host.home / "uploads" / "waiting")
    waiting.open(Order(kind="intake"))
    Queue("intake", host).add(waiting.path)
    with pytest.raises(LimitExceeded, match="TUSKER_QUEUE_LENGTH"):
        uploads.take_zip(io.BytesIO(packed), "Shapes", host)
    assert stored(host) == [waiting.path]


def test_a_full_disk_is_a_sentence_and_nothing_stays(host: Settings) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"the beginning")
        raise OSError(28, "No space left on device")

    with pytest.raises(NotEnoughResources, match="No space left on device"):
        uploads.take_generated(fail, "made", host)
    assert stored(host) == []


def test_the_upload_of_a_bad_zip_says_why_and_keeps_no_zip(host: Settings) -> None:
    upload = uploads.take_zip(io.BytesIO(b"Dear Sir or Madam"), "letter", host)
    status = at_work.ended(upload.job, host)
    assert status.state is State.FAILED
    assert status.sentence.startswith("This is not a zip.")
    assert not (upload.path / uploads.ZIP).exists()


def test_ids_cannot_be_guessed_and_are_never_the_same(host: Settings) -> None:
    made = {uploads.take_generated(lambda path: path.touch(), "made", host).id for _ in range(2)}
    assert len(made) == 2
    assert all(uploads.UPLOAD_ID.fullmatch(name) for name in made)


@pytest.mark.parametrize(
    "unknown", ["0" * 32, "", ".", "..", "../runs", "0" * 31, "G" * 32, "0" * 32 + "\n", "0" * 999]
)
def test_an_unknown_upload_is_a_sentence_whatever_its_name(host: Settings, unknown: str) -> None:
    (host.home / "uploads").mkdir(parents=True)
    with pytest.raises(UnknownModel) as refusal:
        uploads.get(host, unknown)
    assert str(refusal.value) == (
        "These pictures are no longer here: uploads are deleted after 2 hours. Upload them again."
    )
    assert stored(host) == []


def test_an_upload_that_is_used_is_kept_for_longer(host: Settings) -> None:
    used, forgotten = some_upload(host, hours=1.9), some_upload(host, hours=2.1)
    uploads.get(host, used.name)
    host = host.model_copy(update={"upload_hours": 1.0})
    uploads.sweep(host)
    assert stored(host) == [used]
    assert not forgotten.exists()


def test_a_sweep_takes_uploads_alone_and_those_only_that_are_old(host: Settings) -> None:
    uploads.sweep(host)
    young, old = some_upload(host, hours=1), some_upload(host, hours=3)
    stranger = host.home / "uploads" / "read me"
    stranger.mkdir()
    age(stranger, hours=100)
    uploads.sweep(host)
    assert sorted(stored(host)) == sorted([young, stranger])
    assert not old.exists()


def some_training(host: Settings, upload: Path) -> JobFolder:
    dataset = Dataset(name="Shapes", classes=("circle", "square"), examples=())
    run = runs.create(TrainingConfig(), dataset, runs.new_path(host))
    run.job.open(Order(kind="train", arguments={"pictures": str(intake.pictures(upload))}))
    return run.job


def test_pictures_stay_as_long_as_a_training_waits_for_them_or_reads_them(host: Settings) -> None:
    waited_for, read, left = (some_upload(host, hours=3) for _ in range(3))
    some_training(host, waited_for)
    working, over = some_training(host, read), some_training(host, left)
    over.begin()
    over.end(State.FINISHED)
    with working.lock():
        working.begin()
        uploads.sweep(host)
    assert sorted(stored(host)) == sorted([waited_for, read])


def test_a_training_that_died_keeps_no_pictures(host: Settings) -> None:
    upload = some_upload(host, hours=3)
    job = some_training(host, upload)
    job.begin()
    uploads.sweep(host)
    assert stored(host) == []
    assert job.recorded().state is State.INTERRUPTED


def test_an_upload_stays_while_it_is_examined(host: Settings) -> None:
    upload = some_upload(host, hours=3)
    job = JobFolder(upload)
    job.open(Order(kind="intake"))
    age(upload, hours=3)
    uploads.sweep(host)
    with job.lock():
        job.begin()
        age(upload, hours=3)
        uploads.sweep(host)
        assert stored(host) == [upload]
    age(upload, hours=3)
    uploads.sweep(host)
    assert stored(host) == []


def test_a_run_that_cannot_be_read_does_not_stop_the_sweep(host: Settings) -> None:
    job = some_training(host, some_upload(host, hours=3))
    (job.path / "order.json").write_text("{")
    another = some_training(host, host.home / "uploads" / "nowhere")
    (another.path / "status.json").unlink()
    uploads.sweep(host)
    assert stored(host) == []
