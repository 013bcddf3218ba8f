"""The command `predict`: labels, a table of them, or the pictures sorted into folders."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.commands import arguments
from core.commands.arguments import AsJson, load_settings
from core.commands.terminal import TerminalProgress, print_json, say, warn
from core.errors import BadInput
from core.system import prose

if TYPE_CHECKING:
    from core.model.batch import Row
    from core.model.decision import Verdict

NAMED = 5
"""Labels that the summary lists by name."""


def predict(
    images: Annotated[
        list[Path], typer.Argument(help="Pictures, folders of them, and archives of them.")
    ],
    model: Annotated[
        str,
        typer.Option(
            help="A backbone's name, a run's id or folder, or a bundle. "
            "Default: efficientnet-lite0."
        ),
    ] = "",
    top: Annotated[int, typer.Option(min=1, help="Number of classes per picture.")] = 3,
    csv: Annotated[Path | None, typer.Option(help="Write the table as CSV to this file.")] = None,
    jsonl: Annotated[
        Path | None, typer.Option(help="Write the table as JSON lines to this file.")
    ] = None,
    xlsx: Annotated[
        Path | None, typer.Option(help="Write the table as an Excel workbook to this file.")
    ] = None,
    sort_into: Annotated[
        Path | None, typer.Option(help="Copy the pictures into class folders in this new folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Classify pictures."""
    from core.archive import sources
    from core.model import batch
    from core.model.classifier import on_one_thread
    from core.model.decision import Verdict
    from core.predict import lookup, sorting, table

    settings = load_settings()
    named = {"csv": csv, "jsonl": jsonl, "xlsx": xlsx}
    tables = {form: path for form, path in named.items() if path is not None}
    _check(tables, images)
    folder = arguments.new_folder(sort_into) if sort_into else None
    paths = sorting.SortedPaths()
    quiet = bool(tables or folder)  # no line per picture
    # The model is opened before anything is unpacked, and used by the first thread.
    opened = [lookup.find(model, settings, on_one_thread)]
    progress = TerminalProgress(silent=as_json or not quiet)
    labels: Counter[str] = Counter()
    verdicts: Counter[Verdict | None] = Counter()  # None: the picture could not be read
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        pictures = sources.find(images, Path(scratch), settings, progress.step)
        progress.step(f"Predicting on {len(pictures):,} files", 0, len(pictures))
        rows = batch.answers(
            lambda: opened.pop() if opened else lookup.find(model, settings, on_one_thread),
            pictures,
            max(top, 2),
        )
        alone = [picture.content for picture in pictures] == images[:1]
        with closing(rows), ExitStack() as stack:
            adds = [stack.enter_context(table.open_table(p, form)) for form, p in tables.items()]
            for picture, row in zip(pictures, rows, strict=True):
                if row is None:
                    continue
                if folder and picture.content is not None:
                    sorting.copy(picture.content, folder / paths.of(row))
                verdicts[row.verdict] += 1
                if row.verdict is Verdict.SURE:
                    labels[row.predictions[0].label] += 1
                for add in adds:
                    add(row)
                for note in () if tables else row.notes:
                    warn(f"{row.file}: {note}")
                if row.verdict is None:
                    warn(f"{row.file}: {row.problem}")
                elif not quiet:
                    _print(row, top, as_json=as_json, alone=alone)
    if not verdicts:
        warn("Expected pictures, found none.")
    elif quiet:
        _summarise(labels, verdicts, time.monotonic() - began, as_json=as_json)
    if verdicts[None] or not verdicts:
        raise typer.Exit(2)


def _print(row: Row, top: int, *, as_json: bool, alone: bool) -> None:
    """Print the predictions for a picture; with its name, unless it is the only one."""
    from core.evaluation import wording

    predictions = row.predictions[:top]
    if as_json:
        values = [vars(prediction) for prediction in predictions]
        likely = row.prediction_set and vars(row.prediction_set)
        print_json(
            {
                "file": row.file,
                "predictions": values,
                "verdict": row.verdict,
                "prediction_set": likely,
                "notes": row.notes,
            }
        )
        return
    if not alone:
        say(row.file)
    if row.verdict and row.verdict != "sure":
        say(f"{row.verdict.capitalize()}; its best guess:")
    for rank, prediction in enumerate(predictions, start=1):
        say(f"{rank}: {prediction.label} with probability {prediction.probability:.2f}")
    if row.prediction_set:
        names = ", ".join(row.prediction_set.labels)
        say(f"One of: {names} ({wording.promise(row.prediction_set.level)})")


def _check(tables: Mapping[str, Path], paths: Sequence[Path]) -> None:
    uses = {path.resolve(): "which is an input" for path in paths}
    for path in tables.values():
        resolved = arguments.new_file(path).resolve()
        if resolved in uses:
            raise BadInput(f"Expected a new file for each table, found {path}, {uses[resolved]}.")
        uses[resolved] = "which is another table"


def _summarise(
    labels: Counter[str], verdicts: Counter[Verdict | None], seconds: float, *, as_json: bool
) -> None:
    from core.model.decision import Verdict

    total, unreadable = verdicts.total(), verdicts[None]
    rate = total / seconds
    if as_json:
        print_json(
            {
                "pictures": total,
                "labels": dict(labels.most_common()),
                "not_sure": verdicts[Verdict.NOT_SURE],
                "unlike": verdicts[Verdict.UNLIKE],
                "unreadable": unreadable,
                "seconds": round(seconds, 2),
                "pictures_per_second": round(rate, 1),
            }
        )
        return
    named = labels.most_common(NAMED)
    parts = [f"{count:,} {label}" for label, count in named]
    if remaining := labels.total() - sum(count for _, count in named):
        others = prose.count(len(labels) - NAMED, "other label")
        parts.append(f"{prose.count(remaining)} with {others}")
    for verdict in (Verdict.NOT_SURE, Verdict.UNLIKE):
        if verdicts[verdict]:
            parts.append(f"{verdicts[verdict]:,} {verdict.value}")
    if unreadable:
        parts.append(f"{unreadable:,} not readable")
    pictures = prose.count(total)
    say(f"{pictures}: {'; '.join(parts)}. {seconds:.1f} s, {rate:.0f} pictures/s.")
