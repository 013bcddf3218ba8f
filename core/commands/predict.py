"""Ask a model: about pictures, or about pictures whose class is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from core.commands import arguments
from core.commands.arguments import AsJson
from core.commands.host import host, print_answer, print_json
from core.commands.terminal import complain
from core.errors import BadInput


def predict(
    images: Annotated[
        list[Path], typer.Argument(help="Pictures, folders of them, and zips of them.")
    ],
    model: Annotated[
        str, typer.Option(help="A backbone's name, a run's id or folder, or a bundle.")
    ] = "",
    top: Annotated[int, typer.Option(min=1, help="How many answers a picture.")] = 3,
    csv: Annotated[Path | None, typer.Option(help="Write a table to this CSV file.")] = None,
    jsonl: Annotated[Path | None, typer.Option(help="Write it to this file of JSON lines.")] = None,
    xlsx: Annotated[Path | None, typer.Option(help="Write it to this Excel file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Name what is in each picture."""
    from core.predict import lookup

    settings = host()
    tables = {"csv": csv, "jsonl": jsonl, "xlsx": xlsx}
    if any(tables.values()) or any(map(arguments.holds_pictures, images)):
        from core.commands import batch

        wanted = {form: path for form, path in tables.items() if path is not None}
        batch.predict(images, model, wanted, settings, top=top, as_json=as_json)
        return
    classifier = lookup.find(model, settings)
    bad = 0
    for path in images:
        try:
            answer = classifier.answer(classifier.load(arguments.picture(path)))
        except BadInput as refusal:
            bad += 1
            complain(f"{path}: {refusal}")
            continue
        found, verdict = classifier.top(answer.probabilities, top), classifier.verdict(answer)
        print_answer(str(path), found, verdict, as_json=as_json, alone=len(images) == 1)
    if bad:
        raise typer.Exit(2)


def evaluate(
    given: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL] DATA",
            help="The model, unless --model names it; then a zip of class folders, or a folder.",
        ),
    ],
    model: Annotated[
        str, typer.Option(help="A run's id or folder, a bundle, or a backbone's name.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Score a model on other pictures of its classes."""
    from core.predict import lookup

    settings = host()
    asked = [model, *given] if model else given
    if len(asked) != 2:
        raise BadInput("Expected a model and a zip or folder of pictures. See: evaluate --help")
    name, data = asked
    report = lookup.evaluate_on(name, arguments.existing(Path(data)), settings)
    if as_json:
        print_json(json.loads(report.to_json()))
        return
    typer.echo(report.headline)
    for row in report.per_class:
        if row.support:
            right = row.recall.value if row.recall else 0.0
            typer.echo(f"{row.name}: {right:.1%} of {row.support} right")
