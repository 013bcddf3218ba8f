"""What a training costs as the pictures grow in number."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import pictures, scale
from benchmarks.scale import MEGABYTE, Cost

FEW = Cost(500, 6.0, 5.0, *(mb * MEGABYTE for mb in (200, 250, 900, 30)))
MANY = Cost(8000, 90.0, 89.0, *(mb * MEGABYTE for mb in (300, 350, 1100, 90)))


def test_what_keeps_its_bounds_passes():
    assert all(figure.kept for figure in scale.figures([FEW, MANY]).values())


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"seconds": 120.0}, "seconds a picture, most to fewest"),
        ({"peak": 1501 * MEGABYTE}, "8,000 pictures: MB at most"),
        ({"peak_scored": 400 * MEGABYTE}, "KB a picture more, until scored"),
        ({"peak_before_exports": 450 * MEGABYTE}, "KB a picture more, until its exports"),
    ],
)
def test_what_grows_with_the_pictures_falls_short(change, name):
    figures = scale.figures([FEW, replace(MANY, **change)])
    assert not figures[name].kept


def test_the_full_size_is_told_and_not_judged():
    huge = Cost(32_000, 1000.0, 999.0, *(mb * MEGABYTE for mb in (3000, 3000, 3000, 400)))
    figures = scale.figures([FEW, MANY, huge])
    assert figures["32,000 pictures: MB at most"].value == 3000
    assert all(figure.kept for figure in figures.values())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no such count here")
def test_what_is_held_is_known_up_to_a_time():
    peak = scale.Peak()
    peak(os.getpid(), False)
    assert peak.whole >= peak.scored > 10 * MEGABYTE
    assert scale.high_water(os.getpid()) > 10 * MEGABYTE
    # With the children, which an earlier test of the same process may have left.
    assert peak.whole == peak.until(time.time()) >= scale.high_water(os.getpid()) - MEGABYTE
    assert peak.until(time.time() - 60) == 0


def test_files_are_counted_once_and_links_not_at_all(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(bytes(1000))
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "file")
    assert scale.size_on_disk(tmp_path, tmp_path / "nowhere") == 1000


def test_drawn_pictures_are_shared_out_evenly_and_come_out_the_same_again(tmp_path):
    for name in ("a", "b"):
        pictures.tree(tmp_path / name, 12, classes=4)
    found = sorted((tmp_path / "a").rglob("*.jpg"))
    assert [path.parent.name for path in found].count("class 1") == 3
    assert len({path.read_bytes() for path in found}) == 12
    again = [(tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes() for path in found]
    assert again == [path.read_bytes() for path in found]


def test_cuts_of_photographs_have_the_size_that_was_asked_for(tmp_path):
    from core import images

    cuts = [images.decode(path) for path in pictures.photographs(tmp_path, 3)]
    assert {cut.shape for cut in cuts} == {(375, 500, 3)}
    assert not np.array_equal(cuts[0], cuts[2])


@pytest.mark.slow
def test_it_ends_in_one_line(capsys):
    scale.main(["--sizes", "24", "48", "--backbone", "tiny", "--json"])
    line = json.loads(capsys.readouterr().out)
    assert line["figures"]["48 pictures: MB at most"]["at_most"] == 1500
    assert isinstance(line["pass"], bool)
