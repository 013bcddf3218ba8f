"""Write predictions as a table: CSV, JSON lines or Excel."""

import csv
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np

from core.errors import LimitExceeded
from core.model.batch import Row
from core.system import files

Cell = str | int | float | tuple[str, ...] | None
AddRow = Callable[[Row], None]

COLUMNS = (
    "file",
    "label",
    "index",
    "probability",
    "next label",
    "next probability",
    "verdict",
    "prediction set",
    "set coverage",
    "problem",
    "note",
)
SEPARATOR = "; "
"""Between the classes of a prediction set, whose names often have commas."""
SHEET_ROWS = 1_048_576
"""Rows of an Excel sheet, with the header."""
_FORMULA = re.compile(r"(?:^|(?<=;))(?=[=+\-@\t\r])")
WIDTHS = (40, 30, 8, 12, 30, 16, 14, 40, 14, 40, 40)  # of the columns in Excel, in characters


def cells(row: Row) -> tuple[Cell, ...]:
    """The cells of a row; None for an empty one."""
    first, second = (*row.predictions, None, None)[:2]
    likely = row.prediction_set
    return (
        row.file,
        first.label if first else None,
        first.index if first else None,
        first.probability if first else None,
        second.label if second else None,
        second.probability if second else None,
        row.verdict.value if row.verdict else None,
        likely.labels if likely else None,
        likely.level if likely else None,
        row.problem or None,
        " ".join(row.notes) or None,
    )


@contextmanager
def open_table(path: Path, extension: str) -> Iterator[AddRow]:
    """Open a table to write to. Yields a function that adds a row.

    The file exists once the block has succeeded; after an error there is none. Memory does not grow
    with the number of rows.

    Raises:
        LimitExceeded: more rows than the format can hold.
    """
    with files.replacing(path) as temporary, FORMATS[extension](temporary) as add:
        yield add


def to_bytes(rows: Iterable[Row], extension: str) -> bytes:
    """The rows as the bytes of a file of this format."""
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        path = Path(scratch) / f"table.{extension}"
        with FORMATS[extension](path) as add:
            for row in rows:
                add(row)
        return path.read_bytes()


def escape_formula(cell: str) -> str:
    """The cell, with an apostrophe before what a spreadsheet would take for a formula.

    Also after each semicolon, where spreadsheets that expect a decimal comma cut cells, even inside
    quotes.
    """
    return _FORMULA.sub("'", cell)


def joined(cell: Cell) -> str | int | float | None:
    """The cell as one value: the classes of a prediction set in one text."""
    return SEPARATOR.join(cell) if isinstance(cell, tuple) else cell


@contextmanager
def _csv(path: Path) -> Iterator[AddRow]:
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)

        def add(row: Row) -> None:
            writer.writerow(map(_csv_cell, cells(row)))

        yield add


def _csv_cell(cell: Cell) -> str:
    cell = joined(cell)
    if cell is None:
        return ""
    if isinstance(cell, float):
        return np.format_float_positional(cell, 6, trim="-")
    return escape_formula(cell) if isinstance(cell, str) else str(cell)


@contextmanager
def _json_lines(path: Path) -> Iterator[AddRow]:
    keys = tuple(column.replace(" ", "_") for column in COLUMNS)
    with path.open("w", encoding="utf-8", newline="") as out:

        def add(row: Row) -> None:
            values = dict(zip(keys, cells(row), strict=True))
            out.write(json.dumps(values, ensure_ascii=False) + "\n")

        yield add


@contextmanager
def _excel(path: Path) -> Iterator[AddRow]:
    import xlsxwriter

    # xlsxwriter would leave its temporary file behind after an error.
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        book = xlsxwriter.Workbook(path, {"constant_memory": True, "tmpdir": scratch})
        sheet = book.add_worksheet("predictions")
        for column, width in enumerate(WIDTHS):
            sheet.set_column(column, column, width)
        sheet.freeze_panes(1, 0)
        bold = book.add_format({"bold": True})
        for column, name in enumerate(COLUMNS):
            sheet.write_string(0, column, name, bold)
        written = 1

        def add(row: Row) -> None:
            nonlocal written
            if written == SHEET_ROWS:
                raise LimitExceeded(
                    f"Expected at most {SHEET_ROWS - 1:,} pictures for an Excel sheet, found more. "
                    "Write CSV instead."
                )
            for column, cell in enumerate(map(joined, cells(row))):
                if isinstance(cell, str):
                    # Always as a string, never as a formula or a link.
                    sheet.write_string(written, column, cell)
                elif cell is not None:
                    sheet.write_number(written, column, cell)
            written += 1

        yield add
        sheet.autofilter(0, 0, max(1, written - 1), len(COLUMNS) - 1)
        book.close()


FORMATS: dict[str, Callable[[Path], AbstractContextManager[AddRow]]] = {
    "csv": _csv,
    "jsonl": _json_lines,
    "xlsx": _excel,
}
"""Writers by file extension."""
