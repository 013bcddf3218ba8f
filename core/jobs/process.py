"""Run a worker in a process of its own, stay with it, and say how it ended if it cannot."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.jobs.folder import JobFolder, State, Status
from core.settings import Settings
from core.system import files

if TYPE_CHECKING:
    import psutil

ROOT = Path(__file__).resolve().parents[2]
WORKER = "core.pipeline.worker"
KILL = 9
"""SIGKILL, which Windows does not name."""
POLL_SECONDS = 0.1
GRACE_SECONDS = 3.0
"""How long a worker may take to stop by itself after a cancel."""
NICENESS = 10
"""By how much a worker stands back for the web process where both want the same core."""
KILL_SECONDS = 60.0
"""How long the system may take to end a worker that was killed."""
PASSED_ON = {
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV",
    "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "SYSTEMROOT", "USERPROFILE",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "CUDA_VISIBLE_DEVICES",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
}  # fmt: skip
"""Variables that a worker gets besides the settings: no secret of the host is among them."""
OUT_OF_MEMORY = ("bad_alloc", "memory allocation", "cannot allocate memory", "failed to map")
"""What such libraries say then, in lower case."""
SECRET = {"api_token"}
"""Settings that no worker gets: it has no use for them."""
INTERRUPTED = "It was interrupted: the machine or the worker stopped."
KILLED = (
    "It was interrupted: the worker was killed, most likely because memory ran out. Should that "
    "happen again, try a smaller batch, fewer views or a smaller backbone."
)
CANCELLED = "It was cancelled."
SMALLER = "Try a smaller batch, fewer views or a smaller backbone."


def worker_environment(settings: Settings) -> dict[str, str]:
    """What a worker may know of the host's environment."""
    kept = {name: value for name, value in os.environ.items() if name in PASSED_ON}
    return kept | {
        **{settings.variable(name): str(value) for name, value in settings if name not in SECRET},
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONUNBUFFERED": "1",
    }


def dispatcher_environment(settings: Settings) -> dict[str, str]:
    """What a dispatcher may know of it: besides, how to be let into the cluster."""
    cluster = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
    return worker_environment(settings) | (cluster if settings.runner == "ray" else {})


def run(folder: JobFolder, settings: Settings) -> None:
    """Start a worker on a job and stay until it has ended."""
    import psutil

    # Another attempt at the same job may be at work on another machine, and yet has to notice.
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
        # Whoever waits at a page sees each tenth of a second; who trains sees minutes.
        with suppress(psutil.Error):
            worker.nice(min(19, worker.nice() + NICENESS))
    _stay(folder, worker, settings, settings.job_minutes * 60, scratch)


def supervise(folder: JobFolder, settings: Settings) -> None:
    """Stay with a worker whose dispatcher died, until it has ended; do nothing if there is none."""
    while folder.worker_lives:
        worker = _worker_of(folder)
        if worker is not None:
            so_far = folder.recorded().seconds or 0.0
            left = settings.job_minutes * 60 - so_far
            _stay(folder, worker, settings, left, _scratch(folder, settings))
        time.sleep(POLL_SECONDS)


def interrupt(folder: JobFolder, settings: Settings) -> Status:
    """Record that nobody works on a job any more, unless somebody does or it has ended."""
    with folder.unattended() as free:
        recorded = folder.recorded()
        if free and not recorded.state.ended:
            at = folder.last_sign
            clear(folder, settings)
            cancelled = folder.cancel_requested
            how = (State.CANCELLED, CANCELLED) if cancelled else (State.INTERRUPTED, INTERRUPTED)
            try:
                return folder.end(*how, at=at)
            except OSError:  # a full disk: whoever looks next says so again
                return folder.ended(*how, at=at)
    return folder.recorded()


def _worker_of(folder: JobFolder) -> psutil.Process | None:
    import psutil

    wanted = [WORKER, str(folder.path)]
    found = psutil.process_iter(["cmdline"])
    return next(
        (process for process in found if (process.info["cmdline"] or [])[-2:] == wanted), None
    )


