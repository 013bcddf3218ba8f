"""Jobs on a Ray cluster: two nodes on this machine, with real dispatchers and workers."""

import importlib.util
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.backbones import Backbone
from core.jobs import JobFolder, State, cancel, scheduling
from core.jobs.events import Epoch, Note, Step
from core.jobs.folder import JobSpec
from core.jobs.queue import Queue
from core.settings import Settings
from tests.core.jobs import at_work

PATIENCE = 150.0
FINE_TUNED = {"backbone": "tiny", "batch_size": 8, "unfreeze": {"stages": 1}}


@pytest.fixture
def host(ray_head: Any, job_settings: Settings) -> Settings:
    """A host that sends its jobs there."""
    return job_settings.model_copy(update={"runner": "ray", "ray_address": ray_head.address})


def test_a_job_runs_on_the_cluster_and_its_events_and_log_are_returned(
    host: Settings, nodes: list[Any], small_zip: Path
) -> None:
    job = at_work.enqueue_intake(host, "shapes", small_zip)
    status = at_work.wait_until_ended(job, host)
    assert (status.state, status.sentence) == (State.FINISHED, ""), job.log_tail()
    steps = [(e.what, e.done, e.total) for e in job.events.read() if isinstance(e, Step)]
    assert ("Reading pictures", 8, 8) in steps
    assert "intake begins" in job.log_tail()
    at_work.wait_until(lambda: not at_work.processes(host))
    assert Queue("intake", host).tickets() == []


def test_jobs_of_several_visitors_run_at_once(
    host: Settings, nodes: list[Any], tiny: Backbone, tmp_path: Path
) -> None:
    runs = [
        at_work.enqueue_training(host, tmp_path / "pictures", preset="quick", backbone="tiny")
        for _ in range(2)
    ]
    ends = [at_work.wait_until_ended(run.job, host, within=PATIENCE) for run in runs]
    assert [end.state for end in ends] == [State.FINISHED] * 2, runs[0].job.log_tail()
    assert max(end.started_at for end in ends) < min(end.ended_at for end in ends)
    assert runs[0].report() == runs[1].report()


def test_running_and_waiting_jobs_can_be_cancelled(
    host: Settings, ray_head: Any, tiny: Backbone, tmp_path: Path
) -> None:
    ray_head.add_node(num_cpus=1)
    running, waiting = (_long_training(host, tmp_path) for _ in range(2))
    at_work.wait_until(lambda: running.events.read(), within=PATIENCE)
    cancel(waiting, host)
    assert waiting.recorded().state is State.CANCELLED
    cancel(running, host)
    at_work.wait_until(lambda: scheduling.status(running, host).state.ended, within=40)
    assert running.recorded().state is State.CANCELLED
    at_work.wait_until(lambda: not at_work.processes(host))


def test_a_job_whose_node_dies_restarts_on_another_with_the_same_report(
    host: Settings, ray_head: Any, tiny: Backbone, tmp_path: Path
) -> None:
    options = FINE_TUNED | {"fine_tune_phase": {"epochs": 25, "patience": 25}}
    first_node = ray_head.add_node(num_cpus=1)
    run = at_work.enqueue_training(host, tmp_path / "pictures", **options)
    at_work.wait_until(
        lambda: any(isinstance(e, Epoch) for e in run.job.events.read()), within=PATIENCE
    )
    ray_head.remove_node(first_node, allow_graceful=False)
    ray_head.add_node(num_cpus=1)
    at_work.wait_until(lambda: at_work.has_event(run.job, "begins again on another"))
    status = at_work.wait_until_ended(run.job, host, within=PATIENCE)
    assert (status.state, status.sentence) == (State.FINISHED, ""), run.job.log_tail()

    uninterrupted = at_work.enqueue_training(host, tmp_path / "pictures", **options)
    at_work.wait_until_ended(uninterrupted.job, host, within=PATIENCE)
    assert uninterrupted.report() == run.report()
    assert not any(
        isinstance(e, Note) and "begins again" in e.sentence for e in uninterrupted.events()
    )


@pytest.mark.timeout(1500)
def test_fine_tuning_whose_node_dies_resumes_from_its_checkpoint(
    host: Settings, ray_head: Any, tiny: Backbone, tmp_path: Path
) -> None:
    long = {"epochs": 300, "patience": 300}  # so that the node dies amid them
    options = FINE_TUNED | {"fine_tune_phase": long, "unfreeze": {"stages": 2}, "batch_size": 1}
    first_node = ray_head.add_node(num_cpus=1)
    run = at_work.enqueue_training(host, tmp_path / "pictures", **options)
    at_work.wait_until(run.job.checkpoint.is_file, within=3 * PATIENCE)
    ray_head.remove_node(first_node, allow_graceful=False)
    ray_head.add_node(num_cpus=1)
    status = at_work.wait_until_ended(run.job, host, within=3 * PATIENCE)
    assert (status.state, status.sentence) == (State.FINISHED, ""), run.job.log_tail()
    assert at_work.has_event(run.job, "begins again on another")
    assert at_work.has_event(run.job, "Fine-tuning resumes after epoch")
    tuned = [epoch.epoch for epoch in run.epochs() if epoch.phase == "fine-tune"]
    assert tuned == [*range(301)]
    assert not run.job.checkpoint.exists()
    assert run.job.earlier_seconds > 3

    uninterrupted = at_work.enqueue_training(host, tmp_path / "pictures", **options)
    at_work.wait_until_ended(uninterrupted.job, host, within=3 * PATIENCE)
    assert not at_work.has_event(uninterrupted.job, "resumes after epoch")
    assert uninterrupted.report() == run.report()


