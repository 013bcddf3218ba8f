"""Which picture was for what, for programs that have the pictures elsewhere."""

import json

from core.dataset import Dataset, Example
from core.export import train_program


def example(name, part, label, sha256):
    return Example(name=name, path="x", label=label, sha256=sha256, width=9, height=9, split=part)


DATASET = Dataset(
    name="x",
    classes=("ant", "蜂"),
    examples=(
        example("ant/0.jpg", "test", 0, "same"),
        example("ant/corrected.jpg", "train", 1, "b"),
        example("ant/copy.jpg", "train", 0, "same"),
        example("蜂/3.jpg", "validation", 1, "c"),
    ),
)


def test_each_picture_has_a_line_with_the_class_it_was_taught_as():
    text = train_program.split_rows(DATASET)
    rows = json.loads(text)
    assert len(text.splitlines()) == len(rows) + 2
    assert {row["file"]: row["class"] for row in rows} == {
        "ant/0.jpg": "ant",
        "ant/corrected.jpg": "蜂",
        "ant/copy.jpg": "ant",
        "蜂/3.jpg": "蜂",
    }
    assert '"蜂/3.jpg"' in text


def test_whoever_keeps_one_row_a_hash_trains_on_no_copy_of_a_test_picture():
    rows = json.loads(train_program.split_rows(DATASET))
    assert {row["sha256"]: row["part"] for row in rows}["same"] == "test"
