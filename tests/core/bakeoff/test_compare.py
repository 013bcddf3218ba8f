"""Backbones are compared on pictures that no run will be tested on."""

import json

import numpy as np
import pytest

from core import backbones, dataset
from core.backbones import serving, weights
from core.bakeoff import compare as bakeoff
from core.bakeoff.result import conditions_of
from core.dataset import splitting
from core.errors import BadDataset, Cancelled, WeightsUnavailable
from core.estimating import unit_costs
from core.pipeline.extraction import extract
from core.training import cache, cross_validation, features
from core.training.config import parse
from core.training.context import TrainingContext
from tests.core.trainings import tiny_config

QUIET = lambda *_: None  # noqa: E731 - a name for saying nothing


@pytest.fixture
def compare(tiny, settings, shapes_dataset, monkeypatch):
    def made(config=None, progress=QUIET, rows=(tiny,), taken=shapes_dataset):
        asked = config or tiny_config("quick")
        monkeypatch.setattr(bakeoff, "available", lambda _settings: rows)
        return bakeoff.compare(taken.dataset, taken.pictures, asked, settings, progress)

    return made


@pytest.fixture
def looked_at(monkeypatch):
    """Names of the pictures that were looked at."""
    seen = []
    extract = features.extract

    def watched(examples, pictures, row, augmentation, *rest, **more):
        assert augmentation.views == 1, "each picture as it is, once"
        seen.extend(example.name for example in examples)
        return extract(examples, pictures, row, augmentation, *rest, **more)

    monkeypatch.setattr(features, "extract", watched)
    return seen


def test_figures_are_those_of_pictures_answered_by_heads_not_taught_on_them(
    compare, tiny, settings, shapes_dataset
):
    found = compare()
    (one,) = found.contenders
    assert one.backbone == "tiny"
    assert one.accuracy.value == one.right / found.pictures
    assert one.accuracy.low < one.accuracy.value < one.accuracy.high
    assert one.behind is None
    assert 0 < one.milliseconds < 1000
    assert one.megabytes == serving.required(tiny, settings).stat().st_size / 1e6
    assert found.pictures + found.held_out == len(shapes_dataset.dataset.examples)


@pytest.mark.parametrize("seed", [0, 3])
def test_the_pictures_that_the_run_would_test_take_no_part(
    compare, shapes_dataset, looked_at, seed
):
    asked = tiny_config("quick", seed=seed, test=0.3)
    found = compare(asked)
    parted = dataset.split(
        shapes_dataset.dataset, validation=asked.validation, test=asked.test, seed=seed
    )
    tested = {example.name for example in parted.of("test")}
    assert tested and found.held_out == len(tested)
    assert not tested & set(looked_at)
    assert len(looked_at) == found.pictures


