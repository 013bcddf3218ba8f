"""Write which picture was for training, validation and test, for programs outside Tusker."""

from __future__ import annotations

import json

from core.dataset import Dataset, Split

NAME = "split.json"
ORDER: tuple[Split, ...] = ("train", "validation", "test")


def rows(dataset: Dataset) -> str:
    """A JSON list of `file`, `class`, `part` and `sha256`, one picture a line.

    The hash is what a picture is known by: whoever unpacks a zip elsewhere, or one folder deeper,
    or renames a file, still tests on the pictures of the report. The class is the one that was
    taught, which is not the folder's where a label was corrected. Test pictures come last, so
    that a reader who keeps one row for each hash trains on no copy of a test picture.
    """
    lines = [
        json.dumps(
            {
                "file": example.name,
                "class": dataset.classes[example.label],
                "part": example.split,
                "sha256": example.sha256,
            },
            ensure_ascii=False,
        )
        for part in ORDER
        for example in dataset.of(part)
    ]
    return "[\n" + ",\n".join(lines) + "\n]\n"
