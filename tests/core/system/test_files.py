import threading
from pathlib import Path

import pytest

from core.system import files


def test_a_reader_sees_the_old_content_or_the_new_content(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    contents = {b"a" * 300_000, b"b" * 200_000}
    files.write_bytes(path, b"a" * 300_000)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for content in contents:
                files.write_bytes(path, content)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        contents_read = {path.read_bytes() for _ in range(200)}
    finally:
        stop.set()
        writer.join()
    assert contents_read <= contents
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_keeps_the_old_file_and_removes_the_temporary_one(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "model.tflite"
    files.write_text(path, "Käse\n")
    with pytest.raises(error), files.replacing(path) as temporary:
        assert temporary.name.startswith(".") and temporary.suffix == ".tflite"
        temporary.write_text("half of the n")
        raise error
    assert path.read_bytes() == "Käse\n".encode()
    assert list(tmp_path.iterdir()) == [path]
