"""The environment and the limits of worker processes."""

import os
import resource
import signal
import sys
import threading
from pathlib import Path

import pytest

from core import backbones
from core import settings as host
from core.backbones import serving
from core.jobs import State, cancel, enqueue, workers
from core.jobs.folder import JobSpec
from core.jobs.workers import dispatcher_environment, worker_environment
from core.settings import Settings
from tests.core.jobs import at_work

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "secret",
    "STREAMLIT_COOKIE_SECRET": "secret",
    "DATABASE_URL": "postgres://me:secret@host/db",
    "TUSKER_PASSWORD": "secret",
}
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs limits of Linux")


def test_a_worker_has_the_settings_of_its_host_and_the_proxy(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUSKER_PICTURES", "9")
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "http://proxy")
    ours = settings.model_copy(update={"job_minutes": 0.5, "classes": 7, "mode": "personal"})
    environment = worker_environment(ours)
    assert host.load(environment) == ours
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY"):
        assert environment[name] == "http://proxy"


def test_only_the_dispatcher_of_a_cluster_gets_its_credentials(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    on_ray = settings.model_copy(update={"runner": "ray"})
    assert dispatcher_environment(on_ray)["RAY_AUTH_TOKEN"] == "secret"
    assert "RAY_AUTH_TOKEN" not in dispatcher_environment(settings)
    assert "RAY_AUTH_TOKEN" not in worker_environment(on_ray)


@linux
def test_on_a_public_host_a_worker_is_nice_its_memory_is_limited_and_it_gets_no_secrets(
    job_settings: Settings, unresponsive_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    limits = {"mode": "public", "worker_megabytes": 9_000, "api_token": "secret"}
    settings = job_settings.model_copy(update=limits)
    assert settings.model_copy(update={"mode": "personal"}).worker_bytes == 0
    assert "secret" not in " ".join(worker_environment(settings).values())
    job = at_work.enqueue_stalled_preparation(settings)
    at_work.wait_until(lambda: job.recorded().state is State.RUNNING)
    worker = at_work.only_process(settings, "worker")
    assert worker.rlimit(resource.RLIMIT_AS)[0] == 9_000 * 1024**2
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert worker.nice() == min(19, own + workers.NICENESS)
    assert len(at_work.processes(settings)) == 2
    for process in at_work.processes(settings):
        assert not {*SECRETS, "TUSKER_API_TOKEN"} & process.environ().keys()


@linux
def test_a_worker_that_needs_more_memory_than_allowed_fails(job_settings: Settings) -> None:
    settings = job_settings.model_copy(update={"worker_megabytes": 600})
    spec = JobSpec(kind="prepare", arguments={"backbone": "tiny"})
    job = enqueue(serving.folder_of(backbones.get("tiny"), settings), spec, settings)
    status = at_work.wait_until_ended(job, settings)
    assert status.state is State.FAILED
    assert "emory" in status.sentence, (status.sentence, job.log_tail())
    assert "TUSKER_WORKER_MEGABYTES" in status.sentence


@pytest.mark.parametrize(
    ("code", "log"),
    [
        (1, "OpenBLAS error: Memory allocation still failed after 10 retries, giving up."),
        (1, "ImportError: libx.so: failed to map segment from shared object"),
        (-signal.SIGABRT, "terminate called after throwing an instance of 'std::bad_alloc'"),
        (-signal.SIGABRT, ""),
    ],
)
def test_errors_of_c_libraries_without_memory_name_the_limit(
    settings: Settings, code: int, log: str
) -> None:
    state, message = workers.explain_exit(code, log, settings)
    assert state is State.FAILED
    assert "24,000 MB" in message and "TUSKER_WORKER_MEGABYTES" in message


def test_an_attempt_leaves_the_temporary_files_of_another_alone(
    job_settings: Settings, unresponsive_network: None
) -> None:
    job = at_work.enqueue_stalled_preparation(job_settings)
    at_work.wait_until(lambda: at_work.has_event(job, "Downloading"))
    first = Path(at_work.only_process(job_settings, "worker").environ()["TMPDIR"])
    (first / "half").touch()
    second = threading.Thread(target=workers.run, args=(job, job_settings))
    second.start()
    at_work.wait_until(lambda: len(at_work.processes(job_settings, "worker")) == 2)
    both = at_work.processes(job_settings, "worker")
    assert len({worker.environ()["TMPDIR"] for worker in both}) == 2
    at_work.kill(both[1])
    second.join(timeout=at_work.PATIENCE)
    assert (first / "half").exists()
    assert job.worker_alive and job.recorded().state is State.RUNNING
    cancel(job, job_settings)
    at_work.wait_until_ended(job, job_settings)
    at_work.wait_until(lambda: not at_work.processes(job_settings))
    assert [*(job_settings.home / "scratch").iterdir()] == []
