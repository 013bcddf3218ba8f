from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st

from core.dataset import Dataset, Example, split, splitting
from core.errors import BadConfig

SPLITS = ("train", "validation", "test")


def dataset(
    classes: list[int],
    groups: list[int | None] | None = None,
    predefined: list[str] | None = None,
    copies: list[int] | None = None,
) -> Dataset:
    """`classes[i]` is the label of picture i; equal `copies` share their bytes."""
    return Dataset(
        name="x",
        classes=tuple(str(c) for c in range(max(classes) + 1)),
        examples=tuple(
            Example(
                name=str(i),
                path=str(i),
                label=label,
                sha256=f"{copies[i] if copies else i:064}",
                width=9,
                height=9,
                split=predefined[i] if predefined else None,
                group=groups[i] if groups else None,
            )
            for i, label in enumerate(classes)
        ),
        predefined=predefined is not None,
    )


def sizes(result: Dataset, label: int) -> list[int]:
    return [result.counts(part)[label] for part in SPLITS]


def test_each_class_is_divided_in_the_given_proportions():
    result = split(dataset([0] * 100 + [1] * 40), validation=0.15, test=0.2, seed=0)
    assert sizes(result, 0) == [65, 15, 20]
    assert sizes(result, 1) == [26, 6, 8]


def test_the_result_depends_on_the_seed_and_not_on_the_order():
    pictures = dataset([0] * 30 + [1] * 30)
    first = split(pictures, validation=0.2, test=0.2, seed=1)
    assert first == split(pictures, validation=0.2, test=0.2, seed=1)
    assert first != split(pictures, validation=0.2, test=0.2, seed=2)
    reversed_order = pictures.model_copy(update={"examples": pictures.examples[::-1]})
    again = split(reversed_order, validation=0.2, test=0.2, seed=1)
    assert {e.name: e.split for e in again.examples} == {e.name: e.split for e in first.examples}


@pytest.mark.parametrize("by", ["", "prefix"])
def test_the_result_does_not_depend_on_the_order_of_classes(by):
    """A class that is renamed may come later in the order of names."""
    pictures = dataset([0] * 31 + [1] * 20 + [2] * 44, groups=[i // 3 for i in range(95)])
    pictures = pictures.with_each("group_name", (f"p{i // 4}" for i in range(95)))
    pictures = pictures.model_copy(update={"grouped_by": by})
    renamed = pictures.with_each("label", ((e.label + 1) % 3 for e in pictures.examples))
    first, again = (split(each, validation=0.15, test=0.2, seed=3) for each in (pictures, renamed))
    assert [e.split for e in again.examples] == [e.split for e in first.examples]


def test_numbers_of_groups_do_not_depend_on_the_order_of_pictures():
    examples = dataset([0] * 20, groups=[(7 * i) % 20 // 3 for i in range(20)]).examples
    numbers = splitting.groups(examples)
    assert splitting.groups(examples[::-1]).tolist() == numbers[::-1].tolist()


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [1, 0, 0]), (2, [1, 0, 1]), (3, [1, 1, 1]), (4, [2, 1, 1])]
)
def test_small_classes_get_training_then_test_then_validation_pictures(count, expected):
    result = split(dataset([0] * count + [1] * 50), validation=0.15, test=0.15, seed=0)
    assert sizes(result, 0) == expected


def test_a_split_of_share_zero_is_empty():
    result = split(dataset([0] * 10 + [1] * 10), validation=0, test=0.3, seed=0)
    assert sizes(result, 0) == [7, 0, 3]


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.2), (0.5, 0.5), (0.2, -0.1)])
def test_shares_that_leave_nothing_for_training_are_refused(validation, test):
    with pytest.raises(BadConfig):
        split(dataset([0, 1]), validation=validation, test=test, seed=0)


def test_validation_is_taken_from_training_if_the_test_set_is_predefined():
    labels = [0] * 40 + [1] * 40
    parts = (["train"] * 34 + ["test"] * 6) * 2
    result = split(dataset(labels, predefined=parts), validation=0.15, test=0.15, seed=3)
    assert [e.split == "test" for e in result.examples] == [part == "test" for part in parts]
    assert sizes(result, 0) == [28, 6, 6]


def test_a_complete_predefined_split_is_kept():
    parts = ["train", "train", "validation", "test"] * 5
    complete = dataset([0] * 10 + [1] * 10, predefined=parts)
    assert split(complete, validation=0.4, test=0.4, seed=0) == complete


def test_a_split_that_lost_its_validation_pictures_keeps_its_test_set():
    whole = split(dataset([0] * 20 + [1] * 20), validation=0.05, test=0.2, seed=1)
    left = tuple(e for e in whole.examples if e.split != "validation")
    again = split(whole.model_copy(update={"examples": left}), validation=0.05, test=0.2, seed=1)
    assert again.of("test") == whole.of("test")
    assert again.counts("validation") == [1, 1]
    assert len(again.examples) == len(left)


def test_pictures_that_were_all_for_training_get_a_test_set():
    trained = dataset([0] * 20 + [1] * 20).with_each("split", ["train"] * 40)
    again = split(trained, validation=0.15, test=0.2, seed=1)
    assert again.counts("test") == [4, 4]


