"""Every picture on one side, and enough of each class on every side."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st

from core.dataset import Dataset, Example, split
from core.errors import BadConfig

PARTS = ("train", "validation", "test")


def dataset(
    classes: list[int],
    groups: list[int | None] | None = None,
    given_parts: list[str] | None = None,
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
                split=given_parts[i] if given_parts else None,
                group=groups[i] if groups else None,
            )
            for i, label in enumerate(classes)
        ),
        predefined=given_parts is not None,
    )


def sizes(found: Dataset, label: int) -> list[int]:
    return [found.count(label, part) for part in PARTS]


def test_each_class_is_shared_out_in_the_given_proportions():
    found = split(dataset([0] * 100 + [1] * 40), validation=0.15, test=0.2, seed=0)
    assert sizes(found, 0) == [65, 15, 20]
    assert sizes(found, 1) == [26, 6, 8]


def test_the_seed_decides_and_the_order_does_not_matter():
    one = dataset([0] * 30 + [1] * 30)
    first = split(one, validation=0.2, test=0.2, seed=1)
    assert first == split(one, validation=0.2, test=0.2, seed=1)
    assert first != split(one, validation=0.2, test=0.2, seed=2)
    turned = one.model_copy(update={"examples": one.examples[::-1]})
    again = split(turned, validation=0.2, test=0.2, seed=1)
    assert {e.name: e.split for e in again.examples} == {e.name: e.split for e in first.examples}


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [1, 0, 0]), (2, [1, 0, 1]), (3, [1, 1, 1]), (4, [2, 1, 1])]
)
def test_small_classes_are_trained_first_then_tested_then_validated(count, expected):
    found = split(dataset([0] * count + [1] * 50), validation=0.15, test=0.15, seed=0)
    assert sizes(found, 0) == expected


def test_a_part_that_is_not_asked_for_is_empty():
    found = split(dataset([0] * 10 + [1] * 10), validation=0, test=0.3, seed=0)
    assert sizes(found, 0) == [7, 0, 3]


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.2), (0.5, 0.5), (0.2, -0.1)])
def test_parts_that_leave_nothing_to_train_on_are_refused(validation, test):
    with pytest.raises(BadConfig):
        split(dataset([0, 1]), validation=validation, test=test, seed=0)


def test_a_given_test_set_stays_and_validation_is_taken_from_training():
    labels = [0] * 40 + [1] * 40
    parts = (["train"] * 34 + ["test"] * 6) * 2
    found = split(dataset(labels, given_parts=parts), validation=0.15, test=0.15, seed=3)
    assert [e.split == "test" for e in found.examples] == [part == "test" for part in parts]
    assert sizes(found, 0) == [28, 6, 6]


def test_a_whole_given_split_stays():
    parts = ["train", "train", "validation", "test"] * 5
    given_whole = dataset([0] * 10 + [1] * 10, given_parts=parts)
    assert split(given_whole, validation=0.4, test=0.4, seed=0) == given_whole


LABELS = st.lists(st.integers(0, 3), min_size=1, max_size=60)


@property_settings(max_examples=200, deadline=None)
@given(
    data=st.data(),
    labels=LABELS,
    validation=st.sampled_from([0.0, 0.1, 0.15, 0.3]),
    test=st.sampled_from([0.0, 0.1, 0.15, 0.5]),
    seed=st.integers(0, 2**32),
)
def test_groups_stay_together_and_nobody_is_lost(data, labels, validation, test, seed):
    count = len(labels)
    some = st.lists(st.none() | st.integers(0, 9), min_size=count, max_size=count)
    groups = data.draw(some)
    copies = data.draw(st.lists(st.integers(0, 80), min_size=count, max_size=count))
    found = split(
        dataset(labels, groups, copies=copies), validation=validation, test=test, seed=seed
    )
    assert all(e.split in PARTS for e in found.examples)
    for key in ("group", "sha256"):
        sides: dict[object, set[str]] = {}
        for example in found.examples:
            if getattr(example, key) is not None:
                sides.setdefault(getattr(example, key), set()).add(example.split)
        assert all(len(side) == 1 for side in sides.values())
    assert not (validation == 0 and found.of("validation"))
    assert not (test == 0 and found.of("test"))


@property_settings(max_examples=200, deadline=None)
@given(labels=LABELS, data=st.data(), seed=st.integers(0, 99))
def test_every_class_with_three_units_is_in_every_part(labels, data, seed):
    # Groups within a class only, so that a class's units are its own.
    groups = [label * 10 + data.draw(st.integers(0, 9)) for label in labels]
    found = split(dataset(labels, groups), validation=0.15, test=0.15, seed=seed)
    units = Counter(label for label, _ in set(zip(labels, groups, strict=True)))
    for label, count in units.items():
        present = [size > 0 for size in sizes(found, label)]
        assert present == [True, count >= 3, count >= 2]


@property_settings(max_examples=100, deadline=None)
@given(labels=LABELS, data=st.data(), seed=st.integers(0, 99))
def test_a_given_test_set_is_never_changed(labels, data, seed):
    choice = st.sampled_from(["train", "test"])
    parts = data.draw(st.lists(choice, min_size=len(labels), max_size=len(labels)))
    found = split(dataset(labels, given_parts=parts), validation=0.2, test=0.2, seed=seed)
    assert [e.split == "test" for e in found.examples] == [part == "test" for part in parts]
