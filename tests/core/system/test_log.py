import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.intake import uploads
from core.jobs import scheduling
from core.settings import Settings
from core.system import log
from tests.shapes import shapes_zip


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the host reads."""
    logger, stream = logging.getLogger(log.LOG), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log.Lines())
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_what_happened_is_a_line_of_json(lines: io.StringIO) -> None:
    log.note("run published", run=log.short("0123456789abcdef"), kinds=2)
    said = json.loads(lines.getvalue())
    assert said.pop("at").endswith("Z")
    assert said == {"level": "info", "what": "run published", "run": "01234567", "kinds": 2}


def test_a_bug_is_logged_whole_on_one_line(lines: io.StringIO) -> None:
    try:
        raise ValueError("why")
    except ValueError as error:
        logging.getLogger(log.LOG).error("bug %s", "ab", exc_info=error)
    said = json.loads(lines.getvalue())
    assert said["what"] == "bug ab" and "ValueError: why" in said["trace"]


def test_it_is_begun_once_a_process() -> None:
    logger = logging.getLogger(log.LOG)
    before, level = list(logger.handlers), logger.level
    try:
        log.begin()
        log.begin()
        assert len(logger.handlers) <= len(before) + 1
    finally:
        logger.handlers[:] = before
        logger.setLevel(level)


def test_an_upload_leaves_neither_its_name_nor_its_whole_id_in_the_journal(
    settings: Settings, tmp_path: Path, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "start_dispatcher", lambda *_: None)
    content = shapes_zip(tmp_path, classes=2, per_class=4, size=32).read_bytes()
    upload = uploads.take_zip(io.BytesIO(content), "my secret pictures", settings)
    said = lines.getvalue()
    assert json.loads(said)["what"] == "job queued"
    assert "secret" not in said and upload.id not in said and upload.id[:8] in said
