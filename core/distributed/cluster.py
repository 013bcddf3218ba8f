"""Run the jobs of all visitors on a Ray cluster, each on a machine with free resources.

The dispatcher of a lane is the cluster's client. Each job is one Ray task, which does on a machine
of the cluster what a dispatcher does here: it starts a worker in a process of its own, stays with
it, and says in the job's folder how it ended. The folders are on storage that all machines share,
so status, events, log and a request to stop need no other way.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.distributed import connection, cores, needs
from core.distributed.machines import Machines, UnreachableNode
from core.distributed.needs import Needs
from core.jobs import workers
from core.jobs.dispatcher import log_end
from core.jobs.events import Note
from core.jobs.folder import STATUS, JobFolder, State
from core.jobs.queue import Queue, job_of
from core.settings import Settings
from core.system import log

if TYPE_CHECKING:
    import ray

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.2
FIT_SECONDS = 2.0
"""Interval at which a queued job is checked against the machines that are left."""
JOIN_SECONDS = 30.0
"""How long the cluster may take to start."""
NOT_INSTALLED = (
    "This host sends its jobs to a Ray cluster, but Ray is not installed. "
    "The host can install requirements-ray.txt."
)
ATTEMPTS = 4
"""How often a job is started if its machine is lost each time."""
LOST = "The machine that worked on it was lost. It begins again on another."
NO_HOME = (
    "It waits for a machine of the cluster that has the folder of the runs; {} has not. The host "
    "can put {} on storage that all machines share, under the same path."
)
NO_MACHINE = "It waits for a machine of the cluster: none is there that does jobs."


@dataclass
class _Sent:
    """A job that was handed to the cluster.

    Attributes:
        task: None while it waits to be sent again.
        needs: what it would ask for; `asked` is what the task asks of the machines there are.
        looked_at: when it was last seen whether one can grant that, on the monotonic clock.
    """

    job: JobFolder
    task: ray.ObjectRef | None = None
    needs: Needs | None = None
    asked: Needs | None = None
    attempts: int = 1
    looked_at: float = 0.0


class Cluster:
    """A client of the cluster that sends jobs to its machines and looks after them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._machines = Machines()

    def drain(self, lane: Queue) -> None:
        """Send each job of the queue off at once, and stay until all have ended.

        Where the cluster is lost meanwhile, tickets and statuses stay as they are: whoever looks at
        a job has another dispatcher begin, which sends them again.
        """
        problem = self._join()
        try:
            self._send_all(lane, problem)
        except ConnectionError as error:
            log.event("cluster lost", error=type(error).__name__)
            logger.warning("the cluster was lost: %s", error)

    def _send_all(self, lane: Queue, problem: str) -> None:
        sent: dict[Path, _Sent] = {}
        while tickets := lane.tickets():
            for ticket in [ticket for ticket in sent if ticket not in tickets]:
                self._withdraw(sent.pop(ticket))
            for ticket in tickets:
                try:
                    if problem:
                        done = _give_up(ticket, problem)
                    elif ticket not in sent:
                        done = self._begin(ticket, sent)
                    else:
                        done = self._look_after(sent[ticket])
                except ConnectionError:
                    raise
                except Exception:
                    # The jobs beside it must not end because of one.
                    logger.exception("the job of ticket %s could not be run", ticket.name)
                    done = _give_up(ticket, "The cluster could not run it. Try again later.")
                if done:
                    sent.pop(ticket, None)
                    ticket.unlink(missing_ok=True)
            self._pause(sent)

    def _join(self) -> str:
        """Connect to the cluster, which may just be starting. Returns why that cannot be, or ""."""
        deadline = time.monotonic() + JOIN_SECONDS
        while problem := self._try_to_join():
            if time.monotonic() > deadline or problem == NOT_INSTALLED:
                return problem
            time.sleep(JOIN_SECONDS / 10)
        return ""

    def _try_to_join(self) -> str:
        try:
            connection.join(self.settings)
        except ImportError:
            return NOT_INSTALLED
        except Exception as error:  # Ray has no word of its own for each way not to be there
            log.event("cluster out of reach", error=type(error).__name__)
            logger.exception("no cluster at %s", self.settings.ray_address)
            return (
                "The cluster that does this host's work cannot be reached. Try again later; "
                f"the host can start it, or set "
                f"{self.settings.variable('ray_address')}."
            )
        return ""

    def _begin(self, ticket: Path, sent: dict[Path, _Sent]) -> bool:
        """Send a job off, if there is something to do. Returns whether there is not."""
        job = job_of(ticket)
        if job is None or not job.exists:
            return True
        state = job.recorded().state
        if state.ended:
            return True
        if state is State.RUNNING:  # its dispatcher is gone, and with that its task
            sent[ticket] = _Sent(job)
            return False
        sent[ticket] = one = _Sent(job)
        self._send(one)
        return False

    def _send(self, one: _Sent) -> None:
        import ray

        one.needs = one.needs or needs.of(one.job)
        one.asked = asked = needs.within(one.needs, self._machines.able())
        # A task that Ray itself tried again would not say so in the job's folder.
        task: Any = ray.remote(num_cpus=asked.cores, num_gpus=asked.gpus, max_retries=0)(_work)
        task = task.options(
            memory=asked.memory,
            name=f"{one.job.order().kind}",
            label_selector=self._machines.selector,
        )
        one.task = task.remote(str(one.job.path), self.settings, asked.cores)
        one.looked_at = time.monotonic()

    def _fit(self, one: _Sent) -> None:
        """Have a job that waits ask for what the machines have that are there now."""
        if time.monotonic() - one.looked_at < FIT_SECONDS:
            return
        one.looked_at = time.monotonic()
        if not one.job.exists or one.job.recorded().state is not State.QUEUED:
            return
        if one.needs and needs.within(one.needs, self._machines.able()) != one.asked:
            self._withdraw(one)
            self._send(one)
        one.job.set_waiting_reason("" if self._machines.any_able() else self._why_none())

    def _look_after(self, one: _Sent) -> bool:
        """See what has become of a job. Returns whether it has ended."""
        import ray

        if one.task is not None:
            ready, _ = ray.wait([one.task], timeout=0)
            if not ready:
                self._fit(one)
                return False
            try:
                unreachable = ray.get(one.task)
            except ray.exceptions.RayTaskError:
                raise
            except ray.exceptions.OutOfMemoryError:
                return _end(one.job, f"Memory ran out. {workers.SMALLER}")
            except ray.exceptions.RayError as error:
                log.event("machine lost", error=type(error).__name__, attempts=one.attempts)
                logger.warning("a task was lost: %s", error)
            else:
                if unreachable and one.job.exists:
                    logger.warning("machine %s lacks the folder of the runs", unreachable.name)
                    self._machines.avoid(unreachable)
                    self._send(one)
                    return False
            one.task = None
        if one.job.worker_alive:
            return False  # cut off from the cluster, it may yet stop, or even be done
        if not one.job.exists or one.job.recorded().state.ended:
            log_end(one.job)
            return True
        return self._again(one)

    def _why_none(self) -> str:
        """Why no machine can run a job."""
        return (
            NO_HOME.format(self._machines.avoided, self.settings.variable("home"))
            if self._machines.avoided
            else NO_MACHINE
        )

    def _again(self, one: _Sent) -> bool:
        """Send a job off once more that nobody works on. Returns whether it has ended."""
        if one.job.cancel_requested or _has_its_report(one.job):
            workers.interrupt(one.job, self.settings)
            log_end(one.job)
            return True
        if one.attempts == ATTEMPTS:
            return _end(
                one.job,
                f"The machine that worked on it was lost {ATTEMPTS} times in a row, most likely "
                f"because memory ran out. {workers.SMALLER}",
            )
        with one.job.try_lock() as free:
            if not free:
                return False
            workers.clean_up(one.job, self.settings)
            if one.job.recorded().kind == "train":
                from core.runs.run import Run

                Run(one.job.path).clear()  # its manifest would list what is left
            one.job.reopen()
            one.job.events.append(Note(sentence=LOST))
        one.attempts += 1
        self._send(one)
        return False

    def _withdraw(self, one: _Sent) -> None:
        """Cancel a task that is queued in the cluster; a running job reads its own status."""
        import ray

        if one.task is not None:
            with suppress(ray.exceptions.RayError):
                ray.cancel(one.task, force=False)

    def _pause(self, sent: dict[Path, _Sent]) -> None:
        tasks = [one.task for one in sent.values() if one.task is not None]
        if tasks:
            import ray

            ray.wait(tasks, timeout=POLL_SECONDS)
        elif sent:
            time.sleep(POLL_SECONDS)


def _work(path: str, settings: Settings, count: int) -> UnreachableNode | None:
    """Do a job on a machine of the cluster, or say which it is if the job's folder is not there."""
    job = JobFolder(Path(path))
    try:
        (job.path / STATUS).stat()
    except OSError:  # it is not there, or the share hangs or is refused
        return UnreachableNode.here()
    with cores.reserved(count):
        workers.run(job, settings)
    return None


def _has_its_report(job: JobFolder) -> bool:
    """Whether only the files to take away are missing, for which no report is to be risked."""
    from core.runs.run import Run

    return job.recorded().kind == "train" and Run(job.path).complete


def _give_up(ticket: Path, sentence: str) -> bool:
    """Interrupt a job that could not be sent off; it can go on later."""
    job = job_of(ticket)
    return job is None or _end(job, sentence, State.INTERRUPTED)


def _end(job: JobFolder, sentence: str, state: State = State.FAILED) -> bool:
    """Record that a job has ended so, unless it has ended or is gone."""
    with suppress(FileNotFoundError):
        if job.exists and not job.recorded().state.ended:
            job.end(state, sentence)
    log_end(job)
    return True
