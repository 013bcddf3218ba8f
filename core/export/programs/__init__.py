"""Templates of the programs in a bundle; these run without Tusker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.evaluation import wording
from core.export.formats import Format
from core.model import storage
from core.model.decision import UNCONDITIONAL, Decision
from core.model.storage import ModelFile

HERE = Path(__file__).parent
RUNNER = HERE / "run_program.py"
"""Runs a program on pictures, in a separate process."""


def prediction(
    form: Format, model: ModelFile, decision: Decision = UNCONDITIONAL, *, ood: bool = False
) -> str:
    """The program that predicts with a file of this format, and decides as the app does.

    Args:
        decision: threshold and prediction sets.
        ood: whether the model has an OOD detector, whose file lies beside the program.
    """
    return render(
        "predict.py.j2",
        form=form,
        file=form.file,
        saved=model,
        threshold=decision.threshold,
        level=decision.set_level,
        promise=decision.set_level and wording.promise(decision.set_level.level),
        ood=storage.OOD if ood else "",
    )


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
