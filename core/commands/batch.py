"""`tusker predict` for folders and zips: predict on many pictures and write tables."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import typer

from core.archive import sources
from core.commands import arguments, terminal
from core.commands.terminal import Watcher, complain, print_answer, print_json
from core.errors import BadInput
from core.model import batch
from core.model.batch import Row
from core.model.classifier import Verdict, on_one_thread
from core.predict import lookup, table
from core.settings import Settings

NAMED = 5
"""Labels that the summary lists by name."""


def predict(
    paths: Sequence[Path],
    model: str,
    tables: Mapping[str, Path],
    settings: Settings,
    *,
    top: int,
    as_json: bool,
) -> None:
    """Predict on every picture behind some paths.

    Args:
        tables: files to write, by the keys of `table.FORMS`; without any, predictions are printed.
        top: number of classes printed per picture.

    Raises:
        BadInput: there is no such model, or a table cannot be written.
        typer.Exit: a picture could not be read.
    """
    _check(tables, paths)
    lookup.find(model, settings)  # before anything is unpacked
    watch = Watcher(silent=as_json)
    labels: Counter[str] = Counter()
    verdicts: Counter[Verdict | None] = Counter()  # None: the picture could not be read
    began = time.monotonic()
    with (
        terminal.cancelling(lambda: None),
        tempfile.TemporaryDirectory(prefix="tusker-") as scratch,
    ):
        pictures = sources.find(paths, Path(scratch), settings, watch.step)
        watch.step(f"Predicting on {len(pictures):,} files", 0, len(pictures))
        rows = batch.answers(
            lambda: lookup.find(model, settings, on_one_thread), pictures, max(top, 2)
        )
        with closing(rows), _writing(tables) as adds:
            for row in filter(None, rows):
                verdicts[row.verdict] += 1
                if row.verdict is Verdict.SURE:
                    labels[row.predictions[0].label] += 1
                for add in adds:
                    add(row)
                if row.verdict is None:
                    complain(f"{row.file}: {row.problem}")
                elif not tables:
                    predictions = row.predictions[:top]
                    print_answer(row.file, predictions, row.verdict, as_json=as_json, alone=False)
    if not verdicts:
        complain("Expected pictures, found none.")
    elif tables:
        _summarise(labels, verdicts, time.monotonic() - began, as_json=as_json)
    if verdicts[None] or not verdicts:
        raise typer.Exit(2)


def _check(tables: Mapping[str, Path], paths: Sequence[Path]) -> None:
    uses = {path.resolve(): "which is an input" for path in paths}
    for path in tables.values():
        resolved = arguments.new_file(path).resolve()
        if resolved in uses:
            raise BadInput(f"Expected a new file for each table, found {path}, {uses[resolved]}.")
        uses[resolved] = "which is another table"


@contextmanager
def _writing(tables: Mapping[str, Path]) -> Iterator[list[Callable[[Row], None]]]:
    with ExitStack() as stack:
        yield [stack.enter_context(table.open_table(path, form)) for form, path in tables.items()]


def _summarise(
    labels: Counter[str], verdicts: Counter[Verdict | None], seconds: float, *, as_json: bool
) -> None:
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
    if rest := labels.total() - sum(count for _, count in named):
        parts.append(f"{rest:,} of {len(labels) - NAMED:,} other labels")
    for verdict in (Verdict.NOT_SURE, Verdict.UNLIKE):
        if verdicts[verdict]:
            parts.append(f"{verdicts[verdict]:,} {verdict.value}")
    if unreadable:
        parts.append(f"{unreadable:,} not readable")
    noun = "picture" if total == 1 else "pictures"
    typer.echo(f"{total:,} {noun}: {'; '.join(parts)}. {seconds:.1f} s, {rate:.0f} pictures/s.")
