"""What a server does before anybody visits it."""

from pathlib import Path

import pytest

from core.jobs import State, scheduling
from core.settings import Settings
from tests.api.conftest import LAUNCHER
from tests.browser.server import start
from tests.core.jobs import at_work
from tests.shapes import shapes_zip


def test_jobs_that_were_queued_before_a_restart_run_without_a_visitor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path / "home")
    with monkeypatch.context() as stopped:
        stopped.setattr(scheduling, "start_dispatcher", lambda *_: None)
        job = at_work.enqueue_intake(settings, "shapes", shapes_zip(tmp_path))
    with start(settings.home, app=LAUNCHER):
        at_work.wait_until(lambda: job.recorded().state is State.FINISHED)
