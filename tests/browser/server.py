"""Start the real app in a separate process, as `make run` does, and end it with its workers."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from core.jobs.queue import slot
from core.settings import Settings

ROOT = Path(__file__).parents[2]
PATIENCE = 120
"""Seconds until the server must answer."""


@dataclass(frozen=True)
class Server:
    """A running app."""

    url: str
    home: Path
    log: Path
    process: psutil.Process

    def memory(self) -> int:
        """Resident bytes of the web process, without its workers."""
        return self.process.memory_info().rss

    def settled_memory(self) -> int:
        """The same, once the imports that `server.py` does in the background have ended."""
        while self.process.cpu_percent(1) > 5:
            pass
        return self.memory()

    def workers(self) -> list[psutil.Process]:
        """Every process that the web process started and that still runs."""
        return self.process.children(recursive=True) if self.process.is_running() else []

    @contextmanager
    def jobs_wait(self) -> Iterator[None]:
        """Let jobs that are queued during the block wait until its end."""
        settings = Settings(home=self.home)
        with ExitStack() as slots:
            for _ in range(settings.jobs_at_once):
                slots.enter_context(slot(settings))
            yield

    def log_tail(self, lines: int = 40) -> str:
        """The end of the server's log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@contextmanager
def start(
    home: Path, *, app: Path = ROOT / "app.py", port: int = 0, **variables: str
) -> Iterator[Server]:
    """Run the app on this machine until the block ends.

    Args:
        home: its `TUSKER_HOME`.
        app: the script.
        port: that it answers on; 0 for any that is free.
        variables: more of its environment, such as `TUSKER_MODE="public"`.
    """
    home.mkdir(parents=True, exist_ok=True)
    log = home / "server.log"
    probe = socket.socket()  # holds the port, so that no other process is given it meanwhile
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", port))
    port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(app), "--server.headless=true"]
    command += ["--server.address=127.0.0.1", f"--server.port={port}"]
    command += ["--server.fileWatcherType=none"]
    environ = os.environ | {"TUSKER_MODE": "personal", **variables, "TUSKER_HOME": str(home)}
    with log.open("w") as output:
        process = psutil.Popen(
            command, cwd=app.parent, env=environ, stdout=output, stderr=subprocess.STDOUT
        )
    server = Server(f"http://127.0.0.1:{port}", home, log, process)
    try:
        _await_health(server, port)
        yield server
    finally:
        probe.close()
        # Workers outlive the app on purpose, and once it is gone nobody can tell whose they were.
        family = [*server.workers(), process]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        process.wait()


def _await_health(server: Server, port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not server.process.is_running() or server.process.poll() is not None:
            break
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/_stcore/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"The app did not answer on {server.url}. It said:\n{server.log_tail()}")
