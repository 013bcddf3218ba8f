"""Make the sample run that comes with Tusker: `python -m core.pipeline.sample_run`."""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from core import intake, runs
from core.errors import TuskerError
from core.intake import samples
from core.jobs.events import EXPORTS_BEGIN, Epoch, Event, Kept, Note
from core.jobs.folder import State, Status
from core.pipeline import training_job
from core.runs.run import Run
from core.settings import Settings
from core.training import config


def make(path: Path) -> Run:
    """Train Quick on the sample of handwritten digits, without exports, which are large.

    Args:
        path: folder of the run; replaced if it exists.
    """
    shutil.rmtree(path, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        settings = Settings(home=Path(scratch) / "home")
        source = Path(scratch) / "digits.zip"
        samples.digits(source)
        ingested = intake.take_in(source, samples.DIGITS, Path(scratch) / "intake", settings)
        run = runs.create(config.preset("quick"), ingested.dataset, path)
        run.findings.write(ingested.findings)
        began = time.time()
        training_job.train(run, intake.pictures(Path(scratch) / "intake"), settings, StepLog(run))
        status = Status(
            state=State.FINISHED,
            kind="train",
            queued_at=began,
            started_at=began,
            ended_at=time.time(),
        )
    run.job.write(status)
    return run


class StepLog:
    """Writes the learning curves to the run's events, and stops before the exports."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __call__(self, event: Event) -> None:
        """Keep an epoch; raise TuskerError where the exports begin."""
        if isinstance(event, Note) and event.sentence == EXPORTS_BEGIN:
            raise TuskerError("The sample has no exports.")
        if isinstance(event, Epoch | Kept):
            self._run.job.events.append(event)


def main() -> None:
    """Make it in the repository, or in another folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=runs.SAMPLE, help="Folder of the run.")
    run = make(parser.parse_args().out)
    print(f"{run.report().headline}\n{run.path}")  # noqa: T201 — its output


if __name__ == "__main__":
    main()
