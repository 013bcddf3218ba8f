"""Run the jobs of all visitors on a Ray cluster, each on a machine with free resources.

The dispatcher of a queue is the cluster's client. Each job is one Ray task. On its machine, the
task does what a dispatcher does on a single host: it runs the job in a worker process and records
how the job ended. Job folders are on storage that all machines share, so status, events, log and
cancellation work as on a single host.
"""

import logging
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.distributed import connection, cores, needs
from core.distributed.needs import Needs
from core.jobs import workers
from core.jobs.dispatcher import log_end
from core.jobs.events import Note
from core.jobs.folder import STATUS, JobFolder, State
from core.jobs.queue import Queue, job_of
from core.runs.run import Run
from core.settings import Settings
from core.system import log

logger = logging.getLogger(__name__)

NODE = "ray.io/node-id"
"""The label that Ray gives each node."""
POLL_SECONDS = 0.5
"""Seconds between two checks of the jobs."""
TRIES, PAUSE_SECONDS = 6, 5.0
"""How often to try to join a cluster that may be starting, and the pause after each attempt."""
ATTEMPTS = 4
"""How often a job is sent if its machine is lost each time."""
NOT_INSTALLED = (
    "This host sends its jobs to a Ray cluster, but Ray is not installed. "
    "The host can install requirements-ray.txt."
)
UNREACHABLE = (
    "The cluster that does this host's work cannot be reached. Try again later; "
    "the host can start it, or set {}."
)
LOST = "The machine that worked on it was lost. It begins again on another."
NO_HOME = (
    "It waits for a machine of the cluster that has the folder of the runs; {} has not. The host "
    "can put {} on storage that all machines share, under the same path."
)
NO_MACHINE = "It waits for a machine of the cluster: none is there that does jobs."


@dataclass
class _SentJob:
    """A job that was sent to the cluster.

    Attributes:
        task: None until the job is sent again.
        needs: what the job needs.
        request: what the task requests: `needs`, limited to what the machines have.
    """

    job: JobFolder
    task: Any | None = None
    needs: Needs | None = None
    request: Needs | None = None
    attempts: int = 1


