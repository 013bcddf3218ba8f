"""OOD scores of pictures of other datasets."""

import json
import zipfile

import numpy as np
import pytest

from benchmarks import jobs, unknown
from benchmarks.unknown import Pair, Result
from core.settings import Settings
from tests import shapes

OWN = np.linspace(0.5, 1.04, 100)


def test_scores_above_all_test_pictures_are_detected():
    pair = Pair(OWN, np.array([1.5, 2.0]))
    assert (pair.auroc, pair.fpr, pair.detected) == (1.0, 0.0, 1.0)


def test_means_are_over_seeds_and_then_over_all():
    good, poor = Pair(OWN, np.full(4, 2.0)), Pair(OWN, np.zeros(4))
    results = {
        ("quick", "a"): [Result(0.0, {"b": good}), Result(0.04, {"b": poor})],
        ("quick", "b"): [Result(0.02, {"a": good}), Result(0.02, {"a": good})],
    }
    figures = unknown.figures(results)
    assert figures["quick, a: false alarms"].value == pytest.approx(0.02)
    assert figures["quick, a against b: AUROC"].value == pytest.approx(0.5)
    assert figures["quick, b against a: detected"].value == 1
    assert figures["quick: mean AUROC"].value == pytest.approx(0.75)
    assert not figures["quick: mean AUROC"].within_bounds
    assert not figures["quick: mean FPR at 95 % TPR"].within_bounds
    assert figures["quick: mean false alarms"].within_bounds


@pytest.fixture
def sets(tmp_path):
    """Two datasets with a class in common."""
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


def test_classes_of_the_model_are_left_out_of_other_datasets(sets, tmp_path):
    photos = [tmp_path / "n01_ant.jpg", tmp_path / "n02_chain_circle.jpg", tmp_path / "n03_fly.jpg"]
    files = unknown.pictures_of_others("shapes", sets, photos)
    assert len(files["mixed"]) == 8
    assert [path.name for path in files["photographs"]] == ["n01_ant.jpg", "n03_fly.jpg"]
    files = unknown.pictures_of_others("mixed", sets, photos)
    assert len(files["shapes"]) == 8
    assert [path.name for path in files["photographs"]] == ["n03_fly.jpg"]


@pytest.mark.slow
def test_the_output_is_one_line_of_json(datasets, photos, capsys):
    options = ["--datasets", str(datasets), "--photos", str(photos), "--seeds", "1", "--json"]
    assert unknown.main(options) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["pass"] is True
    assert line["figures"]["quick: mean AUROC"]["measured"] > unknown.AUROC