def _stay(
    folder: JobFolder,
    worker: psutil.Process,
    settings: Settings,
    seconds_left: float,
    scratch: Path,
) -> None:
    import psutil

    deadline = time.monotonic() + seconds_left
    overdue, asked = False, folder.recorded().queued_at
    while True:
        try:
            code = _wait(worker, POLL_SECONDS)
            break
        except psutil.TimeoutExpired:
            overdue = time.monotonic() > deadline
        # A folder that somebody deleted is a job that nobody wants.
        if overdue or folder.cancel_requested or not folder.exists:
            code = _stop(worker)
            break
    shutil.rmtree(scratch, ignore_errors=True)
    with suppress(OSError):  # somebody else's are in there, or it is gone already
        _scratch(folder, settings).rmdir()
    if code != 0:
        clear(folder, settings, worker.pid)
    with suppress(FileNotFoundError), folder.unattended(within=1.0) as free:
        # If somebody is still at work, that was a second worker, which found nothing to do. And
        # whoever saw it end may have ordered it anew by now.
        if free and folder.recorded().queued_at == asked:
            _say_how_it_ended(folder, code, overdue, settings)


def _stop(worker: psutil.Process) -> int | None:
    import psutil

    with suppress(psutil.NoSuchProcess):
        worker.terminate()
    try:
        return _wait(worker, GRACE_SECONDS)
    except psutil.TimeoutExpired:
        worker.kill()
        return _wait(worker, KILL_SECONDS)


def _wait(worker: psutil.Process, seconds: float) -> int | None:
    """The exit code of a process that ends in time; None where it is not ours to know.

    Raises:
        psutil.TimeoutExpired: it has not ended.
    """
    import psutil

    deadline = time.monotonic() + seconds
    while True:
        try:
            return worker.wait(POLL_SECONDS)
        except psutil.TimeoutExpired:
            if _is_left_dead(worker):
                return None
            if time.monotonic() > deadline:
                raise


def _is_left_dead(worker: psutil.Process) -> bool:
    """Whether a process has ended but nobody reaps it, as in a container without an init.

    One of our own is no such case: it is ours to reap, once its last thread is gone.
    """
    import psutil

    try:
        return worker.status() == psutil.STATUS_ZOMBIE and worker.ppid() != os.getpid()
    except psutil.NoSuchProcess:
        return False


def _say_how_it_ended(
    folder: JobFolder, code: int | None, overdue: bool, settings: Settings
) -> None:
    recorded, state = folder.recorded().state, State.FAILED
    if overdue and recorded is not State.FINISHED:
        sentence = (
            f"It took longer than the {settings.job_minutes:g} minutes that this host allows. "
            f"The host can raise {settings.variable('job_minutes')}."
        )
    elif recorded.ended:
        return
    elif folder.cancel_requested:
        folder.end(State.CANCELLED, CANCELLED)
        return
    elif code in (-signal.SIGTERM, 128 + signal.SIGTERM, None):
        folder.end(State.INTERRUPTED, INTERRUPTED)
        return
    elif code == -KILL:
        state, sentence = State.INTERRUPTED, KILLED
    elif settings.worker_bytes and _starved(folder, code):
        sentence = (
            "The worker gave up, most likely because it needed more memory than the "
            f"{settings.worker_megabytes:,} MB of address space that this host allows. Try a "
            "smaller batch, fewer views or a smaller backbone; the host can raise "
            f"{settings.variable('worker_megabytes')}."
        )
    else:
        sentence = f"The worker ended with code {code} before it was done. The log may say why."
    with suppress(OSError), folder.log_path.open("a", encoding="utf-8") as log:
        log.write(f"{sentence}\n")
    folder.end(state, sentence)


def _starved(folder: JobFolder, code: int | None) -> bool:
    """Whether a worker ended as libraries in C do that are given no memory."""
    said = folder.log_tail(5).lower()
    return code == -signal.SIGABRT or any(word in said for word in OUT_OF_MEMORY)


def _scratch(folder: JobFolder, settings: Settings) -> Path:
    """Where its workers' temporary files go, so that they can be found when one was killed."""
    return settings.home.resolve() / "scratch" / folder.path.name


def clear(folder: JobFolder, settings: Settings, pid: int | None = None) -> None:
    """Remove what a worker that was stopped left half-written.

    Args:
        pid: of that worker, on this machine; None where nobody is at work on the job any more.
    """
    # Others may be preparing the same backbone, in the folder that is also this job's.
    with suppress(FileNotFoundError):
        if folder.recorded().kind != "prepare":
            folder.clear()
    if pid is None:
        shutil.rmtree(_scratch(folder, settings), ignore_errors=True)
    else:
        for shared in (settings.home / "weights", *settings.home.glob("backbones/*")):
            files.remove_temporary(shared, pid)
