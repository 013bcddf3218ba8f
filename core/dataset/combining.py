"""Combine class folders with the labels and splits that tables give to the same pictures."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from core.dataset import label_files, layout
from core.dataset.findings import Finding, Remedy, informs, warns
from core.dataset.folder_names import name_key, printable
from core.dataset.label_columns import LabelAndSplit
from core.dataset.table_columns import is_number
from core.system import prose

_NO_LABEL = (layout.NO_CLASS, layout.NO_TRAINING, layout.UNLABELLED)


@dataclass(frozen=True)
class Comparison:
    """The classes of folders beside what tables say about the same pictures."""

    pictures: Sequence[str]
    folders: layout.Layout
    source: label_files.Labels

    @cached_property
    def pairs(self) -> Counter[tuple[str, str]]:
        """How many pictures have this class by their folder and this label in a table."""
        labels = self.source.labels
        return Counter(
            (assigned.label, labels[picture][0])
            for picture, assigned in zip(self.pictures, self.folders.assignments, strict=True)
            if assigned.label and labels.get(picture, ("", None))[0]
        )

    @cached_property
    def named(self) -> dict[str, str]:
        """The class of folders by its key, which its other spellings share."""
        return {name_key(label): label for label in self.folders.classes}

    def combined(self) -> layout.Layout:
        """The classes of folders, with the split of a table and its labels where folders give none.

        A label counts if it means one of the classes; a split, if all classes keep training
        pictures.
        """
        folders = self.folders
        classes = self._classes_meant()
        labels: dict[str, LabelAndSplit] = {}
        adds = False
        for picture, assigned in zip(self.pictures, folders.assignments, strict=True):
            label, split = self.source.labels.get(picture, ("", None))
            lacks = assigned.reason in _NO_LABEL
            labels[picture] = (classes.get(label, "") if lacks else assigned.label, split)
            adds |= lacks and bool(labels[picture][0])
        if folders.predefined or not (adds or any(split for _, split in labels.values())):
            return folders
        source = self.source._replace(labels=labels)
        both = layout.with_labels(self.pictures, source, folders=adds, typed=False)
        keeps = set(folders.classes) <= set(both.classes)
        return both if keeps and (adds or both.predefined) else folders

    def disagreement(self) -> tuple[Finding, ...]:
        """A finding about pictures whose label in a table names another class than their folder.

        Columns of which most values name no class are about something else. That is said unless
        they only give each class another name, or hardly divide the pictures into classes.
        """
        labels = {label for _, label in self.pairs}
        differ = sum(
            number
            for (folder, label), number in self.pairs.items()
            if self.named.get(name_key(label), folder) != folder
        )
        if sum(name_key(label) in self.named for label in labels) * 2 < len(labels):
            folders = {folder for folder, _ in self.pairs}
            renames = len(self.pairs) == len(labels) == len(folders)
            if renames or not 1 < len(labels) <= self.pairs.total() / 2:
                return ()
            sentence = (
                f"Other labels than those of the folders are in {self.source.source}: "
                f"{prose.listed(sorted(labels))}. The folders were used."
            )
            return (informs("other_labels", sentence, remedy=self._relabelling({})),)
        if not differ:
            return ()
        sentence = (
            f"The folders of {differ:,} of {prose.count(self.pairs.total())} say another class "
            f"than {self.source.source}. The folders were used."
        )
        pairs = zip(self.pictures, self.folders.assignments, strict=True)
        of_folders = {picture: assigned.label for picture, assigned in pairs if assigned.label}
        return (warns("labels_differ", sentence, remedy=self._relabelling(of_folders)),)

    def _relabelling(self, others: dict[str, str]) -> Remedy:
        """The labels of the table instead of the classes of the folders.

        Args:
            others: labels of pictures that have none in the table; without one, they are left out.
        """
        labels = {**others}
        for picture in self.pictures:
            label, _ = self.source.labels.get(picture, ("", None))
            if label:
                labels[picture] = self.named.get(name_key(label), printable(label))
        label = f"Use {self.source.source}"
        return Remedy(
            kind="relabel", label=label, files=tuple(labels), names=tuple(labels.values())
        )

    def renumbers(self) -> bool:
        """Whether the table only gives each class of the folders a number."""
        labels = {label for _, label in self.pairs}
        folders = {folder for folder, _ in self.pairs}
        one_to_one = len(self.pairs) == len(labels) == len(folders)
        return one_to_one and all(map(is_number, labels))

    def _classes_meant(self) -> dict[str, str]:
        """The class that each label of a table means: by its name, or that of most pictures."""
        of_folder: Counter[str] = Counter()
        of_label: Counter[str] = Counter()
        for (folder, label), number in self.pairs.items():
            of_folder[folder] += number
            of_label[label] += number
        meant = {
            label: folder
            for (folder, label), number in self.pairs.items()
            if number * 2 > max(of_folder[folder], of_label[label])
        }
        labels = {label for label, _ in self.source.labels.values()}
        by_name = {a: self.named[name_key(a)] for a in labels if name_key(a) in self.named}
        return meant | by_name
