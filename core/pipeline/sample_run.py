"""Make the sample run that comes with Tusker: `python -m core.pipeline.sample_run`."""

import shutil
import tempfile
import time
from pathlib import Path

from core import intake, runs
from core.dataset import fingerprints
from core.export.formats import LABELS
from core.export.train_program import PROGRAM, SPLIT_FILE
from core.intake import samples
from core.jobs.events import Epoch, Event, Kept
from core.jobs.folder import State, Status
from core.model import storage
from core.pipeline import training_job
from core.runs.run import Run
from core.settings import Settings
from core.system import files
from core.training import config

PER_CLASS = 60


def make(path: Path) -> Run:
    """Train Quick on the sample of handwritten digits, without exports, which are large.

    A run that is at the path is replaced.
    """
    shutil.rmtree(path, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        settings = Settings(home=Path(scratch) / "home")
        source = Path(scratch) / "digits.zip"
        samples.digits(source, PER_CLASS)
        ingested = intake.ingest(source, samples.DIGITS, Path(scratch) / "intake", settings)
        run = runs.create(config.preset("quick"), ingested.dataset, path)
        run.findings.write(ingested.findings)

        def keep(event: Event) -> None:
            """Write the learning curves to the run's events."""
            if isinstance(event, Epoch | Kept):
                run.job.events.append(event)

        began = time.time()
        training_job.train(run, intake.pictures(Path(scratch) / "intake"), settings, keep)
        for name in (storage.LITERT, LABELS, PROGRAM, SPLIT_FILE):
            files.remove(run.model_folder / name)
        files.remove(run.verification.path)
        files.remove(run.path / fingerprints.FILE)
        manifest = run.manifest()
        run.complete_with(manifest.name, manifest.completed_at, manifest.seconds)
        status = Status(
            state=State.FINISHED,
            kind="train",
            queued_at=began,
            started_at=began,
            ended_at=time.time(),
        )
    run.job.write(status)
    return run


if __name__ == "__main__":
    sample = make(runs.SAMPLE)
    print(f"{sample.report().headline}\n{sample.path}")  # noqa: T201 — its output
