"""Read JSON of any structure as rows of a table, and find labels of parts of pictures."""

import contextlib
import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from core.dataset import tables
from core.dataset.table_columns import is_number, is_titled
from core.system.untrusted_json import parse

SUFFIXES = (".json", ".jsonl", ".ndjson", ".manifest", ".labels")
OF_ONE = (".json", ".labels")
"""Suffixes of files that may be about one picture; the others have a record per line."""
DEEPEST = 20
MOST_ITEMS = 100
"""Items of a list in a record that are compared."""
MOST_CELLS, LONGEST = 100, 200
"""Cells of a file about one picture that are kept, and their characters."""
RARE = 10
"""A title in fewer than one of so many records does not become a column."""
_BOXES = re.compile(
    r'"(bbox|segmentation|shape_attributes|rectanglelabels|polygonlabels|brushlabels)"'
    r'\s*:\s*[\[{]+\s*["\-\d.]|"coordinates"\s*:\s*\{\s*"(x|y|width|height)"'
    r'|"(regions|shapes)"\s*:\s*\[\s*\{[^{}]*("points"|"left"|agName)'
)
_XML_BOXES = {"<bndbox>": "Pascal VOC", r"<(box|polygon)\s[^<>]*label=": "CVAT"}
_BOX_COLUMNS = {"xmin", "xmax", "ymin", "ymax", "bbox", "x_min", "x_max", "x1", "y1"}


def rows(name: str, text: str) -> list[list[str]]:
    """The rows of a table, or of JSON of any structure, by the name of the file."""
    if PurePosixPath(name).suffix.lower() in SUFFIXES:
        return rows_of(text)
    if PurePosixPath(name).suffix.lower() == ".xml":
        return _tags_of_cvat(text)
    return expanded(tables.rows_of(text))


def rows_of(text: str) -> list[list[str]]:
    """The rows of JSON, or of one JSON document per line; none if it is broken.

    Of COCO, Datumaro and FiftyOne, which number the classes, a row for each annotation of a whole
    picture.

    Names of files → labels, classes → lists of files, and lists of records are understood. The
    title of a column is the path of its values, such as `annotations.result.value.choices`; of
    lists, only what all items say counts.
    """
    try:
        content = _parsed(text)
        return _rows_of_numbers(content) or table_of(map(_row, _records(content)))
    except ValueError:
        return []


def expanded(rows: list[list[str]]) -> list[list[str]]:
    """The rows of a table, with a column for each value of cells that hold JSON."""
    if not any(cell.startswith('{"') for row in rows[1:2] for cell in row):
        return rows
    try:
        cells = [[parse(c) if c.startswith("{") else c for c in row] for row in rows[1:]]
    except ValueError:
        return rows
    return table_of([dict(_cells(dict(zip(rows[0], row, strict=False)))) for row in cells])


def table_of(records: Iterable[dict[str, str]]) -> list[list[str]]:
    """Rows of records, with their titles as the header."""
    records = list(filter(None, records))
    counts = Counter(title for record in records for title in record)
    # Rare ones would multiply the cells of the table.
    columns = [title for title, n in counts.items() if n * RARE >= len(records)][: tables.WIDEST]
    body = [[record.get(title, "") for title in columns] for record in records]
    return [columns, *body] if columns else []


