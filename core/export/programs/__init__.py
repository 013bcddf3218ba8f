"""Programs that ship with a model, filled with its names and sizes; they need no Tusker."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.export.formats import Format
from core.model.storage import ModelFile

HERE = Path(__file__).parent
PROVE = HERE / "prove.py"
"""Asks a program about pictures, in a process of its own."""


def prediction(form: Format, saved: ModelFile, threshold: float = 0.0) -> str:
    """The program that names pictures by a file of this format.

    Args:
        threshold: probability below which it adds that it is not sure.
    """
    return rendered("predict.py.j2", form=form, file=form.file, saved=saved, threshold=threshold)


def rendered(template: str, **values: object) -> str:
    """A program of this folder, filled."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=False,  # noqa: S701 - Python, in which no name of a stranger stands
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(values)
