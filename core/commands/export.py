"""The command `export`: a run as files for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from core.commands import arguments
from core.commands.arguments import AsJson, load_settings
from core.commands.terminal import TerminalProgress, print_json, warn
from core.system import files


def export(
    run: Annotated[str, typer.Argument(help="A run's folder or id.")],
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="litert, int8, keras, onnx or saved-model; repeat it for several. Default: all.",
        ),
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Also write a zip of these formats with their programs.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Export a run to formats for other programs, each verified on test pictures."""
    from core.export import formats, on_demand, packing

    settings = load_settings()
    if bundle is not None:
        arguments.new_file(bundle)
    forms = formats.named(names or ())
    opened = arguments.run(run, settings)
    on_demand.prepare(opened, forms, settings, TerminalProgress(silent=as_json))
    sizes, verification = packing.sizes(opened), opened.verification()
    withheld = [form for form in forms if form.file not in sizes]
    if bundle is not None:
        with files.replacing(bundle) as temporary:
            packing.write_bundle(opened, settings, temporary, [form.file for form in forms])
    if as_json and verification is not None:
        print_json(verification.model_dump(mode="json", by_alias=False))
    if not as_json:
        made = [opened.model_folder / form.file for form in forms if form.file in sizes]
        for path in made if bundle is None else [bundle]:
            typer.echo(path)
    for form in forms:
        result = verification.of(form.file) if verification else None
        if form in withheld:
            warn(result.reason if result else f"{form.file} was not made.")
        elif result and result.caveat:
            warn(f"Note: {result.caveat}")
    if withheld:
        raise typer.Exit(1)
