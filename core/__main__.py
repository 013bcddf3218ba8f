"""The command line: the pages' verbs with the same core behind them."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from core import arguments, terminal
from core import settings as settings_module
from core.arguments import AsJson, BackboneName, ConfigFile, Data, Seed
from core.errors import BadInput, Cancelled, RunDamaged, TuskerError
from core.settings import Settings
from core.terminal import Watcher, complain

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Name what is in a picture, and teach a computer your own classes.",
)

CANCELLED = 130
"""Exit code after Ctrl-C, as shells have it."""


@app.command()
def predict(
    images: Annotated[list[Path], typer.Argument(help="Pictures.")],
    model: Annotated[
        str, typer.Option(help="A backbone's name, a run's id, or a run's folder.")
    ] = "",
    top: Annotated[int, typer.Option(min=1, help="How many answers a picture.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Name what is in each picture."""
    from core import models

    settings = _settings()
    classifier = models.named(model, settings)
    bad = 0
    for path in images:
        try:
            answer = classifier.answer(classifier.load(arguments.picture(path)))
        except BadInput as refusal:
            bad += 1
            complain(f"{path}: {refusal}")
            continue
        found, verdict = classifier.top(answer.probabilities, top), classifier.verdict(answer)
        if as_json:
            _print(
                {
                    "file": str(path),
                    "predictions": [vars(guess) for guess in found],
                    "verdict": verdict,
                }
            )
            continue
        if len(images) > 1:
            typer.echo(f"{path}")
        if verdict != "sure":
            typer.echo(f"{verdict.capitalize()}; it would guess:")
        for rank, guess in enumerate(found, start=1):
            typer.echo(f"{rank}: {guess.label} with probability {guess.probability:.2f}")
    if bad:
        raise typer.Exit(2)


@app.command()
def train(
    data: Data,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the run; it must be new or empty.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="quick (if nothing is said), balanced or thorough.")
    ] = None,
    backbone: BackboneName = None,
    config: ConfigFile = None,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Teach it your own classes."""
    from core import runs
    from core.jobs.folder import Order
    from core.jobs.worker import work
    from core.training import estimate as foresee

    settings = _settings()
    configured = arguments.configuration(preset, config, backbone, seed)
    arguments.existing(data)
    path = arguments.new_folder(out or runs.new_path(settings), beside=data)
    watch = Watcher(silent=as_json)
    with arguments.taken_in(data, settings, watch.step, complain) as (taken, pictures):
        if not as_json:
            (found,) = foresee.measured(taken.dataset, pictures, [configured], settings)
            complain(found.sentence)
        run = runs.create(configured, taken.dataset, path)
        run.write_findings(taken.findings)
        run.job.open(Order(kind="train", arguments={"pictures": str(pictures)}))
        terminal.divert(run.job.log_path)
        began = time.monotonic()
        with terminal.heeding(run.job.request_cancel):
            work(run.job, settings, watch)
        seconds = time.monotonic() - began
    report, manifest = run.report(), run.manifest()
    if as_json:
        _print(
            {
                "test_accuracy": report.accuracy.value,
                "test_accuracy_interval": [report.accuracy.low, report.accuracy.high],
                "macro_f1": report.macro.f1.value,
                "classes": list(report.classes),
                "test_pictures": report.pictures,
                "seconds": round(manifest.seconds, 2),
                "seconds_with_exports": round(seconds, 2),
                "run": str(run.path),
            }
        )
        return
    typer.echo(report.headline)
    typer.echo(f"Run: {run.path}")


@app.command()
def estimate(
    data: Data,
    preset: Annotated[str | None, typer.Option(help="One of them; all if nothing is said.")] = None,
    backbone: BackboneName = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Say how long teaching would take on this machine, and how much memory and disk."""
    from core.training import estimate as room
    from core.training.config import PRESETS

    settings = _settings()
    presets = (preset,) if preset or config else PRESETS
    asked = [arguments.configuration(name, config, backbone, None) for name in presets]
    watch = Watcher(silent=as_json)
    with arguments.taken_in(arguments.existing(data), settings, watch.step, complain) as (
        taken,
        pictures,
    ):
        found = room.measured(taken.dataset, pictures, asked, settings)
    for configured, foreseen in zip(asked, found, strict=True):
        if as_json:
            _print({"preset": configured.preset} | asdict(foreseen))
        else:
            typer.echo(f"{configured.preset.capitalize()}: {foreseen.sentence}")


