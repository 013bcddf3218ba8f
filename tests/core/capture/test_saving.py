"""Shown pictures go to disk parted by burst, as a set that training takes as any other."""

import io
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core import intake
from core.capture import saving
from core.capture.frames import Frame
from core.capture.session import CaptureSession
from core.capture.splitting import split_by_burst
from core.dataset import layout
from core.errors import BadDataset
from core.intake.uploads import Upload
from core.jobs import State, scheduling
from core.pipeline import worker
from core.settings import Settings
from tests.core.capture.conftest import Capture

NOTHING = np.zeros(1, np.float32)


def _bursts(*counts: int) -> list[Frame]:
    burst = [number for number, count in enumerate(counts) for _ in range(count)]
    return [Frame(i, number, b"", b"", NOTHING, NOTHING) for i, number in enumerate(burst)]


@pytest.mark.parametrize("counts", [(5, 5, 5), (1, 1, 1), (40, 3, 2, 9, 1), (2, 2, 30)])
def test_three_bursts_are_never_divided(counts: tuple[int, ...]) -> None:
    pictures = _bursts(*counts)
    split = split_by_burst(pictures)
    splits_of_burst = {(picture.burst, split[picture.id]) for picture in pictures}
    assert len(splits_of_burst) == len(counts)
    sizes = Counter(split.values())
    assert sizes.keys() == {"train", "validation", "test"}
    assert sizes["train"] == max(sizes.values())


def test_the_smaller_of_two_bursts_is_the_test_set() -> None:
    split = split_by_burst(_bursts(4, 20))
    parts = [split.get(i) for i in range(24)]
    assert parts == ["test"] * 4 + ["train"] * 16 + [None] + ["validation"] * 3


def test_a_single_burst_is_cut_by_time_with_gaps() -> None:
    split = split_by_burst(_bursts(20))
    parts = [split.get(i) for i in range(20)]
    assert parts == ["train"] * 12 + [None] + ["validation"] * 3 + [None] + ["test"] * 3


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_few_pictures_leave_at_least_one_for_training(count: int) -> None:
    split = split_by_burst(_bursts(count))
    assert [*split.values()].count("train") == min(count, 1)
    assert len(split) == count


def test_the_zip_has_a_folder_for_each_class_with_all_its_pictures(capture: Capture) -> None:
    session = capture((3, 2), (4,))
    session.rename(session.classes[0].id, "פיל")
    archive = zipfile.ZipFile(io.BytesIO(saving.as_zip(session)))
    inferred = layout.infer(archive.namelist())
    assert inferred.classes == ("Class 2", "פיל")
    assert not inferred.predefined
    contents = {archive.read(name) for name in archive.namelist()}
    assert contents == {
        p.content for captured_class in session.classes for p in captured_class.pictures
    }
    assert sum("burst 2, " in name for name in archive.namelist()) == 2


def saved(session: CaptureSession, settings: Settings) -> Upload:
    """The upload that a session is saved as, imported in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scheduling, "start_dispatcher", lambda *_: None)
        upload = saving.save(session, settings)
    worker.run_job(upload.job, settings)
    assert upload.job.recorded().state is State.FINISHED
    return upload


def test_a_saved_capture_is_imported_with_its_split(capture: Capture, settings: Settings) -> None:
    session = capture((6, 3, 3), (5, 4))
    assert saving.missing(session) == ""
    assert saving.single_burst_classes(session) == ()
    upload = saved(session, settings)
    dataset = upload.intake().dataset
    assert dataset.predefined
    assert dataset.classes == ("Class 1", "Class 2")
    by_name = {Path(e.name).name: (e.split, dataset.classes[e.label]) for e in dataset.examples}
    assert len(by_name) == 21
    for captured_class in session.classes:
        parts = split_by_burst(captured_class.pictures)
        for picture in captured_class.pictures:
            (name,) = (name for name in by_name if name.endswith(f"{picture.id:05}.jpg"))
            assert by_name[name] == (parts[picture.id], captured_class.name)


def test_a_single_burst_is_a_finding(capture: Capture, settings: Settings) -> None:
    upload = saved(capture((8,), (3, 3, 3)), settings)
    (finding,) = (other for other in upload.intake().findings if other.code == "one_burst")
    assert "Class 1" in finding.sentence
    assert finding in intake.apply_remedies(upload.path, (), settings).findings


def test_too_few_pictures_are_refused_and_nothing_is_written(
    capture: Capture, settings: Settings
) -> None:
    assert "two classes" in saving.missing(capture((9,)))
    session = capture((), (3,))
    assert "More pictures of Class 2" in saving.missing(session)
    with pytest.raises(BadDataset, match="Class 2"):
        saving.save(session, settings)
    assert not list(settings.home.rglob("*"))
    assert saving.single_burst_classes(session) == ("Class 1", "Class 2")
