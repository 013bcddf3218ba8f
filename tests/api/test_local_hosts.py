import pytest

from api.local_hosts import is_local
from tests.api.client import Client


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost:8501", True),
        ("LOCALHOST", True),
        ("127.0.0.1:8501", True),
        ("192.168.1.7", True),
        ("[::1]:8501", True),
        ("tusker.localhost:8501", True),
        ("evil.example:8501", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_a_name_that_somebody_else_controls_is_not_local(host: str, local: bool) -> None:
    assert is_local(host) == local


@pytest.mark.parametrize("path", ["/", "/api/models", "/_stcore/health"])
def test_a_personal_server_refuses_a_foreign_name(path: str, client: Client) -> None:
    refusal = client.request(path, Host="evil.example:8501")
    assert refusal.status == 421
    assert not path.startswith("/api/") or "personal" in refusal.error
    assert client.request(path).status == 200
