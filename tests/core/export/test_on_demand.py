"""Exports are requested per run, prepared behind all trainings, and listed in the manifest."""

from threading import Thread

import pytest

from core import runs
from core.errors import BadInput, Cancelled, RunDamaged
from core.export import on_demand, packing
from core.export.formats import FORMATS, LABELS, ONNX, named
from core.jobs import State, cancel, scheduling
from core.jobs.folder import JobSpec
from core.jobs.queue import Queue
from core.model import storage
from core.pipeline import worker
from core.system import files
from tests.core.jobs import at_work
from tests.core.jobs.at_work import wait_until
from tests.core.trainings import tiny_config


@pytest.fixture
def litert_only(trained_run, settings):
    """A finished run with its LiteRT file alone, and the settings of its home."""
    run = trained_run().run
    for form in FORMATS:
        if form.file != storage.LITERT:
            files.remove(run.model_folder / form.file)
    verification, manifest = run.verification(), run.manifest()
    litert_results = tuple(
        result for result in verification.results if result.file == storage.LITERT
    )
    run.verification.write(verification.model_copy(update={"results": litert_results}))
    run.complete_with(manifest.name, manifest.completed_at, manifest.seconds)
    with at_work.killing_processes(settings):
        yield run, settings


def offered_formats(run):
    return [form.name for form in packing.available_formats(run)]


def test_a_requested_format_is_prepared_by_a_worker_and_listed(litert_only):
    run, settings = litert_only
    assert offered_formats(run) == ["litert"]
    job = on_demand.request(run, named(["onnx"]), settings)
    assert [form.name for form in on_demand.waiting(run, settings)] == ["onnx"]
    status = at_work.wait_until_ended(job, settings)
    assert status.state is State.FINISHED, job.log_tail()
    assert offered_formats(run) == ["litert", "onnx"]
    listed = run.manifest().files
    assert f"model/{ONNX}" in listed
    assert not [name for name in listed if name.startswith("export-")]
    assert run.classifier(settings).labels
    assert not run.job.exists, "the job is not the training's"


def test_a_second_request_joins_the_waiting_one(litert_only):
    run, settings = litert_only
    Queue("train", settings).add(run.path.with_name("f" * 32))  # so that it waits
    job = on_demand.request(run, named(["onnx"]), settings)
    assert on_demand.request(run, named(["keras"]), settings).path == job.path
    assert job.spec().arguments == {"formats": ["onnx", "keras"]}
    assert len(Queue("export", settings).tickets()) == 1
    cancel(job, settings)
    assert on_demand.waiting(run, settings) == ()


def begin(run, *names):
    """A job that a worker in this process is running, without a dispatcher."""
    job = run.export_job
    job.open(JobSpec(kind="export", arguments={"formats": list(names)}))
    job.begin()
    return job


def test_a_format_requested_as_the_job_ends_starts_another_one(litert_only, monkeypatch):
    """The page makes a request when the last format is done, and the worker has not yet said so."""
    run, settings = litert_only
    job = run.export_job
    job.open(JobSpec(kind="export", arguments={"formats": ["litert"]}))
    Queue("train", settings).add(run.path.with_name("f" * 32))  # so that it waits
    work = on_demand.work

    def work_and_order(*arguments):
        work(*arguments)
        on_demand.request(run, named(["onnx"]), settings)

    monkeypatch.setattr(on_demand, "work", work_and_order)
    worker.run_job(job, settings)
    assert job.recorded().state is State.QUEUED
    assert [form.name for form in on_demand.waiting(run, settings)] == ["onnx"]
    assert len(Queue("export", settings).tickets()) == 1
    cancel(job, settings)


def test_a_failed_format_that_is_requested_again_is_tried_again(litert_only, monkeypatch):
    run, settings = litert_only
    job, tried = begin(run, "onnx"), []

    def fail(_run, forms, *_):
        tried.append([form.name for form in forms])
        if len(tried) == 1:
            on_demand.request(run, named(["onnx"]), settings)

    monkeypatch.setattr(on_demand, "export", fail)
    with job.lock():
        on_demand.work(run, settings, lambda _: None)
    assert tried == [["onnx"], ["onnx"]]
    assert job.recorded().state is State.FINISHED


def test_two_requests_at_once_are_both_kept(litert_only):
    run, settings = litert_only
    with begin(run, "litert").lock():
        forms = named(["onnx", "keras", "saved-model", "int8"])
        threads = [Thread(target=on_demand.request, args=(run, [f], settings)) for f in forms]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(run.export_job.spec().arguments["formats"]) == {
            "litert",
            *(f.name for f in forms),
        }