@app.command()
def compare(
    data: Data,
    config: Annotated[
        Path | None, typer.Option(help="JSON file of settings; its shares and seed are used.")
    ] = None,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Compare the backbones at hand on your pictures, before you train on one."""
    from core.training import bakeoff, comparison

    settings = _settings()
    configured = arguments.configuration(None, config, None, seed)
    arguments.existing(data)
    watch = Watcher(silent=as_json)
    with arguments.taken_in(data, settings, watch.step, complain) as (taken, pictures):
        found = bakeoff.compare(taken.dataset, pictures, configured, settings, watch.step)
    if as_json:
        _print(found.model_dump(mode="json"))
        return
    for line in comparison.table(found):
        typer.echo(line)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="A run's folder or id, or a backbone's name.")],
    data: Data,
    as_json: AsJson = False,
) -> None:
    """Score a model on other pictures of its classes."""
    from core import models

    settings = _settings()
    report = models.evaluate_on(model, arguments.existing(data), settings)
    if as_json:
        _print(json.loads(report.to_json()))
        return
    typer.echo(report.headline)
    for row in report.per_class:
        if row.support:
            right = row.recall.value if row.recall else 0.0
            typer.echo(f"{row.name}: {right:.1%} of {row.support} right")


@app.command()
def card(run: Annotated[str, typer.Argument(help="A run's folder or id.")]) -> None:
    """Print the model card of a run, as Markdown."""
    from core import card as room

    typer.echo(room.card(arguments.run(run, _settings())), nl=False)


@app.command()
def backbones(as_json: AsJson = False) -> None:
    """List the backbones and whether they are ready."""
    from core.backbones import BACKBONES, serving

    settings = _settings()
    for row in BACKBONES.values():
        ready = serving.locate(row, settings) is not None
        if as_json:
            _print(
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
        where = "ready" if ready else "to be prepared" if row.offline else "downloaded on first use"
        typer.echo(
            f"{row.name:18} {row.size} px  {row.parameters / 1e6:5.1f} M parameters  "
            f"{row.top1:4.1f} % top-1  {row.megabytes:5.1f} MB  {where}"
        )


@app.command()
def prepare(name: Annotated[str, typer.Argument(help="Name of the backbone.")]) -> None:
    """Get a backbone ready to answer: download its weights and convert them, once."""
    from core.backbones import get, serving

    settings = _settings()
    row = get(name)
    typer.echo(f"{serving.prepare(row, settings, Watcher().step)}")


def _settings() -> Settings:
    """Those of the environment; whoever types commands has the machine to themselves."""
    return settings_module.load().model_copy(update={"mode": "personal"})


def _print(found: dict[str, Any]) -> None:
    typer.echo(json.dumps(found, ensure_ascii=False))


def main(typed: list[str] | None = None) -> int:
    """Run the command line; a refusal is a sentence and an exit code, a bug keeps its traceback.

    Args:
        typed: in place of those of the process.

    Returns:
        0, 2 for bad input, 130 for a cancel, 1 for what is wrong with this machine or with us.
    """
    with terminal.ours_alone():
        logging.basicConfig(level=logging.WARNING)
        try:
            code = app(typed, standalone_mode=False) or 0
        except TyperException as refusal:
            if message := refusal.format_message():  # none where the help was shown instead
                complain(f"{message.rstrip('.')}. See: python -m core --help")
            return refusal.exit_code
        except Cancelled:
            code = CANCELLED
        except (BadInput, RunDamaged) as refusal:
            complain(str(refusal))
            return 2
        except TuskerError as refusal:
            complain(str(refusal))
            return 1
        if code == CANCELLED:
            complain("It was cancelled.")
        return int(code)


if __name__ == "__main__":
    # `kill` leaves a run as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
