"""Files that are whole or not there."""

import hashlib
import os
import socket
import threading
from pathlib import Path

import pytest

from core.system import files


def test_a_reader_meets_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    contents = {b"a" * 300_000, b"b" * 200_000}
    files.write_bytes(path, b"a" * 300_000)
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            for content in contents:
                files.write_bytes(path, content)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        met = {path.read_bytes() for _ in range(200)}
    finally:
        over.set()
        writer.join()
    assert met <= contents
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.replacing(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_cancel_between_the_lines_leaves_nothing_either(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), files.replacing(tmp_path / "new") as temporary:
        temporary.touch()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_the_temporary_file_is_hidden_and_keeps_its_suffix(tmp_path: Path) -> None:
    with files.replacing(tmp_path / "model.tflite") as temporary:
        assert temporary.name.startswith(".")
        assert temporary.suffix == ".tflite"
        temporary.touch()


def test_text_is_written_as_utf_8(tmp_path: Path) -> None:
    files.write_text(tmp_path / "labels.txt", "Käse\n雪\n")
    assert (tmp_path / "labels.txt").read_bytes() == "Käse\n雪\n".encode()


def test_the_hash_of_a_large_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    content = os.urandom(2 * files.CHUNK + 17)
    (tmp_path / "large").write_bytes(content)
    assert files.sha256(tmp_path / "large") == hashlib.sha256(content).hexdigest()


def test_only_what_a_process_of_this_machine_called_its_own_is_forgotten_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = socket.gethostname
    monkeypatch.setattr(socket, "gethostname", lambda: "an-other")
    elsewhere = tmp_path / f"{files.own('.prepare-', pid=123)}abc"
    monkeypatch.setattr(socket, "gethostname", here)
    theirs = [
        elsewhere,
        tmp_path / f"{files.own('.prepare-', pid=12)}abc",
        tmp_path / f"{files.own('.prepare-', pid=1234)}abc",
        tmp_path / f"{files.own('.prepare-')}123-",
        tmp_path / "serving.tflite",
    ]
    (tmp_path / f"{files.own('.prepare-', pid=123)}abc").mkdir()
    (tmp_path / f"{files.own('.download-', pid=123)}abc").touch()
    for path in theirs:
        path.touch()
    files.forget(tmp_path, pid=123)
    assert sorted(tmp_path.iterdir()) == sorted(theirs)
    files.forget(tmp_path / "nowhere", pid=123)
