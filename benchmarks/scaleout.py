"""Several machines: speed-up of extraction and fine-tuning by a second one, and overhead of Ray.

    python -m benchmarks.scaleout
    python -m benchmarks.scaleout --only tuning
    python -m benchmarks.scaleout --pictures 3000 --rounds 3

Needs `requirements-ray.txt`. A cluster is started on this machine, whose nodes stand for machines
of one core each.

- extraction: features of photographs of 500 × 375 pixels are extracted by a training on one core,
  and by the same training with a node of another core; joining the cluster is counted. The speed-up
  is the ratio of the medians.
- overhead: seconds of a small job (ingesting a zip of a few pictures) from its request to its end
  on the cluster, less the seconds without one.
- fine-tuning: two stages are trained on stored activations on one core and on two. Rates are those
  of the epochs after the first; the time before the first step (joining the cluster, starting
  TensorFlow) is shown separately. The speed-up is the median over the rounds.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import jobs, pictures, tuning
from benchmarks.extraction import examples_of
from benchmarks.report import Figure, show
from core import backbones
from core.dataset import Dataset, Example
from core.distributed import cores, extraction
from core.jobs import enqueue, scheduling
from core.jobs.folder import JobSpec, State
from core.settings import Settings
from core.training import config, engines, features
from core.training.cache import FeatureCache
from core.training.config import Augmentation
from core.training.context import TrainingContext

NICENESS = 15
"""Niceness of Ray's worker processes; the process that they are compared with gets the same."""


@contextmanager
def cluster() -> Iterator[Any]:
    """A cluster whose head does no jobs, with a node of one core."""
    try:
        from ray.cluster_utils import Cluster
    except ImportError as error:
        raise SystemExit("Ray is not installed: pip install -r requirements-ray.txt") from error
    started = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    try:
        started.add_node(num_cpus=1)
        yield started
    finally:
        started.shutdown()


def pass_over(examples: list[Example], settings: Settings) -> float:
    """Seconds of an extraction on one core, shared with a cluster if the settings have one."""
    backbone = backbones.get(backbones.DEFAULT)
    dataset = Dataset(name="cuts", classes=("cut",), examples=tuple(examples))
    cache = FeatureCache(settings.home / "passed")
    context = TrainingContext(
        config.preset("quick"), dataset, Path("/"), backbone, settings, cache, lambda _event: None
    )
    with cores.reserved(1):
        engine = engines.litert(context.network, None)
        plain = context.rendering(Augmentation())
        began = time.perf_counter()
        if settings.runner == "ray":
            extraction.extract_on_cluster(context, examples, plain, engine, _ignore)
        extracted = features.extract(
            examples,
            context.pictures,
            plain,
            engine,
            cache,
            _ignore,
        )
        seconds = time.perf_counter() - began
    assert len(extracted.embeddings) == len(examples)
    shutil.rmtree(cache.folder)
    return seconds


def small_job(source: Path, settings: Settings, number: int) -> float:
    """Seconds from the order of a small job to its end, as a visitor sees it."""
    order = JobSpec(kind="intake", arguments={"source": str(source), "name": "small"})
    began = time.perf_counter()
    job = enqueue(settings.home / "uploads" / f"{settings.runner}-{number}", order, settings)
    while not scheduling.status(job, settings).state.ended:
        time.sleep(jobs.POLL_SECONDS)
    seconds = time.perf_counter() - began
    if job.recorded().state is not State.FINISHED:
        raise SystemExit(f"The small job failed: {job.recorded().sentence}\n{job.log_tail()}")
    queue = settings.home.resolve() / "queue" / "intake"
    while any(queue.iterdir()):  # the dispatcher ends before the next job begins
        time.sleep(jobs.POLL_SECONDS)
    time.sleep(2.0)
    return seconds


def figures(
    alone: list[float], together: list[float], local: list[float], remote: list[float], count: int
) -> dict[str, Figure]:
    """Medians of the rounds, with the required values."""
    return {
        "one worker, pictures per second": Figure(count / median(alone)),
        "two workers, pictures per second": Figure(count / median(together)),
        "speed-up of the frozen pass": Figure(median(alone) / median(together), at_least=1.7),
        "small job on this machine, seconds": Figure(median(local)),
        "small job on the cluster, seconds": Figure(median(remote)),
        "overhead of Ray for a small job, seconds": Figure(median(remote) - median(local)),
    }


def tuned(pictures: int, rounds: int, folder: Path, spread: Settings) -> dict[str, Figure]:
    """Fine-tuning on one core and on two, in turn."""
    alone, together = [], []
    os.nice(NICENESS)
    with cores.reserved(1):
        for number in range(rounds):
            stored = tuning.random_activations(pictures, folder / f"tuning{number}", spread)
            local_context = replace(
                stored.context, settings=spread.model_copy(update={"runner": "local"})
            )
            alone.append(tuning.tune(replace(stored, context=local_context)))
            together.append(tuning.tune(stored))
    pairs = list(zip(alone, together, strict=True))
    return {
        "fine-tuning on one, pictures per second": Figure(median(tuned.rate for tuned in alone)),
        "fine-tuning on two, pictures per second": Figure(
            median(shared.rate for shared in together)
        ),
        "speed-up of fine-tuning": Figure(
            median(shared.rate / tuned.rate for tuned, shared in pairs)
        ),
        "before its first step on one, seconds": Figure(median(tuned.before for tuned in alone)),
        "before its first step on two, seconds": Figure(
            median(shared.before for shared in together)
        ),
    }


def _ignore(_done: int, _total: int) -> None:
    pass


def main(arguments: list[str] | None = None) -> int:
    """Measure in turn and print the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tuned", type=int, default=1024, help="pictures to fine-tune on")
    parser.add_argument("--only", choices=("pass", "tuning"), help="in place of both")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("Two cores are needed to compare one worker with two.")
    alone, together, local, remote = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="tusker-") as name, cluster() as ray:
        folder = Path(name)
        settings = jobs.new_home(folder / "home")
        jobs.prepare(backbones.DEFAULT, settings)
        cluster_of = {"runner": "ray", "ray_address": ray.address}
        spread = settings.model_copy(update=cluster_of)
        shown: dict[str, Figure] = {}
        if options.only != "tuning":
            examples = examples_of(pictures.photographs(folder / "cuts", options.pictures))
            pictures.tree(folder / "small" / "classes", 16)
            source = Path(shutil.make_archive(str(folder / "small"), "zip", folder / "small"))
            for number in range(options.rounds):
                alone.append(pass_over(examples, settings))
                together.append(pass_over(examples, spread))
                local.append(small_job(source, settings, number))
                remote.append(small_job(source, spread, number))
            shown |= figures(alone, together, local, remote, len(examples))
        if options.only != "pass":
            shown |= tuned(options.tuned, options.rounds, folder, spread)
    return show(shown, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
