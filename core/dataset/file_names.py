"""Read labels from the names of files: `cat.0.jpg`, `0001_cat.jpg`."""

import posixpath
import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from core.dataset import levels
from core.dataset.folder_names import VIEWS, divide_name, role, vocabulary, words_of
from core.dataset.label_columns import LabelAndSplit
from core.dataset.label_files import Labels

PER_NAME = 2
"""Pictures per class, on average, for labels in file names to be believed."""
ODD = 0.1
"""Share of the pictures whose names may have no label, or one that no other has: `cover.jpg`."""
UNKNOWN = {"test", "unlabelled"}
"""Parts whose pictures may have no labels."""
# At the start of a reversed name, where they match in linear time.
_NUMBER = re.compile(r"[\s()]*\d+")
_WORDS = re.compile(r"\D*")
_SPACES = str.maketrans("._-", "   ")
_LETTER = re.compile(r"[^\W\d_]")
_DATE = re.compile(levels.DATE)
_TEACHABLE = re.compile(r"^(?P<label>.+)-!-\d+$")
# Words that cameras put before a number, but that no class ends in, unlike `door frame`.
_CAMERAS = vocabulary("img image dsc dscn dscf dcim pict pic pxl mvimg vid")
# Words that programs and cameras put into names.
_PROGRAMS = _CAMERAS | vocabulary("""
imagen bild photo picture foto scan frame pano
screenshot wp wa file untitled unnamed images download p at copy edited edit final hdr burst night
portrait am pm thumb thumbnail orig original small large scaled cropped whatsapp
""")
# Words for several pictures of the same thing.
_VARIANTS = VIEWS | vocabulary("""
rgb nir ir swir thermal depth normal mask masks seg segmentation gt red green blue hue dapi gfp
color colour gray grey input output source target real fake
""")


def find(pictures: Sequence[str], lists: Labels | None = None) -> Labels | None:
    """Labels in file names, as in `cat.0.jpg`, `great_dane_12.png` and `0001_cat.jpg`, or None.

    Dates are not part of a label: `cat_2024-05-01_1.jpg`.

    In Teachable Machine's projects (`.tm`), which are zips, all pictures are at the top:
    `cat-!-0.jpg`, beside `manifest.json` with the type of the project.

    Args:
        lists: labels from tables that are too few, or none, beside which their splits may be.

    Source: MeemeeLab/TeachableMachine-Scraper, src/Class/TMPacker.js, which writes such files.
    """
    top = posixpath.commonpath(map(posixpath.dirname, pictures)) if pictures else ""
    project = {
        name: _TEACHABLE.match(posixpath.splitext(name)[0][len(top) :].lstrip("/"))
        for name in pictures
    }
    if project and all(project.values()):
        projected: dict[str, LabelAndSplit] = {
            name: (match["label"], None) for name, match in project.items() if match
        }
        return Labels("the file names of a Teachable Machine project", projected)
    needed = [name for name in pictures if not UNKNOWN & set(map(role, name.split("/")[:-1]))]
    needed = needed or [*pictures]  # all are in `unsorted`
    stems = {name: _DATE.sub("", PurePosixPath(name).stem) for name in pictures}
    for label_of in (_before_number, _behind_number):
        words = {name: label for name, stem in stems.items() if (label := label_of(stem))}
        counts = Counter(words.get(name, "") for name in needed)
        odd = {label for label, count in counts.items() if not label or count == 1}
        if sum(counts[label] for label in odd) > ODD * len(needed):
            continue
        words = {name: label for name, label in words.items() if label not in odd}
        named = [name for name in needed if name in words]
        labels_of = [words[name] for name in named]
        if _plausible(labels_of) and not _are_variants(named, labels_of):
            splits = {name: part for name, (_, part) in lists.labels.items()} if lists else {}
            labels = {name: (word, splits.get(name)) for name, word in words.items()}
            if divided_names := _divided(set(words.values())):
                labels = {name: divided_names[word] for name, word in words.items()}
            files = lists.files if lists and any(splits.values()) else ()
            return Labels("the file names", labels, files=files)
    return None


def _divided(labels: Collection[str]) -> dict[str, LabelAndSplit]:
    """Class and split of `train_cat`, `train_dog`, `test_cat` and `test`; empty without a split.

    The classes of all parts must be those of training: `test tube` is one beside `training shoe`.
    """
    pairs: dict[str, LabelAndSplit] = {}
    for label in labels:
        part, name = role(label), divide_name(label)[-1]
        pairs[label] = ("" if part and name == label else name, part)
    trained = {name for name, part in pairs.values() if part == "train"} - {""}
    is_split = all(part and name in {*trained, ""} for name, part in pairs.values())
    return pairs if is_split and len(trained) > 1 else {}


def _before_number(stem: str) -> str:
    """The label in `cat.0`, `great_dane_12`, `cat (3)` and `cat_IMG_1`; empty without one."""
    number = _NUMBER.match(stem[::-1])
    label = stem[: len(stem) - number.end()].strip(" ._-()") if number else ""
    start, _, last = label.translate(_SPACES).rpartition(" ")
    if last.casefold() in _CAMERAS and _LETTER.search(start):
        label = label[: len(start)].strip(" ._-()")
    return label if _LETTER.search(label) else ""


def _behind_number(stem: str) -> str:
    """The label in `0001_cat` and in `cat`; empty without one."""
    words = _WORDS.match(stem[::-1])
    label = words[0][::-1].strip(" ._-()") if words else ""
    return label if _LETTER.match(label) else ""


def _are_variants(pictures: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether labels are those of variants, each once behind each number: `1_rgb`, `1_nir`."""
    if not {word for label in labels for word in words_of(label)} <= _VARIANTS:
        return False
    stems = (str(PurePosixPath(picture).with_suffix("")) for picture in pictures)
    before = [
        stem.rstrip(" ._-()").removesuffix(label).rstrip(" ._-(")
        for stem, label in zip(stems, labels, strict=True)
    ]
    each = len(set(zip(before, labels, strict=True))) == len(pictures)
    numbered = all(start[-1:].isdigit() for start in before)
    return each and numbered and len(pictures) == len(set(before)) * len(set(labels))


def _plausible(labels: Sequence[str]) -> bool:
    """Whether the parts of the names of pictures may be labels."""
    counts = Counter(labels)
    return (
        2 <= len(counts) <= len(labels) / PER_NAME
        and not all(set(words_of(label)) <= _PROGRAMS for label in counts)
        and not all(role(label) and divide_name(label) == [label] for label in counts)
    )
