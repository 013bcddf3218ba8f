"""Find which tables, and which of their columns, say to which split pictures belong."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence, Set

from core.dataset.folder_names import Part, role, vocabulary

SPLIT_COLUMNS = ("split", "set", "subset", "partition", "data_set", "fold", "usage", "ml_use")
FOLDS = {"fold", "usage"}
"""Of these, those that may divide the pictures for something else than a test."""
SPLITS = {"train", "validation", "test"}
NEARLY_ALL = 0.9
"""Share of the pictures in class folders that splits must name, because others are left out; also
of the classes that must have test pictures."""
_FLAG = re.compile(r"(is|in)_(?P<part>[^\W_]+)")
# Words beside `train` and `test` in the name of a list; `validation_errors.csv` is no such list.
_NEUTRAL = vocabulary("""
label labels class classes list set split data dataset image images img picture pictures photo
photos file files filename filenames name names id ids annotation annotations meta metadata info gt
ground truth
""")
# Words of programs and people in several languages.
ON = vocabulary(
    "1 true yes x ✓ ✔ ja wahr oui vrai si sí sì verdadero vero sim verdadeiro tak да 是"
)
OFF = {"", *vocabulary("0 false no nein falsch non faux falso nao não nie nee нет 否")}


def parts(stems: Collection[str]) -> dict[str, Part]:
    """The splits that names of tables stand for: `train`, `testLabels`; `x_train` beside `x_test`.

    Args:
        stems: names of all files that are no pictures, without extensions.
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


def columns(
    part: Part | None,
    titles: Sequence[str],
    values: Mapping[int, Set[str]],
    marks: Collection[int],
) -> tuple[set[int], Callable[[list[str]], Part | None]]:
    """The columns that are about splits, and what says the split of a row.

    Args:
        part: what the name of the table stands for: the split of all rows if no column says more.
        titles: of all columns, in lower case.
        values: place of a column → its values, without the column of file names.
        marks: columns of marks.
    """
    titled = {n for n in values if titles[n] in SPLIT_COLUMNS}
    words = (n for n in values if n in titled and any(role(v) in SPLITS for v in values[n]))
    place = next(words, None)
    if place is None:  # a list of Google's AutoML has no titles
        words = (n for n in values if all(role(value) in SPLITS for value in values[n]))
        place = next((n for n in words if {"train"} < set(map(role, values[n]))), None)
    if place is not None:
        return titled | {place}, lambda row: role(row[place])
    flags = {n: role(flag["part"]) for n in marks if (flag := _FLAG.fullmatch(titles[n]))}
    flags = {n: flagged for n, flagged in flags.items() if flagged in SPLITS}
    if not flags:
        return titled, lambda _: part
    either: tuple[Part, Part] = ("train", "test")
    other = next((split for split in either if split not in flags.values()), None)

    def split_of(row: list[str]) -> Part | None:
        flagged = {flags[n] for n in flags if mark(row[n]) in ON} or {other}
        return flagged.pop() if len(flagged) == 1 else None

    return titled | set(flags), split_of


def mark(cell: str) -> str:
    """A cell without capitals and without zeros after the point: `1.000` is a mark, too."""
    return re.sub(r"[.,]0+$", "", cell.casefold())
