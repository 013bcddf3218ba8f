"""Templates of the programs in a bundle; these run without Tusker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.export.formats import Format
from core.model.storage import ModelFile

HERE = Path(__file__).parent
RUNNER = HERE / "run_program.py"
"""Runs a program on pictures, in a separate process."""


def prediction(form: Format, model: ModelFile, threshold: float = 0.0) -> str:
    """The program that predicts with a file of this format.

    Args:
        threshold: probability below which the program adds that it is not sure.
    """
    return render("predict.py.j2", form=form, file=form.file, saved=model, threshold=threshold)


def environment(**options: Any) -> Environment:
    """The templates of programs and of the model card."""
    return Environment(
        loader=FileSystemLoader([HERE, HERE.parent]),
        autoescape=False,  # noqa: S701 - Python and Markdown; callers escape names from outside
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )


def render(template: str, **values: object) -> str:
    """Render a template of this package."""
    return environment().get_template(template).render(values)
