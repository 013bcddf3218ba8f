"""How soon a model can be downloaded: after its report, and in each format.

    python -m benchmarks.exports --data flowers.zip

Trains Quick twice on the same pictures in one new home, and prepares every format of both runs,
each in its own worker. The first run prepares the parts of its backbone, the second finds them.
Seconds are those of the clock, start of the process and verification included; CPU seconds count
all cores, and depend less on what else the machine does.
"""

import io
import resource
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import jobs
from benchmarks.report import Figure, argument_parser, show
from core import backbones
from core.export import packing
from core.export.formats import FORMATS, Format
from core.jobs.folder import JobSpec
from core.jobs.workers import WORKER
from core.model import storage
from core.runs.filenames import VERIFICATION
from core.runs.run import Run
from core.settings import Settings
from core.training import config

FIRST_FILE, PREPARED, BUNDLE = 3.0, 5.0, 5.0
"""Required seconds: report to file, a format of a later run that takes no TensorFlow, bundle."""


def after_report(run: Run, settings: Settings) -> dict[str, Figure]:
    """Seconds from the report to the first verified file, and to pack the bundle."""
    report = run.manifest().completed_at
    # The verification is written when a file is offered, and was not touched since.
    offered = (run.path / VERIFICATION).stat().st_mtime
    began = time.monotonic()
    packing.write_bundle(run, settings, packed := io.BytesIO())
    size = packed.tell()
    packing_seconds = time.monotonic() - began
    return {
        "s from report to verified LiteRT": Figure(offered - report, at_most=FIRST_FILE),
        "s from report to bundle": Figure(offered - report + packing_seconds, at_most=BUNDLE),
        "MB of the bundle": Figure(size / 1e6),
    }


def prepare(run: Run, form: Format, settings: Settings) -> tuple[float, float]:
    """Prepare a format in a worker. Returns seconds and CPU seconds."""
    job = run.export_job
    job.open(JobSpec(kind="export", arguments={"formats": [form.name]}))
    before, began = _cpu(), time.monotonic()
    jobs.run(WORKER, str(job.path), settings=settings)
    seconds = time.monotonic() - began
    if form not in packing.available_formats(run):
        raise SystemExit(f"{form.file} was withheld: {job.log_tail()}")
    return seconds, _cpu() - before


def measure(data: Path, backbone: str, folder: Path) -> dict[str, Figure]:
    """Train and export two runs."""
    settings = jobs.new_home(folder / "home")
    jobs.prepare(backbone, settings)
    imported = jobs.take_in(data, folder / "pictures", settings)
    figures: dict[str, Figure] = {}
    for turn in ("first run", "second run"):
        trained = jobs.train(imported, config.preset("quick", backbone=backbone), settings)
        for name, figure in after_report(trained.run, settings).items():
            figures[f"{turn}: {name}"] = figure
        for form in FORMATS:
            if form.file == storage.LITERT:
                continue
            seconds, cpu = prepare(trained.run, form, settings)
            bound = None if turn == "first run" or form.tensorflow else PREPARED
            figures[f"{turn}: s for {form.title}"] = Figure(seconds, at_most=bound)
            figures[f"{turn}: CPU s for {form.title}"] = Figure(cpu)
    return figures


def main() -> int:
    """Measure and print."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="zip or folder")
    parser.add_argument("--backbone", default=backbones.DEFAULT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options.data, options.backbone, Path(folder))
    return show(figures, as_json=options.json)


def _cpu() -> float:
    """CPU seconds of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
