"""A process becomes a client of a cluster, wherever that is."""

import socket
from collections.abc import Iterator

import pytest

from core.jobs import joining, needs
from core.jobs.needs import Needs
from core.settings import Settings
from tests.core.jobs import at_work


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Address of a cluster that is reached by its server for clients."""
    ray = pytest.importorskip(
        "ray.cluster_utils", reason="Ray is not installed: pip install -r requirements-ray.txt"
    )
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    head = {"num_cpus": 1, "include_dashboard": False, "ray_client_server_port": port}
    cluster = ray.Cluster(initialize_head=True, head_node_args=head)
    at_work.until(lambda: _listens(port))
    yield f"ray://127.0.0.1:{port}"
    cluster.shutdown()


def test_a_client_of_a_cluster_elsewhere_finds_the_project_there(
    elsewhere: str, settings: Settings
) -> None:
    import ray

    joining.join(settings.model_copy(update={"runner": "ray", "ray_address": elsewhere}))
    try:
        asked = ray.remote(needs.within).remote(Needs(8, 10), [{"CPU": 2, "memory": 5}])
        assert ray.get(asked, timeout=60) == Needs(2, 5)
    finally:
        ray.shutdown()


def _listens(port: int) -> bool:
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0
