"""The costs of a training for a growing number of pictures."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import pictures, scale
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


def test_the_full_size_is_shown_without_a_bound():
    huge = Cost(32_000, 1000.0, 999.0, *(mb * MEGABYTE for mb in (3000, 3000, 400)))
    figures = scale.figures([FEW, MANY, huge])
    assert figures["32,000 pictures: MB at peak"].value == 3000
    assert all(figure.within_bounds for figure in figures.values())


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


def test_generated_pictures_are_reproducible_and_evenly_distributed(tmp_path):
    for name in ("a", "b"):
        pictures.tree(tmp_path / name, 12, classes=4)
    paths = sorted((tmp_path / "a").rglob("*.jpg"))
    assert [path.parent.name for path in paths].count("class 1") == 3
    assert len({path.read_bytes() for path in paths}) == 12
    second = [(tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes() for path in paths]
    assert second == [path.read_bytes() for path in paths]


def test_cuts_of_photographs_have_the_requested_size(tmp_path):
    from core import images
    from core.settings import Settings

    cuts = [images.decode(path, limits=Settings()) for path in pictures.photographs(tmp_path, 3)]
    assert {cut.shape for cut in cuts} == {(375, 500, 3)}
    assert not np.array_equal(cuts[0], cuts[2])


@pytest.mark.slow
def test_the_output_is_one_line_of_json(capsys):
    scale.main(["--sizes", "24", "48", "--backbone", "tiny", "--json"])
    line = json.loads(capsys.readouterr().out)
    assert line["figures"]["48 pictures: MB at peak"]["at_most"] == 1500
    assert isinstance(line["pass"], bool)
