"""The labels that a visitor gives to a pile, saved step by step, so that a reload loses nothing."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ValidationError

from core.dataset import class_names
from core.errors import BadInput
from core.labelling import clusters
from core.labelling.pile import Pile
from core.system import files

FILE = "labels.jsonl"
LEFT_OUT = ""
"""The label of pictures that belong to no class."""


class Step(BaseModel, frozen=True):
    """One action of a visitor.

    Attributes:
        kind: `label` pictures, `skip` them for now, `rename` a class, or show other `groups`.
        pictures: their numbers.
        name: the label; None removes it.
        old: the name of the class that is renamed.
        single: whether the visitor looked at each picture.
        groups: the clusters to name from now on.
    """

    kind: Literal["label", "skip", "rename", "groups"]
    pictures: tuple[int, ...] = ()
    name: str | None = None
    old: str = ""
    single: bool = False
    groups: tuple[int, ...] = ()


class Labels:
    """The labels of a pile after all steps; each new step is written to the folder at once.

    Attributes:
        pile: the pictures.
        names: label of each picture; None for none yet.
        single: of each picture, whether the visitor labelled it by itself.
        skipped: number of a picture → number of the step that skipped it.
        groups: the clusters to name.
        classes: in the order of their first pictures.
    """

    def __init__(self, pile: Pile) -> None:
        self.pile = pile
        self._path = pile.folder / FILE
        self._steps = _read(self._path)
        self._replay()

    @property
    def version(self) -> tuple[object, ...]:
        """Changes with every step."""
        return str(self._path), *files.modified(self._path)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self._steps)

    def label(self, pictures: Sequence[int], name: str | None, *, single: bool) -> None:
        """Give pictures a label, `LEFT_OUT`, or None. Names that differ only in case are one class.

        Raises:
            BadDataset: a class cannot have this name.
        """
        name = self._spelled(name) if name else name
        self._add(Step(kind="label", pictures=tuple(pictures), name=name, single=single))

    def rename(self, old: str, name: str) -> None:
        """Rename a class; under the name of another one, both become one class.

        Raises:
            BadDataset: a class cannot have this name.
        """
        spelled = class_names.checked(name)
        if spelled.casefold() != old.casefold():
            spelled = self._spelled(name)
        self._add(Step(kind="rename", old=old, name=spelled))

    def skip(self, pictures: Sequence[int]) -> None:
        """Skip pictures for now: they are shown again after all others."""
        self._add(Step(kind="skip", pictures=tuple(pictures)))

    def split(self, group: int) -> None:
        """Show the two parts of a group in place of the group, unless they are shown already."""
        if group not in self.groups:
            return
        parts = self.pile.children(group)
        self._add(Step(kind="groups", groups=tuple(g for g in self.groups if g != group) + parts))

    def regroup(self, count: int) -> None:
        """Cluster into `count` groups; labels stay."""
        self._add(Step(kind="groups", groups=self.pile.cut(count)))

    def undo(self) -> None:
        """Undo the last step.

        Raises:
            BadInput: another tab has made steps meanwhile.
        """
        if _read(self._path) != self._steps:
            raise BadInput(
                "Another tab changed the labels. They are shown now: to undo the last change, "
                "press Undo again."
            )
        self._steps = self._steps[:-1]
        files.write_text(self._path, "".join(map(_line, self._steps)))
        self._replay()

    def unnamed(self) -> list[tuple[int, list[int]]]:
        """Groups with their unlabelled pictures: the largest first, skipped ones last."""
        groups = []
        for group in self.groups:
            unlabelled = [p for p in self.pile.members(group) if self.names[p] is None]
            if unlabelled:
                groups.append((group, unlabelled))
        skipped_at = {g: min(self.skipped.get(p, -1) for p in pictures) for g, pictures in groups}
        return sorted(groups, key=lambda item: (skipped_at[item[0]], -len(item[1])))

    def untested(self) -> list[int]:
        """The test pictures without a label, skipped ones last."""
        unlabelled = [picture for picture in self.pile.test if self.names[picture] is None]
        return sorted(unlabelled, key=lambda picture: self.skipped.get(picture, -1))

    def of(self, name: str, *, test: bool = False) -> list[int]:
        """The pictures of a class, of the test set or not."""
        pictures = self.pile.test if test else self.pile.others.tolist()
        return [picture for picture in pictures if self.names[picture] == name]

    def indices(self) -> np.ndarray:
        """Index of each picture's class, (n,) int64; -1 for none."""
        index_of = {name: index for index, name in enumerate(self.classes)}
        return np.array([index_of.get(name or "", -1) for name in self.names], np.int64)

    def _spelled(self, name: str) -> str:
        """The name of an existing class that differs only in case, or else the name itself."""
        name = class_names.checked(name)
        return next((n for n in self.classes if n.casefold() == name.casefold()), name)

    def _add(self, step: Step) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(step))
        self._steps.append(step)
        self._apply(len(self._steps), step)

    def _replay(self) -> None:
        self.names: list[str | None] = [None] * len(self.pile.pictures)
        self.single = [False] * len(self.pile.pictures)
        self.skipped: dict[int, int] = {}
        self.classes: list[str] = []
        self.groups = self.pile.cut(clusters.default_count(len(self.pile.others)))
        for number, step in enumerate(self._steps, 1):
            self._apply(number, step)

    def _apply(self, number: int, step: Step) -> None:
        if step.kind == "groups":
            self.groups = step.groups
        elif step.kind == "skip":
            self.skipped |= dict.fromkeys(step.pictures, number)
        elif step.kind == "rename":
            self.names = [step.name if name == step.old else name for name in self.names]
            renamed = (step.name if name == step.old else name for name in self.classes)
            self.classes = list(dict.fromkeys(name for name in renamed if name))
        else:
            for picture in step.pictures:
                self.names[picture], self.single[picture] = step.name, step.single
                self.skipped.pop(picture, None)
            if step.name and step.name not in self.classes:
                self.classes.append(step.name)


def _line(step: Step) -> str:
    # The first line break ends a line that a crash cut short.
    return f"\n{step.model_dump_json(exclude_defaults=True)}\n"


def _read(path: Path) -> list[Step]:
    """The steps in a file; a line that a crash cut short is left out."""
    steps: list[Step] = []
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        with contextlib.suppress(ValidationError):
            steps.append(Step.model_validate_json(line))
    return steps
