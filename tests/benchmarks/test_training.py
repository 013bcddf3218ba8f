"""The comparison of the presets with the Keras recipe."""

import json
from dataclasses import replace

import pytest

from benchmarks import recipe, training
from benchmarks.training import Recipe, Trial, Tusker
from core import backbones
from core import dataset as datasets
from tests import shapes

LINES = [
    {"at": 105.0, "what": "imported"},
    {"at": 107.0, "what": "built"},
    {"at": 110.0, "what": "frozen epoch", "epoch": 1, "accuracy": 0.5},
    {"at": 158.0, "what": "frozen epoch", "epoch": 2, "accuracy": 0.9},
    {"at": 158.5, "what": "frozen fitted"},
    {"at": 160.5, "what": "frozen scored", "accuracy": 0.94},
    {"at": 190.0, "what": "tuned epoch", "epoch": 1, "accuracy": 0.95},
    {"at": 190.1, "what": "tuned"},
    {"at": 192.5, "what": "tuned scored", "accuracy": 0.93},
]
RECIPE = Recipe.parse(100.0, map(json.dumps, LINES))
QUICK = Tusker(0.5, 3.5, 12.0, ((2.0, 0.9), (2.5, 0.94)), 0.95)
BEST = Tusker(0.5, 9.0, 12.0, ((2.2, 0.9), (8.8, 0.96)), 0.925)
TRIAL = Trial(RECIPE, QUICK, BEST)


def test_the_first_evaluation_of_the_recipe_is_not_counted():
    assert RECIPE.start == 5.0
    assert RECIPE.frozen == 60.5
    assert RECIPE.whole == 90.5
    assert RECIPE.last_epoch == 88.0
    assert RECIPE.validation_accuracy == 0.95
    assert (RECIPE.frozen_accuracy, RECIPE.accuracy) == (0.94, 0.93)


def test_sooner_counts_the_first_preset_that_reaches_the_accuracy():
    assert TRIAL.sooner == pytest.approx(88.0 / 8.8)
    sure = replace(QUICK, accuracies=((2.0, 0.95),))
    assert replace(TRIAL, quick=sure).sooner == pytest.approx(44.0)


def test_an_accuracy_that_is_never_reached_fails():
    never = replace(TRIAL, best=replace(BEST, accuracies=((2.2, 0.9),)))
    figures = training.figures([never], random=False)
    assert never.sooner == 0
    assert figures["sooner"].value is None
    assert not figures["sooner"].within_bounds


def test_ratios_are_medians_over_seeds_and_accuracies_are_means():
    slow = replace(TRIAL, quick=replace(QUICK, scored=100.0, accuracy=0.65))
    figures = training.figures([TRIAL, slow, TRIAL], random=False)
    assert figures["quick_ratio"].value == pytest.approx(60.5 / 3.5)
    assert figures["best_ratio"].value == pytest.approx(90.5 / 9.0)
    assert figures["quick: test accuracy"].value == pytest.approx(0.85)
    assert figures["quick_ratio"].within_bounds
    assert not figures["quick minus frozen"].within_bounds
    assert figures["best minus final"].within_bounds


@pytest.fixture
def tree(imported_shapes, tmp_path):
    """The split dataset, and its folder in the layout of the recipe."""
    dataset = datasets.split(imported_shapes.dataset, validation=0.15, test=0.15, seed=0)
    training.lay_out(dataset, imported_shapes.pictures, tmp_path / "tree")
    return dataset, tmp_path / "tree"


def test_the_recipe_gets_the_same_split_with_one_folder_per_class(tree):
    dataset, folder = tree
    for split in training.SPLITS:
        classes = sorted(path.name for path in (folder / split).iterdir())
        assert classes == ["0000", "0001", "0002"]
        paths = [path for path in sorted((folder / split).rglob("*.jpg")) if path.is_file()]
        assert len(paths) == len(dataset.of(split))


def test_the_recipe_trains_the_layers_above_the_cut_except_normalisation():
    from core.backbones import build

    trunk = build.trunk(backbones.get("tiny"))
    recipe.network(trunk, 3)
    assert not trunk.trainable_variables
    recipe.unfreeze(trunk, "block1_relu")
    assert [variable.path for variable in trunk.trainable_variables] == ["block2_conv/kernel"]


@pytest.mark.slow
def test_the_output_is_one_line_of_json(tmp_path, capsys):
    data = shapes.shapes_zip(tmp_path, per_class=14)
    training.main(["--data", str(data), "--backbone", "tiny", "--seeds", "1", "--json"])
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    line = json.loads(out)
    assert {"quick_ratio", "best_ratio", "sooner"} <= set(line["figures"])
    assert isinstance(line["pass"], bool)