def test_existing_formats_are_not_exported_again(litert_only):
    run, settings = litert_only
    before = (run.model_folder / storage.LITERT).stat().st_mtime_ns
    on_demand.prepare(run, named(["litert"]), settings, lambda _: None)
    assert (run.model_folder / storage.LITERT).stat().st_mtime_ns == before


def test_a_cancelled_export_leaves_a_complete_run(litert_only):
    run, settings = litert_only

    def stop(_):
        raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        on_demand.prepare(run, named(["onnx"]), settings, stop)
    assert offered_formats(run) == ["litert"]
    assert set(run.manifest().files) == {
        path.relative_to(run.path).as_posix()
        for path in run.path.rglob("*")
        if path.is_file() and run._is_result(path)
    }


@pytest.mark.parametrize(
    "name", ["report.json", "model/weights.safetensors", f"model/{storage.LITERT}"]
)
def test_a_damaged_run_is_not_exported_and_stays_damaged(litert_only, name):
    run, settings = litert_only
    file = run.path / name
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(RunDamaged, match=file.name):
        on_demand.prepare(run, named(["onnx"]), settings, lambda _: None)
    with pytest.raises(RunDamaged):
        run.check_files(name)


def test_files_of_an_export_that_was_killed_are_written_again(litert_only):
    run, settings = litert_only
    (run.model_folder / LABELS).write_text("cut sh")
    (run.model_folder / ONNX).write_bytes(b"not listed")
    on_demand.prepare(run, named(["onnx"]), settings, lambda _: None)
    assert offered_formats(run) == ["litert", "onnx"]
    run.check_files(*run.manifest().files)


def test_files_that_somebody_else_wrote_into_the_folder_do_not_matter(litert_only):
    run, settings = litert_only
    (run.path / "bundle.zip").write_text("first")
    manifest = run.manifest()
    earlier = {**manifest.files, "bundle.zip": "0" * 64}  # as earlier versions listed it
    run.manifest.write(manifest.model_copy(update={"files": earlier}))
    (run.path / "bundle.zip").unlink()
    assert not run.missing_results(settings)
    on_demand.prepare(run, named(["onnx"]), settings, lambda _: None)
    assert "bundle.zip" not in run.manifest().files
    assert not run.missing_results(settings)


def test_exports_by_a_later_version_leave_the_version_that_trained(litert_only):
    run, settings = litert_only
    run.manifest.write(run.manifest().model_copy(update={"tusker": "0.9"}))
    on_demand.prepare(run, named(["onnx"]), settings, lambda _: None)
    assert run.manifest().tusker == "0.9"


def test_an_export_waits_for_trainings_and_is_stopped_for_them(litert_only):
    run, settings = litert_only
    training = run.path.with_name("f" * 32)
    Queue("train", settings).add(training)
    job = on_demand.request(run, named(["onnx"]), settings)
    wait_until(lambda: Queue("export", settings).held)
    assert scheduling.status(job, settings).state is State.QUEUED
    assert not at_work.processes(settings, "worker")
    (ticket,) = Queue("train", settings).tickets()
    ticket.unlink()
    wait_until(lambda: job.recorded().state is State.RUNNING)
    Queue("train", settings).add(training)  # at once, before the export ends
    wait_until(lambda: not at_work.processes(settings, "worker"))
    wait_until(lambda: job.recorded().state is State.QUEUED)
    assert job.spec() == JobSpec(kind="export", arguments={"formats": ["onnx"]})
    Queue("train", settings).tickets()[0].unlink()
    assert at_work.wait_until_ended(job, settings, within=300).state is State.FINISHED, (
        job.log_tail()
    )
    assert at_work.hidden_files(run.path) == []
    assert offered_formats(run) == ["litert", "onnx"]


def test_a_run_that_is_being_exported_can_be_discarded_and_restored(litert_only):
    run, settings = litert_only
    job = on_demand.request(run, named(["onnx"]), settings)
    wait_until(lambda: job.recorded().state is State.RUNNING)
    runs.discard(run, settings)
    wait_until(lambda: not at_work.processes(settings, "worker"))
    restored = runs.restore(run.id, settings)
    assert at_work.wait_until_ended(restored.export_job, settings).state is State.CANCELLED
    assert "litert" in offered_formats(restored)


def test_a_run_without_a_model_cannot_be_exported(settings, tiny, shapes_dataset):
    run = runs.create(tiny_config("quick"), shapes_dataset.dataset, runs.new_path(settings))
    with pytest.raises(BadInput, match="not finished"):
        on_demand.request(run, named(["onnx"]), settings)
    with pytest.raises(BadInput, match="no model files"):
        on_demand.request(runs.get(settings, runs.SAMPLE.name), named(["onnx"]), settings)
