"""A process becomes a client of a cluster, and is otherwise as before."""

import signal
import socket
from typing import Any

import pytest

from core.jobs import joining
from core.settings import Settings


def test_whoever_joins_ends_as_before_when_asked_to(head: Any, settings: Settings) -> None:
    import ray

    asked: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    try:
        joining.join(settings.model_copy(update={"ray_address": head.address}))
        signal.raise_signal(signal.SIGTERM)
        ray.shutdown()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert asked == [signal.SIGTERM]


def test_a_client_of_a_cluster_elsewhere_says_where_the_project_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ray's server for clients takes half a minute to say that it could not start, now and then.
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(ray, "init", lambda _address, **how: told.append(how))
    with socket.create_server(("127.0.0.1", 0)) as server:
        for scheme in ("ray://", ""):
            address = f"{scheme}127.0.0.1:{server.getsockname()[1]}"
            joining.join(settings.model_copy(update={"ray_address": address}))
    client, member = told
    assert client["runtime_env"]["env_vars"] == {"PYTHONPATH": str(joining.ROOT)}
    assert member["runtime_env"] is None