def test_a_job_waits_until_the_cluster_has_a_machine(
    host: Settings, ray_head: Any, small_zip: Path
) -> None:
    job = at_work.enqueue_intake(host, "shapes", small_zip)
    at_work.wait_until(lambda: "It waits for a machine" in job.recorded().sentence, within=PATIENCE)
    ray_head.add_node(num_cpus=1)
    status = at_work.wait_until_ended(job, host, within=PATIENCE)
    assert (status.state, status.sentence) == (State.FINISHED, ""), job.log_tail()


def test_a_waiting_job_accepts_a_smaller_machine_once_the_larger_is_gone(
    host: Settings, ray_head: Any, tiny: Backbone, tmp_path: Path
) -> None:
    large = ray_head.add_node(num_cpus=2)
    first = _long_training(host, tmp_path)
    at_work.wait_until(lambda: first.events.read(), within=PATIENCE)
    waiting = at_work.enqueue_training(host, tmp_path / "pictures", preset="quick", backbone="tiny")
    time.sleep(3)  # so that it has asked for two cores
    assert waiting.job.recorded().state is State.QUEUED
    cancel(first, host)
    ray_head.remove_node(large, allow_graceful=False)
    ray_head.add_node(num_cpus=1)
    status = at_work.wait_until_ended(waiting.job, host, within=PATIENCE)
    assert (status.state, status.sentence) == (State.FINISHED, ""), waiting.job.log_tail()


def test_a_job_whose_dispatcher_dies_is_supervised_by_the_next(
    host: Settings, nodes: list[Any], tiny: Backbone, tmp_path: Path
) -> None:
    job = _long_training(host, tmp_path, epochs=8)
    at_work.wait_until(lambda: job.events.read(), within=PATIENCE)
    at_work.kill(at_work.only_process(host, "dispatch"))
    at_work.wait_until(lambda: not job.worker_alive)
    assert scheduling.status(job, host).state is State.RUNNING
    assert at_work.wait_until_ended(job, host, within=PATIENCE).state is State.FINISHED, (
        job.log_tail()
    )


def test_a_host_without_ray_interrupts_the_job_with_a_reason(
    job_settings: Settings, small_zip: Path
) -> None:
    # As a dispatcher has it where the requirements are not installed.
    if importlib.util.find_spec("ray") is not None:
        pytest.skip("Ray is installed here")
    job = at_work.enqueue_intake(
        job_settings.model_copy(update={"runner": "ray"}), "shapes", small_zip
    )
    status = at_work.wait_until_ended(job, job_settings)
    assert status.state is State.INTERRUPTED
    assert "requirements-ray.txt" in status.sentence


@pytest.mark.cluster
def test_an_unreachable_cluster_interrupts_the_job_with_a_reason(
    job_settings: Settings, small_zip: Path
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    nowhere = job_settings.model_copy(update={"runner": "ray", "ray_address": "127.0.0.1:9"})
    job = at_work.enqueue_intake(nowhere, "shapes", small_zip)
    status = at_work.wait_until_ended(job, nowhere)
    assert status.state is State.INTERRUPTED
    assert "cannot be reached" in status.sentence and "TUSKER_RAY_ADDRESS" in status.sentence


def _long_training(host: Settings, tmp_path: Path, epochs: int = 500) -> JobFolder:
    phase = {"fine_tune_phase": {"epochs": epochs, "patience": epochs}}
    return at_work.enqueue_training(host, tmp_path / "pictures", **FINE_TUNED | phase).job


def test_jobs_skip_a_machine_that_does_not_have_their_folder(
    host: Settings, ray_head: Any, isolated_node: Callable[[Path], None], small_zip: Path
) -> None:
    isolated_node(host.home)
    jobs = [at_work.enqueue_intake(host, f"shapes{number}", small_zip) for number in range(2)]

    def waits_for_folder(job: JobFolder) -> bool:
        sentence = job.recorded().sentence
        return f"{socket.gethostname()} has not" in sentence and "TUSKER_HOME" in sentence

    for job in jobs:  # the first was there; the second never got that far
        at_work.wait_until(lambda job=job: waits_for_folder(job), within=PATIENCE)
        assert job.recorded().state is State.QUEUED
    ray_head.add_node(num_cpus=1)
    jobs.append(at_work.enqueue_intake(host, "later", small_zip))
    ends = [at_work.wait_until_ended(job, host, within=PATIENCE) for job in jobs]
    assert [(end.state, end.sentence) for end in ends] == [(State.FINISHED, "")] * 3


def test_a_restarted_job_keeps_its_specification_log_and_cancel_request(tmp_path: Path) -> None:
    job = JobFolder(tmp_path / "job")
    job.open(JobSpec(kind="train", arguments={"pictures": "here"}))
    queued_at = job.recorded().queued_at
    job.begin()
    job.log_path.write_text("printed")
    job.events.append(Note(sentence="said"))
    job.request_cancel()
    job.reopen()
    status = job.recorded()
    assert (status.state, status.queued_at, status.started_at) == (State.QUEUED, queued_at, None)
    assert job.spec().arguments == {"pictures": "here"}
    assert job.log_tail() == "printed" and job.cancel_requested
    assert job.events.read() == ()
