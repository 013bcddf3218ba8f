"""Choices for an upload that several tabs change."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.checks import Remedy
from core.errors import BadDataset
from core.intake import choices
from core.intake.choices import Choices

RENAMED = [
    Remedy(kind="rename", label=f"Rename {name}", classes=(name,), names=(name.upper(),))
    for name in "abcdefgh"
]


def test_changes_that_are_made_at_once_are_all_kept(tmp_path: Path) -> None:
    def rename(remedy: Remedy) -> None:
        def update(current: Choices) -> Choices:
            time.sleep(0.01)  # as pictures are checked
            return current.changing(remedy)

        choices.change(tmp_path, update)

    with ThreadPoolExecutor(len(RENAMED)) as threads:
        list(threads.map(rename, RENAMED))
    stored = choices.read(tmp_path)
    assert sorted(stored.remedies, key=lambda remedy: remedy.label) == RENAMED


def test_a_refused_change_leaves_the_choices_as_they_are(tmp_path: Path) -> None:
    def refuse(current: Choices) -> Choices:
        raise BadDataset(f"{len(current.applied)} changes are enough.")

    before = choices.change(tmp_path, lambda current: current.changing(RENAMED[0]))
    with pytest.raises(BadDataset, match="1 change"):
        choices.change(tmp_path, refuse)
    assert choices.read(tmp_path) == before


def test_what_is_undone_is_what_was_shown_although_the_list_has_changed() -> None:
    made = Choices().changing(*RENAMED[:3])
    first, second, third = made.applied
    undone = made.without(first).without(second)
    assert undone.applied == (third,)
    assert undone.without(second) == undone, "it is undone already"


def test_of_two_changes_that_are_the_same_the_later_is_undone() -> None:
    made = Choices().changing(RENAMED[0], RENAMED[1], RENAMED[0])
    assert made.without(made.applied[0]).remedies == [RENAMED[0], RENAMED[1]]


def test_without_a_new_name_later_changes_of_the_class_of_that_name_go_too() -> None:
    (rename,) = choices.edited(["red", "black"], {0: {"Class": "Red"}})
    (again,) = choices.edited(["Red", "black"], {0: {"Class": "scarlet"}})
    (merge,) = choices.edited(["black", "scarlet"], {1: {"Class": "black"}})
    (other,) = choices.edited(["black", "green"], {1: {"Class": "Green"}})
    made = Choices().changing(rename, again, merge, other)
    assert merge.kind == "merge"
    assert made.without(made.applied[0]).remedies == [other]
    assert made.without(made.applied[2]).remedies == [rename, again, other]


def test_pictures_that_are_being_added_are_not_replaced_by_those_of_another_tab(
    tmp_path: Path,
) -> None:
    choices.change(tmp_path, lambda current: current.expecting("first", "a"))
    with pytest.raises(BadDataset, match="still being added"):
        choices.change(tmp_path, lambda current: current.expecting("second", "b"))
    assert choices.read(tmp_path).arriving == "first"
