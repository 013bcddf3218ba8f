"""Visitors, and what they find on the machine: ingested pictures, runs in every state."""

import shutil
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import app_test

from core import runs
from core.errors import TuskerError
from core.evaluation import Report
from core.intake.uploads import Upload
from core.jobs import JobFolder, State, dispatcher, scheduling
from core.jobs.folder import JobSpec
from core.jobs.queue import Queue, job_of
from core.pipeline import worker
from core.runs import Run
from core.settings import Settings
from core.training import config
from tests.core.jobs import at_work
from tests.core.trainings import ImportedDataset, TrainedRun, import_dataset, train
from tests.pages import visitor as visitor_module
from tests.pages.visitor import Visitor
from tests.shapes import draw, encoded

NAMES = ("**bold** _i_", "<img src=x onerror=alert(1)>", "🐘 [link](x) $x^2$", "פיל :red[fire] `c`")
"""Classes that people name as they like. The last two look the same, so that some are mistaken."""
PER_CLASS = 12


@pytest.fixture(autouse=True)
def host(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Settings]:
    """A machine in personal mode with an empty home, which no test before has used.

    Uploads are imported in this process. Other jobs stay in their queues without `dispatchers`.
    """
    monkeypatch.setenv("TUSKER_MODE", "personal")
    monkeypatch.setattr(app_test, "MemoryMediaFileStorage", visitor_module.Storage)
    st.cache_data.clear()
    st.cache_resource.clear()
    with ThreadPoolExecutor(1) as imports:
        start = scheduling.start_dispatcher

        def start_or_import(queue: Queue, host: Settings) -> None:
            if queue.kind == "intake":
                imports.submit(dispatcher.dispatch, "intake", host, _drain)
            elif "dispatchers" in request.fixturenames:
                start(queue, host)

        monkeypatch.setattr(scheduling, "start_dispatcher", start_or_import)
        yield settings
    st.cache_resource.clear()


def _drain(queue: Queue, host: Settings) -> None:
    while tickets := queue.tickets():
        if job := job_of(tickets[0]):
            with suppress(TuskerError):  # which is in the job's status
                worker.run_job(job, host)
        tickets[0].unlink(missing_ok=True)


def seal(run: Run) -> None:
    """Let the manifest list the files of a run as they are now."""
    manifest = run.manifest()
    run.complete_with(manifest.name, manifest.completed_at, manifest.seconds)


def finish_intake(job: JobFolder) -> None:
    """Let an upload be examined."""
    job.open(JobSpec(kind="intake", arguments={}))
    job.begin()
    job.end(State.FINISHED)


@pytest.fixture
def public(host: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is a host with many visitors."""
    monkeypatch.setenv("TUSKER_MODE", "public")


@pytest.fixture
def dispatchers(host: Settings) -> Iterator[None]:
    """Trainings and other jobs start, as on a real host; after the test they are killed."""
    with at_work.killing_processes(host):
        yield


@pytest.fixture
def visitor(host: Settings) -> Visitor:
    """Somebody who has just come."""
    return Visitor()


@pytest.fixture(scope="session")
def pictures(shared: Callable[..., Any]) -> ImportedDataset:
    """Four classes with names that are not harmless, and one file that is not a picture."""

    def build(folder: Path) -> ImportedDataset:
        source = folder / "=odd_names **bold**.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for label, name in enumerate(NAMES):
                for number in range(PER_CLASS):
                    # The number decides the picture, so the last two classes differ in nothing.
                    content = encoded(draw(min(label, 2), 100 * label + number))
                    archive.writestr(f"{name}/{number:02}.jpg", content)
            archive.writestr(f"{NAMES[0]}/=broken.jpg", b"no picture")
        return import_dataset(folder, source)

    return shared("odd-names", build)


@pytest.fixture(scope="session")
def trained_run(pictures: ImportedDataset, shared: Callable[..., Any]) -> TrainedRun:
    """A Quick training on them with the default backbone, without exports. Not to be changed."""

    def build(folder: Path) -> TrainedRun:
        path = folder / ("0123456789abcdef" * 2)
        return train(pictures, config.preset("quick"), path, Settings(home=folder))

    return shared("odd-names-trained", build)


@pytest.fixture
def run_in(trained_run: TrainedRun, host: Settings) -> Callable[..., Run]:
    """`run_in(State.FAILED, "Why.")`: a run in that state; one that is done is complete."""

    def make(state: State = State.FINISHED, sentence: str = "") -> Run:
        path = runs.new_path(host)
        if state is State.FINISHED:
            shutil.copytree(trained_run.run.path, path)
            run = Run(path)
        else:
            run = runs.create(config.preset("quick"), trained_run.run.dataset(), path)
        run.job.open(JobSpec(kind="train", arguments={"pictures": str(trained_run.pictures)}))
        if state is not State.QUEUED:
            run.job.begin()
            # Opening a job clears the log of an earlier one.
            for event in trained_run.events if state is State.FINISHED else ():
                run.job.events.append(event)
        if state.ended:
            run.job.end(state, sentence)
        return run

    return make


@pytest.fixture
def run(run_in: Callable[..., Run]) -> Run:
    """A complete run."""
    return run_in()


@pytest.fixture
def report(run: Run) -> Report:
    """The report of the complete run."""
    return run.report()


@pytest.fixture
def upload(pictures: ImportedDataset, host: Settings) -> Upload:
    """The pictures as an upload that has been examined."""
    examined = Upload(host.home / "uploads" / ("fedcba9876543210" * 2))
    shutil.copytree(pictures.pictures.parent, examined.path)
    finish_intake(examined.job)
    return examined


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[int], bytes]:
    """`picture(label)`: a JPEG of a shape."""
    return lambda label: encoded(draw(label, seed=999, size=200))


@pytest.fixture
def run_of_visitor(host: Settings) -> Callable[[Visitor], Run]:
    """`run_of_visitor(visitor)`: the run that the visitor's address leads to."""
    return lambda visitor: runs.get(host, visitor.at.query_params["run"])
