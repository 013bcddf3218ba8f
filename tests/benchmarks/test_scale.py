"""The costs of a training for a growing number of pictures."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import scale
from benchmarks.scale import MEGABYTE, Cost

FEW = Cost(500, 6.0, 5.0, *(mb * MEGABYTE for mb in (200, 250, 30)))
MANY = Cost(8000, 90.0, 89.0, *(mb * MEGABYTE for mb in (300, 350, 90)))


def test_costs_within_the_bounds_pass():
    assert all(figure.within_bounds for figure in scale.figures([FEW, MANY]).values())


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"seconds": 120.0}, "seconds per picture, largest to smallest"),
        ({"peak": 1501 * MEGABYTE}, "8,000 pictures: MB at peak"),
        ({"peak_scored": 400 * MEGABYTE}, "KB per additional picture, until evaluated"),
        ({"peak": 450 * MEGABYTE}, "KB per additional picture"),
    ],
)
def test_costs_that_grow_with_the_pictures_fail(change, name):
    figures = scale.figures([FEW, replace(MANY, **change)])
    assert not figures[name].within_bounds


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_the_peak_memory_counts_a_process_and_its_children():
    peak = scale.Peak()
    peak(os.getpid(), False)
    assert peak.whole >= peak.scored > 10 * MEGABYTE
    assert scale.high_water(os.getpid()) > 10 * MEGABYTE
    # Children of this process, left by earlier tests, count too.
    assert peak.whole >= scale.high_water(os.getpid()) - MEGABYTE


def test_links_do_not_count_as_disk_space(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(bytes(1000))
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "file")
    assert scale.size_on_disk(tmp_path, tmp_path / "nowhere") == 1000