def test_every_group_has_the_same_chance_whatever_its_size():
    sizes_of_groups = [30, 12, 12, 5, 5, 5, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1]
    groups = [number for number, size in enumerate(sizes_of_groups) for _ in range(size)]
    pictures = dataset([0] * len(groups), groups)
    first = [groups.index(number) for number in range(len(sizes_of_groups))]
    seeds = 800
    chances = dict.fromkeys(SPLITS, np.zeros(len(first)))
    for seed in range(seeds):
        result = split(pictures, validation=0.15, test=0.25, seed=seed)
        for part in SPLITS:
            in_part = np.array([result.examples[place].split == part for place in first])
            chances[part] = chances[part] + in_part / seeds
        for part, share in zip(SPLITS, (0.6, 0.15, 0.25), strict=True):
            assert abs(len(result.of(part)) - share * len(groups)) <= max(sizes_of_groups)
    for part, share in zip(SPLITS, (0.6, 0.15, 0.25), strict=True):
        assert chances[part] == pytest.approx(np.full(len(first), share), abs=0.06), part


LABELS = st.lists(st.integers(0, 3), min_size=1, max_size=60)


@property_settings(max_examples=200, deadline=None)
@given(
    data=st.data(),
    labels=LABELS,
    validation=st.sampled_from([0.0, 0.1, 0.15, 0.3]),
    test=st.sampled_from([0.0, 0.1, 0.15, 0.5]),
    seed=st.integers(0, 2**32),
)
def test_groups_and_copies_stay_together(data, labels, validation, test, seed):
    count = len(labels)
    some = st.lists(st.none() | st.integers(0, 9), min_size=count, max_size=count)
    groups = data.draw(some)
    copies = data.draw(st.lists(st.integers(0, 80), min_size=count, max_size=count))
    result = split(
        dataset(labels, groups, copies=copies), validation=validation, test=test, seed=seed
    )
    assert all(e.split in SPLITS for e in result.examples)
    for key in ("group", "sha256"):
        splits: dict[object, set[str]] = {}
        for example in result.examples:
            if getattr(example, key) is not None:
                splits.setdefault(getattr(example, key), set()).add(example.split)
        assert all(len(side) == 1 for side in splits.values())
    assert not (validation == 0 and result.of("validation"))
    assert not (test == 0 and result.of("test"))


@property_settings(max_examples=200, deadline=None)
@given(labels=LABELS, data=st.data(), seed=st.integers(0, 99))
def test_every_class_with_three_units_is_in_every_split(labels, data, seed):
    groups = [label * 10 + data.draw(st.integers(0, 9)) for label in labels]
    result = split(dataset(labels, groups), validation=0.15, test=0.15, seed=seed)
    units = Counter(label for label, _ in set(zip(labels, groups, strict=True)))
    for label, count in units.items():
        present = [size > 0 for size in sizes(result, label)]
        assert present == [True, count >= 3, count >= 2]


@property_settings(max_examples=100, deadline=None)
@given(labels=LABELS, data=st.data(), seed=st.integers(0, 99))
def test_a_predefined_test_set_never_changes(labels, data, seed):
    choice = st.sampled_from(["train", "test"])
    parts = data.draw(st.lists(choice, min_size=len(labels), max_size=len(labels)))
    result = split(dataset(labels, predefined=parts), validation=0.2, test=0.2, seed=seed)
    assert [e.split == "test" for e in result.examples] == [part == "test" for part in parts]


def test_test_pictures_that_nearly_equal_training_pictures_are_counted():
    parts = ["train", "validation", "test", "test", "test", "test"]
    pictures = dataset(
        [0, 0, 0, 0, 0, 0], [1, 2, 1, 2, 3, 3], predefined=parts, copies=[0, 1, 2, 3, 4, 5]
    )
    assert splitting.leaked(pictures) == 2
    assert splitting.leaked(pictures, {f"{4:064}"}) == 4, "one learned from, one that looks so"
    copies = dataset([0] * 3, predefined=["train", "test", "test"], copies=[0, 0, 1])
    assert splitting.leaked(copies) == 1


def test_captured_pictures_of_a_burst_are_grouped_for_intervals_but_not_for_folds():
    names = [
        "train/mug/burst 1, 00001.jpg",
        "test/mug/burst 1, 00002.jpg",
        "cup/burst 1, 00003.jpg",
    ]
    pictures = dataset([0, 0, 1], predefined=["train", "test", "test"]).with_each("name", names)
    assert len(set(splitting.groups(pictures.examples, bursts=True))) == 2
    assert len(set(splitting.groups(pictures.examples))) == 3
    assert splitting.leaked(pictures) == 1
    other = pictures.with_each("name", ["a burst 1, 1.jpg", "burst 1.jpg", "burst 1, x.jpg"])
    assert splitting.leaked(other) == 0


@pytest.mark.parametrize("seed", range(5))
def test_pictures_that_a_model_learned_from_are_for_training(seed):
    pictures = dataset([0] * 60 + [1] * 60, [*range(40), *range(20), *range(40, 100)])
    learned = {e.sha256 for e in pictures.examples[:30]}
    result = split(pictures, validation=0.15, test=0.15, seed=seed, learned=learned)
    assert all(e.split == "train" for e in result.examples[:30])
    assert all(e.split == "train" for e in result.examples[40:60]), "they look like those"
    _, validation, test = sizes(result, 0)
    assert {validation, test} <= {4, 5}, "the ten new ones, but for one to train on"
    assert sizes(result, 1) == [42, 9, 9]
    assert splitting.leaked(result, learned) == 0


def test_new_pictures_test_a_model_that_learned_from_all_others():
    pictures = dataset([0] * 10 + [1] * 10)
    learned = {e.sha256 for e in (*pictures.examples[:8], *pictures.examples[10:18])}
    done = split(pictures, validation=0.15, test=0.15, seed=0, learned=learned)
    assert [sizes(done, label) for label in (0, 1)] == [[8, 1, 1]] * 2
    assert not {e.sha256 for e in (*done.of("test"), *done.of("validation"))} & learned
