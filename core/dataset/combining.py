"""Combine class folders with the labels and splits that tables give to the same pictures."""

from collections import Counter
from collections.abc import Sequence

from core.dataset import label_files, layout
from core.dataset.findings import Finding, warns
from core.dataset.folder_names import key
from core.dataset.records import is_number
from core.system import prose

_NO_LABEL = (layout.NO_CLASS, layout.NO_TRAINING, layout.UNLABELLED)


def combined(
    pictures: Sequence[str], folders: layout.Layout, source: label_files.Labels
) -> layout.Layout:
    """The classes of folders, with the split of a table and its labels where folders give none.

    A label counts if it means one of the classes; a split, if all classes keep training pictures.
    """
    classes = _classes_meant(pictures, folders, source)
    lacking = [assigned.reason in _NO_LABEL for assigned in folders.assignments]
    labels = []
    for picture, assigned, lacks in zip(pictures, folders.assignments, lacking, strict=True):
        label, split = source.labels.get(picture, ("", None))
        labels.append((classes.get(label, "") if lacks else assigned.label, split))
    adds = any(label for (label, _), lacks in zip(labels, lacking, strict=True) if lacks)
    if folders.predefined or not (adds or any(split for _, split in labels)):
        return folders
    both = layout.with_labels(
        pictures, labels, source.source, source.contradictions, folders=adds, typed=False
    )
    keeps = set(folders.classes) <= set(both.classes)
    return both if keeps and (adds or both.predefined) else folders


def disagreement(
    pictures: Sequence[str], folders: layout.Layout, source: label_files.Labels
) -> tuple[Finding, ...]:
    """A finding about pictures whose label in a table names another class than their folder.

    Columns of which most values name no class are about something else.
    """
    pairs = _pairs(pictures, folders, source)
    named = {key(label): label for label in folders.classes}
    labels = {label for _, label in pairs}
    differ = sum(
        number
        for (folder, label), number in pairs.items()
        if named.get(key(label), folder) != folder
    )
    if not differ or sum(key(label) in named for label in labels) * 2 < len(labels):
        return ()
    sentence = (
        f"{differ:,} of {prose.count(pairs.total())} have another class in {source.source} than "
        "their folder says. The folders were used. To use the table, put all pictures into one "
        "folder."
    )
    return (warns("labels_differ", sentence),)


def renumbers(pictures: Sequence[str], folders: layout.Layout, source: label_files.Labels) -> bool:
    """Whether a table only gives each class of the folders a number."""
    pairs = _pairs(pictures, folders, source)
    labels = {label for _, label in pairs}
    one_to_one = len(pairs) == len(labels) == len({folder for folder, _ in pairs})
    return one_to_one and all(map(is_number, labels))


def _classes_meant(
    pictures: Sequence[str], folders: layout.Layout, source: label_files.Labels
) -> dict[str, str]:
    """The class that each label of a table means: the one of its name, or most of its pictures'."""
    pairs = _pairs(pictures, folders, source)
    of_folder: Counter[str] = Counter()
    of_label: Counter[str] = Counter()
    for (folder, label), number in pairs.items():
        of_folder[folder] += number
        of_label[label] += number
    meant = {
        label: folder
        for (folder, label), number in pairs.items()
        if number * 2 > max(of_folder[folder], of_label[label])
    }
    named = {key(label): label for label in folders.classes}
    labels = {label for label, _ in source.labels.values()}
    return meant | {each: named[key(each)] for each in labels if key(each) in named}


def _pairs(
    pictures: Sequence[str], folders: layout.Layout, source: label_files.Labels
) -> Counter[tuple[str, str]]:
    """How many pictures have this class by their folder and this label in a table."""
    return Counter(
        (assigned.label, source.labels[picture][0])
        for picture, assigned in zip(pictures, folders.assignments, strict=True)
        if assigned.label and source.labels.get(picture, ("", None))[0]
    )