class Cluster:
    """A client of the cluster that sends jobs to its machines and supervises them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._avoided: dict[str, str] = {}
        """Host names, by Ray's id, of nodes without the folder of the runs."""

    def drain(self, queue: Queue) -> None:
        """Send each job of the queue to the cluster at once, and return when all have ended.

        If the cluster is lost meanwhile, tickets and statuses stay as they are. The next process
        that reads a job's status starts another dispatcher, which sends the jobs again.
        """
        if problem := self._join():
            while tickets := queue.tickets():
                for ticket in tickets:
                    _give_up(ticket, problem)
                    ticket.unlink(missing_ok=True)
            return
        try:
            self._send_all(queue)
        except ConnectionError as error:
            log.event("cluster lost", error=type(error).__name__)
            logger.warning("the cluster was lost: %s", error)

    def _send_all(self, queue: Queue) -> None:
        sent: dict[Path, _SentJob] = {}
        while tickets := queue.tickets():
            for ticket in [ticket for ticket in sent if ticket not in tickets]:
                self._withdraw(sent.pop(ticket))
            for ticket in tickets:
                try:
                    begun = ticket in sent
                    ended = self._check(sent[ticket]) if begun else self._begin(ticket, sent)
                except ConnectionError:
                    raise
                except Exception:
                    # One job's failure must not end the others.
                    logger.exception("the job of ticket %s could not be run", ticket.name)
                    ended = _give_up(ticket, "The cluster could not run it. Try again later.")
                if ended:
                    sent.pop(ticket, None)
                    ticket.unlink(missing_ok=True)
            if sent:
                time.sleep(POLL_SECONDS)

    def _join(self) -> str:
        """Connect to the cluster, which may be starting. Returns the problem; empty if none."""
        for _ in range(TRIES):
            try:
                connection.join(self.settings)
                return ""
            except ImportError:
                return NOT_INSTALLED
            except Exception as error:  # Ray raises several classes if there is no cluster
                log.event("cluster out of reach", error=type(error).__name__)
                logger.exception("no cluster at %s", self.settings.ray_address)
                time.sleep(PAUSE_SECONDS)
        return UNREACHABLE.format(self.settings.variable("ray_address"))

    def _begin(self, ticket: Path, sent: dict[Path, _SentJob]) -> bool:
        """Send a job to the cluster. Returns whether it has already ended or was deleted."""
        job = job_of(ticket)
        if job is None or not job.exists:
            return True
        state = job.recorded().state
        if state.ended:
            return True
        sent[ticket] = _SentJob(job)
        if state is not State.RUNNING:  # a running job's task ended with its dispatcher
            self._send(sent[ticket])
        return False

    def _send(self, sent: _SentJob) -> None:
        import ray

        sent.needs = sent.needs or needs.of(sent.job)
        sent.request = request = needs.within(sent.needs, needs.machines(self._avoided))
        # If Ray repeated a task, the job's folder would not say so: hence no retries.
        task: Any = ray.remote(num_cpus=request.cores, num_gpus=request.gpus, max_retries=0)(_work)
        task = task.options(
            memory=request.memory,
            name=sent.job.spec().kind,
            label_selector=(
                {NODE: f"!in({','.join(sorted(self._avoided))})"} if self._avoided else {}
            ),
        )
        sent.task = task.remote(str(sent.job.path), self.settings, request.cores)

    def _adapt_request(self, sent: _SentJob) -> None:
        """Adapt the request of a queued task to the present machines."""
        if not sent.job.exists or sent.job.recorded().state is not State.QUEUED:
            return
        machines = needs.machines(self._avoided)
        if sent.needs and needs.within(sent.needs, machines) != sent.request:
            self._withdraw(sent)
            self._send(sent)
        reason = ""
        if not any(machine.get("CPU") for machine in machines):
            avoided = ", ".join(sorted(set(self._avoided.values())))
            home = self.settings.variable("home")
            reason = NO_HOME.format(avoided, home) if avoided else NO_MACHINE
        sent.job.set_waiting_reason(reason)

    def _check(self, sent: _SentJob) -> bool:
        """Check on a job. Returns whether the job has ended."""
        import ray

        if sent.task is not None:
            ready, _ = ray.wait([sent.task], timeout=0)
            if not ready:
                self._adapt_request(sent)
                return False
            try:
                without_folder = ray.get(sent.task)
            except ray.exceptions.RayTaskError:
                raise
            except ray.exceptions.OutOfMemoryError:
                return _end(sent.job, f"Memory ran out. {workers.SMALLER}")
            except ray.exceptions.RayError as error:
                log.event("machine lost", error=type(error).__name__, attempts=sent.attempts)
                logger.warning("a task was lost: %s", error)
            else:
                if without_folder and sent.job.exists:
                    node, name = without_folder
                    logger.warning("machine %s lacks the folder of the runs", name)
                    self._avoided[node] = name
                    self._send(sent)
                    return False
            sent.task = None
        if sent.job.worker_alive:
            return False  # cut off from the cluster, the worker may yet stop or even finish
        if not sent.job.exists or sent.job.recorded().state.ended:
            log_end(sent.job)
            return True
        return self._send_again(sent)

    def _send_again(self, sent: _SentJob) -> bool:
        """Send a job again that no worker runs. Returns whether the job has ended instead."""
        training, run = sent.job.recorded().kind == "train", Run(sent.job.path)
        # A complete run lacks only what follows its report; the report must not be put at risk.
        if sent.job.cancel_requested or (training and run.complete):
            workers.interrupt(sent.job, self.settings)
            log_end(sent.job)
            return True
        if sent.attempts == ATTEMPTS:
            return _end(
                sent.job,
                f"The machine that worked on it was lost {ATTEMPTS} times in a row, most likely "
                f"because memory ran out. {workers.SMALLER}",
            )
        with sent.job.try_lock() as free:
            if not free:
                return False
            workers.clean_up(sent.job, self.settings)
            if training:
                run.clear()  # the manifest would list what is left
            sent.job.reopen()
            sent.job.events.append(Note(sentence=LOST))
        sent.attempts += 1
        self._send(sent)
        return False

    def _withdraw(self, sent: _SentJob) -> None:
        """Cancel a task that is queued in the cluster; a running job reads its own status."""
        import ray

        if sent.task is not None:
            with suppress(ray.exceptions.RayError):
                ray.cancel(sent.task, force=False)


def _work(path: str, settings: Settings, count: int) -> tuple[str, str] | None:
    """Run a job on a machine of the cluster.

    Returns:
        Id in Ray and host name of the machine if it lacks the job's folder, else None.
    """
    import ray

    job, context = JobFolder(Path(path)), ray.get_runtime_context()
    try:
        (job.path / STATUS).stat()
    except OSError:  # the folder is missing, or the share hangs or is refused
        return context.get_node_id(), socket.gethostname()
    # The worker joins the node that it is on, also where the dispatcher is a remote client.
    settings = settings.model_copy(update={"ray_address": context.gcs_address})
    with cores.reserved(count):
        workers.run(job, settings)
    return None


def _give_up(ticket: Path, sentence: str) -> bool:
    """Interrupt a job that could not be sent; it can be resumed later."""
    job = job_of(ticket)
    return job is None or _end(job, sentence, State.INTERRUPTED)


def _end(job: JobFolder, sentence: str, state: State = State.FAILED) -> bool:
    """Record how a job ended, unless it has ended or was deleted. Returns True."""
    with suppress(FileNotFoundError):
        if job.exists and not job.recorded().state.ended:
            job.end(state, sentence)
    log_end(job)
    return True
