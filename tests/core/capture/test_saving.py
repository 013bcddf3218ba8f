"""Shown pictures go to disk parted by burst, as a set that training takes as any other."""

import io
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from core import intake
from core.capture import saving
from core.capture.frames import Frame
from core.capture.splitting import split_by_burst
from core.dataset import layout
from core.errors import BadDataset
from core.jobs import State
from core.settings import Settings
from tests.core.capture.conftest import Show
from tests.core.jobs import at_work

NOTHING = np.zeros(1, np.float32)


def _bursts(*counts: int) -> list[Frame]:
    burst = [number for number, count in enumerate(counts) for _ in range(count)]
    return [Frame(i, number, b"", b"", NOTHING, NOTHING) for i, number in enumerate(burst)]


@pytest.mark.parametrize("counts", [(5, 5, 5), (1, 1, 1), (40, 3, 2, 9, 1), (2, 2, 30)])
def test_a_burst_is_never_divided_where_there_are_three(counts: tuple[int, ...]) -> None:
    pictures = _bursts(*counts)
    parted = split_by_burst(pictures)
    where = defaultdict(set)
    for picture in pictures:
        where[picture.burst].add(parted.splits[picture.id])
    assert all(len(parts) == 1 for parts in where.values())
    assert {split for (split,) in where.values()} == {"train", "validation", "test"}
    assert not parted.single_burst
    assert parted.count("train") >= max(parted.count("validation"), parted.count("test"))


def test_of_two_bursts_the_smaller_is_the_test_and_the_other_is_cut_by_time() -> None:
    parted = split_by_burst(_bursts(4, 20))
    parts = [parted.splits.get(i) for i in range(24)]
    assert parts[:4] == ["test"] * 4
    assert parts[4:] == ["train"] * 16 + [None] + ["validation"] * 3
    assert not parted.single_burst


def test_a_single_burst_is_cut_by_time_with_gaps_and_that_flatters() -> None:
    parted = split_by_burst(_bursts(20))
    parts = [parted.splits.get(i) for i in range(20)]
    assert parts == ["train"] * 12 + [None] + ["validation"] * 3 + [None] + ["test"] * 3
    assert parted.single_burst


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_of_hardly_any_pictures_some_are_learned_from(count: int) -> None:
    parted = split_by_burst(_bursts(count))
    assert parted.count("train") == min(count, 1)
    assert len(parted.splits) == count


def test_the_zip_has_a_folder_for_each_class_with_all_its_pictures(show: Show) -> None:
    showing = show((3, 2), (4,))
    showing.rename(showing.classes[0].id, "פיל")
    archive = zipfile.ZipFile(io.BytesIO(saving.as_zip(showing)))
    inferred = layout.infer(archive.namelist())
    assert inferred.classes == ("Class 2", "פיל")
    assert not inferred.predefined
    contents = {archive.read(name) for name in archive.namelist()}
    assert contents == {p.content for one in showing.classes for p in one.pictures}
    assert sum("burst 2, " in name for name in archive.namelist()) == 2


def test_what_is_kept_is_taken_in_with_its_split(show: Show, settings: Settings) -> None:
    showing = show((6, 3, 3), (5, 4))
    assert saving.missing(showing) == ""
    assert saving.single_burst_classes(showing) == ()
    with at_work.tidied(settings):
        upload = saving.save(showing, settings)
        assert at_work.ended(upload.job, settings).state is State.FINISHED
    dataset = upload.intake().dataset
    assert dataset.predefined
    assert dataset.classes == ("Class 1", "Class 2")
    found = {Path(e.name).name: (e.split, dataset.classes[e.label]) for e in dataset.examples}
    assert len(found) == 21
    for one in showing.classes:
        parts = split_by_burst(one.pictures).splits
        for picture in one.pictures:
            (name,) = (name for name in found if name.endswith(f"{picture.id:05}.jpg"))
            assert found[name] == (parts[picture.id], one.name)


def test_that_a_single_burst_flatters_is_told_with_what_is_found(
    show: Show, settings: Settings
) -> None:
    with at_work.tidied(settings):
        upload = saving.save(show((8,), (3, 3, 3)), settings)
        assert at_work.ended(upload.job, settings).state is State.FINISHED
    (told,) = (found for found in upload.intake().findings if found.code == "one_burst")
    assert "Class 1" in told.sentence
    assert told in intake.apply_remedies(upload.path, (), settings).findings


def test_too_little_is_not_kept_and_nothing_is_written(show: Show, settings: Settings) -> None:
    assert "two classes" in saving.missing(show((9,)))
    showing = show((), (3,))
    assert "More pictures of Class 2" in saving.missing(showing)
    with pytest.raises(BadDataset, match="Class 2"):
        saving.save(showing, settings)
    assert not list(settings.home.rglob("*"))
    assert saving.single_burst_classes(showing) == ("Class 1", "Class 2")
