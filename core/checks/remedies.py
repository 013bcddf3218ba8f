"""Apply the remedies of findings to a dataset."""

from collections.abc import Collection, Iterable, Mapping

from core.archive.name_encodings import decode_again
from core.archive.unpacking import Skipped
from core.dataset import Dataset, Example, layout
from core.dataset.class_codes import is_code
from core.dataset.findings import Remedy
from core.dataset.layout import Split

READINGS = {"relabel", "read_as"}
"""Kinds of remedies after which folders that were classes may be groups."""
LEFT_OUT = "Left out by a change that you made or accepted."


def apply(
    dataset: Dataset, remedies: Iterable[Remedy], added: Mapping[str, Dataset] | None = None
) -> Dataset:
    """Apply remedies in order; classes are read again first, from nested folders or a table.

    The dataset itself is not changed; applying fewer remedies to it undoes the others.

    Args:
        added: pictures that were added later, by their id.
    """
    examples, skipped = list(dataset.examples), list(dataset.skipped)
    labels: list[str | None] = [dataset.classes[example.label] for example in examples]
    scale, as_read = dataset.scale, dataset.classes
    named: dict[str, str] = {}  # codes that were replaced by names
    for remedy in sorted(remedies, key=lambda remedy: remedy.kind not in READINGS):
        if remedy.kind == "read_as":
            inferred = layout.infer([example.name for example in examples], remedy.reading)
            read = list(zip(examples, inferred.assignments, strict=True))
            skipped += [Skipped(name=e.name, reason=each.reason) for e, each in read if each.reason]
            examples = [example for example, each in read if not each.reason]
            labels = [each.label for each in inferred.assignments if not each.reason]
            as_read = inferred.classes
        elif remedy.kind == "add":
            addition = (added or {})[remedy.files[0]]
            split: Split | None = "train" if dataset.predefined else None
            update = {"split": split}
            examples += [example.model_copy(update=update) for example in addition.examples]
            added_to = [named.get(name, name) for name in addition.classes]
            labels += [added_to[example.label] for example in addition.examples]
            skipped += addition.skipped
        elif remedy.kind == "unstretch":
            scale = scale.model_copy(update={"gain": 1.0})
        else:
            labels = _relabelled(remedy, examples, labels, as_read)
            if remedy.kind == "rename" and all(map(is_code, remedy.classes)):
                named |= zip(remedy.classes, remedy.names, strict=True)
    names = tuple(sorted({label for label in labels if label is not None}))
    index_of = {name: index for index, name in enumerate(names)}
    pairs = list(zip(examples, labels, strict=True))
    remaining = [e.model_copy(update={"label": index_of[name]}) for e, name in pairs if name]
    skipped += [Skipped(name=e.name, reason=LEFT_OUT) for e, name in pairs if not name]
    return dataset.model_copy(
        update={
            "scale": scale,
            "classes": names,
            "examples": tuple(remaining),
            "skipped": tuple(skipped),
        }
    )


def _relabelled(
    remedy: Remedy,
    examples: list[Example],
    labels: list[str | None],
    as_read: Collection[str],
) -> list[str | None]:
    """The class of each picture after a remedy; None for those that are left out.

    Args:
        as_read: classes before all remedies, of which the encoding may be wrong.
    """
    files, classes = set(remedy.files), set(remedy.classes)
    renamed = dict(zip(remedy.classes, remedy.names, strict=False))
    relabelled = dict(zip(remedy.files, remedy.names, strict=False))

    def after(file: str, label: str) -> str | None:
        match remedy.kind:
            case "relabel":
                return relabelled.get(file)
            case "leave_out":
                return None if file in files or label in classes else label
            case "move" | "merge":
                return remedy.classes[0] if file in files or label in classes else label
            case "decode" if label in as_read and file not in files:
                return decode_again(label, *remedy.names)
        return renamed.get(label, label)

    pairs = zip(examples, labels, strict=True)
    return [None if label is None else after(example.name, label) for example, label in pairs]
