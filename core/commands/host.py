"""The host as it is to whoever types commands, and JSON for programs that read the answer."""

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
    """The settings of the environment; whoever types commands has the machine to themselves."""
    return settings_module.load().model_copy(update={"mode": "personal"})


def print_json(found: dict[str, Any]) -> None:
    """Print JSON on a line."""
    typer.echo(json.dumps(found, ensure_ascii=False))


def print_answer(
    file: str, found: Sequence[Prediction], verdict: Verdict, *, as_json: bool, alone: bool
) -> None:
    """Print what was said of a picture; its name too, unless it is the only one."""
    if as_json:
        print_json(
            {"file": file, "predictions": [vars(guess) for guess in found], "verdict": verdict},
        )
        return
    if not alone:
        typer.echo(file)
    if verdict != "sure":
        typer.echo(f"{verdict.capitalize()}; it would guess:")
    for rank, guess in enumerate(found, start=1):
        typer.echo(f"{rank}: {guess.label} with probability {guess.probability:.2f}")
