"""Commands that use a model: `predict` and `evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.commands import arguments
from core.commands.arguments import AsJson, host
from core.commands.terminal import complain, print_answer, print_json
from core.errors import BadInput


def predict(
    images: Annotated[
        list[Path], typer.Argument(help="Pictures, folders of them, and zips of them.")
    ],
    model: Annotated[
        str, typer.Option(help="A backbone's name, a run's id or folder, or a bundle.")
    ] = "",
    top: Annotated[int, typer.Option(min=1, help="Number of classes per picture.")] = 3,
    csv: Annotated[Path | None, typer.Option(help="Write a table to this CSV file.")] = None,
    jsonl: Annotated[Path | None, typer.Option(help="Write it to this file of JSON lines.")] = None,
    xlsx: Annotated[Path | None, typer.Option(help="Write it to this Excel file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Classify pictures."""
    from core.predict import lookup

    settings = host()
    tables = {"csv": csv, "jsonl": jsonl, "xlsx": xlsx}
    if any(tables.values()) or any(map(arguments.holds_pictures, images)):
        from core.commands import batch

        chosen = {form: path for form, path in tables.items() if path is not None}
        batch.predict(images, model, chosen, settings, top=top, as_json=as_json)
        return
    classifier = lookup.find(model, settings)
    failed = False
    for path in images:
        try:
            answer = classifier.answer(classifier.load(arguments.picture(path)))
        except BadInput as error:
            failed = True
            complain(f"{path}: {error}")
            continue
        print_answer(
            str(path),
            classifier.top(answer.probabilities, top),
            classifier.verdict(answer),
            as_json=as_json,
            alone=len(images) == 1,
        )
    if failed:
        raise typer.Exit(2)


def evaluate(
    names: Annotated[
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
    """Evaluate a model on other pictures of its classes."""
    from core.evaluation import describe
    from core.predict import lookup

    settings = host()
    if model:
        names = [model, *names]
    if len(names) != 2:
        raise BadInput(
            "Expected a model and a zip or folder of pictures. See: tusker evaluate --help"
        )
    name, data = names
    report = lookup.evaluate_on(name, arguments.existing(Path(data)), settings)
    if report.left_out:
        was = "picture was" if report.left_out == 1 else "pictures were"
        complain(f"{report.left_out:,} {was} left out: the model learned from them.")
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    typer.echo(report.headline)
    for row in report.per_class:
        if row.support:
            typer.echo(f"{row.name}: {describe(row.recall)} of {row.support} correct")
