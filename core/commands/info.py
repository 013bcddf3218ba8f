"""Commands about backbones and runs: `card`, `backbones`, `prepare`."""

from typing import Annotated

import typer

from core.commands import arguments
from core.commands.arguments import AsJson, load_settings
from core.commands.terminal import TerminalProgress, print_json


def card(run: Annotated[str, typer.Argument(help="A run's folder or id.")]) -> None:
    """Print the model card of a run, as Markdown."""
    from core.export import card as model_card

    typer.echo(model_card.card(arguments.run(run, load_settings())), nl=False)


def backbones(as_json: AsJson = False) -> None:
    """List the backbones and whether they are ready."""
    from core.backbones import BACKBONES, serving

    settings = load_settings()
    for row in BACKBONES.values():
        ready = serving.locate(row, settings) is not None
        if as_json:
            print_json(
                {
                    "name": row.name,
                    "title": row.title,
                    "size": row.size,
                    "parameters": row.parameters,
                    "imagenet_top1": row.top1,
                    "megabytes": row.megabytes,
                    "licence": row.licence,
                    "stages": [stage.name for stage in row.stages],
                    "offline": row.offline,
                    "ready": ready,
                }
            )
            continue
        state = "ready" if ready else "to be prepared" if row.offline else "downloaded on first use"
        typer.echo(
            f"{row.name:18} {row.size} px  {row.parameters / 1e6:5.1f} M parameters  "
            f"{row.top1:4.1f} % top-1  {row.megabytes:5.1f} MB  {state}"
        )


def prepare(name: Annotated[str, typer.Argument(help="Name of the backbone.")]) -> None:
    """Download the weights of a backbone and convert them, once."""
    from core.backbones import get, serving

    settings = load_settings()
    typer.echo(f"{serving.prepare(get(name), settings, TerminalProgress().step)}")
