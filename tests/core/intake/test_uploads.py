import io
import json
import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import pytest

from core import intake, runs
from core.archive import sources, unpacking
from core.archive.sources import Source
from core.dataset import Dataset
from core.errors import LimitExceeded, NotEnoughResources, UnknownModel
from core.intake import uploads
from core.intake.uploads import Upload
from core.jobs import JobFolder, State
from core.jobs.events import Step
from core.jobs.folder import JobSpec
from core.jobs.queue import Queue
from core.settings import MEGABYTE, Settings
from core.system import log
from core.training.config import TrainingConfig
from tests import shapes
from tests.core.jobs import at_work


@pytest.fixture
def host(settings: Settings) -> Iterator[Settings]:
    """A host whose workers end with the test."""
    with at_work.killing_processes(settings):
        yield settings


@pytest.fixture
def zip_bytes(tmp_path: Path) -> bytes:
    return shapes.shapes_zip(tmp_path, classes=2, per_class=4, size=32).read_bytes()


def picture(label: int, number: int) -> io.BytesIO:
    return io.BytesIO(shapes.encoded(shapes.draw(label, number, 32)))


def store_zip(stream: IO[bytes], name: str, host: Settings) -> Upload:
    def write(path: Path) -> None:
        with path.open("wb") as target:
            unpacking.copy(stream, target, host)

    return uploads.store(write, name, host)


def store_folder(files: Iterable[tuple[str, IO[bytes]]], name: str, host: Settings) -> Upload:
    return uploads.store(lambda path: unpacking.pack(files, path, host), name, host)


def stored(host: Settings) -> list[Path]:
    folder = host.home / "uploads"
    return sorted(folder.iterdir()) if folder.exists() else []


def some_upload(host: Settings, hours: float) -> Path:
    """The folder of an upload that was last used `hours` ago."""
    path = host.home / "uploads" / f"{len(stored(host)):032x}"
    (path / "pictures").mkdir(parents=True)
    (path / "pictures" / "000000").write_bytes(b"a picture")
    age(path, hours)
    return path


def age(path: Path, hours: float) -> None:
    used = time.time() - 3600 * hours
    os.utime(path, (used, used))


def some_training(host: Settings, upload: Path) -> JobFolder:
    dataset = Dataset(name="Shapes", classes=("circle", "square"), examples=())
    run = runs.create(TrainingConfig(), dataset, runs.new_path(host))
    run.job.open(JobSpec(kind="train", arguments={"pictures": str(intake.pictures(upload))}))
    return run.job


class Endless(io.RawIOBase):
    """An endless stream that counts the bytes read."""

    def __init__(self) -> None:
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        assert 0 < size <= 8 * MEGABYTE, "expected to be read in chunks"
        self.count += size
        assert self.count < 64 * MEGABYTE, "expected a refusal by now"
        return bytes(size)


def test_a_zip_is_stored_and_examined_and_then_deleted(host: Settings, zip_bytes: bytes) -> None:
    upload = store_zip(io.BytesIO(zip_bytes), "Shapes", host)
    assert at_work.wait_until_ended(upload.job, host).state is State.FINISHED
    dataset = upload.intake().dataset
    assert (dataset.name, dataset.classes) == ("Shapes", ("circle", "square"))
    assert all((upload.pictures / example.path).is_file() for example in dataset.examples)
    assert not (upload.path / uploads.ZIP).exists()
    steps = [event for event in upload.job.events.read() if isinstance(event, Step)]
    assert {step.what for step in steps} >= {"Unpacking", "Reading pictures"}
    assert uploads.get(host, upload.id).intake() == upload.intake()


def test_a_folder_is_examined_with_its_unusual_names(host: Settings) -> None:
    names = ["my/cats & dogs/ä b.jpg", "my/雪/.\\x.jpg", "my//雪/=1+1.jpg"]
    files = [(name, picture(number % 2, number)) for number, name in enumerate(names)]
    files += [("my/.DS_Store", io.BytesIO(b"clutter"))]
    upload = store_folder(iter(files), "my pictures", host)
    assert at_work.wait_until_ended(upload.job, host).state is State.FINISHED, upload.job.recorded()
    dataset = upload.intake().dataset
    assert dataset.classes == ("cats & dogs", "雪")
    assert [skipped.name for skipped in dataset.skipped] == ["my/.DS_Store"]


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_an_upload_that_is_too_large_is_refused_while_it_is_read(host: Settings, kind: str) -> None:
    host = host.model_copy(update={"archive_megabytes": 3})
    endless = Endless()
    with pytest.raises(LimitExceeded, match=r"3 MB.*TUSKER_ARCHIVE_MEGABYTES"):
        if kind == "zip":
            store_zip(endless, "endless", host)  # type: ignore[arg-type]
        else:
            store_folder([("a/1.jpg", endless)], "a", host)  # type: ignore[list-item]
    assert endless.count <= 5 * MEGABYTE
    assert stored(host) == []


