"""The settings of a training: presets, ranges, and one sentence for what is outside them."""

import json

import pytest

from core import backbones
from core.errors import BadConfig
from core.training import config
from core.training.config import TrainingConfig


def refusal(**values: object) -> str:
    with pytest.raises(BadConfig) as refused:
        config.parse(values)
    return str(refused.value)


def test_each_preset_does_more_than_the_one_before():
    quick, balanced, best = map(config.preset, config.PRESETS)
    assert quick.alternatives == ()
    assert best.alternatives == balanced.alternatives == ("efficientnet-lite2",)
    assert (balanced.fine_tunes, best.fine_tunes) == (False, True)
    assert balanced.head == best.head == quick.head


def test_the_schedule_ends_fine_tuning_not_a_bad_epoch_at_a_high_rate():
    phase = config.preset("best").fine_tune_phase
    assert phase.patience >= phase.epochs


@pytest.mark.parametrize("name", config.PRESETS)
@pytest.mark.parametrize("backbone", [*backbones.BACKBONES, "tiny"])
def test_every_preset_suits_every_backbone(name, backbone):
    parsed = config.preset(name, backbone=backbone, seed=7)
    assert (parsed.backbone, parsed.seed) == (backbone, 7)


def test_a_preset_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(BadConfig, match=r"quick, balanced, best, found 'fast'\.$"):
        config.preset("fast")


def test_an_unknown_backbone_is_refused_with_those_there_are():
    with pytest.raises(BadConfig, match=r"'resnet18'\. Choose one of efficientnet-lite0, "):
        config.preset("quick", backbone="resnet18")


def test_no_epochs_means_no_second_phase():
    parsed = config.parse({"unfreeze": {"layers": 3}, "fine_tune_phase": {"epochs": 0}})
    assert not parsed.fine_tunes
    assert config.parse({"unfreeze": {"layers": 3}}).fine_tunes


OUTSIDE = {
    "seed": -1,
    "validation": 0,
    "test": 0.6,
    "batch_size": 0,
    "label_smoothing": 0.6,
    "augmentation.views": 17,
    "augmentation.rotation": 181,
    "augmentation.zoom": 0.95,
    "augmentation.shear": 46,
    "augmentation.shift": -0.1,
    "augmentation.brightness": 1,
    "head.dropout": 1.0,
    "head_phase.learning_rate": 0,
    "head_phase.epochs": 501,
    "head_phase.patience": 0,
    "fine_tune_phase.momentum": 1,
    "fine_tune_phase.weight_decay": -1,
    "fine_tune_phase.optimizer": "lion",
    "unfreeze.stages": 9,
    "unfreeze.layers": -1,
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_value_outside_its_range_is_refused_by_name_with_what_was_found(name):
    part, _, field = name.rpartition(".")
    sentence = refusal(**({part: {field: OUTSIDE[name]}} if part else {field: OUTSIDE[name]}))
    assert sentence.startswith(f"{name}: ")
    assert sentence.endswith(f" Found {OUTSIDE[name]!r}.")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"head_phase": {"learning_rate": float("NaN")}}, "head_phase.learning_rate: "),
        ({"head_phase": {"learning_rate": float("Infinity")}}, "head_phase.learning_rate: "),
        ({"learning_rate": 1}, "learning_rate: "),
        ({"head": {"units": 3}}, "head.units: "),
        *(
            ({"head": {"hidden": hidden}}, "at most 3 layers of 1 to 4096 units")
            for hidden in ((8, 8, 8, 8), (0,), (5000,))
        ),
        ({"unfreeze": {"stages": 1, "layers": 5}}, "stages or layers, not both"),
        ({"validation": 0.45, "test": 0.45}, "at most 0.8"),
        ([1, 2], "configuration: "),
    ],
    ids=str,
)
def test_what_is_no_configuration_is_refused_with_the_rule(values, words):
    with pytest.raises(BadConfig, match=words):
        config.parse(values)


@pytest.mark.parametrize(("what", "most"), [("stages", 2), ("layers", 6)])
def test_more_than_the_backbone_has_above_its_first_stage_is_refused(what, most):
    sentence = refusal(backbone="tiny", unfreeze={what: most + 1})
    assert "Tiny has" in sentence and f"at most {most} can be unfrozen, not {most + 1}" in sentence
    assert config.parse({"backbone": "tiny", "unfreeze": {what: most}}).fine_tunes


def test_settings_are_read_back_as_they_were_written(tmp_path):
    parsed = config.preset("best", backbone="resnet50", seed=3)
    path = tmp_path / "config.json"
    path.write_text(parsed.model_dump_json())
    assert config.read(path) == parsed


def test_a_file_may_name_only_what_differs(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"augmentation": {"views": 1}, "head": {"hidden": [64]}}))
    read = config.read(path)
    assert (read.augmentation.views, read.head.hidden) == (1, (64,))
    assert read.batch_size == TrainingConfig().batch_size


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{'seed': 1}", "settings.json is not JSON"),
        (b"\xff\xfe", "settings.json is not JSON"),
        (b'{"seed": "one"}', "^seed: "),
        (b"null", "^configuration: "),
    ],
)
def test_a_file_that_holds_no_settings_is_refused(tmp_path, content, words):
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    with pytest.raises(BadConfig, match=words):
        config.read(path)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(BadConfig, match=f"at {path}, found none"):
            config.read(path)


def test_the_preset_thorough_of_version_1_0_means_best_and_its_runs_open():
    assert config.preset("thorough") == config.preset("best")
    assert config.parse({"preset": "thorough"}).preset == "thorough"
