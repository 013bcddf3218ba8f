"""Find which tables, and which of their columns, say to which split pictures belong."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import repeat

from core.dataset.folder_names import Part, role, vocabulary
from core.dataset.table_columns import TableColumn

SPLIT_COLUMNS = ("split", "set", "subset", "partition", "data_set", "fold", "usage", "ml_use")
FOLDS = {"fold", "usage"}
"""Those among them that may divide the pictures for another purpose than a test."""
SPLITS = {"train", "validation", "test"}
NEARLY_ALL = 0.9
"""Share of the pictures in class folders that splits must name, because others are left out; also
of the classes that must have test pictures."""
_FLAG = re.compile(r"(is|in)_(?P<part>[^\W_]+)")
# Words beside `train` and `test` in the name of a list; not `validation_errors.csv`.
_NEUTRAL = vocabulary("""
label labels class classes list set split data dataset image images img picture pictures photo
photos file files filename filenames name names id ids annotation annotations meta metadata info gt
ground truth
""")


def parts(stems: Collection[str]) -> dict[str, Part]:
    """The splits that names of tables stand for: `train`, `testLabels`; `x_train` beside `x_test`.

    Args:
        stems: names of all files that are not pictures, without extensions.
    """
    rests: defaultdict[tuple[str, ...], dict[str, Part]] = defaultdict(dict)
    for stem in stems:
        if (part := role(stem)) and part != "unlabelled":
            words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem).casefold())
            rest = (word for word in words if not role(word) and word not in _NEUTRAL)
            rests[tuple(rest)][stem] = part
    named = [each for rest, each in rests.items() if not rest or len(set(each.values())) > 1]
    return {stem: part for each in named for stem, part in each.items()}


def divides(
    labels: Mapping[str, tuple[str, Part | None]], pictures: Sequence[str], classes: Collection[str]
) -> bool:
    """Whether splits beside class folders leave out few pictures, and few classes of the test.

    Args:
        labels: name of a picture → its class and its split in tables; a class may be empty.
        pictures: names of all pictures.
        classes: of the folders; without any, the tables are not doubted.
    """
    if not classes:
        return True
    splits: defaultdict[str, Counter[Part | None]] = defaultdict(Counter)
    for picture in pictures:
        label, split = labels.get(picture, ("", None))
        folders = (folder for folder in picture.split("/")[-2::-1] if folder in classes)
        splits[next(folders, label)][split] += 1
    splits.pop("", None)
    total = sum(splits.values(), Counter[Part | None]())
    named = total.total() - total[None]
    if total["train"] and named < NEARLY_ALL * total.total():
        return False  # the others would be left out
    tested = sum(bool(each["test"] or each["validation"]) for each in splits.values())
    return tested == 0 or tested >= NEARLY_ALL * len(splits)


def find(
    part: Part | None, columns: Sequence[TableColumn]
) -> tuple[list[TableColumn], Iterable[Part | None]]:
    """The columns that are about splits, and the split of each row.

    Args:
        part: what the name of the table stands for: the split of all rows if no column says more.
        columns: of a table, without those of file names and those that are empty.
    """
    titled = [c for c in columns if c.title in SPLIT_COLUMNS]
    words = (c for c in titled if any(role(value) in SPLITS for value in c.values))
    column = next(words, None)
    if column is None:  # a list of Google's AutoML has no titles
        roles = ((c, set(map(role, c.values))) for c in columns)
        column = next((c for c, found in roles if {"train"} < found <= SPLITS), None)
    if column is not None:
        return [*titled, column], map(role, column.cells)
    named = ((c, _FLAG.fullmatch(c.title)) for c in columns if c.is_marks)
    flags = [(c, role(flag["part"])) for c, flag in named if flag and role(flag["part"]) in SPLITS]
    if not flags:
        return titled, repeat(part)
    either: tuple[Part, Part] = ("train", "test")
    other = next((split for split in either if split not in dict(flags).values()), None)

    def split_of(marks: Sequence[bool]) -> Part | None:
        flagged = {split for (_, split), is_on in zip(flags, marks, strict=True) if is_on}
        return (flagged or {other}).pop() if len(flagged) < 2 else None

    rows = zip(*(column.marked for column, _ in flags), strict=True)
    return [*titled, *(column for column, _ in flags)], map(split_of, rows)
