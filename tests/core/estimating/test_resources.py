"""Memory and disk that a training needs are known before it begins."""

import math

import pytest

from core import backbones
from core import dataset as datasets
from core.dataset import Dataset, Example
from core.errors import NotEnoughResources
from core.estimating import resources
from core.settings import MEGABYTE, Settings
from core.system import capacity, threads
from core.training import backbone_cut
from core.training import config as training_config
from tests.core.trainings import ImportedDataset

pytestmark = pytest.mark.usefixtures("two_cores")

GIGABYTE = 1024 * MEGABYTE
QUICK = training_config.preset("quick")
BEST = training_config.preset("best").model_copy(update={"alternatives": ()})


def of_pictures(count: int, classes: int = 4) -> Dataset:
    """A dataset that is nothing but a list."""
    examples = tuple(
        Example(name=f"{i}", path=f"{i}", label=i % classes, sha256=f"{i:064x}", width=9, height=9)
        for i in range(count)
    )
    return Dataset(name="d", classes=tuple(map(str, range(classes))), examples=examples)


PICTURES = of_pictures(500)


def test_splits_are_counted_as_they_will_be_made(shapes_dataset: ImportedDataset) -> None:
    split = datasets.split(
        shapes_dataset.dataset, validation=QUICK.validation, test=QUICK.test, seed=0
    )
    before, after = (resources.counts(d, QUICK) for d in (shapes_dataset.dataset, split))
    assert after == (len(split.of("train")), len(split.of("validation")), len(split.of("test")))
    assert max(abs(a - b) for a, b in zip(before, after, strict=True)) <= len(split.classes)


def test_a_predefined_test_set_is_counted() -> None:
    plain = of_pictures(100)
    examples = tuple(
        example.model_copy(update={"split": "test" if index < 60 else "train"})
        for index, example in enumerate(plain.examples)
    )
    predefined = plain.model_copy(update={"examples": examples, "predefined": True})
    counts = resources.counts(predefined, BEST)
    assert counts.test == 60
    split = datasets.split(predefined, validation=0.15, test=0.15, seed=0)
    assert abs(counts.validation - len(split.of("validation"))) <= 4


def test_disk_grows_with_views_and_with_fine_tuning() -> None:
    pictures = of_pictures(1_000)
    quick, best = (resources.disk(pictures, config) for config in (QUICK, BEST))
    cut = backbones.get(BEST.backbone).stages[backbone_cut.cut_stage(BEST)]
    activation, embedding = math.prod(cut.shape) * 2, 1280 * 4
    views = 700 * BEST.augmentation.views + 150
    features = views * (activation + embedding) - 1_000 * embedding
    assert 10 * MEGABYTE < best - quick - features < 30 * MEGABYTE, "one more model"


def test_of_compared_backbones_only_the_chosen_one_needs_more_than_plain_views() -> None:
    pictures = of_pictures(1_000)
    config = training_config.preset("best")
    alone = {each.backbone: each for each in config.candidates()}
    assert len(alone) > 1
    plain = {name: 850 * resources.view_bytes(each) for name, each in alone.items()}
    expected = max(
        resources.disk(pictures, each) + sum(plain.values()) - plain[name]
        for name, each in alone.items()
    )
    assert resources.disk(pictures, config) == pytest.approx(expected, abs=2)
    assert expected < 0.8 * sum(resources.disk(pictures, each) for each in alone.values())


def test_memory_grows_with_the_batch_and_hardly_with_the_pictures() -> None:
    def memory(pictures: int, batch: int) -> int:
        config = BEST.model_copy(update={"batch_size": batch})
        return resources.memory(of_pictures(pictures), config, 2)

    assert memory(500, 64) - memory(500, 32) == pytest.approx(
        32 * resources.step_bytes(BEST), rel=0.01
    )
    assert (memory(8_000, 32) - memory(500, 32)) / 7_500 < 65 * 1024


def test_the_batch_is_halved_until_it_fits(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = resources.memory(PICTURES, BEST, threads.cores())
    free = int(needed / (1 - capacity.SPARE)) + MEGABYTE
    monkeypatch.setattr(capacity, "free_memory", lambda: free)
    assert resources.check(PICTURES, BEST, settings) == BEST
    monkeypatch.setattr(capacity, "free_memory", lambda: free - 2 * MEGABYTE)
    assert resources.check(PICTURES, BEST, settings).batch_size == 16


def test_too_little_memory_or_disk_is_refused_with_both_figures(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "free_memory", lambda: 700 * MEGABYTE)
    assert resources.check(PICTURES, QUICK, settings) == QUICK
    with pytest.raises(NotEnoughResources, match=r"\d+ MB of free memory, found 700 MB"):
        resources.check(PICTURES, BEST, settings)
    monkeypatch.undo()
    monkeypatch.setattr(capacity, "free_disk", lambda _: 10 * MEGABYTE)
    with pytest.raises(NotEnoughResources, match=r"\d+ MB of free disk, found 10 MB"):
        resources.check(PICTURES, QUICK, settings)


def test_features_that_are_on_the_disk_already_need_no_more_of_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = resources.disk(PICTURES, QUICK)
    compared, later = (count * resources.view_bytes(QUICK) for count in (425, 75))
    assert resources.disk(PICTURES, QUICK, lambda _: (compared, later)) == needed - compared - later
    enough = math.ceil((needed - compared) / (1 - capacity.SPARE))
    monkeypatch.setattr(capacity, "free_disk", lambda _: enough)
    with pytest.raises(NotEnoughResources):
        resources.check(PICTURES, QUICK, settings)
    assert resources.check(PICTURES, QUICK, settings, lambda _: (compared, 0)) == QUICK


def test_later_views_of_a_backbone_save_no_disk_where_another_one_may_be_chosen() -> None:
    config = training_config.preset("best")
    first, other = config.candidates()
    cached = {first.backbone: (0, 10 * GIGABYTE), other.backbone: (0, 0)}
    needed = resources.disk(PICTURES, config, lambda each: cached[each.backbone])
    compared = 425 * resources.view_bytes(first)
    assert needed == pytest.approx(resources.disk(PICTURES, other) + compared, abs=2)
