"""Backbones are compared on pictures that no run will be tested on."""

import numpy as np
import pytest

from core import backbones, dataset
from core.backbones import serving, weights
from core.bakeoff import compare as bakeoff
from core.bakeoff.result import conditions_of
from core.dataset import splitting
from core.errors import BadDataset, Cancelled, WeightsUnavailable
from core.estimating import unit_costs
from core.estimating.estimate import PREPARE
from core.images import Scale
from core.pipeline.extraction import extract
from core.training import cache, cross_validation, features
from core.training.config import parse
from core.training.context import TrainingContext
from tests.core.trainings import tiny_config

IGNORE_PROGRESS = lambda *_: None  # noqa: E731 - a name for saying nothing


@pytest.fixture
def compare(tiny, settings, shapes_dataset, monkeypatch):
    def run(config=None, progress=IGNORE_PROGRESS, rows=(tiny,), imported=shapes_dataset):
        run_config = config or tiny_config("quick")
        monkeypatch.setattr(bakeoff, "available", lambda _settings: rows)
        return bakeoff.compare(imported.dataset, imported.pictures, run_config, settings, progress)

    return run


@pytest.fixture
def extracted(monkeypatch):
    """Names of the pictures that were looked at."""
    names = []
    extract = features.extract

    def watched(examples, pictures, rendering, *positional, **options):
        assert rendering.augmentation.views == 1, "each picture as it is, once"
        names.extend(example.name for example in examples)
        return extract(examples, pictures, rendering, *positional, **options)

    monkeypatch.setattr(features, "extract", watched)
    return names


def test_accuracies_are_cross_validated(compare, tiny, settings, shapes_dataset):
    comparison = compare()
    (candidate,) = comparison.candidates
    assert candidate.backbone == "tiny"
    assert candidate.accuracy.value == candidate.correct / comparison.pictures
    assert candidate.accuracy.low < candidate.accuracy.value < candidate.accuracy.high
    assert candidate.difference is None
    assert candidate.milliseconds > 0
    assert candidate.megabytes == serving.required(tiny, settings).stat().st_size / 1e6
    assert comparison.pictures + comparison.held_out == len(shapes_dataset.dataset.examples)


@pytest.mark.parametrize("seed", [pytest.param(0, marks=pytest.mark.slow), 3])
def test_test_pictures_of_the_run_are_not_compared_on(compare, shapes_dataset, extracted, seed):
    run_config = tiny_config("quick", seed=seed, test=0.3)
    comparison = compare(run_config)
    split_dataset = dataset.split(
        shapes_dataset.dataset, validation=run_config.validation, test=run_config.test, seed=seed
    )
    tested = {example.name for example in split_dataset.of("test")}
    assert tested and comparison.held_out == len(tested)
    assert not tested & set(extracted)
    assert len(extracted) == comparison.pictures


