"""Run a job in a worker process, supervise the process, and record how it ended."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from core.jobs.folder import JobFolder, Kind, State, Status
from core.jobs.queue import Queue
from core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
WORKER = "core.pipeline.worker"
SIGKILL = 9  # not in `signal` on Windows
POLL_SECONDS = 0.1
GRACE_SECONDS = 3.0
"""How long a worker may take to stop before it is killed."""
KILL_SECONDS = 60.0
"""How long the system may take to end a killed process."""
NICENESS = 10
"""Niceness of worker processes: the web process, where people wait, goes first."""
LOWEST_PRIORITY = 19
"""Niceness of a worker that gave way to the next job."""
ENVIRONMENT = {
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV",
    "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "SYSTEMROOT", "USERPROFILE",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "CUDA_VISIBLE_DEVICES",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
}  # fmt: skip
"""Variables that a worker inherits besides the settings. No secret of the host is among them."""
SECRET_SETTINGS = {"api_token"}
"""Settings that no worker gets."""
OUT_OF_MEMORY = ("bad_alloc", "memory allocation", "cannot allocate memory", "failed to map")
"""What C libraries print when they get no memory, in lower case."""
SMALLER = "Try a smaller batch, fewer views or a smaller backbone."
INTERRUPTED = "It was interrupted: the machine or the worker stopped."
KILLED = (
    "It was interrupted: the worker was killed, most likely because memory ran out. If that "
    f"happens again: {SMALLER[0].lower()}{SMALLER[1:]}"
)
CANCELLED = "Cancelled."


def worker_environment(settings: Settings) -> dict[str, str]:
    """The environment of a worker: the settings, and a few variables of the host."""
    shared = {name: value for name, value in settings if name not in SECRET_SETTINGS}
    return {
        **{name: value for name, value in os.environ.items() if name in ENVIRONMENT},
        **{settings.variable(name): str(value) for name, value in shared.items()},
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONUNBUFFERED": "1",
    }


def dispatcher_environment(settings: Settings) -> dict[str, str]:
    """The environment of a dispatcher: a worker's, and the credentials of the Ray cluster."""
    ray = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
    return worker_environment(settings) | (ray if settings.runner == "ray" else {})


def must_wait(kind: Kind, settings: Settings) -> bool:
    """Whether a job of this kind has to wait: exports do while trainings are queued or running."""
    return kind == "export" and bool(Queue("train", settings).tickets())


def give_way(folder: JobFolder, settings: Settings) -> None:
    """Give up the place in the queue to the next job, and lower the priority of this process.

    A job outside the queue goes on as it is. So does one on a cluster, which has its own queue.
    """
    if not folder.exists or settings.runner != "local":
        return
    queue = Queue(folder.recorded().kind, settings)
    ticket = queue.ticket_of(folder)
    if ticket is None:
        return
    if sys.platform == "linux":  # niceness is a thread's there; new threads and processes inherit
        for thread in psutil.Process().threads():
            with suppress(OSError):  # the thread has just ended
                os.setpriority(os.PRIO_PROCESS, thread.id, LOWEST_PRIORITY)
    elif os.name == "posix":
        os.nice(LOWEST_PRIORITY)
    queue.step_aside(ticket)
    with suppress(OSError):  # on a full disk the next job starts all the same
        folder.give_way()


