"""Pictures of other datasets, shown to trained models."""

import json
import zipfile

import numpy as np
import pytest

from benchmarks import jobs, unknown
from benchmarks.unknown import FittedHead, Met
from core.settings import Settings
from core.training import config
from tests import shapes

ALIKE = np.linspace(0.5, 1.04, 100)


def test_what_is_stranger_than_every_test_picture_is_told_apart():
    met = Met(ALIKE, np.array([1.5, 2.0]))
    assert (met.auroc, met.missed, met.caught) == (1.0, 0.0, 1.0)


def test_half_of_what_is_shown_may_pass():
    met = Met(ALIKE, np.array([0.1, 0.2, 3.0, 4.0]))
    assert (met.auroc, met.missed, met.caught) == (0.5, 0.5, 0.5)


def test_means_are_over_seeds_and_then_over_all():
    good, poor = Met(ALIKE, np.full(4, 2.0)), Met(ALIKE, np.zeros(4))
    found = {
        ("quick", "a"): [FittedHead(0.0, {"b": good}), FittedHead(0.04, {"b": poor})],
        ("quick", "b"): [FittedHead(0.02, {"a": good}), FittedHead(0.02, {"a": good})],
    }
    figures = unknown.figures(found)
    assert figures["quick, a: false alarms"].value == pytest.approx(0.02)
    assert figures["quick, a against b: AUROC"].value == pytest.approx(0.5)
    assert figures["quick, b against a: caught"].value == 1
    assert figures["quick: mean AUROC"].value == pytest.approx(0.75)
    assert not figures["quick: mean AUROC"].kept
    assert not figures["quick: mean missed at 95 %"].kept
    assert figures["quick: mean false alarms"].kept


@pytest.fixture
def sets(tmp_path):
    """Shapes, and ants of which some are shapes."""
    drawn = shapes.shapes_zip(tmp_path, classes=2, per_class=8)
    mixed = tmp_path / "mixed.zip"
    with zipfile.ZipFile(mixed, "w") as archive:
        for label, name in ((4, "ants"), (5, "Circles")):
            for number in range(8):
                content = shapes.encoded(shapes.draw(label, number))
                archive.writestr(f"{name}/{number}.jpg", content)
    home = Settings(home=tmp_path / "home")
    return {
        "shapes": jobs.take_in(drawn, tmp_path / "shapes", home),
        "mixed": jobs.take_in(mixed, tmp_path / "mixed", home),
    }


def test_what_bears_the_name_of_a_class_that_was_taught_is_left_out(sets, tmp_path):
    photos = [tmp_path / "n01_ant.jpg", tmp_path / "n02_chain_circle.jpg", tmp_path / "n03_fly.jpg"]
    files = unknown.others("shapes", sets, photos)
    assert len(files["mixed"]) == 8
    assert [path.name for path in files["photographs"]] == ["n01_ant.jpg", "n03_fly.jpg"]
    files = unknown.others("mixed", sets, photos)
    assert len(files["shapes"]) == 8
    assert [path.name for path in files["photographs"]] == ["n03_fly.jpg"]


def test_no_more_than_some_are_shown(sets, monkeypatch):
    monkeypatch.setattr(unknown, "SHOWN", 3)
    assert 0 < len(unknown.others("shapes", sets, ())["mixed"]) <= 3


def test_a_model_is_trained_and_asked(prepared, taken, tmp_path):
    home = jobs.new_home(tmp_path / "home", prepared)
    strange = tmp_path / "noise.png"
    strange.write_bytes(shapes.encoded(shapes.draw(7, 1), "PNG"))
    asked = config.preset("quick", backbone="tiny")
    learned = unknown.learn(taken, asked, home, {"noise": [strange]})
    assert 0 <= learned.false_alarms <= 1
    assert learned.met["noise"].unlike.shape == (1,)
    assert len(learned.met["noise"].alike) == 6


@pytest.mark.slow
def test_it_ends_in_one_line(datasets, photos, capsys):
    given = ["--datasets", str(datasets), "--photos", str(photos), "--seeds", "1", "--json"]
    assert unknown.main(given) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["pass"] is True
    assert line["figures"]["quick: mean AUROC"]["measured"] > unknown.AUROC
