"""Fixtures for `core`: the tiny backbone, trained runs, worker processes and a Ray cluster."""

import contextlib
import ctypes
import os
import shutil
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from core import backbones, runs
from core.backbones import Backbone
from core.runs import Run
from core.settings import Settings
from tests import shapes
from tests.core.jobs import at_work
from tests.core.jobs.at_work import wait_until
from tests.core.trainings import ImportedDataset, TrainedRun, import_dataset, tiny_config, train

PR_SET_CHILD_SUBREAPER = 36
DERIVED = shutil.ignore_patterns("*_relu.tflite")
"""Files that trainings write beside a backbone."""


@pytest.fixture
def tiny(tiny_home: Path, settings: Settings) -> Backbone:
    """The tiny backbone, prepared in the home of this test."""
    shutil.copytree(tiny_home, settings.home, ignore=DERIVED, dirs_exist_ok=True)
    return backbones.get("tiny")


@pytest.fixture(scope="session")
def shapes_dataset(shared: Callable[..., Any]) -> ImportedDataset:
    """Three classes of 14 pictures. Must not be changed."""
    return shared("shapes", partial(import_dataset, classes=3, per_class=14))


@pytest.fixture(scope="session")
def trainings(
    tiny_home: Path, shapes_dataset: ImportedDataset, shared: Callable[..., Any]
) -> Callable[[str], TrainedRun]:
    """`trainings("quick")`: a run of that preset, trained once. Must not be changed."""

    def train_once(preset: str) -> TrainedRun:
        def build(folder: Path) -> TrainedRun:
            home = Settings(home=folder / "home")
            shutil.copytree(tiny_home, home.home)
            path = folder / ("0123456789abcdef" * 2)
            return train(shapes_dataset, tiny_config(preset), path, home)

        return shared(f"training-{preset}", build)

    return cache(train_once)


@pytest.fixture
def trained_run(
    trainings: Callable[[str], TrainedRun], tiny: Backbone, settings: Settings
) -> Callable[..., TrainedRun]:
    """`trained_run("quick")`: a copy of such a run in this home, which may be changed."""

    def copy(preset: str = "quick") -> TrainedRun:
        original = trainings(preset)
        path = runs.new_path(settings)
        shutil.copytree(original.run.path, path)
        # Its exports have put files for bundles beside the backbone.
        prepared = original.settings.home / "backbones"
        shutil.copytree(prepared, settings.home / prepared.name, ignore=DERIVED, dirs_exist_ok=True)
        return TrainedRun(Run(path), original.pictures, settings, original.events)

    return copy


@pytest.fixture(scope="session")
def ray_head() -> Iterator[Any]:
    """A Ray cluster on this machine, whose head runs no jobs."""
    from ray import cluster_utils as ray

    # A dead node is detected after two seconds instead of twenty.
    health_checks = {
        "health_check_initial_delay_ms": 500,
        "health_check_period_ms": 500,
        "health_check_failure_threshold": 4,
    }
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": health_checks}
    cluster = ray.Cluster(initialize_head=True, head_node_args=head)
    yield cluster
    cluster.shutdown()


@pytest.fixture(autouse=True)
def remove_added_nodes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Remove the nodes that a test has added."""
    if "ray_head" not in request.fixturenames:
        yield
        return
    ray_head = request.getfixturevalue("ray_head")
    before = set(ray_head.worker_nodes)
    yield
    for node in set(ray_head.worker_nodes) - before:
        ray_head.remove_node(node)


@pytest.fixture
def nodes(ray_head: Any) -> list[Any]:
    """Two nodes with one core each."""
    return [ray_head.add_node(num_cpus=1) for _ in range(2)]


@pytest.fixture
def isolated_node(ray_head: Any) -> Iterator[Callable[[Path], None]]:
    """`isolated_node(folder)`: a node with one core that does not see the content of a folder."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("only root on Linux can hide a folder from a process")
    started: list[subprocess.Popen[bytes]] = []

    def living() -> int:
        return len(ray_head.global_state._live_node_ids())

    ray_head.wait_for_nodes()  # until the nodes of the last test are gone

    def start(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        before = living()
        ray = f"{sys.executable} -m ray.scripts.scripts start --address={ray_head.address}"
        hidden = f"mount -t tmpfs none '{folder}' && exec {ray} --num-cpus=1 --block"
        started.append(
            subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", hidden],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        wait_until(lambda: living() > before)

    yield start
    left = living() - len(started)
    for node in started:
        node.terminate()
        node.wait()
    wait_until(lambda: living() <= left)


@pytest.fixture
def job_settings(settings: Settings) -> Iterator[Settings]:
    """Settings whose dispatchers and workers are killed after the test."""
    with at_work.killing_processes(settings):
        yield settings


@pytest.fixture
def unresponsive_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A network whose answers never end: the time limit of a download is for silence."""
    over = threading.Event()

    class Trickle(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the client has gone
                self.request.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not over.wait(1):
                    self.request.sendall(b".")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Trickle) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        for name in ("https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, address)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        yield
        over.set()
        server.shutdown()


@pytest.fixture
def no_init_process() -> Iterator[None]:
    """As in a container without an init process: orphaned processes stay zombies."""
    if not sys.platform.startswith("linux"):
        yield
        return
    control = ctypes.CDLL(None).prctl
    control(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield
    control(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    for child in psutil.Process().children():
        if child.status() == psutil.STATUS_ZOMBIE:
            child.wait()


@pytest.fixture
def small_zip(tmp_path: Path) -> Path:
    """Eight pictures of two classes."""
    return shapes.shapes_zip(tmp_path, classes=2, per_class=4, size=32)


@pytest.fixture(scope="session")
def photos(photos: Path) -> list[Path]:
    """Photographs whose file names contain their ImageNet class."""
    return sorted(photos.glob("n*_*.jpg"))


@pytest.fixture(scope="session")
def scene() -> np.ndarray:
    """A picture with edges and colour, (h, w, 3) uint8."""
    y, x = np.mgrid[0:320, 0:400] / 320
    wave = np.stack([np.sin(9 * x + 4 * y), np.cos(5 * x * y), np.sin(14 * y)], axis=-1)
    disc = ((x - 0.6) ** 2 + (y - 0.5) ** 2 < 0.08)[..., None]
    return np.uint8(np.clip(127 + 90 * wave + disc * np.array([60, -40, 20]), 0, 255))