def test_groups_stay_in_one_fold(compare, monkeypatch, shapes_dataset):
    examples = tuple(
        example.model_copy(update={"group": index // 2})
        for index, example in enumerate(shapes_dataset.dataset.examples)
    )
    grouped = shapes_dataset.dataset.model_copy(update={"examples": examples})
    used = []
    cross_validate = cross_validation.cross_validate

    def watched(embeddings, labels, fold, **options):
        used.append(fold)
        return cross_validate(embeddings, labels, fold, **options)

    monkeypatch.setattr(cross_validation, "cross_validate", watched)
    compare(imported=type(shapes_dataset)(grouped, shapes_dataset.pictures))
    split_dataset = dataset.split(grouped, validation=0.15, test=0.15, seed=0)
    taking_part = [e for e in split_dataset.examples if e.split != "test"]
    groups = splitting.groups(taking_part)
    assert len(np.unique(groups)) < len(taking_part)
    assert all(len(np.unique(used[0][groups == group])) == 1 for group in np.unique(groups))


def test_a_later_training_extracts_only_the_test_pictures(compare, tiny, settings, shapes_dataset):
    run_config = tiny_config("quick")
    compare(run_config)
    split_dataset = dataset.split(
        shapes_dataset.dataset,
        validation=run_config.validation,
        test=run_config.test,
        seed=run_config.seed,
    )
    folder = cache.cache_folder(shapes_dataset.pictures, settings)
    with cache.open_cache(folder, settings) as feature_cache:
        context = TrainingContext(
            run_config,
            split_dataset,
            shapes_dataset.pictures,
            tiny,
            settings,
            feature_cache,
            IGNORE_PROGRESS,
        )
        features_by_split = extract(context, ("train", "validation"), None)
    assert [part.passed for part in features_by_split.values()] == [0, 0]
    assert [part.reused for part in features_by_split.values()] == [
        len(split_dataset.of("train")),
        len(split_dataset.of("validation")),
    ]


def test_a_missing_backbone_is_prepared_first_with_progress(compare, tiny, settings, monkeypatch):
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
    steps = []
    compare(progress=lambda step, *_: steps.append(step))
    kinds = list(dict.fromkeys(steps))
    assert kinds == [
        f"{tiny.title}: being prepared, once",
        f"{tiny.title}: extracting features",
        f"{tiny.title}: training heads",
        "Timing",
    ]


def test_a_backbone_that_cannot_be_prepared_is_left_out(compare, tiny, monkeypatch):
    def unavailable(row, *_):
        raise WeightsUnavailable(f"{row.title} cannot be had.")

    monkeypatch.setattr(serving, "prepare", unavailable)
    comparison = compare(rows=(backbones.get("resnet50"), tiny))
    assert [candidate.backbone for candidate in comparison.candidates] == ["tiny"]
    assert [(candidate.backbone, candidate.reason) for candidate in comparison.unavailable] == [
        ("resnet50", "ResNet50 cannot be had.")
    ]
    with pytest.raises(BadDataset, match="ResNet50 cannot be had"):
        compare(rows=(backbones.get("resnet50"),))


def test_a_reason_that_all_backbones_share_is_given_once(compare, monkeypatch):
    def unavailable(*_):
        raise WeightsUnavailable("There is no network.")

    monkeypatch.setattr(serving, "prepare", unavailable)
    with pytest.raises(BadDataset) as refusal:
        compare(rows=(backbones.get("resnet50"), backbones.get("mobilenetv2")))
    assert str(refusal.value).count("There is no network.") == 1


def test_a_backbone_whose_conversion_is_off_is_left_out(compare, tiny, settings, monkeypatch):
    for path in serving.required(tiny, settings).parent.iterdir():
        path.unlink()
    monkeypatch.setattr(serving, "TOLERANCE", -1.0)
    with pytest.raises(BadDataset, match=f"the converted {tiny.title} to answer as it did"):
        compare()


@pytest.mark.parametrize("word", ["extracting", "heads", "Timing"])
def test_a_comparison_can_be_cancelled_at_every_step(compare, word):
    def cancel(step, *_):
        if word in step:
            raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        compare(progress=cancel)


def test_too_few_pictures_are_refused(compare, shapes_dataset):
    first = [example for example in shapes_dataset.dataset.examples if example.label == 0]
    alone = shapes_dataset.dataset.model_copy(update={"examples": tuple(first)})
    with pytest.raises(BadDataset, match=r"found [0-9]+ pictures"):
        compare(imported=type(shapes_dataset)(alone, shapes_dataset.pictures))


def test_backbones_are_ranked_with_their_distance_to_the_best():
    right = np.arange(200) < 150
    worse = np.arange(200) < 120
    ranked = bakeoff.ranked(
        {"resnet50": worse, "mobilenetv2": right, "tiny": right},
        np.arange(200),
        milliseconds={"resnet50": 3.0, "mobilenetv2": 9.0, "tiny": 5.0},
        megabytes={"resnet50": 1.0, "mobilenetv2": 1.0, "tiny": 1.0},
    )
    assert [candidate.backbone for candidate in ranked] == ["tiny", "mobilenetv2", "resnet50"]
    assert ranked[0].difference is None
    assert ranked[1].difference.value == 0 and ranked[1].as_good
    assert ranked[2].difference.value == 0.15 and not ranked[2].as_good


@pytest.mark.slow
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


def test_a_lead_on_one_burst_is_not_significant():
    best, worse = np.arange(100) < 90, np.arange(100) < 70
    costs = {"resnet50": 1.0, "mobilenetv2": 1.0}
    for groups, as_good in ((np.arange(100), False), (np.arange(100) // 20, True)):
        ranked = bakeoff.ranked({"resnet50": best, "mobilenetv2": worse}, groups, costs, costs)
        assert ranked[1].as_good is as_good


def test_only_backbones_without_a_download_are_available(settings, tiny):
    names = [row.name for row in bakeoff.available(settings)]
    assert names == ["efficientnet-lite0", "efficientnet-lite2"]
    row = backbones.get("resnet50")
    file = weights.folder(settings) / row.weights.file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"downloaded before")
    assert [row.name for row in bakeoff.available(settings)] == [*names, "resnet50"]


def test_conditions_depend_on_pictures_shares_and_seed(shapes_dataset):
    config = tiny_config("quick")
    terms = conditions_of(shapes_dataset.dataset, config)
    assert terms == conditions_of(shapes_dataset.dataset, tiny_config("best"))
    changes = {"seed": 1, "test": 0.2, "validation": 0.2, "crop": 0.8, "class_weights": False}
    for name, value in changes.items():
        changed = parse(config.model_dump() | {name: value})
        assert conditions_of(shapes_dataset.dataset, changed) != terms
    fewer = {"examples": shapes_dataset.dataset.examples[1:]}
    for update in (fewer, {"scale": Scale(undeclared=(0, 4095))}):
        changed_dataset = shapes_dataset.dataset.model_copy(update=update)
        assert conditions_of(changed_dataset, config) != terms


def test_the_estimate_grows_with_pictures_and_with_backbones_to_prepare(settings):
    lite0, lite2 = (backbones.get(f"efficientnet-lite{number}") for number in (0, 2))
    unit_costs.record(lite0, settings, "view", 0.01)
    short, long = (bakeoff.seconds(count, (lite0,), settings) for count in (100, 1000))
    assert 900 * 0.01 < long - short < 2 * 900 * 0.01
    both = bakeoff.seconds(1000, (lite0, lite2), settings)
    assert both > long + PREPARE, "it is prepared first"
