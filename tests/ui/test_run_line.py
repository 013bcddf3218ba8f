"""The line under the name of a run."""

import time
from types import SimpleNamespace

import pytest

from ui import run_line

AT = 1_795_000_000
"""18 November 2026, 11:06:40 UTC."""


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("Asia/Tokyo", "18 Nov 2026, 20:06"), ("America/Los_Angeles", "18 Nov 2026, 03:06")],
)
def test_a_date_is_in_the_time_zone_of_the_browser(
    zone: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamlit.context", SimpleNamespace(timezone=zone))
    assert run_line.date(AT) == expected


@pytest.mark.parametrize("zone", [None, "", "../../etc/passwd", "Nowhere", "America", "a" * 300])
def test_a_date_without_a_known_time_zone_is_that_of_the_host(
    zone: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamlit.context", SimpleNamespace(timezone=zone))
    local = time.localtime(AT)
    assert run_line.date(AT) == f"{local.tm_mday} {time.strftime('%b %Y, %H:%M', local)}"
    assert not run_line.date(86_400 * 4).startswith("0")
