"""Templates of the programs in a bundle; these run without Tusker."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.evaluation import wording
from core.export.formats import Format
from core.model import storage
from core.model.decision import ALWAYS_ANSWER, Decision
from core.model.storage import ModelFile

HERE = Path(__file__).parent
RUNNER = HERE / "run_program.py"
"""Runs a program on pictures, in a separate process."""


def prediction(
    form: Format, model: ModelFile, decision: Decision = ALWAYS_ANSWER, *, ood: bool = False
) -> str:
    """The program that predicts with a file of this format, and decides as the app does.

    Args:
        ood: whether the model has an OOD detector; its file must be in the folder of the program.
    """
    name = storage.OOD if ood else ""
    return snippet("predict.py.j2", model, decision, form=form, file=form.file, ood=name)


def snippet(template: str, model: ModelFile, decision: Decision, **values: object) -> str:
    """A program from a template, which may read the model and the decision."""
    level = decision.set_level
    promise = wording.promise(level.level) if level else ""
    return render(template, saved=model, decision=decision, promise=promise, **values)


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
