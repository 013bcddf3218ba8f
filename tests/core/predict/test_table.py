"""Answers about many pictures as CSV, JSON lines and Excel: no formulas, and whole or absent."""

import csv
import io
import json
import re
import tracemalloc
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest

from core.errors import LimitExceeded
from core.model.batch import Row
from core.model.classifier import Prediction
from core.model.decision import PredictionSet, Verdict
from core.predict import table

HOSTILE = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "https://example.org", "a\x01b<&>\n2")
ROWS = [
    Row(
        f"{name}.jpg",
        (Prediction(name, 1, 0.75), Prediction("rose", 0, 0.25)),
        Verdict.NOT_SURE,
        PredictionSet(0.95, (name, "rose")),
        notes=("=1.", "Dark."),
    )
    for name in HOSTILE
] + [Row("bad.jpg", problem="=Not a picture.")]
NAMESPACE = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def excel(content: bytes) -> tuple[list[list[str | float | None]], str]:
    """Rows of the sheet, and its XML."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        assert not [name for name in book.namelist() if "External" in name or "rels/sheet" in name]
        raw = book.read("xl/worksheets/sheet1.xml").decode()
        shared = (
            [
                "".join(item.itertext())
                for item in ET.fromstring(book.read("xl/sharedStrings.xml")).findall(
                    "m:si", NAMESPACE
                )
            ]
            if "xl/sharedStrings.xml" in book.namelist()
            else []
        )
    rows = []
    for row in ET.fromstring(raw).iter(f"{{{NAMESPACE['m']}}}row"):
        cells: list[str | float | None] = [None] * len(table.COLUMNS)
        for cell in row:
            text = "".join(cell.itertext())
            kind = cell.get("t")
            value = float(text) if kind is None else shared[int(text)] if kind == "s" else text
            if isinstance(value, str):
                value = re.sub(r"_x([0-9A-F]{4})_", lambda m: chr(int(m[1], 16)), value)
            cells[ord(cell.attrib["r"][0]) - ord("A")] = value
        rows.append(cells)
    return rows, raw


def test_hostile_names_are_text_in_a_csv() -> None:
    rows = list(csv.reader(io.StringIO(table.to_bytes(ROWS, "csv").decode(), newline="")))
    assert rows[0] == list(table.COLUMNS)
    for name, cells in zip(HOSTILE, rows[1:], strict=False):
        assert cells[1] == table.escape_formula(name)
        prediction_set = table.escape_formula(f"{name}; rose")
        assert cells[2:7] == ["1", "0.75", "rose", "0.25", "not sure"]
        assert cells[7:] == [prediction_set, "0.95", "", "'=1. Dark."]
        assert all(cell[:1] not in "=+-@\t\r" or not cell for cell in cells)
    assert rows[-1] == ["bad.jpg", *[""] * 8, "'=Not a picture.", ""]


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("rose;=1+1;", "rose;'=1+1;"),
        ("-;@x;\t=1", "'-;'@x;'\t=1"),
        ("rose-red; white=1;2", "rose-red; white=1;2"),
        ("", ""),
    ],
)
def test_formulas_are_text_also_where_cells_are_cut_at_semicolons(name: str, cell: str) -> None:
    assert table.escape_formula(name) == cell


def test_hostile_names_are_strings_in_excel() -> None:
    rows, raw = excel(table.to_bytes(ROWS, "xlsx"))
    assert "<f" not in raw.replace("<filter", "") and "hyperlink" not in raw
    assert rows[0] == list(table.COLUMNS)
    assert [row[1] for row in rows[1:-1]] == list(HOSTILE)
    assert rows[1][2:] == [
        *(1.0, 0.75, "rose", 0.25, "not sure", "=1+1; rose", 0.95, None, "=1. Dark.")
    ]
    assert rows[-1] == ["bad.jpg", *[None] * 8, "=Not a picture.", None]


def test_json_lines_have_the_same_columns_and_names_as_they_are() -> None:
    lines = [json.loads(line) for line in table.to_bytes(ROWS, "jsonl").decode().split("\n")[:-1]]
    assert [line["label"] for line in lines] == [*HOSTILE, None]
    assert [line["prediction_set"] for line in lines] == [*([n, "rose"] for n in HOSTILE), None]
    assert [[*line.values()] for line in lines] == [
        [[*cell] if isinstance(cell, tuple) else cell for cell in table.cells(row)] for row in ROWS
    ]
    assert list(lines[0]) == [column.replace(" ", "_") for column in table.COLUMNS]


@pytest.mark.parametrize("form", table.FORMATS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interrupted_table_leaves_no_file(
    tmp_path: Path, form: str, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(table.tempfile, "tempdir", str(scratch))
    (tmp_path / "kept").write_text("before")
    with pytest.raises(error), table.open_table(tmp_path / "kept", form) as add:
        add(ROWS[0])
        raise error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "scratch"]
    assert (tmp_path / "kept").read_text() == "before"
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("form", table.FORMATS)
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, form: str) -> None:
    row = Row("x" * 500, ROWS[0].predictions, Verdict.SURE)
    with table.open_table(tmp_path / "table", form) as add:
        for _ in range(200):
            add(row)
        tracemalloc.start()
        for _ in range(2_000):
            add(row)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 300_000, "2,000 such rows take over a megabyte"


def test_a_table_that_excel_cannot_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "SHEET_ROWS", 3)
    with (
        pytest.raises(LimitExceeded, match="at most 2 pictures"),
        table.open_table(tmp_path / "table.xlsx", "xlsx") as add,
    ):
        for row in ROWS[:3]:
            add(row)
    assert not list(tmp_path.iterdir())
