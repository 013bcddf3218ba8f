"""Read labels that are not folders: from tables, COCO and Custom Vision files, and file names."""

import json
import posixpath
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from core.archive.unpacking import Member
from core.dataset import tables
from core.dataset.layout import role
from core.errors import BadDataset

MINIMUM_SHARE = 0.5
"""Share of the pictures that a table of one class must name to be used."""
PER_NAME = 2
"""Pictures per class, on average, for labels in file names to be believed."""
UNKNOWN = {"test", "unlabelled"}
"""Parts whose pictures may have no labels."""
LABEL_COLUMNS = """
label labels class classname class_name classid class_id category target dx diagnosis species
breed variety type y
"""
SPLIT_COLUMNS = ("split", "set", "subset", "partition", "data set", "fold")
BOX_COLUMNS = {"xmin", "xmax", "ymin", "ymax", "bbox", "x_min", "x_max", "x1", "y1"}
DETECTION = (
    "is an export for object detection ({format}), which labels parts of pictures. Export it for "
    "classification, one folder per class, or crop the objects first."
)
_NUMBERED = re.compile(r"^(?P<label>.*?[^\W\d_].*?)[\s._()-]*\d+[\s()]*$")
_TEACHABLE = re.compile(r"^(?P<label>.+)-!-\d+$")
_CAMERA_NAMES = """
img image imagen bild dsc dscn dscf dcim pict pic photo picture foto scan screenshot frame pxl
vid wp file untitled unnamed images download p
"""


class Labels(NamedTuple):
    """Labels by file name.

    Attributes:
        source: where they come from, such as `train.csv`.
        labels: name of a picture → its class, and its split where the source has one.
        enough: whether they may be the labels of the dataset.
    """

    source: str
    labels: dict[str, tuple[str, str]]
    enough: bool = True


def find(
    name: str, pictures: Sequence[str], others: Sequence[Member], *, titled: bool = False
) -> Labels | None:
    """Labels of pictures whose folders may not be classes; None if there are none.

    Args:
        name: of the dataset, for messages.
        pictures: names of the readable pictures.
        others: all other files.
        titled: whether only columns with the title of labels count, as where folders may be classes
            and a table may name sites or patients.

    Raises:
        BadDataset: the files are an export for object detection, or a project without pictures.
    """
    lookup = tables.Lookup(pictures)
    found: dict[str, tuple[str, str]] = {}
    sources = []
    for member in others:
        suffix = PurePosixPath(member.name).suffix.lower()
        if suffix not in (".csv", ".tsv", ".json", ".xml", ".txt") or not tables.small(member.path):
            continue
        text = tables.text_of(member.path)
        if kind := _detection(member.name, suffix, text):
            raise BadDataset(f"{name} {DETECTION.format(format=kind)}")
        if suffix in tables.TABLES:
            labels = _table(member.name, text, lookup, titled=titled)
        elif suffix == ".json":
            kind = _project(text)
            if kind and not pictures:
                raise BadDataset(
                    f"{name} is a Teachable Machine project of the type {kind}, without pictures. "
                    "Use an image project."
                )
            labels = _coco(member.name, text, lookup) or _custom_vision(member.name, text, lookup)
        else:
            continue
        if labels:
            found |= labels
            sources.append(member.name)
    if not found:
        return None
    enough = len(found) >= MINIMUM_SHARE * len(pictures) or len(set(found.values())) > 1
    return Labels(sources[0] if len(sources) == 1 else f"{len(sources)} tables", found, enough)


def in_names(pictures: Sequence[str]) -> Labels | None:
    """Labels at the start of file names, as in `cat.0.jpg` and `great_dane_12.png`, or None.

    In Teachable Machine's projects (`.tm`), which are zips, all pictures are at the top:
    `cat-!-0.jpg`, beside `manifest.json` with the type of the project.

    Source: MeemeeLab/TeachableMachine-Scraper, src/Class/TMPacker.js, which writes such files.
    """
    top = posixpath.commonpath(map(posixpath.dirname, pictures)) if pictures else ""
    project = {
        name: _TEACHABLE.match(posixpath.splitext(name)[0][len(top) :].lstrip("/"))
        for name in pictures
    }
    if project and all(project.values()):
        labels = {name: (match["label"], "") for name, match in project.items() if match}
        return Labels("the file names of a Teachable Machine project", labels)
    labels = {}
    for name in pictures:
        if match := _NUMBERED.match(PurePosixPath(name).stem):
            labels[name] = (match["label"].strip(" ._-("), "")
    needed = [name for name in pictures if not UNKNOWN & set(map(role, name.split("/")[:-1]))]
    counts = Counter(labels[name][0] for name in needed if name in labels)
    plausible = (
        0 < counts.total() == len(needed)
        and 2 <= len(counts) <= len(needed) / PER_NAME
        and min(counts.values()) > 1
        and not all(label.casefold() in _CAMERA_NAMES.split() for label in counts)
    )
    return Labels("the file names", labels) if plausible else None


