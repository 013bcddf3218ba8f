"""How often prediction sets have the right class, after trainings with many splits."""

from collections import defaultdict
from contextlib import suppress
from dataclasses import replace

import numpy as np

from benchmarks.jobs import Taken
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
    name: str, taken: Taken, settings: Settings, backbone: str, seeds: int
) -> dict[str, Figure]:
    """Coverage of the sets of each level, in the mean over test sets; and how many are offered.

    A set has at least the likeliest class, so its coverage is the accuracy where that is larger
    than the promise.
    """
    accuracies: list[float] = []
    levels: defaultdict[float, list[SetCoverage]] = defaultdict(list)
    for seed in range(seeds):
        accuracy, measured = _train(_without_split(taken), settings, backbone, seed)
        accuracies.append(accuracy)
        for level in measured:
            levels[level.level].append(level)
    found = {f"{name}: accuracy over {seeds} splits": Figure(float(np.mean(accuracies)))}
    for level, every in sorted(levels.items()):
        title = f"{name}: {100 * level:g} % prediction sets"
        covered = float(np.mean([sets.coverage.value for sets in every]))
        highest = max(level, float(np.mean(accuracies)))
        found[f"{title}, coverage"] = Figure(
            covered, at_least=level - POINTS, at_most=highest + POINTS
        )
        found[f"{title}, mean size"] = Figure(float(np.mean([sets.size for sets in every])))
    return found


def _without_split(taken: Taken) -> Taken:
    """The pictures without the split that their folders define, so that every seed differs."""
    examples = tuple(e.model_copy(update={"split": None}) for e in taken.dataset.examples)
    update = {"examples": examples, "predefined": False}
    return replace(taken, dataset=taken.dataset.model_copy(update=update))


def _train(
    taken: Taken, settings: Settings, backbone: str, seed: int
) -> tuple[float, tuple[SetCoverage, ...]]:
    """Accuracy and prediction sets of a Quick training, which ends with its report."""
    run = runs.create(
        config.preset("quick", backbone=backbone, seed=seed),
        taken.dataset,
        runs.new_path(settings),
    )

    def stop(_event: Event) -> None:
        if run.complete:
            raise Cancelled("The report is enough.")

    with suppress(Cancelled):
        training_job.train(run, taken.pictures, settings, stop)
    report = run.report()
    files.remove(run.path)
    return report.accuracy.value, report.certainty.sets
