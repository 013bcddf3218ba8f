"""A process becomes a client of a cluster, and is otherwise as before."""

import resource
import signal
import socket
from typing import Any

import pytest

from core.distributed import connection
from core.settings import Settings


def test_joining_a_cluster_keeps_the_signal_handlers(ray_head: Any, settings: Settings) -> None:
    import ray

    signals: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: signals.append(number))
    try:
        connection.join(settings.model_copy(update={"ray_address": ray_head.address}))
        signal.raise_signal(signal.SIGTERM)
        ray.shutdown()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert signals == [signal.SIGTERM]


@pytest.mark.cluster
def test_a_client_of_a_remote_cluster_sends_the_path_of_the_project(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ray's server for clients takes half a minute to say that it could not start, now and then.
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    init_calls: list[dict[str, Any]] = []
    monkeypatch.setattr(ray, "init", lambda _address, **options: init_calls.append(options))
    with socket.create_server(("127.0.0.1", 0)) as server:
        for scheme in ("ray://", ""):
            address = f"{scheme}127.0.0.1:{server.getsockname()[1]}"
            connection.join(settings.model_copy(update={"ray_address": address}))
    client, member = init_calls
    assert client["runtime_env"]["env_vars"] == {"PYTHONPATH": str(connection.ROOT)}
    assert member["runtime_env"] is None


@pytest.mark.cluster
def test_a_memory_limit_is_raised_by_the_object_store(
    ray_head: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (10**9, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", lambda _what, both: set_to.append(both))
    connection.join(settings.model_copy(update={"ray_address": ray_head.address}))
    store = max(node["Resources"].get("object_store_memory", 0) for node in ray.nodes())
    ray.shutdown()
    assert store > 0
    assert set_to == [(10**9 + round(store), resource.RLIM_INFINITY)]