def test_an_upload_is_not_kept_if_the_queue_is_full(host: Settings, zip_bytes: bytes) -> None:
    host = host.model_copy(update={"queue_length": 1})
    waiting = JobFolder(host.home / "uploads" / "waiting")
    waiting.open(JobSpec(kind="intake"))
    Queue("intake", host).add(waiting.path)
    with pytest.raises(LimitExceeded, match="TUSKER_QUEUE_LENGTH"):
        store_zip(io.BytesIO(zip_bytes), "Shapes", host)
    assert stored(host) == [waiting.path]


def test_an_upload_is_not_kept_if_the_disk_is_full(host: Settings) -> None:
    def write(path: Path) -> None:
        path.write_bytes(b"the beginning")
        raise OSError(28, "No space left on device")

    with pytest.raises(NotEnoughResources, match="No space left on device"):
        uploads.store(write, "generated", host)
    assert stored(host) == []


def test_an_upload_that_is_no_zip_fails_and_is_deleted(host: Settings) -> None:
    upload = store_zip(io.BytesIO(b"Dear Sir or Madam"), "letter", host)
    status = at_work.wait_until_ended(upload.job, host)
    assert status.state is State.FAILED
    assert "not a zip" in status.sentence
    assert not (upload.path / uploads.ZIP).exists()


def test_few_zips_are_unpacked_at_once_and_others_wait(
    host: Settings, zip_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, over = threading.Semaphore(0), threading.Event()
    in_archive = sources.in_archive

    def wait(*arguments: Any, **options: Any) -> list[Source]:
        entered.release()
        over.wait(30)
        return in_archive(*arguments, **options)

    with monkeypatch.context() as patch, ThreadPoolExecutor(3) as pool:
        patch.setattr(sources, "in_archive", wait)

        def unpack() -> int:
            return len(uploads.unpack(io.BytesIO(zip_bytes), host)[1])

        first = [pool.submit(unpack) for _ in range(uploads.UNPACKED_AT_ONCE)]
        for _ in first:
            assert entered.acquire(timeout=30)
        patch.setattr(uploads, "PATIENCE_SECONDS", 0.05)
        with pytest.raises(NotEnoughResources, match="busy"):
            unpack()
        patch.setattr(uploads, "PATIENCE_SECONDS", 30)
        third = pool.submit(unpack)
        over.set()
        assert [each.result(30) for each in (*first, third)] == [8, 8, 8]


def test_the_log_has_neither_the_name_nor_the_whole_id_of_an_upload(host: Settings) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log.JsonLines())
    level = log.LOGGER.level
    log.LOGGER.addHandler(handler)
    log.LOGGER.setLevel(logging.INFO)
    try:
        upload = uploads.store(lambda path: path.touch(), "my secret pictures", host)
    finally:
        log.LOGGER.removeHandler(handler)
        log.LOGGER.setLevel(level)
    logged = stream.getvalue()
    assert json.loads(logged.splitlines()[0])["what"] == "job queued"
    assert "secret" not in logged and upload.id not in logged and upload.id[:8] in logged


@pytest.mark.parametrize(
    "unknown", ["0" * 32, "", ".", "..", "../runs", "0" * 31, "G" * 32, "0" * 32 + "\n", "0" * 999]
)
def test_an_unknown_upload_is_refused(host: Settings, unknown: str) -> None:
    (host.home / "uploads").mkdir(parents=True)
    with pytest.raises(UnknownModel, match="after 2 hours"):
        uploads.get(host, unknown)
    assert stored(host) == []


def test_only_uploads_that_have_not_been_used_for_a_while_are_swept(host: Settings) -> None:
    uploads.sweep(host)
    used, unused = some_upload(host, hours=1.9), some_upload(host, hours=1.9)
    some_upload(host, hours=3)
    other = host.home / "uploads" / "read me"
    other.mkdir()
    age(other, hours=100)
    uploads.sweep(host)
    assert stored(host) == [used, unused, other]
    uploads.get(host, used.name)
    uploads.sweep(host.model_copy(update={"upload_hours": 1.0}))
    assert stored(host) == [used, other]


def test_pictures_stay_while_a_training_needs_them(host: Settings) -> None:
    queued, running, finished, interrupted = (some_upload(host, hours=3) for _ in range(4))
    some_training(host, queued)
    running_job, finished_job = some_training(host, running), some_training(host, finished)
    finished_job.begin()
    finished_job.end(State.FINISHED)
    interrupted_job = some_training(host, interrupted)
    interrupted_job.begin()
    with running_job.lock():
        running_job.begin()
        uploads.sweep(host)
    assert stored(host) == [queued, running]
    assert interrupted_job.recorded().state is State.INTERRUPTED


def test_an_upload_stays_while_it_is_examined(host: Settings) -> None:
    upload = some_upload(host, hours=3)
    job = JobFolder(upload)
    job.open(JobSpec(kind="intake"))
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


def test_unreadable_runs_do_not_stop_a_sweep(host: Settings) -> None:
    job = some_training(host, some_upload(host, hours=3))
    (job.path / "order.json").write_text("{")
    another = some_training(host, host.home / "uploads" / "nowhere")
    (another.path / "status.json").unlink()
    uploads.sweep(host)
    assert stored(host) == []