def test_pictures_of_a_group_are_not_taught_and_asked_about(compare, monkeypatch, shapes_dataset):
    examples = tuple(
        example.model_copy(update={"group": place // 2})
        for place, example in enumerate(shapes_dataset.dataset.examples)
    )
    grouped = shapes_dataset.dataset.model_copy(update={"examples": examples})
    asked = []
    out_of_fold = cross_validation.out_of_fold

    def watched(embeddings, labels, groups, *rest, **more):
        asked.append(groups)
        return out_of_fold(embeddings, labels, groups, *rest, **more)

    monkeypatch.setattr(cross_validation, "out_of_fold", watched)
    compare(taken=type(shapes_dataset)(grouped, shapes_dataset.pictures))
    parted = dataset.split(grouped, validation=0.15, test=0.15, seed=0)
    taking_part = [e for e in parted.examples if e.split != "test"]
    np.testing.assert_array_equal(asked[0], splitting.groups(taking_part))
    assert len(np.unique(asked[0])) < len(taking_part)


def test_a_training_afterwards_looks_at_the_test_pictures_alone(
    compare, tiny, settings, shapes_dataset
):
    asked = tiny_config("quick")
    compare(asked)
    parted = dataset.split(
        shapes_dataset.dataset, validation=asked.validation, test=asked.test, seed=asked.seed
    )
    folder = cache.cache_folder(shapes_dataset.pictures, settings)
    with cache.opened(folder, settings) as kept:
        context = TrainingContext(
            asked, parted, shapes_dataset.pictures, tiny, settings, kept, QUIET
        )
        found = extract(context, ("train", "validation"), None)
    assert [part.passed for part in found.values()] == [0, 0]
    assert [part.reused for part in found.values()] == [
        len(parted.of("train")),
        len(parted.of("validation")),
    ]


def test_the_same_pictures_settings_and_seed_give_the_same_answers(compare):
    one, again = compare(), compare()
    assert one.contenders[0].right == again.contenders[0].right
    assert one.terms == again.terms


def test_a_backbone_that_is_not_prepared_is_prepared_first_and_it_is_said(
    compare, tiny, settings, monkeypatch
):
    prepared = serving.required(tiny, settings)
    content = {path.name: path.read_bytes() for path in prepared.parent.iterdir() if path.is_file()}
    for name in content:
        (prepared.parent / name).unlink()

    def prepare(row, settings, progress):
        progress("Converting", 65, 100)
        for name, data in content.items():
            (prepared.parent / name).write_bytes(data)
        return prepared

    monkeypatch.setattr(serving, "prepare", prepare)
    said = []
    compare(progress=lambda what, *_: said.append(what))
    kinds = list(dict.fromkeys(said))
    assert kinds == [
        f"{tiny.title}: being prepared, once",
        f"{tiny.title}: extracting features",
        f"{tiny.title}: training heads",
        "Timing",
    ]


def test_one_that_cannot_be_prepared_does_not_stop_the_others(compare, tiny, monkeypatch):
    def unavailable(row, *_):
        raise WeightsUnavailable(f"{row.title} cannot be had.")

    monkeypatch.setattr(serving, "prepare", unavailable)
    found = compare(rows=(backbones.get("resnet50"), tiny))
    assert [one.backbone for one in found.contenders] == ["tiny"]
    assert [(one.backbone, one.why) for one in found.absent] == [
        ("resnet50", "ResNet50 cannot be had.")
    ]
    with pytest.raises(BadDataset, match="ResNet50 cannot be had"):
        compare(rows=(backbones.get("resnet50"),))


@pytest.mark.parametrize("word", ["extracting", "heads", "Timing"])
def test_it_can_be_cancelled_at_every_step(compare, word):
    def cancel(what, *_):
        if word in what:
            raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        compare(progress=cancel)


def test_too_few_pictures_are_refused_in_a_sentence(compare, shapes_dataset):
    first = [example for example in shapes_dataset.dataset.examples if example.label == 0]
    alone = shapes_dataset.dataset.model_copy(update={"examples": tuple(first)})
    with pytest.raises(BadDataset, match=r"found [0-9]+ pictures"):
        compare(taken=type(shapes_dataset)(alone, shapes_dataset.pictures))


def test_the_best_comes_first_and_the_others_say_how_far_they_are_behind():
    right = np.arange(200) < 150
    worse = np.arange(200) < 120
    ranked = bakeoff.ranked(
        {"resnet50": worse, "mobilenetv2": right, "tiny": right},
        np.arange(200),
        milliseconds={"resnet50": 3.0, "mobilenetv2": 9.0, "tiny": 5.0},
        megabytes={"resnet50": 1.0, "mobilenetv2": 1.0, "tiny": 1.0},
    )
    assert [candidate.backbone for candidate in ranked] == ["tiny", "mobilenetv2", "resnet50"]
    assert ranked[0].behind is None
    assert ranked[1].behind.value == 0 and ranked[1].as_good
    assert ranked[2].behind.value == 0.15 and not ranked[2].as_good


def test_the_best_of_eight_equal_backbones_has_no_lead_beyond_chance():
    """Without a correction for multiple comparisons, every third set of eight has a "winner"."""
    generator, worse = np.random.default_rng(0), 0
    names = list(backbones.BACKBONES)[:8]
    costs = dict.fromkeys(names, 1.0)
    for _ in range(200):
        correct = {name: generator.random(150) < 0.8 for name in names}
        ranked = bakeoff.ranked(correct, np.arange(150), costs, costs)
        worse += not all(candidate.as_good for candidate in ranked)
    assert worse <= 0.07 * 200


def test_a_lead_on_one_burst_is_no_lead():
    best, other = np.arange(100) < 90, np.arange(100) < 70
    costs = {"resnet50": 1.0, "mobilenetv2": 1.0}
    for groups, as_good in ((np.arange(100), False), (np.arange(100) // 20, True)):
        ranked = bakeoff.ranked({"resnet50": best, "mobilenetv2": other}, groups, costs, costs)
        assert ranked[1].as_good is as_good


def test_only_what_needs_no_download_is_at_hand(settings, tiny):
    names = [row.name for row in bakeoff.available(settings)]
    assert names == ["efficientnet-lite0", "efficientnet-lite2"]
    row = backbones.get("resnet50")
    file = weights.folder(settings) / row.weights.file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"downloaded before")
    assert [row.name for row in bakeoff.available(settings)] == [*names, "resnet50"]


def test_other_pictures_shares_or_seeds_are_other_terms(shapes_dataset):
    config = tiny_config("quick")
    terms = conditions_of(shapes_dataset.dataset, config)
    assert terms == conditions_of(shapes_dataset.dataset, tiny_config("best"))
    for other in ({"seed": 1}, {"test": 0.2}, {"validation": 0.2}, {"crop": 0.8}):
        changed = parse(json.loads(config.model_dump_json()) | other)
        assert conditions_of(shapes_dataset.dataset, changed) != terms
    fewer = shapes_dataset.dataset.model_copy(
        update={"examples": shapes_dataset.dataset.examples[1:]}
    )
    assert conditions_of(fewer, config) != terms


def test_how_long_it_takes_grows_with_pictures_and_with_backbones_to_prepare(settings):
    lite, other = (backbones.get(f"efficientnet-lite{number}") for number in (0, 2))
    unit_costs.record(lite, settings, "view", 0.01)
    short, long = (bakeoff.seconds(count, (lite,), settings) for count in (100, 1000))
    assert 900 * 0.01 < long - short < 2 * 900 * 0.01
    both = bakeoff.seconds(1000, (lite, other), settings)
    assert both > long + bakeoff.PREPARES, "it is prepared first"