def run(folder: JobFolder, settings: Settings) -> None:
    """Start a worker on a job and wait until it has ended."""
    # Per attempt: a second one on another machine must not remove the files of the first.
    scratch = _scratch(folder, settings) / secrets.token_hex(4)
    scratch.mkdir(parents=True)
    with folder.log_path.open("ab") as log:
        worker = psutil.Popen(
            [sys.executable, "-m", WORKER, str(folder.path)],
            cwd=ROOT,
            env=worker_environment(settings) | {"TMPDIR": str(scratch)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    if os.name == "posix":
        with suppress(psutil.Error):
            worker.nice(min(LOWEST_PRIORITY, worker.nice() + NICENESS))
    _watch(folder, worker, settings, settings.job_minutes * 60, scratch)


def supervise(folder: JobFolder, settings: Settings) -> None:
    """Wait for a worker whose dispatcher was killed; return at once if there is none."""
    while folder.worker_alive:
        worker = _worker_of(folder)
        if worker is not None:
            seconds_left = settings.job_minutes * 60 - (folder.recorded().seconds or 0.0)
            _watch(folder, worker, settings, seconds_left, _scratch(folder, settings))
        time.sleep(POLL_SECONDS)


def interrupt(folder: JobFolder, settings: Settings) -> Status:
    """Record that a job was interrupted, unless a worker is running or the job has ended."""
    with folder.try_lock() as locked:
        recorded = folder.recorded()
        if locked and not recorded.state.ended:
            at = folder.last_activity
            clean_up(folder, settings)
            state, sentence = State.INTERRUPTED, INTERRUPTED
            if folder.cancel_requested:
                state, sentence = State.CANCELLED, CANCELLED
            try:
                return folder.end(state, sentence, at=at)
            except OSError:  # the disk is full: the next reader tries again
                ended = {"state": state, "sentence": sentence, "ended_at": at}
                return recorded.model_copy(update=ended)
    return folder.recorded()


def clean_up(folder: JobFolder, settings: Settings) -> None:
    """Remove what a stopped worker left half-written; no worker is left on any machine."""
    _clear(folder)
    shutil.rmtree(_scratch(folder, settings), ignore_errors=True)


def explain_exit(code: int | None, log: str, settings: Settings) -> tuple[State, str]:
    """The state and the message for a worker that recorded no end.

    Args:
        code: exit code, negative for a signal; None if unknown.
        log: the last lines of its output.
    """
    if code in (-signal.SIGTERM, 128 + signal.SIGTERM, None):
        return State.INTERRUPTED, INTERRUPTED
    if code == -SIGKILL:
        return State.INTERRUPTED, KILLED
    no_memory = code == -signal.SIGABRT or any(text in log.lower() for text in OUT_OF_MEMORY)
    if settings.worker_bytes and no_memory:
        return State.FAILED, (
            "The worker stopped, most likely because it needed more memory than the "
            f"{settings.worker_megabytes:,} MB of address space that this host allows. {SMALLER} "
            f"The host can raise {settings.variable('worker_megabytes')}."
        )
    return (
        State.FAILED,
        f"The worker stopped with code {code} before the job was done. See the log.",
    )


def _watch(
    folder: JobFolder, worker: psutil.Process, settings: Settings, seconds: float, scratch: Path
) -> None:
    """Wait for a worker, stop it if it must, clean up after it and record how it ended."""
    deadline = time.monotonic() + seconds
    overdue, preempted, recorded = False, False, folder.recorded()
    while True:
        try:
            code = _wait(worker, POLL_SECONDS)
            break
        except psutil.TimeoutExpired:
            overdue = time.monotonic() > deadline
            preempted = must_wait(recorded.kind, settings)
        if overdue or preempted or folder.cancel_requested or not folder.exists:
            code = _stop(worker)
            break
    shutil.rmtree(scratch, ignore_errors=True)
    with suppress(OSError):  # another attempt still uses the folder, or it is gone
        _scratch(folder, settings).rmdir()
    with suppress(FileNotFoundError), folder.try_lock(timeout=1.0) as locked:
        # Without the lock another worker does the job, and this one did nothing. With another
        # time the job was queued again meanwhile.
        if locked and folder.recorded().queued_at == recorded.queued_at:
            if code != 0:
                _clear(folder)
            if preempted and not (folder.recorded().state.ended or folder.cancel_requested):
                folder.reopen()
            else:
                _record_end(folder, code, overdue, settings)


def _clear(folder: JobFolder) -> None:
    # The folder of a preparation is the backbone's, and other processes may be writing to it.
    with suppress(FileNotFoundError):
        if folder.recorded().kind != "prepare":
            folder.clear()


def _record_end(folder: JobFolder, code: int | None, overdue: bool, settings: Settings) -> None:
    recorded = folder.recorded().state
    if overdue and recorded is not State.FINISHED:
        state = State.FAILED
        sentence = (
            f"It took longer than the {settings.job_minutes:g} minutes that this host allows. "
            f"The host can raise {settings.variable('job_minutes')}."
        )
    elif recorded.ended:
        return
    elif folder.cancel_requested:
        state, sentence = State.CANCELLED, CANCELLED
    else:
        state, sentence = explain_exit(code, folder.log_tail(5), settings)
    with suppress(OSError), folder.log_path.open("a", encoding="utf-8") as log:
        log.write(f"{sentence}\n")
    folder.end(state, sentence)


def _stop(worker: psutil.Process) -> int | None:
    with suppress(psutil.NoSuchProcess):
        worker.terminate()
    try:
        return _wait(worker, GRACE_SECONDS)
    except psutil.TimeoutExpired:
        worker.kill()
        return _wait(worker, KILL_SECONDS)


def _wait(worker: psutil.Process, seconds: float) -> int | None:
    """The exit code of a process; None if it is not a child of this one.

    Raises:
        psutil.TimeoutExpired: the process has not ended in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return worker.wait(POLL_SECONDS)
        except psutil.TimeoutExpired:
            if _is_orphaned_zombie(worker):
                return None
            if time.monotonic() > deadline:
                raise


def _is_orphaned_zombie(worker: psutil.Process) -> bool:
    """Whether a process has ended and nobody reaps it, as in a container without an init.

    A child of this process is reaped by `wait`, once its last thread has ended.
    """
    try:
        return worker.status() == psutil.STATUS_ZOMBIE and worker.ppid() != os.getpid()
    except psutil.NoSuchProcess:
        return False


def _worker_of(folder: JobFolder) -> psutil.Process | None:
    arguments = [WORKER, str(folder.path)]
    processes = psutil.process_iter(["cmdline"])
    return next((p for p in processes if (p.info["cmdline"] or [])[-2:] == arguments), None)


def _scratch(folder: JobFolder, settings: Settings) -> Path:
    """The folder for the temporary files of all workers of a job."""
    return settings.home.resolve() / "scratch" / folder.path.name
