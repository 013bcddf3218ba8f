"""What a worker is given, and what it is not."""

import threading
from pathlib import Path

import pytest

from core.jobs import State, cancel
from core.jobs.workers import dispatcher_environment, run, worker_environment
from core.settings import Settings
from tests.core.jobs import at_work

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "secret",
    "STREAMLIT_COOKIE_SECRET": "secret",
    "DATABASE_URL": "postgres://me:secret@host/db",
    "TUSKER_PASSWORD": "secret",
}


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def test_a_worker_is_told_no_secret_of_the_host(secrets: None, settings: Settings) -> None:
    given = worker_environment(settings)
    assert not SECRETS.keys() & given.keys()
    assert "secret" not in " ".join(given.values())


def test_no_process_of_the_queue_holds_a_secret(
    secrets: None, queue: Settings, stalled: None
) -> None:
    at_work.stalled_preparation(queue)
    at_work.until(lambda: at_work.processes(queue, "worker"))
    at_work.until(lambda: len(at_work.processes(queue)) == 2)
    for process in at_work.processes(queue):
        assert not SECRETS.keys() & process.environ().keys()


def test_a_worker_has_the_settings_of_its_host_and_not_those_of_the_environment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.settings import load

    monkeypatch.setenv("TUSKER_PICTURES", "9")
    ours = settings.model_copy(update={"job_minutes": 0.5, "classes": 7, "mode": "personal"})
    assert load(worker_environment(ours)) == ours


def test_a_worker_can_find_the_network_s_proxy(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "http://proxy")
        assert worker_environment(settings)[name] == "http://proxy"


def test_only_the_dispatcher_of_a_cluster_is_told_how_to_be_let_into_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    on_ray = settings.model_copy(update={"runner": "ray"})
    assert dispatcher_environment(on_ray)["RAY_AUTH_TOKEN"] == "secret"
    assert "RAY_AUTH_TOKEN" not in dispatcher_environment(settings)
    assert "RAY_AUTH_TOKEN" not in worker_environment(on_ray)


def test_an_attempt_at_a_job_leaves_the_files_of_another_alone(
    queue: Settings, stalled: None
) -> None:
    job = at_work.stalled_preparation(queue)
    at_work.until(lambda: at_work.said(job, "Downloading"))
    first = Path(at_work.only(queue, "worker").environ()["TMPDIR"])
    (first / "half").touch()
    second = threading.Thread(target=run, args=(job, queue))
    second.start()
    at_work.until(lambda: len(at_work.processes(queue, "worker")) == 2)
    ours = {worker.environ()["TMPDIR"] for worker in at_work.processes(queue, "worker")}
    assert len(ours) == 2
    at_work.kill(at_work.processes(queue, "worker")[1])
    second.join(timeout=at_work.PATIENCE)
    assert (first / "half").exists(), "the second took it for its own"
    assert job.worker_alive and job.recorded().state is State.RUNNING
    cancel(job, queue)
    at_work.ended(job, queue)
    at_work.until(lambda: not at_work.processes(queue))
    assert [*(queue.home / "scratch").iterdir()] == []
