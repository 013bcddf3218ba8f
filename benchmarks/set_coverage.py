"""How often prediction sets have the right class, after trainings with many splits."""

from collections import defaultdict
from contextlib import suppress
from dataclasses import replace

import numpy as np

from benchmarks.jobs import ImportedDataset
from benchmarks.report import Figure
from core import runs
from core.errors import Cancelled
from core.evaluation.report import SetCoverage
from core.jobs.events import Event
from core.pipeline import training_job
from core.settings import Settings
from core.system import files
from core.training import config

POINTS = 0.02
"""By how much the coverage may differ from the promise."""


def figures(
    name: str, imported: ImportedDataset, settings: Settings, backbone: str, seeds: int
) -> dict[str, Figure]:
    """Coverage of the sets of each level, in the mean over test sets; and how many are offered.

    A set has at least the likeliest class, so its coverage is the accuracy where that is larger
    than the promise.
    """
    accuracies: list[float] = []
    levels: defaultdict[float, list[SetCoverage]] = defaultdict(list)
    for seed in range(seeds):
        accuracy, sets = _train(_without_split(imported), settings, backbone, seed)
        accuracies.append(accuracy)
        for coverage in sets:
            levels[coverage.level].append(coverage)
    shown = {f"{name}: accuracy over {seeds} splits": Figure(float(np.mean(accuracies)))}
    for level, measurements in sorted(levels.items()):
        title = f"{name}: {100 * level:g} % prediction sets"
        covered = float(np.mean([sets.coverage.value for sets in measurements]))
        highest = max(level, float(np.mean(accuracies)))
        shown[f"{title}, coverage"] = Figure(
            covered, at_least=level - POINTS, at_most=highest + POINTS
        )
        shown[f"{title}, mean size"] = Figure(float(np.mean([sets.size for sets in measurements])))
    return shown


def _without_split(imported: ImportedDataset) -> ImportedDataset:
    """The pictures without the split that their folders define, so that every seed differs."""
    examples = tuple(e.model_copy(update={"split": None}) for e in imported.dataset.examples)
    update = {"examples": examples, "predefined": False}
    return replace(imported, dataset=imported.dataset.model_copy(update=update))


def _train(
    imported: ImportedDataset, settings: Settings, backbone: str, seed: int
) -> tuple[float, tuple[SetCoverage, ...]]:
    """Accuracy and prediction sets of a Quick training, which ends with its report."""
    run = runs.create(
        config.preset("quick", backbone=backbone, seed=seed),
        imported.dataset,
        runs.new_path(settings),
    )

    def stop(_event: Event) -> None:
        if run.complete:
            raise Cancelled("The report is enough.")

    with suppress(Cancelled):
        training_job.train(run, imported.pictures, settings, stop)
    report = run.report()
    files.remove(run.path)
    return report.accuracy.value, report.certainty.sets
