"""The host as it is to whoever types commands, and JSON for programs that read the answer."""

from __future__ import annotations

import json
from typing import Any

import typer

from core import settings as settings_module
from core.settings import Settings


def host() -> Settings:
    """The settings of the environment; whoever types commands has the machine to themselves."""
    return settings_module.load().model_copy(update={"mode": "personal"})


def show(found: dict[str, Any]) -> None:
    """Print JSON on a line."""
    typer.echo(json.dumps(found, ensure_ascii=False))