def _detection(name: str, suffix: str, text: str) -> str:
    """The format of an annotation with boxes, or an empty string."""
    if suffix == ".xml" and "<bndbox>" in text:
        return "Pascal VOC"
    if suffix == ".json" and re.search(r'"bbox"\s*:\s*\[\s*[-\d.]', text):
        return "COCO"
    if suffix == ".json" and re.search(r'"regions"\s*:\s*\[\s*\{', text) and "agName" in text:
        return "Azure Custom Vision"
    if suffix == ".txt" and PurePosixPath(name).parent.name == "labels":
        rows = [line.split() for line in text.splitlines() if line.strip()]
        if rows and all(len(row) >= 5 and all(map(_is_number, row)) for row in rows):
            return "YOLO"
    if suffix in tables.TABLES:
        columns = (
            {cell.strip().casefold() for cell in tables.rows_of(text)[:1][0]}
            if text.strip()
            else set()
        )
        if len(columns & BOX_COLUMNS) > 1:
            return "a table of boxes"
    return ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _table(
    name: str, text: str, lookup: tables.Lookup, *, titled: bool
) -> dict[str, tuple[str, str]]:
    """Labels of a table with a column of files and one of labels, or one of 0 and 1 per class.

    Raises:
        BadDataset: several columns may be the labels.
    """
    table = tables.matched(name, text, lookup)
    if table is None:
        return {}
    header, file_column, body = table
    columns = [n for n in range(len(header)) if n != file_column]
    titles = {n: header[n].strip().casefold() for n in columns}
    split_column = next((n for n in columns if titles[n] in SPLIT_COLUMNS), None)
    columns = [n for n in columns if n != split_column]
    split = {
        found: (role(row[split_column]) or "") if split_column is not None else ""
        for found, row in body
    }
    values = {n: {row[n] for _, row in body} for n in columns}
    binary = [n for n in columns if values[n] <= {"0", "1", "0.0", "1.0"} and values[n]]
    named = [n for n in columns if titles[n].replace(" ", "_") in LABEL_COLUMNS.split()]
    if titled and not named:
        return {}
    if len(binary) > 1 and not named:
        labels = {}
        for found, row in body:
            ones = [header[n].strip() for n in binary if row[n] in ("1", "1.0")]
            if len(ones) == 1:
                labels[found] = (ones[0], split[found])
        return labels
    fitting = [n for n in columns if 2 <= len(values[n]) <= max(2, len(body) / 2)]
    chosen = [n for n in named if n in fitting] or fitting or named[:1]
    if not chosen:
        return {}
    if len(chosen) > 1 and not named:
        raise BadDataset(
            f"{name} has several columns that may be the labels: "
            f"{', '.join(header[n] for n in chosen[:5])}. Keep one of them beside the file names."
        )
    words = [n for n in chosen if not all(map(_is_number, values[n]))]
    column = (words or chosen)[0]
    return {found: (row[column], split[found]) for found, row in body if row[column]}


def _coco(name: str, text: str, lookup: tables.Lookup) -> dict[str, tuple[str, str]]:
    """Labels of a COCO file whose annotations are of whole pictures."""
    try:
        content: Any = json.loads(text)
        categories = {category["id"]: str(category["name"]) for category in content["categories"]}
        pictures = {picture["id"]: str(picture["file_name"]) for picture in content["images"]}
        pairs = [
            (pictures[a["image_id"]], categories[a["category_id"]]) for a in content["annotations"]
        ]
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}
    named = ((lookup.find(file, name), label) for file, label in pairs)
    return {found: (label, "") for found, label in named if found is not None}


def _custom_vision(name: str, text: str, lookup: tables.Lookup) -> dict[str, tuple[str, str]]:
    """Labels of pictures with one tag in an answer of Azure Custom Vision, saved with the pictures.

    Custom Vision exports models only. Its pictures are downloaded through the API, which lists them
    with their tags; their files are named by `id` or as in `originalImageUri`.

    Source: Custom Vision REST API 3.4, "Get Tagged Images".
    """
    try:
        content: Any = json.loads(text)
        tagged = [(item, {str(tag["tagName"]) for tag in item["tags"]}) for item in content]
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}
    labels = {}
    for item, tags in tagged:
        uris = (urlsplit(str(item.get(key, ""))).path for key in ("originalImageUri", "imageUri"))
        files = [str(item.get("id", "")), *(uri.rpartition("/")[2] for uri in uris)]
        found = next(filter(None, (lookup.find(file, name) for file in files)), None)
        if found is not None and len(tags) == 1:
            labels[found] = (tags.pop(), "")
    return labels


def _project(text: str) -> str:
    """The type of a Teachable Machine project by its `manifest.json`; empty if it is none."""
    try:
        content: Any = json.loads(text)
        return str(content["type"]) if "appdata" in content else ""
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
