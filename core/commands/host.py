"""Settings of the command line, and its output."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from core import settings as settings_module
from core.settings import Settings

if TYPE_CHECKING:
    from core.model.classifier import Prediction, Verdict


def host() -> Settings:
    """The settings from the environment, in personal mode: who has a shell has the machine."""
    return settings_module.load().model_copy(update={"mode": "personal"})


def print_json(values: dict[str, Any]) -> None:
    """Print JSON on one line."""
    typer.echo(json.dumps(values, ensure_ascii=False))


def print_answer(
    file: str, predictions: Sequence[Prediction], verdict: Verdict, *, as_json: bool, alone: bool
) -> None:
    """Print the predictions for a picture; with its name, unless it is the only one."""
    if as_json:
        rows = [vars(prediction) for prediction in predictions]
        print_json({"file": file, "predictions": rows, "verdict": verdict})
        return
    if not alone:
        typer.echo(file)
    if verdict != "sure":
        typer.echo(f"{verdict.capitalize()}; its best guess:")
    for rank, prediction in enumerate(predictions, start=1):
        typer.echo(f"{rank}: {prediction.label} with probability {prediction.probability:.2f}")
