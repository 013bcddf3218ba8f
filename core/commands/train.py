"""Commands that train a model, estimate a training or compare backbones."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.commands import arguments, terminal
from core.commands.arguments import (
    AsJson,
    BackboneName,
    ConfigFile,
    Data,
    GroupBy,
    Minutes,
    Seed,
    load_settings,
)
from core.commands.terminal import TerminalProgress, print_json, say, warn
from core.errors import BadInput
from core.settings import Settings

if TYPE_CHECKING:
    from core.dataset import Dataset
    from core.training.config import TrainingConfig


def train(
    data: Data,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the run, new or empty. Default: a new run in TUSKER_HOME, which the "
            "Reports page lists."
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="quick (the default), balanced or best.")
    ] = None,
    backbone: BackboneName = None,
    config: ConfigFile = None,
    seed: Seed = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            exists=True,
            dir_okay=False,
            help="A bundle to continue from, with more pictures or classes.",
        ),
    ] = None,
    group_by: GroupBy = "",
    minutes: Minutes = None,
    as_json: AsJson = False,
) -> None:
    """Train a model on your own classes."""
    from core import runs
    from core.bundles import imported
    from core.dataset import known_groups
    from core.estimating import estimate
    from core.model import storage
    from core.pipeline.worker import run_job
    from core.training import warm_start

    settings = load_settings()
    progress = TerminalProgress(silent=as_json)
    configured, model = arguments.configuration(preset, config, backbone, seed), None
    if start is not None:
        if backbone is not None:
            raise BadInput(
                "Expected --from or --backbone, found both: a bundle brings its backbone."
            )
        model = imported.open_bundle(start, settings, progress.step).path
        configured = warm_start.configure(configured, model)
    warm_start.check(configured, model)
    arguments.existing(data)
    path = arguments.new_folder(out or runs.new_path(settings), outside=data)
    with arguments.ingested(data, settings, progress.step, warn, group_by) as (intake, pictures):
        if model is not None:
            warn(warm_start.describe(intake.dataset, storage.load(model)[0]))
            warn(warm_start.TEST_NOTE)
        configured = _within_budget(configured, intake.dataset, settings, minutes)
        if not as_json:
            warn(estimate.estimate(intake.dataset, configured, settings).sentence)
        run = runs.create(configured, intake.dataset, path)
        run.findings.write(intake.findings)
        run.job.open(runs.training_spec(pictures, model))
        terminal.divert(run.job.log_path)
        with terminal.cancelling(run.job.request_cancel):
            run_job(run.job, settings, progress)
    report, manifest, inflation = run.report(), run.manifest(), run.inflation()
    for sentence in run.missing_results(settings):
        warn(f"Warning: {sentence}")
    if as_json:
        print_json(
            {
                "test_accuracy": report.accuracy.value,
                "test_accuracy_interval": [report.accuracy.low, report.accuracy.high],
                "macro_f1": report.macro.f1.value,
                "classes": list(report.classes),
                "test_pictures": report.pictures,
                "leaked_test_pictures": report.leaked,
                "grouped_by": run.dataset().grouped_by,
                "groups_in_test": known_groups.new(run.dataset()).groups,
                "inflation": inflation and inflation.model_dump(mode="json"),
                "seconds": round(manifest.seconds, 2),
                "run": str(run.path),
            }
            | arguments.as_values(intake)
        )
        return
    say(report.headline)
    for choice in (run.backbone_choice(), run.feature_choice()):
        if choice is not None:
            say(choice.sentence)
    if inflation is not None:
        say(inflation.sentence)
    say(f"Run: {run.path}")
    say(f"To export it to other formats: tusker export {shlex.quote(str(run.path))}")


def estimate(
    data: Data,
    preset: Annotated[str | None, typer.Option(help="One preset; the default is all.")] = None,
    backbone: BackboneName = None,
    config: ConfigFile = None,
    minutes: Minutes = None,
    as_json: AsJson = False,
) -> None:
    """Estimate how long training takes on this machine, and how much memory and disk."""
    from core.estimating import estimate
    from core.training.config import PRESETS

    settings = load_settings()
    presets = (preset,) if preset or config else PRESETS
    configs = [arguments.configuration(name, config, backbone, None) for name in presets]
    progress = TerminalProgress(silent=as_json)
    with arguments.ingested(data, settings, progress.step, warn) as (intake, _):
        for requested in configs:
            configured = _within_budget(requested, intake.dataset, settings, minutes)
            expected = estimate.estimate(intake.dataset, configured, settings)
            if as_json:
                values = arguments.as_values(intake)
                print_json({"preset": configured.preset} | asdict(expected) | values)
            else:
                say(f"{configured.preset.capitalize()}: {expected.sentence}")


def compare(
    data: Data,
    config: Annotated[
        Path | None,
        typer.Option(
            help="JSON file of settings; its shares, seed, crop and class weights are used."
        ),
    ] = None,
    seed: Seed = None,
    group_by: GroupBy = "",
    as_json: AsJson = False,
) -> None:
    """Compare the backbones on this machine on your pictures, before you train on one."""
    from core.bakeoff import compare, result

    settings = load_settings()
    configured = arguments.configuration(None, config, None, seed)
    progress = TerminalProgress(silent=as_json)
    with arguments.ingested(data, settings, progress.step, warn, group_by) as (intake, pictures):
        comparison = compare.compare(intake.dataset, pictures, configured, settings, progress.step)
    if as_json:
        print_json(comparison.model_dump(mode="json"))
        return
    for line in result.table(comparison):
        say(line)


def _within_budget(
    config: TrainingConfig, dataset: Dataset, settings: Settings, minutes: float | None
) -> TrainingConfig:
    """The settings within a time budget, if one is given or the preset has one."""
    from core.estimating import budget

    if minutes is None:
        if config.preset != "best":
            return config
        minutes = budget.MINUTES
    reduced = budget.within(config, dataset, settings, minutes)
    if sentence := budget.describe(config, reduced):
        warn(sentence)
    return reduced