def boxes(name: str, text: str) -> str:
    """The format of a file that labels parts of pictures, or an empty string.

    Beside a column of labels, a box may be that of the object.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".xml":
        return next((kind for mark, kind in _XML_BOXES.items() if re.search(mark, text)), "")
    if suffix in SUFFIXES and _BOXES.search(text):
        kinds = {"agName": "Azure Custom Vision", '"categories"': "COCO", '"shapes"': "LabelMe"}
        return next((kind for mark, kind in kinds.items() if mark in text), "JSON with boxes")
    if suffix == ".txt":
        rows = [line.split() for line in tables.lines_of(text) if line.strip()]
        return "YOLO" if rows and all(map(_is_yolo, rows)) else ""
    if suffix in tables.TABLES:
        header = {
            cell.strip().casefold()
            for row in tables.rows_of(text[: tables.SAMPLE])[:1]
            for cell in row
        }
        labelled = any(map(is_titled, header - {"y"}))  # or a coordinate
        has_box = any(cell.startswith("bbox") for cell in header) and not labelled
        return "a table of boxes" if has_box or len(header & _BOX_COLUMNS) > 1 else ""
    return ""


def _rows_of_numbers(content: Any) -> list[list[str]]:
    """Files and names of classes where labels are their numbers; none of anything else."""
    for read in (_pairs_of_coco, _pairs_of_datumaro, _pairs_of_fiftyone):
        with contextlib.suppress(TypeError, KeyError, IndexError, AttributeError):
            return [["file", "label"], *read(content)]
    return []


def _pairs_of_coco(content: Any) -> list[list[str]]:
    categories = {category["id"]: str(category["name"]) for category in content["categories"]}
    pictures = {picture["id"]: str(picture["file_name"]) for picture in content["images"]}
    return [[pictures[a["image_id"]], categories[a["category_id"]]] for a in content["annotations"]]


def _pairs_of_datumaro(content: Any) -> list[list[str]]:
    names = [str(label["name"]) for label in content["categories"]["label"]["labels"]]
    return [
        [str(item.get("image", {}).get("path", item["id"])), names[label["label_id"]]]
        for item in content["items"]
        for label in item["annotations"]
        if label["type"] == "label"
    ]


def _pairs_of_fiftyone(content: Any) -> list[list[str]]:
    names, labels = content["classes"], content["labels"]
    return [[file, str(names[number])] for file, number in labels.items()]


def of_picture(name: str, text: str) -> dict[str, str]:
    """The cells of a JSON file about one picture, and the picture's name, from the file's name.

    Args:
        name: such as `1.jpg.json` or `1.json`.
    """
    try:
        cells = [cell for cell in _cells(parse(text)) if len(cell[1]) <= LONGEST]
    except ValueError:
        return {}
    kept = sorted(cells, key=lambda cell: not is_titled(cell[0]))[:MOST_CELLS]
    return dict(kept) | {"file": PurePosixPath(name).stem}


def _tags_of_cvat(text: str) -> list[list[str]]:
    rows = []
    for image in re.split(r"<image\s", text)[1:]:
        name = re.search(r'\bname="([^"]*)"', image)
        tags = re.findall(r'<tag\s[^<>]*\blabel="([^"]*)"', image)
        rows += [[html.unescape(cell) for cell in (name[1], tag)] for tag in tags if name]
    return [["file", "label"], *rows]


def type_of_project(text: str) -> str:
    """The type of a Teachable Machine project by its `manifest.json`; empty if it is none."""
    try:
        content: Any = parse(text)
        return str(content["type"]) if "appdata" in content else ""
    except (ValueError, TypeError, KeyError):
        return ""


def _is_yolo(row: list[str]) -> bool:
    """Whether a line holds a class number and the coordinates of a box or polygon, 0 to 1 each."""
    numbers = len(row) >= 5 and row[0].isdigit() and all(map(is_number, row))
    return numbers and all(0 <= float(cell) <= 1 for cell in row[1:])


def _parsed(text: str) -> Any:
    try:
        return parse(text)
    except json.JSONDecodeError:
        return [parse(line) for line in tables.lines_of(text) if line.strip()]


Record = dict[str, Any] | list[Any]


def _records(content: Any) -> list[Record]:
    """The records in JSON of any structure, by the first shape that it has."""
    if isinstance(content, list):
        return [record for record in content if record and isinstance(record, dict | list)]
    return _records_by_key(content) if isinstance(content, dict) else []


def _records_by_key(content: dict[str, Any]) -> list[Record]:
    values = list(content.values())
    parts = [value for value in values if isinstance(value, list | dict)]
    if all(isinstance(value, list) for value in values):
        longest: list[Any] = max(values, key=len, default=[])
        if not all(isinstance(item, str) for item in longest):
            return _records(longest)
        # `{"cat": ["1.jpg", "2.jpg"], "dog": ["3.jpg"]}`
        pairs = ((key, item) for key, items in content.items() for item in items)
        return [{"file": item, "": key} for key, item in pairs if isinstance(item, str)]
    if len(values) > 1 and all(isinstance(value, dict) for value in values):
        # `{"1.jpg": {"label": "cat"}, "2.jpg": {"label": "dog"}}`; parts of a project have no title
        # in common.
        titles = [set(value) for value in values if value]
        if titles and set.intersection(*titles):
            return [{"": key} | value for key, value in content.items()]
    if parts:  # `{"version": 1, "files": [{"path": "1.jpg", "label": "cat"}]}`
        return _records(max(parts, key=len))
    # `{"1.jpg": "cat", "2.jpg": "dog"}`, or without extensions, if most labels occur again.
    are_files = all(PurePosixPath(key).suffix for key in content)
    if are_files or 2 * len(set(values)) <= len(values):
        return [{"file": key, "": value} for key, value in content.items()]
    return [content]  # of one picture; `{"0": "cat"}` names classes, which differ


def _row(record: Record) -> dict[str, str]:
    """The cells of a record by their titles; those of a list, `["1.jpg", "cat"]`, are numbered."""
    if isinstance(record, list):
        return {str(n): str(cell) for n, cell in enumerate(record) if isinstance(cell, str | int)}
    return dict(_cells(record))


def _cells(value: Any, title: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and depth < DEEPEST:
        for key, inner in value.items():
            yield from _cells(inner, f"{title}.{key}".lstrip("."), depth + 1)
    elif isinstance(value, list) and len(value) <= MOST_ITEMS and depth < DEEPEST:
        cells = [set(_cells(item, title, depth + 1)) for item in value]
        yield from sorted(set.intersection(*cells) if cells else ())
    elif isinstance(value, str | int | float):
        yield title, str(value)
