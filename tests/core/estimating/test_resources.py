"""What a training needs is known beforehand, and what there is of it."""

import math
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from core import backbones
from core import dataset as datasets
from core.backbones import costs
from core.dataset import Dataset, Example
from core.errors import BadConfig, NotEnoughResources
from core.estimating import resources
from core.settings import MEGABYTE, Settings
from core.training import config as room
from core.training import depth
from core.training.config import TrainingConfig
from tests.core.trainings import Taken

GIGABYTE = 1024 * MEGABYTE


def of_pictures(count: int, classes: int = 4) -> Dataset:
    """A dataset that is nothing but a list."""
    examples = tuple(
        Example(name=f"{i}", path=f"{i}", label=i % classes, sha256=f"{i:064x}", width=9, height=9)
        for i in range(count)
    )
    return Dataset(name="d", classes=tuple(map(str, range(classes))), examples=examples)


BALANCED = room.preset("balanced")


def test_the_parts_are_counted_as_they_will_be_dealt(some_shapes: Taken) -> None:
    asked = room.preset("quick")
    dealt = datasets.split(
        some_shapes.dataset, validation=asked.validation, test=asked.test, seed=0
    )
    before, after = (resources.counts(d, asked) for d in (some_shapes.dataset, dealt))
    for part in ("train", "validation", "test"):
        assert getattr(after, part) == len(dealt.of(part))
        assert abs(getattr(before, part) - getattr(after, part)) <= len(dealt.classes)


def test_a_test_set_that_was_given_is_counted() -> None:
    plain = of_pictures(100)
    parts = [("test" if i < 60 else "train") for i in range(100)]
    examples = tuple(
        e.model_copy(update={"split": part}) for e, part in zip(plain.examples, parts, strict=True)
    )
    given = plain.model_copy(update={"examples": examples, "predefined": True})
    found = resources.counts(given, BALANCED)
    assert found.test == 60
    dealt = datasets.split(given, validation=0.15, test=0.15, seed=0)
    assert abs(found.validation - len(dealt.of("validation"))) <= 4


@pytest.mark.parametrize(
    ("unfreeze", "stage"),
    [
        ({"stages": 1}, 1),
        ({"stages": 2}, 0),
        ({"layers": 1}, 1),
        ({"layers": 3}, 1),
        ({"layers": 4}, 0),
        ({"layers": 6}, 0),
    ],
    ids=str,
)
def test_the_cut_is_as_high_as_what_is_to_be_trained_allows(
    unfreeze: dict[str, int], stage: int
) -> None:
    assert depth.cut_stage(room.parse({"backbone": "tiny", "unfreeze": unfreeze})) == stage


def test_more_layers_than_lie_above_the_first_stage_are_refused() -> None:
    asked = room.parse({"backbone": "tiny", "unfreeze": {"layers": 7}})
    with pytest.raises(BadConfig, match=r"at most 6 layers.*Tiny.*found 7\. Ask for fewer"):
        depth.cut_stage(asked)


def test_what_is_kept_on_disk_grows_with_views_and_with_fine_tuning() -> None:
    pictures = of_pictures(1_000)
    quick = resources.disk(pictures, room.preset("quick"))
    balanced = resources.disk(pictures, BALANCED)
    views = BALANCED.augmentation.views
    stage = costs.of(backbones.get(BALANCED.backbone))[depth.cut_stage(BALANCED)]
    cut, embedding = math.prod(stage.shape) * 2, 1280 * 4
    features = (700 * views + 150) * (cut + embedding) - 1_000 * embedding
    model = balanced - quick - features
    assert 13 * MEGABYTE < model < 30 * MEGABYTE, "a fine-tuned run has one more"


def test_memory_grows_with_the_batch_and_hardly_with_the_pictures() -> None:
    def memory(pictures: int, batch: int) -> int:
        asked = BALANCED.model_copy(update={"batch_size": batch})
        return resources.memory(of_pictures(pictures), asked, 2)

    assert memory(500, 64) - memory(500, 32) == pytest.approx(
        32 * resources.step_bytes(BALANCED), rel=0.01
    )
    assert (memory(8_000, 32) - memory(500, 32)) / 7_500 < 65 * 1024


def test_the_batch_is_halved_until_it_fits() -> None:
    pictures = of_pictures(500)
    needed = resources.memory(pictures, BALANCED, 2)
    assert resources.fitted(pictures, BALANCED, 2 * needed, 2) == BALANCED
    tight = int(needed / (1 - resources.SPARE)) - MEGABYTE
    smaller = resources.fitted(pictures, BALANCED, tight, 2)
    assert smaller == BALANCED.model_copy(update={"batch_size": 16})
    assert resources.memory(pictures, smaller, 2) <= tight * (1 - resources.SPARE)


@pytest.mark.parametrize("asked", [BALANCED, room.preset("quick")])
def test_what_cannot_fit_is_left_as_it_was(asked: TrainingConfig) -> None:
    assert resources.fitted(of_pictures(500), asked, 10 * MEGABYTE, 2) == asked


@pytest.mark.parametrize("require", [resources.require_memory, resources.require_disk])
def test_a_refusal_says_what_was_expected_what_was_found_and_what_to_do(
    require: Callable[[int, int], None],
) -> None:
    require(1 * GIGABYTE, 2 * GIGABYTE)
    with pytest.raises(NotEnoughResources, match=r"about 2\.0 GB .* found 1\.0 GB\. .* fewer"):
        require(2 * GIGABYTE, 1 * GIGABYTE)


def test_free_memory_is_that_of_the_machine_where_nothing_else_limits_it(tmp_path: Path) -> None:
    found = resources.free_memory(tmp_path, tmp_path / "none")
    assert found == pytest.approx(psutil.virtual_memory().available, rel=0.2)


def group(folder: Path, **content: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in content.items():
        (folder / name.replace("__", ".")).write_text(f"{value}\n")


def test_a_container_limits_what_is_free(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("0::/app/worker\n")
    stat = f"anon 5\ninactive_file {100 * MEGABYTE}\n"
    group(tmp_path / "app", memory__max=700 * MEGABYTE, memory__current=400 * MEGABYTE)
    group(tmp_path / "app", memory__stat=stat)
    group(tmp_path / "app/worker", memory__max="max", memory__current=1, memory__stat="")
    assert resources.free_memory(tmp_path, own) == 400 * MEGABYTE


def test_a_container_that_shows_its_group_as_the_root_limits_it_too(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("0::/\n")
    group(tmp_path, memory__max=MEGABYTE, memory__current=0, memory__stat="")
    assert resources.free_memory(tmp_path, own) == MEGABYTE


def test_the_older_control_groups_are_read_as_well(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("5:cpu:/x\n4:memory:/box\n0::/\n")
    group(
        tmp_path / "memory/box",
        memory__limit_in_bytes=3 * MEGABYTE,
        memory__usage_in_bytes=2 * MEGABYTE,
        memory__stat=f"total_inactive_file {MEGABYTE}\n",
    )
    assert resources.free_memory(tmp_path, own) == 2 * MEGABYTE


def test_free_disk_is_known_before_the_home_is_there(tmp_path: Path) -> None:
    assert resources.free_disk(Settings(home=tmp_path / "not" / "yet")) > 0


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (40 * MEGABYTE, "40 MB"),
        (314 * MEGABYTE, "310 MB"),
        (1.93 * GIGABYTE, "1.9 GB"),
        (990 * MEGABYTE, "990 MB"),
    ],
)
def test_bytes_are_told_to_two_digits(number: float, said: str) -> None:
    assert resources.said(number) == said
