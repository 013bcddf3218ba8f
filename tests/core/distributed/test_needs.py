"""What jobs need of a machine, and what the machines there are can grant."""

from pathlib import Path

from core.distributed import needs
from core.distributed.needs import Needs
from core.jobs import JobFolder
from core.jobs.folder import JobSpec
from core.settings import Settings
from tests.core.jobs import at_work

GIGABYTE = 1024**3
SMALL = {"CPU": 2.0, "memory": 4.0 * GIGABYTE}
LARGE = {"CPU": 16.0, "memory": 64.0 * GIGABYTE}
WITH_GPU = {"CPU": 4.0, "memory": 16.0 * GIGABYTE, "GPU": 1.0}


def _needs_of(settings: Settings, pictures: Path, **config: object) -> Needs:
    run = at_work.create_run(settings, pictures, **config)
    run.job.open(JobSpec(kind="train", arguments={"pictures": str(pictures)}))
    return needs.of(run.job)


def test_the_needs_of_a_training_depend_on_its_preset_and_dataset(
    settings: Settings, tmp_path: Path
) -> None:
    quick = _needs_of(settings, tmp_path / "pictures", preset="quick")
    best = _needs_of(settings, tmp_path / "pictures", preset="best", unfreeze={"stages": 2})
    assert (quick.cores, best.cores) == (2, 4)
    assert (quick.gpus, best.gpus) == (0, 1)
    assert 0 < quick.memory < best.memory < 4 * GIGABYTE


def test_an_intake_needs_one_core(tmp_path: Path) -> None:
    job = JobFolder(tmp_path / "job")
    job.open(JobSpec(kind="intake"))
    assert needs.of(job).cores == 1


def test_a_gpu_is_requested_only_if_a_machine_has_one() -> None:
    requested = Needs(cores=8, memory=GIGABYTE, gpus=1)
    assert needs.within(requested, [SMALL, LARGE]) == Needs(8, GIGABYTE, 0)
    assert needs.within(requested, [LARGE, WITH_GPU]) == Needs(4, GIGABYTE, 1)


def test_no_more_is_requested_than_the_largest_machine_has() -> None:
    requested = Needs(cores=32, memory=100 * GIGABYTE)
    assert needs.within(requested, [SMALL, LARGE]) == Needs(16, 64 * GIGABYTE)
    assert needs.within(requested, []) == requested
